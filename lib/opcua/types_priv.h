/* The inside of opcua/types.h: types.c (what is known), types_load.c (asking), types_lay_out.c,
 * types_describe.c (asking servers of before 1.04), types_value.c. */
#pragma once

#include "opcua/dictionaries.h"
#include "opcua/type_layout.h"
#include "opcua/types.h"

struct opcua_own_type {
    struct link link;
    UA_NodeId id, encoding; /* owned; the type's ids point to the same */
    UA_DataType type;       /* memSize 0: not known yet, or never */
    char *name;
    char **names; /* of its fields */
    struct opcua_type_field *fields;
    UA_NodeId *field_types; /* of those that are still to be found; null: found */
    struct opcua_matrix_type *matrices; /* of fields that are such; NULL: none is */
    size_t field_count;
    bool described; /* the server was asked, and answered */
    bool abstract;  /* values of it are of one of its subtypes, and say so */
    bool open;      /* values of it may have objects inside that are of other types */
    bool has_matrix; /* somewhere inside, or an array of what is hollow: the stack cannot read it alone */
    bool hollow;     /* its values take no bytes on the wire, however many there are */
    size_t bytes;   /* counted in those of all */
    unsigned nested; /* structures in its place, itself counted */
    bool entered;    /* and, while it is laid out: */
    struct opcua_own_type *outer;
    size_t cursor; /* the next field */
};

/* What was asked for and refused, though it may be told later. */
struct opcua_types_refusal {
    UA_NodeId id; /* as it was asked for */
    uint64_t again_ms;
    unsigned tries;
};

/* And not one of the stack's, or a matrix. */
static inline bool opcua_own_type_is(const UA_DataType *type)
{
    return (type < UA_TYPES || type >= UA_TYPES + UA_TYPES_COUNT) && !opcua_type_is_matrix(type);
}

struct opcua_types {
    struct link link;
    unsigned refs;
    char *url;
    struct buffer spaces; /* the namespaces, one behind the other: other ones are another server, */
    UA_DateTime started;  /* and so is one that began anew: what a program describes may be other than before */
    struct loop *loop;    /* of its sessions' thread */
    struct list types;    /* of struct opcua_own_type */
    size_t count, bytes;  /* those that are being asked for with them */
    struct opcua_types_refusal refused[OPCUA_TYPES_REFUSED_MAX], dictionaries_refused;
    size_t refused_count;
    struct opcua_dictionaries *dictionaries; /* NULL: not asked for yet, or there are none */
    bool has_dictionaries;                   /* the server was asked for them, and answered */
    bool asks_dictionaries;
    struct list waiting; /* for dictionaries */
};

/* What stands in an id as text. */
size_t opcua_own_id_bytes(const UA_NodeId *id);
bool opcua_own_id_fits(const UA_NodeId *id);

/* Whether they are those of the server that the session is with now. */
bool opcua_types_are_of(const struct opcua_types *t, const struct opcua_session *s);

/* In no list yet; NULL: there are too many, or the id is too long. */
struct opcua_own_type *opcua_own_type_new(struct opcua_types *t, const UA_NodeId *id);
void opcua_own_type_free(struct opcua_types *t, struct opcua_own_type *o);
/* Counts what it is about to hold. False: that is too much for one server. */
CHECKED bool opcua_own_type_grow(struct opcua_types *t, struct opcua_own_type *o, size_t bytes);
/* By either id, the unknown ones too. */
struct opcua_own_type *opcua_own_type_find(const struct list *types, const UA_NodeId *id);
/* Those of one load, when nothing more is asked: memSize stays 0 for what cannot be read. */
void opcua_own_types_lay_out(struct list *types);

/* False: it was refused a short time ago, or there is no room for it. */
bool opcua_types_may_ask(const struct opcua_types *t, const UA_NodeId *id);
/* It is being asked for: until one of the next three, it may not be once more, if it was refused before. */
void opcua_types_asks(struct opcua_types *t, const UA_NodeId *id);
void opcua_types_asked_in_vain(struct opcua_types *t, const UA_NodeId *id); /* the connection was lost */
void opcua_types_refused(struct opcua_types *t, const UA_NodeId *id);
void opcua_types_took(struct opcua_types *t, const UA_NodeId *id); /* it was told */
bool opcua_types_may_ask_dictionaries(const struct opcua_types *t);
void opcua_types_refused_dictionaries(struct opcua_types *t);

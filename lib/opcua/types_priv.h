/* The inside of opcua/types.h: types.c (what is known), types_load.c (asking), types_describe.c (asking
 * servers of before 1.04), types_value.c. */
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
    size_t field_count;
    bool described; /* the server was asked, and answered */
    bool abstract;  /* values of it are of one of its subtypes, and say so */
    bool open;      /* values of it may have objects inside that are of other types */
};

/* And not one of the stack's. */
static inline bool opcua_own_type_is(const UA_DataType *type)
{
    return type < UA_TYPES || type >= UA_TYPES + UA_TYPES_COUNT;
}

struct opcua_types {
    struct link link;
    unsigned refs;
    char *url;
    struct buffer spaces; /* the namespaces, one behind the other: other ones are another server, */
    UA_DateTime started;  /* and so is one that began anew: what a program describes may be other than before */
    struct list types;    /* of struct opcua_own_type */
    size_t count;
    struct opcua_dictionaries *dictionaries; /* NULL: not asked for yet, or there are none */
    bool has_dictionaries;                   /* the server was asked for them, and answered */
    bool asks_dictionaries;
    struct list waiting; /* for dictionaries */
};

struct opcua_own_type *opcua_own_type_new(const UA_NodeId *id);
void opcua_own_type_free(struct opcua_own_type *o);
/* By either id, the unknown ones too. */
struct opcua_own_type *opcua_own_type_find(const struct list *types, const UA_NodeId *id);

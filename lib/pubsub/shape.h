/*
 * What the values of a data set look like, made out of its metadata once: a tree of types that
 * schemas are printed from (pubsub/schema_json.h, pubsub/schema_avro.h) and that Avro's
 * encoder goes by. Shared and immutable; on the OPC UA thread.
 */
#pragma once

#include "base/arena.h"
#include "opcua/stack.h"
#include "opcua/types.h"

enum shape_kind {
    SHAPE_ANY,         /* a variant: its type is not told, or may be another each time */
    SHAPE_BUILTIN,     /* of OPC UA Part 6, 5.1.2 */
    SHAPE_ENUMERATION, /* Int32 on the wire */
    SHAPE_STRUCTURE,
    SHAPE_UNION,  /* at most one of its fields is there: all are optional */
    SHAPE_OBJECT, /* a structure that nobody describes, or one that says itself what it is */
};

enum shape_rank { SHAPE_SCALAR, SHAPE_ARRAY, SHAPE_MATRIX };

struct shape_type {
    enum shape_kind kind;
    UA_DataTypeKind builtin; /* of BUILTIN */
    UA_NodeId id;            /* of ENUMERATION, STRUCTURE and UNION */
    struct slice name, namespace_uri;
    struct shape_field *fields; /* of STRUCTURE and UNION */
    struct slice *symbols;      /* of ENUMERATION: names of its values 0, 1, 2 …; NULL: others */
    size_t count;               /* fields or symbols */
    uint64_t mark;              /* not 0; the same for types that look alike, whatever shape they are of */
    struct shape_type *next;    /* of the same shape */
};

static inline bool shape_has_members(const struct shape_type *t)
{
    return t->kind == SHAPE_STRUCTURE || t->kind == SHAPE_UNION;
}

struct shape_field {
    struct slice name;
    struct slice head; /* "name": as in JSON; of a data set's fields alone */
    const struct shape_type *type;
    enum shape_rank rank;
    bool optional;
};

struct shape {
    unsigned references;
    struct arena arena;
    struct slice name; /* of the data set; may be empty */
    struct shape_field *fields;
    size_t count;
    struct shape_type *types; /* those with an id */
    struct shape *of;         /* whose types its fields have; NULL: its own */
    bool events;
};

/* One reference. The metadata may go afterwards. `types`: those that can be read out of their bytes,
 * others are objects; NULL: all that are described can be. */
struct shape *shape_new(const UA_DataSetMetaDataType *m, bool events,
                        const struct opcua_types *types);
/* The same, but values of that field are objects that say themselves what they are. */
struct shape *shape_loosened(struct shape *s, size_t field);
struct shape *shape_ref(struct shape *s);
void shape_unref(struct shape **s);

/* By its name in JSON, at `hint` if it is there; shape->count: there is none. */
size_t shape_find(const struct shape *s, struct slice head, size_t hint);

extern const struct shape_type shape_any;

/* Definitions out of dictionaries: names of types become ids of data types. */
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "opcua/data_type.h"
#include "opcua/dictionaries_priv.h"

struct found { /* by an id */
    uint32_t hash;
    const struct opcua_described *what;
};

struct opcua_dictionaries {
    struct opcua_described *types;
    size_t count;
    struct found *by_id; /* in the order of the hashes */
    size_t id_count;
};

/* A structure or enumeration of a document, and what the server calls it. */
struct named {
    const struct opcua_dictionary_type *type;
    UA_NodeId data_type, encoding; /* borrowed */
};

struct making {
    const struct opcua_dictionaries_parts *parts;
    struct map enumerations; /* by name: the last one of it */
    size_t *same_name;       /* of each the one before, counted from 1; 0: none */
    const struct opcua_namespaces *names;
    struct named *named; /* of all documents, one after the other */
    struct map by_name[OPCUA_DICTIONARIES_MAX];
    struct opcua_dictionaries *out;
};

/* ---- looking up ---- */

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static void index_id(struct opcua_dictionaries *d, const UA_NodeId *id,
                     const struct opcua_described *what)
{
    if (!UA_NodeId_isNull(id))
        d->by_id[d->id_count++] = (struct found){UA_NodeId_hash(id), what};
}

static void index_all(struct opcua_dictionaries *d)
{
    d->by_id = memory_new((2 * d->count + 1) * sizeof *d->by_id);
    for (size_t i = 0; i < d->count; i++) {
        index_id(d, &d->types[i].data_type, &d->types[i]);
        index_id(d, &d->types[i].encoding, &d->types[i]);
    }
    qsort(d->by_id, d->id_count, sizeof *d->by_id, compare);
}

const struct opcua_described *opcua_dictionaries_find(const struct opcua_dictionaries *d,
                                                      const UA_NodeId *id)
{
    if (d == NULL || d->id_count == 0)
        return NULL;
    uint32_t hash = UA_NodeId_hash(id);
    size_t low = 0, high = d->id_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (d->by_id[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < d->id_count && d->by_id[low].hash == hash; low++) {
        const struct opcua_described *what = d->by_id[low].what;
        if (UA_NodeId_equal(&what->data_type, id) || UA_NodeId_equal(&what->encoding, id))
            return what;
    }
    return NULL;
}

size_t opcua_dictionaries_count(const struct opcua_dictionaries *d)
{
    return d ? d->id_count : 0;
}

void opcua_dictionaries_free(struct opcua_dictionaries **dictionaries)
{
    struct opcua_dictionaries *d = *dictionaries;
    *dictionaries = NULL;
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        UA_NodeId_clear(&d->types[i].data_type);
        UA_NodeId_clear(&d->types[i].encoding);
        UA_QualifiedName_clear(&d->types[i].name);
        UA_StructureDefinition_clear(&d->types[i].definition);
    }
    free(d->types);
    free(d->by_id);
    free(d);
}

/* ---- ids of types ---- */

static uint16_t namespace_of(const struct making *m, size_t document)
{
    struct slice target = m->parts->documents[document].target;
    for (size_t i = 1; i < m->names->count; i++)
        if (slice_eq(opcua_slice(m->names->uris[i]), target))
            return (uint16_t)i;
    return m->parts->nodes[document].namespaceIndex;
}

static UA_NodeId number_of(unsigned bits)
{
    uint32_t id = bits == 8    ? UA_NS0ID_BYTE
                  : bits == 16 ? UA_NS0ID_UINT16
                  : bits == 32 ? UA_NS0ID_UINT32
                  : bits == 64 ? UA_NS0ID_UINT64
                               : 0;
    return UA_NODEID_NUMERIC(0, id);
}

/* Nothing but its name says which node stands for an enumeration. */
static UA_NodeId enumeration_of(const struct making *m, const struct opcua_dictionary_type *t,
                                uint16_t space)
{
    const UA_ReferenceDescription *all = m->parts->enumerations;
    const UA_ReferenceDescription *last = map_get(&m->enumerations, t->name);
    for (const UA_ReferenceDescription *e = last; e;) {
        if (e->browseName.namespaceIndex == space)
            return e->nodeId.nodeId;
        size_t before = m->same_name[e - all];
        e = before ? &all[before - 1] : NULL;
    }
    return last ? last->nodeId.nodeId : UA_NODEID_NUMERIC(0, UA_NS0ID_ENUMERATION);
}

static void index_enumerations(struct making *m)
{
    UA_ReferenceDescription *all = m->parts->enumerations;
    m->same_name = memory_new((m->parts->enumeration_count + 1) * sizeof *m->same_name);
    for (size_t i = 0; i < m->parts->enumeration_count; i++) {
        const UA_ReferenceDescription *before =
            map_put(&m->enumerations, opcua_slice(all[i].browseName.name), &all[i]);
        m->same_name[i] = before ? (size_t)(before - all) + 1 : 0;
    }
}

static UA_NodeId id_of(const struct making *m, const struct opcua_dictionary_type *t,
                       uint16_t space)
{
    if (t->kind != OPCUA_DICTIONARY_ENUMERATION) /* unless a description says better */
        return (UA_NodeId){space, UA_NODEIDTYPE_STRING, {.string = opcua_string_of(t->name)}};
    bool number = t->option_set || t->bits != 32;
    return number ? number_of(t->bits) : enumeration_of(m, t, space);
}

static void name_types(struct making *m)
{
    size_t at = 0;
    for (size_t i = 0; i < m->parts->count; i++) {
        const struct opcua_dictionary *d = &m->parts->documents[i];
        uint16_t space = namespace_of(m, i);
        for (size_t k = 0; k < d->count; k++, at++) {
            m->named[at] =
                (struct named){.type = &d->types[k], .data_type = id_of(m, &d->types[k], space)};
            map_put(&m->by_name[i], d->types[k].name, &m->named[at]);
        }
    }
    for (size_t i = 0; i < m->parts->description_count; i++) {
        const struct opcua_description *d = &m->parts->descriptions[i];
        struct named *n = map_get(&m->by_name[d->dictionary], opcua_slice(d->name));
        if (n == NULL || n->type->kind == OPCUA_DICTIONARY_ENUMERATION)
            continue;
        if (!UA_NodeId_isNull(&d->encoding))
            n->encoding = d->encoding;
        if (!UA_NodeId_isNull(&d->data_type))
            n->data_type = d->data_type;
    }
}

/* ---- ids of fields ---- */

static uint32_t binary_id(struct slice name)
{
    static const struct {
        const char *name;
        uint32_t id;
    } types[] = {
        {"Boolean", UA_NS0ID_BOOLEAN},
        {"SByte", UA_NS0ID_SBYTE},
        {"Byte", UA_NS0ID_BYTE},
        {"Char", UA_NS0ID_BYTE},
        {"Int16", UA_NS0ID_INT16},
        {"UInt16", UA_NS0ID_UINT16},
        {"Int32", UA_NS0ID_INT32},
        {"UInt32", UA_NS0ID_UINT32},
        {"Int64", UA_NS0ID_INT64},
        {"UInt64", UA_NS0ID_UINT64},
        {"Float", UA_NS0ID_FLOAT},
        {"Double", UA_NS0ID_DOUBLE},
        {"String", UA_NS0ID_STRING},
        {"CharArray", UA_NS0ID_STRING},
        {"DateTime", UA_NS0ID_DATETIME},
        {"Guid", UA_NS0ID_GUID},
        {"ByteString", UA_NS0ID_BYTESTRING},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_eq(name, slice_of(types[i].name)))
            return types[i].id;
    return 0;
}

/* Null: there is no such type. Borrowed. */
static UA_NodeId type_of(const struct making *m, const struct opcua_dictionary_field *f)
{
    if (slice_eq(f->uri, SLICE(OPCUA_DICTIONARY_BINARY)))
        return UA_NODEID_NUMERIC(0, binary_id(f->type));
    if (slice_eq(f->uri, SLICE(OPCUA_DICTIONARY_UA)))
        return UA_NODEID_NUMERIC(0, opcua_data_type_id(f->type));
    for (size_t i = 0; i < m->parts->count; i++) {
        bool here = slice_eq(m->parts->documents[i].target, f->uri);
        const struct named *n = here ? map_get(&m->by_name[i], f->type) : NULL;
        if (n)
            return n->data_type;
    }
    return UA_NODEID_NULL;
}

static bool put_fields(const struct making *m, const struct opcua_dictionary_type *t,
                       UA_StructureDefinition *d)
{
    d->fields = UA_Array_new(t->count, &UA_TYPES[UA_TYPES_STRUCTUREFIELD]);
    for (size_t i = 0; i < t->count; i++) {
        const struct opcua_dictionary_field *from = &t->fields[i];
        UA_NodeId id = type_of(m, from);
        UA_String name = opcua_string_of(from->name);
        UA_StructureField *f = &d->fields[d->fieldsSize++];
        UA_String_copy(&name, &f->name);
        UA_NodeId_copy(&id, &f->dataType);
        f->valueRank = from->array ? UA_VALUERANK_ONE_DIMENSION : UA_VALUERANK_SCALAR;
        f->isOptional = from->optional;
        if (UA_NodeId_isNull(&id))
            return false;
    }
    return true;
}

/* ---- definitions ---- */

static void define(struct making *m, const struct named *n, uint16_t space)
{
    const struct opcua_dictionary_type *t = n->type;
    bool is_union = t->kind == OPCUA_DICTIONARY_UNION;
    UA_StructureDefinition d;
    UA_StructureDefinition_init(&d);
    d.structureType = is_union ? UA_STRUCTURETYPE_UNION
                      : t->kind == OPCUA_DICTIONARY_OPTIONAL
                          ? UA_STRUCTURETYPE_STRUCTUREWITHOPTIONALFIELDS
                          : UA_STRUCTURETYPE_STRUCTURE;
    d.baseDataType = UA_NODEID_NUMERIC(0, is_union ? UA_NS0ID_UNION : UA_NS0ID_STRUCTURE);
    UA_NodeId_copy(&n->encoding, &d.defaultEncodingId);
    if (!put_fields(m, t, &d)) {
        UA_StructureDefinition_clear(&d);
        return;
    }
    struct opcua_described *to = &m->out->types[m->out->count++];
    UA_String name = opcua_string_of(t->name);
    to->definition = d;
    to->name.namespaceIndex = space;
    UA_String_copy(&name, &to->name.name);
    UA_NodeId_copy(&n->data_type, &to->data_type);
    UA_NodeId_copy(&n->encoding, &to->encoding);
}

struct opcua_dictionaries *opcua_dictionaries_make(const struct opcua_dictionaries_parts *parts,
                                                   const struct opcua_namespaces *names)
{
    struct making m = {
        .parts = parts, .names = names, .out = MEMORY_NEW(struct opcua_dictionaries)};
    size_t count = 0, at = 0;
    for (size_t i = 0; i < parts->count; i++)
        count += parts->documents[i].count;
    m.named = memory_new((count + 1) * sizeof *m.named);
    m.out->types = memory_new((count + 1) * sizeof *m.out->types);
    index_enumerations(&m);
    name_types(&m);
    for (size_t i = 0; i < parts->count; i++) {
        uint16_t space = namespace_of(&m, i);
        for (size_t k = 0; k < parts->documents[i].count; k++, at++)
            if (m.named[at].type->kind < OPCUA_DICTIONARY_ENUMERATION)
                define(&m, &m.named[at], space);
    }
    for (size_t i = 0; i < parts->count; i++)
        map_clear(&m.by_name[i]);
    map_clear(&m.enumerations);
    free(m.same_name);
    free(m.named);
    index_all(m.out);
    return m.out;
}

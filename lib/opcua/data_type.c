#include "opcua/data_type.h"

#include <pthread.h>
#include <stdlib.h>

/* Abstract types and the ones whose name in the stack is another than the standard's. */
static const struct named {
    uint32_t id;
    const char *name;
    size_t wire; /* in UA_TYPES */
} named[] = {
    {UA_NS0ID_STRUCTURE, "Structure", UA_TYPES_EXTENSIONOBJECT},
    {UA_NS0ID_BASEDATATYPE, "BaseDataType", UA_TYPES_VARIANT},
    {UA_NS0ID_NUMBER, "Number", UA_TYPES_VARIANT},
    {UA_NS0ID_INTEGER, "Integer", UA_TYPES_VARIANT},
    {UA_NS0ID_UINTEGER, "UInteger", UA_TYPES_VARIANT},
    {UA_NS0ID_ENUMERATION, "Enumeration", UA_TYPES_INT32},
    {UA_NS0ID_IMAGE, "Image", UA_TYPES_BYTESTRING},
    {UA_NS0ID_TRIMMEDSTRING, "TrimmedString", UA_TYPES_STRING},
    {UA_NS0ID_HANDLE, "Handle", UA_TYPES_UINT32},
};

#define NAMED_COUNT (sizeof(named) / sizeof(named[0]))

static const struct named *find_named(uint32_t id)
{
    for (size_t i = 0; i < NAMED_COUNT; i++)
        if (named[i].id == id)
            return &named[i];
    return NULL;
}

/* The stack's types by their ids: made once, then only read. */
static pthread_once_t sorted = PTHREAD_ONCE_INIT;
static const UA_DataType *by_id[UA_TYPES_COUNT];
static size_t by_id_count;

static uint32_t id_of(const void *entry)
{
    return (*(const UA_DataType *const *)entry)->typeId.identifier.numeric;
}

/* The first in the stack's order, where two have one id. */
static int compare(const void *a, const void *b)
{
    const UA_DataType *const *x = a, *const *y = b;
    if (id_of(a) != id_of(b))
        return id_of(a) < id_of(b) ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static void sort(void)
{
    for (size_t i = 0; i < UA_TYPES_COUNT; i++)
        if (UA_TYPES[i].typeId.namespaceIndex == 0)
            by_id[by_id_count++] = &UA_TYPES[i];
    qsort(by_id, by_id_count, sizeof(by_id[0]), compare);
}

static const UA_DataType *find_type(uint32_t id)
{
    size_t low = 0, high;
    pthread_once(&sorted, sort);
    for (high = by_id_count; low < high;) {
        size_t middle = (low + high) / 2;
        if (by_id[middle]->typeId.identifier.numeric < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < by_id_count && by_id[low]->typeId.identifier.numeric == id ? by_id[low] : NULL;
}

const char *opcua_data_type_name(uint32_t id)
{
    const struct named *n = find_named(id);
    if (n)
        return n->name;
    const UA_DataType *t = id ? find_type(id) : NULL;
    return t ? t->typeName : NULL;
}

uint32_t opcua_data_type_id(struct slice name)
{
    for (size_t i = 0; i < NAMED_COUNT; i++)
        if (slice_eq_nocase(name, slice_of(named[i].name)))
            return named[i].id;
    for (size_t i = 0; i < UA_TYPES_COUNT; i++)
        if (slice_eq_nocase(name, slice_of(UA_TYPES[i].typeName)))
            return UA_TYPES[i].typeId.identifier.numeric;
    return 0;
}

const UA_DataType *opcua_data_type_wire(const UA_NodeId *id)
{
    if (id->namespaceIndex != 0 || id->identifierType != UA_NODEIDTYPE_NUMERIC)
        return NULL;
    const struct named *n = find_named(id->identifier.numeric);
    if (n)
        return &UA_TYPES[n->wire];
    const UA_DataType *t = find_type(id->identifier.numeric);
    if (t && t->typeKind < UA_DATATYPEKIND_DECIMAL)
        return &UA_TYPES[t->typeKind]; /* the built-in types come first, in the order of their kinds
                                        */
    return t && t->typeKind == UA_DATATYPEKIND_ENUM ? &UA_TYPES[UA_TYPES_INT32] : t;
}

const UA_DataType *opcua_data_type_builtin(const UA_DataType *t)
{
    if (t->typeKind < UA_DATATYPEKIND_DECIMAL)
        return &UA_TYPES[t->typeKind];
    return t->typeKind == UA_DATATYPEKIND_ENUM ? &UA_TYPES[UA_TYPES_INT32]
                                               : &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
}

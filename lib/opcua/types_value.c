/* Values with structures of a server's own. */
#include "base/memory.h"
#include "opcua/types_priv.h"

#define DEPTH_MAX 16 /* of variants in variants */

static bool is_encoded(const UA_ExtensionObject *o)
{
    return o->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
}

static size_t count_of(const UA_Variant *v)
{
    return UA_Variant_isScalar(v) ? 1 : v->arrayLength;
}

static const UA_NodeId *wanted(const struct opcua_types *t, const UA_Variant *v, int depth)
{
    if (v->type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) {
        const UA_ExtensionObject *objects = v->data;
        for (size_t i = 0; i < count_of(v); i++)
            if (is_encoded(&objects[i]) &&
                !opcua_own_type_find(&t->types, &objects[i].content.encoded.typeId))
                return &objects[i].content.encoded.typeId;
    }
    if (v->type == &UA_TYPES[UA_TYPES_VARIANT] && depth < DEPTH_MAX) {
        const UA_Variant *inner = v->data;
        for (size_t i = 0; i < count_of(v); i++) {
            const UA_NodeId *id = wanted(t, &inner[i], depth + 1);
            if (id)
                return id;
        }
    }
    return NULL;
}

const UA_NodeId *opcua_types_wanted(const struct opcua_types *t, const UA_Variant *v)
{
    return t->count < OPCUA_TYPES_MAX ? wanted(t, v, 0) : NULL;
}

void *opcua_types_read(const struct opcua_types *t, const UA_ExtensionObject *o,
                       const UA_DataType **out)
{
    const UA_DataType *type =
        is_encoded(o) ? opcua_types_find(t, &o->content.encoded.typeId) : NULL;
    void *value = type ? UA_new(type) : NULL;
    if (value == NULL)
        return NULL;
    if (UA_decodeBinary(&o->content.encoded.body, value, type, NULL) != UA_STATUSCODE_GOOD) {
        UA_delete(value, type);
        return NULL;
    }
    *out = type;
    return value;
}

static void decode_object(const struct opcua_types *t, UA_ExtensionObject *o)
{
    const UA_DataType *type;
    void *value = opcua_types_read(t, o, &type);
    if (value == NULL)
        return;
    UA_ExtensionObject_clear(o);
    UA_ExtensionObject_setValue(o, value, type);
}

static void decode(const struct opcua_types *t, UA_Variant *v, int depth)
{
    if (v->storageType == UA_VARIANT_DATA_NODELETE)
        return;
    for (size_t i = 0; v->type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] && i < count_of(v); i++)
        decode_object(t, (UA_ExtensionObject *)v->data + i);
    for (size_t i = 0;
         v->type == &UA_TYPES[UA_TYPES_VARIANT] && depth < DEPTH_MAX && i < count_of(v); i++)
        decode(t, (UA_Variant *)v->data + i, depth + 1);
}

void opcua_types_decode(const struct opcua_types *t, UA_Variant *v)
{
    decode(t, v, 0);
}

/* Values with structures of a server's own. */
#include "base/memory.h"
#include "opcua/member.h"
#include "opcua/types_priv.h"

#define DEPTH_MAX 16 /* of variants and structures in each other */

static bool is_encoded(const UA_ExtensionObject *o)
{
    return o->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
}

static size_t count_of(const UA_Variant *v)
{
    return UA_Variant_isScalar(v) ? 1 : v->arrayLength;
}

static bool is_wanted(const struct opcua_types *t, const void *v, const UA_DataType *type,
                      int depth, UA_NodeId *out);

/* Nothing is inside of the others: most values are many of one of these. */
static bool may_want(const UA_DataType *type)
{
    return type->typeKind == UA_DATATYPEKIND_EXTENSIONOBJECT ||
           type->typeKind == UA_DATATYPEKIND_VARIANT ||
           (opcua_own_type_is(type) && LIST_OF(type, struct opcua_own_type, type)->open);
}

static bool is_wanted_in_any(const struct opcua_types *t, const void *at, size_t count,
                             const UA_DataType *type, int depth, UA_NodeId *out)
{
    const uint8_t *v = at;
    for (size_t i = 0; may_want(type) && i < count; i++, v += type->memSize)
        if (is_wanted(t, v, type, depth, out))
            return true;
    return false;
}

static bool is_wanted_in_member(const struct opcua_types *t, const UA_DataTypeMember *m,
                                const void *value, size_t count, int depth, UA_NodeId *out)
{
    const UA_DataType *type = opcua_member_values(m, &value, &count);
    return is_wanted_in_any(t, value, count, type, depth, out);
}

static bool is_wanted_in_members(const struct opcua_types *t, const void *v,
                                 const UA_DataType *type, int depth, UA_NodeId *out)
{
    const uint8_t *at = v;
    if (type->typeKind == UA_DATATYPEKIND_UNION) {
        uint32_t which = *(const uint32_t *)v;
        if (which == 0 || which > type->membersSize)
            return false;
        const UA_DataTypeMember *m = &type->members[which - 1];
        size_t count;
        const void *value = opcua_member_take(m, false, &at, &count);
        return is_wanted_in_member(t, m, value, count, depth, out);
    }
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        size_t count;
        const void *value = opcua_member_take(m, opcua_member_is_optional(type, m), &at, &count);
        if (value && is_wanted_in_member(t, m, value, count, depth, out))
            return true;
    }
    return false;
}

/* One that is known may have further ones inside. */
static bool is_wanted_in_object(const struct opcua_types *t, const UA_ExtensionObject *o, int depth,
                                UA_NodeId *out)
{
    const UA_DataType *type;
    if (!is_encoded(o))
        return false;
    const UA_NodeId *id = &o->content.encoded.typeId;
    const struct opcua_own_type *own = opcua_own_type_find(&t->types, id);
    if (own == NULL)
        return opcua_types_may_ask(t, id) && UA_NodeId_copy(id, out) == UA_STATUSCODE_GOOD;
    void *value = own->open ? opcua_types_read(t, o, &type) : NULL;
    bool wanted = value && is_wanted_in_members(t, value, type, depth, out);
    if (value)
        UA_delete(value, type);
    return wanted;
}

static bool is_wanted(const struct opcua_types *t, const void *v, const UA_DataType *type,
                      int depth, UA_NodeId *out)
{
    if (depth == DEPTH_MAX)
        return false;
    if (type->typeKind == UA_DATATYPEKIND_EXTENSIONOBJECT)
        return is_wanted_in_object(t, v, depth + 1, out);
    if (type->typeKind == UA_DATATYPEKIND_VARIANT) {
        const UA_Variant *inner = v;
        return inner->type && is_wanted_in_any(t, inner->data, count_of(inner), inner->type,
                                               depth + 1, out);
    }
    return may_want(type) && is_wanted_in_members(t, v, type, depth + 1, out);
}

bool opcua_types_wanted(const struct opcua_types *t, const UA_Variant *v, UA_NodeId *out)
{
    return t && t->count < OPCUA_TYPES_MAX &&
           is_wanted(t, v, &UA_TYPES[UA_TYPES_VARIANT], 0, out);
}

static bool read_bytes(const UA_ByteString *body, const UA_DataType *type, void *out)
{
    if (!LIST_OF(type, struct opcua_own_type, type)->has_matrix)
        return UA_decodeBinary(body, out, type, NULL) == UA_STATUSCODE_GOOD;
    struct buffer stack = {0};
    bool ok = opcua_matrix_from_wire(opcua_slice(*body), type, &stack) == OK &&
              UA_decodeBinary(&(UA_ByteString){stack.len, stack.at}, out, type, NULL) ==
                  UA_STATUSCODE_GOOD;
    buffer_clear(&stack);
    return ok;
}

void *opcua_types_read(const struct opcua_types *t, const UA_ExtensionObject *o,
                       const UA_DataType **out)
{
    const UA_DataType *type =
        is_encoded(o) ? opcua_types_find(t, &o->content.encoded.typeId) : NULL;
    void *value = type ? UA_new(type) : NULL;
    if (value == NULL)
        return NULL;
    if (!read_bytes(&o->content.encoded.body, type, value)) {
        UA_delete(value, type);
        return NULL;
    }
    *out = type;
    return value;
}

static bool has_matrix(const struct opcua_types *t, const UA_DataType *type)
{
    return t && opcua_own_type_is(type) && opcua_types_find(t, &type->typeId) == type &&
           LIST_OF(type, struct opcua_own_type, type)->has_matrix;
}

UA_StatusCode opcua_types_write(const struct opcua_types *t, const void *value,
                                const UA_DataType *type, UA_ByteString *out)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    UA_StatusCode status = UA_encodeBinary(value, type, &bytes);
    if (status != UA_STATUSCODE_GOOD || !has_matrix(t, type)) {
        *out = bytes;
        return status;
    }
    struct buffer wire = {0};
    status = UA_STATUSCODE_BADENCODINGERROR;
    if (opcua_matrix_to_wire(opcua_slice(bytes), type, &wire) == OK)
        status = UA_ByteString_copy(&(UA_ByteString){wire.len, wire.at}, out);
    UA_ByteString_clear(&bytes);
    buffer_clear(&wire);
    return status;
}

UA_StatusCode opcua_types_encode(const struct opcua_types *t, UA_ExtensionObject *o)
{
    UA_ByteString body = UA_BYTESTRING_NULL;
    UA_NodeId id;
    if (o->encoding < UA_EXTENSIONOBJECT_DECODED || !has_matrix(t, o->content.decoded.type))
        return UA_STATUSCODE_GOOD;
    const UA_DataType *type = o->content.decoded.type;
    UA_StatusCode status = opcua_types_write(t, o->content.decoded.data, type, &body);
    if (status == UA_STATUSCODE_GOOD)
        status = UA_NodeId_copy(&type->binaryEncodingId, &id);
    if (status != UA_STATUSCODE_GOOD) {
        UA_ByteString_clear(&body);
        return status;
    }
    UA_ExtensionObject_clear(o);
    o->encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
    o->content.encoded.typeId = id;
    o->content.encoded.body = body;
    return status;
}

/* Structures stand in a variant as objects. */
UA_StatusCode opcua_types_encode_variant(const struct opcua_types *t, UA_Variant *v)
{
    if (!v->type || !has_matrix(t, v->type))
        return UA_STATUSCODE_GOOD;
    bool scalar = UA_Variant_isScalar(v);
    size_t count = count_of(v);
    const UA_DataType *type = v->type;
    UA_ExtensionObject *objects = UA_Array_new(count, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    UA_StatusCode status = objects ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADOUTOFMEMORY;
    const uint8_t *at = v->data;
    for (size_t i = 0; i < count && status == UA_STATUSCODE_GOOD; i++, at += type->memSize) {
        objects[i].encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
        UA_NodeId_copy(&type->binaryEncodingId, &objects[i].content.encoded.typeId);
        status = opcua_types_write(t, at, type, &objects[i].content.encoded.body);
    }
    if (status != UA_STATUSCODE_GOOD) {
        UA_Array_delete(objects, count, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
        return status;
    }
    UA_Array_delete(v->data, scalar ? 1 : v->arrayLength, type);
    v->data = objects;
    v->type = &UA_TYPES[UA_TYPES_EXTENSIONOBJECT];
    return status;
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
    if (t)
        decode(t, v, 0);
}

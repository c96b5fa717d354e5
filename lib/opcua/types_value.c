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
        return is_wanted_in_any(t, value, m->isArray ? count : 1, m->memberType, depth, out);
    }
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        size_t count;
        const void *value = opcua_member_take(m, opcua_member_is_optional(type, m), &at, &count);
        if (value && is_wanted_in_any(t, value, m->isArray ? count : 1, m->memberType, depth, out))
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
    if (t)
        decode(t, v, 0);
}

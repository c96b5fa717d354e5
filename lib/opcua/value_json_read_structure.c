/* Structures and unions out of JSON, member by member. */
#include "opcua/member.h"
#include "opcua/value_json_read.h"

static bool is_absent(const struct json *v)
{
    return v == NULL || json_is(v, JSON_NULL);
}

static enum status not_a(struct opcua_reading *r, struct opcua_source s, const char *type)
{
    return opcua_read_refuse(r, s, "is not a value of type", type);
}

/* What is optional and given is a value of its own. */
static enum status read_optional(struct opcua_reading *r, const struct json *v,
                                 const UA_DataTypeMember *m, void *at)
{
    void *value = UA_new(m->memberType);
    if (value == NULL)
        return TOO_LARGE;
    *(void **)at = value;
    return opcua_read_value(r, opcua_source_of(v), m->memberType, value);
}

static enum status read_matrix(struct opcua_reading *r, const struct json *v,
                               const UA_DataTypeMember *m, bool optional, void *at)
{
    if (!optional)
        return opcua_read_matrix(r, v, m->memberType, at);
    struct opcua_matrix *matrix = UA_new(m->memberType);
    *(void **)at = matrix;
    return matrix ? opcua_read_matrix(r, v, m->memberType, matrix) : TOO_LARGE;
}

static enum status read_member(struct opcua_reading *r, const struct json *v,
                               const UA_DataTypeMember *m, bool optional, uint8_t *at)
{
    if (is_absent(v))
        return OK;
    if (opcua_type_is_matrix(m->memberType) && !m->isArray)
        return read_matrix(r, v, m, optional, at);
    if (!m->isArray)
        return optional ? read_optional(r, v, m, at)
                        : opcua_read_value(r, opcua_source_of(v), m->memberType, at);
    if (!json_is(v, JSON_ARRAY))
        return opcua_read_refuse(r, opcua_source_of(v), "is not an array, for the member",
                                 m->memberName);
    return opcua_read_array(r, v, m->memberType, (void **)(at + sizeof(size_t)), (size_t *)at);
}

static bool has_member(const UA_DataType *type, const char *name)
{
    for (size_t i = 0; i < type->membersSize; i++)
        if (slice_eq_nocase(slice_of(type->members[i].memberName), slice_of(name)))
            return true;
    return false;
}

/* As an extension object it may stand in its "Body". */
static struct opcua_source unwrap(struct opcua_source s, const UA_DataType *type)
{
    const struct json *body = json_get_nocase(s.json, "Body");
    bool wrapped = json_get_nocase(s.json, "TypeId") && json_is(body, JSON_OBJECT) &&
                   !has_member(type, "TypeId");
    return wrapped ? opcua_source_of(body) : s;
}

enum status opcua_read_structure(struct opcua_reading *r, struct opcua_source s,
                                 const UA_DataType *type, void *out)
{
    uint8_t *at = out;
    s = unwrap(s, type);
    if (!json_is(s.json, JSON_OBJECT))
        return not_a(r, s, type->typeName);
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        bool optional = opcua_member_is_optional(type, m);
        at += m->padding;
        enum status status =
            read_member(r, json_get_nocase(s.json, m->memberName), m, optional, at);
        if (status != OK)
            return status;
        at += opcua_member_size(m, optional);
    }
    return OK;
}

/* Which member is meant, from 1; 0: none. False: it says another one. */
static bool choose(const UA_DataType *type, const struct json *v, size_t *out)
{
    uint64_t number;
    *out = 0;
    if (json_u64(json_get_nocase(v, "SwitchField"), &number)) {
        *out = (size_t)number;
        return number <= type->membersSize;
    }
    for (size_t i = 0; i < type->membersSize && *out == 0; i++)
        if (!is_absent(json_get_nocase(v, type->members[i].memberName)))
            *out = i + 1;
    return *out > 0 || json_count(v) == 0;
}

enum status opcua_read_union(struct opcua_reading *r, struct opcua_source s,
                             const UA_DataType *type, void *out)
{
    s = unwrap(s, type);
    size_t which;
    if (!json_is(s.json, JSON_OBJECT) || !choose(type, s.json, &which))
        return not_a(r, s, type->typeName);
    if (which == 0)
        return OK;
    const UA_DataTypeMember *m = &type->members[which - 1];
    const struct json *value = json_get_nocase(s.json, m->memberName);
    if (value == NULL)
        value = json_get_nocase(s.json, "Value");
    *(uint32_t *)out = (uint32_t)which;
    return read_member(r, value, m, false, (uint8_t *)out + m->padding);
}

/*
 * The members of a structure, one after the other, as the stack lays them out in memory. Pure.
 */
#pragma once

#include "opcua/inline_matrix.h"

static inline bool opcua_member_is_optional(const UA_DataType *type, const UA_DataTypeMember *m)
{
    return type->typeKind == UA_DATATYPEKIND_OPTSTRUCT && m->isOptional;
}

/* Bytes that it takes in its structure. */
static inline size_t opcua_member_size(const UA_DataTypeMember *m, bool optional)
{
    if (m->isArray)
        return sizeof(size_t) + sizeof(void *);
    return optional ? sizeof(void *) : m->memberType->memSize;
}

/* The member's place, or NULL when it is optional and not there; an array's elements, *count of
 * them, UA_EMPTY_ARRAY_SENTINEL for none. *at is moved behind it; it begins at the structure. */
static inline const void *opcua_member_take(const UA_DataTypeMember *m, bool optional,
                                            const uint8_t **at, size_t *count)
{
    *at += m->padding;
    const uint8_t *here = *at;
    *at += opcua_member_size(m, optional);
    *count = 0;
    if (m->isArray) {
        *count = *(const size_t *)here;
        const void *elements = *(void *const *)(here + sizeof(size_t));
        return optional && elements == NULL ? NULL : elements ? elements : UA_EMPTY_ARRAY_SENTINEL;
    }
    return optional ? *(void *const *)here : here;
}

/* The type of the values at the place of a member that was taken: those of an array or matrix, *count of
 * them, *value becomes the first; or the one. */
static inline const UA_DataType *opcua_member_values(const UA_DataTypeMember *m, const void **value,
                                                     size_t *count)
{
    const struct opcua_matrix *matrix = *value;
    if (m->isArray)
        return m->memberType;
    *count = 1;
    if (!opcua_type_is_matrix(m->memberType))
        return m->memberType;
    *count = matrix->count;
    *value = matrix->values;
    return opcua_matrix_element(m->memberType);
}

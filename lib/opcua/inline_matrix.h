/*
 * Members of structures that are matrices (Part 6, 5.2.5): on the wire their dimensions and then
 * their values, without a count of these. The stack knows no such thing. In memory they are a
 * structure of two arrays, which the stack would write with the count; here bytes of the one kind
 * become bytes of the other. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "opcua/stack.h"

#define OPCUA_MATRIX_DIMENSIONS_MAX 32

/* A member's type, made out of its elements'. */
struct opcua_matrix_type {
    UA_DataType type; /* first: its address is that of all of it */
    UA_DataTypeMember members[2];
    int32_t rank;
};

/* What lies at such a member. Its values are as many as the product of its dimensions. */
struct opcua_matrix {
    size_t dimension_count;
    UA_Int32 *dimensions;
    size_t count;
    void *values;
};

/* `rank` is the caller's. */
void opcua_matrix_type_init(struct opcua_matrix_type *m, const UA_DataType *element);
extern const char opcua_matrix_name[];

static inline bool opcua_type_is_matrix(const UA_DataType *type)
{
    return type->typeName == opcua_matrix_name;
}

static inline const UA_DataType *opcua_matrix_element(const UA_DataType *matrix)
{
    return matrix->members[1].memberType;
}

static inline size_t opcua_matrix_rank(const UA_DataType *matrix)
{
    return (size_t)((const struct opcua_matrix_type *)(const void *)matrix)->rank;
}

/* Product of the dimensions; 0 when one is not above 0, or there are none. False: more than can be.
 */
bool opcua_matrix_count(const UA_Int32 *dimensions, size_t count, size_t *out);

/* One value of a structure that has matrices somewhere inside, of which nothing is left over.
 * Appended. */
CHECKED enum status opcua_matrix_from_wire(struct slice wire, const UA_DataType *type,
                                           struct buffer *stack);
CHECKED enum status opcua_matrix_to_wire(struct slice stack, const UA_DataType *type,
                                         struct buffer *wire);

/* Matrices out of JSON: rows in each other, or elements with their dimensions beside. */
#include "opcua/inline_matrix.h"
#include "opcua/value_json_read.h"

/* The depth of the first elements; *dimensions gets their counts. */
size_t opcua_rows_measure(const struct json *v, uint32_t dimensions[JSON_DEPTH_MAX])
{
    size_t depth = 0;
    for (; json_is(v, JSON_ARRAY) && depth < JSON_DEPTH_MAX; v = json_at(v, 0))
        dimensions[depth++] = (uint32_t)json_count(v);
    return depth;
}

static enum status fill(struct opcua_reading *r, const struct json *v, struct opcua_rows *m,
                        size_t level)
{
    if (level == m->depth) {
        enum status status = opcua_read_value(r, opcua_source_of(v), m->type, m->at);
        m->at += m->type->memSize;
        return status;
    }
    if (!json_is(v, JSON_ARRAY) || json_count(v) != m->dimensions[level])
        return opcua_read_refuse(r, opcua_source_of(v), "has another length than its neighbours in",
                                 "the matrix");
    enum status status = OK;
    struct json_walk walk = json_walk(v);
    while (status == OK && json_next(&walk))
        status = fill(r, walk.value, m, level + 1);
    return status;
}

enum status opcua_rows_count(const uint32_t *dimensions, size_t depth, size_t *count)
{
    *count = 1;
    for (size_t i = 0; i < depth; i++)
        if (__builtin_mul_overflow(*count, dimensions[i], count) ||
            *count > OPCUA_VALUE_ELEMENTS_MAX)
            return TOO_LARGE;
    return OK;
}

enum status opcua_read_rows(struct opcua_reading *r, const struct json *v, struct opcua_rows *rows)
{
    return fill(r, v, rows, 0);
}

/* ---- members of structures ---- */

static enum status refuse(struct opcua_reading *r, const struct json *v)
{
    return opcua_read_refuse(r, opcua_source_of(v), "has not the dimensions of", "the matrix");
}

/* As many as the member has; behind one that is 0, all are. */
static enum status take_dimensions(struct opcua_reading *r, const struct json *v,
                                   const uint32_t *dimensions, size_t depth, size_t rank,
                                   struct opcua_matrix *out)
{
    bool empty = depth == 0 || dimensions[depth - 1] == 0;
    if (rank > OPCUA_MATRIX_DIMENSIONS_MAX || depth > rank || (depth < rank && !empty))
        return refuse(r, v);
    out->dimensions = UA_Array_new(rank, &UA_TYPES[UA_TYPES_INT32]);
    if (out->dimensions == NULL)
        return TOO_LARGE;
    out->dimension_count = rank;
    for (size_t i = 0; i < depth; i++)
        out->dimensions[i] = (UA_Int32)dimensions[i];
    return OK;
}

static enum status read_inside(struct opcua_reading *r, const struct json *v,
                               const UA_DataType *type, size_t rank, struct opcua_matrix *out)
{
    uint32_t dimensions[JSON_DEPTH_MAX];
    size_t depth = opcua_rows_measure(v, dimensions), count;
    depth = depth < rank ? depth : rank; /* an element may be a list of bytes */
    if (!json_is(v, JSON_ARRAY))
        return refuse(r, v);
    if (opcua_rows_count(dimensions, depth, &count) != OK)
        return TOO_LARGE;
    enum status status = take_dimensions(r, v, dimensions, depth, rank, out);
    if (status != OK || count == 0)
        return status;
    out->values = UA_Array_new(count, type);
    if (out->values == NULL)
        return TOO_LARGE;
    out->count = count;
    return opcua_read_rows(r, v, &(struct opcua_rows){type, out->values, dimensions, depth});
}

static enum status read_beside(struct opcua_reading *r, const struct json *v,
                               const UA_DataType *type, size_t rank, struct opcua_matrix *out)
{
    const struct json *list = json_get_nocase(v, "Dimensions");
    uint32_t dimensions[JSON_DEPTH_MAX];
    size_t depth = 0, count;
    for (struct json_walk walk = json_walk(list); depth < JSON_DEPTH_MAX && json_next(&walk);) {
        uint64_t n;
        if (!json_u64(walk.value, &n) || n > OPCUA_VALUE_ELEMENTS_MAX)
            return refuse(r, v);
        dimensions[depth++] = (uint32_t)n;
    }
    if (opcua_rows_count(dimensions, depth, &count) != OK)
        return TOO_LARGE;
    const struct json *array = json_get_nocase(v, "Array");
    count = depth > 0 ? count : 0;
    if (json_count(array) != count)
        return refuse(r, v);
    enum status status = take_dimensions(r, v, dimensions, depth, rank, out);
    return status != OK || count == 0 ? status
                                      : opcua_read_array(r, array, type, &out->values, &out->count);
}

enum status opcua_read_matrix(struct opcua_reading *r, const struct json *v,
                              const UA_DataType *type, struct opcua_matrix *out)
{
    size_t rank = opcua_matrix_rank(type);
    type = opcua_matrix_element(type);
    return json_is(v, JSON_OBJECT) ? read_beside(r, v, type, rank, out)
                                   : read_inside(r, v, type, rank, out);
}

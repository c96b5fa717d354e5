/*
 * Inside value_json_read.c and value_json_read_builtin.c: one value out of JSON, or out of a text
 * in it.
 */
#pragma once

#include "opcua/value_json.h"

struct opcua_reading {
    const struct opcua_namespaces *names;
    struct buffer *why; /* may be NULL */
    size_t elements;    /* read so far, all arrays together */
};

/* What is read: a JSON value, or a text out of one ("1,2,3"). */
struct opcua_source {
    const struct json *json; /* NULL: the text */
    struct slice text;
    bool is_text;
};

static inline struct opcua_source opcua_source_of(const struct json *v)
{
    bool text = json_is(v, JSON_STRING);
    return (struct opcua_source){v, text ? json_string(v) : (struct slice){0}, text};
}

static inline struct opcua_source opcua_source_of_text(struct slice text)
{
    return (struct opcua_source){NULL, text, true};
}

/* Into zeroed memory of the type. When it is refused, what was taken is cleared by who clears the
 * memory. */
typedef enum status opcua_read_fn(struct opcua_reading *r, struct opcua_source s, void *out);

/* The built-in types without an inside, by their kind; NULL for the others. */
extern opcua_read_fn *const opcua_read_builtin[UA_DATATYPEKINDS];

/* Into zeroed memory. When it is refused, what was taken is cleared by who clears the memory. */
enum status opcua_read_value(struct opcua_reading *r, struct opcua_source s,
                             const UA_DataType *type, void *out);
/* Into fresh memory of *count elements; cleared again when one of them is refused. */
enum status opcua_read_array(struct opcua_reading *r, const struct json *v, const UA_DataType *type,
                             void **out, size_t *count);

/* ---- value_json_read_matrix.c ---- */

/* Where the elements of rows in each other go. */
struct opcua_rows {
    const UA_DataType *type;
    uint8_t *at;
    const uint32_t *dimensions;
    size_t depth;
};

/* The depth of the first elements; *dimensions gets their counts. */
size_t opcua_rows_measure(const struct json *v, uint32_t dimensions[JSON_DEPTH_MAX]);
enum status opcua_rows_count(const uint32_t *dimensions, size_t depth, size_t *count);
enum status opcua_read_rows(struct opcua_reading *r, const struct json *v, struct opcua_rows *rows);

struct opcua_matrix;
/* A member of the matrix type `type`, into zeroed memory. */
enum status opcua_read_matrix(struct opcua_reading *r, const struct json *v, const UA_DataType *type,
                              struct opcua_matrix *out);

/* ---- value_json_read_structure.c ---- */

enum status opcua_read_structure(struct opcua_reading *r, struct opcua_source s,
                                 const UA_DataType *type, void *out);
/* {"member":…}, or by number: {"SwitchField":2,"member":…}; null chooses nothing. */
enum status opcua_read_union(struct opcua_reading *r, struct opcua_source s,
                             const UA_DataType *type, void *out);

/* BAD_ARGUMENT, and says `'…' what type.` */
enum status opcua_read_refuse(struct opcua_reading *r, struct opcua_source s, const char *what,
                              const char *type);
void opcua_read_show(struct opcua_source s, struct buffer *out);
enum status opcua_read_text(struct slice text, UA_String *out);

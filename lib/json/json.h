/*
 * Reading JSON (RFC 8259). A document owns its values; slices and values live as long as it does. Every
 * accessor takes NULL and values of another type and gives its "nothing" for them, so a reader asks
 * in a straight line and checks once.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

struct json_doc;
struct json; /* a value in a document */

enum json_type { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_DEPTH_MAX 64

struct json_error {
    const char *what;   /* a static text */
    size_t at;          /* byte offset */
    unsigned line, column; /* from 1 */
};

enum json_flavour {
    JSON_STRICT,
    JSON_CONFIG, /* comments and trailing commas, for files that people write; duplicate names are errors in both */
    JSON_LAX,    /* the same, and a name may stand twice: who reads it says what that means */
};

/* Copies what it needs. BAD_FORMAT fills *error (may be NULL). */
CHECKED enum status json_parse(struct slice text, enum json_flavour flavour, struct json_doc **out,
                               struct json_error *error);
void json_free(struct json_doc **doc);
const struct json *json_root(const struct json_doc *doc);

enum json_type json_type(const struct json *v); /* JSON_NONE for NULL */
static inline bool json_is(const struct json *v, enum json_type type)
{
    return json_type(v) == type;
}

/* Members and elements; NULL when absent. */
const struct json *json_get(const struct json *object, const char *name);
const struct json *json_get_slice(const struct json *object, struct slice name);
const struct json *json_get_nocase(const struct json *object, const char *name); /* exact match first */
const struct json *json_at(const struct json *array, size_t index); /* linear; walk with json_next */
size_t json_count(const struct json *container);

/* Walks members (name set) or elements (name empty): start with a zeroed json_walk. False at the end. */
struct json_walk {
    const struct json *container, *next;
    size_t left;
    struct slice name;
    const struct json *value;
};
struct json_walk json_walk(const struct json *container);
bool json_next(struct json_walk *w);

struct slice json_string(const struct json *v); /* empty unless a string */
bool json_bool(const struct json *v, bool otherwise);
double json_double(const struct json *v, double otherwise);
/* Whole numbers within the type; 1.0 counts as one. */
bool json_i64(const struct json *v, int64_t *out);
bool json_u64(const struct json *v, uint64_t *out);
/* How the number stands in the text: integers that fit, or doubles. */
bool json_number_is_integer(const struct json *v);

/* Of a name that stands twice in one object, anywhere in the value, the second one's value; or NULL. */
const struct json *json_twice(const struct json *v);

/* The same JSON value: members in any order. */
bool json_equal(const struct json *a, const struct json *b);

/* Where a value began in the text, for messages about files: not for documents parsed as JSON_STRICT. False when unknown. */
bool json_where(const struct json_doc *doc, const struct json *v, unsigned *line, unsigned *column);
/* It is unknown from now on, and the text's memory free. */
void json_forget_text(struct json_doc *doc);

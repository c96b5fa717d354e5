/*
 * How an object of publishednodes.json is read: a table of its members, and findings about what is
 * wrong. For config.c, which has the tables.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "publisher/config.h"

enum field_kind {
    FIELD_TEXT,      /* struct slice */
    FIELD_FLAG,      /* int, enum tristate */
    FIELD_NUMBER,    /* int64_t, not negative */
    FIELD_DECIMAL,   /* double */
    FIELD_MS,        /* int64_t, milliseconds */
    FIELD_SECONDS,   /* int64_t, from seconds */
    FIELD_SPAN,      /* int64_t, from "[d.]hh:mm:ss[.f]"; stands after its sibling, and beats it */
    FIELD_WORD,      /* int, one of `words` */
    FIELD_VALUE,     /* const struct json * */
    FIELD_NODES,     /* read elsewhere */
    FIELD_KNOWN,     /* of no consequence here */
    FIELD_NOT_BUILT, /* changes what is sent, and is not built: a hint when it is used */
};

struct word {
    const char *name;
    int value;
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    const struct word *words;
};

struct fields {
    const struct field *at;
    size_t count;
};

/* False when a member is wrong; the findings say which. */
bool config_fields_read(struct config *c, const struct json *object, struct fields fields,
                        void *into);

/* Says something about a value of the file; `refused`: what it stands in is left out. */
void config_find(struct config *c, const struct json *at, struct slice field, bool refused,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void config_find_at(struct config *c, unsigned line, unsigned column, struct slice field,
                    bool refused, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

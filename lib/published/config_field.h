/*
 * How an object of publishednodes.json is read: a table of its members, and findings about what is
 * wrong. The same table says which members make a data set the same one (config_key.h) and becomes
 * the file's schema (config_schema.h).
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "published/config.h"

enum field_kind {
    FIELD_TEXT,    /* struct slice */
    FIELD_GUID,    /* struct slice; zeros are as good as absent */
    FIELD_FLAG,    /* int, enum tristate */
    FIELD_NUMBER,  /* int64_t, 0 to `max` */
    FIELD_DECIMAL, /* double, not negative */
    FIELD_MS,      /* int64_t, milliseconds */
    FIELD_SECONDS, /* int64_t, milliseconds, from seconds */
    FIELD_SPAN,    /* int64_t, milliseconds, from "[d.]hh:mm:ss[.f]"; beats its sibling */
    FIELD_WORD,    /* int, one of `words` */
    FIELD_OBJECT,  /* const struct json *; its members are those of `inside`, or any */
    FIELD_FILTER,  /* the same, or a text */
    FIELD_TEXTS,   /* const struct json *, an array of texts */
    FIELD_NODES,   /* const struct json *, an array of nodes, read elsewhere */
    FIELD_VALUE,   /* const struct json *, of any kind */
    FIELD_SHAPE,   /* nothing is kept: an object with the members of `inside` */
    FIELD_SHAPES,  /* nothing is kept: an array of such objects */
    FIELD_ANY,     /* nothing is kept */
};

struct word {
    const char *name;
    int value;
    const char *why; /* what to do instead: known, and refused; else NULL */
};

/* What a member takes part in. */
enum field_part {
    OF_NOTHING,     /* is another spelling, or of no consequence */
    OF_GROUP,       /* entries with another value are another writer group */
    OF_WRITER,      /* … another data set writer */
    OF_GROUP_TOLD,  /* the first entry of a group decides; another value makes it start anew */
    OF_WRITER_TOLD, /* the same of a writer */
    OF_NODE,        /* nodes with another value are another node */
};

struct fields;

struct field {
    const char *name;
    enum field_kind kind;
    enum field_part part;
    size_t offset;
    const struct word *words;
    const struct fields *inside;
    int64_t max; /* 0: what fits into 32 bits */
    const char *help;
};

struct fields {
    const struct field *at;
    size_t count;
};

/* False when a member is wrong; the findings say which. */
bool config_fields_read(struct config *c, const struct json *object, const struct fields *fields,
                        void *into);

/* The row of a name, in any case; NULL. */
const struct field *config_field(const struct fields *fields, struct slice name);

/* Says something about a value of the file; `refused`: what it stands in is left out. */
void config_find(struct config *c, const struct json *at, struct slice field, bool refused,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
void config_find_at(struct config *c, unsigned line, unsigned column, struct slice field,
                    bool refused, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

/*
 * IoT Hub's query language: text to a tree, in an arena. Pure. The tree lives as long as the arena
 * and the text. Whole queries (`SELECT … FROM devices …`), bare conditions (routes), and conditions
 * with a target (configurations, jobs) are one grammar.
 *
 * Keywords and functions are in any case; names are kept as they are written. A name that is no
 * word, or is a keyword, stands in [[ ]]. `{$name}` is a message's system property even if an
 * application property has the same name.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "iot/value.h"

#define IOT_QUERY_TEXT_MAX 8192
#define IOT_QUERY_DEPTH_MAX 64 /* of one thing in the other; chains of AND and OR count as one */
#define IOT_QUERY_TOP_MAX 1000000000

/* One step of `tags.floors[2].name`. */
struct iot_query_step {
    struct slice name; /* empty for an index */
    size_t index;
};

struct iot_query_path {
    const struct iot_query_step *steps;
    size_t count;
    size_t at;   /* its position in the text, from 1 */
    bool system; /* written in { } */
};

enum iot_query_kind {
    IOT_QUERY_LITERAL,
    IOT_QUERY_PATH,
    IOT_QUERY_ARRAY, /* arguments are its elements */
    IOT_QUERY_CALL,
    IOT_QUERY_OR, /* two arguments or more, as AND */
    IOT_QUERY_AND,
    IOT_QUERY_NOT,
    IOT_QUERY_EQ,
    IOT_QUERY_NE,
    IOT_QUERY_LT,
    IOT_QUERY_LE,
    IOT_QUERY_GT,
    IOT_QUERY_GE,
    IOT_QUERY_IN, /* the second argument is an array or a path */
    IOT_QUERY_NIN,
    IOT_QUERY_ADD,
    IOT_QUERY_SUBTRACT,
    IOT_QUERY_MULTIPLY,
    IOT_QUERY_DIVIDE,
    IOT_QUERY_MODULO,
    IOT_QUERY_NEGATE,
};

struct iot_query_function; /* query_functions.h */

struct iot_query_expr {
    enum iot_query_kind kind;
    unsigned depth;
    struct iot_value value;     /* LITERAL */
    struct iot_query_path path; /* PATH */
    const struct iot_query_function *function;
    const struct iot_query_expr *const *args;
    size_t arg_count;
};

enum iot_query_source { IOT_QUERY_DEVICES, IOT_QUERY_MODULES, IOT_QUERY_JOBS };

enum iot_query_aggregate {
    IOT_QUERY_PLAIN, /* none: the value itself */
    IOT_QUERY_COUNT,
    IOT_QUERY_AVG,
    IOT_QUERY_SUM,
    IOT_QUERY_MIN,
    IOT_QUERY_MAX,
};

struct iot_query_item {
    enum iot_query_aggregate aggregate;
    struct iot_query_path path; /* no steps: COUNT() */
    struct slice name;          /* the alias, or the path's last name, or "$1" and so on */
};

struct iot_query {
    enum iot_query_source source;
    size_t top; /* 0: none */
    const struct iot_query_item *items;
    size_t item_count;                  /* 0: * */
    bool aggregates;                    /* one row for each group, not for each document */
    const struct iot_query_expr *where; /* NULL: all */
    const struct iot_query_path *groups;
    size_t group_count;
};

/*
 * BAD_ARGUMENT: *why, in the arena, says where and what was expected: "position 15: expected FROM,
 * found 'devices'". Paths have lost the source's name or alias: `devices.jobs.status` is `status`.
 */
CHECKED enum status iot_query_parse(struct slice text, struct arena *a, struct iot_query *out,
                                    const char **why);

/* A bare condition. */
CHECKED enum status iot_query_parse_condition(struct slice text, struct arena *a,
                                              const struct iot_query_expr **out, const char **why);

/* Whom a configuration or job is for: `*`, a condition on devices, or
 * `FROM devices.modules [WHERE condition]`. */
CHECKED enum status iot_query_parse_target(struct slice text, struct arena *a,
                                           struct iot_query *out, const char **why);

/* "tags.floors[2].name", for a person. */
const char *iot_query_path_text(struct arena *a, const struct iot_query_path *p);

/* Step by step, letter by letter. */
bool iot_query_path_same(const struct iot_query_path *a, const struct iot_query_path *b);

/*
 * The functions of the query language, by name. Pure: values in, a value out. What has no answer (a
 * text where a number belongs, the root of -1) is undefined.
 */
#pragma once

#include "base/arena.h"
#include "iot/value.h"

/* A text that a function makes is no longer; else it is undefined. */
#define IOT_QUERY_MADE_TEXT_MAX (256u << 10)

struct iot_query_function {
    const char *name;
    size_t least, most; /* arguments */
    struct iot_value (*run)(struct arena *a, const struct iot_value *args, size_t count);
};

/* NULL when there is none; any case. */
const struct iot_query_function *iot_query_function(struct slice name);

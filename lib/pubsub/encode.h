/*
 * The hot path of the encoding: a good scalar value with its times, in one piece. What it does not
 * know (arrays, bad values, texts) it leaves to opcua/value_json.h, and writes
 * the same bytes for what it knows.
 */
#pragma once

#include "opcua/value_json.h"

/* Values of one notification mostly have times within one second, and those of one cycle have the same:
 * the last one's text is kept. */
struct encode_time {
    UA_DateTime time;
    uint64_t second;
    char text[21]; /* "2026-11-23T07:03:00. with its opening quote */
    char ticks[9]; /* 1234567Z and the closing one */
};

struct encode_clock { /* `{0}` to begin with */
    struct encode_time source, server;
};

#define ENCODE_VALUE_MAX 192 /* bytes of one such value */

/* Appends the data value's JSON. */
void encode_data_value(const UA_DataValue *v, unsigned fields, const struct opcua_value_form *form,
                       struct encode_clock *clock, struct buffer *out);

/*
 * A value in a query or a routing condition: JSON's kinds, and "undefined" for what is not there.
 * Pure. Texts and JSON belong to the document or arena that they came from.
 */
#pragma once

#include "base/slice.h"
#include "json/write.h"

enum iot_value_type {
    IOT_VALUE_UNDEFINED,
    IOT_VALUE_NULL,
    IOT_VALUE_BOOL,
    IOT_VALUE_NUMBER,
    IOT_VALUE_STRING,
    IOT_VALUE_ARRAY,
    IOT_VALUE_OBJECT,
};

struct iot_value {
    enum iot_value_type type;
    bool boolean;
    double number;
    struct slice text;
    const struct json *json; /* of an array or object out of a document */
};

static inline struct iot_value iot_value_undefined(void)
{
    return (struct iot_value){.type = IOT_VALUE_UNDEFINED};
}

static inline struct iot_value iot_value_bool(bool v)
{
    return (struct iot_value){.type = IOT_VALUE_BOOL, .boolean = v};
}

static inline struct iot_value iot_value_string(struct slice v)
{
    return (struct iot_value){.type = IOT_VALUE_STRING, .text = v};
}

/* Undefined for what is no number: NaN and the infinities. */
struct iot_value iot_value_number(double v);
struct iot_value iot_value_json(const struct json *v); /* NULL is undefined */

static inline bool iot_value_is_true(struct iot_value v)
{
    return v.type == IOT_VALUE_BOOL && v.boolean;
}

/* How two values of one primitive type stand to each other: below 0, 0, above 0. False when they
 * cannot be compared: two types, an array, an object, something undefined. */
bool iot_value_compare(struct iot_value a, struct iot_value b, int *order);

/* An order over all values, for MIN and MAX: by type first, as they are listed above. */
int iot_value_order(struct iot_value a, struct iot_value b);

/* Nothing at all for undefined: the caller leaves the member out. */
void iot_value_put(struct iot_value v, struct json_writer *w);

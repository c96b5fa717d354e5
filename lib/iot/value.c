#include "iot/value.h"

#include <math.h>

#include "json/json.h"

#define INTEGER_MAX 9007199254740992.0 /* up to here a double has every whole number */

struct iot_value iot_value_number(double v)
{
    if (!isfinite(v))
        return iot_value_undefined();
    return (struct iot_value){.type = IOT_VALUE_NUMBER, .number = v};
}

struct iot_value iot_value_json(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        return (struct iot_value){.type = IOT_VALUE_NULL};
    case JSON_BOOL:
        return iot_value_bool(json_bool(v, false));
    case JSON_NUMBER:
        return iot_value_number(json_double(v, 0));
    case JSON_STRING:
        return iot_value_string(json_string(v));
    case JSON_ARRAY:
        return (struct iot_value){.type = IOT_VALUE_ARRAY, .json = v};
    case JSON_OBJECT:
        return (struct iot_value){.type = IOT_VALUE_OBJECT, .json = v};
    default:
        return iot_value_undefined();
    }
}

/* By bytes, which for UTF-8 is by code points. */
static int compare_texts(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool iot_value_compare(struct iot_value a, struct iot_value b, int *order)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case IOT_VALUE_NULL:
        *order = 0;
        return true;
    case IOT_VALUE_BOOL:
        *order = a.boolean - b.boolean;
        return true;
    case IOT_VALUE_NUMBER:
        *order = (a.number > b.number) - (a.number < b.number);
        return true;
    case IOT_VALUE_STRING:
        *order = compare_texts(a.text, b.text);
        return true;
    default:
        return false;
    }
}

int iot_value_order(struct iot_value a, struct iot_value b)
{
    int order = 0;
    if (a.type != b.type)
        return a.type < b.type ? -1 : 1;
    return iot_value_compare(a, b, &order) ? order : 0;
}

void iot_value_put(struct iot_value v, struct json_writer *w)
{
    switch (v.type) {
    case IOT_VALUE_UNDEFINED:
        break;
    case IOT_VALUE_NULL:
        json_put_null(w);
        break;
    case IOT_VALUE_BOOL:
        json_put_bool(w, v.boolean);
        break;
    case IOT_VALUE_NUMBER:
        if (fabs(v.number) <= INTEGER_MAX && v.number == floor(v.number))
            json_put_i64(w, (int64_t)v.number);
        else
            json_put_double(w, v.number);
        break;
    case IOT_VALUE_STRING:
        json_put_string(w, v.text);
        break;
    case IOT_VALUE_ARRAY:
    case IOT_VALUE_OBJECT:
        json_put_value(w, v.json);
        break;
    }
}

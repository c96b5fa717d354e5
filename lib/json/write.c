#include "json/write.h"

#include <math.h>

#include "base/clock.h"

struct json_writer json_writer(struct buffer *out)
{
    return (struct json_writer){.out = out};
}

static void before_value(struct json_writer *w)
{
    if (w->comma)
        buffer_u8(w->out, ',');
    w->comma = true;
}

static void open(struct json_writer *w, uint8_t bracket)
{
    before_value(w);
    buffer_u8(w->out, bracket);
    w->comma = false;
}

static void end(struct json_writer *w, uint8_t bracket)
{
    buffer_u8(w->out, bracket);
    w->comma = true;
}

void json_object(struct json_writer *w)
{
    open(w, '{');
}

void json_end_object(struct json_writer *w)
{
    end(w, '}');
}

void json_array(struct json_writer *w)
{
    open(w, '[');
}

void json_end_array(struct json_writer *w)
{
    end(w, ']');
}

void json_name(struct json_writer *w, const char *name)
{
    json_name_slice(w, slice_of(name));
}

void json_name_slice(struct json_writer *w, struct slice name)
{
    before_value(w);
    json_escape(w->out, name);
    buffer_u8(w->out, ':');
    w->comma = false;
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, SLICE("null"));
}

void json_put_bool(struct json_writer *w, bool v)
{
    json_put_raw(w, v ? SLICE("true") : SLICE("false"));
}

void json_put_u64(struct json_writer *w, uint64_t v)
{
    uint8_t digits[20], *at = digits + sizeof(digits);
    do
        *--at = (uint8_t)('0' + v % 10);
    while (v /= 10);
    json_put_raw(w, slice_from(at, (size_t)(digits + sizeof(digits) - at)));
}

void json_put_i64(struct json_writer *w, int64_t v)
{
    if (v >= 0) {
        json_put_u64(w, (uint64_t)v);
        return;
    }
    before_value(w);
    buffer_u8(w->out, '-');
    w->comma = false;
    json_put_u64(w, 0 - (uint64_t)v);
}

void json_put_double(struct json_writer *w, double v)
{
    if (isnan(v)) {
        json_put_text(w, "NaN");
    } else if (isinf(v)) {
        json_put_text(w, v < 0 ? "-Infinity" : "Infinity");
    } else {
        char text[32];
        json_put_raw(w, slice_from(text, json_print_double(v, text)));
    }
}

void json_put_string(struct json_writer *w, struct slice v)
{
    before_value(w);
    json_escape(w->out, v);
}

void json_put_text(struct json_writer *w, const char *v)
{
    json_put_string(w, slice_of(v));
}

static void put_container(struct json_writer *w, const struct json *v)
{
    bool object = json_is(v, JSON_OBJECT);
    open(w, object ? '{' : '[');
    for (struct json_walk m = json_walk(v); json_next(&m);) {
        if (object)
            json_name_slice(w, m.name);
        json_put_value(w, m.value); /* as deep as JSON_DEPTH_MAX */
    }
    end(w, object ? '}' : ']');
}

static void put_number(struct json_writer *w, const struct json *v)
{
    int64_t i;
    uint64_t u;
    if (!json_number_is_integer(v))
        json_put_double(w, json_double(v, 0));
    else if (json_i64(v, &i))
        json_put_i64(w, i);
    else if (json_u64(v, &u))
        json_put_u64(w, u);
}

void json_put_value(struct json_writer *w, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_BOOL:
        json_put_bool(w, json_bool(v, false));
        break;
    case JSON_NUMBER:
        put_number(w, v);
        break;
    case JSON_STRING:
        json_put_string(w, json_string(v));
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        put_container(w, v);
        break;
    default:
        json_put_null(w);
    }
}

void json_put_raw(struct json_writer *w, struct slice json)
{
    before_value(w);
    buffer_put(w->out, json);
}

void json_put_time(struct json_writer *w, uint64_t wall_ms)
{
    char text[CLOCK_ISO8601_MAX];
    json_put_string(w, slice_from(text, clock_iso8601(wall_ms, text)));
}

void json_member(struct json_writer *w, const char *name, struct slice v)
{
    if (v.len == 0)
        return;
    json_name(w, name);
    json_put_string(w, v);
}

#include "iot/error.h"

#include <stdio.h>

#include "base/clock.h"
#include "json/write.h"

/* "05/17/2026 08:30:12", as .NET prints a date for nobody in particular. */
static void put_american_time(struct buffer *out, uint64_t wall_ms)
{
    char iso[CLOCK_ISO8601_MAX];
    size_t len = clock_iso8601(wall_ms, iso);
    if (len >= 19)
        buffer_printf(out, "%.2s/%.2s/%.4s %.8s", iso + 5, iso + 8, iso, iso + 11);
}

static void put_rest_shape(struct slice message, struct slice exception, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "Message"), json_put_string(&w, message);
    json_name(&w, "ExceptionMessage"), json_put_string(&w, exception);
    json_end_object(&w);
}

void iot_error_body(const struct iot_error *e, struct buffer *out)
{
    struct buffer message = {0}, exception = {0};
    buffer_printf(&message, "ErrorCode:%s;", e->wire->name);
    buffer_put(&message, e->text);
    buffer_printf(&exception, "Tracking ID:%.*s-G:0-TimeStamp:", SLICE_FMT(e->call_id));
    put_american_time(&exception, e->wall_ms);
    put_rest_shape(buffer_slice(&message), buffer_slice(&exception), out);
    buffer_clear(&message);
    buffer_clear(&exception);
}

static void put_code_shape(const struct iot_error *e, struct slice info, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "errorCode"), json_put_i64(&w, e->wire->code);
    json_name(&w, "trackingId"), json_put_string(&w, e->call_id);
    json_name(&w, "message"), json_put_string(&w, e->text);
    if (info.len)
        json_name(&w, "info"), json_put_raw(&w, info);
    json_name(&w, "timestampUtc"), json_put_time(&w, e->wall_ms);
    json_end_object(&w);
}

void iot_error_method_body(const struct iot_error *e, uint64_t waited_ms, struct buffer *out)
{
    unsigned seconds = (unsigned)(waited_ms / 1000 % 86400);
    char info[48];
    snprintf(info, sizeof(info), "{\"timeout\":\"%02u:%02u:%02u\"}", seconds / 3600,
             seconds / 60 % 60, seconds % 60);
    struct buffer inner = {0};
    put_code_shape(e, slice_of(info), &inner);
    put_rest_shape(buffer_slice(&inner), (struct slice){0}, out);
    buffer_clear(&inner);
}

void iot_error_twin_body(const struct iot_error *e, struct buffer *out)
{
    put_code_shape(e, (struct slice){0}, out);
}

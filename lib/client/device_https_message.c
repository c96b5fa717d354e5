#include "client/device_https_message.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "mqtt/text.h"

/* clang-format off */
static const struct text {
    const char *name;
    size_t offset; /* of the slice in struct iot_message */
} texts[] = {
    {"iothub-userid",          offsetof(struct iot_message, user_id)},
    {"iothub-to",              offsetof(struct iot_message, to)},
    {"iothub-contenttype",     offsetof(struct iot_message, content_type)},
    {"iothub-contentencoding", offsetof(struct iot_message, content_encoding)},
    {"iothub-outputname",      offsetof(struct iot_message, output)},
    {"iothub-interface-id",    offsetof(struct iot_message, interface_id)},
    {"dt-subject",             offsetof(struct iot_message, subject)},
    {"dt-dataschema",          offsetof(struct iot_message, schema)},
};
/* What answers call some of them. */
static const struct text answers[] = {
    {"iothub-messageid",       offsetof(struct iot_message, message_id)},
    {"iothub-correlationid",   offsetof(struct iot_message, correlation_id)},
    {"iothub-userid",          offsetof(struct iot_message, user_id)},
    {"iothub-to",              offsetof(struct iot_message, to)},
    {"iothub-contenttype",     offsetof(struct iot_message, content_type)},
    {"iothub-contentencoding", offsetof(struct iot_message, content_encoding)},
    {"contenttype",            offsetof(struct iot_message, content_type)},
    {"contentencoding",        offsetof(struct iot_message, content_encoding)},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OWN_MAX (COUNT(texts) + 4) /* ids and times, too */

static const struct slice app = SLICE_INIT("iothub-app-");

/* ---- writing ---- */

static size_t property_count(struct slice list)
{
    struct slice name, value;
    size_t n = 0;
    while (iot_property_next(&list, &name, &value))
        n++;
    return n;
}

static struct slice id_text(struct slice id, uint8_t type, struct arena *a)
{
    struct buffer b = {0};
    iot_message_id_print(id, type, &b);
    struct slice text = arena_copy(a, buffer_slice(&b));
    buffer_clear(&b);
    return text;
}

static struct slice time_text(uint64_t wall_ms, struct arena *a)
{
    char text[CLOCK_ISO8601_MAX];
    return arena_copy(a, slice_from(text, clock_iso8601(wall_ms, text)));
}

struct rest_field *device_https_fields(const struct iot_message *m, struct arena *a, size_t *count)
{
    struct slice list = m->properties, name, value;
    struct rest_field *fields = arena_take(a, (OWN_MAX + property_count(list)) * sizeof(*fields));
    size_t n = 0;
    if (m->message_id.len)
        fields[n++] = (struct rest_field){SLICE("iothub-messageid"),
                                          id_text(m->message_id, m->message_id_type, a)};
    if (m->correlation_id.len)
        fields[n++] = (struct rest_field){SLICE("iothub-correlationid"),
                                          id_text(m->correlation_id, m->correlation_id_type, a)};
    if (m->expiry_ms)
        fields[n++] = (struct rest_field){SLICE("iothub-expiry"), time_text(m->expiry_ms, a)};
    if (m->creation_ms)
        fields[n++] =
            (struct rest_field){SLICE("iothub-creation-time-utc"), time_text(m->creation_ms, a)};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct slice text = *(const struct slice *)((const char *)m + texts[i].offset);
        if (text.len)
            fields[n++] = (struct rest_field){slice_of(texts[i].name), text};
    }
    while (iot_property_next(&list, &name, &value))
        fields[n++] = (struct rest_field){
            slice_of(arena_printf(a, "%.*s%.*s", SLICE_FMT(app), SLICE_FMT(name))), value};
    *count = n;
    return fields;
}

static bool is_printable(struct slice s, bool is_name)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < 0x20 + is_name || s.at[i] > 0x7e || (is_name && s.at[i] == ':'))
            return false;
    return true;
}

bool device_https_fields_ok(const struct rest_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_printable(fields[i].name, true) || !is_printable(fields[i].value, false))
            return false;
    return true;
}

void device_https_item(struct json_writer *w, const struct iot_message *m, struct arena *a)
{
    size_t count;
    struct rest_field *fields = device_https_fields(m, a, &count);
    struct buffer base64 = {0};
    bool text = m->body.len > DEVICE_HTTPS_BATCH_BYTES && mqtt_text_ok(m->body);
    if (!text)
        base64_encode(m->body, &base64);
    json_object(w);
    json_name(w, "body"), json_put_string(w, text ? m->body : buffer_slice(&base64));
    json_name(w, "base64Encoded"), json_put_bool(w, !text);
    json_name(w, "properties"), json_object(w);
    for (size_t i = 0; i < count; i++)
        json_name_slice(w, fields[i].name), json_put_string(w, fields[i].value);
    json_end_object(w);
    json_end_object(w);
    buffer_clear(&base64);
}

/* ---- reading ---- */

static void take_field(struct slice name, struct slice value, struct buffer *properties,
                       struct iot_message *m, struct slice *lock)
{
    for (size_t i = 0; i < COUNT(answers); i++)
        if (slice_eq_nocase(name, slice_of(answers[i].name)))
            *(struct slice *)((char *)m + answers[i].offset) = value;
    if (slice_eq_nocase(slice_first(name, app.len), app) && name.len > app.len)
        (void)iot_property_put(properties, slice_skip(name, app.len), value);
    else if (slice_eq_nocase(name, SLICE("iothub-expiry")))
        (void)clock_parse_iso8601(value, &m->expiry_ms);
    else if (slice_eq_nocase(name, SLICE("etag")) && value.len > 2 && value.at[0] == '"')
        *lock = slice_first(slice_skip(value, 1), value.len - 2);
}

enum status device_https_read(struct slice headers, struct slice body, struct buffer *properties,
                              struct iot_message *out, struct slice *lock)
{
    struct iot_message m = {.body = body};
    struct slice line, token = {0};
    buffer_reset(properties);
    while (headers.len && slice_split(&headers, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        take_field(slice_trim(slice_first(line, colon)), slice_trim(slice_skip(line, colon + 1)),
                   properties, &m, &token);
    }
    if (token.len == 0)
        return BAD_FORMAT;
    m.properties = buffer_slice(properties);
    *out = m;
    *lock = token;
    return OK;
}

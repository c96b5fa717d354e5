#include "heads/http_message.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "mqtt/text.h"

/* What a name means; compared without case. */
static const struct part {
    const char *name;
    size_t offset;
    enum { TEXT, TIME } kind;
} parts[] = {
    {"iothub-messageid", offsetof(struct iot_message, message_id), TEXT},
    {"iothub-correlationid", offsetof(struct iot_message, correlation_id), TEXT},
    {"iothub-userid", offsetof(struct iot_message, user_id), TEXT},
    {"iothub-to", offsetof(struct iot_message, to), TEXT},
    {"iothub-contenttype", offsetof(struct iot_message, content_type), TEXT},
    {"iothub-contentencoding", offsetof(struct iot_message, content_encoding), TEXT},
    {"iothub-expiry", offsetof(struct iot_message, expiry_ms), TIME},
    {"iothub-creation-time-utc", offsetof(struct iot_message, creation_ms), TIME},
    {"iothub-outputname", offsetof(struct iot_message, output), TEXT},
    {"iothub-interface-id", offsetof(struct iot_message, interface_id), TEXT},
    {"dt-subject", offsetof(struct iot_message, subject), TEXT},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static const struct slice app = SLICE_INIT("iothub-app-");

/* ---- reading ---- */

static bool set_part(struct iot_message *m, const struct part *p, struct slice value)
{
    void *at = (char *)m + p->offset;
    if (p->kind == TIME)
        return value.len == 0 || clock_parse_iso8601(value, at);
    *(struct slice *)at = value;
    return true;
}

/* One field; those that say nothing of the message are passed over. */
static enum status read_field(struct slice name, struct slice value, struct iot_message *m,
                              struct buffer *properties)
{
    bool own = slice_eq_nocase(slice_first(name, app.len), app);
    bool ack = slice_eq_nocase(name, SLICE("iothub-ack"));
    if (own || ack) {
        struct slice key = own ? slice_skip(name, app.len) : SLICE("iothub-ack");
        if (key.len == 0 || !mqtt_text_ok(key) || !mqtt_text_ok(value))
            return BAD_ARGUMENT;
        return iot_property_put(properties, key, value) ? OK : TOO_LARGE;
    }
    for (size_t i = 0; i < PART_COUNT; i++)
        if (slice_eq_nocase(name, slice_of(parts[i].name)))
            return mqtt_text_ok(value) && set_part(m, &parts[i], value) ? OK : BAD_ARGUMENT;
    return OK;
}

enum status heads_http_message_read(const struct rest_field *fields, size_t count, struct arena *a,
                                    struct iot_message *out, struct slice *wrong)
{
    struct buffer properties = {0};
    enum status s = OK;
    for (size_t i = 0; i < count && s == OK; i++) {
        *wrong = fields[i].name;
        s = read_field(fields[i].name, fields[i].value, out, &properties);
    }
    out->properties = arena_copy(a, buffer_slice(&properties));
    buffer_clear(&properties);
    return s;
}

/* ---- a batch ---- */

static enum status read_properties(const struct json *object, struct arena *a,
                                   struct iot_message *m)
{
    struct buffer properties = {0};
    struct json_walk w = json_walk(object);
    enum status s = OK;
    while (s == OK && json_next(&w)) {
        if (!json_is(w.value, JSON_STRING) && !json_is(w.value, JSON_NULL))
            s = BAD_ARGUMENT;
        else
            s = read_field(arena_copy(a, w.name), arena_copy(a, json_string(w.value)), m,
                           &properties);
    }
    m->properties = arena_copy(a, buffer_slice(&properties));
    buffer_clear(&properties);
    return s;
}

static enum status read_body(const struct json *item, struct arena *a, struct iot_message *m)
{
    const struct json *body = json_get(item, "body");
    if (!json_is(body, JSON_STRING))
        return BAD_ARGUMENT;
    if (!json_bool(json_get(item, "base64Encoded"), true)) {
        m->body = arena_copy(a, json_string(body));
        return OK;
    }
    struct buffer bytes = {0};
    enum status s = base64_decode(json_string(body), &bytes);
    m->body = arena_copy(a, buffer_slice(&bytes));
    buffer_clear(&bytes);
    return s == OK ? OK : BAD_ARGUMENT;
}

static enum status read_item(const struct json *item, size_t at, struct arena *a,
                             struct iot_message *m, const char **text)
{
    const struct json *properties = json_get(item, "properties");
    enum status s = BAD_ARGUMENT;
    if (!json_is(item, JSON_OBJECT) || read_body(item, a, m) != OK) {
        *text = arena_printf(a, "Message %zu of the batch has no \"body\" in base64.", at);
    } else if (properties && !json_is(properties, JSON_OBJECT) && !json_is(properties, JSON_NULL)) {
        *text =
            arena_printf(a, "The \"properties\" of message %zu of the batch are no object.", at);
    } else {
        s = read_properties(properties, a, m);
        *text = arena_printf(
            a, "A property of message %zu of the batch is no text, or too long, or no time.", at);
    }
    return s;
}

enum status heads_http_batch_read(const struct json *batch, uint64_t items_max, uint64_t bytes_max,
                                  struct arena *a, struct iot_message **out, size_t *count,
                                  const char **text)
{
    *text = "The body must be a JSON array of messages.";
    if (!json_is(batch, JSON_ARRAY) || json_count(batch) == 0)
        return BAD_ARGUMENT;
    *text = arena_printf(a, "A batch has %llu messages and %llu bytes at most.",
                         (unsigned long long)items_max, (unsigned long long)bytes_max);
    size_t n = json_count(batch), at = 0;
    uint64_t bytes = 0;
    if (n > items_max)
        return TOO_LARGE;
    struct iot_message *messages = ARENA_TAKE_N(a, struct iot_message, n);
    struct json_walk w = json_walk(batch);
    while (json_next(&w)) {
        const char *wrong = NULL;
        enum status s = read_item(w.value, at, a, &messages[at], &wrong);
        if (s != OK) {
            *text = wrong;
            return s;
        }
        bytes += messages[at].body.len + messages[at].properties.len;
        if (bytes > bytes_max)
            return TOO_LARGE;
        at++;
    }
    *out = messages;
    *count = n;
    return OK;
}

/* ---- writing ---- */

static bool is_token(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t b = name.at[i], letter = b | 32;
        bool word = (letter >= 'a' && letter <= 'z') || (b >= '0' && b <= '9');
        if (!word && (b == 0 || strchr("!#$%&'*+-.^_`|~", b) == NULL))
            return false;
    }
    return name.len > 0;
}

/* A name that no field can have goes encoded, so that it cannot end its line. */
static void add_property(struct rest_request *r, struct slice name, struct slice value)
{
    struct buffer field = {0};
    buffer_put(&field, app);
    if (is_token(name))
        buffer_put(&field, name);
    else
        percent_encode(name, &field);
    rest_add_header(r, buffer_cstr(&field), value);
    buffer_clear(&field);
}

static void add_id(struct rest_request *r, const char *name, struct slice id, uint8_t type)
{
    struct buffer text = {0};
    iot_message_id_print(id, type, &text);
    if (id.len)
        rest_add_header(r, name, buffer_slice(&text));
    buffer_clear(&text);
}

static void add_text(struct rest_request *r, const char *name, struct slice v)
{
    if (v.len)
        rest_add_header(r, name, v);
}

void heads_http_message_add(struct rest_request *r, const struct iot_message *m)
{
    char time[CLOCK_ISO8601_MAX];
    add_id(r, "iothub-messageid", m->message_id, m->message_id_type);
    add_id(r, "iothub-correlationid", m->correlation_id, m->correlation_id_type);
    add_text(r, "iothub-userid", m->user_id);
    add_text(r, "iothub-to", m->to);
    add_text(r, "ContentType", m->content_type);
    add_text(r, "ContentEncoding", m->content_encoding);
    if (m->expiry_ms)
        rest_add_header(r, "iothub-expiry", slice_from(time, clock_iso8601(m->expiry_ms, time)));
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        if (!slice_eq(name, SLICE("iothub-ack"))) /* has a field of its own */
            add_property(r, name, value);
}

#include "iot/bag.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/encoding.h"

/* System properties: what stands behind "$." on the wire. In the order in which they are written.
 */
static const struct field {
    struct slice key;
    size_t offset; /* of the slice in struct iot_message */
} fields[] = {
    {SLICE_INIT("mid"), offsetof(struct iot_message, message_id)},
    {SLICE_INIT("cid"), offsetof(struct iot_message, correlation_id)},
    {SLICE_INIT("uid"), offsetof(struct iot_message, user_id)},
    {SLICE_INIT("to"), offsetof(struct iot_message, to)},
    {SLICE_INIT("ct"), offsetof(struct iot_message, content_type)},
    {SLICE_INIT("ce"), offsetof(struct iot_message, content_encoding)},
    {SLICE_INIT("on"), offsetof(struct iot_message, output)},
    {SLICE_INIT("sub"), offsetof(struct iot_message, subject)},
    {SLICE_INIT("ifid"), offsetof(struct iot_message, interface_id)},
    {SLICE_INIT("schema"), offsetof(struct iot_message, schema)},
};

enum { FIELD_COUNT = sizeof fields / sizeof *fields };

static struct slice *field_at(struct iot_message *m, const struct field *f)
{
    return (struct slice *)((char *)m + f->offset);
}

/* ---- reading ---- */

struct pair {
    struct slice name, value;
    bool name_encoded, value_encoded; /* there is a '%' in it */
};

/* Takes the first pair off *rest. One look at every byte: this runs for every message. */
static struct pair pair_next(struct slice *rest)
{
    size_t i = 0;
    bool name_encoded = false, value_encoded = false;
    for (; i < rest->len && rest->at[i] != '=' && rest->at[i] != '&'; i++)
        name_encoded |= rest->at[i] == '%';
    size_t name_len = i;
    i += i < rest->len && rest->at[i] == '=';
    size_t value_at = i;
    for (; i < rest->len && rest->at[i] != '&'; i++)
        value_encoded |= rest->at[i] == '%';
    struct pair p = {
        {rest->at, name_len}, {rest->at + value_at, i - value_at}, name_encoded, value_encoded};
    *rest = slice_skip(*rest, i + 1);
    return p;
}

/* `text` has room for the whole bag, so it does not move while slices point into it. */
static struct slice decoded(struct slice raw, struct buffer *text)
{
    size_t before = text->len;
    percent_decode(raw, text);
    struct slice s = slice_from(text->at + before, text->len - before);
    buffer_u8(text, '&');
    return s;
}

static bool system_put(struct iot_message *m, struct slice key, struct slice value)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (slice_eq(fields[i].key, key)) {
            *field_at(m, &fields[i]) = value;
            return true;
        }
    }
    /* A time that is none is as good as not there. */
    if (slice_eq(key, SLICE("exp")))
        return clock_parse_iso8601(value, &m->expiry_ms) || true;
    if (slice_eq(key, SLICE("ctime")))
        return clock_parse_iso8601(value, &m->creation_ms) || true;
    return slice_eq(key, SLICE("cdid")) || slice_eq(key, SLICE("cmid"));
}

static enum status pair_put(struct pair p, struct iot_bag *memory, struct iot_message *m)
{
    if (p.value_encoded)
        p.value = decoded(p.value, &memory->text);
    /* "%24.ct" is what everybody sends; any other encoding of it is found after decoding. */
    if (p.name_encoded && slice_starts(p.name, SLICE("%24.")) &&
        system_put(m, slice_skip(p.name, 4), p.value))
        return OK;
    if (p.name_encoded)
        p.name = decoded(p.name, &memory->text);
    if (slice_starts(p.name, SLICE("$.")) && system_put(m, slice_skip(p.name, 2), p.value))
        return OK;
    return iot_property_put(&memory->properties, p.name, p.value) ? OK : TOO_LARGE;
}

/* Node's module client ends the topic of an output with a slash. */
static struct slice without_slash(struct slice bag)
{
    bool cut = slice_ends(bag, SLICE("/")) && (slice_find_slice(bag, SLICE("%24.on=")) < bag.len ||
                                               slice_find_slice(bag, SLICE("$.on=")) < bag.len);
    return slice_first(bag, bag.len - cut);
}

enum status iot_bag_decode(struct slice topic_tail, struct iot_bag *memory, struct iot_message *m)
{
    struct slice rest = slice_skip(topic_tail, slice_starts(topic_tail, SLICE("?")));
    rest = without_slash(rest);
    buffer_reset(&memory->text);
    buffer_reset(&memory->properties);
    /* Each name and value decodes to no more than it was, and has a separator in the bag already.
     */
    buffer_reserve(&memory->text, rest.len + 2);
    while (rest.len) {
        struct pair p = pair_next(&rest);
        enum status s = p.name.len || p.value.len ? pair_put(p, memory, m) : OK;
        if (s != OK)
            return s;
    }
    m->properties = buffer_slice(&memory->properties);
    return OK;
}

void iot_bag_clear(struct iot_bag *memory)
{
    buffer_clear(&memory->text);
    buffer_clear(&memory->properties);
}

/* ---- writing ---- */

static void separate(struct buffer *out, size_t start)
{
    if (out->len > start)
        buffer_u8(out, '&');
}

static void put(struct buffer *out, size_t start, struct slice key, struct slice value)
{
    separate(out, start);
    buffer_put(out, SLICE("%24."));
    buffer_put(out, key);
    buffer_u8(out, '=');
    percent_encode(value, out);
}

static void put_time(struct buffer *out, size_t start, struct slice key, uint64_t wall_ms)
{
    char text[CLOCK_ISO8601_MAX];
    if (wall_ms)
        put(out, start, key, slice_from(text, clock_iso8601(wall_ms, text)));
}

static void put_id(struct buffer *out, size_t start, struct slice key, struct slice id,
                   uint8_t type)
{
    struct buffer text = {0};
    iot_message_id_print(id, type, &text);
    put(out, start, key, buffer_slice(&text));
    buffer_clear(&text);
}

static uint8_t id_type(const struct iot_message *m, const struct field *f)
{
    if (f->offset == offsetof(struct iot_message, message_id))
        return m->message_id_type;
    if (f->offset == offsetof(struct iot_message, correlation_id))
        return m->correlation_id_type;
    return IOT_MESSAGE_ID_STRING;
}

void iot_bag_encode(const struct iot_message *m, struct buffer *out)
{
    size_t start = out->len;
    for (int i = 0; i < FIELD_COUNT; i++) {
        struct slice value = *field_at((struct iot_message *)m, &fields[i]);
        uint8_t type = id_type(m, &fields[i]);
        if (value.len && type != IOT_MESSAGE_ID_STRING)
            put_id(out, start, fields[i].key, value, type);
        else if (value.len)
            put(out, start, fields[i].key, value);
    }
    put_time(out, start, SLICE("exp"), m->expiry_ms);
    put_time(out, start, SLICE("ctime"), m->creation_ms);
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value)) {
        separate(out, start);
        percent_encode(name, out);
        buffer_u8(out, '=');
        percent_encode(value, out);
    }
}

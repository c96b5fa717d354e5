#include "services/signalr.h"

#include "json/json.h"
#include "json/write.h"
#include "rest/messagepack.h"

#define RECORD_END 0x1e
#define LENGTH_BYTES_MAX 5 /* of a MessagePack message's length */
#define FAILED 1           /* a completion's kind */

enum {
    INVOCATION = 1,
    STREAM_ITEM = 2,
    COMPLETION = 3,
    STREAM_INVOCATION = 4,
    CANCEL = 5,
    PING = 6,
    CLOSE = 7
};

void signalr_clear(struct signalr *s)
{
    buffer_clear(&s->partial);
    *s = (struct signalr){0};
}

/* ---- what is sent: an object and 0x1e, or an array and its length ---- */

static void put_length(struct buffer *out, size_t len)
{
    for (; len > 0x7f; len >>= 7)
        buffer_u8(out, (uint8_t)(len | 0x80));
    buffer_u8(out, (uint8_t)len);
}

/* `array` is JSON of ours. */
static void put_packed(struct buffer *out, struct buffer *array)
{
    struct buffer packed = {0};
    if (rest_messagepack_from_json(buffer_slice(array), &packed) == OK) {
        put_length(out, packed.len);
        buffer_put(out, buffer_slice(&packed));
    }
    buffer_clear(&packed);
    buffer_clear(array);
}

static void end_record(struct json_writer *w)
{
    json_end_object(w);
    buffer_u8(w->out, RECORD_END);
}

static void put_packed_invocation(struct buffer *out, const char *target, struct slice argument)
{
    struct buffer array = {0};
    struct json_writer w = json_writer(&array);
    json_array(&w);
    json_put_u64(&w, INVOCATION);
    json_object(&w), json_end_object(&w); /* headers */
    json_put_null(&w);                    /* its id: none, for no answer is wanted */
    json_put_text(&w, target);
    json_array(&w), json_put_raw(&w, argument), json_end_array(&w);
    json_array(&w), json_end_array(&w); /* ids of streams */
    json_end_array(&w);
    put_packed(out, &array);
}

void signalr_put(enum signalr_protocol protocol, struct buffer *out, const char *target, struct slice argument)
{
    if (protocol == SIGNALR_MESSAGEPACK) {
        put_packed_invocation(out, target, argument);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, INVOCATION);
    json_name(&w, "target"), json_put_text(&w, target);
    json_name(&w, "arguments"), json_array(&w), json_put_raw(&w, argument), json_end_array(&w);
    end_record(&w);
}

void signalr_put_ping(enum signalr_protocol protocol, struct buffer *out)
{
    if (protocol == SIGNALR_MESSAGEPACK) {
        buffer_put(out, SLICE("\x02\x91\x06")); /* [6] */
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, PING);
    end_record(&w);
}

static void put_handshake(struct buffer *out, const char *error)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    if (error)
        json_name(&w, "error"), json_put_text(&w, error);
    end_record(&w);
}

static void put_close(enum signalr_protocol protocol, struct buffer *out, const char *error)
{
    struct buffer array = {0};
    struct json_writer w = json_writer(protocol == SIGNALR_MESSAGEPACK ? &array : out);
    if (protocol == SIGNALR_MESSAGEPACK) {
        json_array(&w), json_put_u64(&w, CLOSE), json_put_text(&w, error), json_end_array(&w);
        put_packed(out, &array);
        return;
    }
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, CLOSE);
    json_name(&w, "error"), json_put_text(&w, error);
    end_record(&w);
}

static void put_failure(enum signalr_protocol protocol, struct buffer *out, struct slice id, const char *error)
{
    struct buffer array = {0};
    struct json_writer w = json_writer(protocol == SIGNALR_MESSAGEPACK ? &array : out);
    if (protocol == SIGNALR_MESSAGEPACK) {
        json_array(&w), json_put_u64(&w, COMPLETION);
        json_object(&w), json_end_object(&w);
        json_put_string(&w, id), json_put_u64(&w, FAILED), json_put_text(&w, error);
        json_end_array(&w);
        put_packed(out, &array);
        return;
    }
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, COMPLETION);
    json_name(&w, "invocationId"), json_put_string(&w, id);
    json_name(&w, "error"), json_put_text(&w, error);
    end_record(&w);
}

/* ---- what comes ---- */

static enum status take_handshake(struct signalr *s, const struct json *record, struct buffer *out)
{
    uint64_t version;
    const char *error = NULL;
    struct slice protocol = json_string(json_get(record, "protocol"));
    bool packed = slice_eq(protocol, SLICE("messagepack"));
    if (packed && s->text)
        error = "this transport carries text alone: use the protocol json, or WebSockets";
    else if (!packed && !slice_eq(protocol, SLICE("json")))
        error = "the protocol is not served here: use json or messagepack";
    else if (!json_u64(json_get(record, "version"), &version) || version != 1)
        error = "the protocol's version is not served here: use 1";
    put_handshake(out, error);
    s->ready = error == NULL;
    if (s->ready && packed)
        s->protocol = SIGNALR_MESSAGEPACK;
    return error ? BAD_FORMAT : OK;
}

/* An object with "type" and "invocationId", or [type, headers, invocationId, ...]. */
static enum status take_message(struct signalr *s, const struct json *message, struct buffer *out)
{
    bool packed = s->protocol == SIGNALR_MESSAGEPACK;
    uint64_t type = 0;
    struct slice id = json_string(packed ? json_at(message, 2) : json_get(message, "invocationId"));
    if (!json_u64(packed ? json_at(message, 0) : json_get(message, "type"), &type) || type < INVOCATION || type > CLOSE) {
        put_close(s->protocol, out, "a message without a known type");
        return BAD_FORMAT;
    }
    if ((type == INVOCATION || type == STREAM_INVOCATION) && id.len)
        put_failure(s->protocol, out, id, "the hub has no such method");
    return type == CLOSE ? CLOSED : OK;
}

static enum status take_record(struct signalr *s, struct slice record, struct buffer *out)
{
    struct json_doc *doc = NULL;
    enum status status = BAD_FORMAT;
    if (json_parse(record, JSON_STRICT, &doc, NULL) == OK && json_is(json_root(doc), JSON_OBJECT))
        status = s->ready ? take_message(s, json_root(doc), out) : take_handshake(s, json_root(doc), out);
    else if (s->ready)
        put_close(s->protocol, out, "a message that is no JSON object");
    else
        put_handshake(out, "the handshake is no JSON object");
    json_free(&doc);
    return status;
}

static enum status take_packed(struct signalr *s, struct slice message, struct buffer *out)
{
    struct buffer json = {0};
    struct json_doc *doc = NULL;
    const char *why;
    enum status status = BAD_FORMAT;
    if (rest_messagepack_to_json(message, 8 * SIGNALR_RECORD_MAX, &json, &why) == OK &&
        json_parse(buffer_slice(&json), JSON_STRICT, &doc, NULL) == OK && json_is(json_root(doc), JSON_ARRAY))
        status = take_message(s, json_root(doc), out);
    else
        put_close(s->protocol, out, "a message that is no array in MessagePack");
    json_free(&doc);
    buffer_clear(&json);
    return status;
}

/* ---- where one ends ---- */

static enum status too_long(struct signalr *s, struct buffer *out)
{
    put_close(s->protocol, out, "a message is too long");
    return TOO_LARGE;
}

static enum status feed_records(struct signalr *s, struct slice *bytes, struct buffer *out)
{
    size_t end = slice_find(*bytes, RECORD_END);
    struct slice piece = slice_first(*bytes, end);
    if (s->partial.len + piece.len > SIGNALR_RECORD_MAX)
        return too_long(s, out);
    buffer_put(&s->partial, piece);
    bool whole = end < bytes->len;
    *bytes = slice_skip(*bytes, end + whole);
    if (!whole)
        return OK;
    enum status status = take_record(s, buffer_slice(&s->partial), out);
    buffer_reset(&s->partial);
    return status;
}

/* The length that stands before a message; AGAIN while it is not all there. */
static enum status read_length(struct slice bytes, size_t *head, size_t *len)
{
    *len = 0;
    for (*head = 0; *head < bytes.len && *head < LENGTH_BYTES_MAX;) {
        uint8_t b = bytes.at[*head];
        *len |= (size_t)(b & 0x7f) << 7 * *head;
        ++*head;
        if (!(b & 0x80))
            return *len > SIGNALR_RECORD_MAX ? TOO_LARGE : OK;
    }
    return *head == LENGTH_BYTES_MAX ? TOO_LARGE : AGAIN;
}

/* Gathers what is missing of the next message, and takes it when it is whole. */
static enum status feed_packed(struct signalr *s, struct slice *bytes, struct buffer *out)
{
    size_t head, len;
    enum status status = read_length(buffer_slice(&s->partial), &head, &len);
    if (status == TOO_LARGE)
        return too_long(s, out);
    size_t missing = status == AGAIN ? 1 : head + len - s->partial.len;
    buffer_put(&s->partial, slice_first(*bytes, missing));
    *bytes = slice_skip(*bytes, missing);
    status = read_length(buffer_slice(&s->partial), &head, &len);
    if (status == TOO_LARGE)
        return too_long(s, out);
    if (status == AGAIN || s->partial.len < head + len)
        return OK;
    status = take_packed(s, slice_skip(buffer_slice(&s->partial), head), out);
    buffer_reset(&s->partial);
    return status;
}

enum status signalr_feed(struct signalr *s, struct slice bytes, struct buffer *out)
{
    enum status status = OK;
    while (status == OK && bytes.len > 0)
        status = s->protocol == SIGNALR_MESSAGEPACK ? feed_packed(s, &bytes, out) : feed_records(s, &bytes, out);
    return status;
}

#include "services/signalr.h"

#include "json/json.h"
#include "json/write.h"

#define RECORD_END 0x1e

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

/* ---- what is sent ---- */

static void end_record(struct json_writer *w)
{
    json_end_object(w);
    buffer_u8(w->out, RECORD_END);
}

void signalr_put(struct buffer *out, const char *target, struct slice argument)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, INVOCATION);
    json_name(&w, "target"), json_put_text(&w, target);
    json_name(&w, "arguments"), json_array(&w), json_put_raw(&w, argument), json_end_array(&w);
    end_record(&w);
}

void signalr_put_ping(struct buffer *out)
{
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

static void put_close(struct buffer *out, const char *error)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "type"), json_put_u64(&w, CLOSE);
    json_name(&w, "error"), json_put_text(&w, error);
    end_record(&w);
}

static void put_failure(struct buffer *out, struct slice id, const char *error)
{
    struct json_writer w = json_writer(out);
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
    if (!slice_eq(json_string(json_get(record, "protocol")), SLICE("json")))
        error = "the protocol is not served here: use json";
    else if (!json_u64(json_get(record, "version"), &version) || version != 1)
        error = "the protocol's version is not served here: use 1";
    put_handshake(out, error);
    s->ready = error == NULL;
    return error ? BAD_FORMAT : OK;
}

static enum status take_message(const struct json *record, struct buffer *out)
{
    uint64_t type = 0;
    struct slice id = json_string(json_get(record, "invocationId"));
    if (!json_u64(json_get(record, "type"), &type) || type < INVOCATION || type > CLOSE) {
        put_close(out, "a message without a known type");
        return BAD_FORMAT;
    }
    if ((type == INVOCATION || type == STREAM_INVOCATION) && id.len)
        put_failure(out, id, "the hub has no such method");
    return type == CLOSE ? CLOSED : OK;
}

static enum status take_record(struct signalr *s, struct slice record, struct buffer *out)
{
    struct json_doc *doc = NULL;
    enum status status = BAD_FORMAT;
    if (json_parse(record, JSON_STRICT, &doc, NULL) == OK && json_is(json_root(doc), JSON_OBJECT))
        status =
            s->ready ? take_message(json_root(doc), out) : take_handshake(s, json_root(doc), out);
    else if (s->ready)
        put_close(out, "a message that is no JSON object");
    else
        put_handshake(out, "the handshake is no JSON object");
    json_free(&doc);
    return status;
}

enum status signalr_feed(struct signalr *s, struct slice bytes, struct buffer *out)
{
    enum status status = OK;
    while (status == OK && bytes.len > 0) {
        size_t end = slice_find(bytes, RECORD_END);
        struct slice piece = slice_first(bytes, end);
        if (s->partial.len + piece.len > SIGNALR_RECORD_MAX) {
            put_close(out, "a message is too long");
            return TOO_LARGE;
        }
        buffer_put(&s->partial, piece);
        bytes = slice_skip(bytes, end);
        if (bytes.len == 0)
            break;
        bytes = slice_skip(bytes, 1);
        status = take_record(s, buffer_slice(&s->partial), out);
        buffer_reset(&s->partial);
    }
    return status;
}

/* Telemetry: one message, whose properties are header fields, or a batch. Answered when all of it
 * is durable. */
#include "heads/http_priv.h"
#include "heads/http_message.h"

struct sending {
    struct iot_message *messages;
    size_t count, left; /* not answered yet */
    enum status why;
    bool under_way; /* more are being handed over */
};

static void end_when_all_are_answered(struct heads_visit *v)
{
    struct sending *s = v->state;
    if (s->left == 0 && !s->under_way)
        heads_visit_end(v, s->why);
}

static void accepted(struct heads_visit *v, uint64_t token, enum status why)
{
    struct sending *s = v->state;
    (void)token;
    s->left--;
    if (why != OK)
        s->why = why;
    end_when_all_are_answered(v);
}

static void send_all(struct heads_visit *v)
{
    struct sending *s = v->state;
    s->under_way = true;
    for (size_t i = 0; i < s->count && s->why == OK; i++) {
        s->left++;
        s->why = heads_visit_ops(v)->telemetry(v->device, &s->messages[i], i);
        if (s->why != OK)
            s->left--;
    }
    s->under_way = false;
    end_when_all_are_answered(v);
}

static void answer(struct heads_visit *v, enum status why)
{
    if (why == OK)
        rest_reply_empty(v->request, 204);
    else
        heads_visit_fail(v, why);
}

static const struct heads_visit_work work = {
    .begin = send_all, .accepted = accepted, .answer = answer};

/* ---- reading the request ---- */

static enum status read_one(struct heads_visit *v, struct sending *s, const char **text)
{
    const struct rest_request *r = v->request;
    struct slice wrong;
    s->messages = ARENA_TAKE(&v->arena, struct iot_message);
    s->messages->body = r->body;
    s->count = 1;
    enum status status =
        heads_http_message_read(r->headers, r->header_count, &v->arena, s->messages, &wrong);
    if (status != OK)
        *text = arena_printf(&v->arena, "The header \"%.*s\" has a value that is not allowed.",
                             SLICE_FMT(wrong));
    return status;
}

static enum status read_batch(struct heads_visit *v, const struct heads_http *h, struct sending *s,
                              const char **text)
{
    struct json_doc *doc;
    struct json_error error;
    if (json_parse(v->request->body, JSON_STRICT, &doc, &error) != OK) {
        *text = arena_printf(&v->arena, "The body is no JSON: %s at line %u, column %u.",
                             error.what, error.line, error.column);
        return BAD_ARGUMENT;
    }
    enum status status =
        heads_http_batch_read(json_root(doc), h->config.batch_items, h->config.message_bytes,
                              &v->arena, &s->messages, &s->count, text);
    json_free(&doc);
    return status;
}

static bool is_batch(const struct rest_request *r)
{
    struct slice type = rest_header(r, "Content-Type");
    return slice_eq_nocase(slice_trim(slice_first(type, slice_find(type, ';'))),
                           SLICE(HEADS_HTTP_BATCH));
}

void heads_http_send(struct rest_request *r)
{
    struct heads_http *h = r->app;
    struct heads_visit *v = heads_visit_new(h->config.backend, r, heads_http_id(r), &work);
    struct sending *s = ARENA_TAKE(&v->arena, struct sending);
    const char *text = NULL;
    v->state = s;
    enum status why = is_batch(r) ? read_batch(v, h, s, &text) : read_one(v, s, &text);
    if (why == OK) {
        heads_visit_begin(v);
        return;
    }
    heads_http_error(r, iot_status_wire(why), text);
    heads_visit_free(v);
}

#include "services/long_answer.h"

#include <stdlib.h>

#include "base/memory.h"
#include "services/replies.h"

struct making {
    struct rest_request *request;
    struct buffer payload, out;
    long_answer_fn *make;
    size_t from, limit;
    enum status status;
};

static enum status make(struct slice payload, long_answer_fn *fn, size_t from, size_t limit,
                        struct buffer *out)
{
    struct json_doc *doc;
    struct json_writer w = json_writer(out);
    if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK)
        return PEER_FAILED;
    fn(json_root(doc), from, limit, &w);
    json_free(&doc);
    return OK;
}

static void reply(struct rest_request *r, enum status why, struct slice json)
{
    if (why == OK)
        rest_reply_json(r, 200, json);
    else
        services_replies_fail(r, why, "the module's answer is not JSON");
}

static void run(void *arg)
{
    struct making *m = arg;
    m->status = make(buffer_slice(&m->payload), m->make, m->from, m->limit, &m->out);
}

static void done(void *arg)
{
    struct making *m = arg;
    reply(m->request, m->status, buffer_slice(&m->out));
    buffer_clear(&m->payload);
    buffer_clear(&m->out);
    free(m);
}

static void make_aside(struct rest_request *r, struct slice payload, long_answer_fn *fn, size_t from,
                       size_t limit)
{
    struct making *m = MEMORY_NEW(struct making);
    *m = (struct making){.request = r, .make = fn, .from = from, .limit = limit};
    buffer_put(&m->payload, payload);
    loop_work(r->loop, run, done, m);
}

void long_answer_make(struct rest_request *r, struct slice payload, long_answer_fn *fn, size_t from,
                      size_t limit)
{
    struct buffer out = {0};
    if (payload.len >= LONG_ANSWER_BYTES) {
        make_aside(r, payload, fn, from, limit);
        return;
    }
    enum status s = make(payload, fn, from, limit, &out);
    reply(r, s, buffer_slice(&out));
    buffer_clear(&out);
}

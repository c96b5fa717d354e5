#include "services/long_answer.h"

#include <stdlib.h>

#include "base/memory.h"
#include "services/aside.h"
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

static void run(void *arg)
{
    struct making *m = arg;
    m->status = make(buffer_slice(&m->payload), m->make, m->from, m->limit, &m->out);
}

static void done(void *arg)
{
    struct making *m = arg;
    if (m->status == OK)
        rest_reply_json(m->request, 200, buffer_slice(&m->out));
    else
        services_replies_fail(m->request, m->status, "the module's answer is not JSON");
    buffer_clear(&m->payload);
    buffer_clear(&m->out);
    free(m);
}

void long_answer_make(struct rest_request *r, struct slice payload, long_answer_fn *fn, size_t from,
                      size_t limit)
{
    struct making *m = MEMORY_NEW(struct making);
    *m = (struct making){.request = r, .make = fn, .from = from, .limit = limit};
    buffer_put(&m->payload, payload);
    services_aside(r->loop, payload.len, run, done, m);
}

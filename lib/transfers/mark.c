/*
 * The mark of a transfer: all that a hub which starts again must know to go on with it. An export's
 * is behind a block that was written, an import's before a range that is to be read.
 */
#include <stdio.h>

#include "base/log.h"
#include "transfers/transfers_priv.h"
#include "json/write.h"

static void on_marked(void *arg, const struct registry_answer *a)
{
    (void)arg; /* the transfer may have ended */
    if (a->why != OK)
        log_debug("a job's mark was not kept status=%s", status_name(a->why));
}

void transfer_mark_save(struct transfer *x)
{
    struct buffer mark = {0};
    struct json_writer w = json_writer(&mark);
    json_object(&w);
    json_name(&w, "at"), json_put_u64(&w, x->reader.at - (x->lines.len - x->at));
    json_member(&w, "etag", slice_of(x->reader.etag));
    json_name(&w, "line"), json_put_u64(&w, x->line);
    json_name(&w, "blocks"), json_put_u64(&w, x->writer.blocks);
    json_member(&w, "device", x->last.device);
    json_member(&w, "module", x->last.module);
    json_name(&w, "done"), json_put_u64(&w, x->done);
    json_name(&w, "configurations"), json_put_bool(&w, x->in_configurations);
    json_end_object(&w);
    uint64_t lines = x->in_configurations ? INT64_MAX : x->line;
    registry_ask(x->registry, x->loop,
                 &(struct registry_ask){.what = &transfer_row_mark,
                                        .name = x->id,
                                        .body = buffer_slice(&mark),
                                        .top = x->import ? lines : 0},
                 on_marked, NULL);
    buffer_clear(&mark);
}

static uint64_t number(const struct json *mark, const char *name)
{
    uint64_t v;
    return json_u64(json_get(mark, name), &v) ? v : 0;
}

void transfer_mark_load(struct transfer *x, const struct json *mark)
{
    struct iot_id last = {json_string(json_get(mark, "device")),
                          json_string(json_get(mark, "module"))};
    x->reader.at = number(mark, "at");
    snprintf(x->reader.etag, sizeof(x->reader.etag), "%.*s",
             SLICE_FMT(json_string(json_get(mark, "etag"))));
    x->line = number(mark, "line");
    x->writer.blocks = (unsigned)number(mark, "blocks");
    x->last = iot_id_copy(&x->cursor, last);
    x->done = number(mark, "done");
    x->in_configurations = json_bool(json_get(mark, "configurations"), false);
}

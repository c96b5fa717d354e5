#include "client/module_report.h"

#include "base/log.h"
#include "json/merge.h"

/* What is no JSON is no patch: then the second is all. */
static void join(struct slice first, struct slice second, struct buffer *out)
{
    if (json_merge_patches(first, second, out) != OK)
        buffer_put(out, second);
}

static void flush(struct module_report *r);

static void on_reported(void *arg, enum status why, uint64_t version)
{
    struct module_report *r = arg;
    (void)version;
    r->sending = false;
    if (why == OK) {
        buffer_reset(&r->sent);
        flush(r);
        return;
    }
    log_warn("properties not reported why=%s", status_name(why));
    struct buffer both = {0};
    if (r->pending.len)
        join(buffer_slice(&r->sent), buffer_slice(&r->pending), &both);
    else
        buffer_put(&both, buffer_slice(&r->sent));
    buffer_clear(&r->pending);
    r->pending = both;
    buffer_reset(&r->sent);
}

static void flush(struct module_report *r)
{
    if (r->sending || r->pending.len == 0 || !r->client || !device_client_connected(r->client))
        return;
    struct buffer empty = r->sent;
    r->sent = r->pending;
    r->pending = empty;
    buffer_reset(&r->pending);
    r->sending = true;
    device_client_twin_report(r->client, buffer_slice(&r->sent), on_reported, r);
}

void module_report_add(struct module_report *r, struct slice patch)
{
    struct buffer both = {0};
    join(buffer_slice(&r->pending), patch, &both);
    buffer_clear(&r->pending);
    r->pending = both;
    flush(r);
}

void module_report_clear(struct module_report *r)
{
    buffer_clear(&r->pending);
    buffer_clear(&r->sent);
}

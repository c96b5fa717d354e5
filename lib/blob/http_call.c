#include "blob/http_call.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "blob/name.h"

void blob_etag_print(uint64_t etag, struct buffer *out)
{
    buffer_printf(out, "0x%llX", (unsigned long long)etag);
}

/* ---- answers ---- */

static void add_common(struct rest_request *r)
{
    struct slice version = rest_header(r, "x-ms-version"),
                 id = rest_header(r, "x-ms-client-request-id");
    rest_add_header(r, "x-ms-version", version.len ? version : SLICE(BLOB_API_VERSION));
    if (id.len)
        rest_add_header(r, "x-ms-client-request-id", id);
}

static void reply_error(struct rest_request *r, enum blob_error e, const char *detail)
{
    struct buffer body = {0};
    add_common(r);
    rest_add_header(r, "x-ms-error-code", slice_of(blob_error_wire(e)->code));
    blob_error_body(e, detail, slice_of(r->id), loop_wall_ms(r->loop), &body);
    rest_reply(r, blob_error_wire(e)->http, "application/xml", buffer_slice(&body));
    buffer_clear(&body);
}

void blob_call_add_common(struct blob_call *call)
{
    add_common(call->request);
}

void blob_call_add_facts(struct blob_call *call, const struct blob_facts *f)
{
    struct buffer text = {0};
    buffer_u8(&text, '"');
    blob_etag_print(f->etag, &text);
    buffer_u8(&text, '"');
    rest_add_header(call->request, "ETag", buffer_slice(&text));
    char date[CLOCK_ISO8601_MAX];
    rest_add_header(call->request, "Last-Modified",
                    slice_from(date, clock_http_date(f->modified_ms, date)));
    buffer_clear(&text);
}

void blob_call_free(struct blob_call *call)
{
    blob_job_clear(&call->job);
    free(call);
}

void blob_call_error(struct blob_call *call, enum blob_error e, const char *detail)
{
    reply_error(call->request, e, detail);
    blob_call_free(call);
}

/* What the store says, in the wire's words. Where it depends on what was asked, that comes first.
 */
static enum blob_error error_of(const struct blob_job *j, enum status why)
{
    switch (why) {
    case NOT_FOUND:
        return j->no_container || j->blob.len == 0 ? BLOB_ERROR_CONTAINER_NOT_FOUND
                                                   : BLOB_ERROR_BLOB_NOT_FOUND;
    case EXISTS:
        return j->blob.len ? BLOB_ERROR_BLOB_EXISTS : BLOB_ERROR_CONTAINER_EXISTS;
    case CONFLICT:
        return BLOB_ERROR_CONDITION;
    case FORBIDDEN:
        return BLOB_ERROR_PERMISSION;
    case BAD_ARGUMENT:
        return j->what == BLOB_STAGE ? BLOB_ERROR_BLOCK_ID : BLOB_ERROR_BLOCK_LIST;
    case FULL:
        return j->what == BLOB_STAGE && j->facts.bytes == 0 ? BLOB_ERROR_BLOCK_COUNT
                                                            : BLOB_ERROR_FULL;
    case BUSY:
        return BLOB_ERROR_BUSY;
    default:
        return BLOB_ERROR_INTERNAL;
    }
}

void blob_call_fail(struct blob_call *call, enum status why)
{
    if (why == CONFLICT && call->job.not_modified) {
        blob_call_add_facts(call, &call->job.facts);
        blob_call_reply(call, 304);
        return;
    }
    blob_call_error(call, error_of(&call->job, why), NULL);
}

void blob_call_reply(struct blob_call *call, int status)
{
    add_common(call->request);
    rest_reply_empty(call->request, status);
    blob_call_free(call);
}

void blob_call_xml(struct blob_call *call, int status, struct slice xml)
{
    add_common(call->request);
    rest_reply(call->request, status, "application/xml", xml);
    blob_call_free(call);
}

/* ---- beginning ---- */

static struct slice etag_of(struct slice v)
{
    v = slice_trim(v);
    if (v.len >= 2 && v.at[0] == '"' && v.at[v.len - 1] == '"')
        v = slice_from(v.at + 1, v.len - 2);
    return v;
}

/* A time that cannot be read is no condition (RFC 9110, 13.1.3). */
static uint64_t time_of(struct slice v)
{
    uint64_t ms;
    return clock_parse_http_date(v, &ms) ? ms : 0;
}

static void read_conditions(struct rest_request *r, struct blob_conditions *c)
{
    c->if_match = etag_of(rest_header(r, "If-Match"));
    c->if_none_match = etag_of(rest_header(r, "If-None-Match"));
    c->modified_since_ms = time_of(rest_header(r, "If-Modified-Since"));
    c->unmodified_since_ms = time_of(rest_header(r, "If-Unmodified-Since"));
}

static struct blob_call *refuse(struct rest_request *r, enum status why, const char *reason)
{
    log_warn("blob call refused path=%.*s peer=%.*s status=%s reason=\"%s\"", SLICE_FMT(r->path),
             SLICE_FMT(r->peer), status_name(why), reason);
    reply_error(r, why == FORBIDDEN ? BLOB_ERROR_PERMISSION : BLOB_ERROR_AUTHENTICATION, NULL);
    return NULL;
}

struct blob_call *blob_call_begin(struct rest_request *r, unsigned any_of)
{
    struct blob_store *store = r->app;
    struct blob_wish wish = {.container = rest_param(r, "container"),
                             .blob = rest_param(r, "blob"),
                             .any_of = any_of,
                             .peer = r->peer,
                             .now_ms = loop_wall_ms(r->loop)};
    unsigned granted;
    const char *why = "";
    if (rest_query(r, "sig").len == 0) {
        rest_refuse(r, 404,
                    "there is nothing at this path; if a blob is meant, its shared access "
                    "signature is missing");
        return NULL;
    }
    if (!blob_container_name_ok(wish.container) ||
        (r->param_count > 1 && !blob_name_ok(wish.blob))) {
        reply_error(r, BLOB_ERROR_NAME, NULL);
        return NULL;
    }
    enum status s =
        blob_sas_check(blob_store_account(store), r->query, r->query_count, &wish, &granted, &why);
    if (s != OK)
        return refuse(r, s, why);
    struct blob_call *call = MEMORY_NEW(struct blob_call);
    call->request = r;
    call->store = store;
    call->granted = granted;
    call->job.container = wish.container;
    call->job.blob = wish.blob;
    call->job.arg = call;
    read_conditions(r, &call->job.conditions);
    return call;
}

static void on_busy(void *arg)
{
    struct blob_job *j = arg;
    j->done(j, BUSY);
}

void blob_call_ask(struct blob_call *call, enum blob_what what,
                   void (*done)(struct blob_job *j, enum status why))
{
    call->job.what = what;
    call->job.done = done;
    if (blob_store_do(call->store, call->request->loop, &call->job) != OK)
        loop_defer(call->request->loop, on_busy, &call->job);
}

const struct rest_route blob_routes[] = {
    {"PUT", "/{container}", blob_http_container_put, REST_PUBLIC},
    {"GET", "/{container}", blob_http_container_get, REST_PUBLIC},
    {"DELETE", "/{container}", blob_http_container_delete, REST_PUBLIC},
    {"PUT", "/{container}/{blob*}", blob_http_put, REST_PUBLIC, .stream_bytes = BLOB_PUT_MAX},
    {"GET", "/{container}/{blob*}", blob_http_get, REST_PUBLIC},
    {"DELETE", "/{container}/{blob*}", blob_http_delete, REST_PUBLIC},
};
const size_t blob_routes_count = sizeof(blob_routes) / sizeof(blob_routes[0]);

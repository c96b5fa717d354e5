#include "transfers/blob.h"

#include <assert.h>
#include <stdio.h>

#include "base/encoding.h"

#define CALL_MS 120000
#define PAUSE_MS 500 /* doubled with every try */
#define STORAGE_VERSION SLICE("2020-10-02")

/* ---- one call ---- */

static void send(struct transfer_call *c);

static void send_again(void *arg)
{
    send(arg);
}

/* The server is busy or away, or the way to it is. */
static bool may_pass(enum status why, const struct rest_answer *a)
{
    return why != OK ? why != UNAUTHORIZED && why != BAD_ARGUMENT && why != CANCELLED
                     : a->status >= 500 || a->status == 408 || a->status == 429;
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct transfer_call *c = arg;
    c->under_way = false;
    if (why == CANCELLED)
        return; /* its owner goes */
    if (may_pass(why, a) && c->tries < TRANSFER_TRIES) {
        c->under_way = true;
        loop_timer_start(c->loop, &c->pause, PAUSE_MS << c->tries++, send_again, c);
        return;
    }
    c->answered(c, why, a);
}

static void answer_refused(void *arg)
{
    struct transfer_call *c = arg;
    on_answer(c, c->refused, NULL);
}

static void send(struct transfer_call *c)
{
    struct rest_field headers[] = {{SLICE("x-ms-version"), STORAGE_VERSION},
                                   {SLICE("Content-Type"), SLICE("application/octet-stream")},
                                   {SLICE("x-ms-range"), buffer_slice(&c->range)},
                                   {SLICE("If-Match"), slice_of(c->if_match)}};
    size_t header_count = c->range.len == 0 ? 2 : c->if_match[0] ? 4 : 3;
    c->under_way = true;
    enum status s = rest_client_send(c->client,
                                     &(struct rest_call){.method = c->method,
                                                         .url = buffer_cstr(&c->url),
                                                         .headers = headers,
                                                         .header_count = header_count,
                                                         .body = buffer_slice(&c->body),
                                                         .timeout_ms = CALL_MS},
                                     on_answer, c);
    if (s != OK) {
        c->refused = s;
        loop_defer(c->loop, answer_refused, c);
    }
}

static void begin(struct transfer_call *c, const char *method)
{
    c->method = method;
    c->tries = 0;
    send(c);
}

static void call_clear(struct transfer_call *c)
{
    loop_timer_stop(&c->pause);
    buffer_clear(&c->url);
    buffer_clear(&c->body);
    buffer_clear(&c->range);
}

/* https://host/container?sas with the blob's name in it, and more behind the query. */
static void put_url(struct buffer *url, const char *uri, const char *name, const char *more)
{
    struct slice all = slice_of(uri);
    size_t query = slice_find(all, '?');
    struct slice path = slice_first(all, query);
    buffer_reset(url);
    buffer_put(url, slice_ends(path, SLICE("/")) ? slice_first(path, path.len - 1) : path);
    buffer_u8(url, '/');
    struct slice rest = slice_of(name), part;
    for (bool first = true; slice_split(&rest, '/', &part); first = false) {
        if (!first)
            buffer_u8(url, '/');
        percent_encode(part, url);
    }
    buffer_put(url, slice_skip(all, query));
    if (more[0]) {
        buffer_u8(url, query < all.len ? '&' : '?');
        buffer_text(url, more);
    }
}

/* What went wrong, for a person; the URI has a secret in it and is not told. */
static const char *reason_of(char out[200], const char *what, const char *name, enum status why,
                             const struct rest_answer *a)
{
    struct slice code = why == OK ? rest_answer_header(a, "x-ms-error-code") : (struct slice){0};
    if (why == OK)
        snprintf(out, 200, "the storage answered %d %.*s to %s of %s", a->status, SLICE_FMT(code),
                 what, name);
    else
        snprintf(out, 200, "the storage could not be reached for %s of %s: %s", what, name,
                 status_name(why));
    return out;
}

/* ---- reading ---- */

/* "bytes 0-9/25". */
static bool read_size(const struct rest_answer *a, uint64_t *size)
{
    struct slice range = rest_answer_header(a, "Content-Range");
    size_t slash = slice_find(range, '/');
    return slash < range.len && slice_to_u64(slice_skip(range, slash + 1), size);
}

static void on_range(struct transfer_call *c, enum status why, const struct rest_answer *a)
{
    struct transfer_reader *r = (struct transfer_reader *)c;
    char reason[200];
    if (why == OK && a->status == 416 && r->at == 0) {
        r->read(r->arg, (struct slice){0}); /* there is nothing in it */
        return;
    }
    bool whole = why == OK && a->status == 200 && r->at == 0; /* ranges are not served there */
    if (!whole && (why != OK || a->status != 206 || !read_size(a, &r->size) || a->body.len == 0)) {
        r->failed(r->arg, why == OK ? PEER_FAILED : why,
                  reason_of(reason, "reading", r->name, why, a));
        return;
    }
    if (whole)
        r->size = a->body.len;
    if (r->etag[0] == 0)
        snprintf(r->etag, sizeof(r->etag), "%.*s", SLICE_FMT(rest_answer_header(a, "ETag")));
    r->at += a->body.len;
    r->read(r->arg, a->body);
}

void transfer_reader_next(struct transfer_reader *r)
{
    struct transfer_call *c = &r->call;
    c->answered = on_range;
    c->if_match = r->etag;
    put_url(&c->url, r->uri, r->name, "");
    buffer_reset(&c->range);
    buffer_printf(&c->range, "bytes=%llu-%llu", (unsigned long long)r->at,
                  (unsigned long long)r->at + TRANSFER_RANGE_BYTES - 1);
    begin(c, "GET");
}

void transfer_reader_again(struct transfer_reader *r, const char *name)
{
    r->name = name;
    r->at = r->size = 0;
    r->etag[0] = 0;
}

bool transfer_reader_at_end(const struct transfer_reader *r)
{
    return r->at >= r->size;
}

void transfer_reader_clear(struct transfer_reader *r)
{
    call_clear(&r->call);
}

/* ---- writing ---- */

/* All of one length, as Azure Storage asks for. */
static void put_block_id(unsigned n, struct buffer *out)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%06u", n);
    base64_encode(slice_of(digits), out);
}

static void send_block(struct transfer_writer *w);
static void send_list(struct transfer_writer *w);

static void on_written(struct transfer_call *c, enum status why, const struct rest_answer *a)
{
    struct transfer_writer *w = (struct transfer_writer *)c;
    char reason[200];
    buffer_reset(&c->body);
    if (why != OK || a->status != 201) {
        w->written(w->arg, why == OK ? PEER_FAILED : why,
                   reason_of(reason, "writing", w->name, why, a));
        return;
    }
    if (w->finishing && !w->listing) {
        w->waiting.len ? send_block(w) : send_list(w);
        return;
    }
    w->written(w->arg, OK, NULL);
}

static void send_block(struct transfer_writer *w)
{
    struct transfer_call *c = &w->call;
    struct buffer id = {0}, more = {0};
    c->answered = on_written;
    put_block_id(w->blocks++, &id);
    buffer_text(&more, "comp=block&blockid=");
    percent_encode(buffer_slice(&id), &more);
    put_url(&c->url, w->uri, w->name, buffer_cstr(&more));
    buffer_put(&c->body, buffer_slice(&w->waiting));
    buffer_reset(&w->waiting);
    buffer_clear(&id);
    buffer_clear(&more);
    begin(c, "PUT");
}

static void send_list(struct transfer_writer *w)
{
    struct transfer_call *c = &w->call;
    w->listing = true;
    c->answered = on_written;
    put_url(&c->url, w->uri, w->name, "comp=blocklist");
    buffer_text(&c->body, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (unsigned n = 0; n < w->blocks; n++) {
        buffer_text(&c->body, "<Latest>");
        put_block_id(n, &c->body);
        buffer_text(&c->body, "</Latest>");
    }
    buffer_text(&c->body, "</BlockList>");
    begin(c, "PUT");
}

bool transfer_writer_has_room(const struct transfer_writer *w)
{
    return w->waiting.len < TRANSFER_BLOCK_BYTES;
}

void transfer_writer_send(struct transfer_writer *w)
{
    assert(w->waiting.len > 0 && !w->call.under_way);
    send_block(w);
}

void transfer_writer_finish(struct transfer_writer *w)
{
    w->finishing = true;
    if (!w->call.under_way)
        w->waiting.len ? send_block(w) : send_list(w);
}

void transfer_writer_again(struct transfer_writer *w, const char *name)
{
    w->name = name;
    w->blocks = 0;
    w->finishing = w->listing = false;
}

void transfer_writer_clear(struct transfer_writer *w)
{
    call_clear(&w->call);
    buffer_clear(&w->waiting);
}

/* Writing: a blob at once, a block, a list of blocks; and deleting. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "blob/crc64.h"
#include "blob/http_call.h"
#include "blob/spool.h"

#define MAY_WRITE (BLOB_WRITE | BLOB_CREATE)

/* A call whose body is read: into a file, or (a list) into memory. */
struct put {
    struct blob_call *call;
    enum blob_what what;
    struct blob_spooled spooled; /* bytes > 0 or file > 0: a file that is ours */
    struct buffer body;
};

static void put_free(struct put *p)
{
    buffer_clear(&p->body);
    free(p);
}

static void fail(struct put *p, enum blob_error e, const char *detail)
{
    if (p->spooled.file)
        blob_spool_drop(p->call->store, p->call->request->loop, &p->spooled);
    blob_call_error(p->call, e, detail);
    put_free(p);
}

/* ---- what was sent about the bytes ---- */

static struct slice base64_of(struct arena *a, const void *bytes, size_t len)
{
    struct buffer text = {0};
    base64_encode(slice_from(bytes, len), &text);
    struct slice copy = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

/* Says back what was checked: the MD5 if one was sent, else the CRC. False: refused. */
static bool check_digests(struct put *p, const struct blob_spooled *got)
{
    struct rest_request *r = p->call->request;
    struct slice md5 = rest_header(r, "Content-MD5"), crc = rest_header(r, "x-ms-content-crc64");
    struct slice md5_is = base64_of(&r->arena, got->md5, sizeof(got->md5));
    struct slice crc_is = base64_of(&r->arena, &got->crc64, sizeof(got->crc64));
    if (md5.len && !slice_eq(md5, md5_is)) {
        fail(p, BLOB_ERROR_MD5, NULL);
        return false;
    }
    if (crc.len && !slice_eq(crc, crc_is)) {
        fail(p, BLOB_ERROR_CRC64, NULL);
        return false;
    }
    if (md5.len)
        rest_add_header(r, "Content-MD5", md5_is);
    else
        rest_add_header(r, "x-ms-content-crc64", crc_is);
    return true;
}

/* ---- what is kept with a blob ---- */

static struct slice either(const struct rest_request *r, const char *own, const char *plain)
{
    struct slice v = rest_header(r, own);
    return v.len ? v : rest_header(r, plain);
}

static struct slice read_meta(struct rest_request *r)
{
    struct slice start = SLICE("x-ms-meta-");
    struct buffer all = {0};
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice name = r->headers[i].name;
        if (name.len <= start.len || !slice_eq_nocase(slice_first(name, start.len), start))
            continue;
        buffer_put(&all, slice_skip(name, start.len));
        buffer_u8(&all, ':');
        buffer_put(&all, r->headers[i].value);
        buffer_u8(&all, '\n');
    }
    struct slice copy = arena_copy(&r->arena, buffer_slice(&all));
    buffer_clear(&all);
    return copy;
}

/* Of Put Blob the plain headers speak of the blob; of Put Block List they speak of the list. */
static void read_headers(struct rest_request *r, bool whole, struct blob_headers *h)
{
    h->type = whole ? either(r, "x-ms-blob-content-type", "Content-Type")
                    : rest_header(r, "x-ms-blob-content-type");
    h->encoding = whole ? either(r, "x-ms-blob-content-encoding", "Content-Encoding")
                        : rest_header(r, "x-ms-blob-content-encoding");
    h->language = whole ? either(r, "x-ms-blob-content-language", "Content-Language")
                        : rest_header(r, "x-ms-blob-content-language");
    h->cache_control = whole ? either(r, "x-ms-blob-cache-control", "Cache-Control")
                             : rest_header(r, "x-ms-blob-cache-control");
    h->disposition = rest_header(r, "x-ms-blob-content-disposition");
    h->md5 = whole ? either(r, "x-ms-blob-content-md5", "Content-MD5")
                   : rest_header(r, "x-ms-blob-content-md5");
    h->meta = read_meta(r);
    if (h->type.len == 0)
        h->type = SLICE("application/octet-stream");
}

/* ---- the end of each ---- */

static void on_stored(struct blob_job *j, enum status why)
{
    struct blob_call *call = j->arg;
    struct put *p = call->state;
    if (why != OK) {
        if (p->spooled.file)
            blob_spool_drop(call->store, call->request->loop, &p->spooled);
        blob_call_fail(call, why);
    } else {
        if (p->what != BLOB_STAGE)
            blob_call_add_facts(call, &call->job.facts);
        rest_add_header(call->request, "x-ms-request-server-encrypted", SLICE("false"));
        blob_call_reply(call, 201);
    }
    put_free(p);
}

static void store_it(struct put *p)
{
    struct blob_call *call = p->call;
    call->job.file = p->spooled.file;
    call->job.bytes = p->spooled.bytes;
    call->job.conditions.only_new = p->what != BLOB_STAGE && !(call->granted & BLOB_WRITE);
    if (p->what != BLOB_STAGE)
        read_headers(call->request, p->what == BLOB_PUT, &call->job.headers);
    blob_call_ask(call, p->what, on_stored);
}

/* ---- bodies ---- */

static enum blob_error body_error(enum status why)
{
    switch (why) {
    case TOO_LARGE:
        return BLOB_ERROR_TOO_LARGE;
    case TIMED_OUT:
        return BLOB_ERROR_TIMED_OUT;
    case FULL:
        return BLOB_ERROR_FULL;
    case IO_FAILED:
        return BLOB_ERROR_INTERNAL;
    default: /* BAD_FORMAT, and CANCELLED, which nobody hears */
        return BLOB_ERROR_BODY;
    }
}

static void on_spooled(void *arg, enum status why, const struct blob_spooled *out)
{
    struct put *p = arg;
    if (why != OK) {
        fail(p, body_error(why), NULL);
        return;
    }
    p->spooled = *out;
    if (check_digests(p, out))
        store_it(p);
}

static void commit_list(struct put *p)
{
    struct blob_call *call = p->call;
    struct slice body = buffer_slice(&p->body);
    struct blob_spooled digests = {.bytes = body.len, .crc64 = blob_crc64(0, body)};
    struct crypto_md5 *md5 = crypto_md5_new();
    crypto_md5_add(md5, body);
    crypto_md5_end(&md5, digests.md5);
    if (!check_digests(p, &digests))
        return;
    enum status s = blob_block_list_parse(body, &call->request->arena, &call->job.list);
    if (s == OK)
        store_it(p);
    else
        fail(p,
             s == TOO_LARGE      ? BLOB_ERROR_BLOCK_COUNT
             : s == BAD_ARGUMENT ? BLOB_ERROR_BLOCK_ID
                                 : BLOB_ERROR_XML,
             NULL);
}

static void on_list(void *arg, enum status why, struct slice bytes)
{
    struct put *p = arg;
    if (why != OK) {
        fail(p, body_error(why), NULL);
    } else if (bytes.len == 0) {
        commit_list(p);
    } else if (p->body.len + bytes.len > BLOB_BLOCK_LIST_BYTES_MAX) {
        fail(p, BLOB_ERROR_TOO_LARGE, NULL);
    } else {
        buffer_put(&p->body, bytes);
        rest_body_read(p->call->request, on_list, p);
    }
}

/* The container is there: the body is worth reading. */
static void on_container(struct blob_job *j, enum status why)
{
    struct blob_call *call = j->arg;
    struct put *p = call->state;
    if (why != OK) {
        blob_call_fail(call, why);
        put_free(p);
    } else if (p->what == BLOB_COMMIT) {
        rest_body_read(call->request, on_list, p);
    } else {
        blob_spool(call->store, call->request, rest_header(call->request, "Content-MD5").len > 0,
                   on_spooled, p);
    }
}

/* ---- which of the three ---- */

static bool read_what(struct rest_request *r, enum blob_what *what, enum blob_error *e)
{
    struct slice comp = rest_query(r, "comp");
    *e = BLOB_ERROR_QUERY;
    if (slice_eq_nocase(comp, SLICE("block"))) {
        *what = BLOB_STAGE;
        *e = BLOB_ERROR_BLOCK_ID;
        return blob_block_id_ok(rest_query(r, "blockid"));
    }
    *what = comp.len ? BLOB_COMMIT : BLOB_PUT;
    if (comp.len)
        return slice_eq_nocase(comp, SLICE("blocklist"));
    struct slice type = rest_header(r, "x-ms-blob-type");
    *e = type.len ? BLOB_ERROR_HEADER : BLOB_ERROR_HEADER_MISSING;
    return slice_eq_nocase(type, SLICE("BlockBlob"));
}

void blob_http_put(struct rest_request *r)
{
    struct blob_call *call = blob_call_begin(r, MAY_WRITE);
    if (call == NULL)
        return;
    enum blob_what what = BLOB_PUT;
    enum blob_error e;
    if (!read_what(r, &what, &e)) {
        blob_call_error(
            call, e,
            e == BLOB_ERROR_HEADER_MISSING || e == BLOB_ERROR_HEADER
                ? "x-ms-blob-type must be BlockBlob: append and page blobs are not kept here."
                : NULL);
        return;
    }
    if (rest_header(r, "x-ms-copy-source").len) {
        blob_call_error(call, BLOB_ERROR_HEADER_UNSUPPORTED,
                        "x-ms-copy-source: blobs are not copied here.");
        return;
    }
    struct put *p = MEMORY_NEW(struct put);
    p->call = call;
    p->what = what;
    call->state = p;
    call->job.block_id = rest_query(r, "blockid");
    blob_call_ask(call, BLOB_CONTAINER_LOOK, on_container);
}

/* ---- deleting ---- */

static void on_dropped(struct blob_job *j, enum status why)
{
    if (why == OK)
        blob_call_reply(j->arg, 202);
    else
        blob_call_fail(j->arg, why);
}

void blob_http_delete(struct rest_request *r)
{
    struct blob_call *call = blob_call_begin(r, BLOB_DELETE);
    if (call)
        blob_call_ask(call, BLOB_DROP, on_dropped);
}

/* Reading: a blob or a part of it, what is known of it, the list of its blocks. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "blob/http_call.h"
#include "blob/range.h"
#include "blob/xml.h"
#include "crypto/digest.h"

#define PIECE_BYTES (256u << 10)
#define RANGE_MD5_MAX (4u << 20) /* bytes of a part whose MD5 is asked for, Azure's limit */

/* ---- the bytes: read on a helper thread, sent as the peer takes them ---- */

struct download {
    struct blob_call *call;
    struct store_disk *disk;
    size_t extent;     /* which file */
    uint64_t at, left; /* in it; of the answer */
    struct store_file *file;
    struct buffer path, piece;
    enum status why;
    /* Read once before it is sent, for the MD5 that goes before the bytes. */
    struct crypto_md5 *md5;
    struct blob_range range;
    const char *type;
};

static void drop(void *arg)
{
    struct download *d = arg;
    uint8_t md5[CRYPTO_MD5_LEN];
    if (d->file)
        d->file->disk->ops->close(&d->file);
    if (d->md5)
        crypto_md5_end(&d->md5, md5);
    buffer_clear(&d->path);
    buffer_clear(&d->piece);
    free(d);
}

static void end(struct download *d)
{
    struct blob_call *call = d->call;
    drop(d);
    rest_reply_end(call->request);
    blob_call_free(call);
}

/* On a helper thread. */
static void read_piece(void *arg)
{
    struct download *d = arg;
    const struct blob_extent *e = &d->call->job.extents[d->extent];
    uint64_t len = e->bytes - d->at < d->left ? e->bytes - d->at : d->left;
    buffer_reset(&d->piece);
    d->why = d->file ? OK : d->disk->ops->open(d->disk, buffer_cstr(&d->path), false, &d->file);
    if (d->why == OK)
        d->why = d->file->disk->ops->read(d->file, d->at, len < PIECE_BYTES ? len : PIECE_BYTES,
                                          &d->piece);
    if (d->why == OK && d->piece.len == 0)
        d->why = IO_FAILED; /* the file is shorter than it was */
}

static void read_on(struct download *d);

static void on_room(void *arg, enum status why)
{
    struct download *d = arg;
    if (why != OK || d->left == 0)
        end(d);
    else
        read_on(d);
}

static void hash_piece(struct download *d);

static void fail(struct download *d)
{
    struct blob_call *call = d->call;
    log_warn("a blob could not be read path=%.*s rid=%s status=%s", SLICE_FMT(call->request->path),
             call->request->id, status_name(d->why));
    if (d->md5) { /* nothing has been sent yet */
        drop(d);
        blob_call_error(call, BLOB_ERROR_INTERNAL, NULL);
    } else {
        end(d);
    }
}

static void on_read(void *arg)
{
    struct download *d = arg;
    if (d->why != OK) {
        fail(d);
        return;
    }
    d->at += d->piece.len;
    d->left -= d->piece.len;
    if (d->md5)
        hash_piece(d);
    else
        rest_reply_piece(d->call->request, buffer_slice(&d->piece), on_room, d);
}

/* The next file when one is used up; empty ones are stepped over. */
static void find_file(struct download *d)
{
    const struct blob_job *j = &d->call->job;
    while (d->at >= j->extents[d->extent].bytes) {
        d->at -= j->extents[d->extent].bytes;
        d->extent++;
        if (d->file)
            d->file->disk->ops->close(&d->file);
    }
    if (d->file)
        return;
    buffer_reset(&d->path);
    blob_store_file_path(d->call->store, j->extents[d->extent].file, &d->path);
}

static void read_on(struct download *d)
{
    find_file(d);
    loop_work_or_drop(d->call->request->loop, read_piece, on_read, drop, d);
}

static struct download *download_new(struct blob_call *call, struct blob_range range)
{
    struct download *d = MEMORY_NEW(struct download);
    d->call = call;
    d->disk = blob_store_disk(call->store);
    d->at = range.at;
    d->left = range.len;
    return d;
}

static void send(struct blob_call *call, int status, const char *type, struct blob_range range)
{
    rest_reply_begin(call->request, status, type, range.len);
    if (range.len == 0 || slice_eq(call->request->method, SLICE("HEAD"))) {
        rest_reply_end(call->request);
        blob_call_free(call);
        return;
    }
    read_on(download_new(call, range));
}

static void hash_piece(struct download *d)
{
    crypto_md5_add(d->md5, buffer_slice(&d->piece));
    if (d->left > 0) {
        read_on(d);
        return;
    }
    struct blob_call *call = d->call;
    struct blob_range range = d->range;
    const char *type = d->type;
    uint8_t md5[CRYPTO_MD5_LEN];
    struct buffer text = {0};
    crypto_md5_end(&d->md5, md5);
    base64_encode(slice_from(md5, sizeof(md5)), &text);
    rest_add_header(call->request, "Content-MD5", buffer_slice(&text));
    buffer_clear(&text);
    drop(d);
    send(call, 206, type, range);
}

/* "x-ms-range-get-content-md5": the part is read twice, so that it need not be kept. */
static void send_with_md5(struct blob_call *call, const char *type, struct blob_range range)
{
    if (range.len > RANGE_MD5_MAX) {
        blob_call_error(call, BLOB_ERROR_HEADER,
                        "x-ms-range-get-content-md5: the range has more than 4 MiB.");
        return;
    }
    struct download *d = download_new(call, range);
    d->md5 = crypto_md5_new();
    d->range = range;
    d->type = type;
    read_on(d);
}

/* ---- what is told with it ---- */

/* A signature may set them in the answer: "rscc" and its kin. */
static struct slice told(const struct rest_request *r, const char *parameter, struct slice kept)
{
    struct slice v = rest_query(r, parameter);
    return v.len ? v : kept;
}

static void add(struct rest_request *r, const char *name, struct slice v)
{
    if (v.len)
        rest_add_header(r, name, v);
}

static void add_meta(struct rest_request *r, struct slice meta)
{
    struct slice line;
    while (meta.len > 0 && slice_split(&meta, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        if (colon > 0 && colon < line.len)
            rest_add_header(
                r, arena_printf(&r->arena, "x-ms-meta-%.*s", SLICE_FMT(slice_first(line, colon))),
                slice_skip(line, colon + 1));
    }
}

static void add_properties(struct blob_call *call, bool whole)
{
    struct rest_request *r = call->request;
    const struct blob_headers *h = &call->job.facts.headers;
    char created[CLOCK_ISO8601_MAX];
    blob_call_add_common(call);
    blob_call_add_facts(call, &call->job.facts);
    rest_add_header(r, "x-ms-creation-time",
                    slice_from(created, clock_http_date(call->job.facts.created_ms, created)));
    rest_add_header(r, "Accept-Ranges", SLICE("bytes"));
    rest_add_header(r, "x-ms-blob-type", SLICE("BlockBlob"));
    rest_add_header(r, "x-ms-lease-status", SLICE("unlocked"));
    rest_add_header(r, "x-ms-lease-state", SLICE("available"));
    rest_add_header(r, "x-ms-server-encrypted", SLICE("false"));
    add(r, "Content-Encoding", told(r, "rsce", h->encoding));
    add(r, "Content-Language", told(r, "rscl", h->language));
    add(r, "Content-Disposition", told(r, "rscd", h->disposition));
    add(r, "Cache-Control", told(r, "rscc", h->cache_control));
    add(r, whole ? "Content-MD5" : "x-ms-blob-content-md5", h->md5);
    add_meta(r, h->meta);
}

/* ---- which part ---- */

/* "If-Range": the part only of that very blob, else the whole. */
static bool range_holds(const struct blob_call *call)
{
    struct slice wanted = rest_header(call->request, "If-Range");
    struct buffer etag = {0};
    buffer_u8(&etag, '"');
    blob_etag_print(call->job.facts.etag, &etag);
    buffer_u8(&etag, '"');
    bool holds = wanted.len == 0 || slice_eq(wanted, buffer_slice(&etag));
    buffer_clear(&etag);
    return holds;
}

static enum status read_range(const struct blob_call *call, struct blob_range *out)
{
    struct rest_request *r = call->request;
    struct slice header = rest_header(r, "x-ms-range");
    if (header.len == 0)
        header = rest_header(r, "Range");
    *out = (struct blob_range){0, call->job.facts.bytes};
    return header.len && range_holds(call) ? blob_range_parse(header, call->job.facts.bytes, out)
                                           : NOT_FOUND;
}

static void send_blob(struct blob_call *call)
{
    struct rest_request *r = call->request;
    uint64_t bytes = call->job.facts.bytes;
    const char *type = arena_text(&r->arena, told(r, "rsct", call->job.facts.headers.type));
    struct blob_range range;
    switch (read_range(call, &range)) {
    case OK:
        add_properties(call, false);
        rest_add_header(
            r, "Content-Range",
            slice_of(arena_printf(&r->arena, "bytes %llu-%llu/%llu", (unsigned long long)range.at,
                                  (unsigned long long)(range.at + range.len - 1),
                                  (unsigned long long)bytes)));
        if (slice_eq_nocase(rest_header(r, "x-ms-range-get-content-md5"), SLICE("true")))
            send_with_md5(call, type, range);
        else
            send(call, 206, type, range);
        return;
    case NOT_FOUND:
        add_properties(call, true);
        send(call, 200, type, range);
        return;
    case BAD_ARGUMENT:
        rest_add_header(
            r, "Content-Range",
            slice_of(arena_printf(&r->arena, "bytes */%llu", (unsigned long long)bytes)));
        blob_call_error(call, BLOB_ERROR_RANGE, NULL);
        return;
    default:
        blob_call_error(call, BLOB_ERROR_HEADER, "Range or x-ms-range is no range of bytes.");
    }
}

static void on_found(struct blob_job *j, enum status why)
{
    if (why == OK)
        send_blob(j->arg);
    else
        blob_call_fail(j->arg, why);
}

/* ---- Get Block List ---- */

static void put_blocks(const struct blob_job *j, bool committed, const char *name,
                       struct buffer *out)
{
    buffer_printf(out, "<%s>", name);
    for (size_t i = 0; i < j->block_count; i++) {
        if (j->blocks[i].committed != committed)
            continue;
        buffer_text(out, "<Block>");
        xml_put(out, "Name", j->blocks[i].id);
        xml_put_number(out, "Size", j->blocks[i].bytes);
        buffer_text(out, "</Block>");
    }
    buffer_printf(out, "</%s>", name);
}

static void on_blocks(struct blob_job *j, enum status why)
{
    struct blob_call *call = j->arg;
    if (why != OK) {
        blob_call_fail(call, why);
        return;
    }
    struct slice type = rest_query(call->request, "blocklisttype");
    bool all = slice_eq_nocase(type, SLICE("all"));
    struct buffer xml = {0};
    buffer_text(&xml, XML_PROLOG "<BlockList>");
    if (all || !slice_eq_nocase(type, SLICE("uncommitted")))
        put_blocks(j, true, "CommittedBlocks", &xml);
    if (all || slice_eq_nocase(type, SLICE("uncommitted")))
        put_blocks(j, false, "UncommittedBlocks", &xml);
    buffer_text(&xml, "</BlockList>");
    if (j->found) {
        blob_call_add_facts(call, &j->facts);
        rest_add_header(call->request, "x-ms-blob-content-length",
                        slice_of(arena_printf(&call->request->arena, "%llu",
                                              (unsigned long long)j->facts.bytes)));
    }
    blob_call_xml(call, 200, buffer_slice(&xml));
    buffer_clear(&xml);
}

void blob_http_get(struct rest_request *r)
{
    struct blob_call *call = blob_call_begin(r, BLOB_READ);
    struct slice comp = rest_query(r, "comp");
    if (call == NULL)
        return;
    if (comp.len == 0)
        blob_call_ask(call, BLOB_LOOK, on_found);
    else if (slice_eq_nocase(comp, SLICE("blocklist")))
        blob_call_ask(call, BLOB_BLOCKS, on_blocks);
    else
        blob_call_error(call, BLOB_ERROR_QUERY,
                        "comp: blobs have their bytes and their blocklist here, nothing else.");
}

#include "blob/spool.h"

#include <stdlib.h>

#include "base/memory.h"
#include "blob/crc64.h"

struct spool {
    struct blob_store *store; /* on the loop alone: it may be closed while a thread is at work */
    struct store_disk *disk;
    struct rest_request *request;
    blob_spool_fn *fn;
    void *arg;
    struct buffer piece, path;
    struct store_file *file; /* NULL: not open */
    struct crypto_md5 *md5;  /* NULL: not wanted */
    struct blob_spooled out;
    bool made, last;
    enum status why; /* of the work on the helper thread */
};

static void read_on(struct spool *s);

static void spool_free(void *arg)
{
    struct spool *s = arg;
    buffer_clear(&s->piece);
    buffer_clear(&s->path);
    if (s->md5)
        crypto_md5_end(&s->md5, s->out.md5);
    free(s);
}

/* ---- on a helper thread ---- */

static enum status sync_all(struct spool *s)
{
    struct buffer folder = {0};
    struct slice path = buffer_slice(&s->path);
    while (path.len > 0 && path.at[path.len - 1] != '/')
        path.len--;
    buffer_put(&folder, path);
    enum status status = s->disk->ops->sync(s->file);
    s->disk->ops->close(&s->file);
    if (status == OK)
        status = s->disk->ops->sync_directory(s->disk, buffer_cstr(&folder));
    buffer_clear(&folder);
    return status;
}

static void write_piece(void *arg)
{
    struct spool *s = arg;
    struct slice piece = buffer_slice(&s->piece);
    s->why = s->made ? OK : s->disk->ops->open(s->disk, buffer_cstr(&s->path), true, &s->file);
    s->made |= s->why == OK;
    if (s->why == OK && piece.len > 0)
        s->why = s->disk->ops->write(s->file, s->out.bytes, piece);
    if (s->why != OK)
        return;
    s->out.bytes += piece.len;
    s->out.crc64 = blob_crc64(s->out.crc64, piece);
    if (s->md5)
        crypto_md5_add(s->md5, piece);
    if (s->last)
        s->why = sync_all(s);
}

static void remove_file(void *arg)
{
    struct spool *s = arg;
    if (s->file)
        s->disk->ops->close(&s->file);
    if (s->made && s->disk->ops->remove(s->disk, buffer_cstr(&s->path)) != OK)
        return; /* logged; the next start removes it */
}

/* ---- on the loop ---- */

static void on_removed(void *arg)
{
    struct spool *s = arg;
    blob_store_give_back(s->store, s->out.bytes + s->piece.len);
    if (s->fn)
        s->fn(s->arg, s->why, NULL);
    spool_free(s);
}

static void fail(struct spool *s, enum status why)
{
    s->why = why;
    loop_work_or_drop(s->request->loop, remove_file, on_removed, spool_free, s);
}

static void on_written(void *arg)
{
    struct spool *s = arg;
    if (s->why != OK) {
        fail(s, s->why);
        return;
    }
    buffer_reset(&s->piece);
    if (!s->last) {
        read_on(s);
        return;
    }
    if (s->md5)
        crypto_md5_end(&s->md5, s->out.md5);
    s->fn(s->arg, OK, &s->out);
    spool_free(s);
}

static void write_on(struct spool *s)
{
    if (blob_store_take(s->store, s->piece.len) != OK) {
        buffer_reset(&s->piece); /* it was not counted */
        fail(s, FULL);
        return;
    }
    loop_work_or_drop(s->request->loop, write_piece, on_written, spool_free, s);
}

static void on_piece(void *arg, enum status why, struct slice bytes)
{
    struct spool *s = arg;
    if (why != OK) {
        buffer_reset(&s->piece);
        fail(s, why);
        return;
    }
    buffer_put(&s->piece, bytes);
    s->last = bytes.len == 0;
    if (s->last || s->piece.len >= SPOOL_PIECE_BYTES)
        write_on(s);
    else
        read_on(s);
}

static void read_on(struct spool *s)
{
    rest_body_read(s->request, on_piece, s);
}

void blob_spool(struct blob_store *store, struct rest_request *r, bool md5, blob_spool_fn *fn,
                void *arg)
{
    struct spool *s = MEMORY_NEW(struct spool);
    s->store = store;
    s->disk = blob_store_disk(store);
    s->request = r;
    s->fn = fn;
    s->arg = arg;
    s->md5 = md5 ? crypto_md5_new() : NULL;
    s->out.file = blob_store_file_new(store);
    blob_store_file_path(store, s->out.file, &s->path);
    read_on(s);
}

void blob_spool_drop(struct blob_store *store, struct loop *loop,
                     const struct blob_spooled *spooled)
{
    struct spool *s = MEMORY_NEW(struct spool);
    s->store = store;
    s->disk = blob_store_disk(store);
    s->out = *spooled;
    s->made = true;
    blob_store_file_path(store, spooled->file, &s->path);
    loop_work_or_drop(loop, remove_file, on_removed, spool_free, s);
}

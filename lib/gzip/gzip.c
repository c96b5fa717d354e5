#include "gzip/gzip.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/memory.h"

#define WINDOW_GZIP (MAX_WBITS + 16) /* zlib's word for gzip's header and trailer */
#define MEMORY_LEVEL 8               /* zlib's own default */
#define LEVEL Z_BEST_SPEED           /* of values as JSON: a third of the time, a tenth more bytes */
#define STEP 16384

void gzip_compress(struct slice in, struct buffer *out)
{
    assert(in.len <= UINT_MAX);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.at, .avail_in = (uInt)in.len};
    int made = deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY_LEVEL,
                            Z_DEFAULT_STRATEGY);
    assert(made == Z_OK);
    (void)made;
    size_t room = deflateBound(&z, in.len);
    z.next_out = buffer_reserve(out, room);
    z.avail_out = (uInt)room;
    int done = deflate(&z, Z_FINISH);
    assert(done == Z_STREAM_END); /* there is room for the worst */
    (void)done;
    buffer_added(out, room - z.avail_out);
    deflateEnd(&z);
}

/* Z_STREAM_END at the end of the member, Z_OK when `max` is reached before. */
static int expand(z_stream *z, size_t max, struct buffer *out)
{
    size_t before = out->len;
    int s = Z_OK;
    while (s == Z_OK && out->len - before <= max) {
        z->next_out = buffer_reserve(out, STEP);
        z->avail_out = STEP;
        s = inflate(z, Z_NO_FLUSH);
        buffer_added(out, STEP - z->avail_out);
    }
    return s;
}

bool gzip_is(struct slice bytes)
{
    return bytes.len > 2 && bytes.at[0] == 0x1f && bytes.at[1] == 0x8b; /* RFC 1952, 2.3.1 */
}

enum status gzip_expand(struct slice in, size_t max, struct buffer *out)
{
    if (in.len > UINT_MAX)
        return TOO_LARGE;
    size_t before = out->len;
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.at, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
        return BAD_FORMAT;
    int s = expand(&z, max, out);
    enum status status = out->len - before > max                ? TOO_LARGE
                         : s == Z_STREAM_END && z.avail_in == 0 ? OK
                                                                : BAD_FORMAT;
    inflateEnd(&z);
    if (status != OK)
        out->len = before;
    return status;
}

void gzip_peek(struct slice in, struct buffer *out)
{
    in = slice_first(in, STEP);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.at, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
        return;
    (void)expand(&z, 0, out);
    inflateEnd(&z);
}

enum status gzip_measure(struct slice in, size_t *len)
{
    uint8_t made[STEP]; /* of no use */
    if (in.len > UINT_MAX)
        return BAD_FORMAT;
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.at, .avail_in = (uInt)in.len};
    int s = inflateInit2(&z, WINDOW_GZIP);
    while (s == Z_OK) {
        z.next_out = made;
        z.avail_out = sizeof made;
        s = inflate(&z, Z_NO_FLUSH);
    }
    size_t left = z.avail_in;
    inflateEnd(&z);
    if (s == Z_STREAM_END)
        *len = in.len - left;
    return s == Z_STREAM_END ? OK : s == Z_BUF_ERROR && left == 0 ? AGAIN : BAD_FORMAT;
}

/* ---- in pieces ---- */

struct gzip_expander {
    z_stream z;
    size_t left; /* of `max` */
};

struct gzip_expander *gzip_expander_new(size_t max)
{
    struct gzip_expander *e = MEMORY_NEW(struct gzip_expander);
    e->left = max;
    int made = inflateInit2(&e->z, WINDOW_GZIP);
    assert(made == Z_OK);
    (void)made;
    return e;
}

void gzip_expander_free(struct gzip_expander **e)
{
    if (*e)
        inflateEnd(&(*e)->z);
    free(*e);
    *e = NULL;
}

enum status gzip_expander_feed(struct gzip_expander *e, struct slice in, struct buffer *out)
{
    size_t before = out->len;
    if (in.len > UINT_MAX)
        return TOO_LARGE;
    e->z.next_in = (Bytef *)(uintptr_t)in.at;
    e->z.avail_in = (uInt)in.len;
    int s = expand(&e->z, e->left, out);
    if (out->len - before > e->left)
        return TOO_LARGE;
    e->left -= out->len - before;
    if (s == Z_STREAM_END)
        return e->z.avail_in == 0 ? OK : BAD_FORMAT;
    return s == Z_BUF_ERROR ? AGAIN : BAD_FORMAT; /* all was taken, and there was room for more */
}

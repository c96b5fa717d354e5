#include "pubsub/message_end.h"

#include <errno.h>
#include <unistd.h>

#include "base/buffer.h"
#include "gzip/gzip.h"

#define CHUNK 65536                               /* of what is looked through */
#define COUNT 4                                   /* bytes before a message */
#define GZIP_HEAD SLICE("\x1f\x8b\x08\0\0\0\0\0") /* as gzip/gzip.h writes it: no name, no time */

static bool read_at(int fd, uint8_t *out, size_t len, off_t at)
{
    while (len) {
        ssize_t n = pread(fd, out, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        out += n;
        len -= (size_t)n;
        at += n;
    }
    return true;
}

/* Where the last `mark` that ends at `before` or earlier begins; -1: there is none. */
static enum status find_last(int fd, off_t before, struct slice mark, off_t *out)
{
    uint8_t chunk[CHUNK];
    *out = -1;
    for (off_t end = before; end >= (off_t)mark.len;) {
        off_t from = end > CHUNK ? end - CHUNK : 0;
        size_t len = (size_t)(end - from);
        if (!read_at(fd, chunk, len, from))
            return IO_FAILED;
        for (size_t at = len - mark.len + 1; at-- > 0;)
            if (memcmp(chunk + at, mark.at, mark.len) == 0) {
                *out = from + (off_t)at;
                return OK;
            }
        if (from == 0)
            return OK;
        end = from + (off_t)mark.len - 1;
    }
    return OK;
}

/* As far as both go; nothing begins with what is empty. */
static enum status begins(int fd, off_t size, struct slice head, bool *out)
{
    uint8_t chunk[CHUNK];
    size_t most = size < (off_t)head.len ? (size_t)size : head.len;
    *out = most > 0;
    for (size_t at = 0; *out && at < most;) {
        size_t len = most - at < CHUNK ? most - at : CHUNK;
        if (!read_at(fd, chunk, len, (off_t)at))
            return IO_FAILED;
        *out = memcmp(chunk, head.at + at, len) == 0;
        at += len;
    }
    return OK;
}

/* What a power failure leaves where a file had grown and nothing was written. */
static enum status is_zero(int fd, off_t at, off_t size, bool *out)
{
    uint8_t chunk[CHUNK];
    for (*out = true; *out && at < size;) {
        size_t len = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        if (!read_at(fd, chunk, len, at))
            return IO_FAILED;
        for (size_t i = 0; i < len; i++)
            *out = *out && chunk[i] == 0;
        at += (off_t)len;
    }
    return OK;
}

/* There is no whole message in it: is it the first one, torn? Others' files are not. */
static enum status find_torn_first(int fd, off_t size, const struct slice *heads, size_t count,
                                   off_t *end)
{
    bool ours = size == 0;
    if (size > MESSAGE_END_MAX)
        return BAD_FORMAT;
    enum status s = OK;
    for (size_t i = 0; i < count && s == OK && !ours; i++)
        s = begins(fd, size, heads[i], &ours);
    if (s == OK && !ours)
        s = is_zero(fd, 0, size, &ours);
    if (s == OK)
        *end = 0;
    return s == OK && !ours ? BAD_FORMAT : s;
}

enum status message_end_marked(int fd, off_t size, struct slice mark, const struct slice *heads,
                               size_t count, off_t *end)
{
    off_t at;
    enum status s = find_last(fd, size, mark, &at);
    if (s != OK)
        return s;
    if (at < 0)
        return find_torn_first(fd, size, heads, count, end);
    if (size - at > MESSAGE_END_MAX)
        return BAD_FORMAT;
    *end = at + (off_t)mark.len;
    return OK;
}

/* ---- with their length ---- */

struct walk {
    int fd;
    off_t size, from; /* of the file; of the chunk in it */
    size_t len;
    uint8_t chunk[CHUNK];
};

static bool count_at(struct walk *w, off_t at, uint32_t *out)
{
    if (at < w->from || at + COUNT > w->from + (off_t)w->len) {
        off_t left = w->size - at;
        w->from = at;
        w->len = left < CHUNK ? (size_t)left : CHUNK;
        if (!read_at(w->fd, w->chunk, w->len, at))
            return false;
    }
    const uint8_t *p = w->chunk + (at - w->from);
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return true;
}

enum status message_end_counted(int fd, off_t size, off_t *end)
{
    struct walk w = {.fd = fd, .size = size};
    uint32_t len = 1;
    off_t at = 0;
    while (size - at >= COUNT) {
        if (!count_at(&w, at, &len))
            return IO_FAILED;
        if (len == 0 || len > size - at - COUNT)
            break;
        at += COUNT + (off_t)len;
    }
    bool torn = len > 0 && len <= MESSAGE_END_MAX;
    enum status s = torn ? OK : is_zero(fd, at, size, &torn);
    if (s != OK)
        return s;
    if (!torn || size - at > MESSAGE_END_MAX)
        return BAD_FORMAT;
    *end = at;
    return OK;
}

/* ---- members of gzip ---- */

/* How long the member at `at` is; 0: it is none, or not whole. */
static enum status measure(int fd, off_t at, off_t size, size_t *len)
{
    struct buffer bytes = {0};
    size_t left = (size_t)(size - at);
    *len = 0;
    enum status s = read_at(fd, buffer_reserve(&bytes, left), left, at) ? OK : IO_FAILED;
    buffer_added(&bytes, s == OK ? left : 0);
    if (s == OK && gzip_measure(buffer_slice(&bytes), len) != OK)
        *len = 0;
    buffer_clear(&bytes);
    return s;
}

enum status message_end_gzip(int fd, off_t size, off_t *end)
{
    off_t before = size, at = 0;
    size_t len = 0;
    enum status s = OK;
    while (s == OK && len == 0 && at >= 0) {
        s = find_last(fd, before, GZIP_HEAD, &at);
        before = at + (off_t)GZIP_HEAD.len - 1;
        if (s == OK && size - (at < 0 ? 0 : at) > MESSAGE_END_MAX)
            return BAD_FORMAT;
        if (s == OK && at >= 0)
            s = measure(fd, at, size, &len);
    }
    struct slice head = GZIP_HEAD;
    if (s == OK && len == 0)
        return find_torn_first(fd, size, &head, 1, end);
    if (s == OK)
        *end = at + (off_t)len;
    return s;
}

#include "pubsub/message_end.h"

#include <errno.h>
#include <unistd.h>

#include "base/buffer.h"
#include "gzip/gzip.h"

#define CHUNK 65536                               /* of what is looked through */
#define COUNT 4                                   /* bytes before a message */
#define GZIP_HEAD SLICE("\x1f\x8b\x08\0\0\0\0\0") /* as gzip/gzip.h writes it: no name, no time */

bool message_end_read(int fd, uint8_t *out, size_t len, off_t at)
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

/* Where the last `mark` between `least` and `before` begins; -1: there is none. */
static enum status find_last(int fd, off_t least, off_t before, struct slice mark, off_t *out)
{
    uint8_t chunk[CHUNK];
    *out = -1;
    for (off_t end = before; end - least >= (off_t)mark.len;) {
        off_t from = end - least > CHUNK ? end - CHUNK : least;
        size_t len = (size_t)(end - from);
        if (!message_end_read(fd, chunk, len, from))
            return IO_FAILED;
        for (size_t at = len - mark.len + 1; at-- > 0;)
            if (memcmp(chunk + at, mark.at, mark.len) == 0) {
                *out = from + (off_t)at;
                return OK;
            }
        if (from == least)
            return OK;
        end = from + (off_t)mark.len - 1;
    }
    return OK;
}

enum status message_end_is_zero(int fd, off_t at, off_t size, bool *out)
{
    uint8_t chunk[CHUNK];
    for (*out = true; *out && at < size;) {
        size_t len = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        if (!message_end_read(fd, chunk, len, at))
            return IO_FAILED;
        for (size_t i = 0; i < len; i++)
            *out = *out && chunk[i] == 0;
        at += (off_t)len;
    }
    return OK;
}

enum status message_end_marked(int fd, off_t from, off_t size, struct slice mark, off_t *end)
{
    off_t at;
    enum status s = find_last(fd, from, size, mark, &at);
    if (s != OK)
        return s;
    off_t whole = at < 0 ? from : at + (off_t)mark.len;
    if (size - whole > MESSAGE_END_MAX)
        return BAD_FORMAT;
    *end = whole;
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
        if (!message_end_read(w->fd, w->chunk, w->len, at))
            return false;
    }
    const uint8_t *p = w->chunk + (at - w->from);
    *out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return true;
}

enum status message_end_counted(int fd, off_t from, off_t size, off_t *end)
{
    struct walk w = {.fd = fd, .size = size};
    uint32_t len = 1;
    off_t at = from;
    while (size - at >= COUNT) {
        if (!count_at(&w, at, &len))
            return IO_FAILED;
        if (len == 0 || len > size - at - COUNT)
            break;
        at += COUNT + (off_t)len;
    }
    bool torn = len > 0 && len <= MESSAGE_END_MAX;
    enum status s = torn ? OK : message_end_is_zero(fd, at, size, &torn);
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
    enum status s = message_end_read(fd, buffer_reserve(&bytes, left), left, at) ? OK : IO_FAILED;
    buffer_added(&bytes, s == OK ? left : 0);
    if (s == OK && gzip_measure(buffer_slice(&bytes), len) != OK)
        *len = 0;
    buffer_clear(&bytes);
    return s;
}

enum status message_end_gzip(int fd, off_t from, off_t size, off_t *end)
{
    off_t before = size, at = from;
    size_t len = 0;
    enum status s = OK;
    while (s == OK && len == 0 && at >= 0) {
        s = find_last(fd, from, before, GZIP_HEAD, &at);
        before = at + (off_t)GZIP_HEAD.len - 1;
        if (s == OK && size - (at < 0 ? from : at) > MESSAGE_END_MAX)
            return BAD_FORMAT;
        if (s == OK && at >= 0)
            s = measure(fd, at, size, &len);
    }
    if (s == OK)
        *end = len ? at + (off_t)len : from;
    return s;
}

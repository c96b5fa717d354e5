#include "store/scan.h"

#include "base/reader.h"

#define PAGE 4096u /* what a disk that fails does not read, at the least */

void store_scan_init(struct store_scan *s, struct store_file *file, uint32_t salt, uint64_t at,
                     uint64_t end, uint64_t expected, uint64_t limit)
{
    *s = (struct store_scan){
        .file = file,
        .window_at = at,
        .good_end = at,
        .end = end,
        .expected = expected,
        .limit = limit,
        .salt = salt,
    };
}

static uint64_t position(const struct store_scan *s)
{
    return s->window_at + s->used;
}

static enum status load(struct store_scan *s, size_t len)
{
    buffer_drop(&s->window, s->used);
    s->window_at += s->used;
    s->used = 0;
    uint64_t at = s->window_at + s->window.len;
    uint64_t left = s->end > at ? s->end - at : 0;
    size_t more = (len > STORE_CHUNK ? len : STORE_CHUNK) - s->window.len;
    more = more < left ? more : (size_t)left;
    size_t before = s->window.len;
    enum status status = s->file->disk->ops->read(s->file, at, more, &s->window);
    if (status != OK)
        return status;
    if (s->window.len - before < more)
        s->end = s->window_at + s->window.len; /* somebody cut the file */
    return OK;
}

/* At least `len` bytes of what comes, or all there is. */
static enum status want(struct store_scan *s, size_t len, struct slice *out)
{
    bool more = s->window_at + s->window.len < s->end;
    if (s->window.len - s->used < len && more) {
        enum status status = load(s, len);
        if (status != OK)
            return status;
    }
    *out = slice_skip(buffer_slice(&s->window), s->used);
    return OK;
}

/* The lost ones between took at least a header each. */
static bool can_be(const struct store_scan *s, struct slice header)
{
    struct reader r = reader_of(slice_skip(header, 4));
    uint32_t len = reader_u32(&r);
    uint64_t sequence = reader_u64(&r);
    uint64_t lost_max = (position(s) - s->good_end) / STORE_RECORD_HEADER;
    return len <= STORE_RECORD_MAX && sequence >= s->expected && sequence < s->limit &&
           sequence - s->expected <= lost_max;
}

/* OK, or BAD_FORMAT when no record of this segment begins here. */
static enum status try_here(struct store_scan *s, struct slice *rest, struct store_record *out)
{
    if (!can_be(s, *rest))
        return BAD_FORMAT;
    enum status status = want(s, store_record_size(rest->at), rest);
    if (status != OK)
        return status;
    status = store_record_decode(*rest, s->salt, out);
    return status == AGAIN ? BAD_FORMAT : status;
}

enum status store_scan_next(struct store_scan *s, struct store_record *out, uint64_t *expected)
{
    *expected = s->expected;
    while (s->expected < s->limit) {
        struct slice rest;
        enum status status = want(s, STORE_RECORD_HEADER, &rest);
        if (status != OK)
            return status;
        if (rest.len < STORE_RECORD_HEADER)
            return CLOSED;
        status = try_here(s, &rest, out);
        if (status == OK) {
            s->commit = store_record_commit(rest.at);
            s->used += STORE_RECORD_HEADER + out->bytes.len;
            s->good_end = position(s);
            s->expected = out->sequence + 1;
            s->given_up = 0;
            return OK;
        }
        if (status != BAD_FORMAT)
            return status;
        s->used++;
    }
    return CLOSED;
}

void store_scan_give_up(struct store_scan *s)
{
    uint64_t failed_at = s->window_at + s->window.len;
    s->given_up = s->given_up ? 2 * s->given_up : PAGE;
    s->window_at = (failed_at / PAGE) * PAGE + s->given_up;
    s->used = 0;
    buffer_reset(&s->window);
}

void store_scan_clear(struct store_scan *s)
{
    if (s->file)
        s->file->disk->ops->close(&s->file);
    buffer_clear(&s->window);
    *s = (struct store_scan){0};
}

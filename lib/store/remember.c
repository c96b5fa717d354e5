#include "store/remember.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"
#include "store/crc32c.h"

#define MAGIC 0x4d524c53u /* MRLS */
#define VERSION 2u        /* 1: records did not tell their commit */
#define HEADER 44u
#define CRC 4u

struct store_cursor *store_remember_find(struct store_remember *r, struct slice name)
{
    for (size_t i = 0; i < r->count; i++)
        if (slice_eq(r->cursors[i].name, name))
            return &r->cursors[i];
    return NULL;
}

enum status store_remember_set(struct store_remember *r, struct slice name, uint64_t sequence)
{
    struct store_cursor *c = store_remember_find(r, name);
    if (c == NULL) {
        if (name.len > STORE_CURSOR_NAME_MAX)
            return TOO_LARGE;
        if (r->count == STORE_CURSORS_MAX)
            return FULL;
        r->cursors = memory_resize(r->cursors, (r->count + 1) * sizeof(*r->cursors));
        c = &r->cursors[r->count++];
        c->name = slice_from(slice_dup(name), name.len);
    }
    c->sequence = sequence;
    return OK;
}

bool store_remember_drop(struct store_remember *r, struct slice name)
{
    struct store_cursor *c = store_remember_find(r, name);
    if (c == NULL)
        return false;
    free((void *)c->name.at);
    *c = r->cursors[--r->count];
    return true;
}

/* Magic, version, length of all, count, turn, durable, first, age; then the cursors; the CRC. */
void store_remember_encode(const struct store_remember *r, uint64_t turn, struct buffer *out)
{
    size_t len = HEADER + CRC, start = out->len;
    for (size_t i = 0; i < r->count; i++)
        len += 2 + r->cursors[i].name.len + 8;
    buffer_u32(out, MAGIC);
    buffer_u16(out, VERSION);
    buffer_u32(out, (uint32_t)len);
    buffer_u16(out, (uint16_t)r->count);
    buffer_u64(out, turn);
    buffer_u64(out, r->durable);
    buffer_u64(out, r->first);
    buffer_u64(out, r->age_ms);
    for (size_t i = 0; i < r->count; i++) {
        buffer_u16(out, (uint16_t)r->cursors[i].name.len);
        buffer_put(out, r->cursors[i].name);
        buffer_u64(out, r->cursors[i].sequence);
    }
    buffer_u32(out, store_crc32c(0, slice_skip(buffer_slice(out), start)));
}

static bool is_whole(struct slice slot, struct slice *body)
{
    struct reader r = reader_of(slot);
    bool magic = reader_u32(&r) == MAGIC;
    reader_u16(&r);
    uint32_t len = reader_u32(&r);
    if (!magic || len < HEADER + CRC || len > slot.len)
        return false;
    *body = slice_first(slot, len - CRC);
    r = reader_of(slice_skip(slot, body->len));
    return reader_u32(&r) == store_crc32c(0, *body);
}

static bool read_cursors(struct reader *r, uint16_t count, struct store_remember *out)
{
    for (uint16_t i = 0; i < count; i++) {
        struct slice name = reader_bytes(r, reader_u16(r));
        uint64_t sequence = reader_u64(r);
        if (!reader_ok(r) || sequence > INT64_MAX || store_remember_set(out, name, sequence) != OK)
            return false;
    }
    return true;
}

enum status store_remember_decode(struct slice slot, struct store_remember *out, uint64_t *turn)
{
    struct slice body;
    if (!is_whole(slot, &body))
        return BAD_FORMAT;
    struct reader r = reader_of(slice_skip(body, 4));
    if (reader_u16(&r) != VERSION)
        return UNSUPPORTED;
    reader_u32(&r);
    uint16_t count = reader_u16(&r);
    uint64_t its_turn = reader_u64(&r);
    struct store_remember got = {.durable = reader_u64(&r)};
    got.first = reader_u64(&r);
    got.age_ms = reader_u64(&r);
    bool sane = got.durable <= INT64_MAX && got.first <= INT64_MAX;
    if (!sane || !read_cursors(&r, count, &got) || !reader_done(&r)) {
        store_remember_clear(&got);
        return BAD_FORMAT;
    }
    *out = got;
    *turn = its_turn;
    return OK;
}

void store_remember_clear(struct store_remember *r)
{
    for (size_t i = 0; i < r->count; i++)
        free((void *)r->cursors[i].name.at);
    free(r->cursors);
    *r = (struct store_remember){0};
}

/* ---- the file ---- */

/* Reserved, and never written. */
static bool is_blank(struct slice slot)
{
    for (size_t i = 0; i < slot.len; i++)
        if (slot.at[i])
            return false;
    return true;
}

/* NOT_FOUND: no slot was ever written. */
static enum status read_slots(struct store_file *f, struct store_remember *out, uint64_t *turn)
{
    bool found = false, written = false, unread = false;
    for (uint64_t n = 0; n < 2; n++) {
        struct buffer slot = {0};
        struct store_remember got = {0};
        uint64_t its_turn = 0;
        enum status s = f->disk->ops->read(f, n * STORE_REMEMBER_SLOT, STORE_REMEMBER_SLOT, &slot);
        if (s == OK)
            s = store_remember_decode(buffer_slice(&slot), &got, &its_turn);
        written = written || !is_blank(buffer_slice(&slot));
        buffer_clear(&slot);
        unread = unread || s == IO_FAILED; /* the other one may be whole, and little older */
        if (s == BAD_FORMAT || s == IO_FAILED)
            continue;
        if (s != OK)
            return s;
        if (!found || its_turn > *turn) {
            store_remember_clear(out);
            *out = got;
            *turn = its_turn;
        } else {
            store_remember_clear(&got);
        }
        found = true;
    }
    return found ? OK : unread ? IO_FAILED : written ? BAD_FORMAT : NOT_FOUND;
}

enum status store_remember_load(struct store_disk *d, const char *path, struct store_remember *out,
                                uint64_t *turn)
{
    struct store_file *f;
    enum status s = d->ops->open(d, path, false, &f);
    if (s != OK)
        return s;
    d->ops->forget(f); /* as the disk has it: a sync may have failed before the kill */
    s = f->read_only ? IO_FAILED : read_slots(f, out, turn);
    if (f->read_only)
        log_error("cursors cannot be written: the file may only be read path=%s", path);
    d->ops->close(&f);
    return s;
}

enum status store_remember_reserve(struct store_disk *d, const char *path, bool syncs, bool *made)
{
    struct store_file *f;
    uint64_t size = 0;
    enum status s = d->ops->open(d, path, true, &f);
    if (s != OK)
        return s;
    s = d->ops->size(f, &size);
    *made = s == OK && size < 2 * STORE_REMEMBER_SLOT;
    if (*made) {
        size_t lack = 2 * STORE_REMEMBER_SLOT - size;
        uint8_t *zeros = memory_new(lack);
        s = d->ops->write(f, size, slice_from(zeros, lack));
        free(zeros);
    }
    if (s == OK && syncs)
        s = d->ops->sync(f);
    d->ops->close(&f);
    return s;
}

enum status store_remember_save(struct store_disk *d, const char *path, uint64_t turn,
                                struct slice slot, bool syncs)
{
    struct store_file *f;
    enum status s = d->ops->open(d, path, true, &f);
    if (s != OK)
        return s;
    s = d->ops->write(f, turn % 2 * STORE_REMEMBER_SLOT, slot);
    if (s == OK && syncs)
        s = d->ops->sync(f);
    d->ops->close(&f);
    return s;
}

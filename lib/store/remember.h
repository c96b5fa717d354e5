/*
 * What a log remembers beside its segments: cursors, how far it was durable, where it begins, and
 * its age. A file with two slots that are written in turn, so that one of them is always whole. It
 * may be older than the log, never newer.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "store/disk.h"

#define STORE_CURSORS_MAX 512
#define STORE_CURSOR_NAME_MAX 100
#define STORE_REMEMBER_SLOT (64u << 10)

struct store_cursor {
    struct slice name; /* owned */
    uint64_t sequence;
};

struct store_remember {
    uint64_t durable; /* at least so far was the log durable */
    uint64_t first;   /* what lies before it was dropped */
    uint64_t age_ms;
    struct store_cursor *cursors;
    size_t count;
};

/* NULL when it is not there. */
struct store_cursor *store_remember_find(struct store_remember *r, struct slice name);
/* FULL, TOO_LARGE. */
CHECKED enum status store_remember_set(struct store_remember *r, struct slice name,
                                       uint64_t sequence);
/* False when it was not there. */
bool store_remember_drop(struct store_remember *r, struct slice name);

/* A slot's bytes. `turn` grows with each write; it lies in slot turn % 2. */
void store_remember_encode(const struct store_remember *r, uint64_t turn, struct buffer *out);
/* BAD_FORMAT: not whole. UNSUPPORTED: written by another release. */
CHECKED enum status store_remember_decode(struct slice slot, struct store_remember *out,
                                          uint64_t *turn);

/* The newest whole slot. NOT_FOUND: there is no file; BAD_FORMAT: there is no whole slot;
 * UNSUPPORTED; IO_FAILED, also when it may not be written. Blocks. */
CHECKED enum status store_remember_load(struct store_disk *d, const char *path,
                                        struct store_remember *out, uint64_t *turn);
/* The file with its bytes for both slots, so that a disk which fills up later still takes what is remembered:
 * without that what was read could never make room. The directory is the caller's to sync when *made. With `syncs`
 * what it has is on the disk then, so that either slot may be written. Blocks. */
CHECKED enum status store_remember_reserve(struct store_disk *d, const char *path, bool syncs, bool *made);

/* Writes one slot. Until it is synced the same turn is written again, so that the other slot is whole whatever
 * a crash leaves of this one. Blocks. */
CHECKED enum status store_remember_save(struct store_disk *d, const char *path, uint64_t turn,
                                        struct slice slot, bool syncs);

void store_remember_clear(struct store_remember *r);

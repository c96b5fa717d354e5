/*
 * Where in a segment which record lies: an entry for every STORE_INDEX_STEP bytes. Of a closed
 * segment it is kept in a file beside it; when that is lost or broken, the segment is read through
 * once.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define STORE_INDEX_STEP (256u << 10)

struct store_index_entry {
    uint64_t sequence;
    uint64_t at;          /* byte in the segment where the record begins */
    uint64_t wall_before; /* newest stamp of all before it in the segment */
};

struct store_index {
    struct store_index_entry *entries;
    size_t count, cap;
    uint64_t wall_newest; /* of the whole segment; 0 when it is empty */
    uint64_t age_ms;      /* the log's age (retention.c) when its last record came */
};

/* A record or a run of them begins at `at`. Entries come in order; near ones are left out. */
void store_index_note(struct store_index *i, uint64_t sequence, uint64_t at);
/* Then: the newest stamp in that run. */
void store_index_stamp(struct store_index *i, uint64_t wall_ms);

/* The last entry that is not behind; NULL: begin at the start of the segment. */
const struct store_index_entry *store_index_by_sequence(const struct store_index *i,
                                                        uint64_t sequence);
const struct store_index_entry *store_index_by_time(const struct store_index *i, uint64_t wall_ms);

/* `salt` is the segment's, so that an index never serves another one. */
void store_index_encode(const struct store_index *i, uint32_t salt, struct buffer *out);
/* Refuses (BAD_FORMAT) what is not whole or points past `size`. */
CHECKED enum status store_index_decode(struct slice bytes, uint32_t salt, uint64_t size,
                                       struct store_index *out);
void store_index_clear(struct store_index *i);

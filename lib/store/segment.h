/*
 * Segments: the files of a log. A name holds the first sequence, and a tag whose upper half counts
 * the files that the log ever made and whose lower half is the salt of its records' CRCs. A
 * segment's records end before the next one's first; what lies behind them is left from a commit
 * that failed, or from the segment that had the file before: its salt was another.
 */
#pragma once

#include "store/index.h"
#include "store/log.h"

#define STORE_PATH_MAX 1024

struct store_path {
    char text[STORE_PATH_MAX];
};

struct store_segment {
    uint64_t first;
    uint64_t tag;
    uint64_t size;            /* durable bytes */
    struct store_index index; /* of the last segment always, of the others when `indexed` */
    bool indexed;
    bool unsaved; /* its index is to be written to its file */
    bool worn;    /* a write or a sync of it failed, or opening it to write: its file is not written over */
    bool unsized; /* it could not be opened at the log's open: its size is not known */
    bool ageless; /* nor is its age: retention found neither index nor records */
};

static inline uint32_t store_segment_salt(const struct store_segment *s)
{
    return (uint32_t)s->tag;
}

/* `ending`: "log" or "index". The directory's length was checked at open. */
struct store_path store_segment_path(const char *directory, const struct store_segment *s,
                                     const char *ending);
struct store_path store_path_in(const char *directory, const char *name);

/* False for names that are no segment's. */
bool store_segment_parse(struct slice name, const char *ending, struct store_segment *out);

/* An array in order of first, then tag. */
struct store_segments {
    struct store_segment *at;
    size_t count, cap;
};

struct store_segment *store_segments_add(struct store_segments *s, struct store_segment new);
void store_segments_sort(struct store_segments *s);
void store_segments_drop(struct store_segments *s, size_t n); /* the n-th */
/* Which of them holds the sequence: the last that does not begin behind it. 0 when all do. */
size_t store_segments_find(const struct store_segments *s, uint64_t sequence);
void store_segments_clear(struct store_segments *s);

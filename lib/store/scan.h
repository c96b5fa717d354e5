/*
 * Walks the records of one segment file from a known place, through a window of memory. What is
 * damaged is passed over to the next whole record of the segment, and told.
 */
#pragma once

#include "store/record.h"

#define STORE_CHUNK (256u << 10)

struct store_scan {
    struct store_file *file; /* owned */
    struct buffer window;
    uint64_t window_at; /* the file's byte that stands first in the window */
    size_t used;        /* of the window: passed */
    uint64_t end;       /* bytes of the file that count */
    uint64_t good_end;  /* behind the last whole record */
    uint64_t expected;  /* next sequence */
    uint64_t commit;    /* first sequence of the last whole record's commit */
    uint64_t limit;     /* first sequence that is no longer this segment's */
    uint32_t salt;
    uint64_t given_up; /* bytes, with the last call */
};

/* Takes the file. Record `expected` begins at byte `at`. */
void store_scan_init(struct store_scan *s, struct store_file *file, uint32_t salt, uint64_t at,
                     uint64_t end, uint64_t expected, uint64_t limit);

/*
 * OK: the next whole record, its bytes until the next call; those from *expected up to its sequence
 * are damaged. CLOSED: no more; those from *expected up to the limit are not there. IO_FAILED: may
 * be asked again.
 */
CHECKED enum status store_scan_next(struct store_scan *s, struct store_record *out,
                                    uint64_t *expected);

/* After IO_FAILED: goes on behind what could not be read, twice as far with each call until a record
 * was. */
void store_scan_give_up(struct store_scan *s);

void store_scan_clear(struct store_scan *s);

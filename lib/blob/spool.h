/*
 * A request's body into a new file of the store, a piece at a time: whatever its length,
 * SPOOL_PIECE_BYTES of it are in memory. Files are written, synced and removed on helper threads.
 */
#pragma once

#include "blob/store.h"
#include "crypto/digest.h"

#define SPOOL_PIECE_BYTES (256u << 10)

struct blob_spooled {
    uint64_t file, bytes, crc64;
    uint8_t md5[CRYPTO_MD5_LEN]; /* when it was asked for */
};

/* OK: the file is on the disk, and the callee's: it becomes a block, or goes to blob_spool_drop().
 * Else there is none: CANCELLED, TIMED_OUT, TOO_LARGE, BAD_FORMAT (rest_body_read()), FULL,
 * IO_FAILED. */
typedef void blob_spool_fn(void *arg, enum status why, const struct blob_spooled *out);

void blob_spool(struct blob_store *s, struct rest_request *r, bool md5, blob_spool_fn *fn,
                void *arg);
void blob_spool_drop(struct blob_store *s, struct loop *loop, const struct blob_spooled *spooled);

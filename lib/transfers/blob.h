/*
 * Blobs of a container that is named by a URI with a shared access signature, as Azure Storage's
 * REST has them: one that is read in ranges, and one that is written in blocks. Each has one call
 * on its way and bounded memory. A call that fails for a passing reason is tried again. On one
 * loop.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "io/loop.h"
#include "rest/client.h"

#define TRANSFER_BLOCK_BYTES (4u << 20)
#define TRANSFER_RANGE_BYTES (1u << 20)
#define TRANSFER_TRIES 5

/* `why` is OK or what it was; `reason` is then a text for a person, until the call returns. */
typedef void transfer_blob_fn(void *arg, enum status why, const char *reason);

/* One call, tried again until it is answered for good. */
struct transfer_call {
    struct rest_client *client;
    struct loop *loop;
    struct loop_timer pause;
    const char *method;
    const char *if_match; /* with a range; its owner's, "": none */
    struct buffer url, body, range;
    unsigned tries;
    bool under_way;
    enum status refused;
    void (*answered)(struct transfer_call *c, enum status why, const struct rest_answer *a);
};

/* ---- reading ---- */

struct transfer_reader {
    struct transfer_call call; /* first */
    const char *uri, *name;    /* of the container and the blob; the owner's */
    uint64_t at, size;         /* the next byte; of the whole, known after the first range */
    char etag[128];            /* of the blob as it was first seen: another one fails. Empty: not known */
    void (*read)(void *arg, struct slice bytes); /* empty: the blob is; until it returns */
    transfer_blob_fn *failed;
    void *arg;
};

/* Asks for the range from `at` on: read() or failed() follows. Not at the end. */
void transfer_reader_next(struct transfer_reader *r);
/* After that, another blob of the container: _next() reads it from its beginning. */
void transfer_reader_again(struct transfer_reader *r, const char *name);
bool transfer_reader_at_end(const struct transfer_reader *r); /* after the first range */
void transfer_reader_clear(struct transfer_reader *r);

/* ---- writing ---- */

struct transfer_writer {
    struct transfer_call call; /* first */
    const char *uri, *name;
    struct buffer waiting;     /* not sent yet; its owner adds to it while it is short */
    unsigned blocks;           /* that were sent, by whichever life of the hub */
    bool finishing, listing;
    transfer_blob_fn *written; /* after a block, and after _finish(); or why not */
    void *arg;
};

/* Whether more may be added to `waiting`. */
bool transfer_writer_has_room(const struct transfer_writer *w);
/* Sends all that waits, as one block: written(). Something must, and nothing may be on its way. */
void transfer_writer_send(struct transfer_writer *w);
/* Sends what is left and makes a blob of all blocks, in place of an older one: written(). */
void transfer_writer_finish(struct transfer_writer *w);
/* After that, another blob of the container. */
void transfer_writer_again(struct transfer_writer *w, const char *name);
void transfer_writer_clear(struct transfer_writer *w);

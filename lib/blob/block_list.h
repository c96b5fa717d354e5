/* The body of Put Block List: which blocks a blob is made of, in order. Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#define BLOB_BLOCKS_MAX 50000 /* of one blob, Azure's limit */
#define BLOB_BLOCK_ID_MAX 88  /* base64 of 64 bytes */
#define BLOB_BLOCK_LIST_BYTES_MAX (8u << 20)

enum blob_block_from { BLOB_COMMITTED, BLOB_UNCOMMITTED, BLOB_LATEST };

struct blob_block_name {
    struct slice id; /* base64, as sent */
    enum blob_block_from from;
};

struct blob_block_list {
    struct blob_block_name *names; /* in the arena; the ids point into the XML */
    size_t count;
};

/* BAD_FORMAT; TOO_LARGE past BLOB_BLOCKS_MAX; BAD_ARGUMENT for an id that is no base64, or too
 * long. */
CHECKED enum status blob_block_list_parse(struct slice xml, struct arena *a,
                                          struct blob_block_list *out);

/* Base64 of 1 to 64 bytes. */
bool blob_block_id_ok(struct slice id);

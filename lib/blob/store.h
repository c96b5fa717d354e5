/*
 * Block blobs, durable: their bytes are files with numbers for names, one for each block, and what
 * they are called and made of is in a table of tables (store/table.h) on its own thread. So a list
 * of blocks is committed without copying a byte, and no name that a peer chose reaches the file
 * system.
 *
 * A file is written and synced before its block is told to the table; what a crash left between the
 * two is removed at the next start. Blocks that nobody committed go after BLOB_UNCOMMITTED_MS. A
 * blob that is replaced or deleted while it is read may end that reading early.
 */
#pragma once

#include "blob/block_list.h"
#include "blob/sas.h"
#include "io/loop.h"
#include "store/disk.h"

#define BLOB_UNCOMMITTED_MS (7u * 24 * 3600 * 1000) /* Azure's week */
#define BLOB_UNCOMMITTED_MAX 100000                 /* blocks of one blob; FULL beyond it */
#define BLOB_LIST_MAX 5000                          /* of one page */

struct blob_store;

struct blob_store_config {
    const char *directory; /* made when absent; the account's key is in it, too */
    struct store_disk *disk;
    uint64_t bytes_max; /* of all files; FULL beyond it */
    bool inline_errands; /* store/table.h; for tests */
};

CHECKED enum status blob_store_open(const struct blob_store_config *config,
                                    struct blob_store **out);
void blob_store_close(struct blob_store **s);

/* Its key is random and made at first start. */
const struct blob_account *blob_store_account(const struct blob_store *s);
uint64_t blob_store_bytes(const struct blob_store *s); /* from any thread */

/* ---- files; from any thread ---- */

struct store_disk *blob_store_disk(const struct blob_store *s);
/* A number that no file has yet. */
uint64_t blob_store_file_new(struct blob_store *s);
void blob_store_file_path(const struct blob_store *s, uint64_t file, struct buffer *out);
/* So many more bytes; FULL, and they do not count. Files that become no block give theirs back. */
CHECKED enum status blob_store_take(struct blob_store *s, uint64_t bytes);
void blob_store_give_back(struct blob_store *s, uint64_t bytes);

/* ---- what is asked of the table ---- */

/* What is told with a blob as it was given. */
struct blob_headers {
    struct slice type, encoding, language, disposition, cache_control;
    struct slice md5;  /* base64 of the whole blob's, as its writer says; may be empty */
    struct slice meta; /* "name:value\n" each */
};

struct blob_facts {
    uint64_t etag, created_ms, modified_ms, bytes;
    struct blob_headers headers;
};

struct blob_extent {
    uint64_t file, bytes;
};

/* RFC 9110, 13.1. Etags without quotes; empty or 0: no such condition. */
struct blob_conditions {
    struct slice if_match, if_none_match;
    uint64_t modified_since_ms, unmodified_since_ms;
    bool only_new; /* the caller may create, but not replace: FORBIDDEN when it is there */
};

enum blob_what {
    BLOB_CONTAINER_MAKE, /* EXISTS */
    BLOB_CONTAINER_LOOK, /* facts: etag and time */
    BLOB_CONTAINER_DROP, /* with all that is in it */
    BLOB_CONTAINER_LIST,
    BLOB_LOOK, /* facts, extents */
    BLOB_DROP,
    BLOB_PUT,    /* the one file is the blob; facts */
    BLOB_STAGE,  /* the one file is a block that is not committed */
    BLOB_COMMIT, /* the list is the blob; facts. BAD_ARGUMENT: a block is not there, or named twice
                  */
    BLOB_BLOCKS, /* facts if there is a blob, blocks */
};

struct blob_item { /* of a list */
    struct slice name;
    bool prefix; /* stands for all that begin so */
    struct blob_facts facts;
};

struct blob_block {
    struct slice id;
    uint64_t bytes;
    bool committed;
};

/*
 * One ask. The slices live until `done`, which comes once, on the loop, after the commit: NOT_FOUND
 * (`no_container` says of what), EXISTS, CONFLICT (a condition is not met; `not_modified` for one
 * that asks whether it changed), FORBIDDEN, FULL, BAD_ARGUMENT, IO_FAILED.
 */
struct blob_job {
    enum blob_what what;
    struct slice container, blob;
    struct blob_conditions conditions;
    struct blob_headers headers;           /* BLOB_PUT, BLOB_COMMIT */
    struct blob_block_list list;           /* BLOB_COMMIT */
    struct slice block_id;                 /* BLOB_STAGE */
    uint64_t file, bytes;                  /* BLOB_STAGE, BLOB_PUT */
    struct slice prefix, delimiter, after; /* BLOB_CONTAINER_LIST: names behind `after` */
    size_t top;                            /* 1 to BLOB_LIST_MAX */
    void (*done)(struct blob_job *j, enum status why);
    void *arg;

    struct blob_facts facts;
    bool found; /* facts say something */
    struct blob_extent *extents;
    size_t extent_count;
    struct blob_item *items;
    size_t item_count;
    bool more; /* of the list */
    struct blob_block *blocks;
    size_t block_count;
    bool no_container, not_modified;
    struct arena arena; /* of all answers: blob_job_clear() */

    struct blob_store *store;
    struct loop *loop;
    uint64_t now_ms;
    uint64_t *freed; /* files that the change set free */
    size_t freed_count, freed_cap;
    uint64_t freed_bytes;
};

/* The job stays the caller's. FULL when too many wait: then `done` is not called. */
CHECKED enum status blob_store_do(struct blob_store *s, struct loop *loop, struct blob_job *j);
void blob_job_clear(struct blob_job *j);

/* The blob store's inside, for store*.c alone: its tables and statements, and the work of each kind
 * of job. */
#pragma once

#include <stdatomic.h>

#include "blob/store.h"
#include "store/table.h"

extern const char *const blob_migrations[];
extern const size_t blob_migration_count;
extern const char *const blob_statements[];

enum blob_statement {
    SQL_CONTAINER_GET,
    SQL_CONTAINER_INSERT,
    SQL_CONTAINER_DELETE,
    SQL_BLOB_GET,
    SQL_BLOB_PUT,
    SQL_BLOB_DELETE,
    SQL_BLOBS_DELETE,
    SQL_BLOBS_LIST,
    SQL_BLOCKS_GET,
    SQL_BLOCKS_COMMITTED,
    SQL_BLOCKS_DELETE,
    SQL_BLOCKS_FILES,
    SQL_BLOCKS_DELETE_ALL,
    SQL_BLOCK_GET,
    SQL_BLOCK_DELETE,
    SQL_BLOCK_INSERT,
    SQL_BLOCKS_COUNT,
    SQL_BLOCKS_STALE,
    SQL_FILE_USED,
    SQL_BYTES,
    SQL_ETAG,
    SQL_COUNT
};

struct blob_store {
    struct store_table *table;
    struct store_disk *disk;
    char *directory;
    struct blob_account account;
    struct buffer key;
    uint64_t bytes_max;
    _Atomic uint64_t bytes, next_file;
    /* on the table's thread */
    uint64_t last_etag;
    uint64_t upkeep_ms; /* when stale blocks were last looked for */
};

void blob_job_free_file(struct blob_job *j, uint64_t file, uint64_t bytes);

/* On the table's thread. */
typedef enum status blob_work(struct store_table *t, struct blob_job *j);
blob_work blob_container_make, blob_container_look, blob_container_drop,
    blob_container_list; /* store_containers.c */
blob_work blob_look, blob_drop, blob_put, blob_stage, blob_commit, blob_blocks; /* store_blobs.c */

/* OK; NOT_FOUND and j->no_container. */
CHECKED enum status blob_container_find(struct store_table *t, struct blob_job *j);
/* The columns of SQL_BLOB_GET and SQL_BLOBS_LIST from `first` on, kept in the arena. */
void blob_facts_read(struct store_table *t, size_t statement, int first, struct arena *a,
                     struct blob_facts *out);

/* Blobs and their blocks. */
#include <stdio.h>

#include "base/map.h"
#include "blob/store_tables.h"

#define UPKEEP_MS (3600u * 1000) /* between two looks for blocks that nobody committed */

void blob_facts_read(struct store_table *t, size_t n, int first, struct arena *a,
                     struct blob_facts *out)
{
    struct blob_headers *h = &out->headers;
    struct slice *texts[] = {&h->type,          &h->encoding, &h->language, &h->disposition,
                             &h->cache_control, &h->md5,      &h->meta};
    out->etag = (uint64_t)store_column_i64(t, n, first);
    out->created_ms = (uint64_t)store_column_i64(t, n, first + 1);
    out->modified_ms = (uint64_t)store_column_i64(t, n, first + 2);
    out->bytes = (uint64_t)store_column_i64(t, n, first + 3);
    for (int i = 0; i < 7; i++)
        *texts[i] = arena_copy(a, store_column(t, n, first + 4 + i));
}

static void bind_name(struct store_table *t, size_t n, const struct blob_job *j)
{
    store_bind(t, n, 1, j->container);
    store_bind(t, n, 2, j->blob);
}

/* ---- conditions ---- */

static bool etag_is(struct slice wanted, uint64_t etag)
{
    char text[32];
    size_t len = (size_t)snprintf(text, sizeof(text), "0x%llX", (unsigned long long)etag);
    return slice_eq(wanted, SLICE("*")) || slice_eq(wanted, slice_from(text, len));
}

static bool is_read(enum blob_what what)
{
    return what == BLOB_LOOK || what == BLOB_BLOCKS;
}

/* Times count whole seconds on the wire. */
static enum status check_conditions(struct blob_job *j)
{
    const struct blob_conditions *c = &j->conditions;
    uint64_t modified_ms = j->facts.modified_ms / 1000 * 1000;
    if (c->if_match.len && (!j->found || !etag_is(c->if_match, j->facts.etag)))
        return CONFLICT;
    if (!j->found)
        return OK;
    if (c->only_new)
        return FORBIDDEN;
    if (c->unmodified_since_ms && modified_ms > c->unmodified_since_ms)
        return CONFLICT;
    bool same = c->if_none_match.len ? etag_is(c->if_none_match, j->facts.etag)
                                     : c->modified_since_ms && modified_ms <= c->modified_since_ms;
    if (!same)
        return OK;
    j->not_modified = is_read(j->what);
    return slice_eq(c->if_none_match, SLICE("*")) && !is_read(j->what) ? EXISTS : CONFLICT;
}

/* The container, the blob if there is one, and the conditions. */
static enum status find(struct store_table *t, struct blob_job *j)
{
    enum status s = blob_container_find(t, j);
    if (s != OK)
        return s;
    j->facts = (struct blob_facts){0};
    bind_name(t, SQL_BLOB_GET, j);
    s = store_step(t, SQL_BLOB_GET);
    j->found = s == OK;
    if (j->found) {
        blob_facts_read(t, SQL_BLOB_GET, 0, &j->arena, &j->facts);
        store_reset(t, SQL_BLOB_GET);
    }
    return s == OK || s == NOT_FOUND ? check_conditions(j) : s;
}

/* ---- reading ---- */

static enum status read_extents(struct store_table *t, struct blob_job *j)
{
    size_t cap = 0;
    enum status s;
    bind_name(t, SQL_BLOCKS_COMMITTED, j);
    while ((s = store_step(t, SQL_BLOCKS_COMMITTED)) == OK) {
        if (j->extent_count == cap) {
            struct blob_extent *more =
                ARENA_TAKE_N(&j->arena, struct blob_extent, cap ? cap * 2 : 16);
            if (cap)
                memcpy(more, j->extents, cap * sizeof(*more));
            cap = cap ? cap * 2 : 16;
            j->extents = more;
        }
        j->extents[j->extent_count++] =
            (struct blob_extent){(uint64_t)store_column_i64(t, SQL_BLOCKS_COMMITTED, 0),
                                 (uint64_t)store_column_i64(t, SQL_BLOCKS_COMMITTED, 1)};
    }
    return s == NOT_FOUND ? OK : s;
}

enum status blob_look(struct store_table *t, struct blob_job *j)
{
    enum status s = find(t, j);
    if (s != OK)
        return s;
    return j->found ? read_extents(t, j) : NOT_FOUND;
}

/* One of the blob's blocks as it lies in the table. */
struct row {
    struct slice id;
    uint64_t bytes, file;
    bool committed, used;
};

struct rows {
    struct row *at;
    size_t count;
};

static enum status read_rows(struct store_table *t, struct blob_job *j, struct rows *out)
{
    size_t cap = 0;
    enum status s;
    *out = (struct rows){0};
    bind_name(t, SQL_BLOCKS_GET, j);
    while ((s = store_step(t, SQL_BLOCKS_GET)) == OK) {
        if (out->count == cap) {
            struct row *more = ARENA_TAKE_N(&j->arena, struct row, cap ? cap * 2 : 64);
            if (cap)
                memcpy(more, out->at, cap * sizeof(*more));
            cap = cap ? cap * 2 : 64;
            out->at = more;
        }
        out->at[out->count++] = (struct row){
            .committed = store_column_i64(t, SQL_BLOCKS_GET, 0),
            .id = arena_copy(&j->arena, store_column(t, SQL_BLOCKS_GET, 1)),
            .bytes = (uint64_t)store_column_i64(t, SQL_BLOCKS_GET, 2),
            .file = (uint64_t)store_column_i64(t, SQL_BLOCKS_GET, 3),
        };
    }
    return s == NOT_FOUND ? OK : s;
}

enum status blob_blocks(struct store_table *t, struct blob_job *j)
{
    struct rows rows;
    enum status s = find(t, j);
    if (s == OK)
        s = read_rows(t, j, &rows);
    if (s != OK)
        return s;
    if (!j->found && rows.count == 0)
        return NOT_FOUND;
    j->blocks = ARENA_TAKE_N(&j->arena, struct blob_block, rows.count + 1);
    for (size_t i = 0; i < rows.count; i++)
        if (rows.at[i].id.len) /* what Put Blob wrote has no blocks to show */
            j->blocks[j->block_count++] =
                (struct blob_block){rows.at[i].id, rows.at[i].bytes, rows.at[i].committed};
    return OK;
}

/* ---- changing ---- */

static enum status insert_block(struct store_table *t, const struct blob_job *j,
                                const struct row *row, int64_t at)
{
    bind_name(t, SQL_BLOCK_INSERT, j);
    store_bind_i64(t, SQL_BLOCK_INSERT, 3, row->committed);
    store_bind(t, SQL_BLOCK_INSERT, 4, row->id.at ? row->id : SLICE(""));
    store_bind_i64(t, SQL_BLOCK_INSERT, 5, at);
    store_bind_i64(t, SQL_BLOCK_INSERT, 6, (int64_t)row->bytes);
    store_bind_i64(t, SQL_BLOCK_INSERT, 7, (int64_t)row->file);
    store_bind_i64(t, SQL_BLOCK_INSERT, 8, (int64_t)j->now_ms);
    return store_run(t, SQL_BLOCK_INSERT);
}

static enum status write_blob(struct store_table *t, struct blob_job *j, uint64_t bytes)
{
    struct blob_store *store = j->store;
    uint64_t now = j->now_ms * 10000;
    store->last_etag = now > store->last_etag ? now : store->last_etag + 1;
    j->facts = (struct blob_facts){.etag = store->last_etag,
                                   .created_ms = j->found ? j->facts.created_ms : j->now_ms,
                                   .modified_ms = j->now_ms,
                                   .bytes = bytes,
                                   .headers = j->headers};
    const struct blob_headers *h = &j->headers;
    const struct slice texts[] = {h->type,          h->encoding, h->language, h->disposition,
                                  h->cache_control, h->md5,      h->meta};
    bind_name(t, SQL_BLOB_PUT, j);
    store_bind_i64(t, SQL_BLOB_PUT, 3, (int64_t)j->facts.etag);
    store_bind_i64(t, SQL_BLOB_PUT, 4, (int64_t)j->facts.created_ms);
    store_bind_i64(t, SQL_BLOB_PUT, 5, (int64_t)j->facts.modified_ms);
    store_bind_i64(t, SQL_BLOB_PUT, 6, (int64_t)bytes);
    for (int i = 0; i < 7; i++)
        store_bind(t, SQL_BLOB_PUT, 7 + i, texts[i]);
    return store_run(t, SQL_BLOB_PUT);
}

static enum status delete_rows(struct store_table *t, struct blob_job *j, const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (!rows->at[i].used)
            blob_job_free_file(j, rows->at[i].file, rows->at[i].bytes);
    bind_name(t, SQL_BLOCKS_DELETE, j);
    return store_run(t, SQL_BLOCKS_DELETE);
}

enum status blob_drop(struct store_table *t, struct blob_job *j)
{
    struct rows rows;
    enum status s = find(t, j);
    if (s != OK)
        return s;
    if (!j->found)
        return NOT_FOUND;
    s = read_rows(t, j, &rows);
    if (s == OK)
        s = delete_rows(t, j, &rows);
    if (s != OK)
        return s;
    bind_name(t, SQL_BLOB_DELETE, j);
    return store_run(t, SQL_BLOB_DELETE);
}

enum status blob_put(struct store_table *t, struct blob_job *j)
{
    struct rows rows;
    enum status s = find(t, j);
    if (s == OK)
        s = read_rows(t, j, &rows);
    if (s == OK)
        s = delete_rows(t, j, &rows);
    if (s == OK)
        s = insert_block(t, j, &(struct row){.committed = true, .bytes = j->bytes, .file = j->file},
                         0);
    return s == OK ? write_blob(t, j, j->bytes) : s;
}

static enum status drop_stale(struct store_table *t, struct blob_job *j)
{
    enum status s;
    if (j->now_ms < j->store->upkeep_ms + UPKEEP_MS || j->now_ms < BLOB_UNCOMMITTED_MS)
        return OK;
    j->store->upkeep_ms = j->now_ms;
    store_bind_i64(t, SQL_BLOCKS_STALE, 1, (int64_t)(j->now_ms - BLOB_UNCOMMITTED_MS));
    while ((s = store_step(t, SQL_BLOCKS_STALE)) == OK)
        blob_job_free_file(j, (uint64_t)store_column_i64(t, SQL_BLOCKS_STALE, 0),
                           (uint64_t)store_column_i64(t, SQL_BLOCKS_STALE, 1));
    return s == NOT_FOUND ? OK : s;
}

/* All ids of a blob's blocks have one length, and there are not too many. */
static enum status check_staged(struct store_table *t, struct blob_job *j)
{
    bind_name(t, SQL_BLOCKS_COUNT, j);
    enum status s = store_step(t, SQL_BLOCKS_COUNT);
    if (s != OK)
        return s;
    uint64_t count = (uint64_t)store_column_i64(t, SQL_BLOCKS_COUNT, 0);
    uint64_t len = (uint64_t)store_column_i64(t, SQL_BLOCKS_COUNT, 1);
    store_reset(t, SQL_BLOCKS_COUNT);
    if (count >= BLOB_UNCOMMITTED_MAX)
        return FULL;
    return count > 0 && len != j->block_id.len ? BAD_ARGUMENT : OK;
}

enum status blob_stage(struct store_table *t, struct blob_job *j)
{
    enum status s = find(t, j);
    if (s == OK)
        s = drop_stale(t, j);
    if (s == OK)
        s = check_staged(t, j);
    if (s != OK)
        return s;
    bind_name(t, SQL_BLOCK_GET, j);
    store_bind(t, SQL_BLOCK_GET, 3, j->block_id);
    if (store_step(t, SQL_BLOCK_GET) == OK) { /* sent again: the newer one counts */
        blob_job_free_file(j, (uint64_t)store_column_i64(t, SQL_BLOCK_GET, 0),
                           (uint64_t)store_column_i64(t, SQL_BLOCK_GET, 1));
        store_reset(t, SQL_BLOCK_GET);
        bind_name(t, SQL_BLOCK_DELETE, j);
        store_bind(t, SQL_BLOCK_DELETE, 3, j->block_id);
        s = store_run(t, SQL_BLOCK_DELETE);
    }
    return s == OK
               ? insert_block(
                     t, j, &(struct row){.id = j->block_id, .bytes = j->bytes, .file = j->file}, 0)
               : s;
}

/* Ids to rows, of one kind. */
static struct row *pick(const struct map *staged, const struct map *committed,
                        const struct blob_block_name *name)
{
    struct row *row = name->from == BLOB_COMMITTED ? NULL : map_get(staged, name->id);
    if (row == NULL && name->from != BLOB_UNCOMMITTED)
        row = map_get(committed, name->id);
    return row;
}

/* Marks the rows that the list names, in its order. */
static enum status choose(struct blob_job *j, const struct rows *rows, struct row **chosen)
{
    struct map staged = {0}, committed = {0};
    for (size_t i = 0; i < rows->count; i++)
        map_put(rows->at[i].committed ? &committed : &staged, rows->at[i].id, &rows->at[i]);
    enum status s = OK;
    for (size_t i = 0; i < j->list.count && s == OK; i++) {
        chosen[i] = pick(&staged, &committed, &j->list.names[i]);
        if (chosen[i] == NULL || chosen[i]->used)
            s = BAD_ARGUMENT;
        else
            chosen[i]->used = true;
    }
    map_clear(&staged);
    map_clear(&committed);
    return s;
}

enum status blob_commit(struct store_table *t, struct blob_job *j)
{
    struct rows rows;
    struct row **chosen = ARENA_TAKE_N(&j->arena, struct row *, j->list.count + 1);
    uint64_t bytes = 0;
    enum status s = find(t, j);
    if (s == OK)
        s = read_rows(t, j, &rows);
    if (s == OK)
        s = choose(j, &rows, chosen);
    if (s == OK)
        s = delete_rows(t, j, &rows);
    for (size_t i = 0; i < j->list.count && s == OK; i++) {
        chosen[i]->committed = true;
        bytes += chosen[i]->bytes;
        s = insert_block(t, j, chosen[i], (int64_t)i);
    }
    return s == OK ? write_blob(t, j, bytes) : s;
}

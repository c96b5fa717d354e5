/* Containers, and lists of what is in them. */
#include "blob/store_tables.h"

enum status blob_container_find(struct store_table *t, struct blob_job *j)
{
    store_bind(t, SQL_CONTAINER_GET, 1, j->container);
    enum status s = store_step(t, SQL_CONTAINER_GET);
    if (s == OK) {
        j->facts.etag = (uint64_t)store_column_i64(t, SQL_CONTAINER_GET, 0);
        j->facts.modified_ms = (uint64_t)store_column_i64(t, SQL_CONTAINER_GET, 1);
        store_reset(t, SQL_CONTAINER_GET);
    }
    j->no_container = s == NOT_FOUND;
    return s;
}

static uint64_t next_etag(struct blob_job *j)
{
    uint64_t now = j->now_ms * 10000; /* Azure's look like ticks, too */
    j->store->last_etag = now > j->store->last_etag ? now : j->store->last_etag + 1;
    return j->store->last_etag;
}

enum status blob_container_make(struct store_table *t, struct blob_job *j)
{
    j->facts = (struct blob_facts){.etag = next_etag(j), .modified_ms = j->now_ms};
    store_bind(t, SQL_CONTAINER_INSERT, 1, j->container);
    store_bind_i64(t, SQL_CONTAINER_INSERT, 2, (int64_t)j->facts.etag);
    store_bind_i64(t, SQL_CONTAINER_INSERT, 3, (int64_t)j->now_ms);
    return store_run(t, SQL_CONTAINER_INSERT);
}

enum status blob_container_look(struct store_table *t, struct blob_job *j)
{
    return blob_container_find(t, j);
}

enum status blob_container_drop(struct store_table *t, struct blob_job *j)
{
    enum status s = blob_container_find(t, j);
    if (s != OK)
        return s;
    store_bind(t, SQL_BLOCKS_FILES, 1, j->container);
    while ((s = store_step(t, SQL_BLOCKS_FILES)) == OK)
        blob_job_free_file(j, (uint64_t)store_column_i64(t, SQL_BLOCKS_FILES, 0),
                           (uint64_t)store_column_i64(t, SQL_BLOCKS_FILES, 1));
    static const size_t deletes[] = {SQL_BLOCKS_DELETE_ALL, SQL_BLOBS_DELETE, SQL_CONTAINER_DELETE};
    s = s == NOT_FOUND ? OK : s;
    for (size_t i = 0; i < 3 && s == OK; i++) {
        store_bind(t, deletes[i], 1, j->container);
        s = store_run(t, deletes[i]);
    }
    return s;
}

/* ---- lists ---- */

static size_t find_from(struct slice s, size_t from, struct slice part)
{
    return from + slice_find_slice(slice_skip(s, from), part);
}

/* The row as an item: its name up to the delimiter behind the prefix, if there is one. */
static struct blob_item item_of(struct store_table *t, struct blob_job *j)
{
    struct slice name = store_column(t, SQL_BLOBS_LIST, 0);
    struct blob_item item = {0};
    if (j->delimiter.len) {
        size_t at = find_from(name, j->prefix.len, j->delimiter);
        item.prefix = at < name.len;
        name = slice_first(name, item.prefix ? at + j->delimiter.len : name.len);
    }
    item.name = arena_copy(&j->arena, name);
    if (!item.prefix)
        blob_facts_read(t, SQL_BLOBS_LIST, 1, &j->arena, &item.facts);
    return item;
}

/* A text that is greater than all that begin with `prefix`, as far as UTF-8 goes. */
static struct slice behind(struct blob_job *j, struct slice prefix)
{
    return slice_of(arena_printf(&j->arena, "%.*s\xff", SLICE_FMT(prefix)));
}

enum status blob_container_list(struct store_table *t, struct blob_job *j)
{
    enum status s = blob_container_find(t, j);
    if (s != OK)
        return s;
    j->items = ARENA_TAKE_N(&j->arena, struct blob_item, j->top);
    struct slice after = j->after;
    bool again = true;
    while (again) {
        again = false;
        store_bind(t, SQL_BLOBS_LIST, 1, j->container);
        store_bind(t, SQL_BLOBS_LIST, 2, after);
        store_bind(t, SQL_BLOBS_LIST, 3, j->prefix);
        while (!again && (s = store_step(t, SQL_BLOBS_LIST)) == OK) {
            bool inside = slice_starts(store_column(t, SQL_BLOBS_LIST, 0), j->prefix);
            j->more = inside && j->item_count == j->top;
            if (!inside || j->more) {
                store_reset(t, SQL_BLOBS_LIST);
                return OK;
            }
            struct blob_item item = item_of(t, j);
            j->items[j->item_count++] = item;
            again = item.prefix; /* over all that it stands for */
            after = again ? behind(j, item.name) : after;
        }
        if (again)
            store_reset(t, SQL_BLOBS_LIST);
    }
    return s == NOT_FOUND ? OK : s;
}

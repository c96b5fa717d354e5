#include "blob/store.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "blob/account.h"
#include "blob/store_tables.h"
#include "store/directory.h"

#define FOLDERS 16 /* over which the files are spread: each is made, and synced, at first start */
#define SWEEP_MAX 1000 /* files that one job looks at */

/* ---- files ---- */

void blob_store_file_path(const struct blob_store *s, uint64_t file, struct buffer *out)
{
    buffer_printf(out, "%s/data/%02x/%016llx", s->directory, (unsigned)(file % FOLDERS),
                  (unsigned long long)file);
}

uint64_t blob_store_file_new(struct blob_store *s)
{
    return atomic_fetch_add(&s->next_file, 1);
}

struct store_disk *blob_store_disk(const struct blob_store *s)
{
    return s->disk;
}

enum status blob_store_take(struct blob_store *s, uint64_t bytes)
{
    if (atomic_fetch_add(&s->bytes, bytes) + bytes <= s->bytes_max)
        return OK;
    atomic_fetch_sub(&s->bytes, bytes);
    return FULL;
}

void blob_store_give_back(struct blob_store *s, uint64_t bytes)
{
    atomic_fetch_sub(&s->bytes, bytes);
}

uint64_t blob_store_bytes(const struct blob_store *s)
{
    return atomic_load(&s->bytes);
}

const struct blob_account *blob_store_account(const struct blob_store *s)
{
    return &s->account;
}

/* ---- what a change set free is removed on a helper thread, after the commit ---- */

struct removal {
    struct store_disk *disk;
    struct buffer paths; /* each ended by a zero: the store may be closed meanwhile */
};

static void remove_path(struct store_disk *disk, const char *path)
{
    if (disk->ops->remove(disk, path) != OK)
        log_warn("a blob's file could not be removed path=%s", path);
}

static void remove_paths(void *arg)
{
    struct removal *r = arg;
    struct slice left = buffer_slice(&r->paths), path;
    while (left.len > 0 && slice_split(&left, 0, &path))
        remove_path(r->disk, (const char *)path.at);
}

static void removal_free(void *arg)
{
    struct removal *r = arg;
    buffer_clear(&r->paths);
    free(r);
}

void blob_job_free_file(struct blob_job *j, uint64_t file, uint64_t bytes)
{
    if (j->freed_count == j->freed_cap) {
        j->freed_cap = j->freed_cap ? j->freed_cap * 2 : 16;
        j->freed = memory_resize(j->freed, j->freed_cap * sizeof(*j->freed));
    }
    j->freed[j->freed_count++] = file;
    j->freed_bytes += bytes;
}

static void remove_freed(struct blob_job *j)
{
    struct removal *r = MEMORY_NEW(struct removal);
    r->disk = j->store->disk;
    for (size_t i = 0; i < j->freed_count; i++) {
        blob_store_file_path(j->store, j->freed[i], &r->paths);
        buffer_u8(&r->paths, 0);
    }
    blob_store_give_back(j->store, j->freed_bytes);
    loop_work_or_drop(j->loop, remove_paths, removal_free, removal_free, r);
}

/* ---- jobs ---- */

static blob_work *const works[] = {
    [BLOB_CONTAINER_MAKE] = blob_container_make,
    [BLOB_CONTAINER_LOOK] = blob_container_look,
    [BLOB_CONTAINER_DROP] = blob_container_drop,
    [BLOB_CONTAINER_LIST] = blob_container_list,
    [BLOB_LOOK] = blob_look,
    [BLOB_DROP] = blob_drop,
    [BLOB_PUT] = blob_put,
    [BLOB_STAGE] = blob_stage,
    [BLOB_COMMIT] = blob_commit,
    [BLOB_BLOCKS] = blob_blocks,
};

static enum status work(struct store_table *t, void *arg)
{
    struct blob_job *j = arg;
    return works[j->what](t, j);
}

static void on_done(void *arg, enum status why)
{
    struct blob_job *j = arg;
    if (why == OK && j->freed_count > 0)
        remove_freed(j);
    j->done(j, why);
}

enum status blob_store_do(struct blob_store *s, struct loop *loop, struct blob_job *j)
{
    j->store = s;
    j->loop = loop;
    j->now_ms = loop_wall_ms(loop);
    return store_table_post(s->table, loop, work, on_done, j);
}

void blob_job_clear(struct blob_job *j)
{
    free(j->freed);
    j->freed = NULL;
    arena_clear(&j->arena);
}

/* ---- start: which files are there, and which of them belong to nobody ---- */

struct sweep {
    struct blob_store *store;
    uint64_t *files;
    size_t count, at;
};

static enum status look_for_orphans(struct store_table *t, void *arg);

static void remove_orphan(struct blob_store *s, uint64_t file)
{
    struct buffer path = {0};
    blob_store_file_path(s, file, &path);
    remove_path(s->disk, buffer_cstr(&path));
    buffer_clear(&path);
}

static void sweep_on(struct sweep *w)
{
    if (w->at < w->count &&
        store_table_post(w->store->table, NULL, look_for_orphans, NULL, w) == OK)
        return;
    free(w->files);
    free(w);
}

static enum status look_for_orphans(struct store_table *t, void *arg)
{
    struct sweep *w = arg;
    for (size_t end = w->at + SWEEP_MAX; w->at < w->count && w->at < end; w->at++) {
        store_bind_i64(t, SQL_FILE_USED, 1, (int64_t)w->files[w->at]);
        enum status s = store_step(t, SQL_FILE_USED);
        if (s == OK)
            store_reset(t, SQL_FILE_USED);
        else if (s == NOT_FOUND)
            remove_orphan(w->store, w->files[w->at]);
    }
    sweep_on(w);
    return OK;
}

static enum status read_totals(struct store_table *t, void *arg)
{
    struct blob_store *s = arg;
    if (store_step(t, SQL_BYTES) == OK) {
        atomic_fetch_add(&s->bytes, (uint64_t)store_column_i64(t, SQL_BYTES, 0));
        store_reset(t, SQL_BYTES);
    }
    if (store_step(t, SQL_ETAG) == OK) {
        s->last_etag = (uint64_t)store_column_i64(t, SQL_ETAG, 0);
        store_reset(t, SQL_ETAG);
    }
    return OK;
}

static void note_files(struct buffer *names, struct sweep *w, uint64_t *next)
{
    struct slice left = buffer_slice(names), name;
    while (left.len > 0 && slice_split(&left, 0, &name)) {
        char *end, *text = slice_dup(name);
        uint64_t file = strtoull(text, &end, 16);
        if (name.len == 16 && *end == 0) {
            w->files = memory_resize(w->files, (w->count + 1) * sizeof(*w->files));
            w->files[w->count++] = file;
            *next = file >= *next ? file + 1 : *next;
        }
        free(text);
    }
}

static enum status find_files(struct blob_store *s, struct sweep *w)
{
    struct buffer path = {0}, names = {0};
    uint64_t next = 1;
    enum status status = OK;
    for (unsigned f = 0; f < FOLDERS && status == OK; f++) {
        buffer_reset(&path);
        buffer_reset(&names);
        buffer_printf(&path, "%s/data/%02x", s->directory, f);
        status = store_directory_make(s->disk, buffer_cstr(&path));
        if (status == OK)
            status = s->disk->ops->list(s->disk, buffer_cstr(&path), &names);
        note_files(&names, w, &next);
    }
    atomic_store(&s->next_file, next);
    buffer_clear(&path);
    buffer_clear(&names);
    return status;
}

static enum status open_table(struct blob_store *s, bool inline_errands)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/blobs.db", s->directory);
    enum status status =
        store_table_open(&(struct store_table_config){.path = buffer_cstr(&path),
                                                      .migrations = blob_migrations,
                                                      .migration_count = blob_migration_count,
                                                      .statements = blob_statements,
                                                      .statement_count = SQL_COUNT,
                                                      .inline_errands = inline_errands},
                         &s->table);
    buffer_clear(&path);
    return status;
}

enum status blob_store_open(const struct blob_store_config *config, struct blob_store **out)
{
    struct blob_store *s = MEMORY_NEW(struct blob_store);
    struct sweep *w = MEMORY_NEW(struct sweep);
    w->store = s;
    s->disk = config->disk;
    s->directory = memory_text(config->directory);
    s->bytes_max = config->bytes_max;
    enum status status = file_make_directory(s->directory);
    if (status == OK)
        status = blob_account_load(s->directory, true, &s->key, &s->account);
    if (status == OK)
        status = find_files(s, w);
    if (status == OK)
        status = open_table(s, config->inline_errands);
    if (status == OK)
        status = store_table_post(s->table, NULL, read_totals, NULL, s);
    if (status != OK) {
        free(w->files);
        free(w);
        blob_store_close(&s);
        return status;
    }
    sweep_on(w);
    *out = s;
    return OK;
}

void blob_store_close(struct blob_store **s)
{
    if (*s == NULL)
        return;
    if ((*s)->table)
        store_table_close(&(*s)->table);
    buffer_clear(&(*s)->key);
    free((*s)->directory);
    free(*s);
    *s = NULL;
}

#include "store/table.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"

struct errand {
    struct link link;
    store_table_errand *run;
    store_table_done *done;
    struct loop *loop;
    void *arg;
    enum status why;
    bool together; /* with the next one */
};

/* What goes round each batch and each errand: compiled once, it is a tenth of a read's work
 * otherwise. */
enum frame { BEGIN, COMMIT, ROLLBACK, ERRAND, ERRAND_END, ERRAND_UNDO, FRAME_COUNT };

static const char *const frames[] = {
    [BEGIN] = "BEGIN IMMEDIATE",     [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",         [ERRAND] = "SAVEPOINT errand",
    [ERRAND_END] = "RELEASE errand", [ERRAND_UNDO] = "ROLLBACK TO errand",
};

struct store_table {
    sqlite3 *db;
    sqlite3_stmt *frames[FRAME_COUNT];
    sqlite3_stmt **statements;
    size_t statement_count;
    bool inline_errands;
    pthread_t thread;
    pthread_mutex_t lock; /* over the three below */
    pthread_cond_t wake;
    struct list waiting;
    size_t waiting_count;
    bool closing;
};

static enum status failed(struct store_table *t, const char *what)
{
    int code = sqlite3_errcode(t->db) & 0xff;
    if (code == SQLITE_CONSTRAINT)
        return EXISTS;
    log_error("table: %s failed error=\"%s\"", what, sqlite3_errmsg(t->db));
    return code == SQLITE_FULL                               ? FULL
           : code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? BAD_FORMAT
                                                             : IO_FAILED;
}

static enum status execute(struct store_table *t, const char *sql)
{
    return sqlite3_exec(t->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : failed(t, sql);
}

static enum status frame(struct store_table *t, enum frame f)
{
    int code = sqlite3_step(t->frames[f]);
    enum status s = code == SQLITE_DONE ? OK : failed(t, frames[f]);
    sqlite3_reset(t->frames[f]);
    return s;
}

/* ---- opening ---- */

static enum status read_version(struct store_table *t, size_t *version)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(t->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK)
        return failed(t, "reading the version");
    *version = sqlite3_step(s) == SQLITE_ROW ? (size_t)sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return OK;
}

static enum status migrate(struct store_table *t, const struct store_table_config *c)
{
    size_t version = 0;
    enum status s = read_version(t, &version);
    if (s == OK && version > c->migration_count) {
        log_error("table: the file is of a newer version path=%s version=%zu known=%zu", c->path,
                  version, c->migration_count);
        return BAD_FORMAT;
    }
    for (size_t i = version; s == OK && i < c->migration_count; i++) {
        char stamp[64];
        sqlite3_snprintf(sizeof(stamp), stamp, "PRAGMA user_version = %d", (int)(i + 1));
        s = execute(t, "BEGIN IMMEDIATE");
        if (s == OK)
            s = execute(t, c->migrations[i]);
        if (s == OK)
            s = execute(t, stamp);
        if (s == OK)
            s = execute(t, "COMMIT");
    }
    return s;
}

static enum status prepare(struct store_table *t, const struct store_table_config *c)
{
    t->statements = memory_new(c->statement_count * sizeof(*t->statements));
    t->statement_count = c->statement_count;
    for (size_t i = 0; i < c->statement_count; i++)
        if (sqlite3_prepare_v3(t->db, c->statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &t->statements[i], NULL) != SQLITE_OK)
            return failed(t, c->statements[i]);
    for (size_t i = 0; i < FRAME_COUNT; i++)
        if (sqlite3_prepare_v3(t->db, frames[i], -1, SQLITE_PREPARE_PERSISTENT, &t->frames[i],
                               NULL) != SQLITE_OK)
            return failed(t, frames[i]);
    return OK;
}

static enum status open_database(struct store_table *t, const struct store_table_config *c)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(c->path, &t->db, flags, NULL) != SQLITE_OK) {
        log_error("table: cannot be opened path=%s error=\"%s\"", c->path, sqlite3_errmsg(t->db));
        return IO_FAILED;
    }
    sqlite3_busy_timeout(t->db, 5000);
    enum status s = execute(
        t, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    if (s == OK)
        s = migrate(t, c);
    return s == OK ? prepare(t, c) : s;
}

static void close_database(struct store_table *t)
{
    for (size_t i = 0; i < t->statement_count; i++)
        sqlite3_finalize(t->statements[i]);
    free(t->statements);
    for (size_t i = 0; i < FRAME_COUNT; i++)
        sqlite3_finalize(t->frames[i]);
    sqlite3_close(t->db);
}

/* ---- errands ---- */

/* Some failures (the disk, RAISE(ROLLBACK)) undo the whole transaction: then what ran before in it
 * did not happen, and nothing may run on outside of it. */
static bool in_transaction(struct store_table *t)
{
    return sqlite3_get_autocommit(t->db) == 0;
}

static enum status run_alone(struct store_table *t, struct errand *e)
{
    enum status s = frame(t, ERRAND);
    if (s != OK)
        return s;
    s = e->run(t, e->arg);
    if (!in_transaction(t))
        return s == OK ? IO_FAILED : s;
    enum status end = s == OK ? OK : frame(t, ERRAND_UNDO);
    if (end == OK)
        end = frame(t, ERRAND_END);
    return s == OK ? end : s;
}

static void tell(void *arg)
{
    struct errand *e = arg;
    e->done(e->arg, e->why);
    free(e);
}

static void answer(struct errand *e, bool deferred)
{
    if (e->done == NULL || e->loop == NULL)
        free(e);
    else if (deferred)
        loop_defer(e->loop, tell, e);
    else
        loop_post(e->loop, tell, e);
}

/* All in one transaction; when the commit fails, none of them happened. */
static void run_batch(struct store_table *t, struct list *batch)
{
    enum status begun = frame(t, BEGIN);
    LIST_EACH(l, batch)
    {
        struct errand *e = LIST_OF(l, struct errand, link);
        enum status gone = begun == OK ? IO_FAILED : begun;
        e->why = in_transaction(t) ? run_alone(t, e) : gone;
    }
    enum status committed = in_transaction(t) ? frame(t, COMMIT) : IO_FAILED;
    if (in_transaction(t) && frame(t, ROLLBACK) != OK)
        log_error("table: a transaction could not be ended");
    for (struct link *l; (l = list_pop(batch));) {
        struct errand *e = LIST_OF(l, struct errand, link);
        if (e->why == OK)
            e->why = committed;
        answer(e, t->inline_errands);
    }
}

static bool take_batch(struct store_table *t, struct list *batch)
{
    pthread_mutex_lock(&t->lock);
    while (list_empty(&t->waiting) && !t->closing)
        pthread_cond_wait(&t->wake, &t->lock);
    bool together = false;
    for (size_t n = 0; (n < STORE_TABLE_BATCH_MAX || together) && !list_empty(&t->waiting); n++) {
        struct errand *e = LIST_OF(list_pop(&t->waiting), struct errand, link);
        list_push(batch, &e->link);
        t->waiting_count--;
        together = e->together;
    }
    pthread_mutex_unlock(&t->lock);
    return !list_empty(batch);
}

static void *serve(void *arg)
{
    struct store_table *t = arg;
    struct list batch;
    list_init(&batch);
    while (take_batch(t, &batch))
        run_batch(t, &batch);
    return NULL;
}

enum status store_table_post(struct store_table *t, struct loop *loop, store_table_errand *run,
                             store_table_done *done, void *arg)
{
    return store_table_post_all(t, &(struct store_table_ask){loop, run, done, arg}, 1);
}

static void make_errands(const struct store_table_ask *asks, size_t count, struct list *errands)
{
    list_init(errands);
    for (size_t i = 0; i < count; i++) {
        struct errand *e = MEMORY_NEW(struct errand);
        *e = (struct errand){.run = asks[i].run,
                             .done = asks[i].done,
                             .loop = asks[i].loop,
                             .arg = asks[i].arg,
                             .together = i + 1 < count};
        list_push(errands, &e->link);
    }
}

enum status store_table_post_all(struct store_table *t, const struct store_table_ask *asks,
                                 size_t count)
{
    struct list errands;
    make_errands(asks, count, &errands);
    if (t->inline_errands) {
        run_batch(t, &errands);
        return OK;
    }
    pthread_mutex_lock(&t->lock);
    bool full = t->waiting_count + count > STORE_TABLE_ERRANDS_MAX;
    for (struct link *l; !full && (l = list_pop(&errands));) {
        list_push(&t->waiting, l);
        t->waiting_count++;
    }
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    for (struct link *l; (l = list_pop(&errands));)
        free(LIST_OF(l, struct errand, link));
    return full ? FULL : OK;
}

static enum status run_first(struct store_table *t, store_table_errand *first, void *arg)
{
    enum status s = execute(t, "BEGIN IMMEDIATE");
    if (s == OK)
        s = first(t, arg);
    return s == OK ? execute(t, "COMMIT") : s;
}

enum status store_table_open(const struct store_table_config *config, struct store_table **out)
{
    struct store_table *t = MEMORY_NEW(struct store_table);
    t->inline_errands = config->inline_errands;
    list_init(&t->waiting);
    enum status s = open_database(t, config);
    if (s == OK && config->first)
        s = run_first(t, config->first, config->first_arg);
    if (s != OK) {
        log_error("table: the file cannot be used: bring back a copy, or remove it and begin anew "
                  "path=%s",
                  config->path);
        close_database(t);
        free(t);
        return s;
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    if (!t->inline_errands && pthread_create(&t->thread, NULL, serve, t) != 0)
        abort(); /* no thread at start: the machine has none left */
    *out = t;
    return OK;
}

void store_table_close(struct store_table **table)
{
    struct store_table *t = *table;
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->closing = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    if (!t->inline_errands)
        pthread_join(t->thread, NULL);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->wake);
    close_database(t);
    free(t);
    *table = NULL;
}

/* ---- inside an errand ---- */

void store_bind(struct store_table *t, size_t n, int at, struct slice text)
{
    assert(n < t->statement_count);
    sqlite3_bind_text64(t->statements[n], at, text.len ? (const char *)text.at : "", text.len,
                        SQLITE_STATIC, SQLITE_UTF8);
}

void store_bind_i64(struct store_table *t, size_t n, int at, int64_t v)
{
    sqlite3_bind_int64(t->statements[n], at, v);
}

void store_bind_double(struct store_table *t, size_t n, int at, double v)
{
    sqlite3_bind_double(t->statements[n], at, v);
}

void store_bind_blob(struct store_table *t, size_t n, int at, struct slice bytes)
{
    sqlite3_bind_blob64(t->statements[n], at, bytes.len ? (const void *)bytes.at : "", bytes.len,
                        SQLITE_STATIC);
}

void store_bind_null(struct store_table *t, size_t n, int at)
{
    sqlite3_bind_null(t->statements[n], at);
}

enum status store_step(struct store_table *t, size_t n)
{
    assert(n < t->statement_count);
    int code = sqlite3_step(t->statements[n]);
    if (code == SQLITE_ROW)
        return OK;
    enum status s = code == SQLITE_DONE ? NOT_FOUND : failed(t, sqlite3_sql(t->statements[n]));
    store_reset(t, n);
    return s;
}

enum status store_run(struct store_table *t, size_t n)
{
    enum status s = store_step(t, n);
    if (s == OK)
        store_reset(t, n);
    return s == NOT_FOUND ? OK : s;
}

void store_reset(struct store_table *t, size_t n)
{
    sqlite3_reset(t->statements[n]);
    sqlite3_clear_bindings(t->statements[n]);
}

struct slice store_column(struct store_table *t, size_t n, int at)
{
    const void *bytes = sqlite3_column_blob(t->statements[n], at);
    int len = sqlite3_column_bytes(t->statements[n], at);
    return bytes ? slice_from(bytes, (size_t)len) : (struct slice){0};
}

int64_t store_column_i64(struct store_table *t, size_t n, int at)
{
    return sqlite3_column_int64(t->statements[n], at);
}

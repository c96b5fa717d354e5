/*
 * A database of tables in one file, on a thread of its own: what must be found again by name, where
 * the log keeps what must be read again in order. Errands run one after the other on that thread;
 * all that wait go into one transaction, and are answered on the loop that asked after it was
 * committed (WAL, synchronous=FULL). An errand that fails is rolled back alone.
 */
#pragma once

#include "io/loop.h"

struct store_table;

#define STORE_TABLE_ERRANDS_MAX 100000 /* waiting; store_table_post() answers FULL beyond it */
#define STORE_TABLE_BATCH_MAX 1000     /* errands in one transaction */

/* On the table's thread. Other than OK rolls the errand's changes back. */
typedef enum status store_table_errand(struct store_table *t, void *arg);

struct store_table_config {
    const char *path; /* or ":memory:" */
    const char *const
        *migrations; /* SQL scripts, in order; how many ran is in the file (user_version) */
    size_t migration_count;
    const char *const *statements; /* SQL, prepared once, named by index */
    size_t statement_count;
    bool inline_errands; /* no thread: an errand runs and commits within store_table_post(), `done`
                          * is deferred on the loop. For the simulation and for tests */
    store_table_errand *first; /* run and committed before the table is open; when it fails, so does
                                * that. May be NULL */
    void *first_arg;
};

/* IO_FAILED (the log line says what), BAD_FORMAT when the file is of a newer version or no
 * database. */
CHECKED enum status store_table_open(const struct store_table_config *config,
                                     struct store_table **out);
/* Runs what waits, then closes; their `done` are posted. */
void store_table_close(struct store_table **t);

/* On the loop: what the errand returned, or IO_FAILED when the commit failed. */
typedef void store_table_done(void *arg, enum status why);

/* From any thread. FULL, and nothing happens. `done` and `loop` may be NULL: nobody waits. */
CHECKED enum status store_table_post(struct store_table *t, struct loop *loop,
                                     store_table_errand *run, store_table_done *done, void *arg);

struct store_table_ask {
    struct loop *loop;
    store_table_errand *run;
    store_table_done *done;
    void *arg;
};

/* The same for several that share one transaction, in this order, however many they are: a crash
 * leaves all of them or none. One that fails is rolled back alone all the same. */
CHECKED enum status store_table_post_all(struct store_table *t, const struct store_table_ask *asks,
                                         size_t count);

/* ---- inside an errand: statement `n` of the config's list ---- */

/* Parameters count from 1. Texts are bound as TEXT and must live until the step. */
void store_bind(struct store_table *t, size_t n, int at, struct slice text);
void store_bind_i64(struct store_table *t, size_t n, int at, int64_t v);
void store_bind_double(struct store_table *t, size_t n, int at, double v);
void store_bind_blob(struct store_table *t, size_t n, int at, struct slice bytes); /* as a text's */
void store_bind_null(struct store_table *t, size_t n, int at);

/* OK: there is a row. NOT_FOUND: no (further) row, the statement is done and reset. EXISTS: a key
 * is there already. FULL: the disk. IO_FAILED: the log line says why. After all but OK the
 * statement is reset and its parameters are cleared. */
CHECKED enum status store_step(struct store_table *t, size_t n);
/* For statements that give no rows: OK when done. */
CHECKED enum status store_run(struct store_table *t, size_t n);
/* After the last row that is wanted. */
void store_reset(struct store_table *t, size_t n);

/* Columns count from 0; slices live until the next step or reset. Empty and 0 for NULL. */
struct slice store_column(struct store_table *t, size_t n, int at);
int64_t store_column_i64(struct store_table *t, size_t n, int at);

#include "store/table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"

enum { INSERT, GET, COUNT, BREAK };
static const char *const migrations[] = {
    "CREATE TABLE words (name TEXT PRIMARY KEY, value INTEGER)",
    "ALTER TABLE words ADD COLUMN more TEXT;"
    "CREATE TABLE broken (x);"
    "CREATE TRIGGER breaks BEFORE INSERT ON broken BEGIN SELECT RAISE(ROLLBACK, 'gone'); END"};
static const char *const statements[] = {
    [INSERT] = "INSERT INTO words (name, value) VALUES (?1, ?2)",
    [GET] = "SELECT value FROM words WHERE name = ?1",
    [COUNT] = "SELECT COUNT(*) FROM words",
    [BREAK] = "INSERT INTO broken VALUES (1)",
};

static struct store_table *table_at(const char *path, size_t migration_count, bool inline_errands)
{
    struct store_table *t = NULL;
    enum status s = store_table_open(
        &(struct store_table_config){path, migrations, migration_count, statements,
                                     sizeof(statements) / sizeof(statements[0]), inline_errands},
        &t);
    if (s != OK)
        assert_null(t);
    return t;
}

struct word {
    char name[16];
    bool fail;
    enum status why;
    unsigned *left;
    struct loop *loop;
};

static enum status insert(struct store_table *t, void *arg)
{
    struct word *w = arg;
    store_bind(t, INSERT, 1, slice_of(w->name));
    store_bind_i64(t, INSERT, 2, 7);
    enum status s = store_run(t, INSERT);
    return s == OK && w->fail ? BAD_ARGUMENT : s;
}

static void inserted(void *arg, enum status why)
{
    struct word *w = arg;
    w->why = why;
    if (--*w->left == 0)
        loop_stop(w->loop);
}

static enum status count(struct store_table *t, void *arg)
{
    enum status s = store_step(t, COUNT);
    *(int64_t *)arg = store_column_i64(t, COUNT, 0);
    store_reset(t, COUNT);
    return s;
}

/* Many errands share transactions; one that fails takes nothing of the others with it. */
static void a_failing_errand_is_rolled_back_alone(void **state)
{
    (void)state;
    enum { N = 3000 };
    char path[64];
    snprintf(path, sizeof(path), "/tmp/table_test_%d.db", (int)getpid());
    struct store_table *t = table_at(path, 2, false);
    struct loop *loop = loop_new();
    static struct word words[N];
    unsigned left = N;
    for (int i = 0; i < N; i++) {
        words[i] = (struct word){.fail = i % 10 == 3, .left = &left, .loop = loop};
        snprintf(words[i].name, sizeof(words[i].name), "w%d",
                 i % 2990); /* the last ten exist already */
        assert_int_equal(store_table_post(t, loop, insert, inserted, &words[i]), OK);
    }
    loop_run(loop);
    for (int i = 0; i < N; i++)
        assert_int_equal(words[i].why, i % 10 == 3 ? BAD_ARGUMENT : i >= 2990 ? EXISTS : OK);
    store_table_close(&t);

    int64_t rows = 0;
    t = table_at(path, 2, true);
    assert_int_equal(store_table_post(t, NULL, count, NULL, &rows), OK);
    assert_int_equal(rows, 2990 - 299);
    store_table_close(&t);
    assert_null(table_at(path, 1, true)); /* of a newer version */
    loop_free(&loop);
    remove(path);
}

/* ---- a thread that is held while errands gather behind ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool entered, open;
};

static enum status wait_at_gate(struct store_table *t, void *arg)
{
    (void)t;
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->entered = true;
    pthread_cond_broadcast(&g->moved);
    while (!g->open)
        pthread_cond_wait(&g->moved, &g->lock);
    pthread_mutex_unlock(&g->lock);
    return OK;
}

static void hold(struct store_table *t, struct gate *g)
{
    *g = (struct gate){.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
    assert_int_equal(store_table_post(t, NULL, wait_at_gate, NULL, g), OK);
    pthread_mutex_lock(&g->lock);
    while (!g->entered)
        pthread_cond_wait(&g->moved, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void let_go(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->lock);
}

static enum status break_all(struct store_table *t, void *arg)
{
    (void)arg;
    return store_run(t, BREAK);
}

/* Nobody is told OK for what was undone with the transaction, and nothing runs on outside of one.
 */
static void a_transaction_that_ends_takes_all_its_errands(void **state)
{
    (void)state;
    struct store_table *t = table_at(":memory:", 2, false);
    struct loop *loop = loop_new();
    struct gate gate;
    unsigned left = 2;
    struct word before = {.name = "before", .left = &left, .loop = loop}, after = before,
                next = before;
    strcpy(after.name, "after");
    strcpy(next.name, "next");
    hold(t, &gate);
    assert_int_equal(store_table_post(t, loop, insert, inserted, &before), OK);
    assert_int_equal(store_table_post(t, NULL, break_all, NULL, NULL), OK);
    assert_int_equal(store_table_post(t, loop, insert, inserted, &after), OK);
    let_go(&gate);
    loop_run(loop);
    assert_int_equal(before.why, IO_FAILED);
    assert_int_equal(after.why, IO_FAILED);

    int64_t rows = -1;
    left = 1;
    assert_int_equal(store_table_post(t, NULL, count, NULL, &rows), OK);
    assert_int_equal(store_table_post(t, loop, insert, inserted, &next), OK);
    loop_run(loop);
    assert_int_equal(rows, 0);
    assert_int_equal(next.why, OK);
    store_table_close(&t);
    loop_free(&loop);
}

static void errands_that_wait_have_a_bound(void **state)
{
    (void)state;
    struct store_table *t = table_at(":memory:", 2, false);
    struct gate gate;
    int64_t rows;
    hold(t, &gate);
    for (int i = 0; i < STORE_TABLE_ERRANDS_MAX; i++)
        assert_int_equal(store_table_post(t, NULL, count, NULL, &rows), OK);
    assert_int_equal(store_table_post(t, NULL, count, NULL, &rows), FULL);
    let_go(&gate);
    store_table_close(&t); /* runs what waits */
    assert_int_equal(rows, 0);
}

/* Those that belong together are not parted where a transaction is full, and all of them are refused
 * when there is not room for all. */
static void errands_of_one_ask_share_a_transaction(void **state)
{
    (void)state;
    enum { N = STORE_TABLE_BATCH_MAX + 500 };
    struct store_table *t = table_at(":memory:", 2, false);
    struct loop *loop = loop_new();
    struct gate gate;
    static struct word words[N];
    static struct store_table_ask asks[N], many[STORE_TABLE_ERRANDS_MAX];
    unsigned left = N;
    for (int i = 0; i < N; i++) {
        words[i] = (struct word){.left = &left, .loop = loop};
        snprintf(words[i].name, sizeof(words[i].name), "w%d", i);
        asks[i] = (struct store_table_ask){loop, insert, inserted, &words[i]};
    }
    words[7].fail = true;
    asks[N - 1].run = break_all; /* undoes all that is in the same transaction */
    hold(t, &gate);
    assert_int_equal(store_table_post_all(t, asks, N), OK);
    assert_int_equal(store_table_post_all(t, many, STORE_TABLE_ERRANDS_MAX), FULL);
    let_go(&gate);
    loop_run(loop);
    for (int i = 0; i < N - 1; i++)
        assert_int_equal(words[i].why, i == 7 ? BAD_ARGUMENT : IO_FAILED);
    store_table_close(&t);
    loop_free(&loop);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/table_test_bad_%d.db", (int)getpid());
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database at all ", f);
    fclose(f);
    assert_null(table_at(path, 2, true));
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_errand_is_rolled_back_alone),
        cmocka_unit_test(a_transaction_that_ends_takes_all_its_errands),
        cmocka_unit_test(errands_that_wait_have_a_bound),
        cmocka_unit_test(errands_of_one_ask_share_a_transaction),
        cmocka_unit_test(a_file_that_is_no_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

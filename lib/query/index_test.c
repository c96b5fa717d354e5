/* What the index narrows is compared with what a look at every twin gives: NOT NOT (condition)
 * means the same, and no index serves it. */
#include "query/query_rig.h"

/* What SQLite says it will do for a statement of ours. */
static void expect_plan(enum registry_statement n, const char *want, const char *unwanted)
{
    char text[2048];
    const char *const explain[] = {text};
    struct store_table *t;
    struct buffer plan = {0};
    snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", registry_statements[n]);
    assert_int_equal(
        store_table_open(&(struct store_table_config){.path = ":memory:",
                                                      .migrations = registry_migrations,
                                                      .migration_count = registry_migration_count,
                                                      .statements = explain,
                                                      .statement_count = 1,
                                                      .inline_errands = true},
                         &t),
        OK);
    while (store_step(t, 0) == OK) {
        buffer_put(&plan, store_column(t, 0, 3));
        buffer_text(&plan, "; ");
    }
    if (!strstr(buffer_cstr(&plan), want) || (unwanted && strstr(buffer_cstr(&plan), unwanted)))
        fail_msg("%s", buffer_cstr(&plan));
    buffer_clear(&plan);
    store_table_close(&t);
}

static void searches_instead_of_scanning(void **state)
{
    (void)state;
    expect_plan(SQL_QUERY_EQUAL,
                "SEARCH l USING COVERING INDEX leaves_value (path=? AND value=? AND number>?)",
                "TEMP B-TREE");
    expect_plan(SQL_QUERY_EQUAL, "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)", "SCAN");
    expect_plan(SQL_QUERY_RANGE,
                "SEARCH l USING COVERING INDEX leaves_value (path=? AND value>? AND value<?)",
                "SCAN");
    expect_plan(SQL_QUERY_COUNT, "leaves_value (path=? AND value>? AND value<?)", "SCAN leaves");
    expect_plan(SQL_QUERY_ALL_DEVICES, "documents_module (module=? AND rowid>?)", "TEMP B-TREE");
    expect_plan(SQL_QUERY_ALL_MODULES, "INTEGER PRIMARY KEY (rowid>?)", "TEMP B-TREE");
    expect_plan(SQL_QUERY_MODULE, "documents_module (module=? AND rowid>?)", "TEMP B-TREE");
    expect_plan(SQL_QUERY_DEVICE, "(device=?)", "SCAN");
    expect_plan(SQL_QUERY_JOBS_JOB, "scheduled_devices_job (job=? AND rowid>?)", "TEMP B-TREE");
    expect_plan(SQL_QUERY_JOBS_DEVICE, "scheduled_devices_device (device=? AND rowid>?)",
                "TEMP B-TREE");
    expect_plan(SQL_QUERY_JOBS_ALL, "INTEGER PRIMARY KEY (rowid>?)", "TEMP B-TREE");
    expect_plan(SQL_JOB_DEVICES_PENDING, "scheduled_devices_job (job=? AND rowid>?)",
                "TEMP B-TREE");
    expect_plan(SQL_JOB_DEVICES_AGAIN, "scheduled_devices_running", NULL);
    expect_plan(SQL_DOCUMENT_NUMBER, "(device=? AND module=?)", "SCAN");
}

/* A small world of values, so that conditions meet them. */
static const char *random_value(unsigned *seed)
{
    static const char *const values[] = {"1",
                                         "2",
                                         "2.5",
                                         "-3",
                                         "0",
                                         "\"1\"",
                                         "\"a\"",
                                         "\"ab\"",
                                         "\"\"",
                                         "true",
                                         "false",
                                         "{\"x\":1}",
                                         "{\"x\":\"a\",\"y\":{\"x\":2}}",
                                         "[1,\"a\"]",
                                         "{}",
                                         "1e300",
                                         "\"a\\u0000b\"",
                                         "\"é\""};
    return values[rand_r(seed) % (sizeof(values) / sizeof(values[0]))];
}

static const char *random_condition(struct arena *a, unsigned *seed, int depth)
{
    static const char *const paths[] = {"tags.x",
                                        "tags.y",
                                        "tags.x.x",
                                        "tags.x.y.x",
                                        "properties.desired.x",
                                        "properties.reported.x.x",
                                        "properties.reported.y",
                                        "tags.x.y"};
    static const char *const literals[] = {"1",  "2",     "2.5",   "'a'",  "'ab'",
                                           "''", "true",  "false", "null", "undefined",
                                           "-3", "1e300", "'é'"};
    static const char *const signs[] = {"=", "!=", "<", "<=", ">", ">="};
    const char *path = paths[rand_r(seed) % 8];
    const char *literal = literals[rand_r(seed) % 13], *other = literals[rand_r(seed) % 13];
    switch (rand_r(seed) % (depth > 0 ? 10 : 6)) {
    case 0:
        return arena_printf(a, "%s %s %s", literal, signs[rand_r(seed) % 6], path);
    case 1:
        return arena_printf(a, "%s %s [%s, %s]", path, rand_r(seed) % 2 ? "IN" : "NIN", literal,
                            other);
    case 2:
        return arena_printf(
            a, "%s(%s)", (const char *[]){"IS_DEFINED", "IS_NULL", "IS_STRING"}[rand_r(seed) % 3],
            path);
    case 3:
        return arena_printf(a, "STARTS_WITH(%s, %s)", path, literal);
    case 4:
        return path;
    case 5:
        return arena_printf(a, "%s %s %s", path, signs[rand_r(seed) % 6], literal);
    case 6:
        return arena_printf(a, "NOT (%s)", random_condition(a, seed, depth - 1));
    default:
        return arena_printf(a, "(%s %s %s)", random_condition(a, seed, depth - 1),
                            rand_r(seed) % 2 ? "AND" : "OR", random_condition(a, seed, depth - 1));
    }
}

static void expect_same_with_and_without_index(unsigned *seed, int rounds)
{
    struct arena a = {0};
    for (int i = 0; i < rounds; i++) {
        const char *condition = random_condition(&a, seed, 3);
        const char *found = ids(condition),
                   *scanned = ids(arena_printf(&a, "NOT NOT (%s)", condition));
        if (strcmp(found, scanned) != 0)
            fail_msg("%s: found %s, scanned %s", condition, found, scanned);
    }
    arena_clear(&a);
}

static void the_index_follows_every_change(void **state)
{
    (void)state;
    unsigned seed = 20261126;
    char id[16], patch[512];
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        device(id, NULL);
    }
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 30; i++) {
            const char *x = rand_r(&seed) % 4 ? random_value(&seed) : "null";
            snprintf(id, sizeof(id), "d%d", i);
            snprintf(patch, sizeof(patch), "{\"%s\":%s}", rand_r(&seed) % 2 ? "x" : "y", x);
            if (rand_r(&seed) % 3 == 0) {
                report(id, patch);
                continue;
            }
            snprintf(patch, sizeof(patch),
                     "{\"tags\":{\"x\":%s,\"y\":%s},\"properties\":{\"desired\":{\"x\":%s}}}", x,
                     random_value(&seed), random_value(&seed));
            change(rand_r(&seed) % 4 ? &registry_twin_patch : &registry_twin_put, id, NULL, patch);
        }
        snprintf(id, sizeof(id), "d%d", rand_r(&seed) % 30);
        change(&registry_identity_delete, id, NULL, NULL);
        device(id, NULL);
        expect_same_with_and_without_index(&seed, 40);
    }
}

/* Twins that an earlier version of the program has kept are found as well. */
static void an_older_database_is_indexed(void **state)
{
    (void)state;
    static const char *const insert[] = {
        "INSERT INTO identities (device, module, generation, etag, enabled, auth)"
        " VALUES (?1, '', '1', 'e', 1, 0)",
        "INSERT INTO twins VALUES (?1, '', 1, ?2, 1, ?3, '{}', 1, ?3, '{}', 1)"};
    char path[] = "/tmp/millrace-query-XXXXXX", more[64];
    struct store_table *t;
    unsigned seed = 7;
    close(mkstemp(path));
    size_t before = 0;
    while (!strstr(registry_migrations[before], "CREATE TABLE documents"))
        before++;
    assert_int_equal(
        store_table_open(&(struct store_table_config){.path = path,
                                                      .migrations = registry_migrations,
                                                      .migration_count = before,
                                                      .statements = insert,
                                                      .statement_count = 2,
                                                      .inline_errands = true},
                         &t),
        OK);
    for (int i = 0; i < 30; i++) {
        char id[16], tags[128], properties[128];
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(tags, sizeof(tags), "{\"x\":%s,\"y\":%s}", random_value(&seed),
                 random_value(&seed));
        snprintf(properties, sizeof(properties), "{\"x\":%s,\"y\":null}", random_value(&seed));
        store_bind(t, 0, 1, slice_of(id));
        assert_int_equal(store_run(t, 0), OK);
        store_bind(t, 1, 1, slice_of(id));
        store_bind(t, 1, 2, slice_of(tags));
        store_bind(t, 1, 3, slice_of(properties));
        assert_int_equal(store_run(t, 1), OK);
    }
    store_table_close(&t);
    assert_int_equal(begin_at(path), 0);
    assert_string_equal(
        query("SELECT COUNT() AS n FROM devices WHERE properties.reported.y = null"),
        "[{\"n\":30}]");
    expect_same_with_and_without_index(&seed, 300);
    finish(NULL);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(more, sizeof(more), "%s%s", path, ends[i]);
        unlink(more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_instead_of_scanning),
        cmocka_unit_test_setup_teardown(the_index_follows_every_change, begin, finish),
        cmocka_unit_test(an_older_database_is_indexed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Directories that are made with their parents, on a disk that loses what was not synced. */
#include "store/directory.h"

#include "store/sim_disk.h"

#include "base/cmocka.h"

#define SYNCS(d) sim_disk_calls(d, SIM_DISK_SYNC_DIRECTORY)

/* Also where a start made some, and ended before their sync. Often a crash shows it: what it takes
 * is by chance. */
static void what_was_made_is_there_after_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct store_disk *d = sim_disk_new(seed);
        assert_int_equal(d->ops->make_directory(d, "/a"), OK);
        if (seed % 2) {
            assert_int_equal(d->ops->sync_directory(d, "/"), OK);
            assert_int_equal(d->ops->make_directory(d, "/a/b"), OK);
        }
        assert_int_equal(store_directory_make(d, "/a/b"), OK);
        sim_disk_crash(d);
        assert_int_equal(d->ops->make_directory(d, "/a/b"), EXISTS);
        sim_disk_free(&d);
    }
}

/* Others' are not ours to sync, at each start, up to the root; and what their sync says is no
 * reason not to start. */
static void what_was_there_is_left_alone(void **state)
{
    (void)state;
    struct store_disk *d = sim_disk_new(1);
    assert_int_equal(store_directory_make(d, "/a/b/c/d/e/f"), OK);
    uint64_t before = SYNCS(d);
    assert_int_equal(store_directory_make(d, "/a/b/c/d/e/f"), OK);
    assert_int_equal(SYNCS(d) - before, 1);
    sim_disk_fail(d, SIM_DISK_SYNC_DIRECTORY, 1);
    assert_int_equal(store_directory_make(d, "/a/b/c/d/e/f"), OK);
    sim_disk_free(&d);
}

static void what_is_made_must_be_synced(void **state)
{
    (void)state;
    struct store_disk *d = sim_disk_new(1);
    sim_disk_fail(d, SIM_DISK_SYNC_DIRECTORY, 1);
    assert_int_equal(store_directory_make(d, "/a/b"), IO_FAILED);
    sim_disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_is_there_after_a_crash),
        cmocka_unit_test(what_was_there_is_left_alone),
        cmocka_unit_test(what_is_made_must_be_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

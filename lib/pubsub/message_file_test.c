/* Messages at the end of files that somebody takes away meanwhile. */
#include "pubsub/message_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"

static char folder[64], path[128];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/message-file-test-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/a/t.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static bool begins(bool first)
{
    bool begun = false;
    assert_int_equal(message_file_append_thread(path, MESSAGE_LINE, SLICE("{}"), first, &begun),
                     OK);
    return begun;
}

/* Its name is to be on the disk once more. */
static void says_when_a_file_is_begun(void **state)
{
    (void)state;
    assert_true(begins(true));
    assert_false(begins(false));
    assert_int_equal(unlink(path), 0);
    assert_true(begins(false));
}

/* Nothing that was written is lost with it, and nothing is to be written again. */
static void a_file_that_was_taken_is_no_failure(void **state)
{
    (void)state;
    begins(true);
    assert_int_equal(message_file_sync_thread(path, folder, true), OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(message_file_sync_thread(path, folder, false), OK);
    assert_int_equal(message_file_sync_thread(path, folder, true), OK);
    assert_int_equal(rmdir(folder), -1);
    snprintf(path, sizeof path, "rm -rf %s", folder);
    assert_int_equal(system(path), 0);
    snprintf(path, sizeof path, "%s/t.json", folder);
    assert_int_equal(message_file_sync_thread(path, folder, true), IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_when_a_file_is_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_taken_is_no_failure, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cmocka.h"

static uint64_t now_ms = 5000;

static uint64_t clock_of_test(void *arg)
{
    (void)arg;
    return now_ms;
}

static unsigned lines_of(FILE *file, const char *with)
{
    unsigned n = 0;
    char line[200];
    rewind(file);
    while (fgets(line, sizeof(line), file))
        n += strstr(line, with) != NULL;
    return n;
}

/* A peer that is refused again and again fills no disk, and hides nobody else's warning. */
static void warnings_of_one_kind_are_so_many_in_a_second(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    int was = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    log_clock(clock_of_test, NULL);
    for (unsigned second = 0; second < 2; second++, now_ms += 1000)
        for (unsigned i = 0; i < 3 * LOG_WARNINGS_MAX; i++)
            log_warn("refused number=%u", i);
    log_warn("another one=1");
    for (unsigned i = 0; i < 3 * LOG_WARNINGS_MAX; i++)
        log_info("connected number=%u", i);
    log_clock(NULL, NULL);
    dup2(was, STDERR_FILENO);
    close(was);
    assert_int_equal(lines_of(file, "refused number="), 2 * LOG_WARNINGS_MAX);
    assert_int_equal(lines_of(file, "more=left-out"), 2);
    assert_int_equal(lines_of(file, "another one="), 1);
    assert_int_equal(lines_of(file, "connected number="), 3 * LOG_WARNINGS_MAX);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warnings_of_one_kind_are_so_many_in_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

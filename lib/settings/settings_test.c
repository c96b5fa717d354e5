#include "settings/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"

static const struct setting table[] = {
    {"mqtt.port", SETTING_INTEGER, "8883", "where MQTT is served", 0, 65535, NULL, false},
    {"store.bytes", SETTING_SIZE, "64MiB", "how much is kept", 0, 0, NULL, false},
    {"store.durability", SETTING_WORD, "fsync", "when a message is safe", 0, 0, "fsync|os|memory", false},
    {"timeout", SETTING_DURATION, "30s", "how long to wait", 1, 60000, NULL, false},
    {"verbose", SETTING_BOOL, "false", "says more", 0, 0, NULL, false},
    {"names", SETTING_LIST, NULL, "of the hub", 0, 0, NULL, false},
    {"roles", SETTING_LIST, NULL, "what it does", 0, 0, "read|write", false},
    {"data", SETTING_PATH, NULL, "where it is kept", 0, 0, NULL, false},
    {"key", SETTING_TEXT, NULL, "of the device", 0, 0, NULL, true},
    SETTINGS_LOG,
};
static struct settings_program program = {"probe", "A test.", table, sizeof(table) / sizeof(table[0]), true};

static int load(struct settings **out, const char *first, ...)
{
    char *argv[16] = {"probe", (char *)first};
    int argc = first ? 2 : 1;
    va_list more;
    va_start(more, first);
    for (char *word; first && (word = va_arg(more, char *));)
        argv[argc++] = word;
    va_end(more);
    return settings_load(&program, argc, argv, out);
}

static const char *file_with(const char *text)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/settings_test_%d.json", (int)getpid());
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    return path;
}

static void flags_win_over_variables_and_variables_over_the_file(void **state)
{
    (void)state;
    struct settings *s = NULL;
    const char *path = file_with("{ // comment\n \"mqtt\": {\"port\": 1}, \"store.bytes\": \"1KiB\",\n"
                                 " \"verbose\": true, \"names\": [\"a\", \"b\"],}");
    setenv("MILLRACE_PROBE_MQTT_PORT", "2", 1);
    setenv("MILLRACE_PROBE_TIMEOUT", "00:00:05", 1);
    assert_int_equal(load(&s, "--config", path, "--timeout=7s", "--no-verbose", "word", NULL), -1);
    unsetenv("MILLRACE_PROBE_MQTT_PORT");
    unsetenv("MILLRACE_PROBE_TIMEOUT");
    assert_int_equal(settings_integer(s, "mqtt.port"), 2);
    assert_int_equal(settings_size(s, "store.bytes"), 1024);
    assert_int_equal(settings_ms(s, "timeout"), 7000);
    assert_false(settings_bool(s, "verbose"));
    const char *const *names;
    assert_int_equal(settings_list(s, "names", &names), 2);
    assert_string_equal(names[1], "b");
    assert_string_equal(settings_text(s, "store.durability"), "fsync");
    assert_string_equal(settings_argument(s, 0), "word");
    assert_null(settings_text(s, "key"));
    settings_free(&s);
    remove(path);
}

static void what_is_wrong_ends_with_code_2(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "--mqtt.port", "70000", NULL), 2);
    assert_int_equal(load(&s, "--mqtt.prot", "1", NULL), 2);
    assert_int_equal(load(&s, "--store.durability", "maybe", NULL), 2);
    assert_int_equal(load(&s, "--timeout", NULL), 2);
    assert_int_equal(load(&s, "--config", "/nonexistent/x.json", NULL), 2);
    const char *path = file_with("{\"mqtt\": {\"prot\": 1}}");
    assert_int_equal(load(&s, "--config", path, NULL), 2);
    path = file_with("{\"mqtt\": }");
    assert_int_equal(load(&s, "--config", path, NULL), 2);
    assert_int_equal(load(&s, "--roles", "read,cook", NULL), 2);
    assert_int_equal(load(&s, "--roles", "read,write", "--check", NULL), 0);
    assert_int_equal(load(&s, "--data", "", NULL), 2);
    assert_int_equal(load(&s, "--check", NULL), 0);
    assert_null(s);
    remove(path);
}

static void a_word_that_nobody_looks_at_is_an_error(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "junk", "--check", NULL), 0);
    program.commands = false;
    assert_int_equal(load(&s, "junk", NULL), 2);
    assert_int_equal(load(&s, "--verbose", "falsch", NULL), 2);
    assert_int_equal(load(&s, "--verbose", "false", NULL), -1);
    assert_false(settings_bool(s, "verbose"));
    settings_free(&s);
    program.commands = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_win_over_variables_and_variables_over_the_file),
        cmocka_unit_test(what_is_wrong_ends_with_code_2),
        cmocka_unit_test(a_word_that_nobody_looks_at_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

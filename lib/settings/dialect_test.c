#include "settings/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"

static const struct setting table[] = {
    {"file", SETTING_PATH, "nodes.json", "which nodes", 0, 0, NULL, false},
    {"strict", SETTING_BOOL, "false", "to the letter", 0, 0, NULL, false},
    {"mode", SETTING_WORD, "Samples", "shape", 0, 0, "Samples|PubSub", false},
    {"interval", SETTING_DURATION, "1s", "how often", 0, 0, NULL, false},
    {"init", SETTING_PATH, NULL, "run first", 0, 0, NULL, false},
};

static bool in_seconds(struct slice v, struct buffer *out)
{
    buffer_printf(out, "%.*ss", SLICE_FMT(v));
    return !slice_eq(v, SLICE("x"));
}

static const struct settings_option options[] = {
    {"f pf publishfile", "PublishedNodesFile", "file", NULL, NULL, NULL},
    {"c", "Strict", "strict", NULL, "true", NULL},
    {"mm", "MessagingMode", "mode", NULL, NULL, NULL},
    {"hb", "Heartbeat", "interval", in_seconds, NULL, "in seconds"},
    {"pi", "InitFile", "init", NULL, "nodes.init", NULL},
    {"fp", "OldThing", NULL, NULL, "true", "nobody needs it"},
};

static const struct settings_dialect dialect = {options, sizeof options / sizeof options[0],
                                                "PROBE_SECRETS", NULL};
static const struct settings_program program = {
    "probe", "A test.", table, sizeof(table) / sizeof(table[0]), false, &dialect};

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

static void options_have_one_or_two_dashes_and_any_divider(void **state)
{
    (void)state;
    static const char *const lines[][3] = {{"-f", "a.json", NULL},
                                           {"--pf=a.json", NULL},
                                           {"-publishfile:a.json", NULL},
                                           {"--PublishedNodesFile", "a.json", NULL},
                                           {"--publishednodesfile=a.json", NULL}};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct settings *s = NULL;
        assert_int_equal(load(&s, lines[i][0], lines[i][1], NULL), -1);
        assert_string_equal(settings_text(s, "file"), "a.json");
        settings_free(&s);
    }
}

static void words_and_switches_are_taken_in_any_case(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "--c", "--mm=pubsub", "--hb", "5", "--pi", NULL), -1);
    assert_true(settings_bool(s, "strict"));
    assert_string_equal(settings_text(s, "mode"), "PubSub");
    assert_int_equal(settings_ms(s, "interval"), 5000);
    assert_string_equal(settings_text(s, "init"), "nodes.init");
    settings_free(&s);
    assert_int_equal(
        load(&s, "-c", "False", "--pi=mine", "--mode", "PubSub", "--strict=True", NULL), -1);
    assert_true(
        settings_bool(s, "strict")); /* our own flags stand beside them; the last one wins */
    assert_string_equal(settings_text(s, "init"), "mine");
    assert_false(settings_given(s, "interval"));
    assert_true(settings_given(s, "mode"));
    settings_free(&s);
}

static void the_command_line_wins_over_ours_and_ours_over_theirs(void **state)
{
    (void)state;
    struct settings *s = NULL;
    setenv("messagingmode", "PubSub", 1);
    setenv("PublishedNodesFile", "theirs.json", 1);
    setenv("MILLRACE_PROBE_FILE", "ours.json", 1);
    setenv("Heartbeat", "", 1); /* as deployments leave it: not said */
    assert_int_equal(load(&s, NULL), -1);
    assert_string_equal(settings_text(s, "mode"), "PubSub");
    assert_string_equal(settings_text(s, "file"), "ours.json");
    assert_int_equal(settings_ms(s, "interval"), 1000);
    settings_free(&s);
    assert_int_equal(load(&s, "--pf=line.json", NULL), -1);
    assert_string_equal(settings_text(s, "file"), "line.json");
    settings_free(&s);
    unsetenv("messagingmode");
    unsetenv("PublishedNodesFile");
    unsetenv("MILLRACE_PROBE_FILE");
    unsetenv("Heartbeat");
}

static void a_secrets_file_is_the_weakest(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "/tmp/dialect_test_%d.env", (int)getpid());
    FILE *f = fopen(path, "w");
    fputs("# secrets\nPublishedNodesFile='from file.json'\nexport MESSAGINGMODE = "
          "PubSub\nother=1\nnoise\n",
          f);
    fclose(f);
    setenv("PROBE_SECRETS", path, 1);
    setenv("Strict", "true", 1);
    struct settings *s = NULL;
    assert_int_equal(load(&s, NULL), -1);
    assert_string_equal(settings_text(s, "file"), "from file.json");
    assert_string_equal(settings_text(s, "mode"), "PubSub");
    settings_free(&s);
    setenv("PublishedNodesFile", "stronger.json", 1);
    assert_int_equal(load(&s, NULL), -1);
    assert_string_equal(settings_text(s, "file"), "stronger.json");
    settings_free(&s);
    unlink(path);
    assert_int_equal(load(&s, NULL), 2); /* it was named, and is not there */
    unsetenv("PROBE_SECRETS");
    unsetenv("PublishedNodesFile");
    unsetenv("Strict");
}

static void what_is_unknown_is_passed_over_but_not_by_check(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "--newer=1", "--fp", "word", "--mm=PubSub", NULL), -1);
    assert_string_equal(settings_text(s, "mode"), "PubSub");
    settings_free(&s);
    assert_int_equal(load(&s, "--newer", "1", "--mm=PubSub", NULL), -1); /* its value, too */
    assert_string_equal(settings_text(s, "mode"), "PubSub");
    settings_free(&s);
    assert_int_equal(load(&s, "--newer=1", "--check", NULL), 2);
    assert_int_equal(load(&s, "--fp", "--check", NULL), 0);
}

static void a_bad_value_is_an_error(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "--mm=Sample", NULL), 2);
    assert_int_equal(load(&s, "--hb", "x", NULL), 2);
    assert_int_equal(load(&s, "--pf", NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_have_one_or_two_dashes_and_any_divider),
        cmocka_unit_test(words_and_switches_are_taken_in_any_case),
        cmocka_unit_test(the_command_line_wins_over_ours_and_ours_over_theirs),
        cmocka_unit_test(a_secrets_file_is_the_weakest),
        cmocka_unit_test(what_is_unknown_is_passed_over_but_not_by_check),
        cmocka_unit_test(a_bad_value_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

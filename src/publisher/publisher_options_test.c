#include "publisher/publisher_options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "client/device.h"
#include "publisher/pki_settings.h"
#include "publisher/publisher_settings.h"
#include "publisher/session_settings.h"

#define PAGE "/../../docs/protocol/publisher-options.md" /* from this file's folder */
#define ROWS_MAX 220

/* Those of the program that hosts the publisher, as far as options name them. */
static const struct setting host_settings[] = {
    {"connection", SETTING_TEXT, NULL, "", 0, 0, NULL, true},
    {"connection.transport", SETTING_WORD, "Mqtt", "", 0, 0, DEVICE_WAY_WORDS, false},
    {"ca", SETTING_PATH, NULL, "", 0, 0, NULL, false},
    {"site", SETTING_TEXT, NULL, "", 0, 0, NULL, false},
    {"api.port", SETTING_INTEGER, NULL, "", -1, 65535, NULL, false},
    {"api.port.plain", SETTING_INTEGER, "-1", "", -1, 65535, NULL, false},
    {"api.key", SETTING_TEXT, NULL, "", 0, 0, NULL, true},
    {"api.certificate.renew", SETTING_BOOL, "false", "", 0, 0, NULL, false},
    {"api.openapi", SETTING_BOOL, "true", "", 0, 0, NULL, false},
    {"api.openapi.3", SETTING_BOOL, "false", "", 0, 0, NULL, false},
    SETTINGS_LOG,
};
#define HOST_COUNT (sizeof host_settings / sizeof host_settings[0])

static struct setting table[ROWS_MAX];
static struct settings_program program = {"publisher", "", table, 0, false, &publisher_dialect};

static int set_up(void **state)
{
    (void)state;
    memcpy(table, host_settings, sizeof host_settings);
    memcpy(table + HOST_COUNT, publisher_settings, publisher_settings_count * sizeof table[0]);
    program.count = HOST_COUNT + publisher_settings_count;
    memcpy(table + program.count, pki_settings, pki_settings_count * sizeof table[0]);
    program.count += pki_settings_count;
    memcpy(table + program.count, session_settings, session_settings_count * sizeof table[0]);
    program.count += session_settings_count;
    return 0;
}

static int load(struct settings **out, const char *first, ...)
{
    char *argv[16] = {"publisher", (char *)first};
    int argc = first ? 2 : 1;
    va_list more;
    va_start(more, first);
    for (char *word; first && (word = va_arg(more, char *));)
        argv[argc++] = word;
    va_end(more);
    return settings_load(&program, argc, argv, out);
}

/* A value that is not the default, in OPC Publisher's words. */
static const char *value_for(const struct settings_option *o, const struct setting *row)
{
    if (slice_eq(slice_of(row->name), SLICE("log.level")))
        return "Warning";
    if (slice_eq(slice_of(row->name), SLICE("log.format")))
        return "systemd";
    if (slice_ends(slice_of(row->name), SLICE(".flat")))
        return "FlatDirectory";
    if (row->words) {
        const char *last = strrchr(row->words, '|');
        return last ? last + 1 : row->words;
    }
    switch (row->type) {
    case SETTING_BOOL:
        return o->alone ? o->alone : "True";
    case SETTING_INTEGER:
        return "7";
    case SETTING_DURATION:
    case SETTING_SIZE:
        return "7000";
    default:
        return "other";
    }
}

static void check_given(const char *word, const char *value, const char *setting)
{
    struct settings *s = NULL;
    char line[300];
    snprintf(line, sizeof line, "%s=%s", word, value);
    assert_int_equal(load(&s, line, NULL), -1);
    if (!settings_given(s, setting))
        fail_msg("%s does not set %s", line, setting);
    settings_free(&s);
}

static void every_name_of_an_option_sets_what_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < publisher_dialect.count; i++) {
        const struct settings_option *o = &publisher_dialect.options[i];
        assert_true(o->setting || o->note);
        if (o->setting == NULL)
            continue;
        const struct setting *row = NULL;
        for (size_t j = 0; j < program.count; j++)
            if (strcmp(program.table[j].name, o->setting) == 0)
                row = &program.table[j];
        if (row == NULL)
            fail_msg("there is no setting '%s'", o->setting);
        const char *value = value_for(o, row);
        struct slice rest = slice_of(o->names), name;
        while (rest.len && slice_split(&rest, ' ', &name)) {
            char word[100];
            snprintf(word, sizeof word, "%s%.*s", name.len == 1 ? "-" : "--", SLICE_FMT(name));
            check_given(word, value, o->setting);
        }
        if (o->variable) {
            char word[100];
            snprintf(word, sizeof word, "--%s", o->variable);
            check_given(word, value, o->setting);
            setenv(o->variable, value, 1);
            struct settings *s = NULL;
            assert_int_equal(load(&s, NULL), -1);
            assert_true(settings_given(s, o->setting));
            settings_free(&s);
            unsetenv(o->variable);
        }
    }
}

static void no_name_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < publisher_dialect.count; i++) {
        struct slice rest = slice_of(publisher_dialect.options[i].names), name;
        while (rest.len && slice_split(&rest, ' ', &name))
            if (settings_option_find(&publisher_dialect, name) != &publisher_dialect.options[i])
                fail_msg("'%.*s' stands twice", SLICE_FMT(name));
    }
}

static void a_deployments_command_line_works_as_it_is(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(
        load(&s, "--pf=/appdata/pn.json", "--aa", "--mm=PubSub", "--bs=1", "--di=60", NULL), -1);
    struct publisher_config c = publisher_settings_read(s, "me");
    assert_string_equal(c.path, "/appdata/pn.json");
    assert_int_equal(c.defaults.mode, MODE_PUBSUB);
    assert_int_equal(c.defaults.batch_size, 1);
    assert_int_equal(c.defaults.batch_ms, 10000);
    assert_true(settings_bool(s, "pki.trust.all"));
    settings_free(&s);
}

static void strict_has_other_defaults(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "-c", NULL), -1);
    struct publisher_config c = publisher_settings_read(s, "me");
    assert_int_equal(c.defaults.mode, MODE_PUBSUB);
    assert_int_equal(c.defaults.batch_size, 0);
    assert_int_equal(c.defaults.batch_ms, 0);
    assert_true(c.defaults.metadata);
    settings_free(&s);
    assert_int_equal(load(&s, "-c", "--mm", "Samples", "--bs", "9", "--fm", "--dm", NULL), -1);
    c = publisher_settings_read(s, "me");
    assert_int_equal(c.defaults.mode, MODE_FULL_SAMPLES);
    assert_int_equal(c.defaults.batch_size, 9);
    assert_false(c.defaults.metadata);
    settings_free(&s);
}

static void times_are_in_the_units_of_opc_publisher(void **state)
{
    (void)state;
    struct settings *s = NULL;
    assert_int_equal(load(&s, "--hb", "30", "--bi=250", "--mwt=9", "--rbp=01:00:00",
                          "--hbb=PeriodicLKG", "--op=0", NULL),
                     -1);
    struct publisher_config c = publisher_settings_read(s, "me");
    assert_int_equal(c.defaults.heartbeat_ms, 30000);
    assert_int_equal(c.defaults.heartbeat, HEARTBEAT_PERIODIC | HEARTBEAT_LKG);
    assert_int_equal(c.defaults.batch_ms, 250);
    assert_int_equal(c.defaults.watchdog_ms, 9000);
    assert_int_equal(c.defaults.rebrowse_ms, 3600000);
    assert_int_equal(c.defaults.publishing_ms, 0);
    settings_free(&s);
}

static void the_page_is_current(void **state)
{
    (void)state;
    struct buffer path = {0}, page = {0}, now = {0};
    buffer_put(&path, slice_first(slice_of(__FILE__), (size_t)(strrchr(__FILE__, '/') - __FILE__)));
    buffer_text(&path, PAGE);
    publisher_options_print(&now);
    if (getenv("MILLRACE_WRITE_PAGES"))
        assert_int_equal(file_write_public(buffer_cstr(&path), buffer_slice(&now)), OK);
    assert_int_equal(file_read(buffer_cstr(&path), &page), OK);
    if (!slice_eq(buffer_slice(&page), buffer_slice(&now)))
        fail_msg("%s is old: run this with MILLRACE_WRITE_PAGES=1", buffer_cstr(&path));
    buffer_clear(&path);
    buffer_clear(&page);
    buffer_clear(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_an_option_sets_what_the_table_says),
        cmocka_unit_test(no_name_stands_twice),
        cmocka_unit_test(a_deployments_command_line_works_as_it_is),
        cmocka_unit_test(strict_has_other_defaults),
        cmocka_unit_test(times_are_in_the_units_of_opc_publisher),
        cmocka_unit_test(the_page_is_current),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

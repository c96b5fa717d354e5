/* Which calls of a module are in its audit log, and what stands there. */
#include "publisher/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "client/device_double.h"

#include "base/cmocka.h"

static void run(struct module_call *c)
{
    module_reply(c, 200, SLICE("{}"));
}

static const struct module_method methods[] = {
    {"ValueWrite", MODULE_V2, run, 0},
    {"ValueRead", MODULE_V2, run, 0},
    {"AddCertificate", MODULE_V2, run, 0},
};
static const struct module_role_ops ops = {.methods = methods, .method_count = 3};

static void on_answered(void *arg, int status, struct slice json)
{
    (void)json;
    assert_int_equal(status, 200);
    ++*(int *)arg;
}

static bool all_answered(void *arg)
{
    return *(int *)arg == 3;
}

static void what_changes_something_is_written_and_what_reads_is_not(void **state)
{
    (void)state;
    char folder[] = "/tmp/changes_test_XXXXXX", path[64];
    struct buffer text = {0};
    struct audit *audit;
    int answered = 0;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(audit_open(folder, &audit), OK);
    struct loop *loop = loop_new();
    struct module *m = module_new(
        &(struct module_config){.device = {.loop = loop, .device_id = "edge", .module_id = "opc"}});
    module_add(m, &ops, NULL);
    changes_watch(m, audit);
    module_start(m);
    module_invoke(m, "api-key", SLICE("valuewrite_V2"), SLICE("{\"callId\":\"c1\",\"value\":7}"), 0,
                  on_answered, &answered);
    module_invoke(m, "api-key", SLICE("ValueRead_V2"), SLICE("{}"), 0, on_answered, &answered);
    module_invoke(m, NULL, SLICE("AddCertificate_V2"), SLICE("{\"password\":\"hush\"}"), 0,
                  on_answered, &answered);
    assert_true(loop_run_until(loop, all_answered, &answered, 20000));
    module_free(&m);
    loop_free(&loop);
    audit_close(&audit);
    device_double_reset();
    snprintf(path, sizeof path, "%s/audit.log", folder);
    assert_int_equal(audit_verify(folder), 0);
    assert_int_equal(file_read(path, &text), OK);
    const char *all = buffer_cstr(&text);
    assert_non_null(strstr(
        all,
        "\"event\":\"asked\",\"call\":\"c1\",\"who\":\"api-key\",\"operation\":\"valuewrite_V2\","
        "\"request\":{\"callId\":\"c1\",\"value\":7}"));
    assert_non_null(
        strstr(all, "\"event\":\"answered\",\"call\":\"c1\",\"who\":\"api-key\",\"status\":200"));
    assert_non_null(strstr(all, "\"who\":\"hub\",\"operation\":\"AddCertificate_V2\""));
    assert_null(strstr(all, "ValueRead"));
    assert_null(strstr(all, "hush"));
    buffer_clear(&text);
    unlink(path);
    rmdir(folder);
}

static void a_method_is_known_by_how_its_name_begins(void **state)
{
    (void)state;
    const char *const change[] = {"PublishNodes_V1", "setconfiguredendpoints",
                                  "RemoveAll",       "HistoryUpsertValues_V2",
                                  "Shutdown",        "GetApiKey"};
    const char *const look[] = {
        "PublishList_V2", "GetConfiguredEndpoints", "Browse", "HistoryReadValues",
        "ValueRead",      "ListCertificates",       "Se"};
    for (size_t n = 0; n < sizeof change / sizeof *change; n++)
        assert_true(changes_by(slice_of(change[n])));
    for (size_t n = 0; n < sizeof look / sizeof *look; n++)
        assert_false(changes_by(slice_of(look[n])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_changes_something_is_written_and_what_reads_is_not),
        cmocka_unit_test(a_method_is_known_by_how_its_name_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

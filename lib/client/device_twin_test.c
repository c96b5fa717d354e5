/* Twins, direct methods, and what the hub sends by itself. */
#include "client/device_rig.h"

/* ---- twin, methods, messages ---- */

static void asks_for_its_twin(void **state)
{
    struct test *t = *state;
    connect_up(t);
    device_client_twin_get(t->client, on_twin, t);
    device_client_twin_report(t->client, SLICE("{\"a\":1}"), on_reported, t);
    device_client_twin_report(t->client, SLICE("{\"b\":1}"), on_reported, t);
    hub_heard(t, "PUBLISH 0 $iothub/twin/GET/?$rid=1 \n");
    hub_heard(t, "PUBLISH 0 $iothub/twin/PATCH/properties/reported/?$rid=2 {\"a\":1}\n");
    hub_publish(t, "$iothub/twin/res/204/?$rid=2&$version=8", "", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=1", "{}", 0);
    hub_publish(t, "$iothub/twin/res/200/?$rid=zz", "{}", 0);
    hub_publish(t, "$iothub/twin/res/x", "{}", 0);
    hub_publish(t, "$iothub/twin/res/429/?$rid=3", "{\"errorCode\":429001}", 0);
    told(t, "reported OK 8\ntwin OK {}\nreported BUSY 0\n");
    assert_int_equal(t->told.len, 0);
}

static void says_that_it_is_offline(void **state)
{
    struct test *t = *state;
    t->hub.mute = true;
    struct device_client_config c = config(t);
    t->client = device_client_new(&c);
    hub_heard(t, "CONNECT ");
    device_client_twin_get(t->client, on_twin, t);
    assert_int_equal(t->told.len, 0); /* not before the call returned */
    told(t, "twin OFFLINE \n");
}

static void bounds_twin_requests(void **state)
{
    struct test *t = *state;
    connect_up(t);
    for (int i = 0; i <= DEVICE_CLIENT_TWIN_MAX; i++)
        device_client_twin_get(t->client, on_twin, t);
    told(t, "twin FULL \n");
    stream_abort(t->hub.stream, CANCELLED);
    for (int i = 0; i < DEVICE_CLIENT_TWIN_MAX; i++)
        told(t, "twin OFFLINE \n");
    told(t, "disconnected ");
}

static void runs_methods(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/methods/POST/reboot/?$rid=ab-c", "{\"in\":1}", 0);
    hub_publish(t, "$iothub/methods/POST/", "no name", 0);
    hub_publish(t, "$iothub/methods/POST/again/?$rid=2", "", 0);
    told(t, "method 1 reboot {\"in\":1}\nmethod 2 again \n");
    device_client_method_reply(t->client, 2, 500, SLICE("null"));
    device_client_method_reply(t->client, 1, 200, SLICE("{\"out\":2}"));
    device_client_method_reply(t->client, 1, 200, SLICE("again"));
    device_client_method_reply(t->client, 77, 200, SLICE("nobody"));
    device_client_method_reply(t->client, 0, 200, SLICE("nobody"));
    hub_heard(t, "PUBLISH 0 $iothub/methods/res/500/?$rid=2 null\n"
                 "PUBLISH 0 $iothub/methods/res/200/?$rid=ab-c {\"out\":2}\n");
    /* An answer that comes after the connection is gone is for nobody. */
    hub_publish(t, "$iothub/methods/POST/slow/?$rid=9", "", 0);
    told(t, "method 3 slow \n");
    stream_abort(t->hub.stream, CANCELLED);
    told(t, "connected\n");
    device_client_method_reply(t->client, 3, 200, SLICE("late"));
    device_client_twin_get(t->client, on_twin, t);
    hub_heard(t, "PUBLISH 0 $iothub/twin/GET");
    assert_int_equal(slice_find_slice(buffer_slice(&t->hub.heard), SLICE("late")),
                     t->hub.heard.len);
}

static void remembers_a_slow_method_among_many_quick_ones(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/methods/POST/slow/?$rid=slow", "", 0);
    for (unsigned i = 2; i < 2 * DEVICE_CLIENT_METHODS_MAX; i++) {
        hub_publish(t, "$iothub/methods/POST/quick/?$rid=q", "", 0);
        char line[64];
        snprintf(line, sizeof line, "method %u quick \n", i);
        told(t, line);
        device_client_method_reply(t->client, i, 200, SLICE("1"));
    }
    device_client_method_reply(t->client, 1, 200, SLICE("done"));
    hub_heard(t, "PUBLISH 0 $iothub/methods/res/200/?$rid=slow done\n");
}

static void passes_on_what_the_hub_says(void **state)
{
    struct test *t = *state;
    connect_up(t);
    hub_publish(t, "$iothub/twin/PATCH/properties/desired/?$version=42", "{\"a\":null}", 0);
    hub_publish(t, "devices/d/modules/m/inputs/in1/%24.mid=7&a=b%20c", "body", 3);
    hub_publish(t, "devices/d/modules/x/inputs/in1/", "not ours", 0);
    hub_publish(t, "$iothub/new/thing", "unknown", 4);
    told(t, "desired 42 {\"a\":null}\nmessage input=in1 mid=7 body a=b c\n");
    hub_heard(t, "PUBACK\nPUBACK\n");
    assert_int_equal(t->told.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(asks_for_its_twin),
        TEST(says_that_it_is_offline),
        TEST(bounds_twin_requests),
        TEST(runs_methods),
        TEST(remembers_a_slow_method_among_many_quick_ones),
        TEST(passes_on_what_the_hub_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

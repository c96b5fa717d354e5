/* How an event looks on each wire. */
#include "services/live_wire.h"

#include "base/cmocka.h"

static void looks(enum live_wire wire, const char *argument, const char *want)
{
    struct buffer out = {0};
    live_wire_put(wire, "ApplicationEvent", slice_of(argument), &out);
    assert_string_equal(buffer_cstr(&out), want);
    buffer_clear(&out);
}

static void an_event_on_each_wire(void **state)
{
    (void)state;
    looks(LIVE_SIGNALR, "{\"id\":1}",
          "{\"type\":1,\"target\":\"ApplicationEvent\",\"arguments\":[{\"id\":1}]}\x1e");
    looks(LIVE_SIGNALR_STREAM, "{\"id\":1}",
          "data: "
          "{\"type\":1,\"target\":\"ApplicationEvent\",\"arguments\":[{\"id\":1}]}\x1e\r\n\r\n");
    looks(LIVE_EVENTS, "{\"id\":1}", "event: ApplicationEvent\ndata: {\"id\":1}\n\n");
    looks(LIVE_LINES, "{\"id\":1}", "{\"event\":\"ApplicationEvent\",\"data\":{\"id\":1}}\n");
}

/* Else what a publisher sends could end its event and begin another. */
static void line_ends_of_a_body_do_not_end_the_event(void **state)
{
    (void)state;
    looks(LIVE_EVENTS, "{\n\"id\":\r1}", "event: ApplicationEvent\ndata: { \"id\": 1}\n\n");
    looks(LIVE_LINES, "{\r\n}", "{\"event\":\"ApplicationEvent\",\"data\":{  }}\n");
    looks(LIVE_SIGNALR_STREAM, "{\n}",
          "data: {\"type\":1,\"target\":\"ApplicationEvent\",\"arguments\":[{ }]}\x1e\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_on_each_wire),
        cmocka_unit_test(line_ends_of_a_body_do_not_end_the_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

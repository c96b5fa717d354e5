/* What is asked for becomes what is done. */
#include "discovery/plan.h"

#include "base/cmocka.h"

static void plans_fill_in_what_is_left_open(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        enum plan_mode mode;
        const char *ports;
    } rows[] = {
        {"{}", PLAN_OFF, ""},
        {"{\"discovery\":\"Local\"}", PLAN_LOCAL, "1-65535"},
        {"{\"discovery\":\"Network\"}", PLAN_NETWORK, "4840-4841"},
        {"{\"discovery\":\"Fast\"}", PLAN_FAST,
         "4840-4841;48000-48100;49320;50000;51200-51300;62222"},
        {"{\"configuration\":{\"portRangesToScan\":\"4840\"}}", PLAN_FAST, "4840"},
        {"{\"discovery\":\"Network\",\"configuration\":{\"addressRangesToScan\":\"10.0.0.0/24\"}}",
         PLAN_FAST, "4840-4841;48000-48100;49320;50000;51200-51300;62222"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_doc *doc;
        struct plan p;
        struct buffer out = {0};
        assert_int_equal(json_parse(slice_of(rows[i].request), JSON_STRICT, &doc, NULL), OK);
        assert_int_equal(discovery_plan_read(json_root(doc), &(struct scan_limits){0}, &p, &out),
                         OK);
        assert_int_equal(p.mode, rows[i].mode);
        discovery_ranges_print_ports(&p.ports, &out);
        assert_slice(buffer_slice(&out), slice_of(rows[i].ports));
        discovery_plan_clear(&p);
        json_free(&doc);
        buffer_clear(&out);
    }
}

static void requests_lower_limits_and_never_raise_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"configuration\":{\"maxPortProbes\":50,\"portProbeTimeout\":\"00:00:00.3000000\"}}",
        "{\"configuration\":{\"maxPortProbes\":5000,\"portProbeTimeout\":\"00:01:00\"}}"};
    for (int i = 0; i < 2; i++) {
        struct json_doc *doc;
        struct plan p;
        struct buffer why = {0};
        assert_int_equal(json_parse(slice_of(texts[i]), JSON_STRICT, &doc, NULL), OK);
        assert_int_equal(discovery_plan_read(json_root(doc),
                                             &(struct scan_limits){.in_flight_max = 100}, &p, &why),
                         OK);
        assert_int_equal(p.limits.in_flight_max, i ? 100 : 50);
        assert_int_equal(p.limits.cap_ms, i ? 0 : 300);
        discovery_plan_clear(&p);
        json_free(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_fill_in_what_is_left_open),
        cmocka_unit_test(requests_lower_limits_and_never_raise_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Metrics and readiness as a supervisor sees them. */
#include "rest/health.h"

#include "base/cmocka.h"

enum { MESSAGES_MQTT, MESSAGES_AMQP, OPEN, CALL_SECONDS };

static const struct rest_metric table[] = {
    [MESSAGES_MQTT] = {"m_messages_total", "protocol=\"mqtt\"", REST_COUNTER, "Messages."},
    [MESSAGES_AMQP] = {"m_messages_total", "protocol=\"amqp\"", REST_COUNTER, "Messages."},
    [OPEN] = {"m_open", NULL, REST_GAUGE, "Connections."},
    [CALL_SECONDS] = {"m_call_seconds", "kind=\"read\"", REST_HISTOGRAM, "Calls."},
};

static void collect(void *arg, struct rest_metrics *m, struct buffer *out)
{
    struct buffer labels = {0};
    rest_metrics_set(m, OPEN, *(int *)arg);
    rest_metrics_put_label(&labels, "device", SLICE("a\"b\\c\nd"));
    rest_metrics_put_label(&labels, "part", SLICE("3"));
    rest_metrics_put_head(out, "m_lag", REST_GAUGE, "Lag.");
    rest_metrics_put(out, "m_lag", buffer_cstr(&labels), 1.5);
    buffer_clear(&labels);
}

static void writes_prometheus_text(void **state)
{
    (void)state;
    int open = 7;
    struct rest_metrics *m = rest_metrics_new(table, 4);
    rest_metrics_collect(m, collect, &open);
    rest_metrics_add(m, MESSAGES_MQTT, 3);
    rest_metrics_add(m, MESSAGES_MQTT, 2);
    rest_metrics_observe(m, CALL_SECONDS, 2);
    rest_metrics_observe(m, CALL_SECONDS, 70000);
    struct buffer out = {0};
    rest_metrics_write(m, &out);
    const char *text = buffer_cstr(&out);
    static const char *const wanted[] = {
        "# HELP m_messages_total Messages.\n# TYPE m_messages_total counter\n"
        "m_messages_total{protocol=\"mqtt\"} 5\nm_messages_total{protocol=\"amqp\"} 0\n",
        "\nm_open 7\n",
        "m_call_seconds_bucket{kind=\"read\",le=\"0.001\"} 0\n",
        "m_call_seconds_bucket{kind=\"read\",le=\"0.002\"} 1\n",
        "m_call_seconds_bucket{kind=\"read\",le=\"60\"} 1\n",
        "m_call_seconds_bucket{kind=\"read\",le=\"+Inf\"} 2\n",
        "m_call_seconds_sum{kind=\"read\"} 70.002\nm_call_seconds_count{kind=\"read\"} 2\n",
        "# TYPE m_lag gauge\nm_lag{device=\"a\\\"b\\\\c\\nd\",part=\"3\"} 1.5\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strstr(text, wanted[i]))
            fail_msg("'%s' is not in '%s'", wanted[i], text);
    buffer_clear(&out);
    rest_metrics_free(&m);
}

static bool always(void *arg, struct buffer *detail)
{
    (void)arg, (void)detail;
    return true;
}

static bool as_told(void *arg, struct buffer *detail)
{
    if (!*(bool *)arg)
        buffer_text(detail, "no \"disk\"");
    return *(bool *)arg;
}

static void is_ready_when_all_checks_are(void **state)
{
    (void)state;
    bool disk = false;
    struct rest_health *h = rest_health_new(NULL);
    rest_health_add(h, "hub", always, NULL);
    rest_health_add(h, "disk", as_told, &disk);
    struct buffer json = {0};
    assert_false(rest_health_ready(h, &json));
    assert_slice(buffer_slice(&json),
                 SLICE("{\"status\":\"not ready\",\"checks\":[{\"name\":\"hub\",\"ready\":true},"
                       "{\"name\":\"disk\",\"ready\":false,\"detail\":\"no \\\"disk\\\"\"}]}"));
    disk = true;
    buffer_reset(&json);
    assert_true(rest_health_ready(h, &json));
    buffer_clear(&json);
    rest_health_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_prometheus_text),
        cmocka_unit_test(is_ready_when_all_checks_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

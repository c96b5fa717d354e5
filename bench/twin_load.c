/*
 * Devices of an IoT hub that each report properties of their twin over MQTT, the next when the
 * answer to the last is there. Prints one JSON line: reports a second, and how long each took. The
 * file of accounts is as for bench_mqtt_load. In the body {n} is the device's number, {count}
 * counts its reports.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/course.h"
#include "bench/mqtt_device.h"
#include "bench/options.h"
#include "bench/template.h"

#define REPORTED "$iothub/twin/PATCH/properties/reported/?$rid="
#define ACCEPTED "$iothub/twin/res/204/"

static const char *host = "127.0.0.1", *accounts_file, *body = "{\"value\":{count}}";
static uint64_t port = 1883, connections = 100, seconds = 5, warm_ms = 500;

static const struct option_row rows[] = {
    {"host", &host, NULL, "hub"},
    {"port", NULL, &port, "its port, without TLS"},
    {"connections", NULL, &connections, "how many"},
    {"seconds", NULL, &seconds, "how long is measured"},
    {"warm-ms", NULL, &warm_ms, "before that, not measured"},
    {"body", &body, NULL, "template of a report"},
    {"accounts", &accounts_file, NULL, "file: client id, user name, password, separated by tabs"},
};

struct device {
    struct load *load;
    struct mqtt_device *connection;
    uint64_t n, count, sent_ns;
};

struct load {
    struct course course;
    struct device *devices;
    uint64_t ready;
};

static void report(struct device *d)
{
    struct buffer topic = {0}, text = {0};
    d->count++;
    buffer_printf(&topic, REPORTED "%llu", (unsigned long long)d->count);
    template_put(&text, body, (struct template_numbers){d->n, d->count});
    d->sent_ns = clock_monotonic_ns();
    mqtt_device_publish(d->connection, buffer_slice(&topic), buffer_slice(&text));
    buffer_clear(&topic);
    buffer_clear(&text);
}

static void on_ready(void *arg)
{
    struct load *l = ((struct device *)arg)->load;
    course_stir(&l->course);
    if (++l->ready < connections)
        return;
    for (uint64_t n = 0; n < connections; n++)
        report(&l->devices[n]);
    course_begin(&l->course);
}

static void on_publish(void *arg, struct slice topic, struct slice payload, uint16_t id)
{
    struct device *d = arg;
    (void)id;
    if (!slice_starts(topic, SLICE(ACCEPTED))) {
        fprintf(stderr, "%.*s %.*s\n", SLICE_FMT(topic), SLICE_FMT(payload));
        course_fail(&d->load->course, "a report was refused");
        return;
    }
    course_done(&d->load->course, d->sent_ns);
    report(d);
}

static void on_fail(void *arg, const char *why)
{
    course_fail(&((struct device *)arg)->load->course, why);
}

static const struct mqtt_device_events events = {
    .on_ready = on_ready, .on_publish = on_publish, .on_fail = on_fail};

static bool open_all(struct load *l, struct slice accounts)
{
    struct slice line;
    for (uint64_t n = 0; n < connections; n++) {
        struct device *d = &l->devices[n];
        *d = (struct device){.load = l, .n = n};
        if (!slice_split(&accounts, '\n', &line) || line.len == 0)
            return false;
        struct mqtt_device_config config = {
            .connect = {.loop = l->course.loop, .host = host, .port = (int)port},
            .account = line,
            .filter = "$iothub/twin/res/#",
            .events = &events,
            .arg = d,
        };
        d->connection = mqtt_device_open(&config);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct buffer accounts = {0};
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    log_setup("load", LOG_LEVEL_WARN, 0);
    struct load l = {.course = {.loop = loop_new(), .warm_ms = warm_ms, .seconds = seconds}};
    l.devices = memory_new(connections * sizeof(*l.devices));
    if (accounts_file == NULL || file_read(accounts_file, &accounts) != OK ||
        !open_all(&l, buffer_slice(&accounts))) {
        fprintf(stderr, "the file of accounts cannot be read, or has too few lines\n");
        return 2;
    }
    course_init(&l.course);
    loop_run(l.course.loop);
    int code = course_report(&l.course, argv[0]);
    loop_free(&l.course.loop);
    for (uint64_t n = 0; n < connections; n++)
        mqtt_device_free(&l.devices[n].connection);
    free(l.devices);
    buffer_clear(&accounts);
    return code;
}

/*
 * A device of an IoT hub that answers every direct method at once, with what it was sent. Prints a
 * line when it is subscribed; ends with SIGTERM. The account is a line as for bench_mqtt_load.
 */
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "bench/mqtt_device.h"
#include "bench/options.h"

#define METHODS "$iothub/methods/"

static const char *host = "127.0.0.1", *accounts_file;
static uint64_t port = 1883;

static const struct option_row rows[] = {
    {"host", &host, NULL, "broker"},
    {"port", NULL, &port, "its port, without TLS"},
    {"accounts", &accounts_file, NULL, "file: client id, user name, password, separated by tabs"},
};

struct device {
    struct loop *loop;
    struct mqtt_device *connection;
    bool failed;
};

static void on_ready(void *arg)
{
    (void)arg;
    puts("ready");
    fflush(stdout);
}

/* "$iothub/methods/POST/name/?$rid=1". */
static void on_publish(void *arg, struct slice topic, struct slice payload, uint16_t id)
{
    struct device *d = arg;
    struct buffer answer = {0};
    (void)id;
    if (!slice_starts(topic, SLICE(METHODS "POST/")))
        return;
    buffer_text(&answer, METHODS "res/200/");
    buffer_put(&answer, slice_skip(topic, slice_find(topic, '?')));
    mqtt_device_publish(d->connection, buffer_slice(&answer), payload);
    buffer_clear(&answer);
}

static void on_fail(void *arg, const char *why)
{
    struct device *d = arg;
    fprintf(stderr, "%s\n", why);
    d->failed = true;
    loop_stop(d->loop);
}

static const struct mqtt_device_events events = {
    .on_ready = on_ready, .on_publish = on_publish, .on_fail = on_fail};

static void on_signal(void *arg)
{
    loop_stop(((struct device *)arg)->loop);
}

int main(int argc, char **argv)
{
    struct device d = {0};
    struct buffer account = {0};
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    log_setup("device", LOG_LEVEL_WARN, 0);
    if (accounts_file == NULL || file_read(accounts_file, &account) != OK) {
        fprintf(stderr, "the file of accounts cannot be read\n");
        return 2;
    }
    d.loop = loop_new();
    struct mqtt_device_config config = {
        .connect = {.loop = d.loop, .host = host, .port = (int)port},
        .account = buffer_slice(&account),
        .filter = METHODS "POST/#",
        .events = &events,
        .arg = &d,
    };
    d.connection = mqtt_device_open(&config);
    loop_on_signal(d.loop, on_signal, &d);
    loop_run(d.loop);
    loop_free(&d.loop);
    mqtt_device_free(&d.connection);
    buffer_clear(&account);
    return d.failed ? 1 : 0;
}

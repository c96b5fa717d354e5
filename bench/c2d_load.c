/*
 * Cloud-to-device messages, both ends: a service's AMQP link sends them to devices in turn, and the
 * devices take them over MQTT with QoS 1. Each device has a few on their way; the next is sent when
 * it acknowledged one. Prints one JSON line: messages a second, and how long from the sending until
 * the device had it.
 *
 * The first account is the service's: user and password for SASL PLAIN, and a word that is not
 * looked at; the others are the devices', as for bench_mqtt_load. All are separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/amqp_client.h"
#include "bench/course.h"
#include "bench/mqtt_device.h"
#include "bench/options.h"
#include "crypto/tls.h"

#define WINDOW_MAX 50 /* of one device: what waits for it in a hub */

static const char *host = "127.0.0.1", *ca_file, *server_name, *accounts_file;
static uint64_t port = 5671, mqtt_port = 1883, connections = 100, window = 4, size = 256,
                seconds = 5, warm_ms = 500;

static const struct option_row rows[] = {
    {"host", &host, NULL, "hub"},
    {"port", NULL, &port, "its port for AMQP"},
    {"mqtt-port", NULL, &mqtt_port, "its port for MQTT without TLS"},
    {"ca", &ca_file, NULL, "PEM file of the authority, for AMQP"},
    {"server-name", &server_name, NULL, "name in its certificate, when it is not the host"},
    {"connections", NULL, &connections, "devices"},
    {"in-flight", NULL, &window, "messages on their way to each"},
    {"size", NULL, &size, "bytes of a body"},
    {"seconds", NULL, &seconds, "how long is measured"},
    {"warm-ms", NULL, &warm_ms, "before that, not measured"},
    {"accounts", &accounts_file, NULL, "file"},
};

struct device {
    struct load *load;
    struct mqtt_device *connection;
    struct buffer message;
    char *filter;
    uint64_t sent_ns[WINDOW_MAX]; /* a ring */
    uint64_t sent, taken;
};

struct load {
    struct course course;
    struct tls_client *tls;
    struct amqp_client *service;
    struct device *devices;
    uint64_t ready;
    bool attached;
};

/* ---- the service ---- */

/* What there was no credit for waits for on_credit. */
static void send_to(struct device *d)
{
    for (; d->sent - d->taken < window; d->sent++) {
        d->sent_ns[d->sent % window] = clock_monotonic_ns();
        if (!amqp_client_send(d->load->service, d->sent, buffer_slice(&d->message)))
            return;
    }
}

static void send_to_all(struct load *l)
{
    for (uint64_t n = 0; n < connections; n++)
        send_to(&l->devices[n]);
}

static void begin_when_ready(struct load *l)
{
    course_stir(&l->course);
    if (!l->attached || l->ready < connections)
        return;
    send_to_all(l);
    amqp_client_flush(l->service);
    course_begin(&l->course);
}

static void on_credit(void *arg)
{
    struct load *l = arg;
    if (l->attached && l->ready == connections)
        send_to_all(l);
    else if (!l->attached) {
        l->attached = true;
        begin_when_ready(l);
    }
}

static void on_settled(void *arg, uint64_t token, bool accepted)
{
    struct load *l = arg;
    (void)token;
    if (!accepted)
        course_fail(&l->course, "a message was not accepted");
}

static void on_service_fail(void *arg, const char *why)
{
    course_fail(&((struct load *)arg)->course, why);
}

static const struct amqp_client_events service_events = {
    .on_credit = on_credit, .on_settled = on_settled, .on_fail = on_service_fail};

/* ---- the devices ---- */

static void on_ready(void *arg)
{
    struct load *l = ((struct device *)arg)->load;
    l->ready++;
    begin_when_ready(l);
}

static void on_publish(void *arg, struct slice topic, struct slice payload, uint16_t id)
{
    struct device *d = arg;
    (void)topic, (void)payload;
    mqtt_device_acknowledge(d->connection, id);
    course_done(&d->load->course, d->sent_ns[d->taken % window]);
    d->taken++;
    send_to(d);
    amqp_client_flush(d->load->service);
}

static void on_device_fail(void *arg, const char *why)
{
    course_fail(&((struct device *)arg)->load->course, why);
}

static const struct mqtt_device_events device_events = {
    .on_ready = on_ready, .on_publish = on_publish, .on_fail = on_device_fail};

/* ---- setting up ---- */

static void make_message(struct device *d, struct slice id)
{
    struct buffer body = {0}, to = {0};
    struct amqp_properties properties = amqp_properties_none();
    buffer_printf(&to, "/devices/%.*s/messages/devicebound", SLICE_FMT(id));
    properties.to = buffer_slice(&to);
    amqp_properties_write(&d->message, &properties);
    memset(buffer_reserve(&body, size), 'x', size);
    buffer_added(&body, size);
    amqp_message_data(&d->message, buffer_slice(&body));
    buffer_clear(&body);
    buffer_clear(&to);
}

static void open_device(struct load *l, struct device *d, struct slice account)
{
    struct slice id = slice_first(account, slice_find(account, '\t'));
    struct buffer filter = {0};
    d->load = l;
    make_message(d, id);
    buffer_printf(&filter, "devices/%.*s/messages/devicebound/#", SLICE_FMT(id));
    d->filter = memory_text(buffer_cstr(&filter));
    buffer_clear(&filter);
    struct mqtt_device_config config = {
        .connect = {.loop = l->course.loop, .host = host, .port = (int)mqtt_port},
        .account = account,
        .filter = d->filter,
        .qos = 1,
        .events = &device_events,
        .arg = d,
    };
    d->connection = mqtt_device_open(&config);
}

static bool open_service(struct load *l, struct slice account)
{
    char line[1024];
    if (account.len >= sizeof(line))
        return false;
    memcpy(line, account.at, account.len);
    line[account.len] = 0;
    char *rest = line, *user = strsep(&rest, "\t"), *password = strsep(&rest, "\t");
    if (password == NULL)
        return false;
    struct amqp_client_config config = {
        .connect = {.loop = l->course.loop,
                    .host = host,
                    .port = (int)port,
                    .tls = l->tls,
                    .server_name = server_name},
        .user = user,
        .password = password,
        .address = "/messages/devicebound",
        .events = &service_events,
        .arg = l,
    };
    l->service = amqp_client_open(&config);
    return true;
}

static bool open_all(struct load *l, struct slice accounts)
{
    struct slice line;
    if (!slice_split(&accounts, '\n', &line) || !open_service(l, line))
        return false;
    for (uint64_t n = 0; n < connections; n++) {
        if (!slice_split(&accounts, '\n', &line) || line.len == 0)
            return false;
        open_device(l, &l->devices[n], line);
    }
    return true;
}

static void clear(struct load *l)
{
    loop_free(&l->course.loop);
    amqp_client_free(&l->service);
    tls_client_free(&l->tls);
    for (uint64_t n = 0; n < connections; n++) {
        mqtt_device_free(&l->devices[n].connection);
        buffer_clear(&l->devices[n].message);
        free(l->devices[n].filter);
    }
    free(l->devices);
}

int main(int argc, char **argv)
{
    struct buffer accounts = {0};
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    if (window == 0 || window > WINDOW_MAX || connections == 0) {
        fprintf(stderr, "in-flight 1 to %d, connections 1 or more\n", WINDOW_MAX);
        return 2;
    }
    log_setup("load", LOG_LEVEL_WARN, 0);
    struct load l = {.course = {.loop = loop_new(), .warm_ms = warm_ms, .seconds = seconds}};
    l.devices = memory_new(connections * sizeof(*l.devices));
    if (ca_file && tls_client_new(&(struct tls_client_config){.ca_file = ca_file}, &l.tls) != OK)
        return 1;
    if (accounts_file == NULL || file_read(accounts_file, &accounts) != OK ||
        !open_all(&l, buffer_slice(&accounts))) {
        fprintf(stderr, "the file of accounts cannot be read, or has too few lines\n");
        return 2;
    }
    course_init(&l.course);
    loop_run(l.course.loop);
    int code = course_report(&l.course, argv[0]);
    clear(&l);
    buffer_clear(&accounts);
    return code;
}

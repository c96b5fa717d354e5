/*
 * A device of an IoT hub that answers every direct method at once, with what it was sent. Prints a
 * line when it is subscribed; ends with SIGTERM. The account is a line as for bench_mqtt_load.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/reader.h"
#include "bench/options.h"
#include "bench/packet.h"
#include "io/stream.h"

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
    struct stream *stream;
    struct buffer account, unread;
    bool failed;
};

static void on_open(void *arg)
{
    struct device *d = arg;
    struct slice rest = buffer_slice(&d->account), part;
    struct buffer body = {0};
    packet_put_text(&body, SLICE("MQTT"));
    buffer_put(&body, SLICE("\4\302\0\0")); /* version, user name, password, clean; no keep-alive */
    for (int i = 0; i < 3 && slice_split(&rest, '\t', &part); i++)
        packet_put_text(&body, part);
    packet_put(stream_out(d->stream), CONNECT << 4, buffer_slice(&body));
    stream_flush(d->stream);
    buffer_clear(&body);
}

static void subscribe(struct device *d)
{
    struct buffer body = {0};
    buffer_u16(&body, 1);
    packet_put_text(&body, SLICE(METHODS "POST/#"));
    buffer_u8(&body, 0);
    packet_put(stream_out(d->stream), SUBSCRIBE << 4 | 2, buffer_slice(&body));
    buffer_clear(&body);
}

/* "$iothub/methods/POST/name/?$rid=1". */
static void answer(struct device *d, struct slice body)
{
    struct reader r = reader_of(body);
    struct slice topic = reader_bytes(&r, reader_u16(&r));
    struct slice payload = reader_rest(&r), rid = slice_skip(topic, slice_find(topic, '?'));
    struct slice base = SLICE(METHODS "res/200/");
    struct buffer out = {0};
    if (!reader_ok(&r) || !slice_starts(topic, SLICE(METHODS "POST/")))
        return;
    buffer_u16(&out, (uint16_t)(base.len + rid.len));
    buffer_put(&out, base);
    buffer_put(&out, rid);
    buffer_put(&out, payload);
    packet_put(stream_out(d->stream), PUBLISH << 4, buffer_slice(&out));
    buffer_clear(&out);
}

static void on_packet(struct device *d, uint8_t first, struct slice body)
{
    switch (first >> 4) {
    case CONNACK:
        if (body.len == 2 && body.at[1] == 0)
            subscribe(d);
        else
            stream_abort(d->stream, UNAUTHORIZED);
        break;
    case SUBACK:
        puts("ready");
        fflush(stdout);
        break;
    case PUBLISH:
        answer(d, body);
        break;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct device *d = arg;
    buffer_put(&d->unread, bytes);
    struct slice body, rest = buffer_slice(&d->unread);
    for (size_t n; (n = packet_size(rest, &body)) > 0; rest = slice_skip(rest, n))
        on_packet(d, rest.at[0], body);
    buffer_drop(&d->unread, d->unread.len - rest.len);
    stream_flush(d->stream);
}

static void on_close(void *arg, enum status why)
{
    struct device *d = arg;
    fprintf(stderr, "connection closed status=%s\n", status_name(why));
    d->failed = true;
    loop_stop(d->loop);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void on_signal(void *arg)
{
    loop_stop(((struct device *)arg)->loop);
}

int main(int argc, char **argv)
{
    struct device d = {0};
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    log_setup("device", LOG_LEVEL_WARN, 0);
    if (accounts_file == NULL || file_read(accounts_file, &d.account) != OK) {
        fprintf(stderr, "the file of accounts cannot be read\n");
        return 2;
    }
    d.loop = loop_new();
    struct connect_config config = {.loop = d.loop, .host = host, .port = (int)port};
    d.stream = stream_connect(&config, &events, &d);
    loop_on_signal(d.loop, on_signal, &d);
    loop_run(d.loop);
    loop_free(&d.loop);
    buffer_clear(&d.account);
    buffer_clear(&d.unread);
    return d.failed ? 1 : 0;
}

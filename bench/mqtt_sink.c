/*
 * An MQTT 3.1.1 broker that only acknowledges: what a gateway sends is counted here, and proves
 * what it lost. Prints a JSON line with what came so far, again and again, and once at the end
 * (SIGTERM). The bytes are read here on purpose and not with lib/mqtt: a gateway's own mistakes
 * must not cancel out.
 *
 * A payload is JSON with values of `millrace plant --nodes`, in any shape in which "Load<n>" stands
 * in quotes and is followed by the value as the next number behind a colon. Each counter goes up by
 * one: a step over some is a loss, a step back or none is a value that came again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"
#include "bench/latency.h"
#include "bench/options.h"
#include "bench/packet.h"
#include "crypto/tls.h"
#include "io/stream.h"

#define PACKET_MAX (16u << 20)
#define TWIN_TOPIC "$iothub/twin/"
#define WARM_MS 2000 /* after the last counter came, values are not of the beginning any more */

static const char *certificate, *key;
static uint64_t port, nodes, every_ms = 100;

static const struct option_row rows[] = {
    {"port", NULL, &port, "to listen on; 0: any free one"},
    {"certificate", &certificate, NULL, "PEM file: TLS"},
    {"key", &key, NULL, "PEM file of its key"},
    {"nodes", NULL, &nodes, "how many counters there are; 0: payloads are not looked into"},
    {"every-ms", NULL, &every_ms, "how often it says what came"},
};

struct counter {
    uint32_t value;
    bool seen;
};

struct sink {
    struct loop *loop;
    struct tls_server *tls;
    struct listener *listener;
    struct loop_timer report, warm;
    struct counter *counters; /* of Load1 and so on; [0] is nobody */
    uint64_t messages, bytes, values, live, live_ns, lost, again;
    struct latency *latency; /* from source time to acknowledgement */
};

struct connection {
    struct sink *sink;
    struct stream *stream;
    struct buffer unread; /* a packet's beginning */
};

/* ---- values ---- */

static void on_warm(void *arg);

static void count_value(struct sink *s, uint64_t node, uint32_t value)
{
    struct counter *c = &s->counters[node];
    s->values++;
    if (!c->seen) {
        c->seen = true;
        if (++s->live == nodes) {
            s->live_ns = clock_monotonic_ns();
            loop_timer_start(s->loop, &s->warm, WARM_MS, on_warm, s);
        }
    } else if (value > c->value) {
        s->lost += value - c->value - 1;
    } else {
        s->again++;
        return;
    }
    c->value = value;
}

#define STAMP "ourceTimestamp\":\"" /* of either case */
#define STAMP_LEN (sizeof(STAMP) - 1)
#define STAMP_EVERY 64 /* values of one message: more would cost the generator its core */

static uint64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t two(const char *at)
{
    return (uint64_t)((at[0] - '0') * 10 + at[1] - '0');
}

/* Microseconds of the day in "2026-01-02T03:04:05.678Z". */
static bool read_time(const char *at, const char *end, uint64_t *us)
{
    if (end - at < 20 || at[10] != 'T' || at[13] != ':' || at[16] != ':')
        return false;
    *us = ((two(at + 11) * 60 + two(at + 14)) * 60 + two(at + 17)) * 1000000;
    uint64_t unit = 100000;
    if (at[19] == '.')
        for (at += 20; at < end && *at >= '0' && *at <= '9'; at++, unit /= 10)
            *us += (uint64_t)(*at - '0') * unit;
    return true;
}

/* The next source time behind `at`: how long ago that was. */
static void note_latency(struct sink *s, const char *at, const char *end, uint64_t now_us)
{
    const uint64_t day_us = 86400ull * 1000000;
    const char *stamp = memmem(at, (size_t)(end - at < 256 ? end - at : 256), STAMP, STAMP_LEN);
    uint64_t us;
    if (stamp && read_time(stamp + STAMP_LEN, end, &us))
        latency_add(s->latency, (now_us % day_us + day_us - us) % day_us);
}

static const char *read_digits(const char *at, const char *end, uint64_t *number)
{
    for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    return at;
}

static const char *next_number(const char *at, const char *end)
{
    while ((at = memchr(at, ':', (size_t)(end - at))) && ++at < end)
        if (*at >= '0' && *at <= '9')
            return at;
    return NULL;
}

/* By its rarest letter: this shares a core with the generator. */
static void count_values(struct sink *s, struct slice payload)
{
    const char *at = (const char *)payload.at + 1, *end = (const char *)payload.at + payload.len;
    uint64_t now_us = wall_us();
    unsigned count = 0;
    while (at < end && (at = memchr(at, 'L', (size_t)(end - at)))) {
        const char *name = at++;
        uint64_t node, value;
        if (end - name < 8 || name[-1] != '"' || memcmp(name, "Load", 4) != 0)
            continue;
        at = read_digits(name + 4, end, &node);
        if (node == 0 || node > nodes || at == end || *at != '"')
            continue;
        if ((at = next_number(at, end)) == NULL)
            return;
        at = read_digits(at, end, &value);
        count_value(s, node, (uint32_t)value);
        if (count++ % STAMP_EVERY == 0)
            note_latency(s, at, end, now_us);
    }
}

/* ---- packets ---- */

static void acknowledge(struct connection *c, uint8_t type, uint16_t id)
{
    const uint8_t body[] = {(uint8_t)(id >> 8), (uint8_t)id};
    packet_put(stream_out(c->stream), (uint8_t)(type << 4), slice_from(body, sizeof(body)));
}

/* A twin without anything in it, for a module that asks: it would ask again. */
static void answer_twin(struct connection *c, struct slice topic)
{
    struct slice rid = slice_skip(topic, slice_find(topic, '?'));
    bool get = slice_starts(topic, SLICE(TWIN_TOPIC "GET/"));
    struct slice base = get ? SLICE(TWIN_TOPIC "res/200/") : SLICE(TWIN_TOPIC "res/204/");
    struct slice twin =
        get ? SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}") : SLICE("");
    struct buffer body = {0};
    if (rid.len > 32)
        return;
    buffer_u16(&body, (uint16_t)(base.len + rid.len));
    buffer_put(&body, base);
    buffer_put(&body, rid);
    buffer_put(&body, twin);
    packet_put(stream_out(c->stream), PUBLISH << 4, buffer_slice(&body));
    buffer_clear(&body);
}

static void on_publish(struct connection *c, uint8_t first, struct slice body)
{
    struct sink *s = c->sink;
    struct reader r = reader_of(body);
    struct slice topic = reader_bytes(&r, reader_u16(&r));
    uint16_t id = first & 6 ? reader_u16(&r) : 0;
    struct slice payload = reader_rest(&r);
    if (!reader_ok(&r))
        return;
    if (slice_starts(topic, SLICE(TWIN_TOPIC))) {
        answer_twin(c, topic);
        return;
    }
    s->messages++;
    s->bytes += payload.len;
    if (nodes && payload.len > 0)
        count_values(s, payload);
    if (id)
        acknowledge(c, PUBACK, id);
}

/* Granted QoS for each filter that was asked for: text, then a byte. */
static void on_subscribe(struct connection *c, struct slice body)
{
    struct reader r = reader_of(body);
    uint8_t answer[64];
    size_t len = 2;
    memcpy(answer, body.at, 2);
    reader_u16(&r);
    while (!reader_done(&r) && len < sizeof(answer)) {
        reader_bytes(&r, reader_u16(&r));
        answer[len++] = reader_u8(&r) & 1;
    }
    packet_put(stream_out(c->stream), SUBACK << 4, slice_from(answer, len));
}

static void on_packet(struct connection *c, uint8_t first, struct slice body)
{
    switch (first >> 4) {
    case CONNECT:
        packet_put(stream_out(c->stream), CONNACK << 4, slice_from("\0\0", 2));
        break;
    case PUBLISH:
        on_publish(c, first, body);
        break;
    case SUBSCRIBE:
        if (body.len >= 2)
            on_subscribe(c, body);
        break;
    case PINGREQ:
        packet_put(stream_out(c->stream), PINGRESP << 4, (struct slice){0});
        break;
    }
}

static size_t read_packets(struct connection *c, struct slice bytes)
{
    struct slice body, rest = bytes;
    for (size_t n; (n = packet_size(rest, &body)) > 0; rest = slice_skip(rest, n))
        on_packet(c, rest.at[0], body);
    stream_flush(c->stream);
    return bytes.len - rest.len;
}

/* ---- connections ---- */

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    if (c->unread.len) {
        buffer_put(&c->unread, bytes);
        buffer_drop(&c->unread, read_packets(c, buffer_slice(&c->unread)));
    } else {
        buffer_put(&c->unread, slice_skip(bytes, read_packets(c, bytes)));
    }
    if (c->unread.len > PACKET_MAX)
        stream_abort(c->stream, TOO_LARGE);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    (void)why;
    buffer_clear(&c->unread);
    free(c);
}

static const struct stream_events events = {.on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *stream)
{
    struct connection *c = MEMORY_NEW(struct connection);
    c->sink = arg;
    c->stream = stream;
    stream_events(stream, &events, c);
}

/* ---- what it says ---- */

/* Of this program, which shares its core with the generator. */
static double cpu_seconds(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void say(const struct sink *s)
{
    printf("{\"at_s\":%.6f,\"messages\":%llu,\"bytes\":%llu,\"values\":%llu,\"live\":%llu,"
           "\"live_at_s\":%.6f,\"lost\":%llu,\"again\":%llu,\"cpu_s\":%.6f,\"p50_ms\":%.3f,\"p99_"
           "ms\":%.3f}\n",
           (double)clock_monotonic_ns() / 1e9, (unsigned long long)s->messages,
           (unsigned long long)s->bytes, (unsigned long long)s->values, (unsigned long long)s->live,
           (double)s->live_ns / 1e9, (unsigned long long)s->lost, (unsigned long long)s->again,
           cpu_seconds(), latency_ms(s->latency, 500), latency_ms(s->latency, 990));
    fflush(stdout);
}

/* What came before everything was warm does not count. */
static void on_warm(void *arg)
{
    memset(((struct sink *)arg)->latency, 0, sizeof(struct latency));
}

static void on_report(void *arg)
{
    struct sink *s = arg;
    say(s);
    loop_timer_start(s->loop, &s->report, every_ms, on_report, s);
}

static void on_signal(void *arg)
{
    loop_stop(((struct sink *)arg)->loop);
}

static bool listen_on(struct sink *s)
{
    struct tls_server_config tls = {.certificate_file = certificate, .key_file = key};
    if (certificate && tls_server_new(&tls, &s->tls) != OK)
        return false;
    struct listen_config config = {
        .loop = s->loop,
        .host = "127.0.0.1",
        .port = (int)port,
        .tls = s->tls,
        .on_accept = on_accept,
        .arg = s,
    };
    if (listener_open(&config, &s->listener) != OK)
        return false;
    printf("{\"port\":%d}\n", listener_port(s->listener));
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    if (nodes > UINT32_MAX || port > 65535 || every_ms == 0 || !certificate != !key) {
        fprintf(stderr, "certificate and key belong together; every-ms is at least 1\n");
        return 2;
    }
    log_setup("sink", LOG_LEVEL_WARN, 0);
    struct sink s = {.loop = loop_new(),
                     .counters = memory_new((nodes + 1) * sizeof(*s.counters)),
                     .latency = MEMORY_NEW(struct latency)};
    bool good = listen_on(&s);
    if (good) {
        loop_on_signal(s.loop, on_signal, &s);
        loop_timer_start(s.loop, &s.report, every_ms, on_report, &s);
        loop_run(s.loop);
        say(&s);
    }
    listener_close(&s.listener);
    loop_free(&s.loop);
    tls_server_free(&s.tls);
    free(s.counters);
    free(s.latency);
    return good ? 0 : 1;
}

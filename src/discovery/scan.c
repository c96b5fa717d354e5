#include "discovery/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/list.h"
#include "base/memory.h"
#include "discovery/hello.h"
#include "discovery/order.h"
#include "discovery/patience.h"
#include "io/stream.h"

#define TICK_MS 10
#define BURST_MS 50 /* of the rate, that may be used at once */
#define URL_MAX 48

struct scan {
    struct scan_config config;
    struct scan_progress progress;
    struct order order;
    uint64_t next;      /* place in the order */
    uint64_t budget;    /* connects that are allowed now, in thousandths */
    uint64_t filled_ms; /* when the budget was filled last */
    struct patience patience;
    struct list probes;
    struct loop_timer tick;
};

/* One connection; it lives until its stream is closed, and may outlive the scan. */
struct probe {
    struct link link;
    struct scan *scan; /* NULL: nobody cares any more */
    struct stream *stream;
    struct loop_timer timer;
    uint64_t started_ms;
    uint32_t address;
    uint16_t port;
    bool open, settled;
    struct buffer answer;
};

static void on_tick(void *arg);

/* ---- one probe ---- */

static uint64_t now_of(const struct scan *s)
{
    return loop_now_ms(s->config.loop);
}

static void settle(struct probe *p, bool found)
{
    if (p->settled)
        return;
    p->settled = true;
    loop_timer_stop(&p->timer);
    stream_abort(p->stream, CLOSED);
    if (!found || p->scan == NULL)
        return;
    p->scan->progress.found++;
    p->scan->config.on_found(p->scan->config.arg, p->address, p->port);
}

static void on_silence(void *arg)
{
    settle(arg, false);
}

static void on_open(void *arg)
{
    struct probe *p = arg;
    struct buffer hello = {0};
    char host[RANGES_ADDRESS_MAX], url[URL_MAX];
    if (p->scan == NULL || p->settled)
        return;
    struct scan *s = p->scan;
    p->open = true;
    s->progress.open++;
    discovery_patience_measured(&s->patience, p->address, now_of(s) - p->started_ms);
    discovery_ranges_address_text(p->address, host);
    snprintf(url, sizeof(url), "opc.tcp://%s:%u", host, p->port);
    discovery_hello_put(slice_of(url), &hello);
    stream_write(p->stream, buffer_slice(&hello));
    buffer_clear(&hello);
    loop_timer_start(s->config.loop, &p->timer, s->config.limits.hello_ms, on_silence, p);
}

static void on_data(void *arg, struct slice bytes)
{
    struct probe *p = arg;
    struct hello_answer answer;
    if (p->settled)
        return;
    buffer_put(&p->answer, slice_first(bytes, HELLO_ANSWER_MAX - p->answer.len));
    enum status status = discovery_hello_answer_read(buffer_slice(&p->answer), &answer);
    if (status != AGAIN || p->answer.len == HELLO_ANSWER_MAX)
        settle(p, status == OK);
}

/* A refusal is an answer too: somebody is there, and so far away. */
static void measure_refusal(struct probe *p, enum status why)
{
    struct scan *s = p->scan;
    uint64_t took_ms = now_of(s) - p->started_ms;
    if (!p->open && why == IO_FAILED && took_ms < s->config.limits.cap_ms)
        discovery_patience_measured(&s->patience, p->address, took_ms);
}

static void on_close(void *arg, enum status why)
{
    struct probe *p = arg;
    struct scan *s = p->scan;
    loop_timer_stop(&p->timer);
    buffer_clear(&p->answer);
    list_remove(&p->link);
    if (s) {
        if (!p->settled)
            measure_refusal(p, why);
        s->progress.in_flight--;
        s->progress.done++;
        if (s->progress.done == s->progress.total) /* outside of the stream's callback */
            loop_timer_start(s->config.loop, &s->tick, 0, on_tick, s);
    }
    free(p);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void probe(struct scan *s, uint32_t address, uint16_t port)
{
    struct probe *p = MEMORY_NEW(struct probe);
    char host[RANGES_ADDRESS_MAX];
    discovery_ranges_address_text(address, host);
    struct connect_config config = {
        .loop = s->config.loop,
        .host = host,
        .port = port,
        .timeout_ms = discovery_patience_ms(&s->patience, address),
        .quiet = true, /* most are not there */
    };
    p->scan = s;
    p->address = address;
    p->port = port;
    p->started_ms = now_of(s);
    list_push(&s->probes, &p->link);
    s->progress.in_flight++;
    p->stream = stream_connect(&config, &events, p);
}

/* ---- all of them ---- */

static void fill_budget(struct scan *s)
{
    uint64_t now = now_of(s), most = (uint64_t)s->config.limits.rate * BURST_MS;
    s->budget += (now - s->filled_ms) * s->config.limits.rate;
    s->filled_ms = now;
    if (most < 1000)
        most = 1000;
    if (s->budget > most)
        s->budget = most;
}

static void probe_next(struct scan *s)
{
    uint64_t n = discovery_order_at(&s->order, s->next++);
    uint64_t ports = s->config.ports->total;
    s->budget -= 1000;
    probe(s, discovery_ranges_at(s->config.addresses, n / ports),
          (uint16_t)discovery_ranges_at(s->config.ports, n % ports));
}

static void on_tick(void *arg)
{
    struct scan *s = arg;
    if (s->progress.done == s->progress.total) {
        s->config.on_end(s->config.arg);
        return;
    }
    fill_budget(s);
    while (s->next < s->progress.total && s->budget >= 1000 &&
           s->progress.in_flight < s->config.limits.in_flight_max)
        probe_next(s);
    loop_timer_start(s->config.loop, &s->tick, TICK_MS, on_tick, s);
}

/* Half of the files that this process may open: when there are none left, a probe looks like a
 * closed port. */
static uint32_t files_allowed(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur / 2 > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(l.rlim_cur / 2);
}

static void set_default(uint32_t *limit, uint32_t otherwise)
{
    if (*limit == 0)
        *limit = otherwise;
}

struct scan *discovery_scan_start(const struct scan_config *config)
{
    struct scan *s = MEMORY_NEW(struct scan);
    s->config = *config;
    struct scan_limits *l = &s->config.limits;
    set_default(&l->rate, SCAN_RATE);
    set_default(&l->in_flight_max, SCAN_IN_FLIGHT);
    if (l->in_flight_max > files_allowed())
        l->in_flight_max = files_allowed();
    set_default(&l->floor_ms, SCAN_FLOOR_MS);
    set_default(&l->cap_ms, SCAN_CAP_MS);
    set_default(&l->hello_ms, SCAN_HELLO_MS);
    discovery_patience_init(&s->patience, l->floor_ms, l->cap_ms);
    list_init(&s->probes);
    s->progress.total = config->addresses->total * config->ports->total;
    s->order = discovery_order_of(s->progress.total, loop_random_u64(config->loop));
    s->filled_ms = now_of(s);
    s->budget = 1000;
    loop_timer_start(config->loop, &s->tick, 0, on_tick, s);
    return s;
}

void discovery_scan_free(struct scan **out)
{
    struct scan *s = *out;
    if (s == NULL)
        return;
    loop_timer_stop(&s->tick);
    LIST_EACH(l, &s->probes)
    {
        struct probe *p = LIST_OF(l, struct probe, link);
        list_remove(&p->link);
        p->scan = NULL;
        settle(p, false);
    }
    free(s);
    *out = NULL;
}

struct scan_progress discovery_scan_progress(const struct scan *s)
{
    return s->progress;
}

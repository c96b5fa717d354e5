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
#define BURST_MS 20 /* of the rate, that may be used at once */
#define AGAIN_MS 1000 /* the system's, for a connect without an answer */
#define HELLO_PACKETS 5 /* more than the connect: what is acknowledged, asked, and the end */
#define HELLO_ROOM 20   /* of the budget, kept for those that open */
#define URL_MAX 48

struct scan {
    struct scan_config config;
    struct scan_progress progress;
    uint64_t seed;
    uint64_t pass; /* whose order `hosts` is */
    struct order hosts;
    uint64_t next;      /* probe that follows: pass × hosts + place in the pass */
    int64_t allowed;    /* connects that the pace allows now, in thousandths */
    uint32_t rate;      /* of them a second */
    uint64_t filled_ms; /* when `allowed` grew last */
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
    uint64_t at; /* which probe of the scan */
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
    discovery_budget_spend(s->config.budget, now_of(s), HELLO_PACKETS);
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

static void probe(struct scan *s, uint64_t at, uint32_t address, uint16_t port)
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
    discovery_budget_spend(s->config.budget, now_of(s), 1 + (uint32_t)(config.timeout_ms / AGAIN_MS));
    p->scan = s;
    p->at = at;
    p->address = address;
    p->port = port;
    p->started_ms = now_of(s);
    list_push(&s->probes, &p->link);
    s->progress.in_flight++;
    p->stream = stream_connect(&config, &events, p);
}

/* ---- all of them ---- */

/* Connects are spread over the second, whatever the budget has room for. */
static void keep_pace(struct scan *s)
{
    uint64_t now = now_of(s);
    int64_t most = (int64_t)s->rate * BURST_MS;
    s->allowed += (int64_t)((now - s->filled_ms) * s->rate);
    s->filled_ms = now;
    if (most < 1000)
        most = 1000;
    if (s->allowed > most)
        s->allowed = most;
}

static bool may_probe(struct scan *s)
{
    uint32_t kept = s->config.budget->rate / 4 < HELLO_ROOM ? s->config.budget->rate / 4 : HELLO_ROOM;
    return s->next < s->progress.total && s->allowed >= 1000 &&
           s->progress.in_flight < s->config.limits.in_flight_max &&
           discovery_budget_room(s->config.budget, now_of(s)) > kept;
}

/* Each pass has an order of its hosts, each host one of its ports. */
static void probe_next(struct scan *s)
{
    uint64_t at = s->next++, hosts = s->config.addresses->total, pass = at / hosts;
    if (pass != s->pass || s->hosts.count == 0)
        s->hosts = discovery_order_of(hosts, s->seed + pass);
    s->pass = pass;
    s->allowed -= 1000;
    uint64_t host = discovery_order_at(&s->hosts, at % hosts);
    struct order ports = discovery_order_of(s->config.ports->total, ~s->seed + host);
    probe(s, at, discovery_ranges_at(s->config.addresses, host),
          (uint16_t)discovery_ranges_at(s->config.ports, discovery_order_at(&ports, pass)));
}

static void on_tick(void *arg)
{
    struct scan *s = arg;
    if (s->progress.done == s->progress.total) {
        s->config.on_end(s->config.arg);
        return;
    }
    keep_pace(s);
    while (may_probe(s))
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

/* The network's budget, or what all hosts together may hear of: few hosts make it slower, not louder. */
static uint32_t rate_of(const struct scan *s)
{
    uint64_t hosts = s->config.addresses->total * s->config.limits.host_rate;
    return hosts > s->config.limits.rate ? s->config.limits.rate : (uint32_t)hosts;
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
    set_default(&l->host_rate, SCAN_HOST_RATE);
    set_default(&l->in_flight_max, SCAN_IN_FLIGHT);
    if (l->in_flight_max > files_allowed())
        l->in_flight_max = files_allowed();
    set_default(&l->floor_ms, SCAN_FLOOR_MS);
    set_default(&l->cap_ms, SCAN_CAP_MS);
    set_default(&l->hello_ms, SCAN_HELLO_MS);
    discovery_patience_init(&s->patience, l->floor_ms, l->cap_ms);
    list_init(&s->probes);
    s->progress.total = config->addresses->total * config->ports->total;
    s->seed = config->from.seed ? config->from.seed : loop_random_u64(config->loop) | 1;
    s->next = s->progress.done = config->from.next < s->progress.total ? config->from.next : s->progress.total;
    s->rate = rate_of(s);
    s->filled_ms = now_of(s);
    s->allowed = 1000;
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

struct scan_position discovery_scan_position(const struct scan *s)
{
    struct link *first = list_first(&((struct scan *)s)->probes); /* the oldest */
    return (struct scan_position){s->seed, first ? LIST_OF(first, struct probe, link)->at : s->next};
}

struct scan_progress discovery_scan_progress(const struct scan *s)
{
    return s->progress;
}

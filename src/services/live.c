#include "services/live.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "services/signalr.h"

#define TICK_MS 5000

const char *const live_hub_names[LIVE_HUBS] = {
    [LIVE_APPLICATIONS] = "applications", [LIVE_ENDPOINTS] = "endpoints",
    [LIVE_GATEWAYS] = "gateways",         [LIVE_SUPERVISORS] = "supervisors",
    [LIVE_DISCOVERY] = "discovery",       [LIVE_PUBLISHERS] = "publishers",
};

struct pending {
    struct link link;
    struct live_ids ids;
    enum live_hub hub;
    uint64_t until_ms;
};

struct live_client {
    struct link link;
    struct live *live; /* NULL: it has gone */
    struct stream *stream;
    enum live_hub hub;
    struct live_ids ids;
    struct signalr signalr;
    uint64_t heard_ms, sent_ms;
    char *groups[LIVE_GROUPS_MAX];
    size_t group_count;
};

struct live {
    struct loop *loop;
    struct list clients;
    struct map by_id;
    struct list pending; /* oldest first */
    struct map by_token;
    size_t client_count, pending_count;
    uint64_t told;
    struct loop_timer tick;
};

/* ---- ids ---- */

static void make_id(char out[LIVE_ID_LEN + 1])
{
    uint8_t random[16];
    struct buffer text = {0};
    crypto_random(random, sizeof random);
    base64url_encode(slice_from(random, sizeof random), &text);
    memcpy(out, text.at, LIVE_ID_LEN);
    out[LIVE_ID_LEN] = 0;
    buffer_clear(&text);
}

static void forget(struct live *l, struct pending *p)
{
    list_remove(&p->link);
    map_remove(&l->by_token, slice_of(p->ids.token));
    l->pending_count--;
    free(p);
}

static void forget_old(struct live *l, size_t most)
{
    struct link *first;
    while ((first = list_first(&l->pending))) {
        struct pending *p = LIST_OF(first, struct pending, link);
        if (l->pending_count <= most && loop_now_ms(l->loop) < p->until_ms)
            return;
        forget(l, p);
    }
}

void live_negotiate(struct live *l, enum live_hub hub, struct live_ids *out)
{
    struct pending *p = MEMORY_NEW(struct pending);
    forget_old(l, LIVE_PENDING_MAX - 1);
    make_id(p->ids.id);
    make_id(p->ids.token);
    p->hub = hub;
    p->until_ms = loop_now_ms(l->loop) + LIVE_PENDING_MS;
    list_push(&l->pending, &p->link);
    map_put(&l->by_token, slice_of(p->ids.token), p);
    l->pending_count++;
    *out = p->ids;
}

/* ---- a client ---- */

static void leave_all(struct live_client *c)
{
    if (!c->live)
        return;
    list_remove(&c->link);
    map_remove(&c->live->by_id, slice_of(c->ids.id));
    c->live->client_count--;
    c->live = NULL;
}

static void on_close(void *arg, enum status why)
{
    struct live_client *c = arg;
    log_debug("live client gone hub=%s id=%s why=%s", live_hub_names[c->hub], c->ids.id,
              status_name(why));
    leave_all(c);
    for (size_t n = 0; n < c->group_count; n++)
        free(c->groups[n]);
    signalr_clear(&c->signalr);
    free(c);
}

static void on_data(void *arg, struct slice bytes)
{
    struct live_client *c = arg;
    if (!c->live)
        return;
    struct buffer *out = stream_out(c->stream);
    size_t before = out->len;
    enum status s = signalr_feed(&c->signalr, bytes, out);
    c->heard_ms = loop_now_ms(c->live->loop);
    if (out->len > before)
        stream_flush(c->stream);
    if (s != OK) {
        leave_all(c);
        stream_close(c->stream);
    }
}

static const struct stream_events events = {.on_data = on_data, .on_close = on_close};

/* The ids that were negotiated; without a token new ones. False: the token is not known. */
static bool take_ids(struct live *l, enum live_hub hub, struct slice token, struct live_ids *out)
{
    forget_old(l, LIVE_PENDING_MAX);
    if (token.len == 0) {
        make_id(out->id);
        make_id(out->token);
        return true;
    }
    struct pending *p = map_get(&l->by_token, token);
    if (!p || p->hub != hub)
        return false;
    *out = p->ids;
    forget(l, p);
    return true;
}

void live_connect(struct live *l, enum live_hub hub, struct slice token, struct stream *s)
{
    struct live_client *c = MEMORY_NEW(struct live_client);
    bool known = l->client_count < LIVE_CONNECTIONS_MAX && take_ids(l, hub, token, &c->ids);
    c->stream = s;
    c->hub = hub;
    stream_events(s, &events, c);
    if (!known) {
        log_info("live client refused hub=%s peer=%s connections=%zu", live_hub_names[hub],
                 stream_peer(s), l->client_count);
        stream_close(s);
        return;
    }
    c->live = l;
    c->heard_ms = c->sent_ms = loop_now_ms(l->loop);
    list_push(&l->clients, &c->link);
    map_put(&l->by_id, slice_of(c->ids.id), c);
    l->client_count++;
}

/* ---- groups ---- */

static size_t group_at(const struct live_client *c, struct slice group)
{
    size_t n = 0;
    while (n < c->group_count && !slice_eq(slice_of(c->groups[n]), group))
        n++;
    return n;
}

enum status live_join(struct live *l, struct slice id, struct slice group)
{
    struct live_client *c = map_get(&l->by_id, id);
    if (!c)
        return NOT_FOUND;
    if (group_at(c, group) < c->group_count)
        return OK;
    if (c->group_count == LIVE_GROUPS_MAX)
        return FULL;
    c->groups[c->group_count++] = slice_dup(group);
    return OK;
}

enum status live_leave(struct live *l, struct slice id, struct slice group)
{
    struct live_client *c = map_get(&l->by_id, id);
    if (!c)
        return NOT_FOUND;
    size_t n = group_at(c, group);
    if (n < c->group_count) {
        free(c->groups[n]);
        c->groups[n] = c->groups[--c->group_count];
    }
    return OK;
}

/* ---- telling ---- */

static void send(struct live_client *c, struct slice record)
{
    if (stream_unsent(c->stream) > LIVE_UNSENT_MAX) {
        log_warn("live client does not read: its connection ends hub=%s id=%s",
                 live_hub_names[c->hub], c->ids.id);
        struct stream *s = c->stream;
        leave_all(c);
        stream_abort(s, TIMED_OUT);
        return;
    }
    stream_write(c->stream, record);
    c->sent_ms = loop_now_ms(c->live->loop);
}

void live_tell(struct live *l, enum live_hub hub, struct slice group, const char *target,
               struct slice argument)
{
    struct buffer record = {0};
    LIST_EACH(link, &l->clients)
    {
        struct live_client *c = LIST_OF(link, struct live_client, link);
        if (c->hub != hub || !c->signalr.ready ||
            (group.len && group_at(c, group) == c->group_count))
            continue;
        if (record.len == 0)
            signalr_put(&record, target, argument);
        send(c, buffer_slice(&record));
        l->told++;
    }
    buffer_clear(&record);
}

/* ---- time ---- */

static void on_tick(void *arg)
{
    struct live *l = arg;
    struct buffer ping = {0};
    uint64_t now = loop_now_ms(l->loop);
    signalr_put_ping(&ping);
    LIST_EACH(link, &l->clients)
    {
        struct live_client *c = LIST_OF(link, struct live_client, link);
        if (now >= c->heard_ms + SIGNALR_SILENCE_MS) {
            struct stream *s = c->stream;
            leave_all(c);
            stream_abort(s, TIMED_OUT);
        } else if (c->signalr.ready && now + TICK_MS > c->sent_ms + SIGNALR_PING_MS) {
            send(c, buffer_slice(&ping));
        }
    }
    buffer_clear(&ping);
    forget_old(l, LIVE_PENDING_MAX);
    loop_timer_start(l->loop, &l->tick, TICK_MS, on_tick, l);
}

/* ---- beginning and end ---- */

struct live *live_new(struct loop *loop)
{
    struct live *l = MEMORY_NEW(struct live);
    l->loop = loop;
    list_init(&l->clients);
    list_init(&l->pending);
    loop_timer_start(loop, &l->tick, TICK_MS, on_tick, l);
    return l;
}

void live_free(struct live **live)
{
    struct live *l = *live;
    if (!l)
        return;
    loop_timer_stop(&l->tick);
    LIST_EACH(link, &l->clients)
    {
        struct live_client *c = LIST_OF(link, struct live_client, link);
        struct stream *s = c->stream;
        leave_all(c);
        stream_close(s);
    }
    for (struct link *first; (first = list_first(&l->pending));)
        forget(l, LIST_OF(first, struct pending, link));
    map_clear(&l->by_id);
    map_clear(&l->by_token);
    free(l);
    *live = NULL;
}

size_t live_connections(const struct live *l)
{
    return l->client_count;
}

uint64_t live_told(const struct live *l)
{
    return l->told;
}

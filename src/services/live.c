#include "services/live.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "rest/websocket.h"
#include "services/live_groups.h"
#include "services/signalr.h"
#include "json/write.h"

#define TICK_MS 5000
#define HEAR_BYTES 4096 /* are answered at once, before it is looked whether answers are read */

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
    enum live_wire wire;
    struct live_ids ids;
    struct signalr signalr;
    uint64_t heard_ms, sent_ms;
    uint64_t dropped; /* values, since it was told */
    struct list groups;
};

struct live {
    struct loop *loop;
    struct list clients[LIVE_HUBS];
    struct live_groups groups[LIVE_HUBS];
    struct map by_id;
    struct map posting;  /* clients of LIVE_SIGNALR_STREAM by their token */
    struct list pending; /* oldest first */
    struct map by_token;
    size_t pending_count;
    struct live_counts counts;
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
    struct live *l = c->live;
    if (!l)
        return;
    list_remove(&c->link);
    map_remove(&l->by_id, slice_of(c->ids.id));
    if (c->wire == LIVE_SIGNALR_STREAM)
        map_remove(&l->posting, slice_of(c->ids.token));
    live_groups_leave_all(&l->groups[c->hub], &c->groups);
    l->counts.connections--;
    c->live = NULL;
}

static void on_close(void *arg, enum status why)
{
    struct live_client *c = arg;
    log_debug("live client gone hub=%s id=%s why=%s", live_hub_names[c->hub], c->ids.id,
              status_name(why));
    leave_all(c);
    signalr_clear(&c->signalr);
    free(c);
}

/* Its events are told once and to who is there: so much of them is not kept for one who does not read. */
static void drop(struct live_client *c)
{
    struct stream *s = c->stream;
    log_warn("live client does not read: its connection ends hub=%s id=%s", live_hub_names[c->hub],
             c->ids.id);
    c->live->counts.ended++;
    leave_all(c);
    stream_abort(s, TIMED_OUT);
}

/* What is answered; reading waits while the answers are not taken. */
static enum status hear_some(struct live_client *c, struct slice bytes)
{
    struct buffer answers = {0};
    enum status s = signalr_feed(&c->signalr, bytes, &answers);
    if (c->signalr.protocol == SIGNALR_MESSAGEPACK && c->wire == LIVE_SIGNALR) {
        c->wire = LIVE_SIGNALR_PACKED;
        rest_websocket_say_binary(c->stream);
    }
    if (answers.len > 0) {
        live_wire_put_records(c->wire, buffer_slice(&answers), stream_out(c->stream));
        stream_flush(c->stream);
        if (c->wire != LIVE_SIGNALR_STREAM && stream_unsent(c->stream) > STREAM_HIGH_BYTES)
            stream_pause(c->stream, true); /* until on_drain */
    }
    buffer_clear(&answers);
    return s;
}

/* SignalR's side of the conversation; what a plain client says is not listened to. */
static enum status hear(struct live_client *c, struct slice bytes)
{
    enum status s = OK;
    if (!live_wire_is_signalr(c->wire))
        return OK;
    c->heard_ms = loop_now_ms(c->live->loop);
    while (s == OK && bytes.len > 0) {
        if (stream_unsent(c->stream) > LIVE_UNSENT_MAX) {
            drop(c);
            return FULL;
        }
        s = hear_some(c, slice_first(bytes, HEAR_BYTES));
        bytes = slice_skip(bytes, HEAR_BYTES);
    }
    if (s != OK) {
        struct stream *stream = c->stream;
        leave_all(c);
        stream_close(stream);
    }
    return s;
}

/* Of an event stream nothing comes here but what has no meaning. */
static void on_data(void *arg, struct slice bytes)
{
    struct live_client *c = arg;
    if (c->live && c->wire != LIVE_SIGNALR_STREAM)
        (void)!hear(c, bytes);
}

static void on_drain(void *arg)
{
    struct live_client *c = arg;
    stream_pause(c->stream, false);
}

static const struct stream_events events = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

enum status live_post(struct live *l, enum live_hub hub, struct slice token, struct slice bytes)
{
    struct live_client *c = map_get(&l->posting, token);
    if (!c || c->hub != hub)
        return NOT_FOUND;
    enum status s = hear(c, bytes);
    return s == CLOSED ? OK : s;
}

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

static void welcome(struct live *l, struct live_client *c)
{
    c->live = l;
    c->heard_ms = c->sent_ms = loop_now_ms(l->loop);
    list_push(&l->clients[c->hub], &c->link);
    map_put(&l->by_id, slice_of(c->ids.id), c);
    if (c->wire == LIVE_SIGNALR_STREAM)
        map_put(&l->posting, slice_of(c->ids.token), c);
    l->counts.connections++;
    live_wire_put_begin(c->wire, stream_out(c->stream));
    stream_flush(c->stream);
}

const char *live_connect(struct live *l, enum live_hub hub, enum live_wire wire, struct slice token,
                         struct stream *s)
{
    struct live_client *c = MEMORY_NEW(struct live_client);
    bool known = l->counts.connections < LIVE_CONNECTIONS_MAX && take_ids(l, hub, token, &c->ids);
    c->stream = s;
    c->hub = hub;
    c->wire = wire;
    c->signalr.text = wire == LIVE_SIGNALR_STREAM;
    list_init(&c->groups);
    stream_events(s, &events, c);
    if (known) {
        welcome(l, c);
        return c->ids.id;
    }
    log_info("live client refused hub=%s peer=%s connections=%zu", live_hub_names[hub],
             stream_peer(s), l->counts.connections);
    stream_close(s);
    return NULL;
}

static void on_data_ignored(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_close_ignored(void *arg, enum status why)
{
    (void)arg, (void)why;
}

void live_refuse(enum live_wire wire, const char *why, struct stream *s)
{
    static const struct stream_events nobody = {.on_data = on_data_ignored, .on_close = on_close_ignored};
    struct buffer argument = {0};
    struct json_writer w = json_writer(&argument);
    json_object(&w);
    json_name(&w, "detail"), json_put_text(&w, why);
    json_end_object(&w);
    stream_events(s, &nobody, NULL);
    live_wire_put(wire, "Error", buffer_slice(&argument), stream_out(s));
    stream_close(s);
    buffer_clear(&argument);
}

/* ---- groups ---- */

enum status live_join(struct live *l, struct slice id, struct slice group)
{
    struct live_client *c = map_get(&l->by_id, id);
    return c ? live_groups_join(&l->groups[c->hub], group, c, &c->groups, LIVE_GROUPS_MAX) : NOT_FOUND;
}

enum status live_leave(struct live *l, struct slice id, struct slice group)
{
    struct live_client *c = map_get(&l->by_id, id);
    if (!c)
        return NOT_FOUND;
    live_groups_leave(&l->groups[c->hub], group, &c->groups);
    return OK;
}

bool live_follows(const struct live *l, enum live_hub hub, struct slice group)
{
    return live_groups_has(&l->groups[hub], group);
}

bool live_anybody(const struct live *l, enum live_hub hub)
{
    return l->groups[hub].by_name.count > 0;
}

void live_each_group(const struct live *l, enum live_hub hub, void (*fn)(void *arg, struct slice group), void *arg)
{
    live_groups_names(&l->groups[hub], fn, arg);
}

bool live_listens(const struct live *l, enum live_hub hub)
{
    LIST_EACH(link, &l->clients[hub])
    {
        const struct live_client *c = LIST_OF(link, struct live_client, link);
        if (hub != LIVE_PUBLISHERS || live_wire_is_signalr(c->wire))
            return true;
    }
    return false;
}

/* ---- telling ---- */

static void send(struct live_client *c, struct slice bytes)
{
    if (stream_unsent(c->stream) > LIVE_UNSENT_MAX) {
        drop(c);
        return;
    }
    stream_write(c->stream, bytes);
    c->sent_ms = loop_now_ms(c->live->loop);
}

/* An event, made once for each wire that somebody has. */
struct told {
    struct live *live;
    const char *target;
    struct slice argument;
    bool value;
    struct buffer as[LIVE_WIRES];
};

static bool is_ready(const struct live_client *c)
{
    return c->signalr.ready || !live_wire_is_signalr(c->wire);
}

static void tell_dropped(struct live_client *c)
{
    char count[48];
    struct buffer out = {0};
    snprintf(count, sizeof count, "{\"count\":%llu}", (unsigned long long)c->dropped);
    live_wire_put(c->wire, "Dropped", slice_of(count), &out);
    c->dropped = 0;
    stream_write(c->stream, buffer_slice(&out));
    buffer_clear(&out);
}

static void tell_one(void *arg, void *who)
{
    struct told *t = arg;
    struct live_client *c = who;
    struct buffer *as = &t->as[c->wire];
    if (!is_ready(c))
        return;
    if (t->value && stream_unsent(c->stream) > LIVE_VALUES_UNSENT_MAX) {
        c->dropped++;
        t->live->counts.dropped++;
        return;
    }
    if (c->dropped && !live_wire_is_signalr(c->wire))
        tell_dropped(c);
    if (as->len == 0)
        live_wire_put(c->wire, t->target, t->argument, as);
    send(c, buffer_slice(as));
    t->live->counts.told++;
}

static void tell(enum live_hub hub, struct slice group, struct told *t)
{
    if (group.len)
        live_groups_each(&t->live->groups[hub], group, tell_one, t);
    else
        LIST_EACH(link, &t->live->clients[hub])
        {
            tell_one(t, LIST_OF(link, struct live_client, link));
        }
    for (size_t n = 0; n < LIVE_WIRES; n++)
        buffer_clear(&t->as[n]);
}

void live_tell(struct live *l, enum live_hub hub, struct slice group, const char *target,
               struct slice argument)
{
    tell(hub, group, &(struct told){.live = l, .target = target, .argument = argument});
}

void live_tell_value(struct live *l, enum live_hub hub, struct slice group, const char *target,
                     struct slice argument)
{
    tell(hub, group, &(struct told){.live = l, .target = target, .argument = argument, .value = true});
}

/* ---- time ---- */

static void look_at_client(struct live_client *c, uint64_t now)
{
    struct buffer ping = {0};
    if (live_wire_is_signalr(c->wire) && now >= c->heard_ms + SIGNALR_SILENCE_MS) {
        struct stream *s = c->stream;
        leave_all(c);
        stream_abort(s, TIMED_OUT);
    } else if (is_ready(c) && now + TICK_MS > c->sent_ms + SIGNALR_PING_MS) {
        live_wire_put_ping(c->wire, &ping);
        send(c, buffer_slice(&ping));
    }
    buffer_clear(&ping);
}

static void on_tick(void *arg)
{
    struct live *l = arg;
    uint64_t now = loop_now_ms(l->loop);
    for (size_t hub = 0; hub < LIVE_HUBS; hub++)
        LIST_EACH(link, &l->clients[hub])
        {
            look_at_client(LIST_OF(link, struct live_client, link), now);
        }
    forget_old(l, LIVE_PENDING_MAX);
    loop_timer_start(l->loop, &l->tick, TICK_MS, on_tick, l);
}

/* ---- beginning and end ---- */

struct live *live_new(struct loop *loop)
{
    struct live *l = MEMORY_NEW(struct live);
    l->loop = loop;
    for (size_t hub = 0; hub < LIVE_HUBS; hub++)
        list_init(&l->clients[hub]);
    list_init(&l->pending);
    loop_timer_start(loop, &l->tick, TICK_MS, on_tick, l);
    return l;
}

static void end_all(struct live *l, enum live_hub hub)
{
    LIST_EACH(link, &l->clients[hub])
    {
        struct live_client *c = LIST_OF(link, struct live_client, link);
        struct stream *s = c->stream;
        leave_all(c);
        stream_close(s);
    }
    live_groups_clear(&l->groups[hub]);
}

void live_free(struct live **live)
{
    struct live *l = *live;
    if (!l)
        return;
    loop_timer_stop(&l->tick);
    for (size_t hub = 0; hub < LIVE_HUBS; hub++)
        end_all(l, hub);
    for (struct link *first; (first = list_first(&l->pending));)
        forget(l, LIST_OF(first, struct pending, link));
    map_clear(&l->by_id);
    map_clear(&l->posting);
    map_clear(&l->by_token);
    free(l);
    *live = NULL;
}

struct live_counts live_counts(const struct live *l)
{
    return l->counts;
}

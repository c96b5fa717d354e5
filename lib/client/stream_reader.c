#include "client/stream_reader.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/cbs.h"
#include "client/stream_reader_priv.h"

#define WINDOW 500

static void dispose(struct stream_reader *r)
{
    reader_partitions_clear(r);
    buffer_clear(&r->scratch);
    buffer_clear(&r->message);
    arena_clear(&r->arena);
    free(r);
}

void reader_enter(struct stream_reader *r)
{
    r->busy++;
}

void reader_leave(struct stream_reader *r)
{
    if (--r->busy == 0 && r->freed)
        dispose(r);
}

void reader_up(struct stream_reader *r)
{
    r->state = READER_UP;
    backoff_up(&r->backoff, r->config.loop);
    uplink_up(r->hub);
    log_info("hub's events are read entity=%s group=%s partitions=%u", r->config.entity,
             r->config.group, r->partition_count);
    if (r->config.events->on_connected)
        r->config.events->on_connected(r->config.arg, r->partition_count);
}

/* ---- the connection's events ---- */

static enum status make_token(void *arg, struct buffer *audience, struct buffer *token)
{
    const struct stream_reader *r = arg;
    return cbs_event_hub_token(
        &(struct cbs_event_hub){.host = r->config.hub_host,
                                .entity = r->config.entity,
                                .policy = r->config.policy,
                                .key = r->config.key,
                                .expires_ms = loop_wall_ms(r->config.loop) + UPLINK_TOKEN_MS},
        audience, token);
}

static void on_ready(void *arg)
{
    struct stream_reader *r = arg;
    reader_enter(r);
    reader_ask(r);
    reader_leave(r);
}

static struct reader_partition *partition_of(struct amqp_link *l)
{
    return amqp_link_arg(l); /* only partitions' links have one */
}

static void on_attached(void *arg, struct amqp_link *l)
{
    struct stream_reader *r = arg;
    reader_enter(r);
    if (partition_of(l))
        reader_partition_attached(partition_of(l), r);
    else if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
    reader_leave(r);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct stream_reader *r = arg;
    reader_enter(r);
    if (partition_of(l)) {
        reader_partition_event(partition_of(l), r, d);
    } else {
        if (!d->settled)
            amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
        reader_ask_answer(r, d->bytes);
    }
    reader_leave(r);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    reader_ask_credit(arg, l);
}

static void on_detached(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct stream_reader *r = arg;
    if (partition_of(l))
        reader_partition_detached(partition_of(l), r, why);
    else
        reader_ask_detached(r, l);
    if (!partition_of(l) || partition_of(l)->link == NULL)
        uplink_end(r->hub, uplink_status(why));
}

static void connect_again(struct stream_reader *r);

static void on_closed(void *arg, enum status why)
{
    struct stream_reader *r = arg;
    bool was_up = backoff_down(&r->backoff, r->config.loop);
    reader_enter(r);
    log_line(was_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s entity=%s host=%s status=%s",
             was_up ? "hub's events are read no more" : "hub's events could not be read",
             r->config.entity, r->config.host, status_name(why));
    uplink_free(&r->hub);
    r->ask_send = r->ask_receive = NULL;
    reader_partitions_forget_links(r);
    connect_again(r);
    if (r->config.events->on_disconnected)
        r->config.events->on_disconnected(r->config.arg, why);
    reader_leave(r);
}

static const struct uplink_events hub_events = {
    .on_ready = on_ready,
    .on_attached = on_attached,
    .on_transfer = on_transfer,
    .on_credit = on_credit,
    .on_detached = on_detached,
    .on_closed = on_closed,
};

/* ---- connecting, again and again ---- */

static void on_attempt(void *arg)
{
    struct stream_reader *r = arg;
    r->state = READER_CONNECTING;
    r->attached = 0;
    r->hub = uplink_connect(&(struct uplink_config){.connect = {.loop = r->config.loop,
                                                                    .host = r->config.host,
                                                                    .port = r->config.port,
                                                                    .tls = r->config.tls},
                                                        .hub_host = r->config.hub_host,
                                                        .token = make_token,
                                                        .events = &hub_events,
                                                        .arg = r});
}

static void connect_again(struct stream_reader *r)
{
    r->state = READER_WAITING;
    loop_timer_start(r->config.loop, &r->attempt, backoff_next_ms(&r->backoff, r->config.loop),
                     on_attempt, r);
}

/* ---- life ---- */

static const char *copy(struct stream_reader *r, const char *text)
{
    return arena_text(&r->arena, slice_of(text));
}

struct stream_reader *stream_reader_new(const struct stream_reader_config *config)
{
    struct stream_reader *r = MEMORY_NEW(struct stream_reader);
    r->config = *config;
    r->config.host = copy(r, config->host);
    r->config.hub_host = copy(r, config->hub_host ? config->hub_host : config->host);
    r->config.entity = copy(r, config->entity);
    r->config.group = copy(r, config->group ? config->group : "$Default");
    r->config.policy = copy(r, config->policy);
    r->config.key = copy(r, config->key);
    r->config.window = config->window ? config->window : WINDOW;
    loop_timer_start(config->loop, &r->attempt, 0, on_attempt, r);
    return r;
}

void stream_reader_free(struct stream_reader **reader)
{
    struct stream_reader *r = *reader;
    *reader = NULL;
    if (r == NULL || r->freed)
        return;
    reader_enter(r);
    uplink_free(&r->hub);
    r->freed = true;
    loop_timer_stop(&r->attempt);
    reader_leave(r);
}

bool stream_reader_connected(const struct stream_reader *r)
{
    return r->state == READER_UP;
}

#include "client/stream_reader.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/event_hub.h"
#include "client/stream_reader_private.h"

#define LASTED_MS 30000     /* a connection that was up for so long makes the back-off start anew */
#define SET_UP_MS_MAX 30000 /* from connecting until all partitions are attached */
#define IDLE_MS 120000
#define WINDOW 500
#define GATHER_BYTES (1u << 20) /* of a frame's message; the hub's are smaller */

static const char *const mechanisms[] = {"ANONYMOUS", NULL};

static void dispose(struct stream_reader *r);

void reader_enter(struct stream_reader *r)
{
    r->busy++;
}

void reader_leave(struct stream_reader *r)
{
    if (--r->busy == 0 && r->freed)
        dispose(r);
}

/* ---- links ---- */

struct amqp_link *reader_attach(struct stream_reader *r, const char *name, bool receiver,
                                const char *address, struct slice filter, int send_settle,
                                void *arg)
{
    return event_hub_attach(r->session, &(struct event_hub_link){.name = name,
                                                                 .address = address,
                                                                 .receiver = receiver,
                                                                 .send_settle = send_settle,
                                                                 .filter = filter,
                                                                 .arg = arg});
}

/* ---- time ---- */

static void on_tick(void *arg)
{
    struct stream_reader *r = arg;
    uint64_t now = loop_now_ms(r->config.loop);
    reader_enter(r);
    uint64_t next = amqp_connection_tick(r->engine, now);
    if (next != UINT64_MAX && !r->freed && r->engine)
        loop_timer_start(r->config.loop, &r->tick, next > now ? next - now : 1, on_tick, r);
    reader_leave(r);
}

static void on_late(void *arg)
{
    reader_end(arg, TIMED_OUT);
}

void reader_up(struct stream_reader *r)
{
    r->state = READER_UP;
    r->up_since_ms = loop_now_ms(r->config.loop);
    loop_timer_stop(&r->attempt);
    log_info("hub's events are read entity=%s group=%s partitions=%u", r->config.entity,
             r->config.group, r->partition_count);
    if (r->config.events->on_connected)
        r->config.events->on_connected(r->config.arg, r->partition_count);
}

/* ---- the engine's events ---- */

static struct buffer *output(void *arg)
{
    struct stream_reader *r = arg;
    stream_flush(r->stream);
    return stream_out(r->stream);
}

static void flush(void *arg)
{
    struct stream_reader *r = arg;
    r->flush_queued = false;
    if (r->engine && r->stream)
        amqp_connection_flush(r->engine);
    reader_leave(r);
}

static void on_gathered(void *arg)
{
    struct stream_reader *r = arg;
    if (r->flush_queued)
        return;
    r->flush_queued = true;
    reader_enter(r);
    loop_defer(r->config.loop, flush, r);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct stream_reader *r = arg;
    (void)peer;
    if (amqp_session_begin(r->engine, &r->session) != OK) {
        reader_end(r, PEER_FAILED);
        return;
    }
    loop_timer_start(r->config.loop, &r->tick, 1, on_tick, r);
    reader_sign_in(r);
}

static struct reader_partition *partition_of(struct amqp_link *l)
{
    return amqp_link_arg(l); /* only partitions' links have one */
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct stream_reader *r = arg;
    if (r->freed || !(peer->source.at && peer->target.at))
        return; /* refused: a detach follows */
    if (partition_of(l))
        reader_partition_attached(partition_of(l), r);
    else if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct stream_reader *r = arg;
    if (r->freed)
        return;
    if (partition_of(l)) {
        reader_partition_event(partition_of(l), r, d);
        return;
    }
    if (!d->settled)
        amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
    reader_sign_in_answer(r, l, d->bytes);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct stream_reader *r = arg;
    if (!r->freed)
        reader_sign_in_credit(r, l);
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct stream_reader *r = arg;
    if (r->freed)
        return;
    if (partition_of(l))
        reader_partition_detached(partition_of(l), r, why);
    else
        reader_sign_in_detached(r, l);
    if (!partition_of(l) || partition_of(l)->link == NULL)
        reader_end(r, event_hub_status(why));
}

static void on_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct stream_reader *r = arg;
    if (r->freed)
        return;
    if (why == CLOSED && error->condition.len)
        why = event_hub_status(error);
    reader_end(r, why == BAD_FORMAT ? PEER_FAILED : why);
}

static const struct amqp_events engine_events = {
    .output = output,
    .on_gathered = on_gathered,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_transfer = on_transfer,
    .on_credit = on_credit,
    .on_detach = on_detach,
    .on_close = on_close,
};

/* ---- the stream's events ---- */

static void on_stream_open(void *arg)
{
    struct stream_reader *r = arg;
    r->engine = amqp_connection_new(
        &(struct amqp_connection_config){
            .client = true,
            .container_id = "millrace/" MILLRACE_VERSION,
            .hostname = r->config.hub_host,
            .mechanisms = mechanisms,
            .sasl_response = SLICE(""),
            .idle_ms = IDLE_MS,
            .message_max = GATHER_BYTES,
            .events = &engine_events,
            .arg = r,
        },
        loop_now_ms(r->config.loop));
}

static void on_data(void *arg, struct slice bytes)
{
    struct stream_reader *r = arg;
    reader_enter(r);
    if (r->engine)
        amqp_connection_in(r->engine, bytes, loop_now_ms(r->config.loop));
    reader_leave(r);
}

static void connect_again(struct stream_reader *r);

static void forget_connection(struct stream_reader *r)
{
    amqp_connection_free(&r->engine);
    r->stream = NULL;
    r->session = NULL;
    r->cbs_send = r->cbs_receive = r->ask_send = r->ask_receive = NULL;
    reader_partitions_forget_links(r);
    loop_timer_stop(&r->tick);
    loop_timer_stop(&r->renewal);
    loop_timer_stop(&r->attempt);
}

static void on_stream_close(void *arg, enum status stream_why)
{
    struct stream_reader *r = arg;
    enum status why = r->why != OK ? r->why : stream_why;
    bool was_up = r->state == READER_UP;
    reader_enter(r);
    if (was_up && loop_now_ms(r->config.loop) - r->up_since_ms >= LASTED_MS)
        r->attempts = 0;
    log_line(was_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s entity=%s host=%s status=%s",
             was_up ? "hub's events are read no more" : "hub's events could not be read",
             r->config.entity, r->config.host, status_name(why));
    forget_connection(r);
    connect_again(r);
    if (r->config.events->on_disconnected)
        r->config.events->on_disconnected(r->config.arg, why);
    reader_leave(r);
}

static const struct stream_events stream_table = {
    .on_open = on_stream_open, .on_data = on_data, .on_close = on_stream_close};

void reader_end(struct stream_reader *r, enum status why)
{
    if (r->stream == NULL || r->why != OK)
        return;
    r->why = why;
    stream_abort(r->stream, why);
}

/* ---- connecting, again and again ---- */

static void on_attempt(void *arg)
{
    struct stream_reader *r = arg;
    r->state = READER_CONNECTING;
    r->why = OK;
    r->attached = 0;
    loop_timer_start(r->config.loop, &r->attempt, SET_UP_MS_MAX, on_late, r);
    r->stream = stream_connect(&(struct connect_config){.loop = r->config.loop,
                                                        .host = r->config.host,
                                                        .port = r->config.port,
                                                        .tls = r->config.tls},
                               &stream_table, r);
}

static void connect_again(struct stream_reader *r)
{
    r->state = READER_WAITING;
    loop_timer_start(r->config.loop, &r->attempt, event_hub_backoff_ms(r->config.loop, r->attempts),
                     on_attempt, r);
    r->attempts++;
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

static void dispose(struct stream_reader *r)
{
    amqp_connection_free(&r->engine);
    reader_partitions_clear(r);
    buffer_clear(&r->scratch);
    buffer_clear(&r->message);
    arena_clear(&r->arena);
    free(r);
}

void stream_reader_free(struct stream_reader **reader)
{
    struct stream_reader *r = *reader;
    *reader = NULL;
    if (r == NULL || r->freed)
        return;
    reader_enter(r);
    event_hub_let_go(r->stream, r->engine);
    r->freed = true;
    r->stream = NULL;
    loop_timer_stop(&r->attempt);
    loop_timer_stop(&r->tick);
    loop_timer_stop(&r->renewal);
    amqp_connection_free(&r->engine);
    reader_leave(r);
}

bool stream_reader_connected(const struct stream_reader *r)
{
    return r->state == READER_UP;
}

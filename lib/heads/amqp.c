#include "heads/amqp.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_priv.h"
#include "iot/status_wire.h"

enum { IDLE_MS = 240000, MESSAGE_BYTES_MAX = 320 << 10 };

/* What Azure's SDKs and others ask for: nothing, a name and a token, the certificate, and $cbs to
 * follow. */
static const char *const mechanisms[] = {"ANONYMOUS", "PLAIN", "EXTERNAL", "MSSBCBS", NULL};

/* ---- life ---- */

void head_hold(struct heads_amqp *h)
{
    h->holds++;
}

void head_release(struct heads_amqp *h)
{
    assert(h->holds);
    if (--h->holds || h->stream)
        return;
    loop_timer_stop(&h->timer);
    loop_timer_stop(&h->grant_timer);
    head_grants_clear(h);
    free(h);
}

void *heads_amqp_arg(const struct heads_amqp *h)
{
    return h->config->arg;
}

struct loop *heads_amqp_loop(const struct heads_amqp *h)
{
    return h->loop;
}

struct stream *heads_amqp_stream(const struct heads_amqp *h)
{
    return h->stream;
}

struct slice head_printable(struct slice text)
{
    enum { LEN_MAX = 64 };
    size_t len = 0;
    while (len < text.len && len < LEN_MAX && text.at[len] > ' ' && text.at[len] < 0x7f)
        len++;
    return slice_first(text, len);
}

/* ---- time ---- */

static void on_timer(void *arg)
{
    struct heads_amqp *h = arg;
    if (!h->opened) { /* took too long to open, or to say goodbye */
        stream_abort(h->stream, TIMED_OUT);
        return;
    }
    uint64_t now = loop_now_ms(h->loop);
    if (h->loaded)
        amqp_connection_in(h->engine, (struct slice){0}, now); /* it is we who do not listen */
    uint64_t next = amqp_connection_tick(h->engine, now);
    if (next != UINT64_MAX)
        loop_timer_start(h->loop, &h->timer, next > now ? next - now : 1, on_timer, h);
}

/* What is not done by then is cut off. */
static void start_deadline(struct heads_amqp *h)
{
    h->opened = false;
    loop_timer_start(h->loop, &h->timer, HEADS_AMQP_OPEN_TIMEOUT_MS, on_timer, h);
}

/* ---- the engine's events ---- */

static struct buffer *output(void *arg)
{
    struct heads_amqp *h = arg;
    stream_flush(h->stream);
    return stream_out(h->stream);
}

static void flush(void *arg)
{
    struct heads_amqp *h = arg;
    h->flush_queued = false;
    if (h->engine)
        amqp_connection_flush(h->engine);
    head_release(h);
}

static void on_gathered(void *arg)
{
    struct heads_amqp *h = arg;
    if (h->flush_queued)
        return;
    h->flush_queued = true;
    head_hold(h);
    loop_defer(h->loop, flush, h);
}

static enum status on_sasl(void *arg, struct slice mechanism, struct slice response)
{
    return head_on_sasl(arg, mechanism, response);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct heads_amqp *h = arg;
    h->opened = true;
    loop_timer_start(h->loop, &h->timer, 1, on_timer, h); /* learns when it has to speak */
    log_debug("amqp connection opened peer=%s container=%.*s", stream_peer(h->stream),
              SLICE_FMT(head_printable(peer->container_id)));
}

static void on_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct heads_amqp *h = arg;
    h->closing = true;
    if (why != CLOSED || error->condition.len)
        log_info("amqp connection closed peer=%s status=%s condition=%.*s", stream_peer(h->stream),
                 status_name(why), SLICE_FMT(head_printable(error->condition)));
    loop_timer_stop(&h->timer);
    stream_close(h->stream);
}

static const struct amqp_events engine_events = {
    .output = output,
    .on_gathered = on_gathered,
    .on_sasl = on_sasl,
    .on_open = on_open,
    .on_attach = head_on_attach,
    .on_transfer = head_on_transfer,
    .on_credit = head_on_credit,
    .on_settled = head_on_settled,
    .on_detach = head_on_detach,
    .on_close = on_close,
};

/* ---- the stream's events ---- */

static void read_or_wait(struct heads_amqp *h)
{
    stream_pause(h->stream, h->choked || h->loaded);
}

void head_under_way(struct heads_amqp *h, ptrdiff_t more)
{
    h->under_way = (size_t)((ptrdiff_t)h->under_way + more);
    bool loaded = h->loaded ? h->under_way > HEADS_AMQP_UNDER_WAY_MAX / 2
                            : h->under_way > HEADS_AMQP_UNDER_WAY_MAX;
    if (loaded == h->loaded || h->stream == NULL)
        return;
    h->loaded = loaded;
    read_or_wait(h);
}

static void on_data(void *arg, struct slice bytes)
{
    struct heads_amqp *h = arg;
    if (h->closing)
        return;
    amqp_connection_in(h->engine, bytes, loop_now_ms(h->loop));
    if (!head_has_room(h)) {
        h->choked = true;
        read_or_wait(h);
    }
}

static void on_drain(void *arg)
{
    struct heads_amqp *h = arg;
    h->choked = false;
    read_or_wait(h);
    if (!h->closing)
        head_links_resume(h);
}

static void on_stream_close(void *arg, enum status why)
{
    struct heads_amqp *h = arg;
    log_debug("amqp stream closed peer=%s status=%s", stream_peer(h->stream), status_name(why));
    h->closing = true;
    amqp_connection_free(&h->engine);
    head_links_end(h);
    if (h->config->on_gone)
        h->config->on_gone(h->config->arg, h);
    loop_timer_stop(&h->timer);
    loop_timer_stop(&h->grant_timer);
    h->stream = NULL;
    head_release(h);
}

static const struct stream_events stream_table = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_stream_close};

/* ---- beginning and end ---- */

struct heads_amqp *heads_amqp_new(struct stream *s, const struct heads_amqp_config *config)
{
    struct heads_amqp *h = MEMORY_NEW(struct heads_amqp);
    h->config = config;
    h->loop = stream_loop(s);
    h->stream = s;
    h->holds = 1; /* the stream's */
    list_init(&h->links);
    list_init(&h->devices);
    h->engine = amqp_connection_new(
        &(struct amqp_connection_config){
            .container_id = config->container_id,
            .mechanisms = mechanisms,
            .idle_ms = config->idle_ms ? config->idle_ms : IDLE_MS,
            .message_max = config->message_max ? config->message_max : MESSAGE_BYTES_MAX,
            .events = &engine_events,
            .arg = h,
        },
        loop_now_ms(h->loop));
    amqp_connection_trust(h->engine, HEADS_AMQP_PARTIAL_UNSIGNED_MAX);
    start_deadline(h);
    stream_events(s, &stream_table, h);
    return h;
}

void heads_amqp_close(struct heads_amqp *h, enum status why, const char *text)
{
    if (h->closing || h->stream == NULL)
        return;
    struct amqp_error e = {.condition = slice_of(iot_status_wire(why)->amqp),
                           .description = slice_of(text)};
    bool said = h->opened;
    if (said)
        amqp_connection_close(h->engine, &e); /* ends with the peer's close */
    start_deadline(h);
    if (!said)
        stream_close(h->stream);
}

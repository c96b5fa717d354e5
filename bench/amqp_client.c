#include "bench/amqp_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct amqp_client {
    struct amqp_client_config config;
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_link *link;
    char *user, *password, *address;
};

static void fail(struct amqp_client *c, const char *what, const struct amqp_error *why)
{
    if (why)
        fprintf(stderr, "%s %s: %.*s %.*s\n", what, c->address, SLICE_FMT(why->condition),
                SLICE_FMT(why->description));
    c->config.events->on_fail(c->config.arg, what);
}

/* ---- the engine ---- */

static struct buffer *output(void *arg)
{
    struct amqp_client *c = arg;
    stream_flush(c->stream);
    return stream_out(c->stream);
}

static void put_ends(struct amqp_client *c, struct buffer *source, struct buffer *target)
{
    struct buffer theirs = {0}, ours = {0};
    amqp_write_string(&theirs, slice_of(c->address));
    amqp_write_string(&ours, SLICE("load"));
    struct amqp_source from = {.durable = AMQP_ABSENT, .timeout = AMQP_ABSENT};
    struct amqp_target to = {.durable = AMQP_ABSENT, .timeout = AMQP_ABSENT};
    from.address = buffer_slice(c->config.credit ? &theirs : &ours);
    to.address = buffer_slice(c->config.credit ? &ours : &theirs);
    amqp_source_write(source, &from);
    amqp_target_write(target, &to);
    buffer_clear(&theirs);
    buffer_clear(&ours);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct amqp_client *c = arg;
    struct amqp_session *session;
    struct buffer source = {0}, target = {0};
    (void)peer;
    put_ends(c, &source, &target);
    struct amqp_attach want = {
        .name = SLICE("load"),
        .receiver = c->config.credit > 0,
        .send_settle = c->config.credit ? AMQP_ABSENT : AMQP_SEND_UNSETTLED,
        .receive_settle = AMQP_ABSENT,
        .source = buffer_slice(&source),
        .target = buffer_slice(&target),
    };
    if (amqp_session_begin(c->engine, &session) != OK ||
        amqp_link_attach(session, &want, c, &c->link) != OK)
        fail(c, "no link", NULL);
    else if (c->config.credit)
        amqp_link_set_window(c->link, c->config.credit);
    buffer_clear(&source);
    buffer_clear(&target);
}

static void on_credit(void *arg, struct amqp_link *link)
{
    struct amqp_client *c = arg;
    (void)link;
    c->config.events->on_credit(c->config.arg);
}

static void on_settled(void *arg, struct amqp_link *link, uint64_t token,
                       const struct amqp_state *state)
{
    struct amqp_client *c = arg;
    (void)link;
    c->config.events->on_settled(c->config.arg, token, state->outcome == AMQP_OUTCOME_ACCEPTED);
}

static void on_transfer(void *arg, struct amqp_link *link, const struct amqp_delivery *d)
{
    struct amqp_client *c = arg;
    c->config.events->on_message(c->config.arg, d);
    if (!d->settled)
        amqp_link_settle(link, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
}

static void on_detach(void *arg, struct amqp_link *link, const struct amqp_error *why)
{
    (void)link;
    fail(arg, "a link was detached", why);
}

static void on_engine_close(void *arg, enum status status, const struct amqp_error *why)
{
    (void)status;
    fail(arg, "a connection was closed", why);
}

static const struct amqp_events engine_events = {
    .output = output,
    .on_open = on_open,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_transfer = on_transfer,
    .on_detach = on_detach,
    .on_close = on_engine_close,
};

/* ---- the stream ---- */

static void on_stream_open(void *arg)
{
    static const char *const plain[] = {"PLAIN", NULL};
    struct amqp_client *c = arg;
    struct buffer response = {0};
    if (c->user) {
        buffer_u8(&response, 0);
        buffer_text(&response, c->user);
        buffer_u8(&response, 0);
        buffer_text(&response, c->password);
    }
    struct amqp_connection_config config = {
        .client = true,
        .container_id = "load",
        .hostname =
            c->config.connect.server_name ? c->config.connect.server_name : c->config.connect.host,
        .mechanisms = c->user ? plain : NULL,
        .sasl_response = buffer_slice(&response),
        .events = &engine_events,
        .arg = c,
    };
    c->engine = amqp_connection_new(&config, loop_now_ms(c->config.connect.loop));
    buffer_clear(&response);
    stream_flush(c->stream);
}

static void on_data(void *arg, struct slice bytes)
{
    struct amqp_client *c = arg;
    amqp_connection_in(c->engine, bytes, loop_now_ms(c->config.connect.loop));
    if (c->config.events->on_turn)
        c->config.events->on_turn(c->config.arg);
    stream_flush(c->stream);
}

static void on_close(void *arg, enum status why)
{
    struct amqp_client *c = arg;
    c->stream = NULL;
    fprintf(stderr, "stream closed status=%s\n", status_name(why));
    fail(c, "a connection ended", NULL);
}

static const struct stream_events events = {
    .on_open = on_stream_open, .on_data = on_data, .on_close = on_close};

/* ---- what the header promised ---- */

struct amqp_client *amqp_client_open(const struct amqp_client_config *config)
{
    struct amqp_client *c = MEMORY_NEW(struct amqp_client);
    c->config = *config;
    c->user = config->user ? memory_text(config->user) : NULL;
    c->password = config->user ? memory_text(config->password) : NULL;
    c->address = memory_text(config->address);
    c->stream = stream_connect(&config->connect, &events, c);
    return c;
}

bool amqp_client_send(struct amqp_client *c, uint64_t token, struct slice message)
{
    return amqp_link_send(c->link, &(struct amqp_send){.token = token}, message) == OK;
}

void amqp_client_flush(struct amqp_client *c)
{
    amqp_connection_flush(c->engine);
    stream_flush(c->stream);
}

void amqp_client_free(struct amqp_client **c)
{
    if (*c == NULL)
        return;
    amqp_connection_free(&(*c)->engine);
    free((*c)->user);
    free((*c)->password);
    free((*c)->address);
    free(*c);
    *c = NULL;
}

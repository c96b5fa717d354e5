/* SASL, part 5 section 5.3. The server takes one init and no challenges; the client sends one. */
#include "amqp/engine.h"

enum { SASL_OK = 0, SASL_AUTH = 1 };

static void write_mechanisms(struct amqp_connection *c)
{
    struct slice names[8];
    uint32_t count = 0;
    while (count < 8 && c->mechanisms[count]) {
        names[count] = slice_of(c->mechanisms[count]);
        count++;
    }
    struct buffer list = {0};
    amqp_write_symbols(&list, names, count);
    size_t at;
    struct buffer *b = engine_frame_begin(c, FRAME_SASL, 0, &at);
    amqp_sasl_mechanisms_write(b,
                               &(struct amqp_sasl_mechanisms){.mechanisms = buffer_slice(&list)});
    engine_frame_end(c, b, at);
    buffer_clear(&list);
}

static void write_init(struct amqp_connection *c)
{
    size_t at;
    struct buffer *b = engine_frame_begin(c, FRAME_SASL, 0, &at);
    amqp_sasl_init_write(b, &(struct amqp_sasl_init){.mechanism = slice_of(c->mechanisms[0]),
                                                     .response = buffer_slice(&c->sasl_response),
                                                     .hostname = slice_of(c->hostname)});
    engine_frame_end(c, b, at);
}

void sasl_start(struct amqp_connection *c)
{
    if (!c->client)
        write_mechanisms(c);
}

static void refuse(struct amqp_connection *c)
{
    struct amqp_error e = {.condition = SLICE("amqp:unauthorized-access"),
                           .description = SLICE("SASL did not accept")};
    engine_closed(c, UNAUTHORIZED, &e);
}

void sasl_decided(struct amqp_connection *c, enum status outcome)
{
    size_t at;
    struct buffer *b = engine_frame_begin(c, FRAME_SASL, 0, &at);
    amqp_sasl_outcome_write(
        b, &(struct amqp_sasl_outcome){.code = outcome == OK ? SASL_OK : SASL_AUTH});
    engine_frame_end(c, b, at);
    c->state = EXPECT_AMQP_HEADER;
    if (outcome != OK)
        refuse(c);
}

static bool offered(const struct amqp_connection *c, struct slice mechanism)
{
    for (const char *const *m = c->mechanisms; *m; m++)
        if (slice_eq(mechanism, slice_of(*m)))
            return true;
    return false;
}

static void on_init(struct amqp_connection *c, struct slice bytes)
{
    struct amqp_sasl_init init;
    if (amqp_sasl_init_read(bytes, &init) != OK) {
        engine_fail(c, "amqp:decode-error", "the sasl-init cannot be read");
        return;
    }
    c->state = SASL_DECIDING;
    enum status s = UNAUTHORIZED;
    if (offered(c, init.mechanism))
        s = c->events->on_sasl ? c->events->on_sasl(c->arg, init.mechanism, init.response) : OK;
    if (s != AGAIN && c->state == SASL_DECIDING)
        sasl_decided(c, s);
}

static bool lists(struct slice encoded, const char *mechanism)
{
    struct amqp_value v, item;
    if (amqp_value_of(encoded, &v) != OK)
        return false;
    if (v.type == AMQP_SYMBOL)
        return slice_eq(v.bytes, slice_of(mechanism));
    struct amqp_items items = amqp_items_of(&v);
    while (amqp_items_next(&items, &item))
        if (item.type == AMQP_SYMBOL && slice_eq(item.bytes, slice_of(mechanism)))
            return true;
    return false;
}

static void on_mechanisms(struct amqp_connection *c, struct slice bytes)
{
    struct amqp_sasl_mechanisms m;
    if (amqp_sasl_mechanisms_read(bytes, &m) == OK && lists(m.mechanisms, c->mechanisms[0]))
        write_init(c);
    else
        refuse(c);
}

static void on_outcome(struct amqp_connection *c, struct slice bytes)
{
    struct amqp_sasl_outcome outcome;
    if (amqp_sasl_outcome_read(bytes, &outcome) != OK || outcome.code != SASL_OK) {
        refuse(c);
        return;
    }
    c->state = EXPECT_AMQP_HEADER;
    buffer_put(c->events->output(c->arg), SLICE("AMQP\0\1\0\0"));
}

void sasl_frame(struct amqp_connection *c, struct slice performative)
{
    struct reader r = reader_of(performative);
    struct slice bytes;
    enum amqp_code code = amqp_composite_next(&r, &bytes);
    if (!c->client && code == AMQP_SASL_INIT)
        on_init(c, bytes);
    else if (c->client && code == AMQP_SASL_MECHANISMS)
        on_mechanisms(c, bytes);
    else if (c->client && code == AMQP_SASL_OUTCOME)
        on_outcome(c, bytes);
    else
        engine_fail(c, "amqp:not-allowed", "this SASL frame does not belong here");
}

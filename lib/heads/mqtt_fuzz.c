/* Any bytes from a device that is signed in (or not, by the first byte), in front of a backend that
 * accepts, has no room, or refuses, as the bytes have it. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/mqtt.h"
#include "io/sim.h"
#include "io/stream_layer.h"
#include "mqtt/connect.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* ---- a backend ---- */

static struct world {
    struct heads_backend backend; /* first */
    struct sim *sim;
    struct loop *loop;
    struct heads_mqtt *head;
    struct heads_session *session;
    unsigned mood;
    bool closed;
} world;

static struct heads_device *const device = (struct heads_device *)&world;

static struct loop *owner(struct heads_backend *b, struct iot_id id)
{
    (void)b, (void)id;
    return world.loop;
}

static void sign_in(struct heads_backend *b, const struct heads_credentials *c,
                    struct heads_session *s)
{
    (void)b, (void)c;
    world.session = s;
    s->ops->signed_in(s, OK, device);
}

static void sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *d)
{
    (void)b, (void)s, (void)d;
    world.session = NULL;
}

static enum status telemetry(struct heads_device *d, const struct iot_message *m, uint64_t token)
{
    (void)d;
    if (m->body.len + m->properties.len > IOT_MESSAGE_MAX)
        abort();
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        ;
    if (list.len)
        abort();
    switch (world.mood++ & 7) {
    case 0:
        return FULL;
    case 1:
        return OK; /* and never answered */
    default:
        world.session->ops->accepted(world.session, token, OK);
        return OK;
    }
}

static void twin_get(struct heads_device *d, uint64_t token)
{
    (void)d;
    if (world.mood++ & 1)
        world.session->ops->twin(world.session, token, OK, SLICE("{}"));
}

static void twin_report(struct heads_device *d, struct slice patch, uint64_t token)
{
    (void)d, (void)patch;
    if (world.mood++ & 1)
        world.session->ops->reported(world.session, token, BAD_ARGUMENT, 0);
}

static void subscribe(struct heads_device *d, enum heads_feature f, bool on)
{
    (void)d;
    struct iot_message m = {.body = SLICE("b"),
                            .input = f == HEADS_INPUTS ? SLICE("i") : SLICE("")};
    if (!on)
        return;
    world.session->ops->message(world.session, &(struct heads_delivery){.token = 1, .message = &m});
    world.session->ops->method(world.session, 7, SLICE("m"), SLICE("{}"));
    world.session->ops->desired(world.session, SLICE("{}"), 1);
}

static void method_reply(struct heads_device *d, uint64_t rid, int status, struct slice payload)
{
    (void)d, (void)status, (void)payload;
    if (rid != 7)
        abort();
}

static void delivered(struct heads_device *d, uint64_t token, enum heads_outcome how)
{
    (void)d, (void)how;
    if (token != 1)
        abort();
}

static void allow(struct heads_device *d, enum heads_feature f, uint32_t more)
{
    (void)d, (void)f, (void)more;
}

static void keep(struct heads_device *d, unsigned what)
{
    (void)d, (void)what;
}

static const struct heads_backend_ops backend = {
    .owner = owner,
    .sign_in = sign_in,
    .sign_out = sign_out,
    .telemetry = telemetry,
    .twin_get = twin_get,
    .twin_report = twin_report,
    .subscribe = subscribe,
    .method_reply = method_reply,
    .delivered = delivered,
    .allow = allow,
    .keep = keep,
};

/* ---- a stream that the fuzzer writes on ---- */

static void stream_flushed(struct stream *s)
{
    buffer_reset(&s->out);
}

static size_t nothing_unsent(const struct stream *s)
{
    (void)s;
    return 0;
}

static void paused(struct stream *s, bool on)
{
    (void)s, (void)on;
}

static void closed(struct stream *s)
{
    stream_closed(s, CLOSED);
}

static const char *peer(const struct stream *s)
{
    (void)s;
    return "fuzz";
}

static void destroyed(struct stream *s)
{
    world.closed = true;
    free(s);
}

static const struct stream_ops stream = {.flush = stream_flushed,
                                         .unsent = nothing_unsent,
                                         .pause = paused,
                                         .close = closed,
                                         .abort = stream_close_soon,
                                         .peer = peer,
                                         .destroy = destroyed};

/* ---- one run ---- */

static void begin(void)
{
    if (world.loop)
        return;
    log_setup("fuzz", LOG_LEVEL_ERROR, 0);
    world.backend.ops = &backend;
    world.sim = sim_new(1);
    world.loop = sim_loop_new(world.sim, "hub");
    world.head = heads_mqtt_new(&world.backend);
}

static void turn(void)
{
    sim_run(world.sim, sim_now_ms(world.sim) + 1);
}

static void give(struct stream *s, struct slice bytes)
{
    if (!world.closed && stream_wants(s))
        stream_received(s, bytes);
    if (world.session && world.mood & 1)
        world.session->ops->resume(world.session);
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    begin();
    world.mood = at[0];
    world.closed = false;
    struct stream *s = MEMORY_NEW(struct stream);
    stream_init(s, &stream, world.loop);
    heads_mqtt_accept(world.head, s);
    if (at[0] & 0x80) {
        struct buffer b = {0};
        struct mqtt_connect c = {
            .client_id = SLICE("d/m"), .username = SLICE("h/d/m"), .has_username = true};
        mqtt_connect_encode(&c, &b);
        give(s, buffer_slice(&b));
        buffer_clear(&b);
    }
    size_t step = (size_t)(at[0] & 0x1f) + 1;
    for (struct slice rest = slice_from(at + 1, len - 1); rest.len; rest = slice_skip(rest, step))
        give(s, slice_first(rest, step));
    if (!world.closed)
        stream_abort(s, CANCELLED);
    turn();
    if (!world.closed || world.session)
        abort();
    return 0;
}

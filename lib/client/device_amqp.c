/*
 * The transport AMQP 1.0, on TCP or a WebSocket: a link for telemetry, two each for methods and the
 * twin, one for messages. Every message of the window is a transfer of its own, unsettled until the
 * hub says what became of it; as many are on their way as the hub's credit and the window allow.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/device_amqp_priv.h"
#include "iot/status_wire.h"
#include "json/json.h"

#define CREDIT 64 /* of what the hub sends, each kind */

/* A question or an answer for which there is no credit yet. There are no more than methods and twin
 * requests under way. */
struct waiting {
    struct link node;
    struct buffer message;
};

/* ---- messages ---- */

static enum status encode(struct device_client *c, const struct iot_message *m, uint16_t id,
                          struct buffer *out)
{
    (void)c, (void)id;
    iotamqp_message_write(out, m);
    return OK;
}

static enum status decode(struct device_client *c, struct slice kept, struct iot_message *out)
{
    return iotamqp_message_read(kept, &c->memory, out);
}

static void on_told(void *arg)
{
    struct device_client *c = arg;
    device_enter(c);
    device_tell_sent(c, false, OK);
    device_tell_room(c);
    device_leave(c);
}

static void pump(struct device_client *c)
{
    struct device_amqp *a = device_amqp_of(c);
    struct device_window_item item;
    if (!a->links[TELEMETRY].attached)
        return;
    while (uplink_unsent(a->hub) <= STREAM_HIGH_BYTES && device_window_peek(&c->window, &item)) {
        enum status s =
            amqp_link_send(a->links[TELEMETRY].link, &(struct amqp_send){.token = item.number},
                           slice_from(item.at, item.len));
        if (s != OK && s != TOO_LARGE)
            return; /* on_credit goes on; or the link goes, and the next one sends it */
        (void)device_window_next(&c->window, &item);
        if (s == TOO_LARGE && device_window_done(&c->window, item.number, TOO_LARGE))
            loop_timer_start(c->config.loop, &a->told, 0, on_told, c);
    }
}

/* ---- questions and answers ---- */

void device_amqp_say(struct device_client *c, enum device_amqp_which which, struct buffer *message)
{
    struct device_amqp *a = device_amqp_of(c);
    bool waits = !list_empty(&a->links[which].waiting);
    if (a->links[which].attached && (waits || !uplink_ask(a->hub, a->links[which].link, message))) {
        struct waiting *w = MEMORY_NEW(struct waiting);
        w->message = *message;
        *message = (struct buffer){0};
        list_push(&a->links[which].waiting, &w->node);
    }
    buffer_clear(message);
}

static void forget_waiting(struct waiting *w)
{
    list_remove(&w->node);
    buffer_clear(&w->message);
    free(w);
}

static void say_waiting(struct device_client *c, enum device_amqp_which which)
{
    struct device_amqp *a = device_amqp_of(c);
    struct link *node;
    while (a->links[which].attached && (node = list_first(&a->links[which].waiting))) {
        struct waiting *w = LIST_OF(node, struct waiting, node);
        if (!uplink_ask(a->hub, a->links[which].link, &w->message))
            return;
        forget_waiting(w);
    }
}

static void method_reply(struct device_client *c, struct slice id, int status, struct slice payload)
{
    struct buffer b = {0};
    device_amqp_reply_write(&b, id, status, payload);
    device_amqp_say(c, METHODS_OUT, &b);
}

static void ask_twin(struct device_client *c, enum device_amqp_twin_ask what, uint32_t rid,
                     struct slice body)
{
    char id[9];
    struct buffer b = {0};
    snprintf(id, sizeof id, "%x", rid);
    device_amqp_twin_write(&b, what, slice_of(id), body);
    device_amqp_say(c, TWIN_OUT, &b);
}

static void twin_get(struct device_client *c, uint32_t rid)
{
    ask_twin(c, DEVICE_AMQP_TWIN_GET, rid, (struct slice){0});
}

static void twin_report(struct device_client *c, uint32_t rid, struct slice patch)
{
    ask_twin(c, DEVICE_AMQP_TWIN_REPORT, rid, patch);
}

/* ---- coming up ---- */

static void on_ready(void *arg)
{
    struct device_client *c = arg;
    if (!device_amqp_attach(c))
        uplink_end(device_amqp_of(c)->hub, PEER_FAILED);
}

static enum status make_token(void *arg, struct buffer *audience, struct buffer *token)
{
    struct device_client *c = arg;
    struct buffer plain = {0};
    c->state = c->state == DEVICE_CONNECTING ? DEVICE_SIGNING_IN : c->state;
    device_put_audience(c, &plain);
    percent_encode(buffer_slice(&plain), audience);
    buffer_clear(&plain);
    return device_put_token(c, token);
}

/* ---- what the hub tells of links ---- */

static void on_attached(void *arg, struct amqp_link *l)
{
    struct device_client *c = arg;
    struct device_amqp *a = device_amqp_of(c);
    enum device_amqp_which which = device_amqp_which_of(a, l);
    if (which == LINK_COUNT)
        return;
    device_enter(c);
    a->links[which].attached = true;
    if (device_amqp_rows[which].receiver)
        amqp_link_set_window(l, CREDIT);
    if (which == TELEMETRY)
        device_subscribing(c);
    if (!c->freed)
        device_amqp_advance(c);
    device_leave(c);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct device_client *c = arg;
    enum device_amqp_which which = device_amqp_which_of(device_amqp_of(c), l);
    device_enter(c);
    if (which == TELEMETRY)
        pump(c);
    else if (which < LINK_COUNT)
        say_waiting(c, which);
    device_amqp_advance(c);
    device_leave(c);
}

/* An identity that is gone is refused like one with a wrong key. */
static enum status status_of(const struct amqp_error *error)
{
    enum status s = uplink_status(error);
    return s == NOT_FOUND ? UNAUTHORIZED : s;
}

/* A peer may not serve all of it; telemetry it must. */
static void on_detached(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct device_client *c = arg;
    struct device_amqp *a = device_amqp_of(c);
    enum device_amqp_which which = device_amqp_which_of(a, l);
    enum status s = status_of(why);
    if (which == LINK_COUNT)
        return;
    bool refused = !a->links[which].attached && which != TELEMETRY && s != UNAUTHORIZED;
    a->links[which].link = NULL;
    a->links[which].attached = a->links[which].wanted = false;
    if (!refused) {
        uplink_end(a->hub, s);
        return;
    }
    log_warn("a link was refused device=%s module=%s link=%s condition=%.*s", device_who(c),
             device_who_module(c), device_amqp_rows[which].name,
             SLICE_FMT(slice_first(why->condition, 64)));
    device_enter(c);
    device_amqp_advance(c);
    device_leave(c);
}

/* Those that time may help (busy, moved) are sent again on another connection. */
static void on_settled(void *arg, struct amqp_link *l, uint64_t number,
                       const struct amqp_state *state)
{
    struct device_client *c = arg;
    (void)l;
    enum status why = uplink_outcome(state);
    if (uplink_is_final(why))
        (void)device_window_done(&c->window, (uint32_t)number, why);
    else
        uplink_end(device_amqp_of(c)->hub, why == NOT_FOUND ? UNAUTHORIZED : why);
}

/* ---- what the hub sends ---- */

static void on_method(struct device_client *c, struct slice bytes)
{
    struct device_amqp_method m;
    if (device_amqp_method_read(bytes, &m) == OK)
        device_method_called(c, m.id, m.name, m.payload);
    else
        log_warn("a method call cannot be read device=%s module=%s", device_who(c),
                 device_who_module(c));
}

/* Azure says it in the patch alone. */
static uint64_t version_in(struct slice patch)
{
    struct json_doc *doc;
    int64_t version = 0;
    if (json_parse(patch, JSON_STRICT, &doc, NULL) != OK)
        return 0;
    (void)json_i64(json_get(json_root(doc), "$version"), &version);
    json_free(&doc);
    return version > 0 ? (uint64_t)version : 0;
}

static void on_twin(struct device_client *c, struct slice bytes)
{
    struct device_amqp *a = device_amqp_of(c);
    struct device_amqp_twin t;
    if (device_amqp_twin_read(bytes, &t) != OK) {
        log_warn("a twin message cannot be read device=%s module=%s", device_who(c),
                 device_who_module(c));
    } else if (t.id.len == 0) {
        if (c->config.events->on_desired)
            c->config.events->on_desired(c->config.arg, t.body,
                                         t.version ? t.version : version_in(t.body));
    } else if (slice_eq(t.id, DEVICE_AMQP_DESIRED)) {
        if (iot_status_of_http(t.status) != OK)
            log_warn("changes of desired properties are not told device=%s module=%s status=%d",
                     device_who(c), device_who_module(c), t.status);
        a->has_desired = true;
        device_amqp_advance(c);
    } else {
        device_twin_answered(c, device_twin_rid(t.id), iot_status_of_http(t.status), t.body,
                             t.version);
    }
}

static void on_message(struct device_client *c, struct slice bytes)
{
    struct iot_message m = {0};
    if (iotamqp_message_read(bytes, &c->memory, &m) != OK) {
        log_warn("a message cannot be read: passed over device=%s module=%s", device_who(c),
                 device_who_module(c));
        return;
    }
    m.input = device_amqp_input(bytes);
    c->config.events->on_message(c->config.arg, &m);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct device_client *c = arg;
    enum device_amqp_which which = device_amqp_which_of(device_amqp_of(c), l);
    device_enter(c);
    if (which == METHODS_IN)
        on_method(c, d->bytes);
    else if (which == TWIN_IN)
        on_twin(c, d->bytes);
    else if (which == MESSAGES)
        on_message(c, d->bytes);
    if (!d->settled && !c->freed)
        amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
    device_leave(c);
}

static void on_turn(void *arg)
{
    struct device_client *c = arg;
    device_enter(c);
    device_tell_sent(c, false, OK);
    device_tell_room(c);
    if (!c->freed)
        pump(c);
    device_leave(c);
}

static void on_drain(void *arg)
{
    pump(arg);
}

/* ---- life ---- */

static void dispose(struct device_client *c)
{
    struct device_amqp *a = device_amqp_of(c);
    c->link = NULL;
    loop_timer_stop(&a->told);
    uplink_free(&a->hub);
    for (int i = 0; i < LINK_COUNT; i++) {
        struct link *node;
        while ((node = list_first(&a->links[i].waiting)))
            forget_waiting(LIST_OF(node, struct waiting, node));
    }
    free(a);
}

static void on_closed(void *arg, enum status why)
{
    struct device_client *c = arg;
    bool refused = why == UNAUTHORIZED && uplink_opened(device_amqp_of(c)->hub);
    device_enter(c);
    dispose(c);
    if (refused && !c->freed)
        (void)device_refused(c, why);
    if (!c->freed)
        device_lost(c, why);
    device_leave(c);
}

static const struct uplink_events events = {
    .on_attached = on_attached,
    .on_transfer = on_transfer,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_detached = on_detached,
    .on_turn = on_turn,
    .on_drain = on_drain,
    .on_ready = on_ready,
    .on_closed = on_closed,
};

static void connect(struct device_client *c)
{
    struct device_amqp *a = MEMORY_NEW(struct device_amqp);
    uint8_t random[16];
    loop_random(c->config.loop, random, sizeof random);
    uuid_text(random, a->channel);
    for (int i = 0; i < LINK_COUNT; i++)
        list_init(&a->links[i].waiting);
    c->link = a;
    a->hub = uplink_connect(&(struct uplink_config){
        .connect = device_connect_config(c),
        .websocket = device_way(c)->websocket ? DEVICE_WEBSOCKET_TARGET : NULL,
        .hub_host = c->config.hub_host,
        .token = device_has_token(c) ? make_token : NULL,
        .events = &events,
        .arg = c});
}

/* No pump, no answer after it: nothing is attached. */
static void leave(struct device_client *c)
{
    struct device_amqp *a = device_amqp_of(c);
    loop_timer_stop(&a->told);
    uplink_free(&a->hub);
    for (int i = 0; i < LINK_COUNT; i++) {
        a->links[i].link = NULL;
        a->links[i].attached = false;
    }
}

const struct device_transport_ops device_amqp = {
    .answers = true,
    .encode = encode,
    .decode = decode,
    .connect = connect,
    .pump = pump,
    .leave = leave,
    .dispose = dispose,
    .method_reply = method_reply,
    .twin_get = twin_get,
    .twin_report = twin_report,
};

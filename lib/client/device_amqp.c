/*
 * The transport AMQP 1.0, on TCP or a WebSocket: a link for telemetry, two each for methods and the
 * twin, one for messages. Every message of the window is a transfer of its own, unsettled until the
 * hub says what became of it; as many are on their way as the hub's credit and the window allow.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/device_amqp_messages.h"
#include "client/device_private.h"
#include "client/hub_amqp.h"
#include "iot/status_wire.h"
#include "json/json.h"

#define DESIRED SLICE("desired") /* the id of the question for changes of desired properties */
#define CREDIT 64                /* of what the hub sends, each kind */

enum which { TELEMETRY, METHODS_IN, METHODS_OUT, TWIN_IN, TWIN_OUT, MESSAGES, LINK_COUNT };

/* clang-format off */
static const struct row {
    const char *name, *path; /* behind "/devices/d/modules/m/" */
    bool receiver;
    int settle;
    const char *channel; /* of com.microsoft:channel-correlation-id; NULL: none */
} rows[LINK_COUNT] = {
    [TELEMETRY]   = {"telemetry",   "messages/events",      false, AMQP_SEND_UNSETTLED, NULL},
    [METHODS_IN]  = {"methods-in",  "methods/devicebound",  true,  AMQP_SEND_SETTLED,   "methods"},
    [METHODS_OUT] = {"methods-out", "methods/devicebound",  false, AMQP_SEND_SETTLED,   "methods"},
    [TWIN_IN]     = {"twin-in",     "twin",                 true,  AMQP_SEND_SETTLED,   "twin"},
    [TWIN_OUT]    = {"twin-out",    "twin",                 false, AMQP_SEND_SETTLED,   "twin"},
    [MESSAGES]    = {"messages",    "messages/devicebound", true,  AMQP_SEND_UNSETTLED, NULL},
};
/* clang-format on */

/* A question or an answer for which there is no credit yet. There are no more than methods and twin
 * requests under way. */
struct waiting {
    struct link node;
    struct buffer message;
};

struct device_amqp {
    struct hub_amqp *hub;
    struct {
        struct amqp_link *link; /* NULL: not asked for, or gone */
        bool wanted, attached;
        struct list waiting;
    } links[LINK_COUNT];
    bool asked_desired, has_desired;
    struct loop_timer told; /* what was done without the hub is told on a later turn */
    char channel[UUID_TEXT_LEN + 1];
};

static struct device_amqp *of(const struct device_client *c)
{
    return c->link;
}

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
    struct device_amqp *a = of(c);
    struct device_window_item item;
    if (!a->links[TELEMETRY].attached)
        return;
    while (hub_amqp_unsent(a->hub) <= STREAM_HIGH_BYTES && device_window_peek(&c->window, &item)) {
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

static void say(struct device_client *c, enum which which, struct buffer *message)
{
    struct device_amqp *a = of(c);
    bool waits = !list_empty(&a->links[which].waiting);
    if (a->links[which].attached && (waits || !hub_amqp_ask(a->hub, a->links[which].link, message))) {
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

static void say_waiting(struct device_client *c, enum which which)
{
    struct device_amqp *a = of(c);
    struct link *node;
    while (a->links[which].attached && (node = list_first(&a->links[which].waiting))) {
        struct waiting *w = LIST_OF(node, struct waiting, node);
        if (!hub_amqp_ask(a->hub, a->links[which].link, &w->message))
            return;
        forget_waiting(w);
    }
}

static void method_reply(struct device_client *c, struct slice id, int status,
                         struct slice payload)
{
    struct buffer b = {0};
    device_amqp_reply_write(&b, id, status, payload);
    say(c, METHODS_OUT, &b);
}

static void ask_twin(struct device_client *c, enum device_amqp_twin_ask what, uint32_t rid,
                     struct slice body)
{
    char id[9];
    struct buffer b = {0};
    snprintf(id, sizeof id, "%x", rid);
    device_amqp_twin_write(&b, what, slice_of(id), body);
    say(c, TWIN_OUT, &b);
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

static bool is_complete(const struct device_amqp *a)
{
    for (int i = 0; i < LINK_COUNT; i++) {
        bool sends = !rows[i].receiver;
        if (!a->links[i].wanted)
            continue;
        if (!a->links[i].attached || (sends && amqp_link_credit(a->links[i].link) == 0))
            return false;
    }
    return true;
}

/* When all links are there, changes of desired properties are asked for; the answer is the last step. */
static void advance(struct device_client *c)
{
    struct device_amqp *a = of(c);
    bool wants_desired = c->config.events->on_desired && a->links[TWIN_OUT].wanted;
    if (c->state != DEVICE_SUBSCRIBING || !is_complete(a))
        return;
    if (wants_desired && !a->asked_desired) {
        struct buffer b = {0};
        a->asked_desired = true;
        device_amqp_twin_write(&b, DEVICE_AMQP_TWIN_SUBSCRIBE, DESIRED, (struct slice){0});
        say(c, TWIN_OUT, &b);
    }
    if (wants_desired && !a->has_desired)
        return;
    hub_amqp_up(a->hub);
    device_up(c, hub_amqp_peer(a->hub));
}

static uint32_t put_text(struct buffer *b, const char *name, struct slice value)
{
    amqp_write_symbol(b, slice_of(name));
    amqp_write_string(b, value);
    return 2;
}

static void put_properties(struct device_client *c, const struct row *row, struct buffer *out)
{
    struct buffer channel = {0};
    size_t map = amqp_write_map_begin(out);
    uint32_t items = put_text(out, "com.microsoft:client-version", slice_of(c->config.product));
    if (row->channel) {
        buffer_printf(&channel, "%s:%s", row->channel, of(c)->channel);
        items += put_text(out, "com.microsoft:api-version", SLICE(DEVICE_API_VERSION));
        items += put_text(out, "com.microsoft:channel-correlation-id", buffer_slice(&channel));
    }
    amqp_write_end(out, map, items);
    buffer_clear(&channel);
}

/* "/devices/d/modules/m/" and the path; a module's inputs come from where its outputs go to. */
static void put_address(struct device_client *c, enum which which, struct buffer *out)
{
    bool inputs = which == MESSAGES && c->config.module_id;
    buffer_text(out, "/devices/");
    percent_encode(slice_of(c->config.device_id), out);
    if (c->config.module_id) {
        buffer_text(out, "/modules/");
        percent_encode(slice_of(c->config.module_id), out);
    }
    buffer_printf(out, "/%s", inputs ? rows[TELEMETRY].path : rows[which].path);
}

static bool attach(struct device_client *c, enum which which)
{
    struct device_amqp *a = of(c);
    struct buffer address = {0}, name = {0}, properties = {0};
    put_address(c, which, &address);
    buffer_put(&name, c->base);
    buffer_text(&name, rows[which].name);
    put_properties(c, &rows[which], &properties);
    a->links[which].wanted = true;
    a->links[which].link =
        hub_amqp_attach(a->hub, &(struct hub_amqp_link){.name = buffer_cstr(&name),
                                                        .address = buffer_cstr(&address),
                                                        .receiver = rows[which].receiver,
                                                        .send_settle = rows[which].settle,
                                                        .properties = buffer_slice(&properties)});
    buffer_clear(&address);
    buffer_clear(&name);
    buffer_clear(&properties);
    return a->links[which].link != NULL;
}

static void on_ready(void *arg)
{
    struct device_client *c = arg;
    const struct device_client_events *e = c->config.events;
    bool ok = attach(c, TELEMETRY) && attach(c, TWIN_IN) && attach(c, TWIN_OUT);
    if (ok && e->on_method)
        ok = attach(c, METHODS_IN) && attach(c, METHODS_OUT);
    if (ok && e->on_message)
        ok = attach(c, MESSAGES);
    if (!ok)
        hub_amqp_end(of(c)->hub, PEER_FAILED);
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

static enum which which_of(const struct device_amqp *a, const struct amqp_link *l)
{
    int i = 0;
    while (i < LINK_COUNT && a->links[i].link != l)
        i++;
    return (enum which)i;
}

static void on_attached(void *arg, struct amqp_link *l)
{
    struct device_client *c = arg;
    struct device_amqp *a = of(c);
    enum which which = which_of(a, l);
    if (which == LINK_COUNT)
        return;
    device_enter(c);
    a->links[which].attached = true;
    if (rows[which].receiver)
        amqp_link_set_window(l, CREDIT);
    if (which == TELEMETRY)
        device_subscribing(c);
    if (!c->freed)
        advance(c);
    device_leave(c);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct device_client *c = arg;
    enum which which = which_of(of(c), l);
    device_enter(c);
    if (which == TELEMETRY)
        pump(c);
    else if (which < LINK_COUNT)
        say_waiting(c, which);
    advance(c);
    device_leave(c);
}

/* An identity that is gone is refused like one with a wrong key. */
static enum status status_of(const struct amqp_error *error)
{
    enum status s = hub_amqp_status(error);
    return s == NOT_FOUND ? UNAUTHORIZED : s;
}

/* A peer may not serve all of it; telemetry it must. */
static void on_detached(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct device_client *c = arg;
    struct device_amqp *a = of(c);
    enum which which = which_of(a, l);
    enum status s = status_of(why);
    if (which == LINK_COUNT)
        return;
    bool refused = !a->links[which].attached && which != TELEMETRY && s != UNAUTHORIZED;
    a->links[which].link = NULL;
    a->links[which].attached = a->links[which].wanted = false;
    if (!refused) {
        hub_amqp_end(a->hub, s);
        return;
    }
    log_warn("a link was refused device=%s module=%s link=%s condition=%.*s", device_who(c),
             device_who_module(c), rows[which].name, SLICE_FMT(slice_first(why->condition, 64)));
    device_enter(c);
    advance(c);
    device_leave(c);
}

static bool is_final(enum status why)
{
    return why == TOO_LARGE || why == BAD_ARGUMENT || why == FORBIDDEN;
}

/* Those that time may help (busy, moved) are sent again on another connection. */
static void on_settled(void *arg, struct amqp_link *l, uint64_t number,
                       const struct amqp_state *state)
{
    struct device_client *c = arg;
    (void)l;
    enum status why = state->outcome == AMQP_OUTCOME_ACCEPTED   ? OK
                      : state->outcome == AMQP_OUTCOME_REJECTED ? status_of(&state->error)
                                                                : BUSY;
    if (why == OK || is_final(why))
        (void)device_window_done(&c->window, (uint32_t)number, why);
    else
        hub_amqp_end(of(c)->hub, why);
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
    struct device_amqp *a = of(c);
    struct device_amqp_twin t;
    if (device_amqp_twin_read(bytes, &t) != OK) {
        log_warn("a twin message cannot be read device=%s module=%s", device_who(c),
                 device_who_module(c));
    } else if (t.id.len == 0) {
        if (c->config.events->on_desired)
            c->config.events->on_desired(c->config.arg, t.body,
                                         t.version ? t.version : version_in(t.body));
    } else if (slice_eq(t.id, DESIRED)) {
        if (iot_status_of_http(t.status) != OK)
            log_warn("changes of desired properties are not told device=%s module=%s status=%d",
                     device_who(c), device_who_module(c), t.status);
        a->has_desired = true;
        advance(c);
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
    enum which which = which_of(of(c), l);
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
    struct device_amqp *a = of(c);
    c->link = NULL;
    loop_timer_stop(&a->told);
    hub_amqp_free(&a->hub);
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
    bool refused = why == UNAUTHORIZED && hub_amqp_opened(of(c)->hub);
    device_enter(c);
    dispose(c);
    if (refused && !c->freed)
        (void)device_refused(c, why);
    if (!c->freed)
        device_lost(c, why);
    device_leave(c);
}

static const struct hub_amqp_events events = {
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
    a->hub = hub_amqp_connect(&(struct hub_amqp_config){
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
    struct device_amqp *a = of(c);
    loop_timer_stop(&a->told);
    hub_amqp_free(&a->hub);
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

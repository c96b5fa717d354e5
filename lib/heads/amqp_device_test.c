#include "heads/amqp_device.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "heads/amqp_device_messages.h"
#include "io/sim.h"

/* The head between a backend on another loop and a client's engine over a simulated network. Both
 * note what they hear, line by line. */

#define WAIT_MS 20000
#define DEVICES_MAX 40

/* ---- a backend that notes what it is asked, and answers what it is told to ---- */

struct fake_device {
    struct fake *fake; /* first: the handle is this */
    char name[64];
    struct heads_session *session; /* NULL: not there */
};

struct fake {
    struct heads_backend backend; /* first */
    struct loop *owner;
    struct fake_device devices[DEVICES_MAX];
    struct buffer heard;
    enum status telemetry_answer;
    unsigned room; /* messages before FULL; 0: any */
    bool accepts;  /* at once, inside telemetry() */
    uint64_t tokens[4096];
    struct fake_device *from[4096];
    size_t token_count, answered;
    bool quiet;
};

static const char *name_of(struct iot_id id)
{
    static char name[64];
    snprintf(name, sizeof(name), "%.*s%s%.*s", SLICE_FMT(id.device), id.module.len ? "/" : "",
             SLICE_FMT(id.module));
    return name;
}

static struct fake_device *device_named(struct fake *f, const char *name)
{
    for (int i = 0; i < DEVICES_MAX; i++) {
        struct fake_device *d = &f->devices[i];
        if (d->fake == NULL) {
            d->fake = f;
            snprintf(d->name, sizeof(d->name), "%s", name);
        }
        if (strcmp(d->name, name) == 0)
            return d;
    }
    abort();
}

static struct loop *fake_owner(struct heads_backend *b, struct iot_id id)
{
    (void)id;
    return ((struct fake *)b)->owner;
}

/* Whoever has "good" in the token, or the certificate that is good. */
static void fake_sign_in(struct heads_backend *b, const struct heads_credentials *c,
                         struct heads_session *s)
{
    struct fake *f = (struct fake *)b;
    assert_ptr_equal(s->loop, f->owner);
    bool good = slice_find_slice(c->sas, SLICE("good")) < c->sas.len;
    struct fake_device *d = device_named(f, name_of(c->id));
    if (s->presence == HEADS_VISIT) {
        buffer_printf(&f->heard, "visit %s\n", d->name);
        s->ops->signed_in(s, good ? OK : UNAUTHORIZED, good ? (struct heads_device *)d : NULL);
        return;
    }
    buffer_printf(&f->heard, "sign_in %s client=%.*s model=%.*s\n", d->name,
                  SLICE_FMT(c->client_type), SLICE_FMT(c->model_id));
    if (good && d->session)
        d->session->ops->close(d->session, REPLACED);
    if (good)
        d->session = s;
    s->ops->signed_in(s, good ? OK : UNAUTHORIZED, good ? (struct heads_device *)d : NULL);
}

static void fake_sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *h)
{
    struct fake_device *d = (struct fake_device *)h;
    if (s->presence == HEADS_VISIT)
        return;
    buffer_printf(&((struct fake *)b)->heard, "sign_out %s\n", d ? d->name : "nobody");
    if (d && d->session == s)
        d->session = NULL;
}

static enum status fake_telemetry(struct heads_device *h, const struct iot_message *m,
                                  uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    struct fake *f = d->fake;
    if (f->telemetry_answer != OK)
        return f->telemetry_answer;
    if (f->room && --f->room == 0)
        return FULL;
    f->from[f->token_count % 4096] = d;
    f->tokens[f->token_count++ % 4096] = token;
    if (!f->quiet)
        buffer_printf(&f->heard, "telemetry %s %.*s mid=%.*s on=%.*s\n", d->name,
                      SLICE_FMT(m->body), SLICE_FMT(m->message_id), SLICE_FMT(m->output));
    if (f->accepts)
        d->session->ops->accepted(d->session, token, OK);
    return OK;
}

static void fake_twin_get(struct heads_device *h, uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    d->fake->tokens[d->fake->token_count++ % 4096] = token;
    buffer_printf(&d->fake->heard, "twin_get %s\n", d->name);
}

static void fake_twin_report(struct heads_device *h, struct slice patch, uint64_t token)
{
    struct fake_device *d = (struct fake_device *)h;
    d->fake->tokens[d->fake->token_count++ % 4096] = token;
    buffer_printf(&d->fake->heard, "twin_report %s %.*s\n", d->name, SLICE_FMT(patch));
}

static const char *const features[] = {"methods", "desired", "c2d", "inputs"};

static void fake_subscribe(struct heads_device *h, enum heads_feature f, bool on)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "subscribe %s %s %s\n", d->name, features[f], on ? "on" : "off");
}

static void fake_allow(struct heads_device *h, enum heads_feature f, uint32_t more)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "allow %s %s %u\n", d->name, features[f], more);
}

static void fake_method_reply(struct heads_device *h, uint64_t rid, int status,
                              struct slice payload)
{
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "method_reply %s %llu %d %.*s\n", d->name,
                  (unsigned long long)rid, status, SLICE_FMT(payload));
}

static void fake_delivered(struct heads_device *h, uint64_t token, enum heads_outcome how)
{
    static const char *const names[] = {"complete", "abandon", "reject", "return"};
    struct fake_device *d = (struct fake_device *)h;
    buffer_printf(&d->fake->heard, "delivered %llu %s\n", (unsigned long long)token, names[how]);
}

static void fake_renew(struct heads_device *h, const struct heads_credentials *c)
{
    struct fake_device *d = (struct fake_device *)h;
    bool good = slice_find_slice(c->sas, SLICE("good")) < c->sas.len;
    buffer_printf(&d->fake->heard, "renew %s\n", name_of(c->id));
    d->session->ops->renewed(d->session, good ? OK : UNAUTHORIZED);
}

static const struct heads_backend_ops fake_ops = {
    .owner = fake_owner,
    .sign_in = fake_sign_in,
    .sign_out = fake_sign_out,
    .telemetry = fake_telemetry,
    .twin_get = fake_twin_get,
    .twin_report = fake_twin_report,
    .subscribe = fake_subscribe,
    .allow = fake_allow,
    .method_reply = fake_method_reply,
    .delivered = fake_delivered,
    .renew = fake_renew,
};

/* ---- a client that notes what it gets ---- */

struct client_link {
    struct amqp_link *link;
    const char *label;
    uint32_t last; /* delivery to settle */
};

struct client {
    struct test *test;
    struct loop *loop;
    struct stream *stream; /* NULL: closed */
    struct amqp_connection *engine;
    struct amqp_session *session;
    struct client_link links[200];
    size_t link_count;
    struct buffer heard;
    bool opened;
    struct buffer last; /* message */
};

static struct buffer *output(void *arg)
{
    struct client *c = arg;
    stream_flush(c->stream);
    return stream_out(c->stream);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct client *c = arg;
    (void)peer;
    assert_int_equal(amqp_session_begin(c->engine, &c->session), OK);
    c->opened = true;
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    struct slice there = peer->receiver ? peer->target : peer->source;
    if (there.at)
        buffer_printf(&c->heard, "attached %s\n", cl->label);
}

static void print_map(struct buffer *out, const struct amqp_value *map)
{
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value key, v;
    while (amqp_items_next(&items, &key) && amqp_items_next(&items, &v)) {
        buffer_printf(out, " %.*s=", SLICE_FMT(key.bytes));
        if (amqp_is_text(&v))
            buffer_printf(out, "%.*s", SLICE_FMT(v.bytes));
        else
            buffer_printf(out, "%s%lld", v.type == AMQP_INT ? "int:" : "long:", (long long)v.i);
    }
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    struct amqp_message m;
    struct slice body;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    assert_true(amqp_message_bytes(&m, &body));
    cl->last = d->id;
    buffer_reset(&c->last);
    buffer_put(&c->last, d->bytes);
    buffer_printf(&c->heard, "got %s \"%.*s\"", cl->label, SLICE_FMT(body));
    print_map(&c->heard, &m.message_annotations);
    print_map(&c->heard, &m.application_properties);
    if (m.header.delivery_count > 0)
        buffer_printf(&c->heard, " count=%lld", (long long)m.header.delivery_count);
    buffer_text(&c->heard, d->settled ? " settled\n" : "\n");
}

static const char *const outcomes[] = {"none", "accepted", "rejected", "released", "modified"};

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    buffer_printf(&c->heard, "%s %s %llu %.*s\n", outcomes[state->outcome], cl->label,
                  (unsigned long long)token, SLICE_FMT(state->error.condition));
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct client *c = arg;
    struct client_link *cl = amqp_link_arg(l);
    buffer_printf(&c->heard, "detached %s %.*s\n", cl->label, SLICE_FMT(why->condition));
    cl->link = NULL;
}

static const struct amqp_events client_events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_transfer = on_transfer,
    .on_settled = on_settled,
    .on_detach = on_detach,
};

static void on_data(void *arg, struct slice bytes)
{
    struct client *c = arg;
    amqp_connection_in(c->engine, bytes, loop_now_ms(c->loop));
}

static void on_stream_close(void *arg, enum status why)
{
    (void)why;
    ((struct client *)arg)->stream = NULL;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_stream_close};

/* ---- both ---- */

struct test {
    struct sim *sim;
    struct loop *loop; /* the connections' */
    struct listener *listener;
    struct fake fake;
    struct heads_amqp_devices *devices;
    struct heads_amqp_kind kinds[HEADS_AMQP_DEVICE_KINDS];
    struct heads_amqp_config config;
    struct client client, other;
    unsigned connections;
    uint64_t next_token;
};

static void verify(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *t)
{
    heads_amqp_device_verify(((struct test *)arg)->devices, check, t);
}

static void on_gone(void *arg, struct heads_amqp *h)
{
    (void)h;
    ((struct test *)arg)->connections--;
}

static void on_accept(void *arg, struct stream *s)
{
    struct test *t = arg;
    t->connections++;
    heads_amqp_new(s, &t->config);
}

static bool is_opened(void *arg)
{
    return ((struct client *)arg)->opened;
}

static void client_open(struct test *t, struct client *c)
{
    c->test = t;
    c->loop = sim_loop_new(t->sim, "device");
    c->stream = stream_connect(&(struct connect_config){.loop = c->loop,
                                                        .host = "hub",
                                                        .port = listener_port(t->listener)},
                               &stream_table, c);
    c->engine = amqp_connection_new(
        &(struct amqp_connection_config){
            .client = true, .container_id = "me", .events = &client_events, .arg = c},
        loop_now_ms(c->loop));
    assert_true(loop_run_until(t->loop, is_opened, c, WAIT_MS));
}

static int setup(void **state)
{
    struct test *t = MEMORY_NEW(struct test);
    t->sim = sim_new(7);
    t->loop = sim_loop_new(t->sim, "hub");
    t->fake.owner = sim_loop_new(t->sim, "hub");
    t->fake.backend.ops = &fake_ops;
    t->devices = heads_amqp_devices_new(&t->fake.backend);
    for (int i = 0; i < HEADS_AMQP_DEVICE_KINDS; i++) {
        t->kinds[i] = heads_amqp_device_kinds[i];
        t->kinds[i].arg = t->devices;
    }
    t->config = (struct heads_amqp_config){.container_id = "hub",
                                           .kinds = t->kinds,
                                           .kind_count = HEADS_AMQP_DEVICE_KINDS,
                                           .verify = verify,
                                           .on_gone = on_gone,
                                           .arg = t};
    assert_int_equal(listener_open(
                         &(struct listen_config){
                             .loop = t->loop, .host = "0.0.0.0", .on_accept = on_accept, .arg = t},
                         &t->listener),
                     OK);
    client_open(t, &t->client);
    *state = t;
    return 0;
}

static bool is_over(void *arg)
{
    return ((struct test *)arg)->connections == 0;
}

static void client_close(struct client *c)
{
    if (c->stream)
        stream_close(c->stream);
}

/* Everybody goes, and what the sessions still had to say is heard. */
static int teardown(void **state)
{
    struct test *t = *state;
    client_close(&t->client);
    client_close(&t->other);
    assert_true(loop_run_until(t->loop, is_over, t, WAIT_MS));
    sim_run(t->sim, sim_now_ms(t->sim) + 1000);
    for (int i = 0; i < DEVICES_MAX; i++)
        assert_null(t->fake.devices[i].session);
    listener_close(&t->listener);
    amqp_connection_free(&t->client.engine);
    amqp_connection_free(&t->other.engine);
    buffer_clear(&t->client.heard);
    buffer_clear(&t->client.last);
    buffer_clear(&t->other.heard);
    buffer_clear(&t->other.last);
    buffer_clear(&t->fake.heard);
    sim_free(&t->sim);
    heads_amqp_devices_free(&t->devices);
    free(t);
    return 0;
}

struct wanted {
    struct buffer *where;
    const char *line;
};

static bool stands_there(void *arg)
{
    struct wanted *w = arg;
    return slice_find_slice(buffer_slice(w->where), slice_of(w->line)) < w->where->len;
}

/* Waits for a text, and forgets what came up to it. */
static void expect(struct test *t, struct buffer *where, const char *line)
{
    struct wanted w = {where, line};
    if (!loop_run_until(t->loop, stands_there, &w, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", line, buffer_cstr(where));
    buffer_drop(where, slice_find_slice(buffer_slice(where), slice_of(line)) + strlen(line));
}

static void told(struct test *t, const char *line)
{
    expect(t, &t->fake.heard, line);
}

static void got(struct test *t, const char *line)
{
    expect(t, &t->client.heard, line);
}

/* Nothing more is on its way, and this was not said. */
static void silent(struct test *t, struct buffer *where, const char *line)
{
    sim_run(t->sim, sim_now_ms(t->sim) + 500);
    struct wanted w = {where, line};
    if (stands_there(&w))
        fail_msg("did not want '%s', got '%s'", line, buffer_cstr(where));
}

/* ---- the client's hands ---- */

static void put_address(struct buffer *encoded, struct buffer *address, bool source)
{
    if (source)
        amqp_source_write(encoded, &(struct amqp_source){.address = buffer_slice(address),
                                                         .durable = AMQP_ABSENT,
                                                         .timeout = AMQP_ABSENT});
    else
        amqp_target_write(encoded, &(struct amqp_target){.address = buffer_slice(address),
                                                         .durable = AMQP_ABSENT,
                                                         .timeout = AMQP_ABSENT});
}

static struct client_link *ask(struct client *c, const char *label, bool receiver,
                               const char *address)
{
    struct buffer there = {0}, here = {0}, source = {0}, target = {0}, properties = {0};
    struct client_link *cl = &c->links[c->link_count++];
    cl->label = label;
    amqp_write_string(&there, slice_of(address));
    amqp_write_string(&here, slice_of(label));
    put_address(&source, receiver ? &there : &here, true);
    put_address(&target, receiver ? &here : &there, false);
    size_t map = amqp_write_map_begin(&properties);
    amqp_write_symbol(&properties, SLICE("com.microsoft:client-version"));
    amqp_write_string(&properties, SLICE("test/1"));
    amqp_write_end(&properties, map, 2);
    assert_int_equal(
        amqp_link_attach(c->session,
                         &(struct amqp_attach){.name = slice_of(label),
                                               .receiver = receiver,
                                               .send_settle = AMQP_ABSENT,
                                               .receive_settle = AMQP_ABSENT,
                                               .source = buffer_slice(&source),
                                               .target = buffer_slice(&target),
                                               .properties = buffer_slice(&properties)},
                         cl, &cl->link),
        OK);
    buffer_clear(&there), buffer_clear(&here), buffer_clear(&source), buffer_clear(&target);
    buffer_clear(&properties);
    return cl;
}

static struct client_link *attach(struct test *t, struct client *c, const char *label,
                                  bool receiver, const char *address)
{
    char line[80];
    struct client_link *cl = ask(c, label, receiver, address);
    snprintf(line, sizeof(line), "attached %s\n", label);
    expect(t, &c->heard, line);
    return cl;
}

static void send_as(struct test *t, struct client_link *l, struct slice message, uint32_t format,
                    bool settled)
{
    enum status s = amqp_link_send(
        l->link,
        &(struct amqp_send){.format = format, .settled = settled, .token = t->next_token++},
        message);
    for (int i = 0; s == AGAIN && i < 1000; i++) {
        sim_run(t->sim, sim_now_ms(t->sim) + 1);
        s = amqp_link_send(
            l->link,
            &(struct amqp_send){.format = format, .settled = settled, .token = t->next_token - 1},
            message);
    }
    assert_int_equal(s, OK);
    stream_flush(((struct client *)&t->client)->stream);
}

static void send(struct test *t, struct client_link *l, struct buffer *message)
{
    send_as(t, l, buffer_slice(message), 0, false);
    buffer_clear(message);
}

static void send_text(struct test *t, struct client_link *l, const char *text)
{
    struct buffer b = {0};
    amqp_message_data(&b, slice_of(text));
    send(t, l, &b);
}

static const char *sas_of(const char *audience, const char *sig)
{
    static char token[256];
    snprintf(token, sizeof(token), "SharedAccessSignature sr=%s&sig=%s&se=4000000000", audience,
             sig);
    return token;
}

/* Through $cbs; the answer's code is noted by on_transfer(). */
static void put_token(struct test *t, struct client *c, const char *audience, const char *sig)
{
    struct client_link *to = attach(t, c, "cbs-to", false, "$cbs");
    struct client_link *from = attach(t, c, "cbs-from", true, "$cbs");
    amqp_link_set_window(from->link, 10);
    amqp_connection_flush(c->engine);
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.message_id = SLICE("\xa1\2id");
    p.reply_to = SLICE("cbs-from");
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    const char *pairs[] = {"operation", "put-token", "type", "servicebus.windows.net:sastoken",
                           "name",      audience};
    for (int i = 0; i < 6; i++)
        amqp_write_string(&b, slice_of(pairs[i]));
    amqp_write_end(&b, map, 6);
    amqp_message_value_begin(&b);
    amqp_write_string(&b, slice_of(sas_of(audience, sig)));
    send(t, to, &b);
    expect(t, &c->heard, "got cbs-from \"\" status-code=int:");
}

/* A token that is good, and the telemetry link. */
static struct client_link *sign_in(struct test *t, struct client *c, const char *audience,
                                   const char *address)
{
    put_token(t, c, audience, "good");
    expect(t, &c->heard, "200");
    return attach(t, c, "telemetry", false, address);
}

static void credit(struct client_link *l, uint32_t window)
{
    amqp_link_set_window(l->link, window);
    amqp_connection_flush(amqp_link_connection(l->link));
}

static void settle(struct client_link *l, enum amqp_outcome outcome)
{
    amqp_link_settle(l->link, l->last, &(struct amqp_state){.outcome = outcome});
    amqp_connection_flush(amqp_link_connection(l->link));
}

/* Answers what the backend was asked, in order. */
static void accept_next(struct test *t, enum status why)
{
    size_t i = t->fake.answered++ % 4096;
    struct fake_device *d = t->fake.from[i];
    d->session->ops->accepted(d->session, t->fake.tokens[i], why);
}

static struct heads_session *session_of(struct test *t, const char *name)
{
    struct heads_session *s = device_named(&t->fake, name)->session;
    assert_non_null(s);
    return s;
}

/* ---- signing in ---- */

static void nobody_without_a_token(void **state)
{
    struct test *t = *state;
    ask(&t->client, "telemetry", false, "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:unauthorized-access");
    put_token(t, &t->client, "hub%2Fdevices%2Fd1", "bad");
    got(t, "401");
    told(t, "visit d1");
    ask(&t->client, "telemetry", false, "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:unauthorized-access");
    silent(t, &t->fake.heard, "sign_in");
}

static void a_token_is_for_its_device_and_its_modules_alone(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub%2Fdevices%2Fd1", "/devices/d1/messages/events");
    told(t, "sign_in d1 client=test/1");
    ask(&t->client, "other", false, "/devices/d10/messages/events");
    got(t, "detached other amqp:unauthorized-access");
    attach(t, &t->client, "module", false, "/devices/d1/modules/m/messages/events");
    told(t, "sign_in d1/m"); /* with the device's token; whether that is good the backend says */
}

static void ids_are_decoded_once(void **state)
{
    struct test *t = *state;
    put_token(t, &t->client, "amqps://hub/devices/a%25b", "good");
    told(t, "visit a%b");
    got(t, "200");
    attach(t, &t->client, "telemetry", false, "/devices/a%25b/messages/events");
    told(t, "sign_in a%b");
}

static void addresses_are_uris_of_any_case_and_encoded(void **state)
{
    struct test *t = *state;
    put_token(t, &t->client, "hub/devices/edge-1/modules/%24edgeHub", "good");
    got(t, "200");
    attach(t, &t->client, "one", false,
           "amqps://hub:5671/Devices/edge-1/Modules/%24edgeHub/Messages/Events");
    told(t, "sign_in edge-1/$edgeHub");
    attach(t, &t->client, "two", true, "/devices/edge-1/modules/$edgeHub/METHODS/deviceBound");
    told(t, "subscribe edge-1/$edgeHub methods on");
    ask(&t->client, "three", false, "/devices/edge-1/modules//twin");
    got(t, "detached three com.microsoft:argument-error");
    ask(&t->client, "four", false, "/devices/edge-1/nothing");
    got(t, "detached four amqp:not-found");
}

static void the_session_ends_with_the_last_link(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *c2d =
        attach(t, &t->client, "c2d", true, "/devices/d1/messages/devicebound");
    amqp_link_detach(l->link, NULL);
    stream_flush(t->client.stream);
    silent(t, &t->fake.heard, "sign_out");
    amqp_link_detach(c2d->link, NULL);
    stream_flush(t->client.stream);
    told(t, "sign_out d1");
    attach(t, &t->client, "again", false, "/devices/d1/messages/events");
    told(t, "sign_in d1");
}

static void many_devices_on_one_connection(void **state)
{
    struct test *t = *state;
    t->fake.accepts = true;
    for (int i = 0; i < 20; i++) {
        char audience[64], address[64], line[64];
        snprintf(audience, sizeof(audience), "hub/devices/d%d", i);
        snprintf(address, sizeof(address), "/devices/d%d/messages/events", i);
        snprintf(line, sizeof(line), "telemetry d%d hello", i);
        struct client_link *l = sign_in(t, &t->client, audience, address);
        send_text(t, l, "hello");
        told(t, line);
        got(t, "accepted telemetry");
    }
}

/* Only the links of that device, and the one who lost it is told why. */
static void a_newer_connection_takes_a_device(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->client, "c2d", true, "/devices/d1/messages/devicebound");
    struct client_link *second =
        sign_in(t, &t->client, "hub/devices/d2", "/devices/d2/messages/events");
    client_open(t, &t->other);
    sign_in(t, &t->other, "hub/devices/d1", "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:link:stolen");
    got(t, "detached c2d amqp:link:stolen");
    t->fake.accepts = true;
    send_text(t, second, "still here");
    told(t, "telemetry d2 still here");
    got(t, "accepted telemetry");
}

static void a_newer_token_goes_to_the_session(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    put_token(t, &t->client, "hub/devices/d1", "good-too");
    told(t, "renew d1");
    session_of(t, "d1")->ops->close(session_of(t, "d1"), UNAUTHORIZED);
    got(t, "detached telemetry amqp:unauthorized-access");
    told(t, "sign_out d1");
}

/* ---- telemetry ---- */

static void telemetry_is_accepted_when_it_is_durable(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    uint64_t first = t->next_token;
    for (int i = 0; i < 3; i++)
        send_text(t, l, "x");
    told(t, "telemetry d1 x");
    silent(t, &t->client.heard, "accepted");
    accept_next(t, OK);
    accept_next(t, IO_FAILED);
    accept_next(t, OK);
    char line[64];
    snprintf(line, sizeof(line), "accepted telemetry %llu", (unsigned long long)first);
    got(t, line);
    got(t, "rejected telemetry");
    got(t, "amqp:internal-error");
    got(t, "accepted telemetry");
}

static void put_batch(struct buffer *batch, const char *const *texts)
{
    for (; *texts; texts++) {
        struct buffer one = {0};
        struct amqp_properties p = amqp_properties_none();
        p.message_id = SLICE("\xa1\2id");
        amqp_properties_write(&one, &p);
        amqp_message_data(&one, slice_of(*texts));
        amqp_message_data(batch, buffer_slice(&one));
        buffer_clear(&one);
    }
}

static void a_batch_is_one_delivery(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    struct buffer batch = {0};
    static const char *const texts[] = {"one", "two", "three", NULL};
    put_batch(&batch, texts);
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    told(t, "telemetry d1 one mid=id");
    told(t, "telemetry d1 two mid=id");
    told(t, "telemetry d1 three mid=id");
    accept_next(t, OK);
    accept_next(t, OK);
    silent(t, &t->client.heard, "accepted");
    accept_next(t, OK);
    got(t, "accepted telemetry");
    /* One that is broken spoils all, and none is taken. */
    amqp_message_data(&batch, SLICE("nonsense"));
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    got(t, "rejected telemetry");
    got(t, "com.microsoft:argument-error");
    silent(t, &t->fake.heard, "telemetry");
    buffer_clear(&batch);
}

static void what_has_no_room_waits_in_order(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    t->fake.accepts = true;
    t->fake.room = 3; /* two, then no more */
    struct buffer batch = {0};
    static const char *const texts[] = {"one", "two", "three", NULL};
    put_batch(&batch, texts);
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    send_text(t, l, "four");
    told(t, "telemetry d1 two");
    silent(t, &t->fake.heard, "telemetry");
    silent(t, &t->client.heard, "accepted");
    session_of(t, "d1")->ops->resume(session_of(t, "d1"));
    told(t, "telemetry d1 three");
    told(t, "telemetry d1 four");
    got(t, "accepted telemetry");
    got(t, "accepted telemetry");
    buffer_clear(&batch);
}

static void what_is_refused_is_rejected_with_its_condition(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    send_as(t, l, SLICE("nonsense"), 0, false);
    got(t, "rejected telemetry");
    got(t, "com.microsoft:argument-error");
    t->fake.telemetry_answer = TOO_LARGE;
    send_text(t, l, "x");
    got(t, "rejected telemetry");
    got(t, "amqp:link:message-size-exceeded");
    t->fake.telemetry_answer = OK;
    t->fake.accepts = true;
    send_text(t, l, "x");
    got(t, "accepted telemetry");
}

/* A backend that takes nothing costs a bounded number of bytes, whoever sends settled. */
static void not_read_when_too_much_is_under_way(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    struct buffer body = {0}, message = {0};
    memset(buffer_reserve(&body, 200000), 'x', 200000);
    buffer_added(&body, 200000);
    amqp_message_data(&message, buffer_slice(&body));
    t->fake.quiet = true;
    for (int i = 0; i < 100; i++)
        send_as(t, l, buffer_slice(&message), 0, true);
    sim_run(t->sim, sim_now_ms(t->sim) + 20000);
    size_t taken = t->fake.token_count;
    assert_in_range(taken, 30, HEADS_AMQP_UNDER_WAY_MAX / 200000 + 4);
    for (size_t i = 0; i < taken; i++)
        accept_next(t, OK);
    sim_run(t->sim, sim_now_ms(t->sim) + 20000);
    assert_in_range(t->fake.token_count, taken + 30, 100);
    while (t->fake.answered < 100) {
        while (t->fake.answered < t->fake.token_count)
            accept_next(t, OK);
        sim_run(t->sim, sim_now_ms(t->sim) + 1000);
    }
    buffer_clear(&body);
    buffer_clear(&message);
}

static void a_connection_that_breaks_signs_out(void **state)
{
    struct test *t = *state;
    struct client_link *l = sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    for (int i = 0; i < 10; i++)
        send_text(t, l, "x");
    told(t, "telemetry d1 x");
    stream_abort(t->client.stream, CANCELLED);
    told(t, "sign_out d1");
}

/* ---- C2D and inputs ---- */

static void deliver(struct test *t, const char *device, uint64_t token, const char *input,
                    const char *body)
{
    struct iot_message m = {.body = slice_of(body),
                            .input = slice_of(input),
                            .message_id = SLICE("m1"),
                            .properties = SLICE("\0\1k\0\1v")};
    struct heads_delivery d = {.token = token,
                               .message = &m,
                               .count = 2,
                               .ack = *input ? (struct slice){0} : SLICE("full"),
                               .lock = SLICE("01020304-0506-0708-090a-0b0c0d0e0f10")};
    session_of(t, device)->ops->message(session_of(t, device), &d);
}

static void messages_come_by_credit_and_are_settled(void **state)
{
    struct test *t = *state;
    static const struct {
        enum amqp_outcome outcome;
        const char *line;
    } ways[] = {
        {AMQP_OUTCOME_ACCEPTED, "complete"},
        {AMQP_OUTCOME_REJECTED, "reject"},
        {AMQP_OUTCOME_RELEASED, "abandon"},
        {AMQP_OUTCOME_MODIFIED, "abandon"},
    };
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *l =
        attach(t, &t->client, "c2d", true, "amqps://hub/devices/d1/messages/deviceBound");
    told(t, "subscribe d1 c2d on");
    credit(l, 4);
    told(t, "allow d1 c2d 4");
    for (uint64_t i = 0; i < 4; i++) {
        deliver(t, "d1", 70 + i, "", "do it");
        got(t, "got c2d \"do it\"");
        got(t, "k=v iothub-ack=full count=2");
        settle(l, ways[i].outcome);
        told(t, ways[i].line);
    }
    told(t, "allow d1 c2d");
    amqp_link_detach(l->link, NULL);
    stream_flush(t->client.stream);
    told(t, "subscribe d1 c2d off");
    deliver(t, "d1", 80, "", "too late");
    told(t, "delivered 80 return");
}

static void however_much_credit_a_part_is_allowed(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *l = attach(t, &t->client, "c2d", true, "/devices/d1/messages/devicebound");
    credit(l, 10000);
    told(t, "allow d1 c2d 64");
    silent(t, &t->fake.heard, "allow");
}

static void inputs_are_named_in_an_annotation(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1/modules/m", "/devices/d1/modules/m/messages/events");
    struct client_link *l =
        attach(t, &t->client, "inputs", true, "/devices/d1/modules/m/messages/events");
    told(t, "subscribe d1/m inputs on");
    credit(l, 5);
    told(t, "allow d1/m inputs 5");
    deliver(t, "d1/m", 1, "in1", "value");
    got(t, "got inputs \"value\" x-opt-input-name=in1");
    settle(l, AMQP_OUTCOME_ACCEPTED);
    told(t, "delivered 1 complete");
}

static void a_newer_link_takes_the_place(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->client, "first", true, "/devices/d1/messages/devicebound");
    ask(&t->client, "second", true, "/devices/d1/messages/devicebound");
    got(t, "detached first amqp:link:stolen");
    got(t, "attached second");
}

/* ---- twins ---- */

static void twin_request(struct test *t, struct client_link *l, const char *operation,
                         const char *resource, const char *id, const char *body)
{
    struct buffer b = {0}, correlation = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&b, SLICE("operation")), amqp_write_string(&b, slice_of(operation));
    if (resource) {
        amqp_write_symbol(&b, SLICE("resource"));
        amqp_write_string(&b, slice_of(resource));
    }
    amqp_write_end(&b, map, resource ? 4 : 2);
    struct amqp_properties p = amqp_properties_none();
    amqp_write_string(&correlation, slice_of(id));
    p.correlation_id = buffer_slice(&correlation);
    amqp_properties_write(&b, &p);
    amqp_message_data(&b, slice_of(body));
    send(t, l, &b);
    buffer_clear(&correlation);
}

static struct slice last_correlation(struct test *t)
{
    struct amqp_message m;
    assert_int_equal(amqp_message_read(buffer_slice(&t->client.last), &m), OK);
    return m.properties.correlation_id;
}

struct twin_links {
    struct client_link *up, *down;
};

static struct twin_links attach_twin(struct test *t)
{
    struct twin_links l;
    put_token(t, &t->client, "hub/devices/d1", "good");
    got(t, "200");
    l.up = attach(t, &t->client, "ask", false, "/devices/d1/twin");
    l.down = attach(t, &t->client, "answers", true, "/devices/d1/twin");
    credit(l.down, 100);
    return l;
}

static const char desired[] = "/notifications/twin/properties/desired";

static void twins_are_got_and_reported(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    twin_request(t, l.up, "GET", NULL, "r1", " ");
    told(t, "twin_get d1");
    struct heads_session *s = session_of(t, "d1");
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{\"desired\":{}}"));
    got(t, "got answers \"{\"desired\":{}}\" status=int:200 settled");
    assert_slice(last_correlation(t), SLICE("\xa1\2r1"));
    twin_request(t, l.up, "PATCH", "/properties/reported", "r2", "{\"a\":1}");
    told(t, "twin_report d1 {\"a\":1}");
    s->ops->reported(s, t->fake.tokens[1], OK, 7);
    got(t, "got answers \"\" status=int:200 version=long:7 settled");
    assert_slice(last_correlation(t), SLICE("\xa1\2r2"));
    twin_request(t, l.up, "PATCH", "/properties/reported", "r3", "{\"a\":1}");
    told(t, "twin_report d1");
    s->ops->reported(s, t->fake.tokens[2], BAD_ARGUMENT, 0);
    got(t, "\"errorCode\":400004");
    got(t, "status=int:400");
    twin_request(t, l.up, "PUT", "/elsewhere", "r4", "");
    got(t, "status=int:400");
}

static void desired_properties_come_when_asked_for(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    twin_request(t, l.up, "PUT", desired, "s1", " ");
    told(t, "subscribe d1 desired on");
    got(t, "status=int:200");
    struct heads_session *s = session_of(t, "d1");
    s->ops->desired(s, SLICE("{\"rate\":5,\"$version\":4}"), 4);
    got(t, "got answers \"{\"rate\":5,\"$version\":4}\"");
    assert_null(last_correlation(t).at);
    twin_request(t, l.up, "DELETE", desired, "s2", " ");
    told(t, "subscribe d1 desired off");
    got(t, "status=int:200");
}

static void too_many_twin_requests_are_throttled(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    for (unsigned i = 0; i <= HEADS_AMQP_TWIN_REQUESTS_MAX; i++)
        twin_request(t, l.up, "GET", NULL, "r", " ");
    got(t, "status=int:429");
    assert_int_equal(t->fake.token_count, HEADS_AMQP_TWIN_REQUESTS_MAX);
}

/* ---- methods ---- */

static void method_reply(struct test *t, struct client_link *l, struct slice id, int status,
                         const char *payload)
{
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.correlation_id = id;
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("IoThub-status")), amqp_write_int(&b, status);
    amqp_write_end(&b, map, 2);
    amqp_message_data(&b, slice_of(payload));
    send(t, l, &b);
}

static void methods_are_called_and_answered(void **state)
{
    struct test *t = *state;
    struct client_link *telemetry =
        sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    (void)telemetry;
    struct heads_session *s = session_of(t, "d1");
    s->ops->method(s, 1, SLICE("early"), SLICE("{}"));
    told(t, "method_reply d1 1 400"); /* no link for it */
    struct client_link *up = attach(t, &t->client, "up", false, "/devices/d1/methods/devicebound");
    struct client_link *down =
        attach(t, &t->client, "down", true, "/devices/d1/methods/devicebound");
    told(t, "subscribe d1 methods on");
    s->ops->method(s, 77, SLICE("reboot"), SLICE("{\"in\":5}"));
    silent(t, &t->client.heard, "got down"); /* without credit */
    credit(down, 10);
    got(t, "got down \"{\"in\":5}\" IoThub-methodname=reboot settled");
    uint8_t id[17];
    struct slice correlation = last_correlation(t);
    assert_int_equal(correlation.len, 17);
    assert_int_equal(correlation.at[0], 0x98); /* a uuid, whatever else */
    memcpy(id, correlation.at, 17);
    id[3] ^= 1;
    method_reply(t, up, slice_from(id, 17), 200, "\"not mine\"");
    got(t, "accepted up");
    id[3] ^= 1;
    method_reply(t, up, slice_from(id, 17), 201, "\"done\"");
    told(t, "method_reply d1 77 201 \"done\"");
    method_reply(t, up, slice_from(id, 17), 202, "\"twice\"");
    got(t, "accepted up");
    silent(t, &t->fake.heard, "method_reply");
    method_reply(t, up, SLICE("\x43"), 200, "\"no id\"");
    got(t, "rejected up");
}

/* A peer that gives no credit loses the link, not memory. */
static void who_takes_nothing_is_detached(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->client, "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->client, "down", true, "/devices/d1/methods/devicebound");
    struct heads_session *s = session_of(t, "d1");
    for (uint64_t i = 0; i <= HEADS_AMQP_WAITING_MAX; i++)
        s->ops->method(s, i, SLICE("x"), SLICE("{}"));
    got(t, "detached down amqp:resource-limit-exceeded");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_without_a_token),
        TEST(a_token_is_for_its_device_and_its_modules_alone),
        TEST(ids_are_decoded_once),
        TEST(addresses_are_uris_of_any_case_and_encoded),
        TEST(the_session_ends_with_the_last_link),
        TEST(many_devices_on_one_connection),
        TEST(a_newer_connection_takes_a_device),
        TEST(a_newer_token_goes_to_the_session),
        TEST(telemetry_is_accepted_when_it_is_durable),
        TEST(a_batch_is_one_delivery),
        TEST(what_has_no_room_waits_in_order),
        TEST(what_is_refused_is_rejected_with_its_condition),
        TEST(not_read_when_too_much_is_under_way),
        TEST(a_connection_that_breaks_signs_out),
        TEST(messages_come_by_credit_and_are_settled),
        TEST(however_much_credit_a_part_is_allowed),
        TEST(inputs_are_named_in_an_annotation),
        TEST(a_newer_link_takes_the_place),
        TEST(twins_are_got_and_reported),
        TEST(desired_properties_come_when_asked_for),
        TEST(too_many_twin_requests_are_throttled),
        TEST(methods_are_called_and_answered),
        TEST(who_takes_nothing_is_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "heads/amqp.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "base/memory.h"

/* A real head on a real socket, and the engine's client end on the other side. */

enum { RIGHT_EVENTS = 4 };

struct world {
    struct loop *loop;
    struct listener *listener;
    struct heads_amqp_config config;
    /* server */
    struct heads_amqp *head;
    struct heads_amqp_link *link; /* the last one accepted */
    struct heads_amqp_check *held;
    bool holds_checks, gone;
    uint64_t grant_ms;
    unsigned detached, credits, to_send, sent;
    char token[64], user[32], path[64];
    uint32_t transferred;
    /* client */
    struct stream *stream;
    struct amqp_connection *client;
    struct amqp_session *session;
    struct amqp_link *requests, *responses, *wanted;
    bool opened, closed, attached, refused;
    enum status why;
    char condition[64], description[64];
    struct buffer answer;
    unsigned answers, received, settled;
};

/* ---- what the server serves ---- */

static bool allowed(struct heads_amqp_link *l)
{
    return heads_amqp_granted(l->head, RIGHT_EVENTS, &l->address);
}

static void on_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    struct world *w = heads_amqp_arg(l->head);
    (void)a;
    w->link = l;
    heads_amqp_accept(l, NULL);
}

static void on_link_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d)
{
    struct world *w = heads_amqp_arg(l->head);
    w->transferred++;
    amqp_link_settle(l->link, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
}

static void on_link_credit(struct heads_amqp_link *l)
{
    struct world *w = heads_amqp_arg(l->head);
    static uint8_t body[4000];
    w->credits++;
    while (w->sent < w->to_send) {
        if (heads_amqp_send(l, &(struct amqp_send){.settled = true},
                            slice_from(body, sizeof(body))) != OK)
            return;
        w->sent++;
    }
}

static void on_link_detach(struct heads_amqp_link *l)
{
    struct world *w = heads_amqp_arg(l->head);
    w->detached++;
    w->link = NULL;
}

static const struct heads_amqp_kind kinds[] = {
    {.address = "stream/{}",
     .sends = true,
     .allowed = allowed,
     .attach = on_attach,
     .credit = on_link_credit,
     .detach = on_link_detach},
    {.address = "sink",
     .window = 10,
     .attach = on_attach,
     .transfer = on_link_transfer,
     .detach = on_link_detach},
};

static void on_echo(void *arg, struct heads_amqp_reply *reply, const struct amqp_message *m)
{
    (void)arg;
    struct buffer b = {0};
    amqp_write_value(&b, &m->value);
    heads_amqp_answer(reply, OK, "echo", buffer_slice(&b));
    buffer_clear(&b);
}

static const struct heads_amqp_node nodes[] = {{.address = "$echo", .request = on_echo}};

static void check(struct world *w, struct heads_amqp_check *c, bool good)
{
    heads_amqp_checked(
        c, good ? OK : UNAUTHORIZED,
        &(struct heads_amqp_grant){.path = slice_of(w->path),
                                   .rights = RIGHT_EVENTS,
                                   .expires_ms = loop_wall_ms(w->loop) + w->grant_ms});
}

static void verify(void *arg, struct heads_amqp_check *c, const struct heads_amqp_token *t)
{
    struct world *w = arg;
    snprintf(w->token, sizeof(w->token), "%.*s", SLICE_FMT(t->token));
    snprintf(w->path, sizeof(w->path), "%.*s", SLICE_FMT(t->path));
    snprintf(w->user, sizeof(w->user), "%.*s", SLICE_FMT(t->user));
    if (w->holds_checks)
        w->held = c;
    else
        check(w, c, slice_eq(t->token, SLICE("good")));
}

static void on_gone(void *arg, struct heads_amqp *h)
{
    struct world *w = arg;
    assert_ptr_equal(w->head, h);
    w->gone = true;
    w->head = NULL;
}

static void on_accept(void *arg, struct stream *s)
{
    struct world *w = arg;
    w->head = heads_amqp_new(s, &w->config);
}

/* ---- the client ---- */

static struct buffer *output(void *arg)
{
    struct world *w = arg;
    stream_flush(w->stream);
    return stream_out(w->stream);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct world *w = arg;
    assert_slice(peer->container_id, SLICE("hub"));
    assert_int_equal(amqp_session_begin(w->client, &w->session), OK);
    w->opened = true;
}

static void on_client_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct world *w = arg;
    if (l == w->wanted)
        w->attached = (peer->receiver ? peer->target : peer->source).at != NULL;
    if (l != w->requests && !amqp_link_sends(l))
        amqp_link_set_window(l, 2000);
}

static void on_client_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct world *w = arg;
    w->received++;
    if (l != w->responses)
        return;
    w->answers++;
    buffer_reset(&w->answer);
    buffer_put(&w->answer, d->bytes);
}

static void on_client_settled(void *arg, struct amqp_link *l, uint64_t token,
                              const struct amqp_state *state)
{
    (void)l, (void)token;
    ((struct world *)arg)->settled += state->outcome == AMQP_OUTCOME_ACCEPTED;
}

static void on_client_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct world *w = arg;
    assert_ptr_equal(l, w->wanted);
    w->refused = true;
    snprintf(w->condition, sizeof(w->condition), "%.*s", SLICE_FMT(why->condition));
}

static void on_client_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct world *w = arg;
    w->why = why;
    snprintf(w->condition, sizeof(w->condition), "%.*s", SLICE_FMT(error->condition));
    stream_close(w->stream);
}

static const struct amqp_events client_events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_client_attach,
    .on_transfer = on_client_transfer,
    .on_settled = on_client_settled,
    .on_detach = on_client_detach,
    .on_close = on_client_close,
};

static void on_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    amqp_connection_in(w->client, bytes, loop_now_ms(w->loop));
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    ((struct world *)arg)->closed = true;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

/* ---- the test's hands ---- */

static bool is_opened(void *arg)
{
    struct world *w = arg;
    return w->opened || w->closed;
}

static bool is_answered(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

static bool is_attached_or_refused(void *arg)
{
    struct world *w = arg;
    return w->attached || w->refused;
}

static bool is_refused(void *arg)
{
    return ((struct world *)arg)->refused;
}

static bool is_over(void *arg)
{
    struct world *w = arg;
    return w->closed && w->gone;
}

static bool is_held(void *arg)
{
    return ((struct world *)arg)->held != NULL;
}

#define UNTIL(w, fn) assert_true(loop_run_until((w)->loop, fn, w, 10000))

static void start(struct world *w, const char *const *mechanisms, struct slice response)
{
    w->loop = loop_new();
    w->grant_ms = 3600000;
    w->config = (struct heads_amqp_config){.container_id = "hub",
                                           .kinds = kinds,
                                           .kind_count = 2,
                                           .nodes = nodes,
                                           .node_count = 1,
                                           .verify = verify,
                                           .on_gone = on_gone,
                                           .arg = w};
    assert_int_equal(listener_open(&(struct listen_config){.loop = w->loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept,
                                                           .arg = w},
                                   &w->listener),
                     OK);
    w->stream = stream_connect(&(struct connect_config){.loop = w->loop,
                                                        .host = "127.0.0.1",
                                                        .port = listener_port(w->listener)},
                               &stream_table, w);
    w->client = amqp_connection_new(&(struct amqp_connection_config){.client = true,
                                                                     .container_id = "me",
                                                                     .mechanisms = mechanisms,
                                                                     .sasl_response = response,
                                                                     .events = &client_events,
                                                                     .arg = w},
                                    loop_now_ms(w->loop));
    if (!w->holds_checks)
        UNTIL(w, is_opened);
}

static void stop(struct world *w)
{
    if (!w->closed)
        stream_close(w->stream);
    UNTIL(w, is_over);
    amqp_connection_free(&w->client);
    buffer_clear(&w->answer);
    listener_close(&w->listener);
    loop_free(&w->loop);
}

static struct amqp_link *attach(struct world *w, const char *name, bool receiver,
                                const char *address, const char *reply_to)
{
    struct buffer there = {0}, here = {0}, source = {0}, target = {0};
    amqp_write_string(&there, slice_of(address));
    amqp_write_string(&here, slice_of(reply_to));
    amqp_source_write(&source,
                      &(struct amqp_source){.address = buffer_slice(receiver ? &there : &here),
                                            .durable = AMQP_ABSENT,
                                            .timeout = AMQP_ABSENT});
    amqp_target_write(&target,
                      &(struct amqp_target){.address = buffer_slice(receiver ? &here : &there),
                                            .durable = AMQP_ABSENT,
                                            .timeout = AMQP_ABSENT});
    struct amqp_link *l;
    assert_int_equal(amqp_link_attach(w->session,
                                      &(struct amqp_attach){.name = slice_of(name),
                                                            .receiver = receiver,
                                                            .send_settle = AMQP_ABSENT,
                                                            .receive_settle = AMQP_ABSENT,
                                                            .source = buffer_slice(&source),
                                                            .target = buffer_slice(&target)},
                                      NULL, &l),
                     OK);
    buffer_clear(&there);
    buffer_clear(&here);
    buffer_clear(&source);
    buffer_clear(&target);
    return l;
}

static bool can_ask(void *arg)
{
    struct world *w = arg;
    return amqp_link_credit(w->requests) > 0;
}

static void attach_node(struct world *w, const char *address)
{
    w->requests = attach(w, "requests", false, address, "cbs");
    w->responses = attach(w, "responses", true, address, "me");
    UNTIL(w, can_ask);
}

static void ask(struct world *w, struct slice message_id, const char *operation, const char *type,
                const char *audience, const char *token)
{
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.message_id = message_id;
    p.reply_to = SLICE("me");
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    const char *pairs[] = {"operation", operation, "type", type, "name", audience};
    for (int i = 0; i < 6; i++)
        amqp_write_string(&b, slice_of(pairs[i]));
    amqp_write_end(&b, map, 6);
    amqp_message_value_begin(&b);
    amqp_write_string(&b, slice_of(token));
    assert_int_equal(amqp_link_send(w->requests, &(struct amqp_send){0}, buffer_slice(&b)), OK);
    buffer_clear(&b);
}

static int64_t answered_code(struct world *w, struct slice want_correlation)
{
    w->answers = 0;
    UNTIL(w, is_answered);
    struct amqp_message m;
    struct amqp_value v;
    assert_int_equal(amqp_message_read(buffer_slice(&w->answer), &m), OK);
    assert_slice(m.properties.correlation_id, want_correlation);
    assert_true(amqp_map_find(&m.application_properties, SLICE("status-code"), &v));
    assert_int_equal(v.type, AMQP_INT);
    return v.i;
}

static bool attaches(struct world *w, bool receiver, const char *address)
{
    static unsigned count;
    char name[16];
    snprintf(name, sizeof(name), "link-%u", count++);
    w->attached = w->refused = false;
    w->condition[0] = 0;
    w->wanted = attach(w, name, receiver, address, "mine");
    UNTIL(w, is_attached_or_refused);
    if (!w->attached)
        UNTIL(w, is_refused);
    return w->attached;
}

static const char *const anonymous[] = {"ANONYMOUS", NULL};
static const char *const plain[] = {"PLAIN", NULL};

/* ---- promises ---- */

/* The correlation id has the type that the message id had; the status is an int. */
static void a_token_is_put_and_opens_a_link(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    attach_node(&w, "$cbs");
    assert_false(attaches(&w, true, "/stream/1"));
    assert_string_equal(w.condition, "amqp:unauthorized-access");
    static const struct slice ids[] = {SLICE_INIT("\xa1\1x"), SLICE_INIT("\x44"),
                                       SLICE_INIT("\x98"
                                                  "0123456789abcdef")};
    for (int i = 0; i < 3; i++) {
        ask(&w, ids[i], "put-token", i ? "jwt" : "servicebus.windows.net:sastoken",
            "sb://host/stream/1", "good");
        assert_int_equal(answered_code(&w, ids[i]), 200);
    }
    assert_string_equal(w.path, "stream/1");
    assert_true(attaches(&w, true, "amqps://host:5671/Stream/1"));
    assert_false(attaches(&w, true, "/stream/2")); /* the token is not for that one */
    stop(&w);
    assert_int_equal(w.detached, 1);
}

static void bad_tokens_and_requests_are_answered(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, NULL, (struct slice){0}); /* no SASL at all, as Node's device SDK */
    attach_node(&w, "$cbs");
    struct slice id = SLICE("\xa1\1x");
    ask(&w, id, "put-token", "servicebus.windows.net:sastoken", "host", "bad");
    assert_int_equal(answered_code(&w, id), 401);
    ask(&w, id, "put-token", "amqp:swt", "host", "good");
    assert_int_equal(answered_code(&w, id), 400);
    ask(&w, id, "delete-token", "jwt", "host", "good");
    assert_int_equal(answered_code(&w, id), 400);
    ask(&w, id, "put-token", "jwt", "host", "");
    assert_int_equal(answered_code(&w, id), 400);
    assert_false(attaches(&w, true, "/stream/1"));
    stop(&w);
}

static void a_token_may_be_examined_elsewhere(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    attach_node(&w, "$cbs");
    w.holds_checks = true;
    struct slice id = SLICE("\x44");
    ask(&w, id, "put-token", "jwt", "host", "good");
    UNTIL(&w, is_held);
    check(&w, w.held, true);
    assert_int_equal(answered_code(&w, id), 200);
    w.held = NULL;
    ask(&w, id, "put-token", "jwt", "host", "good");
    UNTIL(&w, is_held);
    stream_abort(w.stream, CANCELLED); /* the answer finds nobody, and harms nothing */
    UNTIL(&w, is_over);
    check(&w, w.held, true);
    stop(&w);
}

static void an_expired_token_ends_its_links(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    w.grant_ms = 300;
    attach_node(&w, "$cbs");
    ask(&w, SLICE("\x44"), "put-token", "jwt", "host", "good");
    assert_int_equal(answered_code(&w, SLICE("\x44")), 200);
    assert_true(attaches(&w, true, "/stream/1"));
    UNTIL(&w, is_refused);
    assert_string_equal(w.condition, "amqp:unauthorized-access");
    assert_int_equal(w.detached, 1);
    stop(&w);
}

static void plain_takes_a_name_and_a_token(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, plain, SLICE("\0service@sas.root.hub\0good"));
    assert_string_equal(w.user, "service@sas.root.hub");
    assert_true(attaches(&w, true, "/stream/1"));
    stop(&w);
    struct world bad = {0};
    start(&bad, plain, SLICE("\0service\0bad"));
    assert_false(bad.opened);
    assert_int_equal(bad.why, UNAUTHORIZED);
    stop(&bad);
    struct world broken = {0};
    start(&broken, plain, SLICE("service"));
    assert_false(broken.opened);
    stop(&broken);
    struct world later = {.holds_checks = true};
    start(&later, plain, SLICE("\0service\0good"));
    UNTIL(&later, is_held);
    check(&later, later.held, true);
    UNTIL(&later, is_opened);
    assert_true(attaches(&later, true, "/stream/1"));
    stop(&later);
}

static void nothing_is_at_other_addresses(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    static const char *const none[] = {"/nothing", "", "/sink", "/stream/1/2"};
    for (int i = 0; i < 4; i++) { /* the sink takes messages, it has none */
        assert_false(attaches(&w, true, none[i]));
        assert_string_equal(w.condition, "amqp:not-found");
    }
    assert_true(attaches(&w, false, "/SINK"));
    stop(&w);
}

static void without_a_token_there_are_few_links(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    for (unsigned i = 0; i < HEADS_AMQP_LINKS_UNSIGNED_MAX; i++)
        assert_true(attaches(&w, false, "/sink"));
    assert_false(attaches(&w, false, "/sink"));
    assert_string_equal(w.condition, "amqp:resource-limit-exceeded");
    stop(&w);
    assert_int_equal(w.detached, HEADS_AMQP_LINKS_UNSIGNED_MAX);
}

static bool all_came(void *arg)
{
    struct world *w = arg;
    return w->received >= w->to_send;
}

static bool is_stuck(void *arg)
{
    struct world *w = arg;
    return w->link && w->link->waits;
}

/* The head stops sending when the peer stops reading, and goes on when it reads again. */
static void a_slow_reader_holds_the_sender(void **state)
{
    (void)state;
    struct world w = {.to_send = 4000};
    start(&w, plain, SLICE("\0service\0good"));
    assert_true(attaches(&w, true, "/stream/1"));
    stream_pause(w.stream, true);
    UNTIL(&w, is_stuck);
    assert_true(w.sent < w.to_send);
    assert_true(stream_unsent(heads_amqp_stream(w.head)) <= STREAM_HIGH_BYTES + 5000);
    stream_pause(w.stream, false);
    UNTIL(&w, all_came);
    assert_int_equal(w.sent, 4000);
    stop(&w);
}

static bool all_settled(void *arg)
{
    return ((struct world *)arg)->settled >= 30;
}

static bool can_send(void *arg)
{
    return amqp_link_credit(((struct world *)arg)->wanted) > 0;
}

static void a_sink_settles_what_it_gets(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    assert_true(attaches(&w, false, "/sink"));
    for (int i = 0; i < 30; i++) {
        UNTIL(&w, can_send);
        assert_int_equal(
            amqp_link_send(w.wanted, &(struct amqp_send){0}, SLICE("\x00\x53\x75\xa0\1x")), OK);
    }
    UNTIL(&w, all_settled);
    assert_int_equal(w.transferred, 30);
    stop(&w);
}

static void the_server_says_goodbye(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    assert_true(attaches(&w, false, "/sink"));
    heads_amqp_close(w.head, CANCELLED, "the hub stops");
    UNTIL(&w, is_over);
    assert_int_equal(w.why, CLOSED);
    assert_string_equal(w.condition, "amqp:link:detach-forced");
    assert_int_equal(w.detached, 1);
    stop(&w);
}

static void a_node_answers_with_a_body(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, anonymous, SLICE(""));
    attach_node(&w, "$echo");
    ask(&w, SLICE("\xa1\2id"), "READ", "x", "y", "hello");
    assert_int_equal(answered_code(&w, SLICE("\xa1\2id")), 200);
    struct amqp_message m;
    assert_int_equal(amqp_message_read(buffer_slice(&w.answer), &m), OK);
    assert_slice(m.value.bytes, SLICE("hello"));
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_put_and_opens_a_link),
        cmocka_unit_test(bad_tokens_and_requests_are_answered),
        cmocka_unit_test(a_token_may_be_examined_elsewhere),
        cmocka_unit_test(an_expired_token_ends_its_links),
        cmocka_unit_test(plain_takes_a_name_and_a_token),
        cmocka_unit_test(nothing_is_at_other_addresses),
        cmocka_unit_test(without_a_token_there_are_few_links),
        cmocka_unit_test(a_slow_reader_holds_the_sender),
        cmocka_unit_test(a_sink_settles_what_it_gets),
        cmocka_unit_test(the_server_says_goodbye),
        cmocka_unit_test(a_node_answers_with_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

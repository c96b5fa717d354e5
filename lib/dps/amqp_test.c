/* Provisioning over AMQP, with a client of our own. The one enrolment is disabled, so that no hub
 * is needed. */
#include "dps/amqp.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "dps/rig.h"
#include "io/sim.h"
#include "token/sas.h"

#define ADDRESS SCOPE "/registrations/dev"

static struct {
    struct sim *sim;
    struct loop *loop;
    struct policies *policies;
    struct dps *dps;
    struct dps_amqp *amqp;
    struct heads_amqp_kind kinds[DPS_AMQP_KINDS];
    struct heads_amqp_config config;
    struct listener *listener;
    struct stream *stream; /* the client's; NULL: closed */
    struct amqp_connection *client;
    struct amqp_session *session;
    struct amqp_link *requests, *answers;
    struct buffer heard; /* line by line */
} t;

/* ---- the client ---- */

static struct buffer *output(void *arg)
{
    (void)arg;
    stream_flush(t.stream);
    return stream_out(t.stream);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    (void)arg, (void)peer;
    assert_int_equal(amqp_session_begin(t.client, &t.session), OK);
    buffer_text(&t.heard, "open\n");
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    (void)arg, (void)peer;
    if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    (void)arg, (void)l;
    buffer_text(&t.heard, "credit\n");
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct amqp_message m;
    struct amqp_value retry = {0};
    struct slice body;
    (void)arg, (void)l;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    assert_true(amqp_message_bytes(&m, &body));
    assert_slice(amqp_text_of(m.properties.correlation_id), SLICE("c-1"));
    bool again = amqp_map_find(&m.application_properties, SLICE("retry-after"), &retry);
    buffer_printf(&t.heard, "answer %.*s retry-after %d\n", SLICE_FMT(body),
                  again ? (int)retry.i : 0);
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    (void)arg, (void)l, (void)token;
    buffer_printf(&t.heard, "settled %s %.*s\n",
                  state->outcome == AMQP_OUTCOME_ACCEPTED ? "accepted" : "rejected",
                  SLICE_FMT(state->error.condition));
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    (void)arg, (void)l;
    buffer_printf(&t.heard, "detached %.*s\n", SLICE_FMT(why->condition));
}

static void on_amqp_close(void *arg, enum status why, const struct amqp_error *error)
{
    (void)arg, (void)error;
    buffer_printf(&t.heard, "over %s\n", status_name(why));
}

static const struct amqp_events client_events = {
    .output = output,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_credit = on_credit,
    .on_transfer = on_transfer,
    .on_settled = on_settled,
    .on_detach = on_detach,
    .on_close = on_amqp_close,
};

static void on_data(void *arg, struct slice bytes)
{
    (void)arg;
    amqp_connection_in(t.client, bytes, loop_now_ms(t.loop));
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    t.stream = NULL;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

static bool heard(void *arg)
{
    return slice_find_slice(buffer_slice(&t.heard), slice_of(arg)) < t.heard.len;
}

static void got(const char *line)
{
    if (!loop_run_until(t.loop, heard, (void *)line, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", line, buffer_cstr(&t.heard));
    buffer_drop(&t.heard, slice_find_slice(buffer_slice(&t.heard), slice_of(line)) + strlen(line));
}

/* SASL PLAIN with a token that `key` made; without a key no SASL at all. */
static void start(const char *key)
{
    static const char *const plain[] = {"PLAIN", NULL};
    struct buffer token = {0}, response = {0};
    if (key) {
        assert_int_equal(sas_make(SLICE(ADDRESS), slice_of(key), SLICE("registration"),
                                  loop_wall_ms(t.loop) + 3600000, &token),
                         OK);
        buffer_put(&response, SLICE("\0" ADDRESS "\0"));
        buffer_put(&response, buffer_slice(&token));
    }
    t.stream = stream_connect(&(struct connect_config){.loop = t.loop,
                                                       .host = "127.0.0.1",
                                                       .port = listener_port(t.listener)},
                              &stream_table, NULL);
    t.client = amqp_connection_new(
        &(struct amqp_connection_config){.client = true,
                                         .container_id = "me",
                                         .hostname = "dps.example",
                                         .mechanisms = key ? plain : NULL,
                                         .sasl_response = buffer_slice(&response),
                                         .events = &client_events},
        loop_now_ms(t.loop));
    buffer_clear(&token);
    buffer_clear(&response);
}

static struct amqp_link *attach(const char *name, bool receiver, const char *address)
{
    struct buffer there = {0}, source = {0}, target = {0};
    struct amqp_link *l;
    amqp_write_string(&there, slice_of(address));
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    assert_int_equal(amqp_link_attach(t.session,
                                      &(struct amqp_attach){.name = slice_of(name),
                                                            .receiver = receiver,
                                                            .send_settle = AMQP_ABSENT,
                                                            .receive_settle = AMQP_ABSENT,
                                                            .source = buffer_slice(&source),
                                                            .target = buffer_slice(&target)},
                                      NULL, &l),
                     OK);
    buffer_clear(&there);
    buffer_clear(&source);
    buffer_clear(&target);
    stream_flush(t.stream);
    return l;
}

static void sign_in(void)
{
    start(KEY);
    got("open\n");
    t.answers = attach("answers", true, ADDRESS);
    t.requests = attach("requests", false, ADDRESS);
    got("credit\n");
}

static void ask(const char *operation, const char *id, const char *body)
{
    struct buffer b = {0}, correlation = {0};
    struct amqp_properties p = amqp_properties_none();
    amqp_write_string(&correlation, SLICE("c-1"));
    p.correlation_id = buffer_slice(&correlation);
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("iotdps-operation-type"));
    amqp_write_string(&b, slice_of(operation));
    amqp_write_string(&b, SLICE("iotdps-operation-id"));
    amqp_write_string(&b, slice_of(id));
    amqp_write_end(&b, map, 4);
    amqp_message_data(&b, slice_of(body));
    assert_int_equal(amqp_link_send(t.requests, &(struct amqp_send){0}, buffer_slice(&b)), OK);
    stream_flush(t.stream);
    buffer_clear(&b);
    buffer_clear(&correlation);
}

/* ---- beginning and end ---- */

static void verify(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *token)
{
    (void)arg;
    if (dps_amqp_claims(token))
        dps_amqp_verify(t.amqp, check, token);
    else
        heads_amqp_checked(check, UNAUTHORIZED, NULL);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    heads_amqp_new(s, &t.config);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.sim = sim_new(3);
    t.loop = sim_loop_new(t.sim, "127.0.0.1");
    t.policies = policies_random(&dps_policies_kind);
    t.dps = dps_rig_open(t.loop, t.policies);
    t.amqp = dps_amqp_new(t.dps);
    for (size_t i = 0; i < DPS_AMQP_KINDS; i++) {
        t.kinds[i] = dps_amqp_kinds[i];
        t.kinds[i].arg = t.amqp;
    }
    t.config = (struct heads_amqp_config){
        .container_id = "hub", .kinds = t.kinds, .kind_count = DPS_AMQP_KINDS, .verify = verify};
    struct listen_config listen = {.loop = t.loop, .host = "127.0.0.1", .on_accept = on_accept};
    return listener_open(&listen, &t.listener) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (t.stream)
        stream_abort(t.stream, CLOSED);
    sim_run(t.sim, sim_now_ms(t.sim) + 60000); /* the other end sees it, too */
    amqp_connection_free(&t.client);
    dps_amqp_free(&t.amqp);
    dps_close(&t.dps);
    policies_free(&t.policies);
    listener_close(&t.listener);
    buffer_clear(&t.heard);
    sim_free(&t.sim);
    return 0;
}

/* ---- what is promised ---- */

static void requests_are_settled_and_answered(void **state)
{
    (void)state;
    sign_in();
    ask("iotdps-register", "", "{\"registrationId\":\"dev\"}");
    got("answer {\"operationId\":\"4.");
    got("\"status\":\"assigning\"} retry-after 2\n");
    got("settled accepted \n");
    sim_run(t.sim, sim_now_ms(t.sim) + 1000);
    ask("iotdps-get-registration", "", "");
    got("\"status\":\"disabled\"");
    got("retry-after 0\n");
}

static void what_cannot_be_is_rejected_with_its_condition(void **state)
{
    (void)state;
    sign_in();
    ask("iotdps-get-operationstatus", "4.0.none", "");
    got("settled rejected amqp:not-found\n");
    ask("iotdps-register", "", "{\"registrationId\":\"other\"}");
    got("settled rejected com.microsoft:argument-error\n");
    ask("iotdps-fly", "", "");
    got("settled rejected com.microsoft:argument-error\n");
}

static void a_wrong_key_gets_no_further(void **state)
{
    (void)state;
    start("d3Jvbmcga2V5");
    got("over UNAUTHORIZED\n");
}

static void links_of_others_are_refused(void **state)
{
    (void)state;
    sign_in();
    attach("others", true, SCOPE "/registrations/other");
    got("detached amqp:unauthorized-access\n");
    attach("scope", true, "0neOther/registrations/dev");
    got("detached amqp:not-found\n");
}

static void who_shows_nothing_gets_no_link(void **state)
{
    (void)state;
    start(NULL);
    got("open\n");
    attach("answers", true, ADDRESS);
    got("detached amqp:unauthorized-access\n");
}

/* Gone before the answers: the sanitizer looks at what is left. */
static void who_leaves_in_the_middle_leaves_nothing(void **state)
{
    (void)state;
    sign_in();
    ask("iotdps-register", "", "");
    amqp_link_detach(t.requests, NULL);
    stream_flush(t.stream);
    sim_run(t.sim, sim_now_ms(t.sim) + 1);
    stream_abort(t.stream, CLOSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_settled_and_answered),
        TEST(what_cannot_be_is_rejected_with_its_condition),
        TEST(a_wrong_key_gets_no_further),
        TEST(links_of_others_are_refused),
        TEST(who_shows_nothing_gets_no_link),
        TEST(who_leaves_in_the_middle_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A workload API that answers as IoT Edge's does, on this process's own HTTP server. */
#include "published/credentials.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "base/encoding.h"
#include "json/json.h"
#include "json/write.h"
#include "rest/server.h"

#define WAIT_MS 30000
#define FILE_TEXT                                                                                  \
    "[{\"EndpointUrl\": \"opc.tcp://plc\", \"OpcAuthenticationMode\": \"UsernamePassword\", "       \
    "\"EncryptedAuthUsername\": \"b3BlcmF0b3I=\", \"EncryptedAuthPassword\": \"c2VjcmV0\", "       \
    "\"OpcNodes\": [{\"Id\": \"i=2258\"}]}]"

static struct world {
    struct loop *loop;
    struct rest_server *server;
    struct credentials *credentials;
    struct config config;
    size_t asked;
    bool refuses, fetched, forced, holds, busy;
    char first[32]; /* what was asked for since it was empty */
    char asked_for[4][32]; /* and held */
    struct rest_request *held[4];
    size_t held_count;
} world;

static void check_vector(const struct json *body)
{
    struct buffer text = {0};
    assert_int_equal(base64_decode(json_string(json_get(body, "initializationVector")), &text), OK);
    assert_slice(buffer_slice(&text), SLICE("alKGJdfsgidfasdO"));
    buffer_clear(&text);
}

/* It comes back as it is. */
static void encrypt(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    struct buffer out = {0};
    world.asked++;
    if (world.refuses) {
        rest_reply_problem(r, 403, "forbidden");
        return;
    }
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    check_vector(json_root(doc));
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "ciphertext"), json_put_string(&w, json_string(json_get(json_root(doc), "plaintext")));
    json_end_object(&w);
    rest_reply(r, 200, "application/json", buffer_slice(&out));
    json_free(&doc);
    buffer_clear(&out);
}

static void note(struct rest_request *r, char out[32])
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    snprintf(out, 32, "%.*s", SLICE_FMT(json_string(json_get(json_root(doc), "ciphertext"))));
    json_free(&doc);
}

/* What was "encrypted" comes back as it is, with a mark before it. */
static void decrypt(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    struct buffer text = {0}, plain = {0}, out = {0};
    world.asked++;
    if (world.holds) {
        note(r, world.asked_for[world.held_count]);
        world.held[world.held_count++] = r;
        return;
    }
    if (world.refuses) {
        rest_reply_problem(r, 403, "forbidden");
        return;
    }
    if (world.busy) {
        rest_reply_problem(r, 503, "starting");
        return;
    }
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    const struct json *body = json_root(doc);
    check_vector(body);
    if (world.first[0] == 0)
        note(r, world.first);
    buffer_text(&text, "plain ");
    assert_int_equal(base64_decode(json_string(json_get(body, "ciphertext")), &text), OK);
    base64_encode(buffer_slice(&text), &plain);
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "plaintext"), json_put_string(&w, buffer_slice(&plain));
    json_end_object(&w);
    rest_reply(r, 200, "application/json", buffer_slice(&out));
    json_free(&doc);
    buffer_clear(&text);
    buffer_clear(&plain);
    buffer_clear(&out);
}

static const struct rest_route routes[] = {
    {"POST", "/modules/opc/genid/6a/decrypt", decrypt, REST_PUBLIC},
    {"POST", "/modules/opc/genid/6a/encrypt", encrypt, REST_PUBLIC}};
static const struct rest_table table = {"", routes, sizeof routes / sizeof routes[0], NULL, false};
static struct listener *listener;

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(world.server, s);
}

static void open_credentials(uint64_t round_ms)
{
    char uri[64];
    snprintf(uri, sizeof uri, "http://127.0.0.1:%d/", listener_port(listener));
    credentials_free(&world.credentials);
    assert_int_equal(credentials_new(&(struct credentials_config){.loop = world.loop,
                                                                  .uri = uri,
                                                                  .module = "opc",
                                                                  .generation = "6a",
                                                                  .round_ms = round_ms},
                                     &world.credentials),
                     OK);
}

static int start(void **state)
{
    (void)state;
    world.loop = loop_new();
    world.server = rest_server_new(&(struct rest_server_config){
        .loop = world.loop, .tables = &table, .table_count = 1});
    assert_int_equal(listener_open(&(struct listen_config){.loop = world.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &listener),
                     OK);
    open_credentials(0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    config_clear(&world.config);
    credentials_free(&world.credentials);
    listener_close(&listener);
    rest_server_free(&world.server);
    loop_free(&world.loop);
    world = (struct world){0};
    return 0;
}

static enum status settle_text(struct credentials *c, struct slice text)
{
    config_clear(&world.config);
    assert_int_equal(config_read(text, &world.config), OK);
    assert_int_equal(world.config.entry_count, 1);
    return credentials_settle(c, &world.config, world.forced);
}

static enum status settle(struct credentials *c)
{
    return settle_text(c, SLICE(FILE_TEXT));
}

static void on_fetched(void *arg)
{
    (void)arg;
    world.fetched = true;
}

static bool is_fetched(void *arg)
{
    (void)arg;
    return world.fetched;
}

static void fetch(void)
{
    world.fetched = false;
    credentials_fetch(world.credentials, on_fetched, NULL);
    assert_true(loop_run_until(world.loop, is_fetched, NULL, WAIT_MS));
}

static void what_is_encrypted_is_opened_once(void **state)
{
    (void)state;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(settle(world.credentials), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
    assert_slice(world.config.entries[0].password, SLICE("plain secret"));
    assert_int_equal(world.config.entries[0].authentication, AUTHENTICATE_USER);
    assert_int_equal(world.config.finding_count, 0);
    credentials_forget(world.credentials);
    assert_int_equal(settle(world.credentials), OK);
    assert_int_equal(world.asked, 2);
}

static void a_certificate_with_a_password_is_opened_as_one(void **state)
{
    (void)state;
    struct slice text = SLICE(
        "[{\"EndpointUrl\": \"opc.tcp://plc\", \"OpcAuthenticationMode\": \"Certificate\", "
        "\"EncryptedAuthUsername\": \"b3BlcmF0b3I=\", \"EncryptedAuthPassword\": \"c2VjcmV0\"}]");
    assert_int_equal(settle_text(world.credentials, text), AGAIN);
    fetch();
    assert_int_equal(settle_text(world.credentials, text), OK);
    assert_int_equal(world.config.entries[0].authentication, AUTHENTICATE_CERTIFICATE);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
    assert_slice(world.config.entries[0].password, SLICE("plain secret"));
}

/* It is used only with the user. */
static void a_plain_password_goes_with_an_encrypted_user(void **state)
{
    (void)state;
    struct slice text = SLICE(
        "[{\"EndpointUrl\": \"opc.tcp://plc\", \"OpcAuthenticationMode\": \"UsernamePassword\", "
        "\"EncryptedAuthUsername\": \"b3BlcmF0b3I=\", \"OpcAuthenticationPassword\": \"mine\"}]");
    assert_int_equal(settle_text(world.credentials, text), AGAIN);
    fetch();
    assert_int_equal(settle_text(world.credentials, text), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
    assert_slice(world.config.entries[0].password, SLICE("mine"));
    assert_int_equal(settle_text(NULL, text), OK);
    assert_int_equal(world.config.entries[0].password.len, 0);
}

static void assert_nobody(void)
{
    assert_int_equal(world.config.entries[0].authentication, AUTHENTICATE_NOBODY);
    assert_int_equal(world.config.entries[0].user.len, 0);
    assert_int_equal(world.config.finding_count, 1);
    assert_false(world.config.findings[0].refused);
}

static void what_is_refused_is_asked_as_nobody_and_again_with_the_next_file(void **state)
{
    (void)state;
    world.refuses = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(settle(world.credentials), OK);
    assert_nobody();
    world.refuses = false;
    credentials_forget(world.credentials);
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(settle(world.credentials), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
}

/* For the others it would take as long, each. */
static void an_api_that_does_not_answer_is_asked_once_in_a_round(void **state)
{
    (void)state;
    open_credentials(200);
    world.holds = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    credentials_fetch(world.credentials, on_fetched, NULL);
    assert_true(loop_run_until(world.loop, is_fetched, NULL, CREDENTIALS_MS / 2));
    assert_true(world.asked <= 1);
    assert_int_equal(settle(world.credentials), OK);
    assert_nobody();
    world.holds = false;
    for (size_t i = 0; i < world.held_count; i++)
        rest_reply_problem(world.held[i], 503, "too late");
    open_credentials(0);
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(settle(world.credentials), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
}

static bool is_held(void *arg)
{
    (void)arg;
    return world.held_count > 0;
}

static void ask_again(void)
{
    world.fetched = false;
    credentials_ask_again(world.credentials, on_fetched, NULL);
    assert_true(loop_run_until(world.loop, is_fetched, NULL, WAIT_MS));
}

static void what_the_api_did_not_answer_can_be_asked_for_again(void **state)
{
    (void)state;
    world.busy = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(credentials_missing(world.credentials), 2);
    assert_int_equal(settle(world.credentials), OK);
    assert_nobody();
    ask_again();
    assert_int_equal(credentials_missing(world.credentials), 2);
    world.busy = false;
    ask_again();
    assert_int_equal(credentials_missing(world.credentials), 0);
    assert_int_equal(settle(world.credentials), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
}

/* A file that changes meanwhile is not kept waiting, neither by the round nor by what is missing. */
static void a_round_can_be_ended_and_the_next_file_goes_without(void **state)
{
    (void)state;
    world.busy = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(settle(world.credentials), OK);
    world.holds = true;
    world.fetched = false;
    credentials_ask_again(world.credentials, on_fetched, NULL);
    assert_true(loop_run_until(world.loop, is_held, NULL, WAIT_MS));
    credentials_end_round(world.credentials);
    assert_true(world.fetched);
    assert_int_equal(credentials_missing(world.credentials), 2);
    credentials_end_round(world.credentials); /* there is none */
    credentials_next_file(world.credentials);
    assert_int_equal(credentials_missing(world.credentials), 2);
    assert_int_equal(settle(world.credentials), OK);
    assert_nobody();
    world.holds = world.busy = false;
    rest_reply_problem(world.held[0], 503, "too late");
    ask_again();
    assert_int_equal(credentials_missing(world.credentials), 0);
    assert_int_equal(settle(world.credentials), OK);
    assert_slice(world.config.entries[0].user, SLICE("plain operator"));
    credentials_next_file(world.credentials);
    credentials_next_file(world.credentials); /* nobody asked for them */
    assert_int_equal(settle(world.credentials), OK);
}

static void what_the_api_refused_is_not_missing(void **state)
{
    (void)state;
    world.refuses = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(credentials_missing(world.credentials), 0);
}

/* One that is never answered does not keep the others from being opened, be it that all of them were
 * slow once. */
static void what_was_slow_is_asked_for_last(void **state)
{
    (void)state;
    open_credentials(200);
    world.holds = true;
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    assert_int_equal(world.held_count, 1);
    assert_int_equal(credentials_missing(world.credentials), 2);
    assert_int_equal(settle(world.credentials), OK);
    ask_again();
    ask_again();
    assert_int_equal(world.held_count, 3); /* one, the other, the one */
    world.holds = false;
    for (size_t i = 0; i < world.held_count; i++)
        rest_reply_problem(world.held[i], 503, "too late");
    world.first[0] = 0;
    ask_again();
    assert_string_equal(world.first, world.asked_for[1]);
    assert_string_not_equal(world.asked_for[0], world.asked_for[1]);
    assert_string_equal(world.asked_for[0], world.asked_for[2]);
    credentials_forget(world.credentials);
    assert_int_equal(credentials_missing(world.credentials), 0);
}

/* Secrets are in memory only while a file has them. */
static void what_the_last_file_did_not_ask_for_is_forgotten(void **state)
{
    (void)state;
    struct slice other = SLICE("[{\"EndpointUrl\": \"opc.tcp://plc\"}]");
    struct buffer out = {0}, why = {0};
    assert_int_equal(settle(world.credentials), AGAIN);
    fetch();
    credentials_forget(world.credentials);
    assert_int_equal(credentials_seal(world.credentials, other, &out, &why), OK);
    credentials_forget(world.credentials); /* sealing asks for others than settling */
    assert_int_equal(settle(world.credentials), OK);
    credentials_forget(world.credentials);
    assert_int_equal(settle_text(world.credentials, other), OK);
    credentials_forget(world.credentials);
    assert_int_equal(settle(world.credentials), AGAIN);
    buffer_clear(&out);
}

static void without_the_api_the_server_is_asked_as_nobody(void **state)
{
    (void)state;
    assert_int_equal(settle(NULL), OK);
    assert_nobody();
}

static void when_forced_what_cannot_be_opened_is_left_out(void **state)
{
    (void)state;
    world.forced = true;
    assert_int_equal(settle(NULL), OK);
    assert_int_equal(world.config.entry_count, 0);
    assert_int_equal(world.config.node_count, 0);
    assert_int_equal(world.config.refused, 1);
    assert_true(world.config.findings[0].refused);
}

#define PLAIN_TEXT                                                                                 \
    "[{\"EndpointUrl\": \"opc.tcp://plc\", \"OpcAuthenticationMode\": \"UsernamePassword\", "       \
    "\"OpcAuthenticationUsername\": \"operator\", \"OpcAuthenticationPassword\": \"secret\", "     \
    "\"OpcNodes\": [{\"Id\": \"i=2258\"}]}]"

static void what_is_plain_is_encrypted_once(void **state)
{
    (void)state;
    struct buffer out = {0}, why = {0};
    for (int i = 0; i < 2; i++) {
        if (i == 0) {
            assert_int_equal(credentials_seal(world.credentials, SLICE(PLAIN_TEXT), &out, &why), AGAIN);
            assert_true(credentials_wants(world.credentials));
            fetch();
        }
        buffer_reset(&out);
        assert_int_equal(credentials_seal(world.credentials, SLICE(PLAIN_TEXT), &out, &why), OK);
        assert_slice(buffer_slice(&out), SLICE(FILE_TEXT));
        credentials_forget(world.credentials);
    }
    assert_int_equal(world.asked, 2);
    buffer_clear(&out);
}

static void what_the_api_does_not_encrypt_is_refused(void **state)
{
    (void)state;
    struct buffer out = {0}, why = {0};
    world.refuses = true;
    assert_int_equal(credentials_seal(world.credentials, SLICE(PLAIN_TEXT), &out, &why), AGAIN);
    fetch();
    assert_int_equal(credentials_seal(world.credentials, SLICE(PLAIN_TEXT), &out, &why), FORBIDDEN);
    assert_int_equal(out.len, 0);
    buffer_clear(&out);
}

/* Who waits is told, whether it was asked for already or not. */
static void who_waits_is_told_at_the_end(void **state)
{
    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        world.fetched = false;
        assert_int_equal(settle(world.credentials), AGAIN);
        credentials_fetch(world.credentials, on_fetched, NULL);
        if (begun)
            loop_run_until(world.loop, is_fetched, NULL, 0);
        credentials_free(&world.credentials);
        assert_true(world.fetched);
        stop(state);
        start(state);
    }
}

static void an_address_that_is_none_is_refused(void **state)
{
    (void)state;
    struct credentials *c = NULL;
    struct credentials_config config = {
        .loop = world.loop, .uri = "workload.sock", .module = "opc", .generation = "6a"};
    assert_int_equal(credentials_new(&config, &c), BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_encrypted_is_opened_once, start, stop),
        cmocka_unit_test_setup_teardown(a_certificate_with_a_password_is_opened_as_one, start, stop),
        cmocka_unit_test_setup_teardown(a_plain_password_goes_with_an_encrypted_user, start, stop),
        cmocka_unit_test_setup_teardown(
            what_is_refused_is_asked_as_nobody_and_again_with_the_next_file, start, stop),
        cmocka_unit_test_setup_teardown(an_api_that_does_not_answer_is_asked_once_in_a_round, start, stop),
        cmocka_unit_test_setup_teardown(what_the_api_did_not_answer_can_be_asked_for_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_the_api_refused_is_not_missing, start, stop),
        cmocka_unit_test_setup_teardown(a_round_can_be_ended_and_the_next_file_goes_without, start, stop),
        cmocka_unit_test_setup_teardown(what_was_slow_is_asked_for_last, start, stop),
        cmocka_unit_test_setup_teardown(what_the_last_file_did_not_ask_for_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(without_the_api_the_server_is_asked_as_nobody, start, stop),
        cmocka_unit_test_setup_teardown(when_forced_what_cannot_be_opened_is_left_out, start, stop),
        cmocka_unit_test_setup_teardown(what_is_plain_is_encrypted_once, start, stop),
        cmocka_unit_test_setup_teardown(what_the_api_does_not_encrypt_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(who_waits_is_told_at_the_end, start, stop),
        cmocka_unit_test_setup_teardown(an_address_that_is_none_is_refused, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What TLS alone does to streams: see stream_test.c for what all of them do. */
#include <stdatomic.h>

#include "io/stream_rig.h"

/* ---- TLS alone ---- */

static enum status connect_tls(struct pair *p, struct tls_client *client, const char *server_name)
{
    struct connect_config config = {.loop = p->loop,
                                    .host = "127.0.0.1",
                                    .port = listener_port(p->listener),
                                    .tls = client,
                                    .server_name = server_name};
    p->client = (struct peer){0};
    p->client.stream = stream_connect(&config, &events, &p->client);
    assert_true(loop_run_until(p->loop, closed, &p->client, 5000));
    assert_false(p->client.open);
    return p->client.why;
}

static void a_server_that_cannot_be_verified_is_left(void **state)
{
    (void)state;
    struct test_certificates other = test_certificates_make();
    struct pair p = {.tls = true};
    pair_open(&p);
    int accepted = p.accepted;
    assert_int_equal(connect_tls(&p, certificates.tls_client, "other.example"), UNAUTHORIZED);
    assert_int_equal(connect_tls(&p, other.tls_client, NULL), UNAUTHORIZED);
    assert_int_equal(p.accepted, accepted); /* what did not finish its handshake is not told */
    pair_close(&p);
    test_certificates_clear(&other);
}

static void the_clients_certificate_is_told(void **state)
{
    (void)state;
    struct tls_client_config config = {.ca_pem = buffer_slice(&certificates.ca),
                                       .certificate_pem = buffer_slice(&certificates.client),
                                       .key_pem = buffer_slice(&certificates.client_key)};
    struct tls_client *client = NULL;
    assert_int_equal(tls_client_new(&config, &client), OK);
    struct pair p = {.tls = true};
    pair_open(&p);
    assert_int_equal(stream_peer_certificate(p.server.stream).len, 0);
    p.server.open = p.client.open = false;
    struct connect_config connect = {.loop = p.loop,
                                     .host = "127.0.0.1",
                                     .port = listener_port(p.listener),
                                     .tls = client,
                                     .server_name = "localhost"};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    assert_true(loop_run_until(p.loop, both_open, &p, 5000));
    struct certificate_facts facts;
    struct slice own = stream_peer_certificate(p.server.stream), mine = {0};
    assert_true(certificate_next(&own, &mine));
    assert_int_equal(certificate_read(mine, &facts), OK);
    assert_string_equal(facts.common_name, "device-1");
    struct slice shown = stream_peer_certificate(p.client.stream), first = {0};
    assert_true(certificate_next(&shown, &first));
    assert_int_equal(certificate_read(first, &facts), OK);
    assert_string_equal(facts.common_name, "localhost");
    pair_close(&p);
    tls_client_free(&client);
}

static void hang_up(void *arg)
{
    stream_abort(((struct peer *)arg)->stream, CANCELLED);
}

/* A server that speaks no TLS: it says nothing, or something else, or hangs up. */
static void a_server_without_tls_fails_the_handshake(void **state)
{
    (void)state;
    struct pair p = {0};
    pair_open(&p);
    stream_close(p.client.stream);
    assert_true(loop_run_until(p.loop, both_closed, &p, 5000));
    p.server = (struct peer){.echo = true};
    assert_int_equal(connect_tls(&p, certificates.tls_client, NULL), BAD_FORMAT); /* an echo */
    assert_true(loop_run_until(p.loop, closed, &p.server, 5000));
    p.server = (struct peer){0};
    struct connect_config config = {.loop = p.loop,
                                    .host = "127.0.0.1",
                                    .port = listener_port(p.listener),
                                    .tls = certificates.tls_client,
                                    .timeout_ms = 50};
    p.client = (struct peer){0};
    p.client.stream = stream_connect(&config, &events, &p.client); /* silence */
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    assert_int_equal(p.client.why, TIMED_OUT);
    assert_true(loop_run_until(p.loop, closed, &p.server, 5000));
    p.server = (struct peer){.then = hang_up, .then_arg = &p.server};
    assert_int_equal(connect_tls(&p, certificates.tls_client, NULL), IO_FAILED);
    pair_close(&p);
}

static void noise_for_a_tls_listener_is_not_accepted(void **state)
{
    (void)state;
    struct pair p = {.tls = true};
    pair_open(&p);
    int accepted = p.accepted;
    struct connect_config config = {
        .loop = p.loop, .host = "127.0.0.1", .port = listener_port(p.listener)};
    p.client = (struct peer){0};
    p.client.stream = stream_connect(&config, &events, &p.client);
    stream_write(p.client.stream, SLICE("GET / HTTP/1.1\r\n\r\n"));
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    assert_int_equal(p.accepted, accepted);
    pair_close(&p);
}

static void a_listener_may_close_in_the_middle_of_handshakes(void **state)
{
    (void)state;
    struct pair p = {.tls = true};
    pair_open(&p);
    struct connect_config config = {
        .loop = p.loop, .host = "127.0.0.1", .port = listener_port(p.listener)};
    p.client = (struct peer){0};
    p.client.stream = stream_connect(&config, &events, &p.client);
    bool tick = false;
    for (int turns = 0; turns < 5; turns++, tick = false) {
        loop_defer(p.loop, set, &tick);
        assert_true(loop_run_until(p.loop, is_set, &tick, 1000));
    }
    listener_close(&p.listener);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    pair_close(&p);
}

/* ---- many loops ---- */

struct turns {
    struct loop *loops[2];
    atomic_int accepted[2];
};

static void turns_accept(void *arg, struct stream *s)
{
    struct turns *t = arg;
    t->accepted[stream_loop(s) == t->loops[1]]++;
    stream_abort(s, CANCELLED);
}

static void *run_other(void *arg)
{
    loop_run(arg);
    return NULL;
}

/* The handshakes too: on_accept comes on the loop that made them. */
static void loops_take_turns_with_connections(void **state)
{
    (void)state;
    struct turns t = {.loops = {loop_new(), loop_new()}};
    struct pair p = {.loop = t.loops[0], .tls = true};
    struct listen_config config = {.loop = t.loops[0],
                                   .host = "127.0.0.1",
                                   .tls = certificates.tls_server,
                                   .loops = t.loops,
                                   .loop_count = 2,
                                   .on_accept = turns_accept,
                                   .arg = &t};
    pthread_t thread;
    assert_int_equal(listener_open(&config, &p.listener), OK);
    assert_int_equal(pthread_create(&thread, NULL, run_other, t.loops[1]), 0);
    for (int i = 0; i < 6; i++) {
        p.client = (struct peer){0};
        pair_connect(&p);
        assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    }
    loop_stop(t.loops[1]);
    pthread_join(thread, NULL);
    assert_int_equal(t.accepted[0], 3);
    assert_int_equal(t.accepted[1], 3);
    listener_close(&p.listener);
    loop_free(&t.loops[1]);
    pair_close(&p);
}

int main(void)
{
    certificates = test_certificates_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_cannot_be_verified_is_left),
        cmocka_unit_test(the_clients_certificate_is_told),
        cmocka_unit_test(a_server_without_tls_fails_the_handshake),
        cmocka_unit_test(noise_for_a_tls_listener_is_not_accepted),
        cmocka_unit_test(a_listener_may_close_in_the_middle_of_handshakes),
        cmocka_unit_test(loops_take_turns_with_connections),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_certificates_clear(&certificates);
    return failed;
}

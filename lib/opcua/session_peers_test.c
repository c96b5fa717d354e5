/* Peers that are no servers. */
#include "opcua/secure_rig.h"

/* ---- servers that are none ---- */

enum peer { PEER_CLOSES, PEER_TALKS_NONSENSE, PEER_IS_SILENT };

struct bad_server {
    struct world *world;
    struct listener *listener;
    enum peer peer;
    int accepted;
    struct stream *streams[64];
};

static void ignore_data(void *arg, struct slice bytes)
{
    struct bad_server *b = arg;
    if (b->peer != PEER_TALKS_NONSENSE)
        return;
    for (int i = 0; i < 64; i++)
        if (b->streams[i])
            stream_write(b->streams[i],
                         SLICE("ACKF\xff\xff\xff\xff this is not the protocol that you look for"));
    (void)bytes;
}

static void forget(void *arg, enum status why)
{
    struct bad_server *b = arg;
    (void)why;
    memset(b->streams, 0, sizeof b->streams); /* a test has one client: one at a time */
}

static void on_accept(void *arg, struct stream *s)
{
    static const struct stream_events events = {.on_data = ignore_data, .on_close = forget};
    struct bad_server *b = arg;
    b->streams[b->accepted++ % 64] = s;
    stream_events(s, &events, b);
    if (b->peer == PEER_CLOSES)
        stream_close(s);
}

static bool has_failed_thrice(void *arg)
{
    return ((struct world *)arg)->failed >= 3;
}

/* It fails, says so, waits longer each time, and never spins. */
static void a_bad_server_is_tried_again_with_patience(enum peer peer)
{
    try_ms = peer == PEER_IS_SILENT ? 100 : 0;
    struct world *w = world_new(false, false);
    try_ms = 0;
    struct bad_server bad = {.world = w, .peer = peer};
    struct listen_config listen = {
        .loop = w->loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = &bad};
    assert_int_equal(listener_open(&listen, &bad.listener), OK);
    snprintf(w->url, sizeof w->url, "opc.tcp://127.0.0.1:%d", listener_port(bad.listener));
    get_session(w, (struct opcua_connection){0});
    WAIT_FOR(has_failed_thrice, w);
    assert_int_equal(w->failed, 3);
    assert_true(bad.accepted <= 3 * 4);
    assert_int_equal(opcua_session_state(w->session), OPCUA_SESSION_WAITING);
    const char *text;
    assert_int_not_equal(opcua_session_error(w->session, &text), UA_STATUSCODE_GOOD);
    assert_true(strlen(text) > 0);
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
    WAIT_FOR(has_no_sessions, w);
    listener_close(&bad.listener);
    world_free(w);
}

static void a_server_that_closes_at_once(void **state)
{
    (void)state;
    a_bad_server_is_tried_again_with_patience(PEER_CLOSES);
}

static void a_server_that_talks_nonsense(void **state)
{
    (void)state;
    a_bad_server_is_tried_again_with_patience(PEER_TALKS_NONSENSE);
}

static void a_server_that_says_nothing(void **state)
{
    (void)state;
    a_bad_server_is_tried_again_with_patience(PEER_IS_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_closes_at_once),
        cmocka_unit_test(a_server_that_talks_nonsense),
        cmocka_unit_test(a_server_that_says_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

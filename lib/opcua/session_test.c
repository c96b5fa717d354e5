/* A session: how it comes, goes, and is called on. */
#include <fcntl.h>

#include "opcua/secure_rig.h"

static void it_becomes_ready_and_knows_the_server(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){0});
    assert_int_equal(opcua_session_state(w->session), OPCUA_SESSION_CONNECTING);
    WAIT_FOR(is_ready, w);
    assert_int_equal(w->ready, 1);
    assert_false(w->same);
    const struct opcua_namespaces *names = opcua_session_namespaces(w->session);
    assert_int_equal(names->count, 3);
    assert_slice(opcua_slice(names->uris[2]), SLICE(SPACE));
    assert_slice(opcua_session_application_uri(w->session), SLICE("urn:millrace:plant"));
    world_free(w);
}

static void a_call_is_answered(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){0});
    read_answer(w, OPCUA_CALL_WHEN_READY, 0);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->status, UA_STATUSCODE_GOOD);
    assert_int_equal(w->value, 42);
    world_free(w);
}

static void a_call_that_may_not_wait_fails_at_once(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    get_session(w, (struct opcua_connection){0});
    read_answer(w, OPCUA_CALL_NOW, 0);
    assert_int_equal(w->answers, 0); /* not before the call returned */
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->status, UA_STATUSCODE_BADNOTCONNECTED);
    world_free(w);
}

static void a_call_that_waits_has_an_end(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    get_session(w, (struct opcua_connection){0});
    read_answer(w, OPCUA_CALL_WHEN_READY, 50);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->status, UA_STATUSCODE_BADTIMEOUT);
    world_free(w);
}

static void a_cancelled_call_is_not_answered(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){0});
    opcua_call_cancel(read_answer(w, OPCUA_CALL_WHEN_READY, 0)); /* waits for the session */
    opcua_call_cancel(read_answer(w, OPCUA_CALL_NOW, 0));        /* has failed already */
    WAIT_FOR(is_ready, w);
    opcua_call_cancel(read_answer(w, OPCUA_CALL_NOW, 0)); /* is under way */
    read_answer(w, OPCUA_CALL_NOW, 0);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->answers, 1);
    world_free(w);
}

static void calls_are_bounded(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    get_session(w, (struct opcua_connection){0});
    for (int i = 0; i < OPCUA_SESSION_CALLS_MAX; i++)
        read_answer(w, OPCUA_CALL_WHEN_READY, 60000);
    read_answer(w, OPCUA_CALL_WHEN_READY, 60000);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->status, UA_STATUSCODE_BADTOOMANYOPERATIONS);
    world_free(w); /* the others end with BadShutdown */
}

static void the_same_connection_is_the_same_session(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    get_session(w, (struct opcua_connection){.user = SLICE("a"), .password = SLICE("b")});
    struct opcua_connection c = {
        .endpoint_url = slice_of(w->url), .user = SLICE("a"), .password = SLICE("b")};
    struct opcua_session *again = opcua_session_get(w->thread, &c);
    c.password = SLICE("c");
    struct opcua_session *other = opcua_session_get(w->thread, &c);
    assert_ptr_equal(again, w->session);
    assert_ptr_not_equal(other, w->session);
    opcua_session_unref(&again);
    opcua_session_unref(&other);
    world_free(w);
}

static void it_comes_back_after_the_server_was_away(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){0});
    WAIT_FOR(is_ready, w);
    restart_server(w);
    WAIT_FOR(was_lost, w);
    WAIT_FOR(is_ready, w);
    assert_false(w->same); /* a restarted server knows no session of before */
    read_answer(w, OPCUA_CALL_NOW, 0);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->value, 42);
    world_free(w);
}

static void it_says_why_it_cannot_connect(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(
        w, (struct opcua_server_config){.user = "u", .password = "p", .plain_password = true});
    get_session(w, (struct opcua_connection){.user = SLICE("u"), .password = SLICE("wrong")});
    WAIT_FOR(has_failed, w);
    const char *text;
    assert_int_equal(opcua_session_error(w->session, &text), UA_STATUSCODE_BADUSERACCESSDENIED);
    assert_non_null(strstr(text, "password"));
    assert_int_equal(opcua_session_state(w->session), OPCUA_SESSION_WAITING);
    world_free(w);
}

static bool has_failed_often(void *arg)
{
    return ((struct world *)arg)->failed >= 4;
}

/* A server that is away for days would fill the log. */
static void a_server_that_is_away_is_a_warning_once(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    int log[2], was = dup(STDERR_FILENO);
    assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(log[1], STDERR_FILENO);
    get_session(w, (struct opcua_connection){0});
    bool failed = loop_run_until(w->loop, has_failed_often, w, WAIT_MS);
    dup2(was, STDERR_FILENO);
    char lines[4096] = "";
    ssize_t n = read(log[0], lines, sizeof lines - 1);
    close(log[0]), close(log[1]), close(was);
    assert_true(failed);
    assert_true(n > 0);
    const char *first = strstr(lines, "cannot connect");
    assert_non_null(first);
    assert_non_null(strstr(first, "reason=ECONNREFUSED"));
    assert_null(strstr(first + 1, "cannot connect"));
    assert_non_null(strstr(lines, "opcua session failed"));
    world_free(w);
}

static void it_is_kept_for_its_lease_and_then_closed(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){0});
    WAIT_FOR(is_ready, w);
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
    get_session(w, (struct opcua_connection){0});
    assert_true(is_ready(w)); /* still the same */
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
    WAIT_FOR(has_no_sessions, w);
    world_free(w);
}

/* ---- on a thread of its own ---- */

struct errand {
    struct world *world;
    bool ran;
};

static void run_errand(void *arg)
{
    ((struct errand *)arg)->ran = true;
}

static void posts_run_on_its_own_thread(void **state)
{
    (void)state;
    struct opcua_thread *t = opcua_thread_new(&(struct opcua_thread_config){.name = "test"});
    struct errand e = {0};
    opcua_thread_run(t, run_errand, &e);
    assert_true(e.ran);
    opcua_thread_free(&t);
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_becomes_ready_and_knows_the_server),
        cmocka_unit_test(a_call_is_answered),
        cmocka_unit_test(a_call_that_may_not_wait_fails_at_once),
        cmocka_unit_test(a_call_that_waits_has_an_end),
        cmocka_unit_test(a_cancelled_call_is_not_answered),
        cmocka_unit_test(calls_are_bounded),
        cmocka_unit_test(the_same_connection_is_the_same_session),
        cmocka_unit_test(it_comes_back_after_the_server_was_away),
        cmocka_unit_test(it_says_why_it_cannot_connect),
        cmocka_unit_test(a_server_that_is_away_is_a_warning_once),
        cmocka_unit_test(it_is_kept_for_its_lease_and_then_closed),
        cmocka_unit_test(posts_run_on_its_own_thread),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

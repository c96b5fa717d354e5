#include "opcua/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "crypto/certificate.h"
#include "crypto/identity.h"
#include "io/stream.h"
#include "opcua/endpoint.h"
#include "opcua/pki_store.h"
#include "opcua/server.h"
#include "opcua/thread_priv.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define SPACE "urn:test"

/* One loop for thread and test: what the test waits for happens inside loop_run_until(). */
struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_pki *pki, *server_pki;
    struct opcua_server *server;
    struct opcua_session *session;
    struct opcua_session_listener listener;
    char url[128], directory[64];
    int ready, lost, failed, answers;
    bool same;
    UA_StatusCode status;
    UA_Int32 value;
};

static void on_ready(void *arg, bool same)
{
    struct world *w = arg;
    w->ready++;
    w->same = same;
}

static void on_lost(void *arg, UA_StatusCode why)
{
    struct world *w = arg;
    w->lost++;
    w->status = why;
}

static void on_failed(void *arg, UA_StatusCode why)
{
    struct world *w = arg;
    w->failed++;
    w->status = why;
}

static void start_server_at(struct world *w, struct opcua_server_config config)
{
    config.host = "127.0.0.1";
    assert_int_equal(opcua_server_open(&config, &w->server), OK);
    uint16_t space = opcua_server_namespace(w->server, SPACE);
    UA_Int32 answer = 42;
    opcua_server_add_variable(w->server, (struct opcua_place){0},
                              (struct opcua_place){space, "Answer"}, "Answer", &answer,
                              &UA_TYPES[UA_TYPES_INT32], true);
    assert_int_equal(opcua_server_start(w->server), OK);
    snprintf(w->url, sizeof w->url, "%s", opcua_server_url(w->server));
}

static void restart_server(struct world *w)
{
    opcua_server_close(&w->server);
    start_server_at(w, (struct opcua_server_config){.port = atoi(strrchr(w->url, ':') + 1)});
}

static void get_session(struct world *w, struct opcua_connection c)
{
    c.endpoint_url = slice_of(w->url);
    w->session = opcua_session_get(w->thread, &c);
    w->listener = (struct opcua_session_listener){
        .on_ready = on_ready, .on_lost = on_lost, .on_failed = on_failed, .arg = w};
    opcua_session_listen(w->session, &w->listener);
}

static bool is_ready(void *arg)
{
    struct world *w = arg;
    return opcua_session_state(w->session) == OPCUA_SESSION_READY;
}

static bool has_failed(void *arg)
{
    return ((struct world *)arg)->failed > 0;
}

static bool was_lost(void *arg)
{
    return ((struct world *)arg)->lost > 0;
}

static bool has_answer(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

#define WAIT_FOR(condition, w) assert_true(loop_run_until((w)->loop, (condition), (w), WAIT_MS))

static void on_answer(void *arg, UA_StatusCode status, void *response)
{
    struct world *w = arg;
    UA_ReadResponse *r = response;
    w->answers++;
    w->status = status;
    if (r && r->resultsSize == 1 &&
        UA_Variant_hasScalarType(&r->results[0].value, &UA_TYPES[UA_TYPES_INT32]))
        w->value = *(UA_Int32 *)r->results[0].value.data;
}

static struct opcua_call *read_answer(struct world *w, enum opcua_call_when when,
                                      uint32_t timeout_ms)
{
    UA_ReadValueId id = {.nodeId = UA_NODEID_STRING(2, "Answer"),
                         .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.nodesToReadSize = 1, .nodesToRead = &id};
    w->answers = 0;
    return OPCUA_CALL(w->session, when, READ, &request, on_answer, w, timeout_ms);
}

/* What a first start makes, made once for all tests: RSA keys take their time. */
static char made[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(made, "/tmp/opcua_session_XXXXXX");
    return mkdtemp(made) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", made);
    return system(command);
}

static void open_pki(const char *folder, const char *name, bool trust_all, struct opcua_pki **out)
{
    char path[128], uri[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(uri, sizeof uri, "urn:test:%s", name);
    struct opcua_pki_config config = {
        .directory = path, .application_uri = uri, .trust_all = trust_all};
    assert_int_equal(opcua_pki_open(&config, out), OK);
}

static void set_up_pki(struct world *w, const char *name, bool trust_all, struct opcua_pki **out)
{
    char command[256];
    snprintf(command, sizeof command, "%s/%s", made, name);
    if (access(command, F_OK) != 0) {
        open_pki(made, name, false, out);
        opcua_pki_close(out);
    }
    snprintf(command, sizeof command, "cp -r %s/%s %s/", made, name, w->directory);
    assert_int_equal(system(command), 0);
    open_pki(w->directory, name, trust_all, out);
}

static uint32_t try_ms; /* of the next world; 0: as usual */

static struct world *world_new(bool with_pki, bool client_trusts)
{
    struct world *w = MEMORY_NEW(struct world);
    strcpy(w->directory, "/tmp/opcua_session_XXXXXX");
    assert_non_null(mkdtemp(w->directory));
    if (with_pki) {
        set_up_pki(w, "client", client_trusts, &w->pki);
        set_up_pki(w, "server", true, &w->server_pki);
    }
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){
        .loop = w->loop, .pki = w->pki, .lease_ms = 1, .try_ms = try_ms});
    return w;
}

static void world_free(struct world *w)
{
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    opcua_server_close(&w->server);
    opcua_pki_close(&w->pki);
    opcua_pki_close(&w->server_pki);
    loop_free(&w->loop);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", w->directory);
    assert_int_equal(system(command), 0);
    free(w);
}

/* ---- */

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

static void a_user_name_is_accepted(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    start_server_at(
        w, (struct opcua_server_config){
               .user = "u", .password = "p", .plain_password = true, .refuse_anonymous = true});
    get_session(w, (struct opcua_connection){.user = SLICE("u"), .password = SLICE("p")});
    WAIT_FOR(is_ready, w);
    world_free(w);
}

static void session_works(struct world *w, struct opcua_connection c)
{
    get_session(w, c);
    read_answer(w, OPCUA_CALL_WHEN_READY, 0);
    WAIT_FOR(has_answer, w);
    assert_int_equal(w->value, 42);
    opcua_session_unlisten(&w->listener);
    opcua_session_unref(&w->session);
}

static void secure_sessions_work(struct opcua_connection c)
{
    struct world *w = world_new(true, true);
    start_server_at(w,
                    (struct opcua_server_config){
                        .pki = w->server_pki, .refuse_none = true, .user = "u", .password = "p"});
    session_works(w, c);
    world_free(w);
}

static const char *const policies[] = {"Basic256Sha256", "Aes128_Sha256_RsaOaep",
                                       "Aes256_Sha256_RsaPss"};

static void each_policy_works_signed_and_encrypted(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki, .refuse_none = true});
    for (int i = 0; i < 3; i++) {
        struct opcua_connection c = {.security = OPCUA_SECURITY_SIGN,
                                     .security_policy = slice_of(policies[i])};
        session_works(w, c);
        c.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT;
        char uri[128];
        snprintf(uri, sizeof uri, "%s%s", OPCUA_POLICY_PREFIX, policies[i]);
        c.security_policy = slice_of(uri);
        session_works(w, c);
    }
    world_free(w);
}

static void a_password_is_encrypted_under_each_policy(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    for (int i = 0; i < 3; i++) {
        opcua_server_close(&w->server);
        start_server_at(w, (struct opcua_server_config){.pki = w->server_pki,
                                                        .user = "u",
                                                        .password = "p",
                                                        .user_policy = policies[i],
                                                        .refuse_anonymous = true});
        struct opcua_connection c = {.user = SLICE("u"), .password = SLICE("p")};
        session_works(w, c); /* the channel needs no security for that */
        c.security = OPCUA_SECURITY_SIGN;
        c.security_policy = SLICE("Basic256Sha256");
        session_works(w, c);
    }
    world_free(w);
}

/* The channel is open to all, but the password is encrypted: for whom must be known. */
static void a_password_is_not_encrypted_for_a_stranger(void **state)
{
    (void)state;
    struct world *w = world_new(true, false);
    start_server_at(
        w, (struct opcua_server_config){.pki = w->server_pki, .user = "u", .password = "p"});
    get_session(w, (struct opcua_connection){.user = SLICE("u"), .password = SLICE("p")});
    WAIT_FOR(has_failed, w);
    assert_int_equal(opcua_session_error(w->session, NULL), UA_STATUSCODE_BADCERTIFICATEUNTRUSTED);
    world_free(w);
}

/* ---- users with certificates ---- */

static void make_user(struct world *w, const char *password)
{
    struct certificate_ask ask = {.common_name = "operator",
                                  .uri = "urn:operator",
                                  .wall_ms = clock_wall_ms(),
                                  .days = 30,
                                  .key = KEY_RSA_2048};
    struct buffer pem = {0}, key_pem = {0}, der = {0}, key = {0}, pfx = {0};
    assert_int_equal(certificate_make_application(&ask, &pem, &key_pem), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(key_der(buffer_slice(&key_pem), &key), OK);
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), password, &pfx), OK);
    assert_int_equal(opcua_pki_add(w->pki, OPCUA_PKI_USERS, buffer_slice(&pfx), password), OK);
    assert_int_equal(opcua_pki_add(w->server_pki, OPCUA_PKI_USERS, buffer_slice(&der), NULL), OK);
    struct buffer *all[] = {&pem, &key_pem, &der, &key, &pfx};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buffer_clear(all[i]);
}

static void a_user_with_a_certificate_is_accepted_under_each_policy(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    make_user(w, "secret");
    for (int i = 0; i < 3; i++) {
        opcua_server_close(&w->server);
        start_server_at(w, (struct opcua_server_config){.pki = w->server_pki,
                                                        .user_policy = policies[i],
                                                        .refuse_anonymous = true});
        struct opcua_connection c = {.user = SLICE("CN=operator"),
                                     .password = SLICE("secret"),
                                     .certificate_user = true};
        session_works(w, c);
        c.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT;
        session_works(w, c);
    }
    world_free(w);
}

static void a_user_whose_certificate_is_missing_is_told_so(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_SIGN,
                                             .user = SLICE("CN=nobody"),
                                             .certificate_user = true});
    WAIT_FOR(has_failed, w);
    const char *text;
    assert_int_equal(opcua_session_error(w->session, &text), UA_STATUSCODE_BADCERTIFICATEINVALID);
    assert_non_null(strstr(text, "users/certs"));
    world_free(w);
}

/* Known by its certificate, but the server does not let it in. */
static void a_user_that_the_server_does_not_trust_is_refused(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    make_user(w, NULL);
    assert_int_equal(opcua_pki_remove_all(w->server_pki, OPCUA_PKI_USERS), OK);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_SIGN,
                                             .user = SLICE("operator"),
                                             .certificate_user = true});
    WAIT_FOR(has_failed, w);
    assert_int_not_equal(opcua_session_state(w->session), OPCUA_SESSION_READY);
    world_free(w);
}

/* ---- a server with a new certificate ---- */

static void a_server_with_a_new_certificate_is_asked_again(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki, .refuse_none = true});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_SIGN});
    WAIT_FOR(is_ready, w);
    int port = atoi(strrchr(w->url, ':') + 1);
    opcua_server_close(&w->server);
    WAIT_FOR(was_lost, w);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s/server/own", w->directory);
    assert_int_equal(system(command), 0);
    opcua_pki_close(&w->server_pki);
    open_pki(w->directory, "server", true, &w->server_pki);
    start_server_at(w, (struct opcua_server_config){
                           .pki = w->server_pki, .refuse_none = true, .port = port});
    WAIT_FOR(is_ready, w);
    world_free(w);
}

static void what_a_server_does_not_offer_is_said(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki, .refuse_none = true});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_NONE});
    WAIT_FOR(has_failed, w);
    const char *text;
    assert_int_equal(opcua_session_error(w->session, &text), UA_STATUSCODE_BADSECURITYMODEREJECTED);
    assert_non_null(strstr(text, "mode None"));
    assert_non_null(strstr(text, "SignAndEncrypt Aes256_Sha256_RsaPss"));
    world_free(w);
}

static void signing_works(void **state)
{
    (void)state;
    secure_sessions_work((struct opcua_connection){.security = OPCUA_SECURITY_SIGN});
}

static void encryption_with_a_user_name_works(void **state)
{
    (void)state;
    secure_sessions_work((struct opcua_connection){.security = OPCUA_SECURITY_NOT_NONE,
                                                   .security_policy = SLICE("Basic256Sha256"),
                                                   .user = SLICE("u"),
                                                   .password = SLICE("p")});
}

static void the_best_is_taken_from_what_there_is(void **state)
{
    (void)state;
    secure_sessions_work((struct opcua_connection){.security = OPCUA_SECURITY_BEST});
}

/* Nothing is trusted by itself; moving the rejected file does it, without a restart. */
static void a_server_is_trusted_by_moving_its_certificate(void **state)
{
    (void)state;
    struct world *w = world_new(true, false);
    start_server_at(w, (struct opcua_server_config){.pki = w->server_pki});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT});
    WAIT_FOR(has_failed, w);
    const char *text;
    assert_int_equal(opcua_session_error(w->session, &text), UA_STATUSCODE_BADCERTIFICATEUNTRUSTED);
    assert_non_null(strstr(text, "trusted/certs"));
    char command[256];
    snprintf(command, sizeof command, "mv %s/client/rejected/certs/* %s/client/trusted/certs/",
             w->directory, w->directory);
    assert_int_equal(system(command), 0);
    WAIT_FOR(is_ready, w);
    world_free(w);
}

static void no_security_is_refused_when_some_is_asked_for(void **state)
{
    (void)state;
    struct world *w = world_new(true, true);
    start_server_at(w, (struct opcua_server_config){0});
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_NOT_NONE});
    WAIT_FOR(has_failed, w);
    assert_int_equal(opcua_session_error(w->session, NULL), UA_STATUSCODE_BADSECURITYMODEREJECTED);
    world_free(w);
}

static void without_a_certificate_nothing_secure_is_tried(void **state)
{
    (void)state;
    struct world *w = world_new(false, false);
    strcpy(w->url, "opc.tcp://127.0.0.1:1");
    get_session(w, (struct opcua_connection){.security = OPCUA_SECURITY_SIGN});
    WAIT_FOR(has_failed, w);
    assert_int_equal(opcua_session_error(w->session, NULL), UA_STATUSCODE_BADSECURITYMODEREJECTED);
    world_free(w);
}

static bool has_no_sessions(void *arg)
{
    return list_empty(&((struct world *)arg)->thread->sessions);
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
        cmocka_unit_test(a_user_name_is_accepted),
        cmocka_unit_test(signing_works),
        cmocka_unit_test(each_policy_works_signed_and_encrypted),
        cmocka_unit_test(a_password_is_encrypted_under_each_policy),
        cmocka_unit_test(a_password_is_not_encrypted_for_a_stranger),
        cmocka_unit_test(what_a_server_does_not_offer_is_said),
        cmocka_unit_test(a_user_with_a_certificate_is_accepted_under_each_policy),
        cmocka_unit_test(a_user_whose_certificate_is_missing_is_told_so),
        cmocka_unit_test(a_user_that_the_server_does_not_trust_is_refused),
        cmocka_unit_test(a_server_with_a_new_certificate_is_asked_again),
        cmocka_unit_test(encryption_with_a_user_name_works),
        cmocka_unit_test(the_best_is_taken_from_what_there_is),
        cmocka_unit_test(a_server_is_trusted_by_moving_its_certificate),
        cmocka_unit_test(no_security_is_refused_when_some_is_asked_for),
        cmocka_unit_test(without_a_certificate_nothing_secure_is_tried),
        cmocka_unit_test(it_is_kept_for_its_lease_and_then_closed),
        cmocka_unit_test(a_server_that_closes_at_once),
        cmocka_unit_test(a_server_that_talks_nonsense),
        cmocka_unit_test(a_server_that_says_nothing),
        cmocka_unit_test(posts_run_on_its_own_thread),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

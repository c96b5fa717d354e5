/* Policies, users and certificates of sessions, and what is said of those that do not fit. */
#include "opcua/secure_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

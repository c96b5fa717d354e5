#include "opcua/endpoint.h"

#include <stdlib.h>

#include "base/cmocka.h"

#define URI(name) UA_STRING_STATIC(OPCUA_POLICY_PREFIX name)
#define CERTIFICATE                                                                                \
    {                                                                                              \
        1, (UA_Byte *)"c"                                                                          \
    }

static UA_UserTokenPolicy everybody[] = {
    {.tokenType = UA_USERTOKENTYPE_ANONYMOUS},
    {.tokenType = UA_USERTOKENTYPE_USERNAME},
    {.tokenType = UA_USERTOKENTYPE_USERNAME, .securityPolicyUri = URI("Basic256Sha256")},
    {.tokenType = UA_USERTOKENTYPE_CERTIFICATE, .securityPolicyUri = URI("Aes128_Sha256_RsaOaep")},
};

#define ENDPOINT(mode, name, level)                                                                \
    {                                                                                              \
        .securityMode = UA_MESSAGESECURITYMODE_##mode, .securityPolicyUri = URI(name),             \
        .securityLevel = (level), .serverCertificate = CERTIFICATE, .userIdentityTokensSize = 4,   \
        .userIdentityTokens = everybody                                                            \
    }

static UA_EndpointDescription offers[] = {
    ENDPOINT(NONE, "None", 0),
    ENDPOINT(SIGN, "Basic256Sha256", 9),
    ENDPOINT(SIGNANDENCRYPT, "Basic256", 9),
    ENDPOINT(SIGNANDENCRYPT, "Aes256_Sha256_RsaPss", 1),
    ENDPOINT(SIGNANDENCRYPT, "Basic256Sha256", 2),
    ENDPOINT(SIGNANDENCRYPT, "Aes128_Sha256_RsaOaep", 2),
};

static struct opcua_endpoint_choice choice;
static char reason[OPCUA_ENDPOINT_REASON_MAX];

static UA_StatusCode choose(struct opcua_endpoint_wish wish)
{
    choice = (struct opcua_endpoint_choice){.endpoint = 99, .token = 99};
    reason[0] = 0;
    return opcua_endpoint_choose(offers, sizeof offers / sizeof offers[0], &wish, &choice, reason);
}

static void takes(struct opcua_endpoint_wish wish, size_t endpoint, size_t token)
{
    assert_int_equal(choose(wish), UA_STATUSCODE_GOOD);
    assert_int_equal(choice.endpoint, endpoint);
    assert_int_equal(choice.token, token);
}

static void the_best_is_encrypted_then_what_the_server_ranks_then_the_stronger_policy(void **state)
{
    (void)state;
    takes((struct opcua_endpoint_wish){.security = OPCUA_SECURITY_BEST, .has_certificate = true}, 4,
          0);
    takes(
        (struct opcua_endpoint_wish){.security = OPCUA_SECURITY_NOT_NONE, .has_certificate = true},
        4, 0);
    takes((struct opcua_endpoint_wish){.security = OPCUA_SECURITY_SIGN, .has_certificate = true}, 1,
          0);
    takes((struct opcua_endpoint_wish){.security = OPCUA_SECURITY_BEST}, 0, 0);
}

static void a_policy_is_named_by_its_uri_or_its_last_word(void **state)
{
    (void)state;
    struct opcua_endpoint_wish wish = {.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT,
                                       .policy = SLICE("aes256_sha256_rsapss"),
                                       .has_certificate = true};
    takes(wish, 3, 0);
    wish.policy = SLICE(OPCUA_POLICY_PREFIX "Aes128_Sha256_RsaOaep");
    takes(wish, 5, 0);
}

static void a_password_is_encrypted_where_that_is_offered(void **state)
{
    (void)state;
    struct opcua_endpoint_wish wish = {
        .security = OPCUA_SECURITY_NONE, .user = OPCUA_USER_NAME, .has_certificate = true};
    takes(wish, 0, 2);
    assert_false(choice.plain_password);
    assert_int_equal(choice.user_policy.length, everybody[2].securityPolicyUri.length);
    wish.has_certificate = false; /* then it cannot be, and that is said */
    takes(wish, 0, 1);
    assert_true(choice.plain_password);
    assert_int_equal(choice.user_policy.length, 0);
    wish = (struct opcua_endpoint_wish){.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT,
                                        .policy = SLICE("Aes256_Sha256_RsaPss"),
                                        .user = OPCUA_USER_NAME,
                                        .has_certificate = true};
    takes(wish, 3, 1); /* the endpoint's own policy is the stronger one */
    assert_false(choice.plain_password);
}

static void a_certificate_user_has_a_policy(void **state)
{
    (void)state;
    struct opcua_endpoint_wish wish = {
        .security = OPCUA_SECURITY_NONE, .user = OPCUA_USER_CERTIFICATE, .has_certificate = true};
    takes(wish, 0, 3);
    assert_int_equal(choice.user_policy.length, everybody[3].securityPolicyUri.length);
}

static void it_says_what_the_server_offers(void **state)
{
    (void)state;
    struct opcua_endpoint_wish wish = {.security = OPCUA_SECURITY_SIGN,
                                       .policy = SLICE("Aes256_Sha256_RsaPss"),
                                       .has_certificate = true};
    assert_int_equal(choose(wish), UA_STATUSCODE_BADSECURITYPOLICYREJECTED);
    assert_non_null(strstr(reason, "mode Sign with Aes256_Sha256_RsaPss"));
    assert_non_null(strstr(reason, "Sign Basic256Sha256"));
    wish.policy = SLICE("Basic256");
    wish.security = OPCUA_SECURITY_SIGN_AND_ENCRYPT;
    assert_int_equal(choose(wish), UA_STATUSCODE_BADSECURITYPOLICYREJECTED);
    assert_non_null(strstr(reason, "not spoken here"));
}

static void it_says_that_the_user_is_not_accepted(void **state)
{
    (void)state;
    UA_EndpointDescription anonymous = offers[0];
    anonymous.userIdentityTokensSize = 1;
    struct opcua_endpoint_wish wish = {.security = OPCUA_SECURITY_NONE, .user = OPCUA_USER_NAME};
    assert_int_equal(opcua_endpoint_choose(&anonymous, 1, &wish, &choice, reason),
                     UA_STATUSCODE_BADIDENTITYTOKENREJECTED);
    assert_non_null(strstr(reason, "user names"));
}

static void it_says_that_a_certificate_is_lacking(void **state)
{
    (void)state;
    assert_int_equal(choose((struct opcua_endpoint_wish){.security = OPCUA_SECURITY_SIGN}),
                     UA_STATUSCODE_BADSECURITYMODEREJECTED);
    assert_non_null(strstr(reason, "own certificate"));
}

static void an_empty_answer_is_no_choice(void **state)
{
    (void)state;
    struct opcua_endpoint_wish wish = {.security = OPCUA_SECURITY_BEST};
    assert_int_not_equal(opcua_endpoint_choose(NULL, 0, &wish, &choice, reason),
                         UA_STATUSCODE_GOOD);
    UA_EndpointDescription odd = {.securityMode = (UA_MessageSecurityMode)77};
    assert_int_not_equal(opcua_endpoint_choose(&odd, 1, &wish, &choice, reason),
                         UA_STATUSCODE_GOOD);
    assert_non_null(strstr(reason, "Invalid"));
}

static void the_path_is_the_servers_and_the_host_is_where_it_was_found(void **state)
{
    (void)state;
    char *url =
        opcua_endpoint_url(SLICE("opc.tcp://10.0.0.1:4840/x"), SLICE("opc.tcp://plc/UA/Server"));
    assert_string_equal(url, "opc.tcp://10.0.0.1:4840/UA/Server");
    free(url);
    url = opcua_endpoint_url(SLICE("opc.tcp://10.0.0.1:4840"), SLICE("opc.tcp://plc:4841"));
    assert_string_equal(url, "opc.tcp://10.0.0.1:4840");
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_encrypted_then_what_the_server_ranks_then_the_stronger_policy),
        cmocka_unit_test(a_policy_is_named_by_its_uri_or_its_last_word),
        cmocka_unit_test(a_password_is_encrypted_where_that_is_offered),
        cmocka_unit_test(a_certificate_user_has_a_policy),
        cmocka_unit_test(it_says_what_the_server_offers),
        cmocka_unit_test(it_says_that_the_user_is_not_accepted),
        cmocka_unit_test(it_says_that_a_certificate_is_lacking),
        cmocka_unit_test(an_empty_answer_is_no_choice),
        cmocka_unit_test(the_path_is_the_servers_and_the_host_is_where_it_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

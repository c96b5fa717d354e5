#include "issuer/grant.h"

#include "base/cmocka.h"

#define FORM "application/x-www-form-urlencoded"

static struct arena arena;
static const char *const audiences[] = {"api://millrace", "https://other", NULL};

static const char *read_error(const char *type, const char *authorization, const char *form,
                              struct issuer_grant *g)
{
    const struct issuer_refusal *no =
        issuer_grant_read(&arena, slice_of(type), slice_of(authorization), slice_of(form), g);
    return no ? no->error : NULL;
}

static int finish(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void the_secret_comes_in_the_form(void **state)
{
    (void)state;
    struct issuer_grant g;
    assert_null(read_error(
        FORM "; charset=utf-8", "",
        "client_id=a&scope=api%3A%2F%2Fmillrace%2F.default&client_secret=x%2By+z&grant_type="
        "client_credentials&client_info=1",
        &g));
    assert_slice(g.client_id, SLICE("a"));
    assert_slice(g.secret, SLICE("x+y z"));
    assert_slice(g.scope, SLICE("api://millrace/.default"));
}

static void or_as_basic(void **state)
{
    (void)state;
    struct issuer_grant g;
    /* "my%3Aname:se%2Fcret" */
    assert_null(read_error(
        FORM, "Basic bXklM0FuYW1lOnNlJTJGY3JldA==", "grant_type=client_credentials", &g));
    assert_slice(g.client_id, SLICE("my:name"));
    assert_slice(g.secret, SLICE("se/cret"));
    assert_int_equal(g.scope.len, 0);
}

static void codes_and_refresh_tokens_come_from_public_clients_too(void **state)
{
    (void)state;
    struct issuer_grant g;
    assert_null(read_error(FORM, "", "client_id=a&grant_type=authorization_code&code=c&redirect_uri=http%3A%2F%2Flocalhost&code_verifier=v&client_info=1", &g));
    assert_int_equal(g.kind, GRANT_CODE);
    assert_slice(g.code, SLICE("c"));
    assert_slice(g.redirect_uri, SLICE("http://localhost"));
    assert_slice(g.verifier, SLICE("v"));
    assert_true(g.client_info);
    assert_null(read_error(FORM, "", "client_id=a&grant_type=refresh_token&refresh_token=r", &g));
    assert_int_equal(g.kind, GRANT_REFRESH);
    assert_slice(g.code, SLICE("r"));
    assert_null(read_error(FORM, "", "client_id=a&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d", &g));
    assert_int_equal(g.kind, GRANT_DEVICE);
    assert_slice(g.code, SLICE("d"));
}

static void what_is_wrong_has_oauth_s_name(void **state)
{
    (void)state;
    static const struct {
        const char *type, *authorization, *form, *error;
    } cases[] = {
        {"application/json", "", "{}", "invalid_request"},
        {"", "", "", "invalid_request"},
        {FORM, "", "", "invalid_request"},
        {FORM, "", "grant_type=password&username=a&password=b", "unsupported_grant_type"},
        {FORM, "", "grant_type=authorization_code&code=x", "invalid_client"},
        {FORM, "", "grant_type=authorization_code&client_id=a", "invalid_request"},
        {FORM, "", "grant_type=refresh_token&client_id=a", "invalid_request"},
        {FORM, "", "grant_type=client_credentials", "invalid_client"},
        {FORM, "", "grant_type=client_credentials&client_id=a", "invalid_client"},
        {FORM, "", "grant_type=client_credentials&client_id=a&client_secret=", "invalid_client"},
        {FORM, "Basic !!", "grant_type=client_credentials", "invalid_client"},
        {FORM, "Basic YQ==", "grant_type=client_credentials", "invalid_client"},
        {FORM, "Basic YTpi", "grant_type=client_credentials&client_id=a&client_secret=b",
         "invalid_request"},
        {FORM, "", "grant_type=client_credentials&client_id=a&client_id=b&client_secret=c",
         "invalid_request"},
        {FORM, "", "grant_type=client_credentials&client%5Fid=a&client_id=b&client_secret=c",
         "invalid_request"},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct issuer_grant g;
        const char *error = read_error(cases[n].type, cases[n].authorization, cases[n].form, &g);
        if (!error || strcmp(error, cases[n].error) != 0)
            fail_msg("%s: %s", cases[n].form, error ? error : "granted");
    }
}

static void the_audience_is_asked_for_by_scope_or_resource(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *resource, *audience;
    } cases[] = {
        {"", "", "api://millrace"},
        {"https://other/.default", "", "https://other"},
        {"https://other", "", "https://other"},
        {"", "https://other", "https://other"},
        {"api://foreign/.default", "", NULL},
        {"", "api://foreign", NULL},
        {"/.default", "", NULL},
        {"openid profile", "", NULL},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct issuer_grant g = {.scope = slice_of(cases[n].scope),
                                 .resource = slice_of(cases[n].resource)};
        const char *got = issuer_grant_audience(&g, audiences);
        if (cases[n].audience ? !got || strcmp(got, cases[n].audience) != 0 : got != NULL)
            fail_msg("'%s' '%s' gives %s", cases[n].scope, cases[n].resource, got ? got : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_secret_comes_in_the_form),
        cmocka_unit_test(or_as_basic),
        cmocka_unit_test(codes_and_refresh_tokens_come_from_public_clients_too),
        cmocka_unit_test(what_is_wrong_has_oauth_s_name),
        cmocka_unit_test(the_audience_is_asked_for_by_scope_or_resource),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}

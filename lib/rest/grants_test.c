/* What a token allows: by our own role names, and by those of other issuers. */
#include "rest/grants.h"

#include "base/cmocka.h"

#define READ REST_GRANT_READ
#define WRITE (REST_GRANT_READ | REST_GRANT_WRITE)
#define ADMIN (REST_GRANT_READ | REST_GRANT_WRITE | REST_GRANT_ADMIN)

static void grants(const struct rest_grants_rules *rules, const char *claims, unsigned want)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(slice_of(claims), JSON_STRICT, &doc, NULL), OK);
    unsigned got = rest_grants(rules, json_root(doc));
    if (got != want)
        fail_msg("%s grants %u, not %u", claims, got, want);
    json_free(&doc);
}

static void the_published_roles_are_taken_by_their_exact_names(void **state)
{
    (void)state;
    const struct rest_grants_rules rules = {0};
    grants(&rules, "{}", READ);
    grants(&rules, "{\"roles\":[\"Read\"]}", READ);
    grants(&rules, "{\"roles\":[\"Read\",\"Write\"]}", WRITE);
    grants(&rules, "{\"roles\":[\"Sign\"]}", ADMIN);
    grants(&rules, "{\"roles\":[\"Admin\"]}", ADMIN);
    grants(&rules, "{\"roles\":[\"admin\",\"Administrator\",\"\"]}", READ);
    grants(&rules, "{\"roles\":\"Admin Write\"}", READ);
    grants(&rules, "{\"roles\":[[\"Admin\"]]}", READ);
    grants(&rules, "{\"scope\":\"Admin\"}", READ);
    grants(&(struct rest_grants_rules){.any_role = true}, "{}", ADMIN);
}

static void other_issuers_have_roles_elsewhere_and_call_them_otherwise(void **state)
{
    (void)state;
    const char *const claims[] = {"realm_access.roles", "https://plant.example/groups", NULL};
    const char *const map[] = {"operators=Write", "cn=chiefs,dc=plant=Admin",
                               "scope:plant.write=Write", NULL};
    const struct rest_grants_rules rules = {.role_claims = claims, .roles = map};
    grants(&rules, "{\"realm_access\":{\"roles\":[\"x\",\"operators\"]}}", WRITE);
    grants(&rules, "{\"https://plant.example/groups\":[\"cn=chiefs,dc=plant\"]}", ADMIN);
    grants(&rules, "{\"https://plant.example/groups\":\"x operators\"}", WRITE);
    grants(&rules, "{\"scope\":\"openid plant.write\"}", WRITE);
    grants(&rules, "{\"scope\":\"operators\"}", READ);
    grants(&rules, "{\"realm_access\":{\"roles\":[\"scope:plant.write\",\"plant.write\"]}}", READ);
    grants(&rules, "{\"realm_access\":{\"roles\":[\"Admin\"]}}", READ); /* not mapped */
    grants(&rules, "{\"roles\":[\"operators\"]}", READ);                /* another claim */
    grants(&rules, "{\"realm_access\":7}", READ);
}

static void a_person_s_token_needs_a_scope(void **state)
{
    (void)state;
    const char *const scopes[] = {"user_impersonation", NULL};
    const struct rest_grants_rules rules = {.scopes = scopes, .any_role = true};
    grants(&rules, "{\"scp\":\"a user_impersonation\"}", ADMIN);
    grants(&rules, "{\"scp\":\"a\"}", 0);
    grants(&rules, "{\"scope\":\"\"}", 0);
    grants(&rules, "{}", ADMIN);
}

static void a_mapping_names_a_role_that_is_known(void **state)
{
    (void)state;
    assert_true(rest_grants_role_ok("operators=Write"));
    assert_true(rest_grants_role_ok("cn=x=Sign"));
    const char *const wrong[] = {"operators", "operators=", "=Write", "operators=write", "a=Owner"};
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++)
        assert_false(rest_grants_role_ok(wrong[n]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_roles_are_taken_by_their_exact_names),
        cmocka_unit_test(other_issuers_have_roles_elsewhere_and_call_them_otherwise),
        cmocka_unit_test(a_person_s_token_needs_a_scope),
        cmocka_unit_test(a_mapping_names_a_role_that_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

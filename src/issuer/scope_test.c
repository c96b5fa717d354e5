#include "issuer/scope.h"

#include "base/cmocka.h"

static const char *const audiences[] = {"api://millrace", "api://other", NULL};
static struct arena arena;

static int finish(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void scopes_are_of_one_audience(void **state)
{
    (void)state;
    struct issuer_scope s;
    assert_true(issuer_scope_read(
        &arena, SLICE("openid profile  offline_access api://millrace/user_impersonation"),
        audiences, &s));
    assert_true(s.openid && s.profile && s.offline && !s.email);
    assert_string_equal(s.audience, "api://millrace");
    assert_slice(s.granted, SLICE("user_impersonation"));
    assert_true(issuer_scope_read(&arena, SLICE("api://other/.default api://other/x api://other/x"),
                                  audiences, &s));
    assert_string_equal(s.audience, "api://other");
    assert_slice(s.granted, SLICE("user_impersonation x"));
    assert_false(issuer_scope_read(&arena, SLICE("api://other/x api://millrace/x"), audiences, &s));
    assert_false(
        issuer_scope_read(&arena, SLICE("openid https://graph.example/User.Read"), audiences, &s));
    assert_false(issuer_scope_read(&arena, SLICE("api://millraceish/x"), audiences, &s));
}

static void without_one_it_is_the_first_audience(void **state)
{
    (void)state;
    struct issuer_scope s;
    assert_true(issuer_scope_read(&arena, SLICE(""), audiences, &s));
    assert_string_equal(s.audience, "api://millrace");
    assert_slice(s.granted, SLICE("user_impersonation"));
    assert_true(issuer_scope_read(&arena, SLICE("openid"), audiences, &s));
    assert_true(s.openid);
    assert_string_equal(s.audience, "api://millrace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_are_of_one_audience),
        cmocka_unit_test(without_one_it_is_the_first_audience),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}

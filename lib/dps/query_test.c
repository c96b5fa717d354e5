#include "dps/query.h"

#include "base/cmocka.h"

static bool takes(const char *text, const char *document)
{
    struct arena a = {0};
    struct dps_query q;
    const char *why = NULL;
    assert_int_equal(dps_query_parse(slice_of(text), "enrollments", &a, &q, &why), OK);
    bool does = dps_query_takes(&q, slice_of(document), &a);
    arena_clear(&a);
    return does;
}

static void conditions_are_of_the_document(void **state)
{
    (void)state;
    static const char document[] = "{\"registrationId\":\"a\",\"attestation\":{\"type\":\"x509\"}}";
    assert_true(takes("*", document));
    assert_true(takes(" select * From ENROLLMENTS ", document));
    assert_true(takes("SELECT * FROM enrollments WHERE registrationId = 'a'", document));
    assert_true(takes("SELECT * FROM enrollments WHERE attestation.type != 'tpm'", document));
    assert_false(takes("SELECT * FROM enrollments WHERE registrationId = 'b'", document));
    assert_false(takes("SELECT * FROM enrollments WHERE missing = 1", document));
}

static void what_is_no_query_is_told_where(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "SELECT",
                                      "SELECT x FROM enrollments",
                                      "SELECT * FROM devices",
                                      "SELECT * FROM enrollments ORDER BY a",
                                      "SELECT * FROM enrollments WHERE",
                                      "* *"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = {0};
        struct dps_query q;
        const char *why = NULL;
        assert_int_equal(dps_query_parse(slice_of(bad[i]), "enrollments", &a, &q, &why),
                         BAD_ARGUMENT);
        assert_non_null(why);
        arena_clear(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_of_the_document),
        cmocka_unit_test(what_is_no_query_is_told_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "opcua/profile.h"

#include <stddef.h>

#include "base/cmocka.h"

static void a_make_is_known_by_its_names(void **state)
{
    (void)state;
    assert_int_equal(opcua_profile_of("Siemens AG", "SIMATIC S7-1200 CPU")->items_per_call, 100);
    assert_true(opcua_profile_of("Siemens AG", "S7-1200")->no_filters);
    assert_string_equal(opcua_profile_of("Siemens AG", "SIMATIC.S7-1500.OPC-UA")->name, "S7-1500");
    assert_string_equal(opcua_profile_of("Kepware", "KEPServerEX")->name, "KEPServer");
    assert_string_equal(opcua_profile_of("kepware technologies", NULL)->name, "Kepware");
}

static void who_is_unknown_begins_small(void **state)
{
    (void)state;
    const struct opcua_profile *p = opcua_profile_of(NULL, "Somebody's");
    assert_null(p->name);
    assert_int_equal(p->items_first, 50);
    assert_int_equal(p->items_per_call, 1000);
    assert_false(p->no_filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_make_is_known_by_its_names),
        cmocka_unit_test(who_is_unknown_begins_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

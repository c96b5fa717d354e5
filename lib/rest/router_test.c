#include "rest/router.h"

#include "base/cmocka.h"

static void nothing(struct rest_request *r)
{
    (void)r;
}

static const struct rest_route registry[] = {
    {"GET", "/v2/applications", nothing, REST_READ},
    {"POST", "/v2/applications", nothing, REST_ADMIN},
    {"GET", "/v2/applications/{id}", nothing, REST_READ},
    {"POST", "/v2/applications/discover", nothing, REST_ADMIN},
    {"GET", "/v2/read/{endpoint}/nodes/{node}", nothing, REST_READ},
};
static const struct rest_route pages[] = {
    {"GET", "/", nothing, REST_PUBLIC},
    {"GET", "/files/{path*}", nothing, REST_PUBLIC},
};

struct fixture {
    struct rest_router *router;
    struct arena arena;
    struct rest_match match;
    struct slice allow;
};

static int set_up(void **state)
{
    static struct fixture f;
    static int own_app;
    f = (struct fixture){0};
    struct rest_table tables[] = {REST_TABLE("/registry", registry, NULL),
                                  REST_TABLE("", pages, &own_app)};
    f.router = rest_router_new(tables, 2);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    rest_router_free(&f->router);
    arena_clear(&f->arena);
    return 0;
}

static enum status find(struct fixture *f, const char *method, const char *path)
{
    return rest_router_find(f->router, slice_of(method), slice_of(path), &f->arena, &f->match,
                            &f->allow);
}

static void finds_rows_of_all_tables(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "GET", "/registry/v2/applications"), OK);
    assert_ptr_equal(f->match.route, &registry[0]);
    assert_null(f->match.app);
    assert_int_equal(find(f, "GET", "/"), OK);
    assert_ptr_equal(f->match.route, &pages[0]);
    assert_non_null(f->match.app);
}

static void compares_literals_without_case_and_ignores_a_trailing_slash(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "POST", "/Registry/V2/Applications/"), OK);
    assert_ptr_equal(f->match.route, &registry[1]);
}

static void prefers_the_literal_unless_the_method_is_another(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "POST", "/registry/v2/applications/discover"), OK);
    assert_ptr_equal(f->match.route, &registry[3]);
    assert_int_equal(find(f, "GET", "/registry/v2/applications/discover"), OK);
    assert_ptr_equal(f->match.route, &registry[2]);
    assert_slice(f->match.params[0].value, SLICE("discover"));
}

static void decodes_each_segment_for_itself(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "GET", "/registry/v2/read/uat%2F1/nodes/i%3D85"), OK);
    assert_int_equal(f->match.param_count, 2);
    assert_slice(f->match.params[0].name, SLICE("endpoint"));
    assert_slice(f->match.params[0].value, SLICE("uat/1"));
    assert_slice(f->match.params[1].name, SLICE("node"));
    assert_slice(f->match.params[1].value, SLICE("i=85"));
}

static void gives_the_rest_of_the_path(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "GET", "/files/a/b%20c/d.js"), OK);
    assert_slice(f->match.params[0].name, SLICE("path"));
    assert_slice(f->match.params[0].value, SLICE("a/b c/d.js"));
}

static void answers_head_with_get(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "HEAD", "/registry/v2/applications"), OK);
    assert_ptr_equal(f->match.route, &registry[0]);
}

static void tells_what_is_allowed_instead(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "DELETE", "/registry/v2/applications"), UNSUPPORTED);
    assert_slice(f->allow, SLICE("GET, POST"));
    assert_int_equal(find(f, "HEAD", "/registry/v2/applications/discover/"), OK);
}

static void does_not_find_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {
        "/registry",
        "/registry/v2",
        "/registry/v2/applications/a/b",
        "/registry/v2//applications",
        "/registry/v2/read//nodes/x",
        "/files",
        "//",
        "/%00",
        "/files/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_int_equal(find(f, "GET", paths[i]), NOT_FOUND);
}

/* A table with paths of any name stands back: it does not make a 404 of another table's 405. */
static void asks_the_last_table_only_for_what_no_other_has(void **state)
{
    (void)state;
    static const struct rest_route own[] = {{"PUT", "/devices/{id}", nothing, REST_PUBLIC}};
    static const struct rest_route any[] = {{"GET", "/{a}/{b*}", nothing, REST_PUBLIC}};
    struct rest_table tables[] = {{"", any, 1, NULL, .last = true}, {"", own, 1, NULL}};
    struct rest_router *r = rest_router_new(tables, 2);
    struct arena a = {0};
    struct rest_match match;
    struct slice allow;
    assert_int_equal(rest_router_find(r, SLICE("PUT"), SLICE("/devices/d"), &a, &match, &allow), OK);
    assert_ptr_equal(match.route, &own[0]);
    assert_int_equal(rest_router_find(r, SLICE("GET"), SLICE("/devices/d"), &a, &match, &allow), UNSUPPORTED);
    assert_slice(allow, SLICE("PUT"));
    assert_int_equal(rest_router_find(r, SLICE("GET"), SLICE("/devices/d/e"), &a, &match, &allow), OK);
    assert_ptr_equal(match.route, &any[0]);
    assert_slice(match.params[0].value, SLICE("devices"));
    assert_slice(match.params[1].value, SLICE("d/e"));
    assert_int_equal(rest_router_find(r, SLICE("PUT"), SLICE("/x/y"), &a, &match, &allow), UNSUPPORTED);
    arena_clear(&a);
    rest_router_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_rows_of_all_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(compares_literals_without_case_and_ignores_a_trailing_slash,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(prefers_the_literal_unless_the_method_is_another, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(decodes_each_segment_for_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_the_rest_of_the_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_head_with_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_what_is_allowed_instead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(does_not_find_what_is_not_there, set_up, tear_down),
        cmocka_unit_test(asks_the_last_table_only_for_what_no_other_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

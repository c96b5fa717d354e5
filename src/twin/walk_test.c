/* The bounds of a walk, by a user who makes much of little. */
#include "twin/walk.h"

#include "twin/twin_rig.h"

#define PAGE 10                         /* references in an answer of the server */
#define LARGE (TWIN_WALK_BYTES_MAX / 8) /* what the user makes of one reference */

static struct user {
    struct twin_walk *walk;
    size_t references;
    size_t each, at_end; /* bytes of a reference, of the turn's end */
    bool done;
} user;

static void on_reference(void *arg, size_t node, const UA_ReferenceDescription *d)
{
    (void)arg, (void)node, (void)d;
    user.references++;
    user.walk->bytes += user.each;
}

static void on_failed(void *arg, size_t node, UA_StatusCode why)
{
    (void)arg, (void)node, (void)why;
}

static void on_turn_end(void *arg)
{
    (void)arg;
    user.walk->bytes += user.at_end;
}

static void on_done(void *arg)
{
    struct twin_request *r = arg;
    user.done = true;
    json_put_null(&r->writer);
    twin_request_done(r);
}

static void walk(struct twin_request *r)
{
    static const struct twin_walk_user events = {.reference = on_reference,
                                                 .failed = on_failed,
                                                 .turn_end = on_turn_end,
                                                 .done = on_done};
    user.walk = twin_walk_new(r, &events);
    user.walk->arg = r;
    user.walk->bare = true;
    user.walk->recurse = false;
    user.walk->how.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    user.walk->how.includeSubtypes = true;
    twin_walk_begin(user.walk, NULL, 0);
}

static void begin(struct module_call *c)
{
    twin_request_begin(c, walk, TWIN_SESSION);
}

static const struct module_method method = {"Walk", MODULE_PLAIN, begin, 0};
static const struct module_role_ops methods = {.methods = &method, .method_count = 1};

static void go(size_t each, size_t at_end, int want)
{
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},"
                  "\"request\":{\"nodeId\":\"" SPACE "#s=Many\"}}",
                  world.url);
    user = (struct user){.each = each, .at_end = at_end};
    call_raw("Walk", buffer_cstr(&payload), want);
    buffer_clear(&payload);
}

static void takes_page_after_page(void **state)
{
    (void)state;
    go(1, 0, 200);
    assert_int_equal(user.references, 250);
    assert_true(user.done);
}

/* One node may have references without end: those that are too many are not asked for. */
static void ends_within_a_nodes_references(void **state)
{
    (void)state;
    go(LARGE, 0, 413);
    assert_int_equal(user.references, PAGE);
    assert_false(user.done);
}

static void what_is_too_much_at_the_end_is_not_done(void **state)
{
    (void)state;
    go(0, TWIN_WALK_BYTES_MAX + 1, 413);
    assert_false(user.done);
}

static int setup_small_pages(void **state)
{
    rig_references = PAGE;
    rig_methods = &methods;
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_page_after_page),
        cmocka_unit_test(ends_within_a_nodes_references),
        cmocka_unit_test(what_is_too_much_at_the_end_is_not_done),
    };
    return cmocka_run_group_tests(tests, setup_small_pages, teardown);
}

#include "twin/walk_queue.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct twin_walk_node node(UA_NodeId id, const char *name)
{
    return (struct twin_walk_node){.id = id,
                                   .type_definition = UA_NODEID_NUMERIC(0, 63),
                                   .node_class = UA_NODECLASS_VARIABLE,
                                   .browse_name = {3, UA_STRING((char *)(uintptr_t)name)},
                                   .display_name = UA_STRING((char *)(uintptr_t)name)};
}

static void gives_nodes_back_in_their_order_whatever_their_ids_are(void **state)
{
    (void)state;
    struct twin_walk_queue q = {0};
    struct arena a = {0};
    UA_Byte bytes[] = {0, 1, 2};
    UA_NodeId ids[] = {UA_NODEID_NUMERIC(2, 7), UA_NODEID_STRING(2, "seven"),
                       UA_NODEID_GUID(4, ((UA_Guid){1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}})),
                       UA_NODEID_STRING(0, "")};
    UA_NodeId opaque = {.namespaceIndex = 1, .identifierType = UA_NODEIDTYPE_BYTESTRING};
    opaque.identifier.byteString = (UA_ByteString){3, bytes};
    for (size_t i = 0; i < 4; i++) {
        struct twin_walk_node n = node(ids[i], "name");
        twin_walk_queue_put(&q, &n);
    }
    struct twin_walk_node last = node(opaque, "");
    twin_walk_queue_put(&q, &last);
    assert_int_equal(q.count, 5);
    for (size_t i = 0; i < 5; i++) {
        struct twin_walk_node n;
        twin_walk_queue_take(&q, &a, &n);
        assert_true(UA_NodeId_equal(&n.id, i < 4 ? &ids[i] : &opaque));
        assert_int_equal(n.type_definition.identifier.numeric, 63);
        assert_int_equal(n.node_class, UA_NODECLASS_VARIABLE);
        assert_int_equal(n.browse_name.namespaceIndex, 3);
        assert_int_equal(n.display_name.length, i < 4 ? 4 : 0);
    }
    assert_int_equal(q.count, 0);
    arena_clear(&a);
    twin_walk_queue_clear(&q);
}

static void a_node_comes_in_once(void **state)
{
    (void)state;
    struct twin_walk_queue q = {0};
    struct arena a = {0};
    struct twin_walk_node n = node(UA_NODEID_NUMERIC(2, 7), "a"), other;
    twin_walk_queue_put(&q, &n);
    twin_walk_queue_put(&q, &n);
    assert_int_equal(q.count, 1);
    twin_walk_queue_take(&q, &a, &other);
    twin_walk_queue_put(&q, &n);
    assert_int_equal(q.count, 0);
    assert_true(twin_walk_queue_met(&q, &n.id));
    n.id.namespaceIndex = 3;
    assert_false(twin_walk_queue_met(&q, &n.id));
    arena_clear(&a);
    twin_walk_queue_clear(&q);
}

/* While it is filled and emptied, it holds little more than what is in it. */
static void forgets_what_was_taken(void **state)
{
    (void)state;
    struct twin_walk_queue q = {0};
    struct arena a = {0};
    for (uint32_t i = 0; i < 20000; i++) {
        struct twin_walk_node n = node(UA_NODEID_NUMERIC(2, i), "some name"), out;
        twin_walk_queue_put(&q, &n);
        if (i < 100)
            continue;
        twin_walk_queue_take(&q, &a, &out);
        assert_int_equal(out.id.identifier.numeric, i - 100);
        arena_reset(&a);
        assert_true(q.bytes.len < 20000);
    }
    assert_int_equal(q.count, 100);
    assert_int_equal(q.met_count, 20000);
    arena_clear(&a);
    twin_walk_queue_clear(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_nodes_back_in_their_order_whatever_their_ids_are),
        cmocka_unit_test(a_node_comes_in_once),
        cmocka_unit_test(forgets_what_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is watched: items, events, intervals, links, and how they change. */
#include "opcua/subscription_rig.h"

static void one_bad_item_does_not_stop_the_others(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    uint32_t unknown = add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Nothing")});
    uint32_t no_space = add(w, (struct opcua_item){.node = SLICE("nsu=urn:elsewhere;s=Count")});
    uint32_t broken = add(w, (struct opcua_item){.node = SLICE("ns=x")});
    uint32_t good = add(w, count_item);
    WAIT_FOR(has_been_told, w);
    assert_int_equal(w->status[unknown], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->status[no_space], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->status[broken], UA_STATUSCODE_BADNODEIDINVALID);
    assert_int_equal(w->status[good], UA_STATUSCODE_GOOD);
    want_more(w, 10);
    assert_int_equal(opcua_subscription_counts(w->subscription).failed, 3);
    world_free(w);
}

static void removed_items_are_silent_and_their_indexes_free(void **state)
{
    (void)state;
    struct world *w = world_new(1, false);
    uint32_t index = add(w, count_item);
    want_more(w, 10);
    opcua_subscription_remove(w->subscription, index);
    uint32_t failed = add(w, (struct opcua_item){.node = SLICE("ns=x")});
    assert_int_not_equal(failed, index); /* not before the server has forgotten it */
    opcua_subscription_remove(w->subscription, failed);
    WAIT_FOR(has_no_items, w);
    uint64_t values = w->values;
    w->keep_alives = 0;
    WAIT_FOR(has_keep_alives, w);
    assert_int_equal(w->values, values);
    assert_int_equal(add(w, count_item), index);
    memset(w->last, 0, sizeof w->last);
    want_more(w, 10);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

static bool told_of_three(void *arg)
{
    struct world *w = arg;
    return w->told[0] && w->told[1] && w->told[2];
}

/* Changed at the server: the item is not made again, and nothing else of it changes. */
static void an_item_is_modified_in_place(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item slow = count_item;
    slow.sampling_ms = 3600000;
    uint32_t index = add(w, slow);
    uint32_t steady = add(w, count_item);
    want_more(w, 50);
    UA_Int32 before = w->last[index];
    assert_true(before < w->last[steady]);
    uint32_t subscription, id, same;
    assert_true(opcua_subscription_ids(w->subscription, index, &subscription, &id));
    w->last[index] = 0; /* what was between is not missed */
    w->items[index] = count_item;
    opcua_subscription_modify(w->subscription, index);
    while (w->last[index] < before + 20)
        want_more(w, 10);
    assert_true(opcua_subscription_ids(w->subscription, index, &subscription, &same));
    assert_int_equal(same, id);
    assert_int_equal(w->told[index], 1);
    assert_int_equal(w->out_of_order, 0);
    w->items[index] = slow;
    opcua_subscription_modify(w->subscription, index);
    opcua_subscription_remove(w->subscription, index); /* on its way */
    want_more(w, 20);
    world_free(w);
}

static void its_intervals_are_modified_in_place(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    uint32_t id = w->subscription->id;
    opcua_subscription_set_intervals(w->subscription, 500, 3);
    while (w->subscription->publishing_ms != 500)
        want_more(w, 1);
    assert_int_equal(w->subscription->keep_alive_count, 3);
    opcua_subscription_set_intervals(w->subscription, PUBLISHING_MS, 0);
    want_more(w, 50);
    assert_int_equal(w->subscription->id, id);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

/* 1 is only sampled until 0 changes, which it never does; 3 with every 2. */
static void a_linked_item_is_reported_with_its_trigger(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item still = {.node = SLICE("nsu=urn:test;s=Still")}, linked = count_item;
    linked.linked = true;
    add(w, still);
    add(w, linked);
    add(w, count_item);
    opcua_subscription_link(w->subscription, 0, 1);
    WAIT_FOR(told_of_three, w);
    want_more(w, 50);
    UA_Int32 before = w->last[1];
    want_more(w, 50);
    assert_int_equal(w->last[1], before);
    uint32_t third = add(w, linked);
    opcua_subscription_link(w->subscription, 2, third);
    while (w->last[third] == 0)
        want_more(w, 10);
    opcua_subscription_remove(w->subscription, 2);
    opcua_server_close(&w->server); /* links are made again, too */
    WAIT_FOR(is_dead, w);
    memset(w->last, 0, sizeof w->last);
    start_server(w);
    add(w, count_item);
    want_more(w, 50);
    assert_int_equal(w->last[third], 0);
    world_free(w);
}

/* A path is followed at each server anew; what leads nowhere is told and does not stop the others. */
static void items_by_path_and_with_short_ids_are_watched(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item by_path = count_item, nowhere = count_item, registered = count_item;
    by_path.node = SLICE("");
    by_path.path = SLICE("[\"/Objects\",\"/nsu=urn:test;Count\"]");
    by_path.registered = true;
    nowhere.node = SLICE("i=85");
    nowhere.path = SLICE("[\"/nsu=urn:test;Nobody\"]");
    registered.registered = true;
    add(w, by_path);
    add(w, registered);
    uint32_t gone = add(w, nowhere);
    want_more(w, 100);
    assert_true(w->last[0] > 0 && w->last[1] > 0);
    assert_int_equal(w->status[gone], UA_STATUSCODE_BADNOMATCH);
    opcua_server_close(&w->server);
    WAIT_FOR(is_dead, w);
    uint32_t late = add(w, by_path), removed = add(w, by_path);
    opcua_subscription_remove(w->subscription, removed);
    memset(w->last, 0, sizeof w->last);
    start_server(w);
    want_more(w, 100);
    assert_true(w->last[0] > 0 && w->last[1] > 0 && w->last[late] > 0);
    assert_int_equal(opcua_subscription_counts(w->subscription).items, 4);
    opcua_subscription_remove(w->subscription, 0);
    opcua_subscription_remove(w->subscription, gone);
    world_free(w);
}

static void an_item_that_does_not_change_keeps_the_subscription_alive(void **state)
{
    (void)state;
    struct world *w = world_new(1, false);
    add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Still")});
    WAIT_FOR(has_keep_alives, w);
    assert_int_equal(w->values, 1);
    world_free(w);
}

static void events_come_with_their_fields(void **state)
{
    (void)state;
    UA_QualifiedName path = UA_QUALIFIEDNAME(0, "Message");
    UA_SimpleAttributeOperand select = {.typeDefinitionId =
                                            UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE),
                                        .browsePathSize = 1,
                                        .browsePath = &path,
                                        .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_EventFilter filter = {.selectClausesSize = 1, .selectClauses = &select};
    UA_ExtensionObject extension;
    UA_ExtensionObject_setValueNoDelete(&extension, &filter, &UA_TYPES[UA_TYPES_EVENTFILTER]);
    struct world *w = world_new(0, false);
    add(w, (struct opcua_item){.node = SLICE("i=2253"), .filter = &extension, .queue_size = 100});
    add(w, count_item);
    want_more(w, 20);
    assert_true(w->events > 0);
    world_free(w);
}

static void many_items_are_made_in_batches(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    for (int i = 1; i < SEEN_MAX; i++)
        w->items[i] = (struct opcua_item){.node = SLICE("nsu=urn:test;s=Nothing")};
    add(w, count_item);
    want_more(w, 1);
    struct opcua_subscription_events quiet = events;
    quiet.on_item = NULL;
    w->subscription->config.events = &quiet;
    assert_int_equal(opcua_subscription_add(w->subscription, 2499, NULL), OK);
    want_more(w, 200);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.items, 2500);
    assert_int_equal(c.failed, 2499);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_item_does_not_stop_the_others),
        cmocka_unit_test(removed_items_are_silent_and_their_indexes_free),
        cmocka_unit_test(an_item_is_modified_in_place),
        cmocka_unit_test(its_intervals_are_modified_in_place),
        cmocka_unit_test(a_linked_item_is_reported_with_its_trigger),
        cmocka_unit_test(items_by_path_and_with_short_ids_are_watched),
        cmocka_unit_test(an_item_that_does_not_change_keeps_the_subscription_alive),
        cmocka_unit_test(events_come_with_their_fields),
        cmocka_unit_test(many_items_are_made_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "writers/conditions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cmocka.h"

static struct conditions *conditions;
static const struct event_filter filter = {.condition_id = 0, .retain = 1, .select_count = 3};

static int set_up(void **state)
{
    (void)state;
    conditions = conditions_new(10000, 2000);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    conditions_free(&conditions);
    return 0;
}

static bool take_field(uint32_t id, UA_Boolean retain, void *field, const UA_DataType *type)
{
    UA_NodeId node = UA_NODEID_NUMERIC(1, id);
    UA_Variant fields[3];
    UA_Variant_setScalar(&fields[0], &node, &UA_TYPES[UA_TYPES_NODEID]);
    UA_Variant_setScalar(&fields[1], &retain, &UA_TYPES[UA_TYPES_BOOLEAN]);
    UA_Variant_setScalar(&fields[2], field, type);
    UA_EventFieldList event = {.eventFieldsSize = 3, .eventFields = fields};
    return conditions_take(conditions, &event, &filter);
}

static bool take(uint32_t id, UA_Boolean retain, UA_UInt16 severity)
{
    return take_field(id, retain, &severity, &UA_TYPES[UA_TYPES_UINT16]);
}

/* What was told last of a condition; 0: it is not there. */
static unsigned severity_of(uint32_t id)
{
    size_t at = 0;
    UA_EventFieldList e;
    while (conditions_next(conditions, &at, &e))
        if (((UA_NodeId *)e.eventFields[0].data)->identifier.numeric == id)
            return *(UA_UInt16 *)e.eventFields[2].data;
    return 0;
}

static void keeps_the_last_event_of_each_while_it_is_retained(void **state)
{
    (void)state;
    assert_true(take(1, true, 100));
    assert_true(take(2, true, 200));
    assert_true(take(1, true, 150));
    assert_int_equal(conditions_count(conditions), 2);
    assert_int_equal(severity_of(1), 150);
    assert_true(take(1, false, 100));
    assert_int_equal(conditions_count(conditions), 1);
    assert_int_equal(severity_of(1), 0);
    assert_true(take(3, false, 100)); /* never known */
    assert_int_equal(conditions_count(conditions), 1);
}

/* Each of them may be told again with more than before. */
static void later_events_have_the_same_bound(void **state)
{
    (void)state;
    UA_ByteString large = UA_BYTESTRING_NULL;
    assert_int_equal(UA_ByteString_allocBuffer(&large, CONDITIONS_BYTES_MAX / 3), 0);
    for (uint32_t id = 1; id <= 4; id++)
        assert_true(take(id, true, 100));
    for (uint32_t id = 1; id <= 4; id++)
        assert_true(take_field(id, true, &large, &UA_TYPES[UA_TYPES_BYTESTRING]));
    assert_int_equal(conditions_count(conditions), 2);
    assert_int_equal(severity_of(3) + severity_of(4), 0); /* nor as they were */
    UA_ByteString_clear(&large);
}

static void other_events_are_not_conditions(void **state)
{
    (void)state;
    UA_Variant fields[3] = {0};
    UA_EventFieldList event = {.eventFieldsSize = 3, .eventFields = fields};
    assert_false(conditions_take(conditions, &event, &filter));
    assert_int_equal(conditions_count(conditions), 0);
}

static void all_are_due_at_the_interval_and_sooner_after_a_change(void **state)
{
    (void)state;
    assert_true(conditions_due(conditions, 100000));
    assert_false(conditions_due(conditions, 102000)); /* nothing changed */
    take(1, true, 1);
    assert_true(conditions_due(conditions, 102000));
    take(1, true, 2);
    assert_false(conditions_due(conditions, 103999));
    assert_true(conditions_due(conditions, 104000));
    assert_false(conditions_due(conditions, 113999));
    assert_true(conditions_due(conditions, 114000));
}

static void a_refresh_drops_what_it_does_not_tell(void **state)
{
    (void)state;
    take(1, true, 1);
    take(2, true, 1);
    conditions_refresh_asked(conditions);
    conditions_refresh_begins(conditions, 100000);
    assert_int_equal(severity_of(1), 1);              /* nothing is lost before the end */
    assert_false(conditions_due(conditions, 130000)); /* and nothing is sent */
    take(2, true, 5);
    conditions_refresh_answered(conditions, 130000);
    conditions_refresh_ends(conditions);
    assert_true(conditions_due(conditions, 131000));
    assert_int_equal(severity_of(1), 0);
    assert_int_equal(severity_of(2), 5);
}

/* The end may get lost with the connection. */
static void a_refresh_without_an_end_ends(void **state)
{
    (void)state;
    take(1, true, 1);
    conditions_refresh_begins(conditions, 100000);
    assert_false(conditions_due(conditions, 100000 + CONDITIONS_REFRESH_MS_MAX - 1));
    assert_true(conditions_due(conditions, 100000 + CONDITIONS_REFRESH_MS_MAX));
    assert_int_equal(conditions_count(conditions), 0);
}

/* The events of the refresh alone, because the server's filter took its start and end. */
static void a_refresh_without_a_start_drops_after_a_while(void **state)
{
    (void)state;
    take(1, true, 1);
    conditions_refresh_asked(conditions);
    take(2, true, 1);
    conditions_refresh_answered(conditions, 100000);
    take(3, true, 1);
    assert_true(conditions_due(conditions, 100000));
    assert_int_equal(conditions_count(conditions), 3);
    assert_true(conditions_due(conditions, 100000 + CONDITIONS_QUIET_MS));
    assert_int_equal(conditions_count(conditions), 2);
    assert_int_equal(severity_of(1), 0);
}

static void no_more_than_the_bound_are_kept(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= CONDITIONS_MAX + 1; i++)
        assert_true(take(i, true, 1));
    assert_int_equal(conditions_count(conditions), CONDITIONS_MAX);
    assert_true(take(1, true, 7)); /* those that are known go on */
    assert_int_equal(severity_of(1), 7);
}

/* Those that are known go on beside new ones that have no room: no reason to say it each time. */
static void that_there_is_no_room_is_said_once(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    int was = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    for (uint32_t i = 1; i <= CONDITIONS_MAX + 1; i++)
        take(i, true, 1);
    for (uint32_t i = 1; i <= 20; i++) {
        take(i, true, 2);
        take(CONDITIONS_MAX + 1 + i, true, 1);
    }
    take(1, false, 1);
    take(CONDITIONS_MAX + 30, true, 1); /* has room */
    take(CONDITIONS_MAX + 31, true, 1);
    dup2(was, STDERR_FILENO);
    close(was);
    unsigned lines = 0;
    char line[300];
    rewind(file);
    while (fgets(line, sizeof line, file))
        lines += strstr(line, "more retained conditions") != NULL;
    fclose(file);
    assert_int_equal(lines, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_last_event_of_each_while_it_is_retained),
        TEST(later_events_have_the_same_bound),
        TEST(other_events_are_not_conditions),
        TEST(all_are_due_at_the_interval_and_sooner_after_a_change),
        TEST(a_refresh_drops_what_it_does_not_tell),
        TEST(a_refresh_without_an_end_ends),
        TEST(a_refresh_without_a_start_drops_after_a_while),
        TEST(no_more_than_the_bound_are_kept),
        TEST(that_there_is_no_room_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

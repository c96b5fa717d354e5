#include "publisher/event_filter.h"

#include "base/cmocka.h"

static const UA_String uris[] = {UA_STRING_STATIC("http://opcfoundation.org/UA/"),
                                 UA_STRING_STATIC("urn:server"), UA_STRING_STATIC("http://x/")};
static const struct opcua_namespaces names = {.uris = uris, .count = 3};

static struct event_filter made;
static struct buffer why;

static enum status make(const char *json)
{
    buffer_reset(&why);
    return event_filter_make(slice_of(json), &names, &made, &why);
}

static const UA_EventFilter *filter(void)
{
    return made.object.content.decoded.data;
}

static int tear_down(void **state)
{
    (void)state;
    event_filter_clear(&made);
    buffer_clear(&why);
    return 0;
}

static void selects_and_names_fields(void **state)
{
    (void)state;
    assert_int_equal(
        make("{\"SelectClauses\": [{\"TypeDefinitionId\": \"i=2041\", \"BrowsePath\": "
             "[\"EventId\"]},"
             "{\"TypeDefinitionId\": \"nsu=http://x/;i=235\", \"BrowsePath\": [\"2:CycleId\"]},"
             "{\"BrowsePath\": [\"Message\"], \"DisplayName\": \"Text\"}]}"),
        OK);
    assert_int_equal(made.field_count, 3);
    assert_slice(buffer_slice(&made.heads[0]), SLICE("\"EventId\":"));
    assert_slice(buffer_slice(&made.heads[1]), SLICE("\"http://x/#CycleId\":"));
    assert_slice(buffer_slice(&made.heads[2]), SLICE("\"Text\":"));
    assert_int_equal(filter()->selectClauses[1].typeDefinitionId.namespaceIndex, 2);
    assert_int_equal(filter()->selectClauses[1].browsePath[0].namespaceIndex, 2);
    assert_int_equal(filter()->selectClauses[2].typeDefinitionId.identifier.numeric, 2041);
}

static void keeps_the_conditions(void **state)
{
    (void)state;
    assert_int_equal(
        make("{\"SelectClauses\": [{\"BrowsePath\": [\"Severity\"]}], \"WhereClause\": "
             "{\"Elements\": ["
             "{\"FilterOperator\": \"And\", \"FilterOperands\": [{\"Index\": 1}, {\"Index\": 2}]},"
             "{\"FilterOperator\": \"OfType\", \"FilterOperands\": [{\"Value\": "
             "\"nsu=http://x/;i=235\"}]},"
             "{\"FilterOperator\": \"GreaterThan\", \"FilterOperands\": [{\"NodeId\": \"i=2041\","
             "\"BrowsePath\": [\"Severity\"]}, {\"Value\": 500, \"DataType\": \"UInt16\"}]}]}}"),
        OK);
    const UA_ContentFilter *where = &filter()->whereClause;
    assert_int_equal(where->elementsSize, 3);
    assert_int_equal(where->elements[0].filterOperator, UA_FILTEROPERATOR_AND);
    const UA_LiteralOperand *type = where->elements[1].filterOperands[0].content.decoded.data;
    assert_true(UA_Variant_hasScalarType(&type->value, &UA_TYPES[UA_TYPES_NODEID]));
    const UA_LiteralOperand *number = where->elements[2].filterOperands[1].content.decoded.data;
    assert_true(UA_Variant_hasScalarType(&number->value, &UA_TYPES[UA_TYPES_UINT16]));
}

static void the_simple_form_takes_what_every_event_has(void **state)
{
    (void)state;
    assert_int_equal(make("{\"TypeDefinitionId\": \"i=2041\"}"), OK);
    assert_int_equal(made.field_count, 8);
    assert_int_equal(filter()->whereClause.elements[0].filterOperator, UA_FILTEROPERATOR_OFTYPE);
}

static void refuses_what_it_cannot_mean(void **state)
{
    (void)state;
    assert_int_not_equal(make("{}"), OK);
    assert_int_not_equal(make("{\"SelectClauses\": []}"), OK);
    assert_int_equal(make("{\"TypeDefinitionId\": \"nsu=http://nowhere/;i=1\"}"), NOT_FOUND);
    assert_true(why.len > 0);
    assert_int_not_equal(
        make("{\"SelectClauses\": [{\"BrowsePath\": [\"a\"]}], \"WhereClause\": {\"Elements\":"
             "[{\"FilterOperator\": \"Perhaps\"}]}}"),
        OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(selects_and_names_fields, tear_down),
        cmocka_unit_test_teardown(keeps_the_conditions, tear_down),
        cmocka_unit_test_teardown(the_simple_form_takes_what_every_event_has, tear_down),
        cmocka_unit_test_teardown(refuses_what_it_cannot_mean, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "published/event_filter.h"

#include "base/cmocka.h"

static const UA_String uris[] = {UA_STRING_STATIC("http://opcfoundation.org/UA/"),
                                 UA_STRING_STATIC("urn:server"), UA_STRING_STATIC("http://x/")};
static const struct opcua_namespaces names = {.uris = uris, .count = 3};

static struct event_filter made;
static struct buffer why;
static struct event_filter_context context;

static enum status make(const char *json)
{
    buffer_reset(&why);
    context.names = &names;
    return event_filter_make(slice_of(json), &context, &made, &why);
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
    context = (struct event_filter_context){0};
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

static void names_are_as_long_as_strict_readers_want_them(void **state)
{
    (void)state;
    context.format = OPCUA_ID_EXPANDED;
    assert_int_equal(make("{\"SelectClauses\": [{\"BrowsePath\": [\"2:State\", \"Id\"], "
                          "\"DataSetClassFieldId\": \"72962B91-FA75-4AE6-8D28-B404DC7DAF63\"},"
                          "{\"TypeDefinitionId\": \"i=2782\", \"AttributeId\": \"NodeId\"}]}"),
                     OK);
    assert_slice(buffer_slice(&made.heads[0]), SLICE("\"nsu=http://x/;State/Id\":"));
    assert_slice(buffer_slice(&made.heads[1]), SLICE("\"ConditionId\":"));
    assert_int_equal(made.class_field_ids[0].data1, 0x72962b91);
    assert_int_equal(made.class_field_ids[1].data1, 0);
    assert_int_equal(filter()->selectClauses[1].attributeId, UA_ATTRIBUTEID_NODEID);
}

static void what_the_publisher_needs_itself_stands_behind(void **state)
{
    (void)state;
    context.conditions = true;
    assert_int_equal(
        make("{\"SelectClauses\": [{\"TypeDefinitionId\": \"i=2782\", \"AttributeId\": "
             "\"NodeId\"}, {\"BrowsePath\": [\"Message\"]}]}"),
        OK);
    assert_int_equal(made.field_count, 2);
    assert_int_equal(made.condition_id, 0); /* it was asked for */
    assert_int_equal(made.event_type, 2);
    assert_int_equal(made.retain, 3);
    assert_int_equal(made.select_count, 4);
    assert_int_equal(filter()->selectClausesSize, 4);
}

static void the_simple_form_takes_all_fields_of_the_type(void **state)
{
    (void)state;
    const struct opcua_event_type_field fields[] = {
        {.type = UA_NODEID_NUMERIC(0, 2041),
         .path = {UA_QUALIFIEDNAME(0, "EventType")},
         .depth = 1},
        {.type = UA_NODEID_NUMERIC(2, 235),
         .path = {UA_QUALIFIEDNAME(2, "State"), UA_QUALIFIEDNAME(0, "Id")},
         .depth = 2},
    };
    const struct opcua_event_type_fields all = {fields, 2};
    UA_NodeId type;
    assert_int_equal(event_filter_simple_type(SLICE("{\"TypeDefinitionId\": \"http://x/#i=235\"}"),
                                              &names, &type, &why),
                     OK);
    assert_int_equal(type.namespaceIndex, 2);
    context.fields = &all;
    assert_int_equal(make("{\"TypeDefinitionId\": \"http://x/#i=235\"}"), OK);
    assert_int_equal(made.field_count, 2);
    assert_int_equal(made.select_count, 2);
    assert_slice(buffer_slice(&made.heads[1]), SLICE("\"http://x/#State/Id\":"));
    assert_int_equal(filter()->selectClauses[1].browsePathSize, 2);
    assert_int_equal(filter()->whereClause.elements[0].filterOperator, UA_FILTEROPERATOR_OFTYPE);
    assert_int_equal(
        event_filter_simple_type(SLICE("{\"SelectClauses\": [{}]}"), &names, &type, &why), OK);
    assert_true(UA_NodeId_isNull(&type));
}

#define SELECT "{\"SelectClauses\": [{\"BrowsePath\": [\"a\"]}], \"WhereClause\": {\"Elements\": ["
#define ELEMENT(operator, operands)                                                                \
    "{\"FilterOperator\": \"" operator"\", \"FilterOperands\": [" operands "]}"
#define FIELD(name) "{\"BrowsePath\": [\"" name "\"]}"
#define A FIELD("A")
#define VALUE(v) "{\"Value\": " v "}"

static void has_all_operators(void **state)
{
    (void)state;
    assert_int_equal(
        make(SELECT ELEMENT("equals", A "," VALUE("1")) "," ELEMENT(
            "IsNull", A) "," ELEMENT("GreaterThan", A
                                     "," VALUE("1")) "," ELEMENT("LessThan", A "," VALUE("1.5")) "," ELEMENT("GreaterThanOrEqual", A "," VALUE("1")) "," ELEMENT("LessThanOrEqual", A "," VALUE("1")) "," ELEMENT("Like", A "," VALUE("\"x%\"")) "," ELEMENT("Not", "{\"Index\": 8}") "," ELEMENT("Between",
                                                                                                                                                                                                                                                                                                  A
                                                                                                                                                                                                                                                                                                  "," VALUE("1") "," VALUE(
                                                                                                                                                                                                                                                                                                      "2")) "," ELEMENT("InList", A
                                                                                                                                                                                                                                                                                                                        "," VALUE("1") "," VALUE("2") "," VALUE("null")) "," ELEMENT("And",
                                                                                                                                                                                                                                                                                                                                                                                     "{\"Index\": 11}, {\"Index\": 12}") "," ELEMENT("Or",
                                                                                                                                                                                                                                                                                                                                                                                                                                     VALUE(
                                                                                                                                                                                                                                                                                                                                                                                                                                         "true") "," VALUE("false")) "," ELEMENT("Cast",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 A "," VALUE("\"UInt16\"")) "," ELEMENT("InView",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        VALUE("\"i=87\"")) "," ELEMENT("OfType", VALUE("\"i=2041\"")) "," ELEMENT("RelatedTo",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  VALUE(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "\"i=58\"") "," VALUE("\"i=58\"") "," VALUE("\"i=35\"") "," VALUE("1") "," VALUE("true") "," VALUE("true")) "," ELEMENT("BitwiseAnd",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              A
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                              "," VALUE(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "1")) "," ELEMENT("BitwiseOr",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    A
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "," VALUE(
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "1")) "]}}"),
        OK);
    const UA_ContentFilter *where = &filter()->whereClause;
    assert_int_equal(where->elementsSize, 18);
    for (unsigned i = 0; i < 18; i++)
        assert_int_equal(where->elements[i].filterOperator, i);
    const UA_LiteralOperand *cast = where->elements[12].filterOperands[1].content.decoded.data;
    assert_int_equal(((UA_NodeId *)cast->value.data)->identifier.numeric, UA_NS0ID_UINT16);
    const UA_LiteralOperand *nothing = where->elements[9].filterOperands[3].content.decoded.data;
    assert_true(UA_Variant_isEmpty(&nothing->value));
}

static const UA_Variant *second_literal(void)
{
    return &((UA_LiteralOperand *)filter()
                 ->whereClause.elements[0]
                 .filterOperands[1]
                 .content.decoded.data)
                ->value;
}

/* Somebody who compares the source with a node's id means a node id. */
static void literals_have_the_type_that_is_given_or_meant(void **state)
{
    (void)state;
    assert_int_equal(
        make(SELECT ELEMENT("Equals", FIELD("SourceNode") "," VALUE("\"http://x/#i=5\"")) "]}}"),
        OK);
    assert_true(UA_Variant_hasScalarType(second_literal(), &UA_TYPES[UA_TYPES_NODEID]));
    event_filter_clear(&made);
    assert_int_equal(make(SELECT ELEMENT(
                         "GreaterThan", FIELD("Time") "," VALUE("\"2026-01-01T00:00:00Z\"")) "]}}"),
                     OK);
    assert_true(UA_Variant_hasScalarType(second_literal(), &UA_TYPES[UA_TYPES_DATETIME]));
    event_filter_clear(&made);
    assert_int_equal(
        make(SELECT ELEMENT("LessThan", A ", {\"Value\": \"5\", \"DataType\": \"i=10\"}") "]}}"),
        OK);
    assert_true(UA_Variant_hasScalarType(second_literal(), &UA_TYPES[UA_TYPES_FLOAT]));
}

static void an_alias_makes_it_any_attribute_of_a_node(void **state)
{
    (void)state;
    assert_int_equal(
        make(SELECT ELEMENT(
            "Like", "{\"Alias\": \"area\", \"NodeId\": \"i=58\", \"AttributeId\": "
                    "\"DisplayName\", \"BrowsePath\": [\"/2:Area\"]}, " VALUE("\"Main%\"")) "]}}"),
        OK);
    const UA_AttributeOperand *a =
        filter()->whereClause.elements[0].filterOperands[0].content.decoded.data;
    assert_ptr_equal(filter()->whereClause.elements[0].filterOperands[0].content.decoded.type,
                     &UA_TYPES[UA_TYPES_ATTRIBUTEOPERAND]);
    assert_int_equal(a->attributeId, UA_ATTRIBUTEID_DISPLAYNAME);
    assert_int_equal(a->browsePath.elementsSize, 1);
    assert_slice(opcua_slice(a->alias), SLICE("area"));
}

static void assert_refused(const char *json, enum status status, const char *because)
{
    assert_int_equal(make(json), status);
    if (!strstr(buffer_cstr(&why), because))
        fail_msg("'%s' lacks '%s'", buffer_cstr(&why), because);
}

static void says_which_clause_is_wrong(void **state)
{
    (void)state;
    assert_refused(
        "{\"SelectClauses\": [{\"BrowsePath\": [\"a\"]}, {\"TypeDefinitionId\": \"x\"}]}",
        BAD_FORMAT, "SelectClauses[1]: ");
    assert_refused("{\"SelectClauses\": [{\"AttributeId\": \"Colour\"}]}", BAD_ARGUMENT,
                   "AttributeId");
    assert_refused(SELECT ELEMENT("IsNull", A) "," ELEMENT("Perhaps", A) "]}}", BAD_ARGUMENT,
                   "WhereClause.Elements[1]: FilterOperator");
    assert_refused(SELECT ELEMENT("Between", A "," VALUE("1")) "]}}", BAD_ARGUMENT,
                   "Between takes 3");
    assert_refused(SELECT ELEMENT("Not", "{\"Index\": 0}") "]}}", BAD_ARGUMENT, "a later element");
    assert_refused(SELECT ELEMENT("Not", "{\"Index\": 1}") "]}}", BAD_ARGUMENT, "a later element");
    assert_refused(
        SELECT ELEMENT("Equals", A ", {\"Value\": 70000, \"DataType\": \"UInt16\"}") "]}}",
        BAD_ARGUMENT, "UInt16");
    assert_refused("\"SELECT", BAD_FORMAT, "JSON");
}

static void a_text_is_a_query(void **state)
{
    (void)state;
    assert_int_equal(make("\"PREFIX x <http://x/> SELECT x:CycleId AS Id FROM x:i=235 WHERE OFTYPE "
                          "x:i=235 AND Severity > 5\""),
                     OK);
    assert_slice(buffer_slice(&made.heads[0]), SLICE("\"Id\":"));
    assert_int_equal(filter()->selectClauses[0].typeDefinitionId.namespaceIndex, 2);
    assert_int_equal(filter()->whereClause.elementsSize, 3);
    event_filter_clear(&made);
    assert_int_equal(make("\"SELECT\""), BAD_FORMAT);
    assert_non_null(strstr(buffer_cstr(&why), "line 1, column 7"));
}

static void tells_what_the_server_does_not_like(void **state)
{
    (void)state;
    assert_int_equal(make(SELECT ELEMENT("Equals", A "," VALUE("1")) "]}}"), OK);
    UA_StatusCode good = UA_STATUSCODE_GOOD, bad = UA_STATUSCODE_BADNODEIDUNKNOWN,
                  operands[] = {good, UA_STATUSCODE_BADFILTERLITERALINVALID};
    UA_ContentFilterElementResult element = {
        .statusCode = good, .operandStatusCodesSize = 2, .operandStatusCodes = operands};
    UA_EventFilterResult result = {
        .selectClauseResultsSize = 1,
        .selectClauseResults = &good,
        .whereClauseResult = {.elementResultsSize = 1, .elementResults = &element}};
    UA_ExtensionObject object;
    UA_ExtensionObject_setValueNoDelete(&object, &result, &UA_TYPES[UA_TYPES_EVENTFILTERRESULT]);
    event_filter_explain(&made, &object, &why);
    assert_string_equal(buffer_cstr(&why),
                        " WhereClause.Elements[0].FilterOperands[1]: BadFilterLiteralInvalid.");
    buffer_reset(&why);
    result.selectClauseResults = &bad;
    result.whereClauseResult.elementResultsSize = 0;
    event_filter_explain(&made, &object, &why);
    assert_string_equal(buffer_cstr(&why), " SelectClauses[0] \"a\": BadNodeIdUnknown.");
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
        cmocka_unit_test_teardown(names_are_as_long_as_strict_readers_want_them, tear_down),
        cmocka_unit_test_teardown(what_the_publisher_needs_itself_stands_behind, tear_down),
        cmocka_unit_test_teardown(the_simple_form_takes_all_fields_of_the_type, tear_down),
        cmocka_unit_test_teardown(has_all_operators, tear_down),
        cmocka_unit_test_teardown(literals_have_the_type_that_is_given_or_meant, tear_down),
        cmocka_unit_test_teardown(an_alias_makes_it_any_attribute_of_a_node, tear_down),
        cmocka_unit_test_teardown(says_which_clause_is_wrong, tear_down),
        cmocka_unit_test_teardown(a_text_is_a_query, tear_down),
        cmocka_unit_test_teardown(tells_what_the_server_does_not_like, tear_down),
        cmocka_unit_test_teardown(refuses_what_it_cannot_mean, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "opcua/event_query.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct buffer out, why;

static int tear_down(void **state)
{
    (void)state;
    buffer_clear(&out);
    buffer_clear(&why);
    return 0;
}

static void compile(const char *query)
{
    buffer_reset(&out);
    buffer_reset(&why);
    if (opcua_event_query_compile(slice_of(query), &out, &why) != OK)
        fail_msg("%s: %s", query, buffer_cstr(&why));
}

static void assert_compiles(const char *query, const char *json)
{
    compile(query);
    assert_string_equal(buffer_cstr(&out), json);
}

static void assert_where(const char *where, const char *elements)
{
    struct buffer query = {0}, json = {0};
    buffer_printf(&query, "SELECT EventId FROM ns=1;i=1 AS AType, ns=1;i=2 BType WHERE %s", where);
    buffer_printf(
        &json,
        "{\"selectClauses\":[{\"typeDefinitionId\":\"ns=1;i=1\",\"browsePath\":[\"EventId\"]}],"
        "\"whereClause\":{\"elements\":[%s]}}",
        elements);
    assert_compiles(buffer_cstr(&query), buffer_cstr(&json));
    buffer_clear(&query);
    buffer_clear(&json);
}

#define ELEMENT(name, operands)                                                                    \
    "{\"filterOperator\":\"" name "\",\"filterOperands\":[" operands "]}"
#define INDEX(n) "{\"index\":" n "}"
#define VALUE(v) "{\"value\":" v "}"
#define NODE(v) "{\"value\":\"" v "\",\"dataType\":\"NodeId\"}"
#define A "{\"nodeId\":\"ns=1;i=1\",\"browsePath\":[\"A\"]}"
#define B "{\"nodeId\":\"ns=1;i=2\",\"browsePath\":[\"B\"]}"

static void selects_fields_of_types(void **state)
{
    (void)state;
    assert_compiles(
        "select EventId, /Message AS Text, ConditionType/EnabledState/Id, ConditionType.NodeId",
        "{\"selectClauses\":["
        "{\"typeDefinitionId\":\"i=2041\",\"browsePath\":[\"EventId\"]},"
        "{\"typeDefinitionId\":\"i=2041\",\"browsePath\":[\"Message\"],\"displayName\":\"Text\"},"
        "{\"typeDefinitionId\":\"i=2782\",\"browsePath\":[\"EnabledState\",\"Id\"]},"
        "{\"typeDefinitionId\":\"i=2782\",\"browsePath\":[],\"attributeId\":\"NodeId\"}]}");
    assert_compiles("SELECT * FROM AlarmConditionType;", "{\"typeDefinitionId\":\"i=2915\"}");
    assert_compiles("SELECT *", "{\"typeDefinitionId\":\"i=2041\"}");
}

static void namespaces_have_prefixes(void **state)
{
    (void)state;
    assert_compiles("PREFIX p <http://opcfoundation.org/SimpleEvents#>\n"
                    "PREFIX q: http://other/#\n"
                    "SELECT p:CycleId x, 2:Name, q:Steps/p:Name FROM p:i=235 -- the cycle\n"
                    "/* and that is all */",
                    "{\"selectClauses\":["
                    "{\"typeDefinitionId\":\"nsu=http://opcfoundation.org/SimpleEvents;i=235\","
                    "\"browsePath\":[\"nsu=http://opcfoundation.org/"
                    "SimpleEvents;CycleId\"],\"displayName\":\"x\"},"
                    "{\"typeDefinitionId\":\"nsu=http://opcfoundation.org/SimpleEvents;i=235\","
                    "\"browsePath\":[\"2:Name\"]},"
                    "{\"typeDefinitionId\":\"nsu=http://opcfoundation.org/SimpleEvents;i=235\","
                    "\"browsePath\":[\"nsu=http://other/;Steps\",\"nsu=http://opcfoundation.org/"
                    "SimpleEvents;Name\"]}]}");
    assert_compiles(
        "SELECT http://x/y#i=7/Some, \xc2\xb4nsu=http://x/y;s=a b/2:My Field\xc2\xb4, `From`",
        "{\"selectClauses\":["
        "{\"typeDefinitionId\":\"http://x/y#i=7\",\"browsePath\":[\"Some\"]},"
        "{\"typeDefinitionId\":\"nsu=http://x/y;s=a b\",\"browsePath\":[\"2:My Field\"]},"
        "{\"typeDefinitionId\":\"i=2041\",\"browsePath\":[\"From\"]}]}");
}

/* Part 4, Annex B: the elements in the order that its tables have. */
static void orders_elements_as_the_standard_does(void **state)
{
    (void)state;
    assert_where(
        "((AType.A = 5) OR BType.B IN (3, 5, 7)) AND BaseObjectType.displayName LIKE 'Main%'",
        ELEMENT("And", INDEX("1") "," INDEX("4")) "," ELEMENT(
            "Or",
            INDEX("2") "," INDEX(
                "3")) "," ELEMENT("Equals",
                                  A "," VALUE(
                                      "5")) "," ELEMENT("InList",
                                                        B "," VALUE("3") "," VALUE("5") "," VALUE(
                                                            "7")) "," ELEMENT("Like",
                                                                              "{\"nodeId\":\"i="
                                                                              "58\",\"browsePath\":"
                                                                              "[],\"attributeId\":"
                                                                              "\"DisplayName\"}"
                                                                              "," VALUE(
                                                                                  "\"Main%\"")));
    assert_where(
        "ns=1;i=30 RELATEDTO (ns=1;i=40, ns=1;i=50)",
        ELEMENT("RelatedTo", NODE("ns=1;i=30") "," NODE("ns=1;i=40") "," NODE("ns=1;i=50")));
    assert_where(
        "ns=1;i=30 RELATEDTO (ns=1;i=40 RELATEDTO (ns=1;i=60, ns=1;i=70), ns=1;i=50)",
        ELEMENT("RelatedTo", NODE("ns=1;i=30") "," INDEX("1") "," NODE("ns=1;i=50")) "," ELEMENT(
            "RelatedTo", NODE("ns=1;i=40") "," NODE("ns=1;i=60") "," NODE("ns=1;i=70")));
}

static void binds_as_the_language_says(void **state)
{
    (void)state;
    assert_where(
        "A = 1 OR B = 2 AND C = 3",
        ELEMENT("Or", INDEX("1") "," INDEX("2")) "," ELEMENT(
            "Equals",
            A "," VALUE(
                "1")) "," ELEMENT("And",
                                  INDEX("3") "," INDEX(
                                      "4")) "," ELEMENT("Equals",
                                                        "{\"nodeId\":\"ns=1;i=1\",\"browsePath\":["
                                                        "\"B\"]}," VALUE(
                                                            "2")) "," ELEMENT("Equals",
                                                                              "{\"nodeId\":\"ns=1;"
                                                                              "i=1\","
                                                                              "\"browsePath\":["
                                                                              "\"C\"]}," VALUE(
                                                                                  "3")));
    assert_where(
        "A & 4 = 4", /* comparisons bind stronger */
        ELEMENT("BitwiseAnd", A "," INDEX("1")) "," ELEMENT("Equals", VALUE("4") "," VALUE("4")));
    assert_where(
        "NOT OFTYPE ConditionType AND ISNULL A",
        ELEMENT("And", INDEX("1") "," INDEX("3")) "," ELEMENT("Not", INDEX("2")) "," ELEMENT(
            "OfType", NODE("i=2782")) "," ELEMENT("IsNull", A));
    assert_where("!(A != 1)", ELEMENT("Not", INDEX("1")) "," ELEMENT("Not", INDEX("2")) "," ELEMENT(
                                  "Equals", A "," VALUE("1")));
}

static void has_all_operators(void **state)
{
    (void)state;
    static const struct {
        const char *sign, *name;
    } signs[] = {{"=", "Equals"},
                 {"==", "Equals"},
                 {">", "GreaterThan"},
                 {"<", "LessThan"},
                 {">=", "GreaterThanOrEqual"},
                 {"<=", "LessThanOrEqual"},
                 {"!<", "GreaterThanOrEqual"},
                 {"!>", "LessThanOrEqual"},
                 {"like", "Like"},
                 {"|", "BitwiseOr"},
                 {"&", "BitwiseAnd"}};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        char where[64], element[256];
        snprintf(where, sizeof where, "A %s 1.5e3", signs[i].sign);
        snprintf(element, sizeof element,
                 "{\"filterOperator\":\"%s\",\"filterOperands\":[" A "," VALUE("1.5e3") "]}",
                 signs[i].name);
        assert_where(where, element);
    }
    assert_where("A BETWEEN (1, -2)", ELEMENT("Between", A "," VALUE("1") "," VALUE("-2")));
    assert_where("INVIEW i=87", ELEMENT("InView", NODE("i=87")));
    assert_where("A CAST (i=5)", ELEMENT("Cast", A "," NODE("i=5")));
    assert_where("A", ELEMENT("Equals", A "," VALUE("true")));
    assert_where("A = 'it''s' AND false", ELEMENT("And", INDEX("1") "," VALUE("false")) "," ELEMENT(
                                              "Equals", A "," VALUE("\"it's\"")));
    assert_where("A = '5'^^UInt16",
                 ELEMENT("Equals", A ",{\"value\":\"5\",\"dataType\":\"UInt16\"}"));
}

static void assert_refused(const char *query, enum status status, const char *because)
{
    buffer_reset(&why);
    buffer_reset(&out);
    assert_int_equal(opcua_event_query_compile(slice_of(query), &out, &why), status);
    assert_int_equal(out.len, 0);
    if (!strstr(buffer_cstr(&why), because))
        fail_msg("'%s' lacks '%s'", buffer_cstr(&why), because);
}

static void says_where_it_is_wrong(void **state)
{
    (void)state;
    assert_refused("", BAD_FORMAT, "line 1, column 1: SELECT is expected");
    assert_refused("SELECT EventId\nWHERE A = ", BAD_FORMAT, "line 2, column 11: a field, a value");
    assert_refused("SELECT EventId WHERE (A = 1", BAD_FORMAT, "')' is expected");
    assert_refused("SELECT EventId WHERE A = 1 B", BAD_FORMAT, "the end is expected, not 'B'");
    assert_refused("SELECT EventId WHERE OFTYPE x:i=5", NOT_FOUND, "'x' is not a PREFIX");
    assert_refused("SELECT * FROM Nonsense", NOT_FOUND, "give its node id");
    assert_refused("SELECT EventId WHERE A = '1", BAD_FORMAT, "column 26");
    assert_refused("SELECT EventId WHERE A BETWEEN (1)", BAD_FORMAT, "at least 2");
    assert_refused("SELECT EventId WHERE A IN (SELECT B)", UNSUPPORTED, "SELECT inside another");
    assert_refused("SELECT EventId WHERE A = 5^^Nothing", NOT_FOUND, "not a data type");
    assert_refused("SELECT EventId, FROM BaseEventType", BAD_FORMAT, "a field");
    struct buffer deep = {0};
    buffer_text(&deep, "SELECT A WHERE ");
    for (int i = 0; i < 100; i++)
        buffer_u8(&deep, '(');
    assert_refused(buffer_cstr(&deep), TOO_LARGE, "too deep");
    buffer_clear(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(selects_fields_of_types, tear_down),
        cmocka_unit_test_teardown(namespaces_have_prefixes, tear_down),
        cmocka_unit_test_teardown(orders_elements_as_the_standard_does, tear_down),
        cmocka_unit_test_teardown(binds_as_the_language_says, tear_down),
        cmocka_unit_test_teardown(has_all_operators, tear_down),
        cmocka_unit_test_teardown(says_where_it_is_wrong, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

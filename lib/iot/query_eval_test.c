#include "iot/query_eval.h"

#include "base/cmocka.h"
#include "iot/query_functions.h"
#include "json/json.h"

/* What the conditions below are about. */
static const char document[] = "{\"s\":\"abc\",\"t\":\"abd\",\"n\":5,\"f\":1.5,\"neg\":-4,\"yes\":"
                               "true,\"no\":false,\"nil\":null,"
                               "\"list\":[1,\"two\",{\"three\":3}],\"o\":{\"p\":{\"q\":\"deep\"}},"
                               "\"num\":\" 12.5e1 \",\"empty\":\"\","
                               "\"uni\":\"a\\u00e9\\ud83d\\ude00z\"}";

#define LONG 4096

static char long_text[LONG];
static struct arena arena;
static struct json_doc *doc;

static int set_up(void **state)
{
    (void)state;
    memset(long_text, 'A', LONG);
    return json_parse(slice_of(document), JSON_STRICT, &doc, NULL) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    json_free(&doc);
    arena_clear(&arena);
    return 0;
}

static struct iot_value lookup(void *arg, const struct iot_query_path *path)
{
    (void)arg;
    if (slice_eq(path->steps[0].name, SLICE("long")))
        return iot_value_string(slice_from(long_text, LONG));
    return iot_query_walk(json_root(doc), path, 0);
}

static struct iot_value eval(const char *condition)
{
    const struct iot_query_expr *e;
    const char *why = NULL;
    struct iot_query_scope scope = {lookup, NULL, &arena};
    if (iot_query_parse_condition(slice_of(condition), &arena, &e, &why) != OK)
        fail_msg("%s: %s", condition, why);
    return iot_query_eval(e, &scope);
}

static void expect_true(const char *condition)
{
    if (!iot_value_is_true(eval(condition)))
        fail_msg("not true: %s", condition);
}

static void expect_false(const char *condition)
{
    struct iot_value v = eval(condition);
    if (v.type != IOT_VALUE_BOOL || v.boolean)
        fail_msg("not false: %s", condition);
}

static void expect_undefined(const char *condition)
{
    if (eval(condition).type != IOT_VALUE_UNDEFINED)
        fail_msg("not undefined: %s", condition);
}

#define EACH(check, ...)                                                                           \
    do {                                                                                           \
        static const char *const all[] = {__VA_ARGS__};                                            \
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)                                  \
            check(all[i]);                                                                         \
    } while (0)

static void compares_values_of_one_type(void **state)
{
    (void)state;
    EACH(expect_true, "s = 'abc'", "s != 'abd'", "s <> t", "s < t", "s <= 'abc'", "t > s", "t >= s",
         "n = 5", "n = 5.0", "n > -4", "neg < 0", "f = 1.5", "n >= 5", "n <= 5", "yes = true",
         "no = false", "yes != no", "nil = null", "'a' < 'ab'", "'' < 'a'", "n != 4",
         "o.p.q = 'deep'", "list[0] = 1", "list[2].three = 3", "no < yes");
    EACH(expect_false, "s = 'ABC'", "n != 5", "n < 5", "n > 5", "s > t", "yes = false",
         "nil != null");
}

static void what_cannot_be_compared_is_undefined(void **state)
{
    (void)state;
    static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};
    static const char *const pairs[][2] = {
        {"s", "5"},          {"n", "'5'"},       {"yes", "1"},
        {"yes", "'true'"},   {"o", "o"},         {"list", "list"},
        {"o", "5"},          {"missing", "5"},   {"missing", "missing"},
        {"missing", "null"}, {"n", "undefined"}, {"o.p.q.r", "1"},
        {"list[9]", "1"},    {"n[0]", "5"},      {"o.P", "1"}};
    for (size_t p = 0; p < sizeof(pairs) / sizeof(pairs[0]); p++)
        for (size_t o = 0; o < 6; o++)
            expect_undefined(
                arena_printf(&arena, "%s %s %s", pairs[p][0], operators[o], pairs[p][1]));
    EACH(expect_undefined, "nil < 5", "nil < null", "nil >= null");
}

static void null_is_unequal_to_all_that_is_there(void **state)
{
    (void)state;
    EACH(expect_true, "s != null", "n != null", "o != null", "list <> null", "NOT (yes = null)");
    EACH(expect_false, "s = null", "null = 0", "nil != null");
    EACH(expect_undefined, "missing != null", "NOT (missing = null)");
}

static void logic_has_three_values(void **state)
{
    (void)state;
    EACH(expect_true, "yes AND yes", "yes OR missing", "missing OR yes", "NOT no", "yes",
         "no OR no OR yes");
    EACH(expect_false, "no AND missing", "missing AND no", "no OR no", "NOT yes",
         "yes AND yes AND no");
    EACH(expect_undefined, "yes AND missing", "missing AND yes", "no OR missing", "NOT missing",
         "NOT (s = 5)", "s AND yes", "n OR no", "NOT n", "NOT null", "missing AND missing");
}

static void in_is_equal_to_one_of_them(void **state)
{
    (void)state;
    EACH(expect_true, "s IN ['x', 'abc']", "n IN [5]", "n NIN [1, 2]", "'two' IN list", "1 IN list",
         "s NIN [null]", "nil IN [1, null]", "n IN [n]");
    EACH(expect_false, "s IN ['x', 'y']", "n NIN [5, 6]", "s IN []", "n IN [1, 2]");
    EACH(expect_undefined, "missing IN ['a']", "missing NIN ['a']", "s IN [1]", "s NIN ['x', 1]",
         "n IN s", "s IN missing", "9 IN list");
    expect_true("missing NIN []"); /* as NOT (nothing at all) */
}

static void calculates(void **state)
{
    (void)state;
    EACH(expect_true, "n + 1 = 6", "n - 1 * 2 = 3", "(n - 1) * 2 = 8", "n / 2 = 2.5", "n % 3 = 2",
         "-n = -5", "neg + 4 = 0", "- neg = 4");
    EACH(expect_undefined, "n / 0 = 1", "n % 0 = 1", "s + 1 = 1", "s + t = 'abcabd'", "-s = 1",
         "missing + 1 > 0", "1e308 * 10 > 0");
}

static void has_the_functions_for_numbers(void **state)
{
    (void)state;
    EACH(expect_true, "ABS(neg) = 4", "EXP(0) = 1", "POWER(2, 10) = 1024", "SQUARE(neg) = 16",
         "CEILING(f) = 2", "FLOOR(f) = 1", "SIGN(neg) = -1", "SIGN(0) = 0", "SIGN(n) = 1",
         "SQRT(16) = 4", "abs(-f) = 1.5");
    EACH(expect_undefined, "ABS(s)", "EXP(missing)", "POWER(2, s)", "POWER(s, 2)", "SQUARE(nil)",
         "CEILING(yes)", "FLOOR(list)", "SIGN(o)", "SQRT(-1)", "EXP(1000)", "POWER(-8, 0.5)");
}

static void has_the_functions_for_types(void **state)
{
    (void)state;
    EACH(expect_true, "AS_NUMBER(num) = 125", "AS_NUMBER('-3') = -3", "AS_NUMBER(n) = 5",
         "IS_ARRAY(list)", "IS_ARRAY([1])", "IS_BOOL(no)", "IS_DEFINED(nil)", "IS_DEFINED(o)",
         "IS_DEFINED(o.p)", "IS_NULL(nil)", "IS_NUMBER(f)", "IS_OBJECT(o)", "IS_PRIMITIVE(nil)",
         "IS_PRIMITIVE(s)", "IS_PRIMITIVE(n)", "IS_PRIMITIVE(no)", "IS_STRING(empty)");
    EACH(expect_false, "IS_ARRAY(o)", "IS_BOOL(n)", "IS_DEFINED(missing)", "IS_DEFINED(o.x.y)",
         "IS_NULL(missing)", "IS_NULL(n)", "IS_NUMBER(s)", "IS_OBJECT(list)", "IS_PRIMITIVE(o)",
         "IS_PRIMITIVE(list)", "IS_PRIMITIVE(missing)", "IS_STRING(nil)");
    EACH(expect_undefined, "AS_NUMBER(s)", "AS_NUMBER(empty)", "AS_NUMBER('0x10')",
         "AS_NUMBER('inf')", "AS_NUMBER('1 2')", "AS_NUMBER(yes)", "AS_NUMBER(missing)",
         "AS_NUMBER('1e999')");
}

static void has_the_functions_for_texts(void **state)
{
    (void)state;
    EACH(expect_true, "CONCAT(s, '-', t) = 'abc-abd'", "LENGTH(s) = 3", "LENGTH(uni) = 4",
         "LENGTH('') = 0", "LOWER('AbC') = s", "UPPER(s) = 'ABC'", "UPPER('é') = 'é'",
         "SUBSTRING(s, 1) = 'bc'", "SUBSTRING(s, 0, 2) = 'ab'", "SUBSTRING(s, 9) = ''",
         "SUBSTRING(uni, 1, 1) = '\\u00e9'", "INDEX_OF(s, 'c') = 2", "INDEX_OF(uni, 'z') = 3",
         "INDEX_OF(s, 'x') = -1", "INDEX_OF(s, '') = 0", "STARTS_WITH(s, 'ab')",
         "STARTSWITH(s, '')", "ENDS_WITH(s, 'bc')", "ENDSWITH(s, 'abc')", "CONTAINS(s, 'b')",
         "CONTAINS(s, '')", "starts_with(lower('ABC'), 'a')");
    EACH(expect_false, "STARTS_WITH(s, 'b')", "ENDS_WITH(s, 'ab')", "CONTAINS(s, 'abcd')",
         "CONTAINS(empty, 'a')");
    EACH(expect_undefined, "CONCAT(s, n)", "CONCAT(missing, s)", "LENGTH(list)", "LENGTH(n)",
         "LOWER(n)", "UPPER(nil)", "SUBSTRING(n, 1)", "SUBSTRING(s, -1)", "SUBSTRING(s, 0.5)",
         "SUBSTRING(s, 1, s)", "INDEX_OF(s, n)", "INDEX_OF(missing, 'a')", "STARTS_WITH(n, '5')",
         "ENDS_WITH(s, nil)", "CONTAINS(list, 'two')");
}

/* What a function makes has a bound, however often a long text is written. */
static void a_made_text_has_a_bound(void **state)
{
    (void)state;
    const char *arguments = "long";
    for (size_t i = 1; i < IOT_QUERY_MADE_TEXT_MAX / LONG; i++)
        arguments = arena_printf(&arena, "%s, long", arguments);
    expect_true(
        arena_printf(&arena, "LENGTH(CONCAT(%s)) = %u", arguments, IOT_QUERY_MADE_TEXT_MAX));
    expect_undefined(arena_printf(&arena, "CONCAT(%s, 'x')", arguments));
    expect_undefined(arena_printf(&arena, "LOWER(CONCAT(CONCAT(%s), long))", arguments));
}

static void only_true_holds(void **state)
{
    (void)state;
    const struct iot_query_expr *e;
    const char *why;
    struct iot_query_scope scope = {lookup, NULL, &arena};
    static const char *const no[] = {"no", "missing", "s", "n", "nil", "o", "1", "'true'"};
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_int_equal(iot_query_parse_condition(slice_of(no[i]), &arena, &e, &why), OK);
        assert_false(iot_query_holds(e, &scope));
    }
    assert_true(iot_query_holds(NULL, &scope));
}

static void numbers_are_written_as_they_were(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0", "-3", "1.5", "4503599627370495", "1e+300", "-0.25"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct buffer out = {0};
        struct json_writer w = json_writer(&out);
        iot_value_put(eval(numbers[i]), &w);
        assert_string_equal(buffer_cstr(&out), numbers[i]);
        buffer_clear(&out);
    }
}

static void values_have_one_order(void **state)
{
    (void)state;
    static const char *const rising[] = {"missing", "nil", "no",    "yes", "neg",
                                         "f",       "n",   "empty", "s",   "t"};
    for (size_t i = 0; i + 1 < sizeof(rising) / sizeof(rising[0]); i++) {
        assert_true(iot_value_order(eval(rising[i]), eval(rising[i + 1])) < 0);
        assert_true(iot_value_order(eval(rising[i + 1]), eval(rising[i])) > 0);
        assert_int_equal(iot_value_order(eval(rising[i]), eval(rising[i])), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_values_of_one_type),
        cmocka_unit_test(what_cannot_be_compared_is_undefined),
        cmocka_unit_test(null_is_unequal_to_all_that_is_there),
        cmocka_unit_test(logic_has_three_values),
        cmocka_unit_test(in_is_equal_to_one_of_them),
        cmocka_unit_test(calculates),
        cmocka_unit_test(has_the_functions_for_numbers),
        cmocka_unit_test(has_the_functions_for_types),
        cmocka_unit_test(has_the_functions_for_texts),
        cmocka_unit_test(a_made_text_has_a_bound),
        cmocka_unit_test(only_true_holds),
        cmocka_unit_test(numbers_are_written_as_they_were),
        cmocka_unit_test(values_have_one_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "iot/query.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/cmocka.h"

static struct arena arena;

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static struct iot_query good(const char *text)
{
    struct iot_query q;
    const char *why = NULL;
    if (iot_query_parse(slice_of(text), &arena, &q, &why) != OK)
        fail_msg("%s: %s", text, why);
    return q;
}

static const char *bad(const char *text)
{
    struct iot_query q;
    const char *why = NULL;
    if (iot_query_parse(slice_of(text), &arena, &q, &why) != BAD_ARGUMENT)
        fail_msg("%s was taken", text);
    return why;
}

static void reads_what_is_selected_and_from_where(void **state)
{
    (void)state;
    struct iot_query q = good("SELECT * FROM devices");
    assert_int_equal(q.source, IOT_QUERY_DEVICES);
    assert_int_equal(q.item_count, 0);
    assert_null(q.where);
    assert_false(q.aggregates);
    q = good("select top 7 * from devices.modules where moduleId = 'a'");
    assert_int_equal(q.source, IOT_QUERY_MODULES);
    assert_int_equal(q.top, 7);
    assert_non_null(q.where);
    q = good("SELECT deviceId, tags.location.region AS place, tags.[[a b]].c FROM devices");
    assert_int_equal(q.item_count, 3);
    assert_true(slice_eq(q.items[0].name, SLICE("deviceId")));
    assert_true(slice_eq(q.items[1].name, SLICE("place")));
    assert_string_equal(iot_query_path_text(&arena, &q.items[1].path), "tags.location.region");
    assert_true(slice_eq(q.items[2].path.steps[1].name, SLICE("a b")));
    assert_int_equal(good("SELECT * FROM devices.jobs").source, IOT_QUERY_JOBS);
}

static void reads_aggregates_and_groups(void **state)
{
    (void)state;
    struct iot_query q =
        good("SELECT properties.reported.status AS status, COUNT() AS n, AVG(tags.x)"
             " FROM devices WHERE tags.y = 1 GROUP BY properties.reported.status");
    assert_true(q.aggregates);
    assert_int_equal(q.group_count, 1);
    assert_int_equal(q.items[0].aggregate, IOT_QUERY_PLAIN);
    assert_int_equal(q.items[1].aggregate, IOT_QUERY_COUNT);
    assert_int_equal(q.items[1].path.count, 0);
    assert_int_equal(q.items[2].aggregate, IOT_QUERY_AVG);
    assert_true(slice_eq(q.items[2].name, SLICE("$3")));
    assert_int_equal(good("SELECT tags.a FROM devices GROUP BY tags.a").aggregates, true);
}

static void a_source_s_name_or_alias_is_no_part_of_a_path(void **state)
{
    (void)state;
    static const char *const same[] = {
        "SELECT tags.x FROM devices GROUP BY tags.x",
        "SELECT devices.tags.x FROM devices GROUP BY devices.tags.x",
        "SELECT c.tags.x FROM devices c GROUP BY c.tags.x",
        "SELECT c.tags.x FROM devices AS c GROUP BY tags.x",
        "SELECT devices.modules.tags.x FROM devices.modules GROUP BY tags.x",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct iot_query q = good(same[i]);
        assert_string_equal(iot_query_path_text(&arena, &q.items[0].path), "tags.x");
        assert_string_equal(iot_query_path_text(&arena, &q.groups[0]), "tags.x");
    }
    struct iot_query q = good("SELECT * FROM devices.jobs WHERE devices.jobs.status = 'queued'");
    assert_string_equal(iot_query_path_text(&arena, &q.where->args[0]->path), "status");
}

/* The tree with all its brackets. */
static void print(const struct iot_query_expr *e, struct buffer *out)
{
    static const char *const signs[] = {
        [IOT_QUERY_OR] = "|",       [IOT_QUERY_AND] = "&",      [IOT_QUERY_NOT] = "!",
        [IOT_QUERY_EQ] = "=",       [IOT_QUERY_NE] = "<>",      [IOT_QUERY_LT] = "<",
        [IOT_QUERY_LE] = "<=",      [IOT_QUERY_GT] = ">",       [IOT_QUERY_GE] = ">=",
        [IOT_QUERY_IN] = "in",      [IOT_QUERY_NIN] = "nin",    [IOT_QUERY_ADD] = "+",
        [IOT_QUERY_SUBTRACT] = "-", [IOT_QUERY_MULTIPLY] = "*", [IOT_QUERY_DIVIDE] = "/",
        [IOT_QUERY_MODULO] = "%",   [IOT_QUERY_NEGATE] = "neg", [IOT_QUERY_ARRAY] = "list",
        [IOT_QUERY_CALL] = "call"};
    if (e->kind == IOT_QUERY_PATH) {
        buffer_text(out, iot_query_path_text(&arena, &e->path));
    } else if (e->kind == IOT_QUERY_LITERAL) {
        struct json_writer w = json_writer(out);
        if (e->value.type == IOT_VALUE_UNDEFINED)
            buffer_text(out, "undefined");
        else
            iot_value_put(e->value, &w);
    } else {
        buffer_printf(out, "(%s", signs[e->kind]);
        for (size_t i = 0; i < e->arg_count; i++) {
            buffer_text(out, " ");
            print(e->args[i], out);
        }
        buffer_text(out, ")");
    }
}

static void expect_tree(const char *condition, const char *tree)
{
    const struct iot_query_expr *e;
    const char *why = NULL;
    struct buffer out = {0};
    if (iot_query_parse_condition(slice_of(condition), &arena, &e, &why) != OK)
        fail_msg("%s: %s", condition, why);
    print(e, &out);
    assert_string_equal(buffer_cstr(&out), tree);
    buffer_clear(&out);
}

static void binds_the_tighter_operator_first(void **state)
{
    (void)state;
    expect_tree("a = 1 OR b = 2 AND NOT c = 3 OR d", "(| (= a 1) (& (= b 2) (! (= c 3))) d)");
    expect_tree("(a OR b) AND c AND d", "(& (| a b) c d)");
    expect_tree("1 - 2 - 3 * 4 / 5 % 6", "(- (- 1 2) (% (/ (* 3 4) 5) 6))");
    expect_tree("a + 1 >= -b", "(>= (+ a 1) (neg b))");
    expect_tree("-2 < - - 3", "(< -2 3)");
    expect_tree("not not a", "(! (! a))");
    expect_tree("a IN['x', 2] and b NIN [ ] or c in d.list",
                "(| (& (in a (list \"x\" 2)) (nin b (list))) (in c d.list))");
    expect_tree("is_defined(a.b) AND STARTS_WITH( \"x\" , 'y')",
                "(& (call a.b) (call \"x\" \"y\"))");
    expect_tree("a != null and b <> undefined or true",
                "(| (& (<> a null) (<> b undefined)) true)");
    expect_tree("0x1F = 31 AND 1.5e3 = 1500 AND .5 = 0.5",
                "(& (= 31 31) (= 1500 1500) (= 0.5 0.5))");
}

static void reads_every_way_to_write_a_name(void **state)
{
    (void)state;
    expect_tree("$body.readings[2].[[a-b]]['c d'] = 1", "(= $body.readings[2].a-b.c d 1)");
    expect_tree("{$content-type} = 'x'", "(= $content-type \"x\")");
    expect_tree("properties.reported.[[select]].1st = 1", "(= properties.reported.select.1st 1)");
    expect_tree("configurations.[[my.config]].status = 'Applied'",
                "(= configurations.my.config.status \"Applied\")");
    expect_tree("tags.größe", "tags.größe");
    expect_tree("top = 1 AND group = by", "(& (= top 1) (= group by))"); /* no keywords here */
    const struct iot_query_expr *e;
    const char *why;
    assert_int_equal(iot_query_parse_condition(SLICE("{$to} = $to"), &arena, &e, &why), OK);
    assert_true(e->args[0]->path.system);
    assert_false(e->args[1]->path.system);
}

static void reads_escapes_in_texts(void **state)
{
    (void)state;
    expect_tree("'it\\'s' = \"it's\"", "(= \"it's\" \"it's\")");
    expect_tree("'\\u00e9\\\\\\\"' = '\\uD83D\\uDE00'", "(= \"é\\\\\\\"\" \"😀\")");
}

static void says_where_and_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "position 1: expected SELECT, but the query ends here"},
        {"SELECT * devices", "position 10: expected FROM, found devices"},
        {"SELECT * FROM twins",
         "position 15: expected devices, devices.modules or devices.jobs, found twins"},
        {"SELECT * FROM devices WHERE", "position 28: expected a value, but the query ends here"},
        {"SELECT * FROM devices WHERE tags.x = ",
         "position 38: expected a value, but the query ends here"},
        {"SELECT * FROM devices WHERE tags.x 5",
         "position 36: expected an operator or the end, found 5"},
        {"SELECT * FROM devices WHERE tags.x = 'a",
         "position 38: expected a text that ends with the quote with which it began, found 'a"},
        {"SELECT * FROM devices WHERE tags. = 1", "position 29: expected a name, found tags."},
        {"SELECT * FROM devices WHERE tags.x IN 'a'",
         "position 39: expected a list in [ ], found 'a'"},
        {"SELECT * FROM devices WHERE tags.x IN ['a'",
         "position 43: expected , or ], but the query ends here"},
        {"SELECT * FROM devices WHERE (tags.x = 1",
         "position 40: expected ), but the query ends here"},
        {"SELECT * FROM devices WHERE NOPE(1)", "position 29: there is no function NOPE"},
        {"SELECT * FROM devices WHERE ABS(1, 2)", "position 29: ABS takes 1 argument"},
        {"SELECT * FROM devices WHERE SUBSTRING('a')",
         "position 29: SUBSTRING takes 2 arguments or more, at most 3"},
        {"SELECT * FROM devices WHERE select = 1",
         "position 29: expected a value (a name that is a keyword stands in [[ ]]), found select"},
        {"SELECT * FROM devices WHERE 12abc = 1", "position 29: expected a number, found 12"},
        {"SELECT * FROM devices WHERE a = #",
         "position 33: expected a name, a value or an operator, found #"},
        {"SELECT TOP 0 * FROM devices",
         "position 12: expected a whole number from 1 on behind TOP, found 0"},
        {"SELECT TOP 2 COUNT() FROM devices", "position 1: TOP does not go with aggregates"},
        {"SELECT * FROM devices GROUP BY tags.x",
         "position 1: SELECT * does not go with GROUP BY: select what is grouped by, and COUNT()"},
        {"SELECT tags.x, COUNT() FROM devices",
         "position 8: tags.x stands beside an aggregate and must be in GROUP BY"},
        {"SELECT tags.x, tags.y.x FROM devices",
         "position 16: two things that are selected are named x: name one with AS"},
        {"SELECT LOWER(tags.x) FROM devices",
         "position 8: only names, COUNT, AVG, SUM, MIN and MAX can be selected"},
        {"SELECT AVG() FROM devices", "position 12: expected the name of a property, found )"},
        {"SELECT deviceId FROM devices.jobs",
         "position 1: from devices.jobs there is SELECT * alone"},
        {"SELECT * FROM devices ORDER BY x",
         "position 29: expected an operator or the end, found BY"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(bad(rows[i].text), rows[i].why);
}

static void refuses_what_is_too_long_or_too_deep(void **state)
{
    (void)state;
    struct buffer text = {0};
    const char *why;
    const struct iot_query_expr *e;
    buffer_text(&text, "SELECT * FROM devices WHERE ");
    for (int i = 0; i < 62; i++)
        buffer_text(&text, "(");
    buffer_text(&text, "a");
    for (int i = 0; i < 62; i++)
        buffer_text(&text, ")");
    good(buffer_cstr(&text));
    for (int i = 0; i < 2000; i++)
        buffer_text(&text, " or a");
    assert_non_null(strstr(bad(buffer_cstr(&text)), "more than 8192"));
    buffer_reset(&text);
    for (int i = 0; i < 8000; i++)
        buffer_text(&text, i % 3 ? "(" : "-");
    assert_int_equal(iot_query_parse_condition(buffer_slice(&text), &arena, &e, &why),
                     BAD_ARGUMENT);
    assert_non_null(strstr(why, "nested deeper"));
    buffer_reset(&text);
    for (int i = 0; i < 1500; i++)
        buffer_text(&text, "1 + ");
    buffer_text(&text, "1");
    assert_int_equal(iot_query_parse_condition(buffer_slice(&text), &arena, &e, &why),
                     BAD_ARGUMENT);
    buffer_reset(&text);
    for (int i = 0; i < 1500; i++)
        buffer_text(&text, "a or ");
    buffer_text(&text, "a"); /* a chain is not deep */
    assert_int_equal(iot_query_parse_condition(buffer_slice(&text), &arena, &e, &why), OK);
    assert_int_equal(e->arg_count, 1501);
    buffer_clear(&text);
}

static void reads_targets(void **state)
{
    (void)state;
    struct iot_query q;
    const char *why;
    assert_int_equal(iot_query_parse_target(SLICE("*"), &arena, &q, &why), OK);
    assert_int_equal(q.source, IOT_QUERY_DEVICES);
    assert_null(q.where);
    assert_int_equal(
        iot_query_parse_target(SLICE("tags.x = 'y' AND deviceId='d'"), &arena, &q, &why), OK);
    assert_int_equal(q.where->kind, IOT_QUERY_AND);
    assert_int_equal(
        iot_query_parse_target(SLICE("from devices.modules where moduleId='m' and tags.x='y'"),
                               &arena, &q, &why),
        OK);
    assert_int_equal(q.source, IOT_QUERY_MODULES);
    assert_int_equal(iot_query_parse_target(SLICE("from devices.modules"), &arena, &q, &why), OK);
    assert_int_equal(iot_query_parse_target(SLICE("from devices.jobs"), &arena, &q, &why),
                     BAD_ARGUMENT);
    assert_int_equal(iot_query_parse_target(SLICE("* and x"), &arena, &q, &why), BAD_ARGUMENT);
    assert_int_equal(iot_query_parse_target(SLICE(""), &arena, &q, &why), BAD_ARGUMENT);
}

static void refuses_every_query_that_is_cut_short(void **state)
{
    (void)state;
    static const char whole[] = "SELECT a AS b, COUNT() AS n FROM devices WHERE a.b = 'c' AND"
                                " (d IN ['e', 5]) AND IS_DEFINED(x.[[y z]]) GROUP BY a";
    struct iot_query q;
    const char *why;
    good(whole);
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *part = slice_dup(slice_from(whole, len)); /* so that reading past it is seen */
        enum status s = iot_query_parse(slice_from(part, len), &arena, &q, &why);
        assert_true(s == OK || s == BAD_ARGUMENT);
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_what_is_selected_and_from_where, clear),
        cmocka_unit_test_teardown(reads_aggregates_and_groups, clear),
        cmocka_unit_test_teardown(a_source_s_name_or_alias_is_no_part_of_a_path, clear),
        cmocka_unit_test_teardown(binds_the_tighter_operator_first, clear),
        cmocka_unit_test_teardown(reads_every_way_to_write_a_name, clear),
        cmocka_unit_test_teardown(reads_escapes_in_texts, clear),
        cmocka_unit_test_teardown(says_where_and_what_was_expected, clear),
        cmocka_unit_test_teardown(refuses_what_is_too_long_or_too_deep, clear),
        cmocka_unit_test_teardown(reads_targets, clear),
        cmocka_unit_test_teardown(refuses_every_query_that_is_cut_short, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

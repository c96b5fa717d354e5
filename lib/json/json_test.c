#include "json/json.h"

#include "base/buffer.h"
#include "base/cmocka.h"

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(slice_of(text), JSON_STRICT, &doc, NULL), OK);
    return doc;
}

static void reads_in_a_straight_line(void **state)
{
    (void)state;
    struct json_doc *doc =
        parse("{\"a\":[1,-2,3.5,1e3],\"b\":{\"c\":\"x\\u00e9\\n\"},\"t\":true,\"n\":null}");
    const struct json *root = json_root(doc);
    int64_t i;
    assert_true(json_i64(json_at(json_get(root, "a"), 1), &i));
    assert_int_equal(i, -2);
    assert_true(json_i64(json_at(json_get(root, "a"), 3), &i)); /* 1e3 is whole */
    assert_int_equal(i, 1000);
    assert_false(json_i64(json_at(json_get(root, "a"), 2), &i));
    assert_true(json_double(json_at(json_get(root, "a"), 2), 0) == 3.5);
    assert_slice(json_string(json_get(json_get(root, "b"), "c")), SLICE("x\xc3\xa9\n"));
    assert_true(json_bool(json_get(root, "t"), false));
    assert_true(json_is(json_get(root, "n"), JSON_NULL));
    assert_int_equal(json_count(root), 4);
    json_free(&doc);
    assert_null(doc);
}

static void what_is_not_there_is_nothing(void **state)
{
    (void)state;
    struct json_doc *doc = parse("{\"a\":1}");
    const struct json *root = json_root(doc);
    int64_t i;
    uint64_t u;
    assert_null(json_get(json_get(root, "b"), "c"));
    assert_null(json_at(root, 0));
    assert_null(json_get_nocase(json_get(root, "a"), "c"));
    assert_int_equal(json_type(NULL), JSON_NONE);
    assert_int_equal(json_string(json_get(root, "a")).len, 0);
    assert_true(json_bool(json_get(root, "a"), true));
    assert_false(json_i64(NULL, &i));
    assert_false(json_u64(root, &u));
    assert_int_equal(json_count(NULL), 0);
    struct json_walk w = json_walk(json_get(root, "a"));
    assert_false(json_next(&w));
    json_free(&doc);
}

static void walks_members_and_elements_in_order(void **state)
{
    (void)state;
    struct json_doc *doc = parse("[{\"x\":[1,[2]],\"y\":{}},3]");
    struct json_walk w = json_walk(json_root(doc));
    assert_true(json_next(&w));
    assert_int_equal(w.name.len, 0);
    struct json_walk m = json_walk(w.value);
    assert_true(json_next(&m));
    assert_slice(m.name, SLICE("x"));
    assert_int_equal(json_count(m.value), 2);
    assert_true(json_next(&m));
    assert_slice(m.name, SLICE("y"));
    assert_false(json_next(&m));
    assert_true(json_next(&w));
    assert_true(json_is(w.value, JSON_NUMBER));
    assert_false(json_next(&w));
    json_free(&doc);
}

static void an_exact_name_wins_over_one_in_another_case(void **state)
{
    (void)state;
    struct json_doc *doc = parse("{\"Name\":1,\"name\":2}");
    uint64_t u;
    assert_true(json_u64(json_get_nocase(json_root(doc), "name"), &u));
    assert_int_equal(u, 2);
    assert_true(json_u64(json_get_nocase(json_root(doc), "NAME"), &u));
    assert_int_equal(u, 1);
    json_free(&doc);
}

static void refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *bad[] = {"",
                                " ",
                                "{",
                                "[1,]",
                                "{\"a\":1,}",
                                "{a:1}",
                                "[1] 2",
                                "nul",
                                "01",
                                "1.",
                                "+1",
                                "\"\\x\"",
                                "'a'",
                                "[1 2]",
                                "NaN",
                                "1e999",
                                "\"\xff\"",
                                "\"\t\"",
                                "// c\n1",
                                "{\"a\"}",
                                "\"\\ud800\"",
                                "\xef\xbb\xbf"
                                "1"};
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        struct json_doc *doc = NULL;
        if (json_parse(slice_of(bad[n]), JSON_STRICT, &doc, NULL) != BAD_FORMAT)
            fail_msg("took '%s'", bad[n]);
        assert_null(doc);
    }
}

static void refuses_the_same_name_twice_and_says_where(void **state)
{
    (void)state;
    struct json_doc *doc;
    struct json_error e;
    assert_int_equal(
        json_parse(SLICE("{\"a\":{\"b\":1,\n  \"c\":2, \"b\":3}}"), JSON_STRICT, &doc, &e),
        BAD_FORMAT);
    assert_string_equal(e.what, "the same name twice");
    assert_int_equal(e.line, 2);
    assert_int_equal(e.column, 10);
    struct buffer many = {0}; /* enough to be sorted */
    for (int i = 0; i < 100; i++)
        buffer_printf(&many, "%c\"n%d\":%d", i ? ',' : '{', i, i);
    buffer_text(&many, ",\"n7\":0}");
    assert_int_equal(json_parse(buffer_slice(&many), JSON_CONFIG, &doc, &e), BAD_FORMAT);
    assert_int_equal(e.at, many.len - 7);
    buffer_clear(&many);
}

static void a_name_may_stand_twice_where_the_reader_judges(void **state)
{
    (void)state;
    struct json_doc *doc;
    struct json_error e;
    assert_int_equal(json_parse(SLICE("[{\"a\":1, \"b\":[{\"c\":2, \"c\":3}], \"a\":4}, {\"a\":1}]"),
                                JSON_LAX, &doc, &e),
                     OK);
    const struct json *first = json_at(json_root(doc), 0);
    int64_t n;
    assert_true(json_i64(json_twice(first), &n) && n == 4);
    assert_true(json_i64(json_twice(json_get(first, "b")), &n) && n == 3);
    assert_null(json_twice(json_at(json_root(doc), 1)));
    unsigned line, column;
    assert_true(json_where(doc, json_twice(first), &line, &column));
    assert_int_equal(column, 36);
    json_free(&doc);
}

static void refuses_more_depth_than_the_limit(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buffer_u8(&text, '[');
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        buffer_u8(&text, ']');
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL), OK);
    json_free(&doc);
    buffer_reset(&text);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++)
        buffer_text(&text, "{\"a\":");
    buffer_u8(&text, '1');
    for (int i = 0; i <= JSON_DEPTH_MAX; i++)
        buffer_u8(&text, '}');
    struct json_error e;
    assert_int_equal(json_parse(buffer_slice(&text), JSON_STRICT, &doc, &e), BAD_FORMAT);
    assert_string_equal(e.what, "nested too deep");
    assert_int_equal(e.at, JSON_DEPTH_MAX * 5);
    buffer_clear(&text);
}

static void a_syntax_error_has_a_place(void **state)
{
    (void)state;
    struct json_doc *doc;
    struct json_error e;
    assert_int_equal(json_parse(SLICE("{\n  \"a\": tru\n}"), JSON_STRICT, &doc, &e), BAD_FORMAT);
    assert_non_null(e.what);
    assert_int_equal(e.line, 2);
    assert_true(e.column >= 8);
}

static void a_file_of_people_may_have_comments_and_every_value_a_place(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf// what to publish, \"a\": [\n"
                               "{ /* not {this} */ \"endpoint\": \"opc,\\\"x\\\"://h\",\n"
                               "  \"nodes\": [\n"
                               "    {\"id\": \"\xc3\xa9\xc3\xa9\", \"rate\": -1.5e3,},\n"
                               "  true, null, [], {},\n"
                               "  ],\n"
                               "}";
    struct json_doc *doc;
    assert_int_equal(json_parse(slice_of(text), JSON_CONFIG, &doc, NULL), OK);
    const struct json *root = json_root(doc), *nodes = json_get(root, "nodes");
    const struct {
        const struct json *v;
        unsigned line, column;
    } places[] = {
        {root, 2, 1},
        {json_get(root, "endpoint"), 2, 32},
        {nodes, 3, 12},
        {json_at(nodes, 0), 4, 5},
        {json_get(json_at(nodes, 0), "id"), 4, 12},
        {json_get(json_at(nodes, 0), "rate"), 4, 26},
        {json_at(nodes, 1), 5, 3},
        {json_at(nodes, 2), 5, 9},
        {json_at(nodes, 3), 5, 15},
        {json_at(nodes, 4), 5, 19},
    };
    for (size_t n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
        unsigned line, column;
        assert_true(json_where(doc, places[n].v, &line, &column));
        if (line != places[n].line || column != places[n].column)
            fail_msg("value %zu is at %u:%u", n, line, column);
    }
    unsigned line, column;
    assert_false(json_where(doc, NULL, &line, &column));
    json_forget_text(doc);
    assert_false(json_where(doc, places[0].v, &line, &column));
    json_free(&doc);
}

static void a_comment_ends_with_its_line_however_that_ends(void **state)
{
    (void)state;
    static const char *const texts[] = {"[ // 0, \n 1]", "[ // 0, \r 1]", "[ // 0, \r\n 1]"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_doc *doc;
        unsigned line, column;
        assert_int_equal(json_parse(slice_of(texts[i]), JSON_CONFIG, &doc, NULL), OK);
        assert_int_equal(json_count(json_root(doc)), 1);
        assert_true(json_where(doc, json_at(json_root(doc), 0), &line, &column));
        assert_int_equal(texts[i][strlen(texts[i]) - 2], '1');
        assert_int_equal(line, i == 1 ? 1 : 2);
        assert_int_equal(column, i == 1 ? 11 : 2);
        json_free(&doc);
    }
}

static void equal_means_the_same_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[true,null]}", "{\"b\":[true,null],\"a\":1.0}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"1", "\"1\"", false},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740992.0", true},
        {"18446744073709551615", "-1", false},
        {"333332233333333331.5", "333332233333333300", true}, /* how that double is printed */
        {"0.1", "0.10", true},
        {"null", "null", true},
        {"\"a\"", "\"\\u0061\"", true},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct json_doc *a = parse(cases[n].a), *b = parse(cases[n].b);
        if (json_equal(json_root(a), json_root(b)) != cases[n].equal)
            fail_msg("%s and %s", cases[n].a, cases[n].b);
        json_free(&a);
        json_free(&b);
    }
}

static void whole_numbers_stay_in_their_type(void **state)
{
    (void)state;
    struct json_doc *doc = parse("[9223372036854775807,9223372036854775808,18446744073709551615,"
                                 "18446744073709551616,-9223372036854775808,-1,1.0,1e20,-0.5]");
    static const struct {
        bool i64, u64;
    } fits[] = {{true, true},  {false, true}, {false, true},  {false, false}, {true, false},
                {true, false}, {true, true},  {false, false}, {false, false}};
    int64_t i;
    uint64_t u;
    for (size_t n = 0; n < sizeof(fits) / sizeof(fits[0]); n++) {
        assert_int_equal(json_i64(json_at(json_root(doc), n), &i), fits[n].i64);
        assert_int_equal(json_u64(json_at(json_root(doc), n), &u), fits[n].u64);
    }
    assert_true(json_number_is_integer(json_at(json_root(doc), 2)));
    assert_false(json_number_is_integer(json_at(json_root(doc), 6)));
    json_free(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_a_straight_line),
        cmocka_unit_test(what_is_not_there_is_nothing),
        cmocka_unit_test(walks_members_and_elements_in_order),
        cmocka_unit_test(an_exact_name_wins_over_one_in_another_case),
        cmocka_unit_test(refuses_what_is_not_json),
        cmocka_unit_test(refuses_the_same_name_twice_and_says_where),
        cmocka_unit_test(a_name_may_stand_twice_where_the_reader_judges),
        cmocka_unit_test(refuses_more_depth_than_the_limit),
        cmocka_unit_test(a_syntax_error_has_a_place),
        cmocka_unit_test(a_file_of_people_may_have_comments_and_every_value_a_place),
        cmocka_unit_test(a_comment_ends_with_its_line_however_that_ends),
        cmocka_unit_test(equal_means_the_same_value),
        cmocka_unit_test(whole_numbers_stay_in_their_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Configurations: what a body may say, and what several make of one twin. */
#include "configurations/effect.h"

#include "base/cmocka.h"

static struct arena arena;
static const struct iot_limits limits = {.configuration_metrics = 5, .configuration_modules = 50};
static enum configuration_part part;

static int setup(void **state)
{
    (void)state;
    arena = (struct arena){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

static void ids_are_lower_case(void **state)
{
    (void)state;
    assert_true(configuration_id_ok(SLICE("a-1:+%_#*?!(),=@;'")));
    assert_false(configuration_id_ok(SLICE("")));
    assert_false(configuration_id_ok(SLICE("Upper")));
    assert_false(configuration_id_ok(SLICE("a/b")));
    assert_false(configuration_id_ok(SLICE("a\0b")));
    char longest[CONFIGURATION_ID_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(configuration_id_ok(slice_from(longest, CONFIGURATION_ID_MAX)));
    assert_false(configuration_id_ok(slice_from(longest, sizeof longest)));
}

static void a_body_that_is_wrong_says_where(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"priority\":-1}", "priority"},
        {"{\"priority\":\"high\"}", "priority"},
        {"{\"labels\":5}", "labels"},
        {"{\"metrics\":{\"queries\":{\"a\":5}}}", "metrics.queries"},
        {"{\"metrics\":{\"queries\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\",\"f\":"
         "\"\"}}}",
         "more than limits"},
        {"{\"content\":{\"deviceContent\":{\"tags.x\":1}}}", "tags.x"},
        {"{\"content\":{\"deviceContent\":{\"properties.desired.\":1}}}", "properties.desired."},
        {"{\"content\":{\"deviceContent\":{\"properties.desired.a..b\":1}}}", "a..b"},
        {"{\"content\":{\"deviceContent\":{\"properties.desired\":1}}}", "must be an object"},
        {"{\"content\":{\"modulesContent\":{\"$edgeAgent\":5}}}", "section"},
        {"{\"content\":{\"deviceContent\":{\"properties.desired.a\":1},\"moduleContent\":{"
         "\"properties.desired.a\":1}}}",
         "only one"},
        {"{\"targetCondition\":\"tags.a = \"}", "targetCondition"},
        {"{\"content\":{\"deviceContent\":{\"properties.desired.a\":1}},\"targetCondition\":\"FROM "
         "devices.modules\"}",
         "moduleContent is for"},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct json_doc *doc;
        struct configuration c = {0};
        const char *why = "";
        assert_int_equal(json_parse(slice_of(rows[n][0]), JSON_STRICT, &doc, NULL), OK);
        assert_int_equal(configuration_read(&arena, &limits, json_root(doc), &c, &why, &part),
                         BAD_ARGUMENT);
        if (strstr(why, rows[n][1]) == NULL)
            fail_msg("row %zu: '%s'", n, why);
        json_free(&doc);
    }
}

static void what_the_sdks_send_for_no_content_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}", "{\"content\":null}", "{\"content\":{\"deviceContent\":{},\"modulesContent\":null}}"};
    for (size_t n = 0; n < 3; n++) {
        struct json_doc *doc;
        struct configuration c = {0};
        const char *why = "";
        assert_int_equal(json_parse(slice_of(rows[n]), JSON_STRICT, &doc, NULL), OK);
        assert_int_equal(configuration_read(&arena, &limits, json_root(doc), &c, &why, &part), OK);
        assert_int_equal(c.kind, CONFIGURATION_EMPTY);
        json_free(&doc);
    }
}

/* ---- several on one twin ---- */

#define MOST 4

struct several {
    struct json_doc *docs[MOST];
    struct configuration all[MOST];
    const struct configuration *ranked[MOST];
    size_t count;
    struct configuration_effect effect;
};

/* Bodies, each with its priority; made one after the other. */
static void read_all(struct several *s, const char *const *bodies)
{
    *s = (struct several){0};
    for (; bodies[s->count]; s->count++) {
        struct configuration *c = &s->all[s->count];
        const char *why = "";
        assert_int_equal(
            json_parse(slice_of(bodies[s->count]), JSON_STRICT, &s->docs[s->count], NULL), OK);
        assert_int_equal(
            configuration_read(&arena, &limits, json_root(s->docs[s->count]), c, &why, &part), OK);
        c->id = slice_of(arena_printf(&arena, "c%zu", s->count));
        c->created_ms = s->count;
        s->ranked[s->count] = c;
    }
    configuration_rank(s->ranked, s->count);
    s->effect = configuration_effect(&arena, s->ranked, s->count);
}

static void makes(struct several *s, const char *module, const char *now, const char *before,
                  const char *then, const char *paths)
{
    struct buffer out = {0}, set = {0};
    assert_int_equal(configuration_apply(&s->effect, slice_of(module), slice_of(now),
                                         slice_of(before), &out, &set),
                     OK);
    assert_string_equal(buffer_cstr(&out), then);
    assert_string_equal(buffer_cstr(&set), paths);
    buffer_clear(&out);
    buffer_clear(&set);
}

static void end(struct several *s)
{
    for (size_t n = 0; n < s->count; n++)
        json_free(&s->docs[n]);
}

static void the_higher_priority_has_a_path_and_equals_the_newer(void **state)
{
    (void)state;
    struct several s;
    read_all(
        &s,
        (const char *const[]){
            "{\"priority\":5,\"content\":{\"deviceContent\":{\"properties.desired.a\":\"low\","
            "\"properties.desired.only\":1}}}",
            "{\"priority\":9,\"content\":{\"deviceContent\":{\"properties.desired.a.b\":\"old\"}}}",
            "{\"priority\":9,\"content\":{\"deviceContent\":{\"properties.desired.a.b\":\"new\"}}}",
            NULL});
    assert_true(s.effect.applied[0]);
    assert_false(s.effect.applied[1]);
    assert_false(s.effect.applied[2]);
    makes(&s, "", "{\"own\":true}", "", "{\"own\":true,\"a\":{\"b\":\"new\"},\"only\":1}",
          "[\"a.b\",\"only\"]");
    end(&s);
}

static void what_is_not_set_any_more_goes_and_objects_are_set_whole(void **state)
{
    (void)state;
    struct several s;
    read_all(&s,
             (const char *const[]){
                 "{\"content\":{\"deviceContent\":{\"properties.desired.a\":{\"x\":1}}}}", NULL});
    makes(&s, "", "{\"a\":{\"x\":0,\"y\":2},\"b\":{\"c\":3,\"own\":4}}", "[\"b.c\",\"gone\"]",
          "{\"b\":{\"own\":4},\"a\":{\"x\":1}}", "[\"a\"]");
    end(&s);
    read_all(&s, (const char *const[]){NULL});
    makes(&s, "", "{\"a\":{\"x\":1},\"own\":2}", "[\"a\"]", "{\"own\":2}", "[]");
}

static void layers_lie_on_the_deployment_below_them(void **state)
{
    (void)state;
    struct several s;
    read_all(&s, (const char *const[]){"{\"priority\":5,\"content\":{\"modulesContent\":{\"$"
                                       "edgeAgent\":{\"properties.desired\":"
                                       "{\"schemaVersion\":\"1.1\",\"modules\":{\"m\":{\"v\":1}}}},"
                                       "\"m\":{\"properties.desired\":{\"a\":1}}}}}",
                                       "{\"priority\":7,\"content\":{\"modulesContent\":{\"$"
                                       "edgeAgent\":{\"properties.desired.modules.n\":"
                                       "{\"v\":2}},\"m\":{\"properties.desired.b\":2}}}}",
                                       "{\"priority\":3,\"content\":{\"modulesContent\":{\"$"
                                       "edgeAgent\":{\"properties.desired.modules.low\":"
                                       "{}}}}}",
                                       NULL});
    assert_true(s.effect.applied[0]);
    assert_true(s.effect.applied[1]);
    assert_false(s.effect.applied[2]);
    makes(&s, "$edgeAgent", "{\"old\":1}", "",
          "{\"schemaVersion\":\"1.1\",\"modules\":{\"m\":{\"v\":1},\"n\":{\"v\":2}}}",
          "[\"\",\"modules.n\"]");
    makes(&s, "m", "{}", "", "{\"a\":1,\"b\":2}", "[\"\",\"b\"]");
    end(&s);
}

static void layers_alone_do_nothing(void **state)
{
    (void)state;
    struct several s;
    read_all(&s, (const char *const[]){"{\"content\":{\"modulesContent\":{\"$edgeAgent\":{"
                                       "\"properties.desired.modules.n\":{}}}}}",
                                       NULL});
    assert_false(s.effect.applied[0]);
    assert_int_equal(s.effect.count, 0);
    end(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ids_are_lower_case),
        TEST(a_body_that_is_wrong_says_where),
        TEST(what_the_sdks_send_for_no_content_is_none),
        TEST(the_higher_priority_has_a_path_and_equals_the_newer),
        TEST(what_is_not_set_any_more_goes_and_objects_are_set_whole),
        TEST(layers_lie_on_the_deployment_below_them),
        TEST(layers_alone_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

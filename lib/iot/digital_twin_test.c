/* The digital twin: what IoT Plug and Play makes of a twin, and what a patch of it makes of the
 * twin. */
#include "iot/digital_twin.h"

#include "base/cmocka.h"

static struct arena arena;

static const struct iot_twin thermostats = {
    .desired =
        {SLICE_INIT(
             "{\"interval\":5,\"inside\":{\"__t\":\"c\",\"target\":20},\"floor\":{\"rooms\":2}}"),
         SLICE_INIT("{\"$lastUpdated\":\"t0\",\"$lastUpdatedVersion\":4,"
                    "\"interval\":{\"$lastUpdated\":\"t1\",\"$lastUpdatedVersion\":2},"
                    "\"inside\":{\"$lastUpdated\":\"t2\",\"$lastUpdatedVersion\":4,"
                    "\"target\":{\"$lastUpdated\":\"t2\",\"$lastUpdatedVersion\":4}},"
                    "\"floor\":{\"$lastUpdated\":\"t1\",\"$lastUpdatedVersion\":3}}"),
         4},
    .reported = {SLICE_INIT(
                     "{\"serial\":\"a1\",\"inside\":{\"__t\":\"c\",\"highest\":25.5,"
                     "\"target\":{\"value\":19,\"ac\":200,\"av\":3,\"ad\":\"on its way\"}}}"),
                 SLICE_INIT(
                     "{\"$lastUpdated\":\"t5\",\"serial\":{\"$lastUpdated\":\"t3\"},"
                     "\"inside\":{\"$lastUpdated\":\"t5\",\"highest\":{\"$lastUpdated\":\"t4\"},"
                     "\"target\":{\"$lastUpdated\":\"t5\"}}}"),
                 7},
};

static void shows_what_is_reported_and_what_is_desired_beside_it(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    iot_digital_twin_put(&thermostats, SLICE("d1"), SLICE("dtmi:com:example:T;1"), &w);
    assert_slice(
        buffer_slice(&out),
        SLICE(
            "{\"$dtId\":\"d1\",\"serial\":\"a1\","
            "\"inside\":{\"highest\":25.5,\"target\":19,\"$metadata\":{"
            "\"highest\":{\"lastUpdateTime\":\"t4\"},"
            "\"target\":{\"desiredValue\":20,\"desiredVersion\":4,\"ackVersion\":3,\"ackCode\":200,"
            "\"ackDescription\":\"on its way\",\"lastUpdateTime\":\"t5\"}}},"
            "\"$metadata\":{\"$model\":\"dtmi:com:example:T;1\",\"serial\":{\"lastUpdateTime\":"
            "\"t3\"},"
            "\"interval\":{\"desiredValue\":5,\"desiredVersion\":2,\"lastUpdateTime\":\"t1\"},"
            "\"floor\":{\"desiredValue\":{\"rooms\":2},\"desiredVersion\":3,\"lastUpdateTime\":"
            "\"t1\"}}}"));
    buffer_clear(&out);
}

static const char *patch(const char *operations, struct slice *body)
{
    struct json_doc *doc = NULL;
    const char *why = NULL;
    assert_int_equal(json_parse(slice_of(operations), JSON_STRICT, &doc, NULL), OK);
    enum status s = iot_digital_twin_patch(&thermostats, &arena, json_root(doc), body, &why);
    assert_int_equal(s == OK, why == NULL);
    json_free(&doc);
    return why;
}

static void becomes(const char *operations, const char *desired)
{
    struct slice body = {0};
    const char *why = patch(operations, &body);
    if (why)
        fail_msg("%s: %s", operations, why);
    assert_slice(body,
                 slice_of(arena_printf(&arena, "{\"properties\":{\"desired\":%s}}", desired)));
}

static void operations_become_one_patch_of_the_desired_properties(void **state)
{
    (void)state;
    becomes("[]", "{}");
    becomes("[{\"op\":\"replace\",\"path\":\"/interval\",\"value\":9}]", "{\"interval\":9}");
    becomes("[{\"op\":\"add\",\"path\":\"/a~1b~0c\",\"value\":null}]", "{\"a/b~c\":null}");
    becomes("[{\"op\":\"add\",\"path\":\"/inside/"
            "target\",\"value\":21},{\"op\":\"add\",\"path\":\"/inside/mode\",\"value\":\"x\"},"
            "{\"op\":\"remove\",\"path\":\"/interval\"}]",
            "{\"inside\":{\"__t\":\"c\",\"target\":21,\"mode\":\"x\"},\"interval\":null}");
}

static void a_component_is_marked_in_the_twin(void **state)
{
    (void)state;
    becomes("[{\"op\":\"add\",\"path\":\"/outside/target\",\"value\":3}]",
            "{\"outside\":{\"__t\":\"c\",\"target\":3}}");
    becomes("[{\"op\":\"add\",\"path\":\"/outside\",\"value\":{\"target\":4,\"$metadata\":{}}}]",
            "{\"outside\":{\"__t\":\"c\",\"target\":4}}");
    becomes("[{\"op\":\"remove\",\"path\":\"/inside/target\"}]", "{\"inside\":{\"target\":null}}");
    becomes("[{\"op\":\"remove\",\"path\":\"/inside\"}]", "{\"inside\":null}");
}

/* A property that is an object is one all the same, and is replaced as a whole. */
static void an_object_that_is_no_component_stays_none(void **state)
{
    (void)state;
    becomes("[{\"op\":\"replace\",\"path\":\"/floor/rooms\",\"value\":3}]",
            "{\"floor\":{\"rooms\":3}}");
    becomes("[{\"op\":\"replace\",\"path\":\"/floor\",\"value\":{\"doors\":1}}]",
            "{\"floor\":{\"rooms\":null,\"doors\":1}}");
}

static void what_is_no_patch_is_refused_with_its_path(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "[7]",
        "[{\"op\":\"move\",\"path\":\"/a\",\"from\":\"/b\"}]",
        "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]",
        "[{\"op\":\"add\",\"path\":\"\",\"value\":1}]",
        "[{\"op\":\"add\",\"path\":\"/\",\"value\":1}]",
        "[{\"op\":\"add\",\"path\":\"/a\"}]",
        "[{\"op\":\"remove\",\"path\":\"/nothing\"}]",
        "[{\"op\":\"add\",\"path\":\"/1/2/3/4/5/6/7/8/9/10/11/12/13\",\"value\":1}]",
    };
    struct slice body;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (patch(bad[i], &body) == NULL)
            fail_msg("%s was taken", bad[i]);
    assert_string_equal(patch("[{\"op\":\"remove\",\"path\":\"/inside/nothing\"}]", &body),
                        "/inside/nothing: there is no such desired property to remove");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_is_reported_and_what_is_desired_beside_it),
        cmocka_unit_test(operations_become_one_patch_of_the_desired_properties),
        cmocka_unit_test(a_component_is_marked_in_the_twin),
        cmocka_unit_test(an_object_that_is_no_component_stays_none),
        cmocka_unit_test(what_is_no_patch_is_refused_with_its_path),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}

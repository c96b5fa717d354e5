/* Queries over twins, in a registry in memory. */
#include "query/query_rig.h"

static void three_devices(void)
{
    device("a", "{\"tags\":{\"place\":{\"city\":\"Ulm\",\"floor\":1},\"on\":true},"
                "\"properties\":{\"desired\":{\"speed\":10}}}");
    device("b", "{\"tags\":{\"place\":{\"city\":\"Bonn\",\"floor\":2},\"on\":false,\"note\":\"1\"},"
                "\"properties\":{\"desired\":{\"speed\":20.5}}}");
    device("C", "{\"tags\":{\"place\":\"none\",\"note\":1,\"list\":[1,2]}}");
    report("a", "{\"state\":\"ok\",\"load\":null}");
    report("b", "{\"state\":\"bad\",\"deep\":{\"er\":{\"est\":5}}}");
}

static void finds_by_tags_and_properties(void **state)
{
    (void)state;
    three_devices();
    static const struct {
        const char *where, *found;
    } rows[] = {
        {"tags.place.city = 'Ulm'", "a "},
        {"'Ulm' = tags.place.city", "a "},
        {"tags.place.city = 'ulm'", ""},
        {"tags.place.city != 'Ulm'", "b "},
        {"tags.place.city IN ['Ulm', 'Bonn', 'Ulm', undefined]", "a b "},
        {"tags.place.city NIN ['Ulm']", "b "},
        {"tags.place.floor >= 1", "a b "},
        {"tags.place.floor > 1", "b "},
        {"1 < tags.place.floor", "b "},
        {"tags.place.floor <= 1", "a "},
        {"tags.place.city > 'Bonn'", "a "},
        {"tags.place.city >= 'Bonn'", "a b "},
        {"tags.place.city < 'C'", "b "},
        {"tags.on", "a "},
        {"tags.on = true", "a "},
        {"tags.on = false", "b "},
        {"tags.on != false", "a "},
        {"tags.note = '1'", "b "},
        {"tags.note = 1", "C "},
        {"tags.place = 'none'", "C "},
        {"IS_DEFINED(tags.place)", "a b C "},
        {"is_defined(tags.place.city)", "a b "},
        {"NOT IS_DEFINED(tags.on)", "C "},
        {"IS_DEFINED(tags.list)", "C "},
        {"tags.list[1] = 2", "C "},
        {"1 IN tags.list", "C "},
        {"tags.Place.city = 'Ulm'", ""},
        {"Tags.place.city = 'Ulm'", "a "},
        {"properties.desired.speed > 10", "b "},
        {"properties.desired.speed IN [10, 20.5]", "a b "},
        {"properties.reported.state = 'ok' OR properties.desired.speed = 20.5", "a b "},
        {"properties.reported.state = 'ok' AND tags.place.floor = 2", ""},
        {"properties.reported.load = null", ""},
        {"properties.reported.state != null", "a b "},
        {"properties.reported.deep.er.est = 5", "b "},
        {"properties.reported.deep.er.est.x = 5", ""},
        {"STARTS_WITH(tags.place.city, 'Bo')", "b "},
        {"LOWER(tags.place.city) = 'bonn'", "b "},
        {"properties.desired.speed = properties.desired.speed", "a b "},
        {"properties.reported.$version = 2", "a b "},
        {"properties.desired.$metadata.speed.$lastUpdatedVersion = 2", "a b "},
        {"properties.reported.$metadata.$lastUpdated > '2001'", "a b C "},
        {"tags.place.[[city]] = 'Ulm'", "a "},
        {"devices.tags.place.city = 'Ulm'", "a "},
        {"deviceId = 'a'", "a "},
        {"DeviceID = 'a'", "a "},
        {"deviceId = 'A'", ""},
        {"deviceId = 5", ""},
        {"deviceId IN ['b', 'C', 'x']", "b C "},
        {"deviceId > 'a'", "b "},
        {"deviceId = 'a' AND tags.place.city = 'Bonn'", ""},
        {"STATUS = 'enabled' AND connectionState = 'Disconnected'", "a b C "},
        {"status = 'disabled'", ""},
        {"version = 2", "a b C "},
        {"capabilities.iotEdge = false", "a b C "},
        {"capabilities.IOTEDGE", ""},
        {"authenticationType = 'sas'", "a b C "},
        {"lastActivityTime < '2000-01-01'", "a b C "},
        {"etag = 'AAAAAAAAAAI='", "a b C "},
        {"x509Thumbprint.primaryThumbprint = null", "a b C "},
        {"IS_DEFINED(moduleId)", ""},
        {"false", ""},
        {"true", "a b C "},
        {"null", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(ids(rows[i].where), rows[i].found) != 0)
            fail_msg("%s found %s", rows[i].where, ids(rows[i].where));
}

static void gives_twins_or_what_is_selected(void **state)
{
    (void)state;
    three_devices();
    query("SELECT * FROM devices WHERE deviceId = 'a'");
    assert_string_equal(house.item_type, "Twin");
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    const struct json *twin = json_at(json_root(doc), 0);
    assert_int_equal(json_count(json_root(doc)), 1);
    assert_slice(json_string(json_get(twin, "etag")), SLICE("AAAAAAAAAAI="));
    assert_slice(json_string(json_get(twin, "connectionState")), SLICE("Disconnected"));
    assert_non_null(json_get(json_get(json_get(twin, "properties"), "reported"), "$metadata"));
    json_free(&doc);
    assert_string_equal(
        query("SELECT deviceId, tags.place AS place, properties.desired.speed, tags.nothing"
              " FROM devices WHERE deviceId IN ['a', 'C']"),
        "[{\"deviceId\":\"a\",\"place\":{\"city\":\"Ulm\",\"floor\":1},\"speed\":10},"
        "{\"deviceId\":\"C\",\"place\":\"none\"}]");
    assert_string_equal(house.item_type, "Raw");
    assert_string_equal(
        query("SELECT properties.reported.$version AS v, tags.list[1] AS second FROM"
              " devices WHERE deviceId = 'C'"),
        "[{\"v\":1,\"second\":2}]");
    assert_non_null(strstr(query("SELECT properties.desired FROM devices WHERE deviceId='a'"),
                           "{\"desired\":{\"speed\":10,\"$metadata\":"));
    assert_string_equal(query("SELECT TOP 2 deviceId FROM devices"),
                        "[{\"deviceId\":\"a\"},{\"deviceId\":\"b\"}]");
}

static void counts_and_groups(void **state)
{
    (void)state;
    assert_string_equal(query("SELECT COUNT() AS n FROM devices"), "[{\"n\":0}]");
    assert_string_equal(query("SELECT tags.x, COUNT() AS n FROM devices GROUP BY tags.x"), "[]");
    for (int i = 0; i < 10; i++) {
        char id[16], twin[128];
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(twin, sizeof(twin), "{\"tags\":{\"line\":\"%c\",\"n\":%d,\"mixed\":%s}}",
                 "abc"[i % 3], i, i % 2 ? "\"x\"" : "1.5");
        device(id, i == 9 ? NULL : twin);
    }
    assert_string_equal(
        query("SELECT COUNT() AS n, COUNT(tags.n), AVG(tags.n) AS mean, SUM(tags.n),"
              " MIN(tags.n) AS low, MAX(tags.n) AS high, AVG(tags.none) AS none,"
              " MIN(tags.mixed) AS least, MAX(tags.mixed) AS most FROM devices"),
        "[{\"n\":10,\"$2\":9,\"mean\":4,\"$4\":36,\"low\":0,\"high\":8,"
        "\"least\":1.5,\"most\":\"x\"}]");
    assert_string_equal(house.item_type, "Raw");
    const char *groups = query("SELECT tags.line AS line, COUNT() AS n, SUM(tags.n) AS sum FROM"
                               " devices GROUP BY tags.line");
    assert_non_null(strstr(groups, "{\"line\":\"a\",\"n\":3,\"sum\":9}"));
    assert_non_null(strstr(groups, "{\"line\":\"c\",\"n\":3,\"sum\":15}"));
    assert_non_null(strstr(groups, "{\"n\":1,\"sum\":0}"));
    groups =
        query("SELECT COUNT() AS n, tags.mixed, tags.line FROM devices WHERE tags.n < 4 GROUP BY"
              " tags.line, tags.mixed");
    assert_non_null(strstr(groups, "{\"n\":1,\"mixed\":\"x\",\"line\":\"a\"}"));
    assert_non_null(strstr(groups, "{\"n\":1,\"mixed\":1.5,\"line\":\"c\"}"));
}

/* Groups have pages, too, and each comes once. */
static void groups_come_in_pages(void **state)
{
    (void)state;
    char id[16], twin[64], next[256] = "", seen[32] = {0};
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(twin, sizeof(twin), "{\"tags\":{\"n\":%d}}", i);
        device(id, twin);
    }
    do {
        struct json_doc *doc;
        assert_int_equal(page_of("SELECT tags.n FROM devices GROUP BY tags.n", 6, next), OK);
        assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
        for (struct json_walk w = json_walk(json_root(doc)); json_next(&w);)
            seen[(int)json_double(json_get(w.value, "n"), 31)]++;
        json_free(&doc);
        snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    } while (*next);
    for (int i = 0; i < 20; i++)
        assert_int_equal(seen[i], 1);
}

static void finds_modules(void **state)
{
    (void)state;
    three_devices();
    change(&registry_identity_put, "a", "m", "{}");
    change(&registry_identity_put, "b", "m", "{}");
    change(&registry_identity_put, "b", "other", "{}");
    change(&registry_twin_patch, "b", "m", "{\"tags\":{\"on\":true}}");
    assert_string_equal(query("SELECT deviceId, moduleId FROM devices.modules"),
                        "[{\"deviceId\":\"a\",\"moduleId\":\"m\"},{\"deviceId\":\"b\",\"moduleId\":"
                        "\"m\"},{\"deviceId\":\"b\",\"moduleId\":\"other\"}]");
    assert_string_equal(
        query("SELECT deviceId FROM devices.modules WHERE moduleId = 'm' AND tags.on = true"),
        "[{\"deviceId\":\"b\"}]");
    assert_string_equal(query("SELECT COUNT() AS n FROM devices.modules WHERE deviceId = 'b'"),
                        "[{\"n\":2}]");
    assert_string_equal(query("SELECT COUNT() AS n FROM devices.modules WHERE moduleId = 'm'"),
                        "[{\"n\":2}]");
    assert_string_equal(query("SELECT COUNT() AS n FROM devices WHERE tags.on = true"),
                        "[{\"n\":1}]");
    query("SELECT * FROM devices.modules WHERE moduleId = 'other'");
    assert_non_null(strstr(buffer_cstr(&house.json), "\"moduleId\":\"other\""));
    change(&registry_identity_delete, "b", NULL, NULL); /* and its modules */
    assert_string_equal(query("SELECT moduleId FROM devices.modules"), "[{\"moduleId\":\"m\"}]");
}

/* ---- pages ---- */

static void many_devices(int count)
{
    char id[16], twin[96];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof(id), "d%04d", i);
        snprintf(twin, sizeof(twin), "{\"tags\":{\"n\":%d,\"kind\":\"%s\"}}", i,
                 i % 50 == 7 ? "rare" : "common");
        device(id, twin);
    }
}

static void a_page_begins_behind_the_one_before(void **state)
{
    (void)state;
    char next[256];
    struct json_doc *doc;
    many_devices(250);
    assert_int_equal(page_of("SELECT * FROM devices", 1000, NULL), OK); /* 100 at most */
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    assert_int_equal(json_count(json_root(doc)), 100);
    json_free(&doc);
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    change(&registry_identity_delete, "d0003", NULL, NULL);
    change(&registry_identity_delete, "d0100", NULL, NULL);
    device("new", NULL);
    assert_int_equal(page_of("SELECT * FROM devices", 100, next), OK);
    assert_non_null(strstr(buffer_cstr(&house.json), "\"d0101\""));
    assert_null(strstr(buffer_cstr(&house.json), "\"d0099\""));
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(page_of("SELECT * FROM devices", 100, next), OK);
    assert_non_null(strstr(buffer_cstr(&house.json), "\"d0201\""));
    assert_non_null(strstr(buffer_cstr(&house.json), "\"new\""));
    assert_int_equal(house.continuation.len, 0);
}

static void a_page_that_is_full_at_the_end_is_the_last(void **state)
{
    (void)state;
    many_devices(10);
    assert_int_equal(page_of("SELECT * FROM devices", 10, NULL), OK);
    assert_int_equal(house.continuation.len, 0);
    assert_int_equal(page_of("SELECT * FROM devices", 9, NULL), OK);
    assert_int_not_equal(house.continuation.len, 0);
}

static void top_counts_over_pages(void **state)
{
    (void)state;
    char next[256];
    many_devices(30);
    assert_int_equal(page_of("SELECT TOP 5 deviceId FROM devices", 3, NULL), OK);
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(page_of("SELECT TOP 5 deviceId FROM devices", 3, next), OK);
    assert_string_equal(buffer_cstr(&house.json),
                        "[{\"deviceId\":\"d0003\"},{\"deviceId\":\"d0004\"}]");
    assert_int_equal(house.continuation.len, 0);
}

static void refuses_a_continuation_of_something_else(void **state)
{
    (void)state;
    char next[256];
    many_devices(3);
    assert_int_equal(page_of("SELECT * FROM devices", 1, NULL), OK);
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(page_of("SELECT * FROM devices WHERE true", 1, next), BAD_ARGUMENT);
    assert_int_equal(page_of("SELECT * FROM devices", 1, "nonsense"), BAD_ARGUMENT);
    assert_int_equal(page_of("SELECT * FROM devices", 1, "MS4yLjM="), BAD_ARGUMENT);
    assert_non_null(strstr(buffer_cstr(&house.text), "x-ms-continuation"));
}

/* Conditions so long that a step looks at few documents, and so many common values that all are
 * read. */
static void long_conditions_are_answered_as_well(void **state)
{
    (void)state;
    struct buffer text = {0};
    many_devices(120);
    buffer_text(&text, "SELECT COUNT() AS n FROM devices WHERE tags.n = 5");
    for (int i = 0; text.len < 8100; i++)
        buffer_printf(&text, " or tags.n=%d", 6 + i % 50);
    assert_string_equal(query(buffer_cstr(&text)), "[{\"n\":51}]");
    buffer_reset(&text);
    buffer_text(&text, "SELECT COUNT() AS n FROM devices WHERE tags.kind IN ['rare'");
    for (int i = 0; text.len < 8100; i++)
        buffer_text(&text, ",'common'");
    buffer_text(&text, "] AND tags.n >= 50");
    assert_string_equal(query(buffer_cstr(&text)), "[{\"n\":70}]");
    buffer_clear(&text);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    assert_string_equal(refused("SELECT * FROM devices WHERE"),
                        "position 28: expected a value, but the query ends here");
    assert_non_null(strstr(refused("SELECT * FROM devices WHERE tag.x = 1"),
                           "position 29: a twin has no tag.x"));
    assert_non_null(strstr(refused("SELECT foo FROM devices"), "position 8: a twin has no foo"));
    assert_non_null(strstr(refused("SELECT COUNT() FROM devices WHERE properties.x = 1"),
                           "position 35: properties are properties.desired"));
    struct buffer text = {0};
    buffer_text(&text, "SELECT * FROM devices WHERE deviceId = '");
    while (text.len < 9000)
        buffer_text(&text, "x");
    buffer_text(&text, "'");
    assert_non_null(strstr(refused(buffer_cstr(&text)), "more than 8192 characters"));
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_by_tags_and_properties, begin, finish),
        cmocka_unit_test_setup_teardown(gives_twins_or_what_is_selected, begin, finish),
        cmocka_unit_test_setup_teardown(counts_and_groups, begin, finish),
        cmocka_unit_test_setup_teardown(groups_come_in_pages, begin, finish),
        cmocka_unit_test_setup_teardown(finds_modules, begin, finish),
        cmocka_unit_test_setup_teardown(a_page_begins_behind_the_one_before, begin, finish),
        cmocka_unit_test_setup_teardown(a_page_that_is_full_at_the_end_is_the_last, begin, finish),
        cmocka_unit_test_setup_teardown(top_counts_over_pages, begin, finish),
        cmocka_unit_test_setup_teardown(refuses_a_continuation_of_something_else, begin, finish),
        cmocka_unit_test_setup_teardown(long_conditions_are_answered_as_well, begin, finish),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

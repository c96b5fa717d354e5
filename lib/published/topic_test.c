#include "published/topic.h"

#include "base/cmocka.h"

static struct topic_scope scope_of_all(void)
{
    return (struct topic_scope){.values = {
                                    [TOPIC_SITE_ID] = SLICE("hall 1"),
                                    [TOPIC_PUBLISHER_ID] = SLICE("pub"),
                                    [TOPIC_ENCODING] = SLICE("Json"),
                                    [TOPIC_WRITER_GROUP] = SLICE("group"),
                                    [TOPIC_WRITER_GROUP_ID] = SLICE("gid"),
                                    [TOPIC_WRITER] = SLICE("writer"),
                                    [TOPIC_WRITER_ID] = SLICE("wid"),
                                    [TOPIC_DATA_SET_NAME] = SLICE("press.axis/2.drive"),
                                    [TOPIC_FIELD_ID] = SLICE("field"),
                                    [TOPIC_CLASS_ID] = SLICE("class"),
                                    [TOPIC_EVENT_NAME] = SLICE("name"),
                                    [TOPIC_EVENT_CONTEXT] = SLICE("context"),
                                    [TOPIC_EVENT_SOURCE] = SLICE("source"),
                                    [TOPIC_CLUSTER_NAMESPACE] = SLICE("ns"),
                                    [TOPIC_CLUSTER_HOST] = SLICE("host"),
                                }};
}

static void expect(const struct topic_scope *s, enum topic_kind kind, const char *wanted)
{
    struct buffer out = {0};
    topic_put(s, kind, &out);
    assert_string_equal(buffer_cstr(&out), wanted);
    buffer_clear(&out);
}

/* `template` as the group's queue. */
static void expect_of(const char *template, const char *wanted)
{
    struct topic_scope s = scope_of_all();
    s.queue = slice_of(template);
    expect(&s, TOPIC_TELEMETRY, wanted);
}

static void has_the_defaults_of_opc_publisher(void **state)
{
    (void)state;
    struct topic_scope s = scope_of_all();
    expect(&s, TOPIC_ROOT, "pub");
    expect(&s, TOPIC_TELEMETRY, "pub/messages/group");
    expect(&s, TOPIC_EVENTS, "pub/events");
    expect(&s, TOPIC_DIAGNOSTICS, "pub/diagnostics/group");
    expect(&s, TOPIC_METADATA, "pub/messages/group");
    expect(&s, TOPIC_SCHEMA, "pub/messages/group/schema");
    expect(&s, TOPIC_METHODS, "pub/methods");
}

static void knows_every_variable_in_any_case(void **state)
{
    (void)state;
    expect_of("{SiteId}|{PublisherId}|{Encoding}", "hall 1|pub|Json");
    expect_of("{WriterGroup}|{DataSetWriterGroup}|{WriterGroupId}", "group|group|gid");
    expect_of("{DataSetWriter}|{DataSetWriterName}|{DataSetWriterId}", "writer|writer|wid");
    expect_of("{DataSetFieldId}|{DataSetClassId}", "field|class");
    expect_of("{EventName}|{EventContext}|{EventSource}", "name|context|source");
    expect_of("{ClusterNamespace}|{ClusterHost}", "ns|host");
    expect_of("{roottopic}/{DATASETWRITER}", "pub/writer");
    expect_of("{EventsTopic}", "pub/events");
}

static void escapes_what_comes_out_of_variables_alone(void **state)
{
    (void)state;
    expect_of("a+b#/{DataSetName}", "a+b#/press.axis\\x2f2.drive");
    expect_of("uns/{DataSetTopicPath}/x", "uns/press/axis\\x2f2/drive/x");
    struct topic_scope s = scope_of_all();
    s.values[TOPIC_WRITER_GROUP] = SLICE("+#\\/ {SiteId}");
    expect(&s, TOPIC_TELEMETRY, "pub/messages/\\x2b\\x23\\x5c\\x2f {SiteId}");
}

/* It would be no topic of its own otherwise, or none that ends. */
static void lets_each_variable_stand_once(void **state)
{
    (void)state;
    expect_of("{TelemetryTopic}/x", "TelemetryTopic/x");
    expect_of("{PublisherId}/{PublisherId}", "pub/PublisherId");
    expect_of("{RootTopic}/{PublisherId}", "pub/PublisherId");
    struct topic_templates loops = {
        .of = {[TOPIC_ROOT] = SLICE("{EventsTopic}"), [TOPIC_EVENTS] = SLICE("e/{RootTopic}")}};
    struct topic_scope s = scope_of_all();
    s.templates = &loops;
    expect(&s, TOPIC_ROOT, "e/RootTopic");
    expect(&s, TOPIC_TELEMETRY, "e/RootTopic/messages/group");
}

static void lets_unknown_names_stand_for_themselves(void **state)
{
    (void)state;
    expect_of("a/{Unknown}/b", "a/Unknown/b");
    expect_of("a/{}/{b", "a/{}/{b");
    expect_of("a}/{{SiteId}", "a}/{SiteId");
    struct topic_scope none = {0};
    expect(&none, TOPIC_TELEMETRY, "PublisherId/messages/WriterGroup");
    none.queue = SLICE("{SiteId}");
    expect(&none, TOPIC_TELEMETRY, "<<UnknownSite>>");
    none.queue = SLICE("{PublisherId}");
    none.values[TOPIC_SITE_ID] = SLICE("s");
    expect(&none, TOPIC_TELEMETRY, "s");
}

static void takes_the_nearest_template(void **state)
{
    (void)state;
    struct slice none = {0};
    assert_true(slice_eq(topic_queue(SLICE("n"), SLICE("w"), SLICE("g")), SLICE("n")));
    assert_true(slice_eq(topic_queue(none, SLICE("w"), SLICE("g")), SLICE("w")));
    assert_true(slice_eq(topic_queue(none, none, SLICE("g")), SLICE("g")));
    assert_int_equal(topic_queue(none, none, none).len, 0);
}

static void sends_metadata_where_its_template_says(void **state)
{
    (void)state;
    struct topic_templates templates = {
        .of = {[TOPIC_METADATA] = SLICE("{TelemetryTopic}/metadata")}};
    struct topic_scope s = scope_of_all();
    s.templates = &templates;
    expect(&s, TOPIC_METADATA, "pub/messages/group/metadata");
    s.queue = SLICE("{RootTopic}/own");
    expect(&s, TOPIC_METADATA, "pub/own/metadata");
    s.metadata = SLICE("meta/{DataSetWriter}");
    expect(&s, TOPIC_METADATA, "meta/writer");
}

static void appends_browse_paths(void **state)
{
    (void)state;
    struct buffer path = {0};
    topic_path_put(&path, false, 0, SLICE("Objects"));
    topic_path_put(&path, true, 2, SLICE("Press/1"));
    struct topic_scope s = scope_of_all();
    s.path = buffer_slice(&path);
    s.metadata = SLICE("meta");
    expect(&s, TOPIC_TELEMETRY, "pub/messages/group/Objects/2:Press\\x2f1");
    expect(&s, TOPIC_METADATA, "pub/messages/group/Objects/2:Press\\x2f1");
    expect(&s, TOPIC_EVENTS, "pub/events");
    buffer_clear(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_defaults_of_opc_publisher),
        cmocka_unit_test(knows_every_variable_in_any_case),
        cmocka_unit_test(escapes_what_comes_out_of_variables_alone),
        cmocka_unit_test(lets_each_variable_stand_once),
        cmocka_unit_test(lets_unknown_names_stand_for_themselves),
        cmocka_unit_test(takes_the_nearest_template),
        cmocka_unit_test(sends_metadata_where_its_template_says),
        cmocka_unit_test(appends_browse_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

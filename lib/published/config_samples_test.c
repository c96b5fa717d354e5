/*
 * Whole files: what comes of each, and that it is the same after the file was written back. OPC
 * Publisher's own samples are in the folder that MILLRACE_PUBLISHED_NODES names; ours are in
 * tests/published-nodes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "json/write.h"
#include "published/config_document.h"
#include "published/config_edit.h"
#include "published/plan_print.h"

static const struct plan_defaults defaults = {.publisher_id = "me",
                                              .mode = MODE_SAMPLES,
                                              .encoding = ENCODING_JSON,
                                              .batch_size = 50,
                                              .batch_ms = 10000,
                                              .publishing_ms = 1000,
                                              .sampling_ms = 1000,
                                              .queue_size = 1,
                                              .trigger = TRIGGER_STATUS_VALUE};

/* clang-format off */
static const struct sample {
    const char *file;
    size_t groups, writers, items;
    const char *lines; /* of the plan, apart by '|' */
} samples[] = {
    {"sample-2.5.json", 1, 4, 6, "connection.security=3|item.node=ns=2;s=Siemens S7 \"TCP\".PLC_1.Motor_Simulation.M1.Motor_Drehzahl|item.heartbeat_ms=3600000|writer.publishing_ms=4000|item.node=ns=0;i=2258"},
    {"sample-2.8.json", 2, 5, 6, "group.name=Asset0|writer.name=DataFlow0|writer.name=DataFlow1|item.trigger=3|item.queue_size=10|item.heartbeat_ms=60000|connection.user=username|item.field=StepUp"},
    {"loader/pn_2.5_legacy.json", 1, 1, 1, "item.node=nsu=http://microsoft.com/Opc/OpcPlc/;s=FastUInt1|connection.user=username|connection.password=password"},
    {"loader/pn_assets.json", 2, 2, 2, "group.name=Leaf0|group.name=Leaf1|writer.publishing_ms=10000|connection.user=usr"},
    {"loader/pn_events.json", 2, 2, 2, "item.display_name=SimpleEvents|item.queue_size=10|writer.keep_alive_count=2"},
    {"loader/pn_opc_nodes_empty.json", 0, 0, 0, ""},
    {"loader/publishednodes.json", 1, 2, 2, "connection.endpoint_url=opc.tcp://server1:49580|connection.endpoint_url=opc.tcp://server2:49580"},
    {"loader/publishednodeswithoptionalfields.json", 1, 2, 2, "writer.publishing_ms=2000|item.sampling_ms=2000"},
    {"templates/CyclicRead.json", 1, 1, 1, "item.cyclic_read=1|item.cyclic_max_age_ms=500|item.fetch_display_name=1|item.sampling_ms=500"},
    {"templates/DataItems.json", 1, 1, 1, "item.skip_first=1|item.field=Output|writer.publishing_ms=200"},
    {"templates/DataItems1.json", 1, 1, 2, "item.field=ns=23;i=1259|item.field=i=2258"},
    {"templates/Deadband.json", 1, 1, 2, "item.deadband_type=1|item.deadband_type=2|item.deadband*1000=5000"},
    {"templates/DmApiPayloadCollection.json", 1, 6, 10, "writer.name=Leaf2_10000_3085991c-b85c-4311-9bfb-a916da952234|writer.name=Leaf3_10000_2e4fc28f-ffa2-4532-9f22-378d47bbee5d1|item.heartbeat_ms=1500|item.heartbeat_ms=4000"},
    {"templates/ExtensionFields.json", 1, 1, 1, "writer.extension_fields=\"EngineeringUnits\":\"mm/sec\",\"AssetId\":5,\"Important\":false,\"Variance\":12.3465"},
    {"templates/Heartbeat.json", 1, 1, 1, "item.heartbeat_ms=1000|item.node=i=2271"},
    {"templates/Heartbeat2.json", 1, 1, 1, "item.heartbeat=18|writer.publishing_ms=100"},
    {"templates/KeepAlive.json", 1, 1, 1, "writer.keep_alive_messages=1|writer.keep_alive_count=2|group.mode=3"},
    {"templates/KeyFrames.json", 1, 1, 1, "writer.key_frame_count=10|writer.publishing_ms=100"},
    {"templates/PendingAlarms.json", 1, 1, 1, "item.update_ms=1000|item.snapshot_ms=2000|item.event_filter={\"TypeDefinitionId\":\"i=2041\"}"},
    {"templates/SimpleEvents.json", 1, 1, 1, "item.queue_size=10"},
    {"templates/UnifiedNamespace.json", 1, 2, 2, "writer.routing=2|group.mode=9"},
};

static const struct sample ours[] = {
    {"alarms.json", 2, 4, 4, "writer.route.topic=plant/messages|group.route.topic={RootTopic}/alarms|item.update_ms=5000|item.browse_path=[\"Objects\",\"Server\",\"ServerStatus\"]"},
    {"every_entry_property.json", 1, 1, 1, "group.encoding=5|group.partitions=7|writer.priority=7"},
    {"every_node_property.json", 1, 2, 4, "item.triggered.node=i=2258|item.rebrowse_ms=600000|item.cyclic_read=1"},
    {"spelling_2_5.json", 1, 3, 3, "connection.password=of the oven|item.heartbeat_ms=60000|item.node=ns=2;s=Pressure"},
    {"spelling_2_8.json", 1, 2, 3, "writer.name=Fast|writer.name=Slow|item.field_id=speed"},
};
/* clang-format on */

static const char *folder;

/* What a person who uses the template would put in. */
static void fill_in(struct slice text, struct buffer *out)
{
    static const struct {
        const char *name, *value;
    } holes[] = {{"{{EndpointUrl}}", "opc.tcp://plc:4840"},
                 {"{{DataSetWriterGroup}}", "Group"},
                 {"{{UseReverseConnect}}", "false"},
                 {"{{SecurityMode}}", "None"}};
    while (text.len) {
        size_t at = slice_find_slice(text, SLICE("{{"));
        buffer_put(out, slice_first(text, at));
        text = slice_skip(text, at);
        for (size_t i = 0; text.len && i < sizeof holes / sizeof holes[0]; i++)
            if (slice_starts(text, slice_of(holes[i].name))) {
                buffer_text(out, holes[i].value);
                text = slice_skip(text, strlen(holes[i].name));
                break;
            }
        assert_false(slice_starts(text, SLICE("{{"))); /* a hole that is not known */
    }
}

static void read_sample(const char *name, struct buffer *out)
{
    char path[512];
    struct buffer text = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (file_read(path, &text) != OK)
        fail_msg("%s cannot be read", path);
    fill_in(buffer_slice(&text), out);
    buffer_clear(&text);
}

static void print_plan(struct slice text, const struct sample *s, struct buffer *out)
{
    struct config c;
    struct plan p;
    assert_int_equal(config_read(text, &c), OK);
    if (c.refused)
        fail_msg("%s: %.*s", s->file, SLICE_FMT(c.findings[0].text));
    plan_make(&c, &defaults, &p);
    if (p.group_count != s->groups || p.writer_count != s->writers || p.item_count != s->items)
        fail_msg("%s: %zu groups, %zu writers, %zu items", s->file, p.group_count, p.writer_count,
                 p.item_count);
    plan_print(&p, out);
    plan_clear(&p);
    config_clear(&c);
}

static void check_plans(const struct sample *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0}, plan = {0}, line = {0};
        struct slice rest = slice_of(list[i].lines), part;
        read_sample(list[i].file, &text);
        buffer_u8(&plan, '\n');
        print_plan(buffer_slice(&text), &list[i], &plan);
        while (rest.len && slice_split(&rest, '|', &part)) {
            buffer_reset(&line);
            buffer_printf(&line, "\n%.*s\n", SLICE_FMT(part));
            if (!strstr(buffer_cstr(&plan), buffer_cstr(&line)))
                fail_msg("%s: no %.*s in\n%s", list[i].file, SLICE_FMT(part), buffer_cstr(&plan));
        }
        buffer_clear(&text);
        buffer_clear(&plan);
        buffer_clear(&line);
    }
}

/* Written back without a change, and set whole through the API. */
static void write_back(struct slice text, struct buffer *out)
{
    struct document d;
    assert_int_equal(document_read(text, NULL, &d), OK);
    document_write(&d, 0, out);
    document_clear(&d);
}

static void a_carriage_return_ends_a_comment_when_it_is_written_back(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct json_doc *doc;
    write_back(SLICE("[\r//// what is here\r]\n"), &out);
    assert_int_equal(json_parse(buffer_slice(&out), JSON_CONFIG, &doc, NULL), OK);
    json_free(&doc);
    buffer_clear(&out);
}

static void set_whole(struct slice text, struct buffer *out)
{
    struct json_doc *doc = NULL;
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    struct config_answer answer;
    assert_int_equal(json_parse(text, JSON_CONFIG, &doc, NULL), OK);
    json_object(&w);
    json_name(&w, "endpoints");
    json_put_value(&w, json_root(doc));
    json_end_object(&w);
    config_edit(SLICE("[]"), SLICE("SetConfiguredEndpoints"), buffer_slice(&payload), 0, NULL, &answer);
    assert_int_equal(answer.status, OK);
    buffer_put(out, buffer_slice(&answer.text));
    config_answer_clear(&answer);
    buffer_clear(&payload);
    json_free(&doc);
}

static void check_writing(const struct sample *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct buffer text = {0}, plan = {0}, again = {0}, set = {0}, same = {0}, third = {0};
        read_sample(list[i].file, &text);
        print_plan(buffer_slice(&text), &list[i], &plan);
        write_back(buffer_slice(&text), &again);
        print_plan(buffer_slice(&again), &list[i], &same);
        assert_string_equal(buffer_cstr(&same), buffer_cstr(&plan));
        set_whole(buffer_slice(&text), &set);
        print_plan(buffer_slice(&set), &list[i], &third);
        assert_string_equal(buffer_cstr(&third), buffer_cstr(&plan));
        buffer_clear(&text);
        buffer_clear(&plan);
        buffer_clear(&again);
        buffer_clear(&set);
        buffer_clear(&same);
        buffer_clear(&third);
    }
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void each_comes_to_what_the_reference_says(void **state)
{
    (void)state;
    check_plans(samples, COUNT(samples));
}

static void each_is_the_same_after_it_was_written(void **state)
{
    (void)state;
    check_writing(samples, COUNT(samples));
}

static void ours_come_to_what_they_say(void **state)
{
    (void)state;
    check_plans(ours, COUNT(ours));
}

static void ours_are_the_same_after_they_were_written(void **state)
{
    (void)state;
    check_writing(ours, COUNT(ours));
}

int main(void)
{
    const struct CMUnitTest theirs[] = {
        cmocka_unit_test(each_comes_to_what_the_reference_says),
        cmocka_unit_test(each_is_the_same_after_it_was_written),
    };
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_carriage_return_ends_a_comment_when_it_is_written_back),
        cmocka_unit_test(ours_come_to_what_they_say),
        cmocka_unit_test(ours_are_the_same_after_they_were_written),
    };
    const char *source = getenv("MILLRACE_SOURCE");
    char path[512];
    snprintf(path, sizeof path, "%s/tests/published-nodes", source ? source : ".");
    folder = path;
    int failed = cmocka_run_group_tests(own, NULL, NULL);
    folder = getenv("MILLRACE_PUBLISHED_NODES");
    if (!folder) {
        printf("skipped: MILLRACE_PUBLISHED_NODES names no folder with OPC Publisher's sample "
               "files\n");
        return failed;
    }
    return failed + cmocka_run_group_tests(theirs, NULL, NULL);
}

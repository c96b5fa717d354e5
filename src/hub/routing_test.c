/* Routing as a whole: what devices send goes where the routes say, and stays safe when the other
 * side fails, when the hub is started again, and when the routes change. */
#include "hub/routing_rig.h"

#define HOOK(more)                                                                                 \
    "\"endpoints\":{\"webhooks\":[{\"name\":\"hook\",\"endpointUrl\":"                             \
    "\"http://127.0.0.1:%d/hook\"" more "}]}"
#define ALL_TO(name) "\"routes\":[{\"name\":\"all\",\"endpointNames\":[\"" name "\"]}]"

/* ---- endpoints ---- */

static void a_webhook_gets_what_its_route_takes_and_the_rest_goes_to_the_stream(void **state)
{
    (void)state;
    write_config(with_port(
        "{" HOOK(",\"headers\":{\"X-Key\":\"secret\"}") ",\"routes\":[{\"name\":\"odd\","
                                                        "\"condition\":\"$body.n > "
                                                        "6\",\"endpointNames\":[\"hook\"]}]}"));
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 10);
    assert_int_equal(s->accepted, 10);
    house.wanted = 4;
    UNTIL(taken_enough);
    assert_int_equal(house.events_taken, 4);
    assert_int_equal(count_builtin(), 6);
    struct slice taken = buffer_slice(&house.taken);
    assert_int_equal(count_in(taken, "\"eventType\":\"Microsoft.Devices.DeviceTelemetry\""), 4);
    assert_int_equal(count_in(taken, "\"subject\":\"devices/plc-1\""), 4);
    assert_int_equal(count_in(taken, "\"body\":{\"n\":7}"), 1);
    assert_int_equal(count_in(taken, "\"body\":{\"n\":6}"), 0);
    assert_slice(buffer_slice(&house.headers), SLICE("application/json; charset=utf-8|0|secret"));
}

static bool is_delivered(void *arg)
{
    return __atomic_load_n(&state_of(arg)->delivered, __ATOMIC_RELAXED) >= house.wanted;
}

static void cloud_events_come_one_by_one_or_as_a_batch(void **state)
{
    (void)state;
    write_config(with_port("{" HOOK(",\"deliverySchema\":\"CloudEventSchemaV1_0\","
                                    "\"maxEventsPerBatch\":1") "," ALL_TO("hook") "}"));
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1/mod");
    send_many(s, 1, 3);
    house.wanted = 3;
    UNTIL(taken_enough);
    assert_int_equal(house.calls, 3);
    assert_slice(buffer_slice(&house.headers),
                 SLICE("application/cloudevents+json; charset=utf-8|0|"));
    struct slice taken = buffer_slice(&house.taken);
    assert_int_equal(count_in(taken, "\"specversion\":\"1.0\""), 3);
    assert_int_equal(count_in(taken, "\"source\":\"/providers/Microsoft.Devices/IotHubs/hub-1\""),
                     3);
    assert_int_equal(count_in(taken, "\"subject\":\"devices/plc-1/modules/mod\""), 3);
    assert_int_equal(count_in(taken, "\"data\":{"), 3);
    assert_int_equal(change(with_port("{" HOOK(
                         ",\"deliverySchema\":\"CloudEventSchemaV1_0\"") "," ALL_TO("hook") "}")),
                     OK);
    send_many(s, 4, 5);
    house.wanted = 8;
    UNTIL(taken_enough);
    assert_slice(buffer_slice(&house.headers),
                 SLICE("application/cloudevents-batch+json; charset=utf-8|0|"));
}

static void a_stream_of_its_own_has_copies_with_enrichments(void **state)
{
    (void)state;
    write_config("{\"endpoints\":{\"eventStreams\":[{\"name\":\"alarms\",\"partitionCount\":3}]},"
                 "\"routes\":[{\"name\":\"a\",\"endpointNames\":[\"alarms\",\"events\"]}],"
                 "\"enrichments\":[{\"key\":\"hub\",\"value\":\"$iothubname\","
                 "\"endpointNames\":[\"alarms\"]}]}");
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 50);
    house.wanted = 50;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"alarms", 20000));
    const struct routing_stream *alarms = view_of("alarms").stream;
    struct iot_event last = {0};
    struct buffer bytes = {0}, scratch = {0};
    unsigned n = 0, partitions = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned here = count_records(partition_log(alarms->partitions[i]), 0, &last, &bytes);
        n += here;
        partitions += here > 0;
    }
    assert_int_equal(n, 50);
    assert_int_equal(partitions, 1); /* one device, one partition, one order */
    assert_slice(last.message.body, SLICE("{\"n\":50}"));
    assert_slice(last.from.device, SLICE("plc-1"));
    struct slice value;
    assert_true(iot_property_find(iot_event_properties(&last, 0, &scratch), SLICE("hub"), &value));
    assert_slice(value, SLICE("hub-1"));
    assert_true(last.annotations.len > 0); /* when the first was enqueued */
    assert_int_equal(count_builtin(), 50);
    buffer_clear(&bytes);
    buffer_clear(&scratch);
}

static unsigned lines_of_files(const char *name, const char *ending, struct buffer *all)
{
    char folder[128];
    unsigned files = 0;
    snprintf(folder, sizeof(folder), "%s/files/%s", house.folder, name);
    DIR *d = opendir(folder);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (!slice_ends(slice_of(entry->d_name), slice_of(ending)))
            continue;
        assert_int_equal(file_read(path, all), OK);
        files++;
    }
    if (d)
        closedir(d);
    return files;
}

static bool has_no_open_file(void *arg)
{
    struct buffer all = {0};
    unsigned open = lines_of_files("disk", ".open", &all);
    buffer_clear(&all);
    (void)arg;
    return open == 0;
}

static void files_are_lines_cut_by_size_and_by_time(void **state)
{
    (void)state;
    write_config("{\"endpoints\":{\"files\":[{\"name\":\"disk\",\"maxChunkSizeInBytes\":4096,"
                 "\"batchFrequencyInSeconds\":1}]}," ALL_TO("disk") "}");
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    for (unsigned i = 0; i < 5; i++) { /* one commit, one batch, more than one file's worth */
        send_many(s, 1 + i * 20, 20);
        house.wanted = 20 + i * 20;
        assert_true(loop_run_until(house.loop, is_delivered, (void *)"disk", 20000));
    }
    UNTIL(has_no_open_file); /* its time is up */
    struct buffer all = {0};
    assert_true(lines_of_files("disk", ".jsonl", &all) > 1);
    assert_int_equal(count_in(buffer_slice(&all), "\"Body\":{\"n\":"), 100);
    assert_int_equal(count_in(buffer_slice(&all), "\n"), 100);
    assert_int_equal(count_in(buffer_slice(&all), "\"connectionDeviceId\":\"plc-1\""), 100);
    buffer_clear(&all);
}

static void a_file_that_a_crash_left_open_is_cut_to_whole_lines(void **state)
{
    (void)state;
    char path[300];
    snprintf(path, sizeof(path), "%s/files/disk", house.folder);
    assert_int_equal(file_make_directory(path), OK);
    snprintf(path, sizeof(path), "%s/files/disk/old.jsonl.open", house.folder);
    assert_int_equal(file_write(path, SLICE("{\"whole\":1}\n{\"half\":")), OK);
    write_config("{\"endpoints\":{\"files\":[{\"name\":\"disk\"}]}," ALL_TO("disk") "}");
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 1);
    house.wanted = 1;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"disk", 20000));
    struct buffer old = {0};
    path[strlen(path) - strlen(".open")] = 0;
    assert_int_equal(file_read(path, &old), OK);
    assert_slice(buffer_slice(&old), SLICE("{\"whole\":1}\n"));
    buffer_clear(&old);
}

/* ---- endpoints that fail ---- */

static bool has_failed(void *arg)
{
    (void)arg;
    return state_of("hook")->failures >= house.wanted;
}

static void an_endpoint_that_fails_is_tried_again_and_holds_up_nobody(void **state)
{
    (void)state;
    write_config(with_port("{\"endpoints\":{\"webhooks\":[{\"name\":\"hook\",\"endpointUrl\":"
                           "\"http://127.0.0.1:%d/hook\"}],\"files\":[{\"name\":\"disk\"}]},"
                           "\"routes\":[{\"name\":\"a\",\"endpointNames\":"
                           "[\"hook\",\"disk\",\"events\"]}]}"));
    assert_int_equal(open_routing(), OK);
    house.answers = 503;
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 30); /* acknowledged meanwhile */
    house.wanted = 30;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"disk", 20000));
    assert_int_equal(count_builtin(), 30);
    house.wanted = 2;
    UNTIL(has_failed);
    assert_int_equal(state_of("hook")->http_status, 503);
    assert_int_equal(house.events_taken, 0);
    house.answers = 0;
    house.wanted = 30;
    UNTIL(taken_enough);
    assert_int_equal(count_in(buffer_slice(&house.taken), "\"body\":{\"n\":30}"), 1);
    assert_int_equal(state_of("hook")->dead, 0);
}

static bool has_dead(void *arg)
{
    (void)arg;
    return state_of("hook")->dead >= house.wanted;
}

static void read_dead_letters(struct buffer *out)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/dead-letters/hook.jsonl", house.folder);
    assert_int_equal(file_read(path, out), OK);
}

static void what_cannot_be_delivered_becomes_a_dead_letter(void **state)
{
    (void)state;
    write_config(
        with_port("{" HOOK(",\"retryPolicy\":{\"maxDeliveryAttempts\":2}") "," ALL_TO("hook") "}"));
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    struct buffer letters = {0};
    house.answers = 500;
    send_many(s, 1, 3);
    house.wanted = 3;
    UNTIL(has_dead);
    read_dead_letters(&letters);
    assert_int_equal(
        count_in(buffer_slice(&letters), "\"deadletterreason\":\"MaxDeliveryAttemptsExceeded\""),
        3);
    assert_int_equal(count_in(buffer_slice(&letters), "\"deliveryattempts\":2"), 3);
    assert_int_equal(count_in(buffer_slice(&letters), "\"event\":{\"id\":"), 3);
    house.answers = 400; /* it will never take it: no second try */
    unsigned calls = house.calls;
    send_many(s, 4, 1);
    house.wanted = 4;
    UNTIL(has_dead);
    assert_int_equal(house.calls, calls + 1);
    buffer_reset(&letters);
    read_dead_letters(&letters);
    assert_int_equal(count_in(buffer_slice(&letters), "\"Undeliverable\""), 1);
    house.answers = 0; /* and what comes behind is not held up */
    send_many(s, 5, 1);
    house.wanted = 1;
    UNTIL(taken_enough);
    buffer_clear(&letters);
}

static void a_backlog_survives_the_hub(void **state)
{
    (void)state;
    write_config(with_port("{" HOOK("") "," ALL_TO("hook") "}"));
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 5);
    house.wanted = 5;
    UNTIL(taken_enough);
    house.answers = 500;
    send_many(s, 6, 20);
    house.wanted = 1;
    UNTIL(has_failed);
    sign_out(s);
    UNTIL(nobody_is_there);
    restart();
    house.answers = 0;
    house.wanted = 25;
    UNTIL(taken_enough);
    for (unsigned n = 1; n <= 25; n++) {
        char text[40];
        snprintf(text, sizeof(text), "\"body\":{\"n\":%u}", n);
        assert_true(count_in(buffer_slice(&house.taken), text) >= 1); /* at least once */
    }
    assert_int_equal(state_of("hook")->lost, 0);
}

static bool has_lost(void *arg)
{
    (void)arg;
    return state_of("hook")->lost > 0;
}

static void what_the_log_drops_before_it_was_told_is_counted(void **state)
{
    (void)state;
    close_routing();
    house.segment_bytes = 64 << 10;
    house.retain_bytes = 128 << 10;
    open_partitions();
    write_config(with_port("{" HOOK("") "," ALL_TO("hook") "}"));
    assert_int_equal(open_routing(), OK);
    house.answers = 500;
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 1);
    house.wanted = 1;
    UNTIL(has_failed);
    for (unsigned i = 0; i < 50; i++)
        send_many(s, 2 + i * 200, 200);
    house.answers = 0;
    UNTIL(has_lost);
    send_many(s, 20000, 1); /* and goes on */
    assert_true(count_in(buffer_slice(&house.taken), "\"body\":{\"n\":1}") == 1);
}

/* ---- routes that change ---- */

static void routes_change_while_the_hub_runs(void **state)
{
    (void)state;
    assert_int_equal(open_routing(), OK);
    assert_null(house.hub.loops[0].routing); /* nothing is routed: nothing is asked */
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 3);
    assert_int_equal(change(with_port("{" HOOK("") "," ALL_TO("hook") "}")), OK);
    send_many(s, 4, 2);
    house.wanted = 2;
    UNTIL(taken_enough);
    assert_int_equal(house.events_taken, 2); /* not what was there before it */
    assert_int_equal(count_builtin(), 3);
    assert_int_equal(change("{\"routes\":[{\"name\":\"x\",\"endpointNames\":[\"nobody\"]}]}"),
                     BAD_ARGUMENT);
    assert_non_null(strstr(house.problem.text, "there is no endpoint \"nobody\""));
    send_many(s, 6, 1); /* the old ones hold */
    house.wanted = 3;
    UNTIL(taken_enough);
    assert_int_equal(change("{}"), OK);
    assert_null(house.hub.loops[0].routing);
    send_many(s, 7, 1);
    assert_int_equal(count_builtin(), 4);
    assert_int_equal(change(with_port("{" HOOK("") "," ALL_TO("hook") "}")), OK);
    send_many(s, 8, 1); /* it is another endpoint now: only what comes from here on */
    house.wanted = 4;
    UNTIL(taken_enough);
    assert_int_equal(count_in(buffer_slice(&house.taken), "\"body\":{\"n\":7}"), 0);
    struct buffer text = {0};
    assert_int_equal(file_read(house.path, &text), OK); /* kept for the next start */
    assert_true(count_in(buffer_slice(&text), "hook") > 0);
    buffer_clear(&text);
}

static void a_stream_that_is_removed_and_comes_back_has_its_events(void **state)
{
    (void)state;
    static const char *const with =
        "{\"endpoints\":{\"eventStreams\":[{\"name\":\"alarms\",\"partitionCount\":1}]}," ALL_TO(
            "alarms") "}";
    write_config(with);
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 2);
    house.wanted = 2;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"alarms", 20000));
    assert_int_equal(change("{}"), OK);
    send_many(s, 3, 1);
    assert_int_equal(change("{\"endpoints\":{\"eventStreams\":[{\"name\":\"alarms\","
                            "\"partitionCount\":2}]}}"),
                     BAD_ARGUMENT);
    assert_non_null(strstr(house.problem.text, "has 1 partitions, which cannot be changed"));
    assert_int_equal(change(with), OK);
    send_many(s, 4, 1);
    house.wanted = 3;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"alarms", 20000));
    assert_int_equal(
        count_records(partition_log(view_of("alarms").stream->partitions[0]), 0, NULL, NULL), 3);
}

static void only_one_change_at_a_time_and_only_of_what_was_read(void **state)
{
    (void)state;
    assert_int_equal(open_routing(), OK);
    routing_replace(house.hub.router, house.loop, SLICE("{}"), SLICE("0000"), on_changed, NULL);
    UNTIL(is_changed);
    assert_int_equal(house.why, CONFLICT);
    char etag[ROUTING_ETAG_LEN + 1];
    routing_etag(routing_now(house.hub.router, house.loop), etag);
    house.changed = false;
    routing_replace(house.hub.router, house.loop, SLICE("{}"), slice_of(etag), on_changed, NULL);
    UNTIL(is_changed);
    assert_int_equal(house.why, OK);
}

static void a_bad_file_ends_the_start(void **state)
{
    (void)state;
    write_config("{\"routes\": 5}");
    assert_int_equal(open_routing(), BAD_ARGUMENT);
    write_config("{");
    assert_int_equal(open_routing(), BAD_FORMAT);
}

/* ---- messages that go nowhere, and what the readers of the stream see ---- */

static void what_no_route_takes_is_accepted_in_its_order_and_written_nowhere(void **state)
{
    (void)state;
    write_config("{\"fallbackRoute\":{\"isEnabled\":false},\"endpoints\":{\"files\":"
                 "[{\"name\":\"disk\"}]},\"routes\":[{\"name\":\"a\",\"condition\":\"$body.n < 0\","
                 "\"endpointNames\":[\"events\"]},{\"name\":\"b\",\"condition\":\"$body.n > 90\","
                 "\"endpointNames\":[\"disk\"]}]}");
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1");
    struct partition *p =
        house.hub
            .partitions[hub_partition_of(&house.hub, (struct iot_id){.device = SLICE("plc-1")})];
    send_many(s, 1, 5);
    assert_int_equal(s->accepted, 5);
    assert_int_equal(store_log_next(partition_log(p)), 1);
    assert_int_equal(house.hub.loops[0].count.nowhere, 5);
    send(s, 6, "{\"n\":-1}");
    send(s, 7, "{\"n\":1}"); /* behind one that has to be committed */
    send(s, 8, "{\"n\":91}");
    send(s, 9, "{\"n\":92}");
    house.wanted = 9;
    assert_true(loop_run_until(house.loop, all_accepted, s, 20000));
    assert_int_equal(store_log_durable(partition_log(p)), 3);
    assert_int_equal(partition_newest(p), 1); /* the stream's readers have caught up with this */
    house.wanted = 2;
    assert_true(loop_run_until(house.loop, is_delivered, (void *)"disk", 20000));
    sign_out(s);
    UNTIL(nobody_is_there);
    restart();
    p = house.hub
            .partitions[hub_partition_of(&house.hub, (struct iot_id){.device = SLICE("plc-1")})];
    assert_int_equal(store_log_durable(partition_log(p)), 3);
    assert_int_equal(partition_newest(p), 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_webhook_gets_what_its_route_takes_and_the_rest_goes_to_the_stream),
        TEST(cloud_events_come_one_by_one_or_as_a_batch),
        TEST(a_stream_of_its_own_has_copies_with_enrichments),
        TEST(files_are_lines_cut_by_size_and_by_time),
        TEST(a_file_that_a_crash_left_open_is_cut_to_whole_lines),
        TEST(an_endpoint_that_fails_is_tried_again_and_holds_up_nobody),
        TEST(what_cannot_be_delivered_becomes_a_dead_letter),
        TEST(a_backlog_survives_the_hub),
        TEST(what_the_log_drops_before_it_was_told_is_counted),
        TEST(routes_change_while_the_hub_runs),
        TEST(a_stream_that_is_removed_and_comes_back_has_its_events),
        TEST(only_one_change_at_a_time_and_only_of_what_was_read),
        TEST(a_bad_file_ends_the_start),
        TEST(what_no_route_takes_is_accepted_in_its_order_and_written_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Import and export jobs between a registry in memory and a real blob store over HTTP. */
#include "transfers/transfers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "blob/http.h"
#include "configurations/rows.h"
#include "rest/client.h"
#include "rest/server.h"
#include "transfers/rows.h"
#include "json/json.h"

#define WAIT_MS 120000 /* thousands of devices, on a machine that has other things to do */

static const char *const names[] = {"hub.example", NULL};

static struct {
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    struct transfers *transfers;
    struct blob_store *store;
    struct rest_server *server;
    struct listener *listener;
    struct rest_client *client;
    char directory[64];
    struct buffer sas, body; /* of the last answer of the store */
    int status;
    /* The last answer of the registry. */
    enum status why;
    struct buffer json;
    bool answered;
    unsigned storage_fails; /* so many requests are answered 503 */
} house;

/* ---- the house ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    if (house.storage_fails) {
        house.storage_fails--;
        stream_close(s);
        return;
    }
    rest_server_accept(house.server, s);
}

static void on_stored(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.status = a->status;
    buffer_reset(&house.body);
    buffer_put(&house.body, a->body);
    house.answered = true;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static int storage(const char *method, const char *path, const char *query, const char *body)
{
    char url[1024];
    struct rest_field headers[] = {{SLICE("x-ms-blob-type"), SLICE("BlockBlob")}};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s?%s%s", listener_port(house.listener), path,
             query, buffer_cstr(&house.sas));
    house.answered = false;
    assert_int_equal(rest_client_send(house.client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = headers,
                                                          .header_count = 1,
                                                          .body = slice_of(body)},
                                      on_stored, NULL),
                     OK);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return house.status;
}

static void begin_transfers(void)
{
    house.transfers = transfers_new(&(struct transfers_config){
        .registry = house.registry, .own_names = names, .loop = house.loop});
}

static int begin(void **state)
{
    (void)state;
    house.loop = loop_new();
    house.limits = iot_limits_azure();
    snprintf(house.directory, sizeof(house.directory), "/tmp/millrace-transfers-XXXXXX");
    assert_non_null(mkdtemp(house.directory));
    assert_int_equal(
        registry_open(":memory:", &house.limits, &(struct registry_events){0}, &house.registry),
        OK);
    assert_int_equal(blob_store_open(&(struct blob_store_config){.directory = house.directory,
                                                                 .disk = store_disk_real(),
                                                                 .bytes_max = 1u << 30},
                                     &house.store),
                     OK);
    struct rest_table table = {"", blob_routes, blob_routes_count, house.store};
    house.server =
        rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                     .tables = &table,
                                                     .table_count = 1,
                                                     .limits = {.body_bytes = 8u << 20}});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    struct blob_sas all = {.permissions = 63, .expires_ms = clock_wall_ms() + 3600000};
    assert_int_equal(blob_sas_make(blob_store_account(house.store), &all, &house.sas), OK);
    assert_int_equal(storage("PUT", "/box", "restype=container&", ""), 201);
    begin_transfers();
    return 0;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static int finish(void **state)
{
    (void)state;
    char command[128];
    loop_run_until(house.loop, never, NULL, 10); /* what is still answered */
    transfers_free(&house.transfers);
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    blob_store_close(&house.store);
    registry_close(&house.registry);
    loop_free(&house.loop);
    struct buffer *all[] = {&house.sas, &house.body, &house.json};
    for (size_t i = 0; i < 3; i++)
        buffer_clear(all[i]);
    snprintf(command, sizeof(command), "rm -rf '%s'", house.directory);
    assert_int_equal(system(command), 0);
    memset(&house, 0, sizeof(house));
    return 0;
}

/* ---- asking ---- */

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    buffer_reset(&house.json);
    buffer_put(&house.json, a->json);
    house.answered = true;
}

static enum status ask(const struct registry_ask *a)
{
    house.answered = false;
    registry_ask(house.registry, house.loop, a, on_answer, NULL);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return house.why;
}

static enum status put(const char *device, const char *module, const char *body)
{
    return ask(&(struct registry_ask){.what = &registry_identity_put,
                                      .id = {slice_of(device), slice_of(module)},
                                      .body = slice_of(body)});
}

static enum status get(const char *device, const char *module)
{
    return ask(&(struct registry_ask){.what = &registry_identity_get,
                                      .id = {slice_of(device), slice_of(module)}});
}

/* A text of the registry's last answer. */
static const char *member(const char *name)
{
    static char text[2][256];
    static int turn;
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_get(json_root(doc), name);
    turn = !turn;
    if (json_is(v, JSON_NUMBER))
        snprintf(text[turn], sizeof(text[turn]), "%g", json_double(v, 0));
    else
        snprintf(text[turn], sizeof(text[turn]), "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
    return text[turn];
}

static void make_job(const char *type, const char *container, const char *more, char id[64])
{
    char body[2048];
    snprintf(body, sizeof(body),
             "{\"type\":\"%s\",\"inputBlobContainerUri\":\"http://127.0.0.1:%d/%s?%s\","
             "\"outputBlobContainerUri\":\"http://127.0.0.1:%d/%s?%s\"%s}",
             type, listener_port(house.listener), container, buffer_cstr(&house.sas),
             listener_port(house.listener), container, buffer_cstr(&house.sas), more);
    assert_int_equal(
        ask(&(struct registry_ask){.what = &transfer_row_create, .body = slice_of(body)}), OK);
    snprintf(id, 64, "%s", member("jobId"));
    assert_string_equal(member("status"), "enqueued");
}

/* The transfer is looked at every few milliseconds until it has ended. */
struct watch {
    const char *id;
    struct loop_timer timer;
    bool ended;
};

static void look(void *arg);

static void on_looked(void *arg, const struct registry_answer *a)
{
    struct watch *w = arg;
    on_answer(NULL, a);
    w->ended = a->why != OK || !(slice_find_slice(a->json, SLICE("\"status\":\"enqueued\"")) < a->json.len ||
                                 slice_find_slice(a->json, SLICE("\"status\":\"running\"")) < a->json.len);
    if (!w->ended)
        loop_timer_start(house.loop, &w->timer, 2, look, w);
}

static void look(void *arg)
{
    struct watch *w = arg;
    registry_ask(house.registry, house.loop,
                 &(struct registry_ask){.what = &transfer_row_get, .name = slice_of(w->id)},
                 on_looked, w);
}

static bool has_ended(void *arg)
{
    return ((struct watch *)arg)->ended;
}

static const char *ends(const char *id)
{
    struct watch w = {.id = id};
    if (house.transfers)
        transfers_look(house.transfers);
    else
        begin_transfers();
    look(&w);
    bool ended = loop_run_until(house.loop, has_ended, &w, WAIT_MS);
    loop_timer_stop(&w.timer);
    assert_true(ended);
    assert_int_equal(house.why, OK); /* not within the callback: nothing would be printed */
    return member("status");
}

static const char *run(const char *type, const char *more)
{
    static char id[64];
    make_job(type, "box", more, id);
    return ends(id);
}

static void store_lines(const char *lines)
{
    assert_int_equal(storage("PUT", "/box/devices.txt", "", lines), 201);
}

/* ---- tests ---- */

static void an_export_has_a_line_for_each_identity(void **state)
{
    (void)state;
    assert_int_equal(put("a", "", "{\"status\":\"disabled\",\"statusReason\":\"old\"}"), OK);
    assert_int_equal(put("b", "", "{}"), OK);
    assert_int_equal(put("b", "m", "{\"managedBy\":\"me\"}"), OK);
    assert_string_equal(run("export", ""), "completed");
    assert_string_equal(member("progress"), "100");
    assert_int_equal(strlen(member("endTimeUtc")), 24);
    assert_int_equal(storage("GET", "/box/devices.txt", "", ""), 200);
    struct slice rest = buffer_slice(&house.body), line;
    const char *const begins[] = {"{\"id\":\"a\",\"eTag\":\"", "{\"id\":\"b\",\"eTag\":\"",
                                  "{\"id\":\"b\",\"moduleId\":\"m\",\"eTag\":\""};
    for (int i = 0; i < 3; i++) {
        struct json_doc *doc = NULL;
        assert_true(slice_split(&rest, '\n', &line));
        assert_true(slice_starts(line, slice_of(begins[i])));
        assert_int_equal(json_parse(line, JSON_STRICT, &doc, NULL), OK);
        const struct json *keys =
            json_get(json_get(json_root(doc), "authentication"), "symmetricKey");
        assert_int_equal(json_string(json_get(keys, "primaryKey")).len, 44);
        assert_true(
            json_is(json_get(json_get(json_root(doc), "properties"), "desired"), JSON_OBJECT));
        json_free(&doc);
    }
    assert_int_equal(rest.len, 0);
    assert_string_equal(
        run("export", ",\"excludeKeysInExport\":true,\"outputBlobName\":\"without/keys.txt\""),
        "completed");
    assert_int_equal(storage("GET", "/box/without/keys.txt", "", ""), 200);
    assert_non_null(strstr(buffer_cstr(&house.body),
                           "\"symmetricKey\":{\"primaryKey\":null,\"secondaryKey\":null}"));
}

static void what_was_exported_is_imported_again(void **state)
{
    (void)state;
    char key[64];
    assert_int_equal(put("a", "", "{\"status\":\"disabled\"}"), OK);
    assert_int_equal(put("a", "m", "{}"), OK);
    assert_int_equal(ask(&(struct registry_ask){.what = &registry_twin_patch,
                                                .id = {.device = SLICE("a")},
                                                .body = SLICE("{\"tags\":{\"site\":\"x\"}}")}),
                     OK);
    assert_int_equal(get("a", "m"), OK);
    snprintf(key, sizeof(key), "%.44s", strstr(buffer_cstr(&house.json), "primaryKey\":\"") + 13);
    assert_string_equal(run("export", ""), "completed");
    assert_int_equal(ask(&(struct registry_ask){.what = &registry_identity_delete,
                                                .id = {.device = SLICE("a")}}),
                     OK);
    assert_string_equal(run("import", ""), "completed");
    assert_int_equal(get("a", ""), OK);
    assert_string_equal(member("status"), "disabled");
    assert_int_equal(get("a", "m"), OK);
    assert_non_null(strstr(buffer_cstr(&house.json), key));
    assert_int_equal(
        ask(&(struct registry_ask){.what = &registry_twin_get, .id = {.device = SLICE("a")}}), OK);
    assert_non_null(strstr(buffer_cstr(&house.json), "\"tags\":{\"site\":\"x\"}"));
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 404); /* nothing went wrong */
}

static void what_is_refused_is_in_the_log_of_errors(void **state)
{
    (void)state;
    assert_int_equal(put("there", "", "{}"), OK);
    store_lines("\xef\xbb\xbf{\"id\":\"a\",\"importMode\":\"create\"}\r\n"
                "{\"id\":\"there\",\"importMode\":\"create\"}\r\n"
                "\r\n"
                "no json\n"
                "{\"id\":\"b\",\"importMode\":\"create\",\"tags\":{\"$x\":1}}\n"
                "{\"id\":\"c\",\"importMode\":\"create\"}");
    assert_string_equal(run("import", ""), "completed");
    assert_int_equal(get("a", ""), OK);
    assert_int_equal(get("b", ""), OK);
    assert_int_equal(get("c", ""), OK);
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 200);
    const char *log = buffer_cstr(&house.body);
    assert_non_null(strstr(log, "{\"id\":\"there\",\"errorCode\":\"DeviceAlreadyExists\","
                                "\"errorStatus\":\"it exists already\",\"line\":2}"));
    assert_non_null(strstr(log, "\"errorCode\":\"DeserializationError\",\"errorStatus\":\"the line "
                                "is no JSON object\",\"line\":4}"));
    assert_non_null(strstr(log, "{\"id\":\"b\",\"errorCode\":\"DeviceRegisteredWithoutTwin\""));
}

/* Several ranges and blocks: no line is lost or torn where one ends. */
static void many_devices_go_out_and_come_in(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct buffer lines = {0};
    for (int i = 0; i < COUNT; i++)
        buffer_printf(
            &lines,
            "{\"id\":\"device-%05d\",\"importMode\":\"create\",\"tags\":{\"text\":\"%0900d\"}}\n",
            i, i);
    store_lines(buffer_cstr(&lines));
    assert_true(lines.len > 2 * 1024 * 1024);
    buffer_clear(&lines);
    assert_string_equal(run("import", ""), "completed");
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 404);
    assert_int_equal(ask(&(struct registry_ask){.what = &registry_statistics_devices}), OK);
    assert_string_equal(member("totalDeviceCount"), "3000");
    assert_string_equal(run("export", ",\"outputBlobName\":\"out.txt\""), "completed");
    assert_int_equal(storage("HEAD", "/box/out.txt", "", ""), 200);
    assert_string_equal(run("import", ",\"inputBlobName\":\"out.txt\""), "completed");
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 404);
}

static void a_job_fails_with_what_the_storage_says(void **state)
{
    (void)state;
    char id[64];
    assert_string_equal(run("import", ""), "failed");
    assert_string_equal(member("failureReason"),
                        "the storage answered 404 BlobNotFound to reading of devices.txt");
    make_job("export", "nowhere", "", id);
    assert_string_equal(ends(id), "failed");
    assert_string_equal(member("failureReason"),
                        "the storage answered 404 ContainerNotFound to writing of devices.txt");
    assert_string_equal(run("export", ""), "completed"); /* the next one is not held up */
}

static void a_storage_that_fails_for_a_moment_is_tried_again(void **state)
{
    (void)state;
    assert_int_equal(put("a", "", "{}"), OK);
    char id[64];
    make_job("export", "box", "", id);
    house.storage_fails = 2;
    assert_string_equal(ends(id), "completed");
}

static void a_line_without_an_end_ends_the_job(void **state)
{
    (void)state;
    struct buffer lines = {0};
    buffer_text(&lines, "{\"id\":\"a\"}\n");
    for (int i = 0; i < 300000; i++)
        buffer_text(&lines, "0123456789");
    store_lines(buffer_cstr(&lines));
    buffer_clear(&lines);
    assert_string_equal(run("import", ""), "failed");
    assert_string_equal(member("failureReason"), "line 2 is longer than 1048576 bytes");
    assert_int_equal(get("a", ""), OK);
}

static void a_cancelled_job_does_not_run_or_stops(void **state)
{
    (void)state;
    char id[64];
    assert_string_equal(run("export", ",\"outputBlobName\":\"first\""),
                        "completed"); /* nobody looks now */
    make_job("export", "box", "", id);
    struct registry_ask cancel = {.what = &transfer_row_cancel, .name = slice_of(id)};
    assert_int_equal(ask(&cancel), OK);
    assert_string_equal(ends(id), "cancelled");
    assert_int_equal(ask(&cancel), UNSUPPORTED);
    assert_int_equal(storage("GET", "/box/devices.txt", "", ""), 404);
    assert_int_equal(
        ask(&(struct registry_ask){.what = &transfer_row_cancel, .name = SLICE("none")}),
        NOT_FOUND);

    struct buffer lines = {0};
    for (int i = 0; i < 20000; i++) /* several ranges */
        buffer_printf(&lines, "{\"id\":\"d-%05d\",\"statusReason\":\"%0100d\"}\n", i, i);
    store_lines(buffer_cstr(&lines));
    buffer_clear(&lines);
    make_job("import", "box", "", id);
    transfers_look(house.transfers);
    do {
        assert_int_equal(
            ask(&(struct registry_ask){.what = &transfer_row_get, .name = slice_of(id)}), OK);
    } while (strcmp(member("status"), "enqueued") == 0);
    assert_int_equal(ask(&cancel), OK);
    assert_string_equal(run("export", ""), "completed"); /* after the other has stopped */
    assert_int_equal(get("d-19999", ""), NOT_FOUND);
}

static void there_is_a_bound_to_what_waits(void **state)
{
    (void)state;
    char id[64];
    struct registry_ask one_more = {.what = &transfer_row_create,
                                    .body = SLICE("{\"type\":\"export\"}")};
    make_job("export", "box", "", id);
    assert_string_equal(ends(id), "completed"); /* the next is looked for when somebody says so */
    for (int i = 0; i < 10; i++)
        make_job("export", "box", "", id);
    assert_int_equal(ask(&one_more), FULL);
    assert_string_equal(ends(id), "completed");
    assert_int_equal(ask(&(struct registry_ask){.what = &transfer_row_list}), OK);
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    assert_int_equal(json_count(json_root(doc)), 11);
    json_free(&doc);
}

static struct registry *reopened(struct registry *registry, const char *path)
{
    registry_close(&registry);
    assert_int_equal(registry_open(path, &house.limits, &(struct registry_events){0}, &registry),
                     OK);
    return registry;
}

static void end_transfers(void)
{
    for (int i = 0; i < 3; i++) /* what they have asked for is answered before this is */
        assert_int_equal(ask(&(struct registry_ask){.what = &registry_statistics_service}), OK);
    transfers_free(&house.transfers);
}

/* A registry on the disk, in which a transfer of that type runs: as far as the test says, and then
 * it is killed. */
static void begin_on_disk(const char *type, struct registry **memory, char path[128], char id[64])
{
    *memory = house.registry;
    assert_string_equal(run("export", ",\"outputBlobName\":\"other\""), "completed");
    end_transfers();
    snprintf(path, 128, "%s/registry.db", house.directory);
    house.registry = reopened(NULL, path);
    assert_int_equal(put("there", "", "{}"), OK);
    make_job(type, "box", "", id);
    assert_int_equal(ask(&(struct registry_ask){.what = &transfer_row_begin}), OK);
}

static void end_on_disk(struct registry *memory)
{
    end_transfers();
    registry_close(&house.registry);
    house.registry = memory;
}

static void carry_out(const char *job, size_t line, const char *device, const char *text)
{
    assert_int_equal(ask(&(struct registry_ask){.what = &transfer_row_line,
                                                .name = slice_of(job),
                                                .top = line,
                                                .id = {.device = slice_of(device)},
                                                .body = slice_of(text)}),
                     OK);
}

static void mark(const char *job, const char *mark, size_t lines)
{
    assert_int_equal(ask(&(struct registry_ask){.what = &transfer_row_mark,
                                                .name = slice_of(job),
                                                .body = slice_of(mark),
                                                .top = lines}),
                     OK);
}

static void a_line_is_carried_out_once_whenever_the_hub_was_killed(void **state)
{
    (void)state;
    char path[128], id[64];
    struct registry *memory;
    static const char *const lines[] = {"{\"id\":\"a\",\"importMode\":\"create\"}",
                                        "{\"id\":\"there\",\"importMode\":\"create\"}",
                                        "{\"id\":\"there\",\"importMode\":\"delete\"}",
                                        "{\"id\":\"b\",\"importMode\":\"create\",\"tags\":{\"$x\":1}}",
                                        "{\"id\":\"c\",\"importMode\":\"create\"}"};
    struct buffer all = {0};
    for (int i = 0; i < 5; i++)
        buffer_printf(&all, "%s\n", lines[i]);
    store_lines(buffer_cstr(&all));
    buffer_clear(&all);
    begin_on_disk("import", &memory, path, id);
    carry_out(id, 1, "a", lines[0]);
    carry_out(id, 2, "there", lines[1]);
    carry_out(id, 3, "there", lines[2]);
    carry_out(id, 4, "b", lines[3]);
    house.registry = reopened(house.registry, path);
    assert_string_equal(ends(id), "completed");
    assert_int_equal(get("c", ""), OK);
    assert_int_equal(get("there", ""), NOT_FOUND); /* it was refused before it was deleted */
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 200);
    struct slice log = buffer_slice(&house.body), line;
    static const char *const begins[] = {
        "{\"id\":\"there\",\"errorCode\":\"DeviceAlreadyExists\",\"errorStatus\":\"it exists already\",",
        "{\"id\":\"b\",\"errorCode\":\"DeviceRegisteredWithoutTwin\",\"errorStatus\":\""};
    for (int i = 0; i < 2; i++) {
        assert_true(slice_split(&log, '\n', &line));
        assert_true(slice_starts(line, slice_of(begins[i])));
    }
    assert_int_equal(log.len, 0);
    end_on_disk(memory);
}

static void an_import_goes_on_behind_its_mark(void **state)
{
    (void)state;
    char path[128], id[64];
    struct registry *memory;
    store_lines("no json\n{\"id\":\"a\"}\nno json\n");
    assert_int_equal(storage("PUT", "/box/importErrors.log", "comp=block&blockid=MDAwMDAw&", "of before\r\n"), 201);
    begin_on_disk("import", &memory, path, id);
    mark(id, "{\"at\":8,\"line\":1,\"blocks\":1}", 1);
    house.registry = reopened(house.registry, path);
    assert_int_equal(ask(&(struct registry_ask){.what = &transfer_row_get, .name = slice_of(id)}),
                     OK);
    assert_string_equal(member("status"), "enqueued");
    assert_string_equal(member("mark"), ""); /* that is nobody else's business */
    assert_string_equal(ends(id), "completed");
    assert_int_equal(get("a", ""), OK);
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 200);
    assert_string_equal(buffer_cstr(&house.body),
                        "of before\r\n{\"errorCode\":\"DeserializationError\",\"errorStatus\":"
                        "\"the line is no JSON object\",\"line\":3}\r\n");
    end_on_disk(memory);
}

static void an_import_whose_blob_was_changed_meanwhile_fails(void **state)
{
    (void)state;
    char path[128], id[64];
    struct registry *memory;
    store_lines("{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
    begin_on_disk("import", &memory, path, id);
    mark(id, "{\"at\":11,\"etag\":\"\\\"0x8D000000000000\\\"\",\"line\":1}", 1);
    house.registry = reopened(house.registry, path);
    assert_string_equal(ends(id), "failed");
    assert_string_equal(member("failureReason"),
                        "the storage answered 412 ConditionNotMet to reading of devices.txt");
    assert_int_equal(get("b", ""), NOT_FOUND);
    end_on_disk(memory);
}

static void an_export_goes_on_behind_the_blocks_that_it_wrote(void **state)
{
    (void)state;
    char path[128], id[64];
    struct registry *memory;
    assert_int_equal(storage("PUT", "/box/devices.txt", "comp=block&blockid=MDAwMDAw&", "of before\r\n"), 201);
    begin_on_disk("export", &memory, path, id);
    assert_int_equal(put("x", "", "{}"), OK);
    mark(id, "{\"blocks\":1,\"device\":\"there\",\"done\":1}", 0);
    house.registry = reopened(house.registry, path);
    assert_string_equal(ends(id), "completed");
    assert_int_equal(storage("GET", "/box/devices.txt", "", ""), 200);
    struct slice rest = buffer_slice(&house.body), line;
    assert_true(slice_split(&rest, '\n', &line) && slice_eq(line, SLICE("of before\r")));
    assert_true(slice_split(&rest, '\n', &line) && slice_starts(line, SLICE("{\"id\":\"x\",")));
    assert_int_equal(rest.len, 0);
    end_on_disk(memory);
}

static void configurations_go_with_the_devices_when_they_are_asked_for(void **state)
{
    (void)state;
    struct registry_ask c = {.what = &configuration_put,
                             .name = SLICE("fast"),
                             .body = SLICE("{\"id\":\"fast\",\"content\":{\"deviceContent\":{"
                                           "\"properties.desired.speed\":3}},"
                                           "\"targetCondition\":\"tags.x=1\",\"priority\":7}")};
    assert_int_equal(ask(&c), OK);
    assert_int_equal(put("a", "", "{}"), OK);
    assert_string_equal(run("export", ",\"includeConfigurations\":true"), "completed");
    assert_string_equal(member("configurationsBlobName"), "configurations.txt");
    assert_int_equal(storage("GET", "/box/configurations.txt", "", ""), 200);
    assert_true(slice_starts(buffer_slice(&house.body), SLICE("{\"id\":\"fast\",")));
    assert_int_equal(storage("GET", "/box/devices.txt", "", ""), 200);
    assert_true(slice_starts(buffer_slice(&house.body), SLICE("{\"id\":\"a\",")));

    c = (struct registry_ask){
        .what = &configuration_delete, .name = SLICE("fast"), .if_match = SLICE("*")};
    assert_int_equal(ask(&c), OK);
    assert_string_equal(run("import", ",\"includeConfigurations\":true"), "completed");
    c = (struct registry_ask){.what = &configuration_get, .name = SLICE("fast")};
    assert_int_equal(ask(&c), OK);
    assert_string_equal(member("priority"), "7");
    store_lines(""); /* no devices at all */
    assert_string_equal(run("import", ",\"includeConfigurations\":true"),
                        "completed"); /* it is there already */
    assert_int_equal(storage("GET", "/box/importErrors.log", "", ""), 404);
    assert_string_equal(
        run("import", ",\"includeConfigurations\":true,\"configurationsBlobName\":\"none\""),
        "failed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_export_has_a_line_for_each_identity),
        TEST(what_was_exported_is_imported_again),
        TEST(what_is_refused_is_in_the_log_of_errors),
        TEST(many_devices_go_out_and_come_in),
        TEST(a_job_fails_with_what_the_storage_says),
        TEST(a_storage_that_fails_for_a_moment_is_tried_again),
        TEST(a_line_without_an_end_ends_the_job),
        TEST(a_cancelled_job_does_not_run_or_stops),
        TEST(there_is_a_bound_to_what_waits),
        TEST(a_line_is_carried_out_once_whenever_the_hub_was_killed),
        TEST(an_import_goes_on_behind_its_mark),
        TEST(an_import_whose_blob_was_changed_meanwhile_fails),
        TEST(an_export_goes_on_behind_the_blocks_that_it_wrote),
        TEST(configurations_go_with_the_devices_when_they_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

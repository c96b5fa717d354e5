/* Files from devices over REST: a registry in memory, a real blob store, both on one server. */
#include "hub/rest.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "blob/http.h"
#include "c2d/c2d.h"
#include "hub/device.h"
#include "hub/hub_rig.h"
#include "rest/client.h"
#include "token/sas.h"
#include "json/json.h"

#define WAIT_MS 20000
#define KEY "a2V5IG9mIHRoZSBkZXZpY2U="

static const char *const names[] = {"127.0.0.1", NULL};

static struct {
    struct hub hub;
    struct loop *loop;
    struct rest_server *server;
    struct rest_client *client;
    struct listener *listener;
    char directory[64];
    bool answered;
    int status;
    enum status why;
    struct buffer body, told;
} house;

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static void wait(void)
{
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    house.answered = false;
}

static void on_asked(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.answered = true;
    house.why = a->why;
}

static void make_device(const char *id)
{
    char body[256];
    snprintf(
        body, sizeof(body),
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"}}}",
        KEY, KEY);
    registry_ask(house.hub.registry, house.loop,
                 &(struct registry_ask){.what = &registry_identity_put,
                                        .id = {.device = slice_of(id)},
                                        .body = slice_of(body)},
                 on_asked, NULL);
    wait();
    assert_int_equal(house.why, OK);
}

static int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    hub->uploads_container = "uploads";
    hub->uploads_notify = true;
    hub_rig_begin(hub, house.loop, names);
    hub->policies = iot_policies_random();
    strcpy(house.directory, "/tmp/millrace-files-XXXXXX");
    assert_non_null(mkdtemp(house.directory));
    assert_int_equal(
        registry_open(":memory:", &hub->limits, &(struct registry_events){0}, &hub->registry), OK);
    assert_int_equal(blob_store_open(&(struct blob_store_config){.directory = house.directory,
                                                                 .disk = store_disk_real(),
                                                                 .bytes_max = 1u << 30},
                                     &hub->blobs),
                     OK);
    struct rest_table tables[] = {hub_rest_files,
                                  {"", blob_routes, blob_routes_count, hub->blobs}};
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = tables,
                                                                .table_count = 2,
                                                                .app = hub,
                                                                .authorize = hub_rest_authorize,
                                                                .refuse = hub_rest_refuse});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    hub->https_port = listener_port(house.listener);
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    make_device("d");
    make_device("e");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int finish(void **state)
{
    (void)state;
    hub_rig_forget_the_active(&house.hub);
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    registry_close(&house.hub.registry);
    blob_store_close(&house.hub.blobs);
    policies_free(&house.hub.policies);
    loop_free(&house.loop);
    map_clear(&house.hub.loops[0].devices);
    buffer_clear(&house.body);
    buffer_clear(&house.told);
    nftw(house.directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    memset(&house, 0, sizeof(house));
    return 0;
}

/* ---- calling ---- */

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.answered = true;
    house.status = a->status;
    buffer_reset(&house.body);
    buffer_put(&house.body, a->body);
}

static int send_with(struct rest_field header, const char *method, const char *path,
                     const char *body)
{
    char url[1024];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", house.hub.https_port, path);
    assert_int_equal(rest_client_send(house.client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = &header,
                                                          .header_count = 1,
                                                          .body = slice_of(body)},
                                      on_answer, NULL),
                     OK);
    wait();
    return house.status;
}

/* As the device. */
static int call(const char *device, const char *method, const char *path, const char *body)
{
    char resource[64];
    struct buffer token = {0};
    snprintf(resource, sizeof(resource), "127.0.0.1/devices/%s", device);
    assert_int_equal(
        sas_make(slice_of(resource), SLICE(KEY), SLICE(""), clock_wall_ms() + 60000, &token), OK);
    int status = send_with((struct rest_field){SLICE("Authorization"), buffer_slice(&token)},
                           method, path, body);
    buffer_clear(&token);
    return status;
}

static void member(const char *name, char out[512])
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.body), JSON_STRICT, &doc, NULL), OK);
    snprintf(out, 512, "%.*s", SLICE_FMT(json_string(json_get(json_root(doc), name))));
    json_free(&doc);
}

static void expect_body(const char *part)
{
    if (strstr(buffer_cstr(&house.body), part) == NULL)
        fail_msg("no '%s' in '%s'", part, buffer_cstr(&house.body));
}

static void on_taken(void *arg, enum status why, const struct c2d_feedback *f)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    buffer_reset(&house.told);
    if (why == OK)
        buffer_put(&house.told, f->json);
}

static enum status take(void)
{
    c2d_feedback_take(house.hub.registry, house.loop, C2D_FEED_UPLOADS, on_taken, NULL);
    wait();
    return house.why;
}

/* Where the last answer says that the bytes go. */
static int upload(const char *bytes)
{
    char container[512], blob[512], sas[512], path[1600];
    member("containerName", container);
    member("blobName", blob);
    member("sasToken", sas);
    snprintf(path, sizeof(path), "/%s/%s%s", container, blob, sas);
    struct buffer kept = house.body;
    house.body = (struct buffer){0};
    int status = send_with((struct rest_field){SLICE("x-ms-blob-type"), SLICE("BlockBlob")}, "PUT",
                           path, bytes);
    buffer_clear(&house.body);
    house.body = kept;
    return status;
}

/* ---- tests ---- */

static void a_file_goes_to_its_blob_and_services_are_told(void **state)
{
    (void)state;
    char text[512], host[64], path[640];
    assert_int_equal(call("d", "POST", "/devices/d/files/?api-version=2021-04-12",
                          "{\"blobName\":\"sub/f.txt\"}"),
                     200);
    member("hostName", text);
    snprintf(host, sizeof(host), "127.0.0.1:%d", house.hub.https_port);
    assert_string_equal(text, host);
    member("blobName", text);
    assert_string_equal(text, "d/sub/f.txt");
    assert_int_equal(upload("seven b"), 201);
    member("correlationId", text);
    snprintf(path, sizeof(path), "/devices/d/files/notifications/%s", text);
    assert_int_equal(call("d", "POST", path, "{\"isSuccess\":true,\"statusCode\":200}"), 204);
    assert_int_equal(take(), OK);
    assert_non_null(strstr(buffer_cstr(&house.told), "\"blobSizeInBytes\":7"));
    assert_non_null(strstr(buffer_cstr(&house.told), "/uploads/d/sub/f.txt\""));
    assert_int_equal(call("d", "POST", path, "{\"isSuccess\":true}"), 400);
    expect_body("ErrorCode:ArgumentInvalid;");
}

static void nobody_is_told_when_it_is_not_wanted_or_went_wrong(void **state)
{
    (void)state;
    char id[512], body[640];
    house.hub.uploads_notify = false;
    assert_int_equal(call("d", "GET", "/devices/d/files/old/form.txt", ""), 200);
    assert_int_equal(upload("x"), 201);
    member("correlationId", id);
    snprintf(body, sizeof(body), "{\"correlationId\":\"%s\",\"isSuccess\":true}", id);
    assert_int_equal(call("d", "POST", "/devices/d/files/notifications", body), 204);
    house.hub.uploads_notify = true;
    assert_int_equal(call("d", "POST", "/devices/d/files", "{\"blobName\":\"f\"}"), 200);
    member("correlationId", id);
    snprintf(body, sizeof(body), "{\"correlationId\":\"%s\",\"isSuccess\":false}", id);
    assert_int_equal(call("d", "POST", "/devices/d/files/notifications", body), 204);
    assert_int_equal(take(), NOT_FOUND);
}

static void refuses_what_is_not_the_devices_own_or_not_so(void **state)
{
    (void)state;
    static const struct {
        const char *device, *path, *body;
        int status;
    } rows[] = {
        {"e", "/devices/d/files", "{\"blobName\":\"f\"}", 401},
        {"d", "/devices/d/files", "{\"blobName\":7}", 400},
        {"d", "/devices/d/files", "{\"blobName\":\"\"}", 400},
        {"d", "/devices/d/files", "{\"blobName\":\"a\\u0000b\"}", 400},
        {"d", "/devices/d/files", "no JSON", 400},
        {"d", "/devices/d/files/notifications", "{\"isSuccess\":true}", 400},
        {"d", "/devices/d/files/notifications", "{\"correlationId\":\"x\",\"isSuccess\":\"yes\"}",
         400},
        {"d", "/devices/d/files/notifications", "[]", 400},
        {"e", "/devices/d/files/notifications", "{\"correlationId\":\"x\",\"isSuccess\":true}",
         401},
        {"d", "/devices/d/files/notifications", "{\"correlationId\":\"x\",\"isSuccess\":true}",
         400},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (call(rows[i].device, "POST", rows[i].path, rows[i].body) != rows[i].status)
            fail_msg("%s %s: %d", rows[i].path, rows[i].body, house.status);
    char id[512], body[640];
    assert_int_equal(call("d", "POST", "/devices/d/files", "{\"blobName\":\"never written\"}"),
                     200);
    member("correlationId", id);
    snprintf(body, sizeof(body), "{\"correlationId\":\"%s\",\"isSuccess\":true}", id);
    assert_int_equal(call("e", "POST", "/devices/e/files/notifications", body), 400);
    assert_int_equal(call("d", "POST", "/devices/d/files/notifications", body), 400);
    expect_body("its blob is not there");
}

static void so_many_at_once(void **state)
{
    (void)state;
    house.hub.limits.uploads = 2;
    assert_int_equal(call("d", "POST", "/devices/d/files", "{\"blobName\":\"1\"}"), 200);
    assert_int_equal(call("d", "POST", "/devices/d/files", "{\"blobName\":\"2\"}"), 200);
    assert_int_equal(call("d", "POST", "/devices/d/files", "{\"blobName\":\"3\"}"), 403);
    expect_body("ErrorCode:DeviceMaximumActiveFileUploadLimitExceeded;");
    assert_int_equal(call("e", "POST", "/devices/e/files", "{\"blobName\":\"3\"}"), 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_goes_to_its_blob_and_services_are_told),
        TEST(nobody_is_told_when_it_is_not_wanted_or_went_wrong),
        TEST(refuses_what_is_not_the_devices_own_or_not_so),
        TEST(so_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

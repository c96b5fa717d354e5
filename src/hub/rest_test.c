/* The service REST over a real socket: who may call, what is answered, and how errors look. */
#include "hub/rest_rig.h"

/* ---- who may call ---- */

/* Calls fn for every route, with names put in its path. */
static void each_route(void (*fn)(const struct rest_route *r, const char *path))
{
    struct rest_table tables[HUB_REST_TABLES_MAX];
    size_t count = hub_rest_tables(tables);
    for (size_t t = 0; t < count; t++) {
        for (size_t n = 0; n < tables[t].count; n++) {
            const struct rest_route *r = &tables[t].routes[n];
            struct buffer path = {0};
            struct slice rest = slice_of(r->path), part;
            for (slice_split(&rest, '/', &part); slice_split(&rest, '/', &part);)
                buffer_printf(&path, "/%.*s",
                              SLICE_FMT(part.at[0] == '{' ? SLICE("nobody") : part));
            fn(r, buffer_cstr(&path));
            buffer_clear(&path);
        }
    }
}

static void is_refused(const struct rest_route *r, const char *path, const char *token,
                       const char *what)
{
    /* What a device signs in for is read first. */
    const char *body = r->access == REST_PUBLIC ? "{\"blobName\":\"b\",\"correlationId\":\"c\",\"isSuccess\":true}" : "{}";
    if (call_with(token, r->method, path, body, NULL) != 401)
        fail_msg("%s %s with %s: %d", r->method, path, what, house.status);
    assert_true(house.code.len > 0);
    message_begins("ErrorCode:");
}

static void try_bad_tokens(const struct rest_route *r, const char *path)
{
    uint64_t later = clock_wall_ms() + 3600000, before = clock_wall_ms() - SAS_SKEW_MS - 2000;
    struct slice own = {0};
    is_refused(r, path, NULL, "no token");
    is_refused(r, path, "garbage", "garbage");
    is_refused(r, path, "Bearer abc", "a bearer token");
    is_refused(r, path, "SharedAccessSignature sr=127.0.0.1&sig=&se=9999999999&skn=iothubowner",
               "no signature");
    is_refused(r, path, "SharedAccessSignature sr=127.0.0.1&sig=AAAA&se=9999999999&skn=iothubowner",
               "a forged one");
    is_refused(r, path,
               token_of("iothubowner", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "another key");
    is_refused(r, path,
               token_of("nobody", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "another policy");
    is_refused(r, path, token_of("iothubowner", "127.0.0.1", own, before), "an expired one");
    is_refused(r, path, token_of("iothubowner", "evil.example", own, later), "another hub's");
    is_refused(r, path, token_of("iothubowner", "127.0.0.1/devices/other", own, later),
               "another device's");
    is_refused(r, path, token_of("", "127.0.0.1", SLICE("b3RoZXJvdGhlcm90aGVyb3RoZXI="), later),
               "no policy");
}

static void no_route_is_served_without_a_good_token(void **state)
{
    (void)state;
    each_route(try_bad_tokens);
}

static void try_policies(const struct rest_route *r, const char *path)
{
    static const struct {
        const char *name;
        bool read, write, service;
    } policies[] = {
        {"iothubowner", true, true, true},        {"service", false, false, true},
        {"device", false, false, false},          {"registryRead", true, false, false},
        {"registryReadWrite", true, true, false},
    };
    if (r->access == REST_DEVICE || r->access == REST_PUBLIC) /* no policy's: a device's, or the handler asks */
        return;
    if (strncmp(path, "/routing", 8) == 0) /* there is no router in this house */
        return;
    for (size_t n = 0; n < sizeof(policies) / sizeof(policies[0]); n++) {
        bool may = r->access == REST_READ    ? policies[n].read
                   : r->access == REST_WRITE ? policies[n].write
                                             : policies[n].service;
        int status = call_with(good(policies[n].name), r->method, path, "{}", NULL);
        if ((status != 401) != may)
            fail_msg("%s %s with policy %s: %d", r->method, path, policies[n].name, status);
    }
}

static void a_policy_grants_what_its_permissions_say(void **state)
{
    (void)state;
    each_route(try_policies);
}

/* ---- identities ---- */

static void a_device_is_made_read_changed_listed_and_deleted(void **state)
{
    (void)state;
    char etag[256], quoted[300];
    assert_int_equal(
        call("PUT", "/devices/plc-1?api-version=2021-04-12",
             "{\"deviceId\":\"plc-1\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{"
             "\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}"),
        200);
    member("etag", etag);
    snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
    assert_slice(buffer_slice(&house.etag), slice_of(quoted));
    assert_int_equal(call("PUT", "/devices/plc-1", "{\"deviceId\":\"plc-1\"}"), 409);
    message_begins("ErrorCode:DeviceAlreadyExists;");
    assert_int_equal(call_if("PUT", "/devices/plc-1", "{\"status\":\"disabled\"}", quoted), 200);
    assert_int_equal(call_if("PUT", "/devices/plc-1", "{\"status\":\"enabled\"}", quoted), 412);
    message_begins("ErrorCode:PreconditionFailed;");
    assert_slice(buffer_slice(&house.code), SLICE("PreconditionFailed"));
    assert_int_equal(call("GET", "/devices/?api-version=2021-04-12&top=5", ""), 200);
    assert_int_equal(call("GET", "/devices?top=0", ""), 400);
    assert_int_equal(call("GET", "/statistics/devices", ""), 200);
    assert_slice(
        buffer_slice(&house.body),
        SLICE("{\"totalDeviceCount\":1,\"enabledDeviceCount\":0,\"disabledDeviceCount\":1}"));
    assert_int_equal(call_if("DELETE", "/devices/plc-1", "", "\"*\""), 204);
    assert_int_equal(call("GET", "/devices/plc-1", ""), 404);
    message_begins("ErrorCode:DeviceNotFound;");
}

static void ids_are_percent_encoded_and_have_their_letters(void **state)
{
    (void)state;
    char id[256];
    assert_int_equal(call("PUT", "/devices/a%24b%2Bc%23", "{}"), 200);
    member("deviceId", id);
    assert_string_equal(id, "a$b+c#");
    assert_int_equal(call("GET", "/devices/a%24b%2bc%23", ""), 200);
    assert_int_equal(call("PUT", "/devices/invalid%2Fname", "{}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;");
    assert_int_equal(call("GET", "/nothing/here", ""), 404);
    message_begins("ErrorCode:GenericNotFound;");
    assert_int_equal(call("PATCH", "/devices/d", "{}"), 405);
    message_begins("ErrorCode:GenericMethodNotAllowed;");
    assert_slice(buffer_slice(&house.code), SLICE("GenericMethodNotAllowed"));
}

static void modules_have_their_own_errors(void **state)
{
    (void)state;
    assert_int_equal(call("PUT", "/devices/d", "{}"), 200);
    assert_int_equal(call("GET", "/devices/d/modules/m", ""), 404);
    message_begins("ErrorCode:ModuleNotFound;");
    assert_int_equal(call("PUT", "/devices/d/modules/m", "{\"deviceId\":\"d\",\"moduleId\":\"m\"}"),
                     200);
    assert_int_equal(call("PUT", "/devices/d/modules/m", "{}"), 409);
    message_begins("ErrorCode:ModuleAlreadyExistsOnDevice;");
    assert_int_equal(call("GET", "/devices/d/modules", ""), 200);
    assert_int_equal(call("DELETE", "/devices/d/modules/m", ""), 204);
}

/* ---- many at once ---- */

static void every_item_of_a_bulk_has_a_result_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(call("POST", "/devices",
                          "[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"b\"},"
                          "{\"id\":\"b\",\"moduleId\":\"m\"}]"),
                     200);
    assert_slice(buffer_slice(&house.body), SLICE("{\"isSuccessful\":true,\"errors\":[],\"warnings\":[]}"));
    assert_int_equal(call("GET", "/devices/b/modules/m", NULL), 200);
    assert_int_equal(call("POST", "/devices",
                          "[{\"id\":\"a\",\"importMode\":\"create\"},{\"id\":\"c\",\"importMode\":\"create\"},"
                          "{\"id\":\"b\",\"moduleId\":\"n\",\"importMode\":\"delete\"},"
                          "{\"id\":\"d\",\"importMode\":\"create\",\"tags\":{\"$x\":1}}]"),
                     400);
    assert_slice(buffer_slice(&house.code), SLICE("BulkRegistryOperationFailure"));
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"isSuccessful\":false,\"errors\":["
                       "{\"deviceId\":\"a\",\"errorCode\":\"DeviceAlreadyExists\",\"errorStatus\":\"it exists already\","
                       "\"operation\":\"create\"},"
                       "{\"deviceId\":\"b\",\"moduleId\":\"n\",\"errorCode\":\"ModuleNotFound\","
                       "\"errorStatus\":\"there is no such identity\",\"operation\":\"delete\"}],"
                       "\"warnings\":[{\"deviceId\":\"d\",\"warningCode\":\"DeviceRegisteredWithoutTwin\","
                       "\"warningStatus\":\"tags.$x: a name must not contain '.', '$', blanks or control "
                       "characters\"}]}"));
    assert_int_equal(call("GET", "/devices/c", NULL), 200); /* the others were not held up */
}

static void a_bulk_has_its_bounds(void **state)
{
    (void)state;
    house.hub.limits.bulk_items = 2;
    assert_int_equal(call("POST", "/devices", "[]"), 400);
    assert_int_equal(call("POST", "/devices", "{}"), 400);
    message_begins("ErrorCode:IotHubFormatError;");
    assert_int_equal(call("POST", "/devices", "[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}]"), 400);
    message_begins("ErrorCode:ArgumentInvalid;there must be 1 to 2");
    assert_int_equal(call("GET", "/devices/a", NULL), 404);
    assert_int_equal(call("POST", "/devices", "[{\"id\":\"a\"},{\"id\":\"a\"}]"), 400);
    assert_non_null(strstr(buffer_cstr(&house.body), "DeviceDefinedMultipleTimes"));
    assert_int_equal(call("GET", "/devices/a", NULL), 200); /* the first of them */
    assert_int_equal(call("POST", "/devices", "[7,{\"id\":\"a/b\"}]"), 400);
    assert_non_null(strstr(buffer_cstr(&house.body), "IotHubFormatError"));
    assert_non_null(strstr(buffer_cstr(&house.body), "ArgumentInvalid"));
}

/* ---- import and export jobs ---- */

static void an_export_is_enqueued_read_listed_and_cancelled(void **state)
{
    (void)state;
    char id[256], path[300];
    assert_int_equal(call("POST", "/jobs/create",
                          "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box?sas\","
                          "\"excludeKeysInExport\":true}"),
                     200);
    member("jobId", id);
    snprintf(path, sizeof(path), "/jobs/%s", id);
    assert_int_equal(call("GET", path, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"status\":\"enqueued\",\"progress\":0"));
    assert_int_equal(call("GET", "/jobs", NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), id));
    assert_int_equal(call("DELETE", path, NULL), 204);
    assert_int_equal(call("GET", path, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"status\":\"cancelled\""));
    assert_int_equal(call("GET", "/jobs/none", NULL), 404);
    message_begins("ErrorCode:JobNotFound;");
}

static void a_job_must_say_where_to(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"type\":\"copy\"}",
        "{\"type\":\"export\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"http://storage/box\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"file:///etc\"}",
        "{\"type\":\"import\",\"outputBlobContainerUri\":\"https://storage/box\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\",\"outputBlobName\":7}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\","
        "\"storageAuthenticationType\":\"identityBased\"}",
        "{\"type\":\"export\",\"outputBlobContainerUri\":\"https://storage/box\",\"configurationsBlobName\":7}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (call("POST", "/jobs/create", bad[i]) != 400)
            fail_msg("%s: %d", bad[i], house.status);
        message_begins("ErrorCode:ArgumentInvalid;");
    }
}

/* ---- certificates ---- */

static void certificates_have_their_own_errors(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/certificates", NULL), 200);
    assert_slice(buffer_slice(&house.body), SLICE("{\"value\":[]}"));
    assert_int_equal(call("GET", "/certificates/root", NULL), 404);
    message_begins("ErrorCode:CertificateNotFound;");
    assert_int_equal(call("PUT", "/certificates/root", "{\"properties\":{\"certificate\":\"x\"}}"), 400);
    message_begins("ErrorCode:ArgumentInvalid;the certificate must be PEM");
}

/* ---- edges ---- */

static void key_of(const char *device, const char *module, char key[256])
{
    char path[256];
    snprintf(path, sizeof(path), "/devices/%s/modules/%s", device, module);
    assert_int_equal(call("GET", path, ""), 200);
    member("authentication.symmetricKey.primaryKey", key);
}

static int scope_with(const char *key, const char *resource, const char *path)
{
    return call_with(token_of("", resource, slice_of(key), clock_wall_ms() + 3600000), "GET", path,
                     "", NULL);
}

static void an_edge_asks_for_its_scope_with_the_key_of_its_hub(void **state)
{
    (void)state;
#define LIST                                                                                       \
    "/devices/edge/modules/$edgeHub/"                                                              \
    "devicesAndModulesInDeviceScope?deviceCount=1&continuationToken=&api-version=2018-08-30-"      \
    "preview"
    char scope[256], body[300], key[256], other[256], link[256];
    assert_int_equal(call("PUT", "/devices/edge", "{\"capabilities\":{\"iotEdge\":true}}"), 200);
    member("deviceScope", scope);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", scope);
    assert_int_equal(call("PUT", "/devices/leaf", body), 200);
    assert_int_equal(call("PUT", "/devices/stranger", "{}"), 200);
    key_of("edge", "$edgeHub", key);
    key_of("edge", "$edgeAgent", other);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", LIST), 200);
    member("continuationLink", link);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", link), 200);
    assert_non_null(strstr(buffer_cstr(&house.body), "\"deviceId\":\"leaf\""));
    member("continuationLink", link);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", link), 200);
    assert_slice(buffer_slice(&house.body),
                 SLICE("{\"devices\":[],\"modules\":[],\"continuationLink\":null}"));
    assert_int_equal(scope_with(other, "127.0.0.1/devices/edge/modules/%24edgeAgent", LIST), 401);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/other", LIST), 401);
#define ONE                                                                                        \
    "/devices/edge/modules/$edgeHub/deviceAndModuleInDeviceScope?targetModuleId=&targetDeviceId="
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", ONE "leaf"), 200);
    assert_int_equal(scope_with(key, "127.0.0.1/devices/edge/modules/%24edgeHub", ONE "stranger"),
                     404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_route_is_served_without_a_good_token),
        TEST(a_policy_grants_what_its_permissions_say),
        TEST(a_device_is_made_read_changed_listed_and_deleted),
        TEST(ids_are_percent_encoded_and_have_their_letters),
        TEST(modules_have_their_own_errors),
        TEST(every_item_of_a_bulk_has_a_result_of_its_own),
        TEST(a_bulk_has_its_bounds),
        TEST(an_export_is_enqueued_read_listed_and_cancelled),
        TEST(a_job_must_say_where_to),
        TEST(certificates_have_their_own_errors),
        TEST(an_edge_asks_for_its_scope_with_the_key_of_its_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The registry's copy in the hub, against a hub that is a route table: what it is told, and what it refuses. */
#include "services/mirror.h"

#include <stdio.h>

#include "json/write.h"
#include "rest/server.h"
#include "services/ids.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define KEY "c2VjcmV0IGtleSBmb3IgdGVzdHM="
#define DISCOVERER "edge_module_discovery"
#define EVENT(uri)                                                                                 \
    "{\"application\":{\"applicationUri\":\"" uri "\",\"applicationName\":\"One\"},\"registration\":{" \
    "\"endpointUrl\":\"opc.tcp://one:4840\",\"endpoint\":{\"url\":\"opc.tcp://one:4840\"}}}"
#define RESULT "{\"result\":{\"id\":\"r\"}}"

static struct house {
    struct loop *loop;
    struct services_registry *registry;
    struct rest_server *server;
    struct listener *listener;
    struct rest_client *rest;
    struct service_client *hub;
    struct mirror *mirror;
    /* The hub: */
    struct buffer twins;  /* what its query answers, a JSON array */
    struct buffer items;  /* of all calls, one a line */
    const char *refusals; /* "errors" of the next call; NULL: none */
    int fail, calls, looks;
    bool busy; /* refuses each item for now, */
    int busy_told;
    /* An ask of the registry: */
    bool answered;
    struct buffer answer;
} house;

/* ---- the hub ---- */

static void on_query(struct rest_request *r)
{
    house.looks++;
    rest_reply_json(r, 200, house.twins.len ? buffer_slice(&house.twins) : SLICE("[]"));
}

static void on_bulk(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    struct buffer out = {0}, busy = {0};
    house.calls++;
    if (house.fail > 0) {
        house.fail--;
        rest_reply_json(r, 503, SLICE("{\"Message\":\"not now\"}"));
        return;
    }
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    struct json_writer w = json_writer(&house.items);
    for (struct json_walk each = json_walk(json_root(doc)); json_next(&each);) {
        w.comma = false;
        json_put_value(&w, each.value);
        buffer_u8(&house.items, '\n');
        if (house.busy)
            buffer_printf(&busy, "%s{\"deviceId\":\"%.*s\",\"errorCode\":\"ThrottlingException\",\"errorStatus\":\"so\"}",
                          busy.len ? "," : "", SLICE_FMT(json_string(json_get(each.value, "id"))));
    }
    if (house.busy) {
        house.busy_told++;
        house.refusals = buffer_cstr(&busy);
    }
    json_free(&doc);
    buffer_printf(&out, "{\"isSuccessful\":%s,\"errors\":[%s],\"warnings\":[]}", house.refusals ? "false" : "true",
                  house.refusals ? house.refusals : "");
    rest_reply_json(r, house.refusals ? 400 : 200, buffer_slice(&out));
    house.refusals = NULL;
    buffer_clear(&out);
    buffer_clear(&busy);
}

static const struct rest_route routes[] = {
    {"POST", "/devices/query", on_query, REST_PUBLIC},
    {"POST", "/devices", on_bulk, REST_PUBLIC},
};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.registry), OK);
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept}, &house.listener), OK);
    house.rest = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", listener_port(house.listener));
    assert_int_equal(service_client_new(&(struct service_client_config){.loop = house.loop,
                                                                        .rest = house.rest,
                                                                        .url = url,
                                                                        .connection_string = "HostName=h;SharedAccessKeyName=o;SharedAccessKey=" KEY},
                                        &house.hub),
                     OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.rest);
    mirror_free(&house.mirror);
    service_client_free(&house.hub);
    services_registry_close(&house.registry);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    buffer_clear(&house.twins);
    buffer_clear(&house.items);
    buffer_clear(&house.answer);
    return 0;
}

/* ---- the registry ---- */

static void on_answer(void *arg, enum status why, struct slice json)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.answered = true;
    buffer_reset(&house.answer);
    buffer_put(&house.answer, json);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static void ask(enum services_registry_what what, const char *id, const char *body)
{
    house.answered = false;
    services_registry_ask(house.registry,
                          &(struct services_registry_ask){.what = what, .id = slice_of(id), .body = slice_of(body), .discoverer = SLICE(DISCOVERER)},
                          on_answer, NULL);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
}

static void open_mirror(void)
{
    house.mirror = mirror_new(&(struct mirror_config){.loop = house.loop, .registry = house.registry, .hub = house.hub});
}

/* Looked, and nothing is left to be told. */
static bool is_level(void *arg)
{
    struct mirror_counts c = mirror_counts(house.mirror);
    (void)arg;
    return c.looked && c.waiting == 0 && !c.busy;
}

static void wait_until_level(void)
{
    assert_true(loop_run_until(house.loop, is_level, NULL, WAIT_MS));
}

static const char *application(void)
{
    static char id[SERVICES_ID_MAX];
    services_ids_application(SLICE("edge"), SLICE("Server"), SLICE("urn:one"), id);
    return id;
}

/* The n-th item that the hub was told; the caller frees. */
static struct json_doc *item(size_t n)
{
    struct slice rest = buffer_slice(&house.items), line;
    struct json_doc *doc = NULL;
    while (rest.len && slice_split(&rest, '\n', &line))
        if (n-- == 0) {
            assert_int_equal(json_parse(line, JSON_STRICT, &doc, NULL), OK);
            return doc;
        }
    fail_msg("the hub was told less: %s", buffer_cstr(&house.items));
    return NULL;
}

static void expect_mode(size_t n, const char *mode)
{
    struct json_doc *doc = item(n);
    assert_slice(json_string(json_get(json_root(doc), "importMode")), slice_of(mode));
    json_free(&doc);
}

static size_t items(void)
{
    size_t count = 0;
    for (size_t i = 0; i < house.items.len; i++)
        count += house.items.at[i] == '\n';
    return count;
}

/* ---- tests ---- */

static void what_is_new_is_made_and_what_changes_is_patched(void **state)
{
    (void)state;
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    assert_int_equal(items(), 2);
    expect_mode(0, "create");
    expect_mode(1, "create");
    buffer_reset(&house.items);
    ask(REGISTRY_PATCH, application(), "{\"applicationName\":\"Two\"}");
    wait_until_level();
    assert_int_equal(items(), 1);
    expect_mode(0, "updateTwin");
    struct json_doc *doc = item(0);
    const struct json *tags = json_get(json_root(doc), "tags");
    assert_slice(json_string(json_get(tags, "ApplicationName")), SLICE("Two"));
    assert_null(json_get(tags, "ApplicationUri")); /* the rest is there */
    json_free(&doc);
    buffer_reset(&house.items);
    ask(REGISTRY_DELETE, application(), "");
    wait_until_level();
    assert_int_equal(items(), 2);
    expect_mode(0, "delete");
}

static void what_is_the_same_costs_no_call(void **state)
{
    (void)state;
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    buffer_reset(&house.items);
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    wait_until_level();
    assert_int_equal(items(), 1); /* the application has another time of its last update */
    expect_mode(0, "updateTwin");
}

static void a_hub_that_fails_is_told_again(void **state)
{
    (void)state;
    house.fail = 1;
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    assert_int_equal(house.calls, 2);
    assert_int_equal(items(), 2);
    assert_int_equal(mirror_counts(house.mirror).written, 2);
}

static char refusal[256];

static bool was_refused(void *arg)
{
    (void)arg;
    return house.busy_told > 0;
}

static void on_none(void *arg, enum status why, struct slice json)
{
    (void)json;
    house.answered = true;
    *(enum status *)arg = why;
}

static void ask_for(const char *id, enum status want)
{
    enum status why = OK;
    house.answered = false;
    services_registry_ask(house.registry, &(struct services_registry_ask){.what = REGISTRY_APPLICATION, .id = slice_of(id)},
                          on_none, &why);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    assert_int_equal(why, want);
}

static void refuse(const char *code)
{
    snprintf(refusal, sizeof(refusal), "{\"deviceId\":\"%s\",\"errorCode\":\"%s\",\"errorStatus\":\"so\"}", application(), code);
    house.refusals = refusal;
}

static void what_is_there_already_is_patched_and_what_is_not_is_made(void **state)
{
    (void)state;
    refuse("DeviceAlreadyExists");
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    assert_int_equal(items(), 3);
    expect_mode(2, "updateTwin");
    refuse("DeviceNotFound");
    ask(REGISTRY_PATCH, application(), "{\"applicationName\":\"Two\"}");
    wait_until_level();
    assert_int_equal(items(), 5);
    expect_mode(3, "updateTwin");
    expect_mode(4, "create");
}

/* A hub that has no time refuses parts of a batch. What was deleted here is still to be deleted there then, and is not
 * taken for an entry of the hub's that we never had. */
static void what_the_hub_had_no_time_for_is_deleted_later(void **state)
{
    (void)state;
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    struct json_doc *made = item(0);
    bool first = slice_eq(json_string(json_get(json_root(made), "id")), slice_of(application()));
    json_free(&made);
    made = item(first ? 0 : 1);
    buffer_printf(&house.twins, "[{\"deviceId\":\"%s\",\"tags\":", application()); /* as the hub has it */
    struct json_writer w = json_writer(&house.twins);
    json_put_value(&w, json_get(json_root(made), "tags"));
    buffer_text(&house.twins, "}]");
    json_free(&made);
    buffer_reset(&house.items);
    house.busy = true;
    ask(REGISTRY_DELETE, application(), "");
    assert_true(loop_run_until(house.loop, was_refused, NULL, WAIT_MS));
    mirror_free(&house.mirror); /* a start, which looks through the hub first */
    house.busy = false;
    buffer_reset(&house.items);
    open_mirror();
    wait_until_level();
    expect_mode(0, "delete");
    ask_for(application(), NOT_FOUND);
}

/* What can never be taken holds nothing up. */
static void what_is_refused_is_left(void **state)
{
    (void)state;
    refuse("ArgumentInvalid");
    ask(REGISTRY_MERGE, "", "[" EVENT("urn:one") "," RESULT "]");
    open_mirror();
    wait_until_level();
    assert_int_equal(mirror_counts(house.mirror).refused, 1);
    assert_int_equal(items(), 2);
    ask(REGISTRY_PATCH, application(), "{\"applicationName\":\"Two\"}");
    wait_until_level();
    expect_mode(2, "create");
}

static void what_the_hub_has_is_taken_over(void **state)
{
    (void)state;
    buffer_text(&house.twins, "[{\"deviceId\":\"uasold\",\"tags\":{\"DeviceType\":\"Application\",\"ApplicationId\":\"uasold\",\"ApplicationType\":"
                              "\"Server\",\"ApplicationUri\":\"urn:old\",\"ApplicationName\":\"Old\",\"Hall\":\"3\"}},{\"deviceId\":\"lamp\",\"tags\":{"
                              "\"DeviceType\":\"Endpoint\"}},7]");
    open_mirror();
    wait_until_level();
    ask(REGISTRY_APPLICATION, "uasold", "");
    assert_true(slice_find_slice(buffer_slice(&house.answer), SLICE("\"applicationName\":\"Old\"")) < house.answer.len);
    struct json_doc *doc = item(0); /* with the tags that ours have besides */
    assert_slice(json_string(json_get(json_get(json_root(doc), "tags"), "ApplicationUriLC")), SLICE("urn:old"));
    assert_null(json_get(json_get(json_root(doc), "tags"), "Hall"));
    json_free(&doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_new_is_made_and_what_changes_is_patched),
        TEST(what_is_the_same_costs_no_call),
        TEST(a_hub_that_fails_is_told_again),
        TEST(what_is_there_already_is_patched_and_what_is_not_is_made),
        TEST(what_the_hub_had_no_time_for_is_deleted_later),
        TEST(what_is_refused_is_left),
        TEST(what_the_hub_has_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The API as a caller sees it, over plain HTTP: who may, what becomes of a request, and the key. */
#include "publisher/api.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "client/device_double.h"
#include "rest/client.h"
#include "rest/server.h"
#include "json/write.h"

#include "base/cmocka.h"

struct world {
    struct loop *loop;
    struct module *module;
    struct api *api;
    struct rest_health *health;
    struct rest_client *client;
    char directory[64];
    int status;
    enum status why;
    struct buffer body, type;
};

/* Answers with what it was called with. */
static void echo(struct module_call *c)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "method"), json_put_string(&w, module_call_name(c));
    if (module_call_payload(c))
        json_name(&w, "payload"), json_put_value(&w, module_call_payload(c));
    json_end_object(&w);
    module_reply(c, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void nothing(struct module_call *c)
{
    module_reply(c, 200, SLICE("null"));
}

static void missing(struct module_call *c)
{
    module_reply_error(c, NOT_FOUND, "Endpoint not found: x");
}

/* Gives three pieces, and then the rest or, with "fails", no more. */
static void on_ended(void *arg)
{
    (void)arg;
}

static int pieces;

static void on_taken(void *arg)
{
    struct module_call *c = arg;
    if (++pieces < 3)
        module_reply_piece(c, SLICE("1,"), on_taken, c);
    else if (json_get(module_call_payload(c), "fails"))
        module_reply_error(c, OFFLINE, NULL);
    else
        module_reply(c, 200, SLICE("2]"));
}

static void give(struct module_call *c)
{
    pieces = 0;
    module_call_wait(c, on_ended, NULL);
    module_reply_piece(c, SLICE("["), on_taken, c);
}

static const struct module_method methods[] = {
    {"BrowseStream", MODULE_PLAIN, give, 0},
    {"PublishNodes", MODULE_PLAIN, echo, 0},
    {"AddOrUpdateNodes", MODULE_PLAIN, echo, 0},
    {"GetConfiguredEndpoints", MODULE_PLAIN, echo, 0},
    {"GetNodes", MODULE_PLAIN, echo, 0},
    {"SetConfiguredEndpoints", MODULE_PLAIN, nothing, 0},
    {"UnpublishNodes", MODULE_PLAIN, missing, 0},
};
static const struct module_role_ops ops = {
    .type = "publisher", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

static void open_api(struct world *w, const char *key)
{
    assert_int_equal(api_open(&(struct api_config){.module = w->module,
                                                   .loop = w->loop,
                                                   .health = rest_health_table(w->health),
                                                   .key = key,
                                                   .directory = w->directory,
                                                   .listen = "127.0.0.1",
                                                   .port = -1,
                                                   .plain_port = 0,
                                                   .openapi = true},
                              &w->api),
                     OK);
}

static void close_api(struct world *w)
{
    api_stop(w->api);
    api_free(&w->api);
}

static int set_up(void **state)
{
    struct world *w = MEMORY_NEW(struct world);
    snprintf(w->directory, sizeof w->directory, "/tmp/api_test_%d", (int)getpid());
    w->loop = loop_new();
    w->module = module_new(&(struct module_config){
        .device = {.loop = w->loop, .device_id = "edge", .module_id = "publisher"}});
    module_add(w->module, &ops, w);
    module_start(w->module);
    w->health = rest_health_new(NULL);
    w->client = rest_client_new(&(struct rest_client_config){.loop = w->loop});
    open_api(w, "the key");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char path[100];
    close_api(w);
    rest_client_free(&w->client);
    rest_health_free(&w->health);
    module_free(&w->module);
    loop_free(&w->loop);
    snprintf(path, sizeof path, "%s/api.key", w->directory);
    unlink(path);
    rmdir(w->directory);
    buffer_clear(&w->body);
    buffer_clear(&w->type);
    free(w);
    device_double_reset();
    return 0;
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct world *w = arg;
    w->why = why;
    if (why != OK) {
        loop_stop(w->loop);
        return;
    }
    w->status = a->status;
    buffer_reset(&w->body);
    buffer_put(&w->body, a->body);
    buffer_reset(&w->type);
    buffer_put(&w->type, rest_answer_header(a, "content-type"));
    loop_stop(w->loop);
}

static int ask(struct world *w, const char *method, const char *path, const char *authorization,
               const char *body)
{
    char url[300];
    struct rest_field header = {SLICE("Authorization"), slice_of(authorization)};
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", api_plain_port(w->api), path);
    assert_int_equal(rest_client_send(w->client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = &header,
                                                          .header_count = authorization ? 1 : 0,
                                                          .body = slice_of(body)},
                                      on_answer, w),
                     OK);
    loop_run(w->loop);
    return w->status;
}

static void nobody_gets_in_without_the_key(void **state)
{
    struct world *w = *state;
    static const char *const wrong[] = {NULL,
                                        "ApiKey",
                                        "ApiKey ",
                                        "ApiKey the ke",
                                        "ApiKey the key2",
                                        "apikey the key",
                                        "Bearer the key",
                                        "the key"};
    for (size_t r = 0; r < api_routes_count; r++)
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
            assert_int_equal(ask(w, api_routes[r].method, api_routes[r].path, wrong[i], NULL), 401);
    assert_int_equal(ask(w, "GET", "/healthz", NULL, NULL), 200);
    assert_int_equal(ask(w, "GET", "/metrics", NULL, NULL), 200);
    assert_int_equal(ask(w, "GET", "/swagger/v2/openapi.json", NULL, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&w->body), "\"operationId\":\"GetConfiguredEndpoints\""));
}

static void a_path_calls_its_method_with_all_parameters(void **state)
{
    struct world *w = *state;
    static const char key[] = "ApiKey the key";
    assert_int_equal(ask(w, "POST", "/v2/configuration/nodes", key, "{\"EndpointUrl\": \"x\"}"),
                     200);
    assert_slice(buffer_slice(&w->body),
                 SLICE("{\"method\":\"PublishNodes\",\"payload\":{\"EndpointUrl\":\"x\"}}"));
    assert_int_equal(ask(w, "POST", "/v2/configuration/nodes?api-version=2", key, "{\"EndpointUrl\": \"x\"}"),
                     200);
    assert_slice(buffer_slice(&w->body),
                 SLICE("{\"method\":\"PublishNodes\",\"payload\":{\"EndpointUrl\":\"x\"}}"));
    assert_int_equal(ask(w, "POST", "/v2/writer/a%2Fb/c/add?insertAfterFieldId=7", key, "[{}]"),
                     200);
    assert_slice(
        buffer_slice(&w->body),
        SLICE("{\"method\":\"AddOrUpdateNodes\",\"payload\":{\"dataSetWriterGroup\":\"a/b\","
              "\"dataSetWriterId\":\"c\",\"insertAfterFieldId\":\"7\",\"opcNodes\":[{}]}}"));
    assert_int_equal(ask(w, "GET", "/v2/configuration?IncludeNodes=true", key, NULL), 200);
    assert_slice(
        buffer_slice(&w->body),
        SLICE("{\"method\":\"GetConfiguredEndpoints\",\"payload\":{\"IncludeNodes\":true}}"));
    assert_int_equal(
        ask(w, "GET", "/v2/writer/g/w/nodes?pageSize=5&lastDataSetFieldId=f", key, NULL), 200);
    assert_non_null(strstr(buffer_cstr(&w->body), "\"pageSize\":5,\"lastDataSetFieldId\":\"f\""));
}

static void what_fails_is_a_problem(void **state)
{
    struct world *w = *state;
    static const char key[] = "ApiKey the key";
    assert_int_equal(ask(w, "POST", "/v2/configuration/nodes/unpublish", key, "{}"), 404);
    assert_slice(buffer_slice(&w->type), SLICE("application/problem+json"));
    assert_non_null(strstr(buffer_cstr(&w->body), "\"detail\":\"Endpoint not found: x\""));
    assert_int_equal(ask(w, "POST", "/v2/configuration/nodes", key, "{"), 400);
    assert_int_equal(ask(w, "POST", "/v2/configuration/diagnostics", key, NULL),
                     405); /* not in this module's table */
    assert_int_equal(ask(w, "GET", "/v2/nowhere", key, NULL), 404);
    assert_int_equal(ask(w, "DELETE", "/v2/configuration", key, NULL), 405);
    assert_int_equal(ask(w, "PUT", "/v2/configuration", key, "{}"), 200);
    assert_int_equal(w->body.len, 0);
}

static void a_long_answer_comes_in_pieces(void **state)
{
    struct world *w = *state;
    static const char key[] = "ApiKey the key";
    assert_int_equal(ask(w, "POST", "/v2/browse", key, "{}"), 200);
    assert_slice(buffer_slice(&w->body), SLICE("[1,1,2]"));
    assert_slice(buffer_slice(&w->type), SLICE("application/json; charset=utf-8"));
    assert_int_equal(ask(w, "POST", "/v2/browse", key, "{}"), 200);
    ask(w, "POST", "/v2/browse", key, "{\"fails\":true}");
    assert_int_not_equal(w->why, OK); /* half of it is nobody's answer */
    assert_int_equal(pieces, 3);
}

static void a_key_is_made_once_and_kept(void **state)
{
    struct world *w = *state;
    close_api(w);
    open_api(w, NULL);
    char first[API_KEY_TEXT_MAX];
    snprintf(first, sizeof first, "%s", api_key(w->api));
    assert_int_equal(strlen(first), 28); /* 20 bytes in base64 */
    close_api(w);
    open_api(w, NULL);
    assert_string_equal(api_key(w->api), first);
}

static void a_key_that_was_in_the_twin_before_is_taken_over(void **state)
{
    struct world *w = *state;
    struct json_doc *doc;
    device_double_connect();
    close_api(w);
    open_api(w, NULL);
    assert_int_equal(
        json_parse(SLICE("{\"__apikey__\":\"of OPC Publisher\"}"), JSON_STRICT, &doc, NULL), OK);
    api_on_reported(w->api, json_root(doc));
    assert_string_equal(api_key(w->api), "of OPC Publisher");
    assert_non_null(
        strstr(buffer_cstr(&device_double.reported), "\"__apikey__\":\"of OPC Publisher\""));
    close_api(w);
    open_api(w, NULL); /* and kept; what the twin says later is ours */
    assert_string_equal(api_key(w->api), "of OPC Publisher");
    json_free(&doc);
    assert_int_equal(json_parse(SLICE("{\"__apikey__\":\"another\"}"), JSON_STRICT, &doc, NULL),
                     OK);
    api_on_reported(w->api, json_root(doc));
    assert_string_equal(api_key(w->api), "of OPC Publisher");
    json_free(&doc);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_gets_in_without_the_key),
        TEST(a_path_calls_its_method_with_all_parameters),
        TEST(what_fails_is_a_problem),
        TEST(a_long_answer_comes_in_pieces),
        TEST(a_key_is_made_once_and_kept),
        TEST(a_key_that_was_in_the_twin_before_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A service's calls, against a hub that is a route table. */
#include "client/service.h"

#include <stdio.h>

#include "rest/server.h"
#include "token/sas.h"
#include "json/json.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define KEY "c2VjcmV0IGtleSBmb3IgdGVzdHM="

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_client *rest;
    struct service_client *client;
    const char *answer; /* of /devices/answer */
    int answer_status;
    char payload[64], id[40], timeout[8];
} house;

static void answer(struct rest_request *r)
{
    rest_reply_json(r, house.answer_status, slice_of(house.answer));
}

static void echo_target(struct rest_request *r)
{
    rest_add_header(r, "x-ms-continuation", rest_header(r, "x-ms-continuation"));
    rest_reply(r, 200, "text/plain", r->target);
}

static void method(struct rest_request *r)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(r->body, JSON_STRICT, &doc, NULL), OK);
    assert_slice(rest_param(r, "id"), SLICE("a#b"));
    int64_t seconds = 0;
    json_i64(json_get(json_root(doc), "responseTimeoutInSeconds"), &seconds);
    snprintf(house.timeout, sizeof(house.timeout), "%d", (int)seconds);
    snprintf(house.payload, sizeof(house.payload), "%.*s",
             SLICE_FMT(json_string(json_get(json_root(doc), "payload"))));
    snprintf(house.id, sizeof(house.id), "%s", r->id);
    assert_slice(json_string(json_get(json_root(doc), "methodName")), SLICE("Browse_V2"));
    json_free(&doc);
    rest_reply_json(r, house.answer_status, slice_of(house.answer));
}

static const struct rest_route routes[] = {
    {"GET", "/devices/answer", answer, REST_SERVICE},
    {"GET", "/devices/{id}", echo_target, REST_SERVICE},
    {"POST", "/twins/{id}/modules/{module}/methods", method, REST_SERVICE},
};

static void authorize(struct rest_request *r)
{
    struct sas token;
    static const char *const hosts[] = {"hub.local", NULL};
    assert_int_equal(sas_parse(rest_header(r, "Authorization"), &token), OK);
    bool good = sas_verify(&token, SLICE(KEY)) == OK &&
                !sas_expired(&token, loop_wall_ms(house.loop)) &&
                sas_covers(&token, hosts, SLICE("")) && slice_eq(token.policy, SLICE("service"));
    rest_authorized(r, good ? OK : UNAUTHORIZED, NULL);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static enum status open_client(const char *connection_string)
{
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", listener_port(house.listener));
    return service_client_new(
        &(struct service_client_config){.loop = house.loop,
                                        .rest = house.rest,
                                        .connection_string = connection_string,
                                        .url = url},
        &house.client);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .answer = "{}", .answer_status = 200};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.loop, .tables = &table, .table_count = 1, .authorize = authorize});
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept};
    assert_int_equal(listener_open(&config, &house.listener), OK);
    house.rest = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    assert_int_equal(
        open_client("HostName=hub.local:8443;SharedAccessKeyName=service;SharedAccessKey=" KEY),
        OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.rest);
    service_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    return 0;
}

struct outcome {
    bool done;
    enum status why;
    int status;
    char body[256], continuation[32];
};

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct outcome *o = arg;
    o->done = true;
    o->why = why;
    if (a) {
        o->status = a->status;
        snprintf(o->body, sizeof(o->body), "%.*s", SLICE_FMT(a->body));
        snprintf(o->continuation, sizeof(o->continuation), "%.*s",
                 SLICE_FMT(rest_answer_header(a, "x-ms-continuation")));
    }
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct outcome *o = arg;
    o->done = true;
    o->why = why;
    o->status = status;
    snprintf(o->body, sizeof(o->body), "%.*s", SLICE_FMT(payload));
}

static bool is_done(void *arg)
{
    return ((struct outcome *)arg)->done;
}

static struct outcome request(struct service_call call)
{
    struct outcome o = {0};
    assert_int_equal(service_client_request(house.client, &call, on_answer, &o), OK);
    assert_true(loop_run_until(house.loop, is_done, &o, WAIT_MS));
    return o;
}

static struct outcome invoke(struct slice payload, uint64_t timeout_ms)
{
    struct outcome o = {0};
    struct service_method m = {.id = {SLICE("a#b"), SLICE("twin")},
                               .name = "Browse_V2",
                               .payload = payload,
                               .response_timeout_ms = timeout_ms,
                               .call_id = "call-1"};
    assert_int_equal(service_client_invoke_method(house.client, &m, on_method, &o), OK);
    assert_true(loop_run_until(house.loop, is_done, &o, WAIT_MS));
    return o;
}

static void signs_its_calls_and_adds_the_version(void **state)
{
    (void)state;
    struct outcome o = request((struct service_call){
        .method = "GET", .path = "/devices/d?top=3", .continuation = "page 2"});
    assert_int_equal(o.why, OK);
    assert_string_equal(o.body, "/devices/d?top=3&api-version=2021-04-12");
    assert_string_equal(o.continuation, "page 2");
}

static void tells_outcomes_apart(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum status why;
    } rows[] = {
        {200, "[]", OK},
        {204, "", OK},
        {400, "{}", BAD_ARGUMENT},
        {401, "{}", UNAUTHORIZED},
        {403, "{}", FORBIDDEN},
        {404, "{\"Message\":\"ErrorCode:DeviceNotFound;x\"}", NOT_FOUND},
        {404, "{\"Message\":\"{\\\"errorCode\\\":404103}\",\"ExceptionMessage\":\"\"}", OFFLINE},
        {404, "not json", NOT_FOUND},
        {409, "{}", EXISTS},
        {412, "{}", CONFLICT},
        {413, "{}", TOO_LARGE},
        {429, "{}", BUSY},
        {504, "{}", TIMED_OUT},
        {500, "{}", PEER_FAILED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        house.answer = rows[i].body;
        house.answer_status = rows[i].status;
        struct outcome o =
            request((struct service_call){.method = "GET", .path = "/devices/answer"});
        assert_int_equal(o.why, rows[i].why);
        assert_int_equal(o.status, rows[i].status);
    }
}

static void invokes_methods(void **state)
{
    (void)state;
    house.answer = "{\"status\":404,\"payload\":{\"a\":[1,2]}}";
    struct outcome o = invoke(SLICE("\"hello\""), 12000);
    assert_int_equal(o.why, OK);
    assert_int_equal(o.status, 404);
    assert_string_equal(o.body, "{\"a\":[1,2]}");
    assert_string_equal(house.payload, "hello");
    assert_string_equal(house.timeout, "12");
    assert_string_equal(house.id, "call-1");
}

static void does_not_believe_odd_answers(void **state)
{
    (void)state;
    static const char *const odd[] = {"", "[]", "{\"payload\":1}", "{\"status\":\"x\"}"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        house.answer = odd[i];
        assert_int_equal(invoke(SLICE("{}"), 0).why, PEER_FAILED);
    }
}

static void refuses_what_is_no_policy(void **state)
{
    (void)state;
    service_client_free(&house.client);
    assert_int_equal(open_client(""), BAD_FORMAT);
    assert_int_equal(open_client("HostName=h;DeviceId=d;SharedAccessKey=" KEY), BAD_FORMAT);
    assert_int_equal(open_client("HostName=h;SharedAccessKeyName=p;SharedAccessKey=!"), BAD_FORMAT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signs_its_calls_and_adds_the_version),
        TEST(tells_outcomes_apart),
        TEST(invokes_methods),
        TEST(does_not_believe_odd_answers),
        TEST(refuses_what_is_no_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The provisioning service whole, but for its wires: enrolments come in as the service API's JSON,
 * devices with tokens, and two hubs are route tables. */
#include "dps/dps.h"

#include "dps/hub_double.h"
#include "io/sim.h"
#include "token/sas.h"

#define WAIT_MS 20000
#define SCOPE "0ne12345678"
#define KEY "Z3JvdXAga2V5IG9mIHRlc3Rz"

static const char *const hosts[] = {"dps.example", NULL};

struct fixture {
    struct sim *sim; /* NULL: a real loop, with hubs that answer */
    struct loop *loop;
    struct policies *policies;
    struct dps *dps;
    struct hub_double a, b;
    bool done;
    enum status why;
    char text[512];
    struct buffer json;
    struct slice etag;
    char etag_text[64], continuation[256];
    bool under_way;
    unsigned retry_s;
};

static struct fixture f;

static bool is_done(void *arg)
{
    (void)arg;
    return f.done;
}

static void wait_done(void)
{
    assert_true(loop_run_until(f.loop, is_done, NULL, WAIT_MS));
}

static void remember(enum status why, const char *text, struct slice json)
{
    f.done = true;
    f.why = why;
    snprintf(f.text, sizeof f.text, "%s", text ? text : "");
    buffer_reset(&f.json);
    buffer_put(&f.json, json);
}

/* ---- the service side ---- */

static void on_service(void *arg, const struct dps_service_answer *a)
{
    (void)arg;
    snprintf(f.etag_text, sizeof f.etag_text, "%.*s", SLICE_FMT(a->etag));
    snprintf(f.continuation, sizeof f.continuation, "%.*s", SLICE_FMT(a->continuation));
    remember(a->why, a->text, a->json);
}

static enum status service(struct dps_service_ask ask)
{
    f.done = false;
    dps_service(f.dps, f.loop, &ask, on_service, NULL);
    wait_done();
    return f.why;
}

static enum status put(enum dps_kind kind, const char *id, const char *body, const char *if_match)
{
    return service((struct dps_service_ask){.what = DPS_ENROLLMENT_PUT,
                                            .kind = kind,
                                            .id = slice_of(id),
                                            .body = slice_of(body),
                                            .if_match = slice_of(if_match)});
}

#define ATTESTATION                                                                                \
    "\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{\"primaryKey\":\"" KEY           \
    "\",\"secondaryKey\":\"" KEY "\"}}"

/* An individual enrolment with further members; over an older one. */
static void enroll(const char *id, const char *more)
{
    struct buffer body = {0};
    buffer_printf(&body, "{\"registrationId\":\"%s\"," ATTESTATION "%s}", id, more);
    enum status s = put(DPS_INDIVIDUAL, id, buffer_cstr(&body), NULL);
    if (s == EXISTS)
        s = put(DPS_INDIVIDUAL, id, buffer_cstr(&body), "*");
    if (s != OK)
        print_error("%s\n", f.text);
    assert_int_equal(s, OK);
    buffer_clear(&body);
}

/* ---- the device side ---- */

static void on_device(void *arg, const struct dps_device_answer *a)
{
    (void)arg;
    f.under_way = a->under_way;
    f.retry_s = a->retry_s;
    remember(a->why, a->text, a->json);
}

static enum status device_with(enum dps_device_what what, const char *id, struct slice key,
                               const char *body, const char *operation)
{
    struct buffer token = {0};
    char resource[160];
    snprintf(resource, sizeof resource, SCOPE "/registrations/%s", id);
    assert_int_equal(sas_make(slice_of(resource), key, SLICE("registration"),
                              loop_wall_ms(f.loop) + 3600000, &token),
                     OK);
    f.done = false;
    dps_device(f.dps, f.loop,
               &(struct dps_device_ask){.what = what,
                                        .credentials = {.id_scope = SLICE(SCOPE),
                                                        .registration_id = slice_of(id),
                                                        .sas = buffer_slice(&token),
                                                        .peer = SLICE("test")},
                                        .body = slice_of(body),
                                        .operation_id = slice_of(operation)},
               on_device, NULL);
    buffer_clear(&token);
    wait_done();
    return f.why;
}

static enum status device(enum dps_device_what what, const char *id, const char *operation)
{
    return device_with(what, id, SLICE(KEY), NULL, operation);
}

/* A text of the answer: "registrationState.status". */
static const char *said(const char *path)
{
    static char out[512];
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&f.json), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_root(doc);
    struct slice rest = slice_of(path), name;
    while (slice_split(&rest, '.', &name))
        v = json_get_slice(v, name);
    int64_t number;
    if (json_i64(v, &number))
        snprintf(out, sizeof out, "%d", (int)number);
    else
        snprintf(out, sizeof out, "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
    return out;
}

/* Until it is done; the answer is the operation's last. */
static void registered_with(const char *id, const char *body, const char *status)
{
    char operation[80];
    assert_int_equal(device_with(DPS_REGISTER, id, SLICE(KEY), body, NULL), OK);
    assert_true(f.under_way);
    assert_int_equal(f.retry_s, 3);
    assert_string_equal(said("status"), "assigning");
    snprintf(operation, sizeof operation, "%s", said("operationId"));
    do
        assert_int_equal(device(DPS_OPERATION, id, operation), OK);
    while (f.under_way);
    assert_int_equal(f.retry_s, 0);
    assert_string_equal(said("operationId"), operation);
    if (strcmp(said("status"), status) != 0)
        fail_msg("%s", buffer_cstr(&f.json));
}

static void registered(const char *id, const char *status)
{
    registered_with(id, NULL, status);
}

static void asked(struct hub_double *h, const char *calls)
{
    assert_string_equal(buffer_cstr(&h->asked), calls);
    buffer_reset(&h->asked);
}

/* ---- beginning and end ---- */

static int open_dps(uint64_t per_minute)
{
    struct dps_hub_config hubs[] = {
        {f.a.connection_string, f.a.url, NULL},
        {f.b.connection_string, f.b.url, NULL},
    };
    f.policies = policies_random(&dps_policies_kind);
    return dps_open(&(struct dps_config){.loop = f.loop,
                                         .path = ":memory:",
                                         .id_scope = SCOPE,
                                         .hosts = hosts,
                                         .policies = f.policies,
                                         .hubs = hubs,
                                         .hub_count = 2,
                                         .retry_ms = 3000,
                                         .requests_per_minute = per_minute},
                    &f.dps);
}

static int setup(void **state)
{
    (void)state;
    f = (struct fixture){.loop = loop_new()};
    hub_open(&f.a, f.loop, "hub-a");
    hub_open(&f.b, f.loop, "hub-b");
    return open_dps(0);
}

static int setup_sim(void **state)
{
    (void)state;
    f = (struct fixture){.sim = sim_new(1)};
    f.loop = sim_loop_new(f.sim, "127.0.0.1");
    hub_open(&f.a, f.loop, "hub-a");
    snprintf(f.b.connection_string, sizeof f.b.connection_string,
             "HostName=hub-b;SharedAccessKeyName=p;SharedAccessKey=a2V5");
    snprintf(f.b.url, sizeof f.b.url, "http://127.0.0.1:1");
    return open_dps(20);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static int teardown(void **state)
{
    (void)state;
    dps_close(&f.dps);
    if (f.sim == NULL)
        loop_run_until(f.loop, never, NULL, 1); /* a client goes when the mail to it has come */
    policies_free(&f.policies);
    hub_close(&f.a);
    if (f.b.server)
        hub_close(&f.b);
    buffer_clear(&f.json);
    if (f.sim)
        sim_free(&f.sim);
    else
        loop_free(&f.loop);
    return 0;
}

/* ---- what is promised ---- */

static void a_device_is_made_at_its_hub_and_gets_its_twin(void **state)
{
    (void)state;
    enroll("Dev-1",
           ",\"deviceId\":\"d1\",\"iotHubs\":[\"hub-a\"],\"capabilities\":{\"iotEdge\":true},"
           "\"initialTwin\":{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"r\":5}}}");
    registered("dev-1", "assigned");
    assert_string_equal(said("registrationState.assignedHub"), "hub-a");
    assert_string_equal(said("registrationState.deviceId"), "d1");
    assert_string_equal(said("registrationState.substatus"), "initialAssignment");
    asked(&f.a, "PUT /devices/d1; PATCH /twins/d1; ");
    struct hub_device *d = hub_device(&f.a, "d1");
    assert_non_null(strstr(buffer_cstr(&d->identity), "\"primaryKey\":\"" KEY "\""));
    assert_non_null(strstr(buffer_cstr(&d->identity), "\"iotEdge\":true"));
    assert_string_equal(buffer_cstr(&d->twin),
                        "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"r\":5}}}");

    /* Again: the identity is put right, the twin is left alone. */
    registered("dev-1", "assigned");
    assert_string_equal(said("registrationState.substatus"), "reprovisionedToInitialAssignment");
    asked(&f.a, "PUT /devices/d1; PUT /devices/d1; "); /* there already; then whatever its etag */
    assert_int_equal(device(DPS_LOOK_UP, "dev-1", NULL), OK);
    assert_string_equal(said("status"), "assigned");
}

static void one_registration_runs_at_a_time(void **state)
{
    (void)state;
    char first[80];
    enroll("twice", ",\"iotHubs\":[\"hub-a\"]");
    assert_int_equal(device(DPS_REGISTER, "twice", NULL), OK);
    snprintf(first, sizeof first, "%s", said("operationId"));
    assert_int_equal(device(DPS_REGISTER, "TWICE", NULL), OK);
    assert_string_equal(said("operationId"), first);
    assert_int_equal(device(DPS_OPERATION, "twice", "4.0.none"), NOT_FOUND);
    enroll("other", "");
    assert_int_equal(device(DPS_OPERATION, "other", first), NOT_FOUND); /* another's */
}

static void who_moves_takes_its_twin_along(void **state)
{
    (void)state;
    enroll("mover", ",\"iotHubs\":[\"hub-a\"]");
    registered("mover", "assigned");
    struct hub_device *d = hub_device(&f.a, "mover");
    buffer_reset(&d->twin);
    buffer_text(&d->twin, "{\"deviceId\":\"mover\",\"tags\":{\"was\":1},\"properties\":{"
                          "\"desired\":{\"is\":2},\"reported\":{\"no\":3}}}");
    enroll("mover", ",\"iotHubs\":[\"hub-b\"],\"initialTwin\":{\"tags\":{\"new\":1}}");
    buffer_reset(&f.a.asked);
    registered("mover", "assigned");
    assert_string_equal(said("registrationState.assignedHub"), "hub-b");
    assert_string_equal(said("registrationState.substatus"), "deviceDataMigrated");
    asked(&f.a, "GET /twins/mover; DELETE /devices/mover; ");
    asked(&f.b, "PUT /devices/mover; PUT /twins/mover; ");
    assert_string_equal(buffer_cstr(&hub_device(&f.b, "mover")->twin),
                        "{\"tags\":{\"was\":1},\"properties\":{\"desired\":{\"is\":2}}}");
    assert_null(hub_device(&f.a, "mover"));
}

static void who_begins_anew_has_its_first_twin(void **state)
{
    (void)state;
    static const char more[] =
        ",\"iotHubs\":[\"hub-a\"],\"initialTwin\":{\"tags\":{\"new\":1}},\"reprovisionPolicy\":{"
        "\"updateHubAssignment\":true,\"migrateDeviceData\":false}";
    enroll("anew", more);
    registered("anew", "assigned");
    buffer_reset(&hub_device(&f.a, "anew")->twin);
    buffer_reset(&f.a.asked);
    registered("anew", "assigned");
    assert_string_equal(said("registrationState.substatus"), "deviceDataReset");
    asked(&f.a, "PUT /devices/anew; PUT /devices/anew; PUT /twins/anew; ");
    assert_string_equal(buffer_cstr(&hub_device(&f.a, "anew")->twin), "{\"tags\":{\"new\":1}}");
}

static void who_never_moves_is_left_alone(void **state)
{
    (void)state;
    enroll("still", ",\"iotHubs\":[\"hub-a\"]");
    registered("still", "assigned");
    enroll("still", ",\"iotHubs\":[\"hub-b\"],\"reprovisionPolicy\":{\"updateHubAssignment\":false,"
                    "\"migrateDeviceData\":false}");
    buffer_reset(&f.a.asked);
    registered("still", "assigned");
    assert_string_equal(said("registrationState.assignedHub"), "hub-a");
    asked(&f.a, "");
    asked(&f.b, "");
}

static void a_hub_that_fails_is_told_and_tried_again(void **state)
{
    (void)state;
    enroll("unlucky", ",\"iotHubs\":[\"hub-a\"]");
    registered("unlucky", "assigned");
    enroll("unlucky", ",\"iotHubs\":[\"hub-b\"]");
    f.b.fail = "PUT /twins";
    registered("unlucky", "failed");
    assert_int_equal(strtol(said("registrationState.errorCode"), NULL, 10), 502000);
    assert_non_null(strstr(said("registrationState.errorMessage"), "hub-b"));
    assert_non_null(hub_device(&f.a, "unlucky")); /* it is where it was */
    f.b.fail = NULL;
    registered("unlucky", "assigned");
    assert_string_equal(said("registrationState.substatus"), "deviceDataMigrated");
    assert_null(hub_device(&f.a, "unlucky"));
    assert_non_null(hub_device(&f.b, "unlucky"));
}

static void derived_keys_and_wrong_ones(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct slice derived;
    enroll("single", "");
    assert_int_equal(device_with(DPS_SIGN_IN, "single", SLICE(KEY), NULL, NULL), OK);
    assert_int_equal(device_with(DPS_SIGN_IN, "single", SLICE("d3Jvbmc="), NULL, NULL),
                     UNAUTHORIZED);
    assert_int_equal(device_with(DPS_REGISTER, "nobody", SLICE(KEY), NULL, NULL), NOT_FOUND);
    for (int i = 0; i < 3; i++) { /* the last of them has the key */
        char id[24], body[256];
        snprintf(id, sizeof id, "group-%d", i);
        snprintf(body, sizeof body,
                 "{\"enrollmentGroupId\":\"%s\",\"attestation\":{\"type\":\"symmetricKey\"%s}}", id,
                 i < 2 ? ""
                       : ",\"symmetricKey\":{\"primaryKey\":\"" KEY "\",\"secondaryKey\":\"" KEY
                         "\"}");
        assert_int_equal(put(DPS_GROUP, id, body, NULL), OK);
    }
    assert_int_equal(device_with(DPS_REGISTER, "member", SLICE(KEY), NULL, NULL), UNAUTHORIZED);
    assert_int_equal(dps_derive_key(SLICE(KEY), SLICE("member"), &arena, &derived), OK);
    assert_int_equal(device_with(DPS_SIGN_IN, "member", derived, NULL, NULL), OK);
    /* Its own enrolment decides alone: the groups are not asked. */
    assert_int_equal(dps_derive_key(SLICE(KEY), SLICE("single"), &arena, &derived), OK);
    assert_int_equal(device_with(DPS_SIGN_IN, "single", derived, NULL, NULL), UNAUTHORIZED);
    arena_clear(&arena);
}

static void bodies_are_judged(void **state)
{
    (void)state;
    static char large[DPS_BODY_MAX + 2];
    enroll("body", "");
    memset(large, ' ', sizeof large - 1);
    static const struct {
        const char *body;
        enum status why;
    } bodies[] = {{"{", BAD_FORMAT},
                  {"[]", BAD_ARGUMENT},
                  {"{\"registrationId\":\"other\"}", BAD_ARGUMENT},
                  {"{\"tpm\":{}}", UNSUPPORTED},
                  {large, TOO_LARGE}};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_int_equal(device_with(DPS_REGISTER, "body", SLICE(KEY), bodies[i].body, NULL),
                         bodies[i].why);
    assert_int_equal(device_with(DPS_REGISTER, "bo dy", SLICE(KEY), NULL, NULL), BAD_ARGUMENT);
}

static void a_webhook_chooses(void **state)
{
    (void)state;
    char more[256];
    snprintf(more, sizeof more,
             ",\"allocationPolicy\":\"custom\",\"iotHubs\":[\"hub-b\"],"
             "\"customAllocationDefinition\":{\"webhookUrl\":\"%s/hook\"}",
             f.a.url);
    enroll("custom", more);
    f.a.hook_answer = "{\"iotHubHostName\":\"hub-b\",\"payload\":{\"hello\":\"you\"},"
                      "\"initialTwin\":{\"tags\":{\"by\":\"hook\"}}}";
    registered_with("custom", "{\"registrationId\":\"custom\",\"payload\":{\"model\":7}}",
                    "assigned");
    assert_string_equal(said("registrationState.payload.hello"), "you");
    assert_string_equal(buffer_cstr(&hub_device(&f.b, "custom")->twin),
                        "{\"tags\":{\"by\":\"hook\"}}");
    const char *sent = buffer_cstr(&f.a.hooked);
    assert_non_null(strstr(sent, "\"individualEnrollment\":{\"registrationId\":\"custom\""));
    assert_non_null(strstr(sent, "\"linkedHubs\":[\"hub-b\"]"));
    assert_non_null(strstr(sent, "\"payload\":{\"model\":7}"));
    assert_null(strstr(sent, KEY));
    assert_null(strstr(sent, "currentDeviceId"));

    static const char *const answers[] = {"{\"iotHubHostName\":\"hub-a\"}",
                                          "{\"iotHubHostName\":\"hub-z\"}", "{}", "no JSON"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        f.a.hook_answer = answers[i];
        registered("custom", "failed");
        assert_string_equal(said("registrationState.errorCode"), "400209");
    }
    assert_non_null(strstr(buffer_cstr(&f.a.hooked), "\"currentDeviceId\":\"custom\""));
    f.a.hook_status = 403;
    registered("custom", "failed");
    assert_non_null(strstr(said("registrationState.errorMessage"), "403"));
}

static void etags_decide_who_may_change(void **state)
{
    (void)state;
    static const char body[] = "{\"registrationId\":\"tagged\"," ATTESTATION "}";
    char first[64], quoted[80];
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, "*"), NOT_FOUND);
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, NULL), OK);
    snprintf(first, sizeof first, "%s", f.etag_text);
    assert_string_equal(said("etag"), first);
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, NULL), EXISTS);
    snprintf(quoted, sizeof quoted, "\"%s\"", first);
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, quoted), OK);
    assert_string_not_equal(f.etag_text, first);
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, first), CONFLICT);
    assert_int_equal(put(DPS_INDIVIDUAL, "tagged", body, "*"), OK);
    struct dps_service_ask ask = {
        .what = DPS_ENROLLMENT_DELETE, .id = SLICE("TAGGED"), .if_match = slice_of(first)};
    assert_int_equal(service(ask), CONFLICT);
    ask.if_match = (struct slice){0};
    assert_int_equal(service(ask), OK);
    assert_int_equal(service(ask), NOT_FOUND);
    assert_int_equal(put(DPS_INDIVIDUAL, "address", body, NULL), BAD_ARGUMENT); /* another id */
}

static void groups_have_a_limit_for_each_kind(void **state)
{
    (void)state;
    char id[24], body[128];
    for (int i = 0; i <= DPS_GROUPS_MAX; i++) {
        snprintf(id, sizeof id, "g%d", i);
        snprintf(body, sizeof body,
                 "{\"enrollmentGroupId\":\"%s\",\"attestation\":{\"type\":\"symmetricKey\"}}", id);
        assert_int_equal(put(DPS_GROUP, id, body, NULL), i < DPS_GROUPS_MAX ? OK : FULL);
    }
    snprintf(body, sizeof body,
             "{\"enrollmentGroupId\":\"ca\",\"attestation\":{\"type\":\"x509\","
             "\"x509\":{\"caReferences\":{\"primary\":\"c\"}}}}");
    assert_int_equal(put(DPS_GROUP, "ca", body, NULL), OK);
}

static void pages_go_on_where_they_ended(void **state)
{
    (void)state;
    enroll("p1", ""), enroll("p2", ""), enroll("p3", "");
    struct dps_service_ask ask = {.what = DPS_ENROLLMENT_QUERY,
                                  .body = SLICE("{\"query\":\"SELECT * FROM enrollments\"}"),
                                  .page = 2};
    assert_int_equal(service(ask), OK);
    assert_non_null(strstr(buffer_cstr(&f.json), "\"p2\""));
    assert_null(strstr(buffer_cstr(&f.json), "\"p3\""));
    char token[256];
    snprintf(token, sizeof token, "%s", f.continuation);
    ask.continuation = slice_of(token);
    assert_int_equal(service(ask), OK);
    assert_non_null(strstr(buffer_cstr(&f.json), "\"p3\""));
    assert_string_equal(f.continuation, "");
    ask.continuation = SLICE("??");
    assert_int_equal(service(ask), BAD_ARGUMENT);
    ask.body = SLICE("{}");
    assert_int_equal(service(ask), BAD_ARGUMENT);
}

/* ---- in simulated time ---- */

static void done_operations_are_known_for_a_while(void **state)
{
    (void)state;
    char operation[80];
    enroll("off", ",\"provisioningStatus\":\"disabled\"");
    registered("off", "disabled");
    snprintf(operation, sizeof operation, "%s", said("operationId"));
    assert_int_equal(dps_count(f.dps).operations, 1);
    sim_run(f.sim, sim_now_ms(f.sim) + DPS_OPERATION_KEPT_MS - 1000);
    assert_int_equal(device(DPS_OPERATION, "off", operation), OK);
    sim_run(f.sim, sim_now_ms(f.sim) + DPS_OPERATION_KEPT_MS / 10 + 2000);
    assert_int_equal(device(DPS_OPERATION, "off", operation), NOT_FOUND);
    assert_int_equal(dps_count(f.dps).operations, 0);
}

static void too_many_requests_wait(void **state)
{
    (void)state;
    enroll("busy", "");
    sim_run(f.sim, sim_now_ms(f.sim) + 60000);
    for (int i = 0; i < 20; i++)
        assert_int_equal(device(DPS_LOOK_UP, "busy", NULL), NOT_FOUND);
    assert_int_equal(device(DPS_LOOK_UP, "busy", NULL), BUSY);
    assert_in_range(f.retry_s, 3, 10);
    sim_run(f.sim, sim_now_ms(f.sim) + 1000ull * f.retry_s);
    assert_int_equal(device(DPS_LOOK_UP, "busy", NULL), NOT_FOUND);
    assert_int_equal(device(DPS_SIGN_IN, "busy", NULL), OK); /* connections are not counted */
}

static void policies_are_its_own(void **state)
{
    (void)state;
    struct buffer token = {0};
    uint64_t now_ms = loop_wall_ms(f.loop);
    struct slice name = SLICE("enrollmentread"), key = policies_key(f.policies, name, false);
    assert_int_equal(sas_make(SLICE("dps.example"), key, name, now_ms + 60000, &token), OK);
    struct slice t = buffer_slice(&token), path = SLICE("/enrollments/a");
    assert_int_equal(dps_service_may(f.dps, t, path, DPS_ENROLLMENT_READ_RIGHT, now_ms), OK);
    assert_int_equal(dps_service_may(f.dps, t, path, DPS_ENROLLMENT_WRITE_RIGHT, now_ms),
                     FORBIDDEN);
    assert_int_equal(dps_service_may(f.dps, SLICE(""), path, 0, now_ms), UNAUTHORIZED);
    assert_true(policies_rights(f.policies, SLICE("provisioningserviceowner")) &
                DPS_REGISTRATION_WRITE_RIGHT);
    buffer_clear(&token);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define SIM_TEST(name) cmocka_unit_test_setup_teardown(name, setup_sim, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_is_made_at_its_hub_and_gets_its_twin),
        TEST(one_registration_runs_at_a_time),
        TEST(who_moves_takes_its_twin_along),
        TEST(who_begins_anew_has_its_first_twin),
        TEST(who_never_moves_is_left_alone),
        TEST(a_hub_that_fails_is_told_and_tried_again),
        TEST(derived_keys_and_wrong_ones),
        TEST(bodies_are_judged),
        TEST(a_webhook_chooses),
        TEST(etags_decide_who_may_change),
        TEST(groups_have_a_limit_for_each_kind),
        TEST(pages_go_on_where_they_ended),
        SIM_TEST(done_operations_are_known_for_a_while),
        SIM_TEST(too_many_requests_wait),
        SIM_TEST(policies_are_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

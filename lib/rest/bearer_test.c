/* Tokens of an issuer that runs beside the server: discovery, keys, roles, and what is refused. */
#include "rest/bearer.h"

#include <stdio.h>

#include "token/jwk.h"
#include "token/jwt.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct rest_server *server; /* issuer and API in one: the paths differ */
    struct listener *listener;
    struct rest_client *client;
    struct rest_bearer *bearer;
    struct jwk *key, *next_key, *stranger;
    bool rotated; /* the issuer publishes next_key too */
    bool gone;    /* the issuer publishes next_key alone */
    bool broken;  /* the issuer answers 500 */
    bool rotates; /* next_key is published right after the next answer, */
    struct asked *late; /* and a request with it leaves before that has arrived */
    struct slice late_token;
    struct rest_request *held; /* the keys' answer waits for it */
    struct buffer held_answer;
    int key_fetches;
    char issuer[64], user[64];
} house;

struct asked;
static void start(struct asked *o, const char *method, struct slice token);

static void discovery(struct rest_request *r)
{
    if (house.broken) {
        rest_reply_problem(r, 500, "broken");
        return;
    }
    struct buffer out = {0};
    buffer_printf(&out, "{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\"}", house.issuer, house.issuer);
    rest_reply_json(r, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void keys(struct rest_request *r)
{
    house.key_fetches++;
    const struct jwk *all[] = {house.key, house.next_key};
    struct buffer out = {0};
    if (house.gone)
        jwk_print_set(all + 1, 1, &out);
    else
        jwk_print_set(all, house.rotated ? 2 : 1, &out);
    if (house.rotates) {
        house.rotates = false;
        house.rotated = true;
        start(house.late, "GET", house.late_token);
        house.held = r;
        buffer_put(&house.held_answer, buffer_slice(&out));
    } else {
        rest_reply_json(r, 200, buffer_slice(&out));
    }
    buffer_clear(&out);
}

static void api(struct rest_request *r)
{
    snprintf(house.user, sizeof(house.user), "%.*s", SLICE_FMT(r->user));
    rest_reply_empty(r, 204);
}

static const struct rest_route routes[] = {
    {"GET", "/.well-known/openid-configuration", discovery, REST_PUBLIC},
    {"GET", "/keys", keys, REST_PUBLIC},
    {"GET", "/api", api, REST_READ},
    {"PUT", "/api", api, REST_WRITE},
    {"DELETE", "/api", api, REST_ADMIN},
    {"PATCH", "/api", api, REST_DEVICE},
};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void authorize(struct rest_request *r)
{
    rest_bearer_authorize(house.bearer, r);
    if (!house.held)
        return;
    rest_reply_json(house.held, 200, buffer_slice(&house.held_answer));
    house.held = NULL;
    buffer_clear(&house.held_answer);
}

static const char *const audiences[] = {"api://millrace", NULL};

static void open_bearer(struct rest_bearer_config config)
{
    rest_bearer_free(&house.bearer);
    config.loop = house.loop;
    config.client = house.client;
    config.authority = house.issuer;
    config.audiences = audiences;
    config.refetch_ms = config.refetch_ms ? config.refetch_ms : 20;
    house.bearer = rest_bearer_new(&config);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.loop, .tables = &table, .table_count = 1, .authorize = authorize});
    struct listen_config config = {.loop = house.loop, .host = "127.0.0.1", .on_accept = on_accept};
    assert_int_equal(listener_open(&config, &house.listener), OK);
    snprintf(house.issuer, sizeof(house.issuer), "http://127.0.0.1:%d",
             listener_port(house.listener));
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.loop});
    assert_int_equal(jwk_make(JWK_ES256, &house.key), OK);
    assert_int_equal(jwk_make(JWK_ES256, &house.next_key), OK);
    assert_int_equal(jwk_make(JWK_ES256, &house.stranger), OK);
    open_bearer((struct rest_bearer_config){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    rest_bearer_free(&house.bearer);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    jwk_free(&house.key);
    jwk_free(&house.next_key);
    jwk_free(&house.stranger);
    return 0;
}

/* ---- asking ---- */

struct asked {
    int count, wanted, status;
    struct buffer challenge;
};

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct asked *o = arg;
    o->count++;
    if (why == OK) {
        o->status = a->status;
        buffer_reset(&o->challenge);
        buffer_put(&o->challenge, rest_answer_header(a, "WWW-Authenticate"));
    }
}

static bool all_answered(void *arg)
{
    const struct asked *o = arg;
    return o->count >= o->wanted;
}

static void start(struct asked *o, const char *method, struct slice token)
{
    char url[96];
    snprintf(url, sizeof(url), "%s/api", house.issuer);
    struct buffer text = {0};
    buffer_text(&text, "Bearer ");
    buffer_put(&text, token);
    struct rest_field header = {SLICE("Authorization"), buffer_slice(&text)};
    struct rest_call call = {
        .method = method, .url = url, .headers = &header, .header_count = token.len > 0};
    assert_int_equal(rest_client_send(house.client, &call, on_answer, o), OK);
    buffer_clear(&text);
    o->wanted++;
}

static int ask_token(const char *method, struct slice token)
{
    struct asked o = {0};
    start(&o, method, token);
    assert_true(loop_run_until(house.loop, all_answered, &o, WAIT_MS));
    if (o.status == 401)
        assert_true(slice_starts(buffer_slice(&o.challenge), SLICE("Bearer")));
    buffer_clear(&o.challenge);
    return o.status;
}

static struct buffer make(const struct jwk *key, const char *issuer, const char *audience,
                          int64_t for_s, const char *more)
{
    struct buffer claims = {0}, token = {0};
    buffer_printf(&claims, "{\"iss\":\"%s\",\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"an na\"%s}",
                  issuer, audience, (long long)(loop_wall_ms(house.loop) / 1000) + for_s, more);
    assert_int_equal(jwt_make(key, buffer_slice(&claims), &token), OK);
    buffer_clear(&claims);
    return token;
}

static int ask(const char *method, const struct jwk *key, const char *issuer, const char *audience,
               int64_t for_s, const char *more)
{
    struct buffer token = make(key, issuer, audience, for_s, more);
    int status = ask_token(method, buffer_slice(&token));
    buffer_clear(&token);
    return status;
}

static int ask_with_roles(const char *method, const char *roles)
{
    return ask(method, house.key, house.issuer, "api://millrace", 600, roles);
}

/* ---- what must work ---- */

static void lets_a_good_token_in_and_fetches_the_keys_once(void **state)
{
    (void)state;
    struct buffer token = make(house.key, house.issuer, "api://millrace", 600, "");
    struct asked o = {0};
    for (int i = 0; i < 5; i++)
        start(&o, "GET", buffer_slice(&token));
    assert_true(loop_run_until(house.loop, all_answered, &o, WAIT_MS));
    assert_int_equal(o.status, 204);
    assert_int_equal(ask_token("GET", buffer_slice(&token)), 204);
    assert_string_equal(house.user, "an_na");
    assert_int_equal(house.key_fetches, 1);
    buffer_clear(&token);
    buffer_clear(&o.challenge);
}

static void asks_for_roles_as_the_route_says(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "PUT", "DELETE", "PATCH"};
    static const struct {
        const char *roles;
        int want[4];
    } rows[] = {
        {"", {204, 403, 403, 403}},
        {",\"roles\":[\"Reader\"]", {204, 403, 403, 403}},
        {",\"roles\":[\"Write\"]", {204, 204, 403, 403}},
        {",\"roles\":[\"Sign\"]", {204, 204, 204, 403}},
        {",\"roles\":[\"x\",\"Admin\"]", {204, 204, 204, 403}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int m = 0; m < 4; m++)
            assert_int_equal(ask_with_roles(methods[m], rows[i].roles), rows[i].want[m]);
}

static void any_role_may_do_everything_when_roles_are_off(void **state)
{
    (void)state;
    open_bearer((struct rest_bearer_config){.rules.any_role = true});
    assert_int_equal(ask_with_roles("DELETE", ""), 204);
}

static void a_foreign_tenant_is_refused(void **state)
{
    (void)state;
    static const char *const tenants[] = {"t-1", "t-2", NULL};
    open_bearer((struct rest_bearer_config){.tenants = tenants});
    assert_int_equal(ask_with_roles("GET", ",\"tid\":\"t-2\""), 204);
    assert_int_equal(ask_with_roles("GET", ",\"tid\":\"t-3\""), 401);
    assert_int_equal(ask_with_roles("GET", ",\"tid\":[\"t-1\"]"), 401);
    assert_int_equal(ask_with_roles("GET", ""), 401);
}

static void a_person_s_token_needs_one_of_the_scopes(void **state)
{
    (void)state;
    static const char *const scopes[] = {"user_impersonation", "Millrace.Read", NULL};
    open_bearer((struct rest_bearer_config){.rules.scopes = scopes});
    assert_int_equal(ask_with_roles("GET", ",\"scp\":\"openid user_impersonation\""), 204);
    assert_int_equal(ask_with_roles("DELETE", ",\"scp\":\"Millrace.Read\",\"roles\":[\"Admin\"]"), 204);
    assert_int_equal(ask_with_roles("GET", ",\"scp\":\"openid user\",\"roles\":[\"Admin\"]"), 403);
    assert_int_equal(ask_with_roles("GET", ",\"scp\":\"\""), 403);
    assert_int_equal(ask_with_roles("GET", ",\"scp\":[\"user_impersonation\"]"), 403);
    assert_int_equal(ask_with_roles("GET", ",\"roles\":[\"Admin\"]"), 204); /* a program's */
}

static void a_new_key_is_fetched_when_its_first_token_comes(void **state)
{
    (void)state;
    assert_int_equal(ask_with_roles("GET", ""), 204);
    house.rotated = true;
    assert_int_equal(ask("GET", house.next_key, house.issuer, "api://millrace", 600, ""), 204);
    assert_int_equal(house.key_fetches, 2);
}

/* A stranger has just made it fetch; the good one waits until it may again, and is not refused. */
static void a_new_key_is_fetched_behind_a_stranger_s_token(void **state)
{
    (void)state;
    assert_int_equal(ask("GET", house.stranger, house.issuer, "api://millrace", 600, ""), 401);
    house.rotated = true;
    assert_int_equal(ask("GET", house.next_key, house.issuer, "api://millrace", 600, ""), 204);
}

/* The keys that were on their way when the token came may be older than it is. */
static void a_key_that_changes_while_keys_are_fetched_is_found(void **state)
{
    (void)state;
    house.rotates = true;
    struct buffer old = make(house.key, house.issuer, "api://millrace", 600, "");
    struct buffer new = make(house.next_key, house.issuer, "api://millrace", 600, "");
    struct asked first = {0}, second = {0};
    start(&first, "GET", buffer_slice(&old));
    house.late = &second;
    house.late_token = buffer_slice(&new);
    assert_true(loop_run_until(house.loop, all_answered, &first, WAIT_MS));
    assert_true(loop_run_until(house.loop, all_answered, &second, WAIT_MS));
    assert_int_equal(first.status, 204);
    assert_int_equal(second.status, 204);
    buffer_clear(&old);
    buffer_clear(&new);
    buffer_clear(&first.challenge);
    buffer_clear(&second.challenge);
}

static void a_key_that_the_issuer_took_back_is_not_believed(void **state)
{
    (void)state;
    open_bearer((struct rest_bearer_config){.keys_ms = 1});
    struct buffer token = make(house.key, house.issuer, "api://millrace", 600, "");
    assert_int_equal(ask_token("GET", buffer_slice(&token)), 204);
    house.gone = true;
    while (ask_token("GET", buffer_slice(&token)) == 204) /* it is asked for beside the requests */
        ;
    assert_int_equal(ask_token("GET", buffer_slice(&token)), 401);
    buffer_clear(&token);
}

/* ---- what must be refused ---- */

static void refuses_bad_tokens(void **state)
{
    (void)state;
    const char *iss = house.issuer, *aud = "api://millrace";
    assert_int_equal(ask_token("GET", SLICE("")), 401);
    assert_int_equal(ask_token("GET", SLICE("nonsense")), 401);
    assert_int_equal(ask_token("GET", SLICE("eyJhbGciOiJub25lIn0.e30.")), 401);
    assert_int_equal(ask("GET", house.stranger, iss, aud, 600, ""), 401);
    assert_int_equal(ask("GET", house.key, "http://other", aud, 600, ""), 401);
    assert_int_equal(ask("GET", house.key, iss, "api://other", 600, ""), 401);
    assert_int_equal(ask("GET", house.key, iss, aud, -3600, ""), 401);
    assert_int_equal(ask("GET", house.key, iss, aud, 600, ""), 204);
}

static void strangers_cannot_make_it_fetch_all_the_time(void **state)
{
    (void)state;
    struct asked o = {0};
    for (int i = 0; i < 10; i++) {
        struct buffer token = make(house.stranger, house.issuer, "api://millrace", 600 + i, "");
        start(&o, "GET", buffer_slice(&token));
        buffer_clear(&token);
    }
    assert_true(loop_run_until(house.loop, all_answered, &o, WAIT_MS));
    assert_int_equal(o.status, 401);
    assert_in_range(house.key_fetches, 1, 3);
    buffer_clear(&o.challenge);
}

static void a_key_is_not_called_unknown_while_the_issuer_does_not_answer(void **state)
{
    (void)state;
    assert_int_equal(ask_with_roles("GET", ""), 204);
    house.broken = true;
    assert_int_equal(ask("GET", house.next_key, house.issuer, "api://millrace", 600, ""), 503);
    assert_int_equal(ask_with_roles("GET", ""), 204);
}

static void says_503_while_the_issuer_is_broken(void **state)
{
    (void)state;
    house.broken = true;
    open_bearer((struct rest_bearer_config){.refetch_ms = 1});
    struct buffer why = {0};
    assert_false(rest_bearer_ready(house.bearer, &why));
    assert_int_equal(ask_with_roles("GET", ""), 503);
    house.broken = false;
    while (ask_with_roles("GET", "") == 503)
        ;
    assert_true(rest_bearer_ready(house.bearer, &why));
    buffer_clear(&why);
}

static void forgets_tokens_that_expire(void **state)
{
    (void)state;
    open_bearer((struct rest_bearer_config){.skew_ms = 1});
    struct buffer token = make(house.key, house.issuer, "api://millrace", 2, "");
    assert_int_equal(ask_token("GET", buffer_slice(&token)), 204);
    while (ask_token("GET", buffer_slice(&token)) == 204)
        ;
    assert_int_equal(ask_token("GET", buffer_slice(&token)), 401);
    buffer_clear(&token);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lets_a_good_token_in_and_fetches_the_keys_once),
        TEST(asks_for_roles_as_the_route_says),
        TEST(any_role_may_do_everything_when_roles_are_off),
        TEST(a_foreign_tenant_is_refused),
        TEST(a_person_s_token_needs_one_of_the_scopes),
        TEST(a_new_key_is_fetched_when_its_first_token_comes),
        TEST(a_new_key_is_fetched_behind_a_stranger_s_token),
        TEST(a_key_that_changes_while_keys_are_fetched_is_found),
        TEST(a_key_that_the_issuer_took_back_is_not_believed),
        TEST(refuses_bad_tokens),
        TEST(strangers_cannot_make_it_fetch_all_the_time),
        TEST(a_key_is_not_called_unknown_while_the_issuer_does_not_answer),
        TEST(says_503_while_the_issuer_is_broken),
        TEST(forgets_tokens_that_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

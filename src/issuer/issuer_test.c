/* The routes over a real socket: a token for who has a secret, verified with what is published. */
#include "issuer/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "issuer/clients.h"
#include "rest/client.h"
#include "token/jwt.h"
#include "json/json.h"

#define TENANT "7e1b6e9c-41f7-4d6c-9a64-0d7f1f3f5a11"

static struct {
    char folder[64], clients[96], keys[96], url[64], name[128];
    struct issuer issuer;
    struct rest_server *server;
    struct rest_client *client;
    struct listener *listener;
    struct buffer secret;
    int status; /* of the last answer */
    struct buffer body;
    struct buffer challenge;
} house;

static const char *const audiences[] = {"api://millrace", "api://other", NULL};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static void listen_on_any_port(void)
{
    struct rest_table table = issuer_routes(&house.issuer);
    house.server = rest_server_new(&(struct rest_server_config){
        .loop = house.issuer.loop, .tables = &table, .table_count = 1});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.issuer.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    snprintf(house.url, sizeof(house.url), "http://127.0.0.1:%d", listener_port(house.listener));
    snprintf(house.name, sizeof(house.name), "%s/" TENANT "/v2.0", house.url);
}

static int begin(void **state)
{
    (void)state;
    snprintf(house.folder, sizeof(house.folder), "/tmp/issuer_XXXXXX");
    assert_non_null(mkdtemp(house.folder));
    snprintf(house.clients, sizeof(house.clients), "%s/clients.json", house.folder);
    snprintf(house.keys, sizeof(house.keys), "%s/keys.json", house.folder);
    house.issuer =
        (struct issuer){.loop = loop_new(),
                        .url = house.url,
                        .tenant = TENANT,
                        .name = house.name,
                        .audiences = audiences,
                        .clients_path = house.clients,
                        .life_ms = 3600000,
                        .keys_config = {house.keys, JWK_ES256, 30ull * 86400000, 3600000}};
    issuer_codes_init(&house.issuer.codes);
    assert_int_equal(issuer_tables_open(":memory:", false, &house.issuer.tables), OK);
    house.issuer.refresh_ms = 86400000;
    assert_int_equal(
        issuer_keys_load(&house.issuer.keys_config, clock_wall_ms(), &house.issuer.keys), OK);
    assert_int_equal(issuer_client_add(house.clients,
                                       &(struct issuer_client_new){.name = SLICE("writer"),
                                                                   .roles = (const char *const[]){"Write"},
                                                                   .role_count = 1},
                                       &house.secret),
                     OK);
    listen_on_any_port();
    house.client = rest_client_new(&(struct rest_client_config){.loop = house.issuer.loop});
    return 0;
}

static int finish(void **state)
{
    (void)state;
    rest_client_free(&house.client);
    listener_close(&house.listener);
    rest_server_free(&house.server);
    store_table_close(&house.issuer.tables);
    loop_free(&house.issuer.loop);
    issuer_codes_clear(&house.issuer.codes);
    issuer_keys_unref(&house.issuer.keys);
    buffer_clear(&house.secret);
    buffer_clear(&house.body);
    buffer_clear(&house.challenge);
    remove(house.clients);
    remove(house.keys);
    return rmdir(house.folder);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)arg;
    assert_int_equal(why, OK);
    house.status = a->status;
    buffer_reset(&house.body);
    buffer_put(&house.body, a->body);
    buffer_reset(&house.challenge);
    buffer_put(&house.challenge, rest_answer_header(a, "WWW-Authenticate"));
    loop_stop(house.issuer.loop);
}

static int call(const char *method, const char *path, const char *body)
{
    char url[256];
    struct rest_field type = {SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded")};
    snprintf(url, sizeof(url), "%s%s", house.url, path);
    assert_int_equal(rest_client_send(house.client,
                                      &(struct rest_call){.method = method,
                                                          .url = url,
                                                          .headers = &type,
                                                          .header_count = 1,
                                                          .body = slice_of(body)},
                                      on_answer, NULL),
                     OK);
    loop_run(house.issuer.loop);
    return house.status;
}

static int ask(const char *path, const char *secret, const char *more)
{
    struct buffer form = {0};
    buffer_printf(&form, "grant_type=client_credentials&client_id=writer&client_secret=%s%s",
                  secret, more);
    int status = call("POST", path, buffer_cstr(&form));
    buffer_clear(&form);
    return status;
}

/* The last answer's body as JSON; the caller frees. */
static struct json_doc *answer(void)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.body), JSON_STRICT, &doc, NULL), OK);
    return doc;
}

static struct jwk_set *published(void)
{
    struct jwk_set *set;
    assert_int_equal(call("GET", "/" TENANT "/discovery/v2.0/keys", ""), 200);
    assert_int_equal(jwk_set_parse(buffer_slice(&house.body), &set), OK);
    return set;
}

static void a_token_is_in_entra_s_shape_and_verifies(void **state)
{
    (void)state;
    struct jwk_set *set = published();
    assert_int_equal(ask("/" TENANT "/oauth2/v2.0/token", buffer_cstr(&house.secret),
                         "&scope=api%3A%2F%2Fmillrace%2F.default"),
                     200);
    struct json_doc *doc = answer();
    struct jwt t;
    const char *why, *const issuers[] = {house.name, NULL};
    struct jwt_expect expect = {issuers, audiences, clock_wall_ms(), 60000};
    assert_slice(json_string(json_get(json_root(doc), "token_type")), SLICE("Bearer"));
    assert_int_equal(
        jwt_verify(json_string(json_get(json_root(doc), "access_token")), set, &expect, &t, &why),
        OK);
    assert_true(jwt_has_role(t.claims, "Write"));
    assert_false(jwt_has_role(t.claims, "Admin"));
    assert_slice(json_string(json_get(t.claims, "aud")), SLICE("api://millrace"));
    assert_slice(json_string(json_get(t.claims, "tid")), SLICE(TENANT));
    assert_slice(json_string(json_get(t.claims, "azp")), SLICE("writer"));
    assert_slice(json_string(json_get(t.claims, "ver")), SLICE("2.0"));
    assert_slice(json_string(json_get(t.claims, "oid")), json_string(json_get(t.claims, "sub")));
    assert_null(json_get(t.claims, "scp"));
    jwt_clear(&t);
    json_free(&doc);
    jwk_set_free(&set);
}

static void short_paths_and_another_audience_work_too(void **state)
{
    (void)state;
    assert_int_equal(ask("/token", buffer_cstr(&house.secret), ""), 200);
    assert_int_equal(ask("/oauth2/v2.0/token", buffer_cstr(&house.secret), "&scope=api://other"),
                     200);
    assert_int_equal(
        ask("/" TENANT "/oauth2/token", buffer_cstr(&house.secret), "&resource=api://other"), 200);
}

static void who_has_no_secret_gets_no_token(void **state)
{
    (void)state;
    assert_int_equal(ask("/token", "wrong", ""), 401);
    struct json_doc *doc = answer();
    assert_slice(json_string(json_get(json_root(doc), "error")), SLICE("invalid_client"));
    assert_null(json_get(json_root(doc), "access_token"));
    assert_true(house.challenge.len > 0);
    json_free(&doc);
    assert_int_equal(
        call("POST", "/token", "grant_type=client_credentials&client_id=x&client_secret=y"), 401);
    assert_int_equal(ask("/token", buffer_cstr(&house.secret), "&scope=api://foreign/.default"),
                     400);
    assert_int_equal(call("POST", "/token", ""), 400);
    assert_int_equal(call("GET", "/token", ""), 405);
    assert_int_equal(ask("/11111111-0000-0000-0000-000000000000/oauth2/v2.0/token",
                         buffer_cstr(&house.secret), ""),
                     404);
}

static void a_client_that_is_removed_gets_no_further_token(void **state)
{
    (void)state;
    struct buffer secret = {0};
    char form[256];
    assert_int_equal(issuer_client_add(house.clients, &(struct issuer_client_new){.name = SLICE("leaver")}, &secret), OK);
    snprintf(form, sizeof(form), "grant_type=client_credentials&client_id=leaver&client_secret=%s",
             buffer_cstr(&secret));
    assert_int_equal(call("POST", "/token", form), 200);
    assert_int_equal(issuer_client_remove(house.clients, SLICE("leaver")), OK);
    assert_int_equal(call("POST", "/token", form), 401);
    buffer_clear(&secret);
}

static void the_discovery_document_leads_to_the_rest(void **state)
{
    (void)state;
    assert_int_equal(call("GET", "/" TENANT "/v2.0/.well-known/openid-configuration", ""), 200);
    struct json_doc *doc = answer();
    assert_slice(json_string(json_get(json_root(doc), "issuer")), slice_of(house.name));
    char keys[160];
    snprintf(keys, sizeof(keys), "%s/" TENANT "/discovery/v2.0/keys", house.url);
    assert_slice(json_string(json_get(json_root(doc), "jwks_uri")), slice_of(keys));
    json_free(&doc);
    assert_int_equal(call("GET", "/.well-known/openid-configuration", ""), 200);
    assert_int_equal(call("GET", "/discovery/keys", ""), 200);
    assert_int_equal(slice_find_slice(buffer_slice(&house.body), SLICE("\"d\"")), house.body.len);
    assert_int_equal(call("GET", "/foreign/discovery/v2.0/keys", ""), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_in_entra_s_shape_and_verifies),
        cmocka_unit_test(short_paths_and_another_audience_work_too),
        cmocka_unit_test(who_has_no_secret_gets_no_token),
        cmocka_unit_test(a_client_that_is_removed_gets_no_further_token),
        cmocka_unit_test(the_discovery_document_leads_to_the_rest),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}

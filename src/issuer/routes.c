#include "issuer/issuer.h"
#include "json/write.h"

bool issuer_is_ours(struct rest_request *r)
{
    struct issuer *i = r->app;
    struct slice tenant = rest_param(r, "tenant");
    if (tenant.len == 0 || slice_eq_nocase(tenant, slice_of(i->tenant)))
        return true;
    rest_reply_problem(r, 404, "there is no such tenant");
    return false;
}

/* ---- what everybody may read ---- */

static void put_texts(struct json_writer *w, const char *name, const char *const *texts)
{
    json_name(w, name), json_array(w);
    for (; *texts; texts++)
        json_put_text(w, *texts);
    json_end_array(w);
}

static void put_url(struct json_writer *w, const char *name, const struct issuer *i,
                    const char *path)
{
    struct buffer url = {0};
    buffer_printf(&url, "%s/%s%s", i->url, i->tenant, path);
    json_name(w, name), json_put_string(w, buffer_slice(&url));
    buffer_clear(&url);
}

/* OpenID Connect Discovery 1.0, section 3; RFC 8414. */
static void discovery(struct rest_request *r)
{
    struct issuer *i = r->app;
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    if (!issuer_is_ours(r))
        return;
    json_object(&w);
    json_name(&w, "issuer"), json_put_text(&w, i->name);
    put_url(&w, "token_endpoint", i, "/oauth2/v2.0/token");
    put_url(&w, "jwks_uri", i, "/discovery/v2.0/keys");
    put_url(&w, "authorization_endpoint", i, "/oauth2/v2.0/authorize");
    put_url(&w, "device_authorization_endpoint", i, "/oauth2/v2.0/devicecode");
    put_texts(&w, "grant_types_supported",
              (const char *const[]){"authorization_code", "refresh_token", "client_credentials",
                                    "urn:ietf:params:oauth:grant-type:device_code", NULL});
    put_texts(&w, "token_endpoint_auth_methods_supported",
              (const char *const[]){"client_secret_post", "client_secret_basic", "none", NULL});
    put_texts(&w, "response_types_supported", (const char *const[]){"code", NULL});
    put_texts(&w, "response_modes_supported", (const char *const[]){"query", "fragment", "form_post", NULL});
    put_texts(&w, "code_challenge_methods_supported", (const char *const[]){"S256", NULL});
    json_name(&w, "authorization_response_iss_parameter_supported"), json_put_bool(&w, true);
    put_texts(&w, "scopes_supported", (const char *const[]){"openid", "profile", "offline_access", NULL});
    put_texts(&w, "claims_supported",
              (const char *const[]){"sub", "iss", "aud", "exp", "iat", "nonce", "oid", "tid", "name",
                                    "preferred_username", "roles", NULL});
    put_texts(&w, "subject_types_supported", (const char *const[]){"public", NULL});
    put_texts(
        &w, "id_token_signing_alg_values_supported",
        (const char *const[]){i->keys_config.algorithm == JWK_ES256 ? "ES256" : "RS256", NULL});
    json_end_object(&w);
    rest_reply_json(r, 200, buffer_slice(&body));
    buffer_clear(&body);
}

static void keys(struct rest_request *r)
{
    struct issuer *i = r->app;
    if (!issuer_is_ours(r))
        return;
    rest_add_header(r, "Cache-Control", SLICE("public, max-age=300"));
    rest_reply_json(r, 200, issuer_keys_set(i->keys));
}

/* Entra's paths, with the tenant; and without it for those who type them. */
/* clang-format off */
static const struct rest_route routes[] = {
    {"POST", "/token", issuer_redeem, REST_PUBLIC, "Token", NULL, NULL},
    {"POST", "/oauth2/v2.0/token", issuer_redeem, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/v2.0/token", issuer_redeem, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/token", issuer_redeem, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/{tenant}/oauth2/v2.0/authorize", issuer_authorize, REST_PUBLIC, "Authorize", NULL, NULL},
    {"POST", "/{tenant}/oauth2/v2.0/authorize", issuer_authorize, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/{tenant}/oauth2/authorize", issuer_authorize, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/authorize", issuer_authorize, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/v2.0/devicecode", issuer_device_begin, REST_PUBLIC, "DeviceCode", NULL, NULL},
    {"GET", "/device", issuer_device_page, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/device", issuer_device_answer, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/.well-known/openid-configuration", discovery, REST_PUBLIC, "Discovery", NULL, NULL},
    {"GET", "/{tenant}/v2.0/.well-known/openid-configuration", discovery, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/{tenant}/.well-known/openid-configuration", discovery, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/discovery/keys", keys, REST_PUBLIC, "Keys", NULL, NULL},
    {"GET", "/{tenant}/discovery/v2.0/keys", keys, REST_PUBLIC, NULL, NULL, NULL},
};
/* clang-format on */

struct rest_table issuer_routes(struct issuer *i)
{
    return REST_TABLE("", routes, i);
}

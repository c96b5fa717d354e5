#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "issuer/clients.h"
#include "issuer/grant.h"
#include "issuer/issuer.h"
#include "issuer/token.h"
#include "json/write.h"

static const struct issuer_refusal bad_client = {
    401, "invalid_client", "the client is not known, or its secret is another one"};
static const struct issuer_refusal bad_scope = {400, "invalid_scope",
                                                "no token is made for that scope or resource"};
static const struct issuer_refusal failed = {500, "server_error",
                                             "the issuer cannot make a token now"};

/* ---- answers ---- */

static void refuse(struct rest_request *r, const struct issuer_refusal *no)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "error"), json_put_text(&w, no->error);
    json_name(&w, "error_description"), json_put_text(&w, no->description);
    json_name(&w, "correlation_id"), json_put_text(&w, r->id);
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    if (no->http == 401)
        rest_add_header(r, "WWW-Authenticate", SLICE("Basic realm=\"millrace\""));
    rest_reply_json(r, no->http, buffer_slice(&body));
    buffer_clear(&body);
}

static void answer_token(struct rest_request *r, uint64_t life_ms, struct slice token)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "token_type"), json_put_text(&w, "Bearer");
    json_name(&w, "expires_in"), json_put_u64(&w, life_ms / 1000);
    json_name(&w, "ext_expires_in"), json_put_u64(&w, life_ms / 1000);
    json_name(&w, "access_token"), json_put_string(&w, token);
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply_json(r, 200, buffer_slice(&body));
    buffer_clear(&body);
}

/* ---- a token, on a helper thread ---- */

struct making {
    struct rest_request *request; /* touched on the loop only */
    struct issuer *issuer;
    struct issuer_keys *keys;
    struct issuer_grant grant;
    const char *audience;
    uint64_t now_ms;
    struct arena arena;
    struct buffer token;
    enum status why;
};

static void make(void *arg)
{
    struct making *m = arg;
    struct issuer_client client;
    m->why = issuer_client_check(m->issuer->clients_path, &m->arena, m->grant.client_id,
                                 m->grant.secret, &client);
    if (m->why != OK)
        return;
    struct issuer_token token = {
        .issuer = m->issuer->name,
        .tenant = m->issuer->tenant,
        .audience = m->audience,
        .client = &client,
        .now_ms = m->now_ms,
        .life_ms = m->issuer->life_ms,
    };
    m->why = issuer_token_make(&token, issuer_keys_signing(m->keys), &m->token);
}

static void made(void *arg)
{
    struct making *m = arg;
    struct rest_request *r = m->request;
    if (m->why == OK) {
        log_info("token issued client=%.*s audience=%s peer=%.*s call=%s",
                 SLICE_FMT(m->grant.client_id), m->audience, SLICE_FMT(r->peer), r->id);
        answer_token(r, m->issuer->life_ms, buffer_slice(&m->token));
    } else {
        log_warn("token refused peer=%.*s call=%s status=%s", SLICE_FMT(r->peer), r->id,
                 status_name(m->why));
        refuse(r, m->why == UNAUTHORIZED ? &bad_client : &failed);
    }
    issuer_keys_unref(&m->keys);
    arena_clear(&m->arena);
    buffer_clear(&m->token);
    free(m);
}

static bool is_ours(struct rest_request *r)
{
    struct issuer *i = r->app;
    struct slice tenant = rest_param(r, "tenant");
    if (tenant.len == 0 || slice_eq_nocase(tenant, slice_of(i->tenant)))
        return true;
    rest_reply_problem(r, 404, "there is no such tenant");
    return false;
}

static void token(struct rest_request *r)
{
    struct issuer *i = r->app;
    struct issuer_grant g;
    if (!is_ours(r))
        return;
    const struct issuer_refusal *no = issuer_grant_read(
        &r->arena, rest_header(r, "Content-Type"), rest_header(r, "Authorization"), r->body, &g);
    const char *audience = no ? NULL : issuer_grant_audience(&g, i->audiences);
    if (no || !audience) {
        refuse(r, no ? no : &bad_scope);
        return;
    }
    struct making *m = MEMORY_NEW(struct making);
    m->request = r;
    m->issuer = i;
    m->keys = issuer_keys_ref(i->keys);
    m->grant = g;
    m->audience = audience;
    m->now_ms = loop_wall_ms(i->loop);
    loop_work(i->loop, make, made, m);
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
    if (!is_ours(r))
        return;
    json_object(&w);
    json_name(&w, "issuer"), json_put_text(&w, i->name);
    put_url(&w, "token_endpoint", i, "/oauth2/v2.0/token");
    put_url(&w, "jwks_uri", i, "/discovery/v2.0/keys");
    put_texts(&w, "grant_types_supported", (const char *const[]){"client_credentials", NULL});
    put_texts(&w, "token_endpoint_auth_methods_supported",
              (const char *const[]){"client_secret_post", "client_secret_basic", NULL});
    put_texts(&w, "response_types_supported", (const char *const[]){"token", NULL});
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
    if (!is_ours(r))
        return;
    rest_add_header(r, "Cache-Control", SLICE("public, max-age=300"));
    rest_reply_json(r, 200, issuer_keys_set(i->keys));
}

/* Entra's paths, with the tenant; and without it for those who type them. */
static const struct rest_route routes[] = {
    {"POST", "/token", token, REST_PUBLIC, "Token", NULL, NULL},
    {"POST", "/oauth2/v2.0/token", token, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/v2.0/token", token, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/{tenant}/oauth2/token", token, REST_PUBLIC, NULL, NULL, NULL},
    {"GET", "/.well-known/openid-configuration", discovery, REST_PUBLIC, "Discovery", NULL, NULL},
    {"GET", "/{tenant}/v2.0/.well-known/openid-configuration", discovery, REST_PUBLIC, NULL, NULL,
     NULL},
    {"GET", "/discovery/keys", keys, REST_PUBLIC, "Keys", NULL, NULL},
    {"GET", "/{tenant}/discovery/v2.0/keys", keys, REST_PUBLIC, NULL, NULL, NULL},
};

struct rest_table issuer_routes(struct issuer *i)
{
    return REST_TABLE("", routes, i);
}

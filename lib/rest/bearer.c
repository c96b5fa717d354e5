#include "rest/bearer.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "token/jwt.h"
#include "json/json.h"

#define USER_MAX 128

/* A token that was good. */
struct remembered {
    uint64_t expires_ms;
    unsigned grants;
    char user[USER_MAX];
    size_t token_len;
    uint8_t token[];
};

struct waiting {
    struct link link;
    struct rest_request *request;
    bool again; /* came while they were fetched, and may be newer than what comes of it */
};

struct rest_bearer {
    struct rest_bearer_config config;
    char *discovery_url;
    char **issuers, **audiences, **tenants, **scopes, **role_claims, **roles;
    char *found_issuer;   /* from the discovery document, when the config names none */
    struct jwk_set *keys; /* NULL before they came */
    uint64_t keys_at_ms;  /* loop time */
    uint64_t asked_at_ms; /* of the last attempt; 0: none */
    bool asking;
    bool will_ask;           /* by `later`, when it may again */
    bool failed;             /* the last attempt */
    struct loop_timer later;
    struct list waiting;
    size_t waiting_count;
    struct map remembered;
};

static void check(struct rest_bearer *b, struct rest_request *r, bool may_wait);

/* ---- tokens that were good ---- */

static void forget_all(struct rest_bearer *b)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&b->remembered, &at));)
        free(e->value);
    map_clear(&b->remembered);
}

static struct slice name_in(const struct json *claims)
{
    static const char *const names[] = {"preferred_username", "upn", "appid", "azp", "sub", NULL};
    for (const char *const *n = names; *n; n++) {
        struct slice name = json_string(json_get(claims, *n));
        if (name.len > 0)
            return name;
    }
    return SLICE("-");
}

/* For log lines: nothing in it can divide a field or a line. */
static void copy_user(const struct json *claims, char out[USER_MAX])
{
    struct slice name = name_in(claims);
    size_t len = 0;
    for (size_t i = 0; i < name.len && len < USER_MAX - 1; i++)
        out[len++] = name.at[i] > ' ' && name.at[i] < 0x7f ? (char)name.at[i] : '_';
    out[len] = 0;
}

static struct remembered *remember(struct rest_bearer *b, struct slice token, const struct jwt *t)
{
    if (b->remembered.count >= REST_BEARER_REMEMBERED_MAX)
        forget_all(b);
    struct remembered *m = memory_new(sizeof(*m) + token.len);
    m->expires_ms = t->expires_ms;
    m->grants = rest_grants(&b->config.rules, t->claims);
    copy_user(t->claims, m->user);
    m->token_len = token.len;
    memcpy(m->token, token.at, token.len);
    free(map_put(&b->remembered, slice_from(m->token, token.len), m));
    return m;
}

static struct remembered *recall(struct rest_bearer *b, struct slice token)
{
    struct remembered *m = map_get(&b->remembered, token);
    if (m == NULL || loop_wall_ms(b->config.loop) < m->expires_ms + b->config.skew_ms)
        return m;
    map_remove(&b->remembered, token);
    free(m);
    return NULL;
}

/* ---- the issuer's keys ---- */

static void answer_waiting(struct rest_bearer *b)
{
    struct list ready;
    list_init(&ready);
    for (struct link *l; (l = list_pop(&b->waiting));)
        list_push(&ready, l);
    b->waiting_count = 0;
    for (struct link *l; (l = list_pop(&ready));) {
        struct waiting *w = LIST_OF(l, struct waiting, link);
        struct rest_request *r = w->request;
        bool again = w->again && !b->failed;
        free(w);
        check(b, r, again);
    }
}

static void asked(struct rest_bearer *b, const char *failed, enum status why, int status)
{
    b->asking = false;
    b->failed = failed != NULL;
    if (failed)
        log_warn("bearer: keys not fetched step=%s why=%s status=%d", failed, status_name(why),
                 status);
    answer_waiting(b);
}

static void on_keys(void *arg, enum status why, const struct rest_answer *a)
{
    struct rest_bearer *b = arg;
    struct jwk_set *keys;
    if (why == OK && a->status == 200)
        why = jwk_set_parse(a->body, &keys);
    else if (why == OK)
        why = PEER_FAILED;
    if (why != OK) {
        asked(b, "keys", why, a ? a->status : 0);
        return;
    }
    jwk_set_free(&b->keys);
    b->keys = keys;
    b->keys_at_ms = loop_now_ms(b->config.loop);
    forget_all(b); /* a key that is gone may have signed them */
    log_info("bearer: keys fetched count=%zu", jwk_set_count(keys));
    asked(b, NULL, OK, 200);
}

static enum status get(struct rest_bearer *b, const char *url, rest_client_fn *done)
{
    struct rest_call call = {.method = "GET", .url = url, .timeout_ms = 10000};
    return rest_client_send(b->config.client, &call, done, b);
}

static enum status read_discovery(struct rest_bearer *b, struct slice body)
{
    struct json_doc *doc;
    if (json_parse(body, JSON_STRICT, &doc, NULL) != OK)
        return PEER_FAILED;
    struct slice issuer = json_string(json_get(json_root(doc), "issuer"));
    struct slice uri = json_string(json_get(json_root(doc), "jwks_uri"));
    enum status s = PEER_FAILED;
    if (issuer.len > 0 && uri.len > 0) {
        free(b->found_issuer);
        b->found_issuer = slice_dup(issuer);
        char *url = slice_dup(uri);
        s = get(b, url, on_keys);
        free(url);
    }
    json_free(&doc);
    return s;
}

static void on_discovery(void *arg, enum status why, const struct rest_answer *a)
{
    struct rest_bearer *b = arg;
    if (why == OK)
        why = a->status == 200 ? read_discovery(b, a->body) : PEER_FAILED;
    if (why != OK)
        asked(b, "discovery", why, a ? a->status : 0);
}

static void ask_now(void *arg)
{
    struct rest_bearer *b = arg;
    b->will_ask = false;
    b->asked_at_ms = loop_now_ms(b->config.loop);
    b->asking = true;
    enum status s = get(b, b->discovery_url, on_discovery);
    if (s != OK)
        asked(b, "discovery", s, 0);
}

/* Now, or when `refetch_ms` have passed since the last time. Ends in answer_waiting(). */
static void ask_for_keys(struct rest_bearer *b)
{
    uint64_t now = loop_now_ms(b->config.loop), next = b->asked_at_ms + b->config.refetch_ms;
    if (b->asking || b->will_ask)
        return;
    b->will_ask = true;
    loop_timer_start(b->config.loop, &b->later, b->asked_at_ms && now < next ? next - now : 0, ask_now, b);
}

static void wait_for_keys(struct rest_bearer *b, struct rest_request *r)
{
    if (b->waiting_count >= REST_BEARER_WAITING_MAX) {
        rest_authorized(r, BUSY, NULL);
        return;
    }
    struct waiting *w = MEMORY_NEW(struct waiting);
    w->request = r;
    w->again = b->asking;
    list_push(&b->waiting, &w->link);
    b->waiting_count++;
    ask_for_keys(b);
}

static void refresh_old_keys(struct rest_bearer *b)
{
    if (b->keys && loop_now_ms(b->config.loop) >= b->keys_at_ms + b->config.keys_ms)
        ask_for_keys(b);
}

/* ---- deciding ---- */

static void refuse(struct rest_request *r, const char *error, const char *why)
{
    const char *text =
        error ? arena_printf(&r->arena, "Bearer error=\"%s\", error_description=\"%s\"", error, why)
              : "Bearer";
    log_line(error ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
             "request not authenticated why=\"%s\" peer=%.*s rid=%s", why, SLICE_FMT(r->peer),
             r->id);
    rest_authorized(r, UNAUTHORIZED, text);
}

static void decide(struct rest_request *r, const struct remembered *m)
{
    static const unsigned needed[] = {
        [REST_READ] = REST_GRANT_READ, [REST_WRITE] = REST_GRANT_WRITE, [REST_ADMIN] = REST_GRANT_ADMIN};
    enum rest_access access = r->route->access;
    r->user = arena_copy(&r->arena, slice_of(m->user));
    bool known = access <= REST_ADMIN;
    bool granted = known && (m->grants & needed[access]) == needed[access];
    if (!granted)
        log_info("request forbidden user=%s path=%s rid=%s", m->user, r->route->path, r->id);
    rest_authorized(r, granted ? OK : FORBIDDEN, NULL);
}

/* A browser cannot give a WebSocket or an EventSource headers: then the token is in the query (RFC 6750, 2.3), as
 * SignalR's clients do. */
static bool is_from_a_browser(const struct rest_request *r)
{
    return slice_eq_nocase(rest_header(r, "Upgrade"), SLICE("websocket")) ||
           slice_starts(rest_header(r, "Accept"), SLICE("text/event-stream"));
}

static struct slice bearer_token(const struct rest_request *r)
{
    struct slice given = slice_trim(rest_header(r, "Authorization"));
    if (given.len == 0 && is_from_a_browser(r))
        return rest_query(r, "access_token");
    size_t blank = slice_find(given, ' ');
    if (blank == given.len || !slice_eq_nocase(slice_first(given, blank), SLICE("Bearer")))
        return (struct slice){0};
    return slice_trim(slice_skip(given, blank + 1));
}

static enum status verify(struct rest_bearer *b, struct slice token, struct jwt *out,
                          const char **why)
{
    const char *found[] = {b->found_issuer, NULL};
    struct jwt_expect expect = {
        .issuers = b->issuers ? (const char *const *)b->issuers : found,
        .audiences = (const char *const *)b->audiences,
        .tenants = (const char *const *)b->tenants,
        .now_ms = loop_wall_ms(b->config.loop),
        .skew_ms = b->config.skew_ms,
    };
    return jwt_verify(token, b->keys, &expect, out, why);
}

static void check_signed(struct rest_bearer *b, struct rest_request *r, struct slice token,
                         bool may_wait)
{
    struct jwt t;
    const char *why = "no such token";
    enum status s = verify(b, token, &t, &why);
    if (s == OK) {
        struct remembered *m = remember(b, token, &t);
        jwt_clear(&t);
        decide(r, m);
    } else if (s == NOT_FOUND && may_wait) {
        wait_for_keys(b, r);
    } else if (s == NOT_FOUND && b->failed) {
        rest_authorized(r, PEER_FAILED, NULL); /* nobody knows whether it is good */
    } else {
        refuse(r, "invalid_token", s == NOT_FOUND ? "signed with an unknown key" : why);
    }
}

static void check(struct rest_bearer *b, struct rest_request *r, bool may_wait)
{
    struct slice token = bearer_token(r);
    if (token.len == 0) {
        refuse(r, NULL, "no bearer token");
    } else if (token.len > JWT_MAX) {
        refuse(r, "invalid_token", "too long");
    } else if (b->keys) {
        const struct remembered *m = recall(b, token);
        if (m)
            decide(r, m);
        else
            check_signed(b, r, token, may_wait);
    } else if (may_wait) {
        wait_for_keys(b, r);
    } else {
        rest_authorized(r, PEER_FAILED, NULL);
    }
}

void rest_bearer_authorize(struct rest_bearer *b, struct rest_request *r)
{
    refresh_old_keys(b);
    check(b, r, true);
}

bool rest_bearer_ready(void *arg, struct buffer *detail)
{
    struct rest_bearer *b = arg;
    if (b->keys == NULL) {
        ask_for_keys(b);
        buffer_printf(detail, "no keys from %s yet", b->discovery_url);
    }
    return b->keys != NULL;
}

/* ---- beginning and end ---- */

static char **copy_texts(const char *const *texts)
{
    if (texts == NULL)
        return NULL;
    size_t count = 0;
    while (texts[count])
        count++;
    char **copy = memory_new(sizeof(*copy) * (count + 1));
    for (size_t i = 0; i < count; i++)
        copy[i] = memory_text(texts[i]);
    return copy;
}

static void free_texts(char **texts)
{
    for (char **t = texts; t && *t; t++)
        free(*t);
    free(texts);
}

struct rest_bearer *rest_bearer_new(const struct rest_bearer_config *config)
{
    struct rest_bearer *b = MEMORY_NEW(struct rest_bearer);
    b->config = *config;
    b->config.keys_ms = config->keys_ms ? config->keys_ms : 600000;
    b->config.refetch_ms = config->refetch_ms ? config->refetch_ms : 1000;
    b->config.skew_ms = config->skew_ms ? config->skew_ms : 60000;
    struct slice authority = slice_of(config->authority);
    while (slice_ends(authority, SLICE("/")))
        authority.len--;
    struct buffer url = {0};
    buffer_put(&url, authority);
    buffer_text(&url, "/.well-known/openid-configuration");
    b->discovery_url = memory_text(buffer_cstr(&url));
    buffer_clear(&url);
    b->issuers = copy_texts(config->issuers);
    b->audiences = copy_texts(config->audiences);
    b->tenants = copy_texts(config->tenants);
    const struct rest_grants_rules *rules = &config->rules;
    b->scopes = copy_texts(rules->scopes);
    b->role_claims = copy_texts(rules->role_claims);
    b->roles = copy_texts(rules->roles);
    b->config.rules = (struct rest_grants_rules){.scopes = (const char *const *)b->scopes,
                                                 .role_claims = (const char *const *)b->role_claims,
                                                 .roles = (const char *const *)b->roles,
                                                 .any_role = rules->any_role};
    list_init(&b->waiting);
    return b;
}

void rest_bearer_free(struct rest_bearer **bearer)
{
    struct rest_bearer *b = *bearer;
    if (b == NULL)
        return;
    for (struct link *l; (l = list_pop(&b->waiting));) {
        struct waiting *w = LIST_OF(l, struct waiting, link);
        rest_authorized(w->request, CANCELLED, NULL);
        free(w);
    }
    loop_timer_stop(&b->later);
    forget_all(b);
    jwk_set_free(&b->keys);
    free(b->discovery_url);
    free(b->found_issuer);
    free_texts(b->issuers);
    free_texts(b->audiences);
    free_texts(b->tenants);
    free_texts(b->scopes);
    free_texts(b->role_claims);
    free_texts(b->roles);
    free(b);
    *bearer = NULL;
}

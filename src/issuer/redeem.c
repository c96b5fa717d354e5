/* The token endpoint: who asks is proved; what is redeemed says for whom; then tokens are made. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "issuer/answer.h"
#include "issuer/issuer.h"
#include "issuer/refresh.h"
#include "issuer/scope.h"
#include "issuer/token.h"
#include "json/write.h"

static const struct issuer_refusal bad_client = {
    401, "invalid_client", "the client is not known, or its secret is another one"};
static const struct issuer_refusal bad_scope = {400, "invalid_scope",
                                                "no token is made for that scope or resource"};
static const struct issuer_refusal bad_code = {
    400, "invalid_grant",
    "the code is not known, was used, is another client's, or its time is over"};
static const struct issuer_refusal bad_verifier = {
    400, "invalid_grant", "code_verifier is not what code_challenge was made of"};
static const struct issuer_refusal bad_refresh = {
    400, "invalid_grant",
    "the refresh token is not known, was used, or its time is over: sign in again"};
static const struct issuer_refusal pending = {400, "authorization_pending",
                                              "nobody has allowed it yet"};
static const struct issuer_refusal slow_down = {400, "slow_down", "the device asks too often"};
static const struct issuer_refusal denied = {400, "access_denied", "the person refused"};
static const struct issuer_refusal expired = {400, "expired_token",
                                              "the device code's time is over: begin again"};
static const struct issuer_refusal failed = {500, "server_error",
                                             "the issuer cannot make a token now"};

struct redeeming {
    struct rest_request *request; /* touched on the loop only */
    struct issuer *issuer;
    struct issuer_keys *keys;
    struct arena arena;
    struct issuer_grant grant;
    struct issuer_client client;
    const char *audience; /* of a program's own token */
    struct issuer_refresh
        row; /* whom and what for; its user is empty when the client acts for itself */
    struct slice nonce, ended; /* ended: a family that ends with this */
    struct issuer_scope scope;
    struct issuer_user user;
    struct buffer access, id, refresh;
    uint64_t now_ms;
    enum status why;
    const struct issuer_refusal *no;
};

static void end(struct redeeming *d)
{
    issuer_keys_unref(&d->keys);
    arena_clear(&d->arena);
    buffer_clear(&d->access);
    buffer_clear(&d->id);
    buffer_clear(&d->refresh);
    free(d);
}

static void refuse(struct redeeming *d, const struct issuer_refusal *no)
{
    struct rest_request *r = d->request;
    if (no != &pending)
        log_warn("token refused client=%.*s error=%s peer=%.*s call=%s",
                 SLICE_FMT(d->grant.client_id), no->error, SLICE_FMT(r->peer), r->id);
    issuer_refuse(r, no);
    end(d);
}

/* ---- the last step: tokens, on a helper thread ---- */

static void make(void *arg)
{
    struct redeeming *d = arg;
    bool person = d->row.user.len > 0;
    struct issuer_token t = {
        .issuer = d->issuer->name,
        .tenant = d->issuer->tenant,
        .audience = person ? d->scope.audience : d->audience,
        .client = &d->client,
        .user = person ? &d->user : NULL,
        .scopes = d->scope.granted,
        .now_ms = d->now_ms,
        .life_ms = d->issuer->life_ms,
    };
    d->why = issuer_token_make(&t, issuer_keys_signing(d->keys), &d->access);
    if (d->why == OK && person && d->scope.openid)
        d->why = issuer_id_token_make(&t, d->nonce, issuer_keys_signing(d->keys), &d->id);
}

static struct slice client_info(struct redeeming *d)
{
    if (!d->grant.client_info || d->row.user.len == 0)
        return (struct slice){0};
    return slice_of(arena_printf(&d->arena, "{\"uid\":\"%.*s\",\"utid\":\"%s\"}",
                                 SLICE_FMT(d->user.object_id), d->issuer->tenant));
}

static void made(void *arg)
{
    struct redeeming *d = arg;
    struct rest_request *r = d->request;
    if (d->why != OK) {
        refuse(d, &failed);
        return;
    }
    log_info("token issued client=%.*s user=%.*s peer=%.*s call=%s", SLICE_FMT(d->client.name),
             SLICE_FMT(d->row.user), SLICE_FMT(r->peer), r->id);
    issuer_answer_tokens(r, &(struct issuer_tokens){.access = buffer_slice(&d->access),
                                                    .id = buffer_slice(&d->id),
                                                    .refresh = buffer_slice(&d->refresh),
                                                    .scope = d->row.scope,
                                                    .client_info = client_info(d),
                                                    .life_ms = d->issuer->life_ms});
    end(d);
}

static void make_tokens(struct redeeming *d)
{
    loop_work(d->issuer->loop, make, made, d);
}

/* ---- a person's: who is it now, and the next refresh token ---- */

static enum status find_person(struct store_table *t, struct redeeming *d)
{
    enum status s = issuer_user_get(t, &d->arena, d->row.user, &d->user, NULL);
    if (s == OK && d->scope.offline)
        s = issuer_refresh_add(t, &d->row, d->now_ms + d->issuer->refresh_ms, &d->refresh);
    return s == NOT_FOUND ? UNAUTHORIZED : s;
}

static enum status with_code(struct store_table *t, void *arg)
{
    return find_person(t, arg);
}

/* What a client asks for anew may be less, or another audience; it stays a session that can be
 * refreshed. */
static bool read_scope(struct redeeming *d)
{
    struct slice asked = d->grant.kind == GRANT_REFRESH ? d->grant.scope : (struct slice){0};
    if (asked.len)
        d->row.scope = asked;
    bool ok = issuer_scope_read(&d->arena, d->row.scope, d->issuer->audiences, &d->scope);
    d->scope.offline = d->scope.offline || d->grant.kind == GRANT_REFRESH;
    return ok;
}

static enum status with_refresh_token(struct store_table *t, void *arg)
{
    struct redeeming *d = arg;
    enum status s =
        issuer_refresh_take(t, &d->arena, d->grant.code, d->client.name, d->now_ms, &d->row);
    d->no = s == UNAUTHORIZED || s == REPLACED ? &bad_refresh : NULL;
    if (s == REPLACED) {
        log_warn("refresh token used twice: its family has ended client=%.*s user=%.*s",
                 SLICE_FMT(d->row.client), SLICE_FMT(d->row.user));
        return OK; /* so that the end of the family is kept */
    }
    if (s != OK)
        return s;
    if (!read_scope(d)) {
        d->no = &bad_scope;
        return BAD_ARGUMENT; /* the token stays as it was */
    }
    return find_person(t, d);
}

static void on_person(void *arg, enum status why)
{
    struct redeeming *d = arg;
    if (d->no)
        refuse(d, d->no);
    else if (why == OK)
        make_tokens(d);
    else
        refuse(d, why == UNAUTHORIZED ? &bad_code : &failed);
}

static void post(struct redeeming *d, store_table_errand *run, store_table_done *done)
{
    if (store_table_post(d->issuer->tables, d->issuer->loop, run, done, d) != OK)
        refuse(d, &failed);
}

/* ---- an authorization code or a device's ---- */

static enum status end_family(struct store_table *t, void *arg)
{
    struct redeeming *d = arg;
    return issuer_refresh_end_family(t, d->ended);
}

static void family_ended(void *arg, enum status why)
{
    (void)why;
    refuse(arg, &bad_code);
}

/* Somebody else has it, too: what came of it ends (RFC 6749, 4.1.2). */
static void code_came_twice(struct redeeming *d, const struct issuer_code *code)
{
    log_warn("code used twice: its tokens have ended client=%s user=%s", code->client, code->user);
    d->ended = arena_copy(&d->arena, slice_of(code->family));
    post(d, end_family, family_ended);
}

static void take_code(struct redeeming *d, struct issuer_code *code)
{
    code->state = CODE_REDEEMED;
    d->row = (struct issuer_refresh){.family = arena_copy(&d->arena, slice_of(code->family)),
                                     .client = d->client.name,
                                     .user = arena_copy(&d->arena, slice_of(code->user)),
                                     .scope = arena_copy(&d->arena, slice_of(code->scope))};
    d->nonce = arena_copy(&d->arena, slice_of(code->nonce));
    if (read_scope(d))
        post(d, with_code, on_person);
    else
        refuse(d, &bad_scope);
}

static struct issuer_code *find_code(struct redeeming *d, bool device)
{
    struct issuer_code *code =
        issuer_code_find(&d->issuer->codes, d->grant.code, loop_now_ms(d->issuer->loop));
    bool right = code && (code->user_code[0] != 0) == device &&
                 slice_eq(slice_of(code->client), d->client.name);
    return right ? code : NULL;
}

static void redeem_code(struct redeeming *d)
{
    struct issuer_code *code = find_code(d, false);
    if (!code || !slice_eq(slice_of(code->redirect_uri), d->grant.redirect_uri))
        refuse(d, &bad_code);
    else if (code->challenge[0] ? !issuer_code_verifier_is(code, d->grant.verifier)
                                : d->grant.verifier.len > 0)
        refuse(d, &bad_verifier);
    else if (code->state == CODE_REDEEMED)
        code_came_twice(d, code);
    else
        take_code(d, code);
}

/* RFC 8628, 3.5: who asks too soon has to wait five seconds longer each time from then on. */
static const struct issuer_refusal *not_yet(struct redeeming *d, struct issuer_code *code)
{
    uint64_t now_ms = loop_now_ms(d->issuer->loop);
    bool soon = code->asked_ms && now_ms < code->asked_ms + code->interval_ms;
    code->asked_ms = now_ms;
    if (soon)
        code->interval_ms += ISSUER_DEVICE_INTERVAL_MS;
    return soon ? &slow_down : &pending;
}

static void redeem_device_code(struct redeeming *d)
{
    struct issuer_code *code = find_code(d, true);
    if (!code)
        refuse(d, &expired);
    else if (code->state == CODE_PENDING)
        refuse(d, not_yet(d, code));
    else if (code->state == CODE_DENIED)
        refuse(d, &denied);
    else if (code->state == CODE_REDEEMED)
        code_came_twice(d, code);
    else
        take_code(d, code);
}

/* ---- the first step: the client ---- */

static void check_client(void *arg)
{
    struct redeeming *d = arg;
    d->why = issuer_client_check(d->issuer->clients_path, &d->arena, d->grant.client_id,
                                 d->grant.secret, &d->client);
}

static void on_client(void *arg)
{
    struct redeeming *d = arg;
    if (d->why != OK) {
        refuse(d, d->why == UNAUTHORIZED ? &bad_client : &failed);
        return;
    }
    switch (d->grant.kind) {
    case GRANT_CLIENT:
        make_tokens(d);
        break;
    case GRANT_CODE:
        redeem_code(d);
        break;
    case GRANT_DEVICE:
        redeem_device_code(d);
        break;
    case GRANT_REFRESH:
        post(d, with_refresh_token, on_person);
        break;
    }
}

void issuer_redeem(struct rest_request *r)
{
    struct issuer *i = r->app;
    struct issuer_grant g;
    if (!issuer_is_ours(r))
        return;
    const struct issuer_refusal *no = issuer_grant_read(
        &r->arena, rest_header(r, "Content-Type"), rest_header(r, "Authorization"), r->body, &g);
    const char *audience = NULL;
    if (!no && g.kind == GRANT_CLIENT) {
        audience = issuer_grant_audience(&g, i->audiences);
        no = audience ? NULL : &bad_scope;
    }
    if (no) {
        issuer_refuse(r, no);
        return;
    }
    struct redeeming *d = MEMORY_NEW(struct redeeming);
    d->request = r;
    d->issuer = i;
    d->keys = issuer_keys_ref(i->keys);
    d->grant = g;
    d->audience = audience;
    d->now_ms = loop_wall_ms(i->loop);
    loop_work(i->loop, check_client, on_client, d);
}

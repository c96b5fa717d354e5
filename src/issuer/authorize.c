/* The authorization endpoint (RFC 6749, 4.1; OpenID Connect Core, 3.1): a person signs in on our
 * page, and goes back to the client with a code. With S256 (RFC 7636), which public clients must
 * use. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "issuer/clients.h"
#include "issuer/form.h"
#include "issuer/issuer.h"
#include "issuer/pages.h"
#include "issuer/scope.h"
#include "issuer/sign_in.h"

struct asking {
    struct rest_request *request;
    struct issuer *issuer;
    struct arena arena;
    struct slice client_id, redirect_uri, scope, state, nonce, challenge, mode;
    struct issuer_client client;
    enum status why;
    struct issuer_form form; /* of a POST */
};

static void end(struct asking *a)
{
    arena_clear(&a->arena);
    free(a);
}

/* ---- back to the client ---- */

/* Appends name=value, after '?' or '&' as it needs. */
static void add_parameter(struct buffer *url, char *separator, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    buffer_u8(url, (uint8_t)*separator);
    buffer_printf(url, "%s=", name);
    percent_encode(value, url);
    *separator = '&';
}

static void send_back(struct asking *a, const struct issuer_page_field *fields, size_t count)
{
    struct rest_request *r = a->request;
    struct buffer url = {0};
    if (slice_eq(a->mode, SLICE("form_post"))) {
        issuer_page_post_on(r, a->redirect_uri, fields, count);
    } else {
        bool fragment = slice_eq(a->mode, SLICE("fragment"));
        bool has_query = slice_find(a->redirect_uri, '?') < a->redirect_uri.len;
        char separator = fragment ? '#' : has_query ? '&' : '?';
        buffer_put(&url, a->redirect_uri);
        for (size_t n = 0; n < count; n++)
            add_parameter(&url, &separator, fields[n].name, fields[n].value);
        rest_add_header(r, "Location", buffer_slice(&url));
        rest_add_header(r, "Cache-Control", SLICE("no-store"));
        rest_add_header(r, "Referrer-Policy", SLICE("no-referrer"));
        rest_reply_empty(r, 303);
    }
    buffer_clear(&url);
    end(a);
}

static void send_error(struct asking *a, const char *error, const char *description)
{
    log_info("sign-in refused client=%.*s error=%s call=%s", SLICE_FMT(a->client_id), error,
             a->request->id);
    send_back(a,
              (struct issuer_page_field[]){{"error", slice_of(error)},
                                           {"error_description", slice_of(description)},
                                           {"state", a->state},
                                           {"iss", slice_of(a->issuer->name)}},
              4);
}

static void send_code(struct asking *a, struct slice user)
{
    struct issuer_code *code =
        issuer_code_new(&a->issuer->codes, false, loop_now_ms(a->issuer->loop));
    issuer_code_set(&code->client, a->client.name);
    issuer_code_set(&code->redirect_uri, a->redirect_uri);
    issuer_code_set(&code->challenge, a->challenge);
    issuer_code_set(&code->nonce, a->nonce);
    issuer_code_set(&code->scope, a->scope);
    issuer_code_set(&code->user, user);
    send_back(a,
              (struct issuer_page_field[]){{"code", slice_of(code->text)},
                                           {"state", a->state},
                                           {"iss", slice_of(a->issuer->name)}},
              3);
}

/* ---- the person ---- */

static void show_page(struct asking *a, const char *trouble, int status)
{
    issuer_page_sign_in(
        a->request,
        &(struct issuer_sign_in_page){
            .client = a->client.name,
            .user = a->form.username.len ? a->form.username : rest_query(a->request, "login_hint"),
            .trouble = trouble,
            .status = status,
        });
    end(a);
}

static void on_signed_in(void *arg, enum status why, const struct issuer_user *user)
{
    struct asking *a = arg;
    if (why == OK)
        send_code(a, user->name);
    else
        show_page(a, issuer_sign_in_trouble(why), why == BUSY ? 429 : 401);
}

static void sign_in(struct asking *a)
{
    if (!issuer_page_token_ok(a->request, a->form.token))
        show_page(a, "The page was open for too long, or cookies are off. Try again.", 400);
    else
        issuer_sign_in(a->issuer, a->form.username, a->form.password, a->request->id, on_signed_in,
                       a);
}

/* ---- the client's request ---- */

/* What is wrong with it; the client learns it by its redirect. */
static bool refuse_request(struct asking *a)
{
    struct rest_request *r = a->request;
    struct slice method = rest_query(r, "code_challenge_method");
    struct issuer_scope scope;
    bool mode_ok = a->mode.len == 0 || slice_eq(a->mode, SLICE("query")) ||
                   slice_eq(a->mode, SLICE("fragment")) || slice_eq(a->mode, SLICE("form_post"));
    if (!mode_ok)
        send_error(a, "invalid_request", "response_mode may be query, fragment or form_post");
    else if (!slice_eq(rest_query(r, "response_type"), SLICE("code")))
        send_error(a, "unsupported_response_type", "response_type may be code");
    else if (a->client.is_public && a->challenge.len == 0)
        send_error(a, "invalid_request", "a public client needs code_challenge (PKCE)");
    else if (a->challenge.len && !slice_eq(method, SLICE("S256")))
        send_error(a, "invalid_request", "code_challenge_method may be S256");
    else if (a->challenge.len && a->challenge.len != ISSUER_CODE_LEN)
        send_error(a, "invalid_request", "code_challenge is not a SHA-256 digest as base64url");
    else if (!issuer_scope_read(&a->arena, a->scope, a->issuer->audiences, &scope))
        send_error(a, "invalid_scope", "no token is made for that scope");
    else if (slice_eq(rest_query(r, "prompt"), SLICE("none")))
        send_error(a, "login_required", "somebody has to sign in");
    else
        return false;
    return true;
}

static void find_client(void *arg)
{
    struct asking *a = arg;
    a->why = issuer_client_find(a->issuer->clients_path, &a->arena, a->client_id, &a->client);
}

/* To an address that is not the client's nobody is sent, with no error either. */
static void on_client(void *arg)
{
    struct asking *a = arg;
    if (a->why != OK || !issuer_client_redirects_to(&a->client, a->redirect_uri)) {
        log_warn("sign-in refused client=%.*s status=%s call=%s",
                 SLICE_FMT(slice_first(a->client_id, 64)),
                 a->why == OK ? "redirect_uri" : status_name(a->why), a->request->id);
        issuer_page_text(
            a->request, 400, "This does not work",
            a->why == NOT_FOUND
                ? "The program that sent you here is not known to this issuer (client_id)."
            : a->why == OK ? "The program that sent you here wants you back at an address that is "
                             "not among its "
                             "own (redirect_uri)."
                           : "The issuer cannot answer at the moment.");
        end(a);
    } else if (!refuse_request(a)) {
        if (slice_eq(a->request->method, SLICE("POST")))
            sign_in(a);
        else
            show_page(a, NULL, 200);
    }
}

void issuer_authorize(struct rest_request *r)
{
    if (!issuer_is_ours(r))
        return;
    struct asking *a = MEMORY_NEW(struct asking);
    a->request = r;
    a->issuer = r->app;
    a->client_id = rest_query(r, "client_id");
    a->redirect_uri = rest_query(r, "redirect_uri");
    a->scope = rest_query(r, "scope");
    a->state = rest_query(r, "state");
    a->nonce = rest_query(r, "nonce");
    a->challenge = rest_query(r, "code_challenge");
    a->mode = rest_query(r, "response_mode");
    issuer_form_read(&r->arena, r->body, &a->form);
    loop_work(a->issuer->loop, find_client, on_client, a);
}

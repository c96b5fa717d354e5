/* Signing in for a device that has no browser (RFC 8628): it shows a code, and a person types it
 * here. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "issuer/answer.h"
#include "issuer/clients.h"
#include "issuer/form.h"
#include "issuer/issuer.h"
#include "issuer/pages.h"
#include "issuer/scope.h"
#include "issuer/sign_in.h"
#include "json/write.h"

static const struct issuer_refusal bad_client = {401, "invalid_client", "the client is not known"};
static const struct issuer_refusal bad_scope = {400, "invalid_scope",
                                                "no token is made for that scope"};
static const struct issuer_refusal failed = {500, "server_error", "the issuer cannot answer now"};

/* ---- the device begins ---- */

struct beginning {
    struct rest_request *request;
    struct issuer *issuer;
    struct arena arena;
    struct slice client_id, scope;
    struct issuer_client client;
    enum status why;
};

static void answer_code(struct rest_request *r, const struct issuer *i,
                        const struct issuer_code *code)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    const char *uri = arena_printf(&r->arena, "%s/device", i->url);
    json_object(&w);
    json_name(&w, "device_code"), json_put_text(&w, code->text);
    json_name(&w, "user_code"), json_put_text(&w, code->user_code);
    json_name(&w, "verification_uri"), json_put_text(&w, uri);
    json_name(&w, "verification_uri_complete");
    json_put_text(&w, arena_printf(&r->arena, "%s?user_code=%s", uri, code->user_code));
    json_name(&w, "expires_in"), json_put_u64(&w, ISSUER_DEVICE_CODE_MS / 1000);
    json_name(&w, "interval"), json_put_u64(&w, ISSUER_DEVICE_INTERVAL_MS / 1000);
    json_name(&w, "message");
    json_put_text(&w,
                  arena_printf(&r->arena, "To sign in, open %s in a browser and type the code %s.",
                               uri, code->user_code));
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply_json(r, 200, buffer_slice(&body));
    buffer_clear(&body);
}

static void find_client(void *arg)
{
    struct beginning *b = arg;
    b->why = issuer_client_find(b->issuer->clients_path, &b->arena, b->client_id, &b->client);
}

static void on_client(void *arg)
{
    struct beginning *b = arg;
    struct issuer *i = b->issuer;
    struct issuer_scope scope;
    if (b->why != OK) {
        issuer_refuse(b->request, b->why == NOT_FOUND ? &bad_client : &failed);
    } else if (!issuer_scope_read(&b->arena, b->scope, i->audiences, &scope)) {
        issuer_refuse(b->request, &bad_scope);
    } else {
        struct issuer_code *code = issuer_code_new(&i->codes, true, loop_now_ms(i->loop));
        issuer_code_set(&code->client, b->client.name);
        issuer_code_set(&code->scope, b->scope);
        answer_code(b->request, i, code);
    }
    arena_clear(&b->arena);
    free(b);
}

void issuer_device_begin(struct rest_request *r)
{
    if (!issuer_is_ours(r))
        return;
    struct beginning *b = MEMORY_NEW(struct beginning);
    struct slice rest = r->body, name, value;
    b->request = r;
    b->issuer = r->app;
    while (issuer_form_next(&r->arena, &rest, &name, &value)) {
        if (slice_eq(name, SLICE("client_id")))
            b->client_id = value;
        else if (slice_eq(name, SLICE("scope")))
            b->scope = value;
    }
    loop_work(b->issuer->loop, find_client, on_client, b);
}

/* ---- the person ---- */

static struct issuer_code *pending(struct issuer *i, struct slice typed)
{
    struct issuer_code *code = issuer_code_find_user(&i->codes, typed, loop_now_ms(i->loop));
    return code && code->state == CODE_PENDING ? code : NULL;
}

static void show_code(struct rest_request *r, const struct issuer_code *code, struct slice user,
                      const char *trouble, int status)
{
    issuer_page_sign_in(r, &(struct issuer_sign_in_page){.client = slice_of(code->client),
                                                         .user = user,
                                                         .trouble = trouble,
                                                         .user_code = slice_of(code->user_code),
                                                         .status = status});
}

static const char unknown_code[] =
    "That code is not known, or its time is over. Look at the device again.";

void issuer_device_page(struct rest_request *r)
{
    struct slice typed = rest_query(r, "user_code");
    const struct issuer_code *code = pending(r->app, typed);
    if (code)
        show_code(r, code, (struct slice){0}, NULL, 200);
    else
        issuer_page_code(r, typed, typed.len ? unknown_code : NULL);
}

struct answering {
    struct rest_request *request;
    struct issuer *issuer;
    struct issuer_form form;
};

static void on_signed_in(void *arg, enum status why, const struct issuer_user *user)
{
    struct answering *a = arg;
    struct issuer_code *code = pending(a->issuer, a->form.user_code);
    if (!code) {
        issuer_page_code(a->request, a->form.user_code, unknown_code);
    } else if (why != OK) {
        show_code(a->request, code, a->form.username, issuer_sign_in_trouble(why),
                  why == BUSY ? 429 : 401);
    } else {
        code->state = CODE_GRANTED;
        issuer_code_set(&code->user, user->name);
        log_info("device allowed client=%s user=%s call=%s", code->client, code->user,
                 a->request->id);
        issuer_page_text(a->request, 200, "Done",
                         "The device is signed in. You can close this page.");
    }
    free(a);
}

/* Who refuses need not sign in: the code alone is known to who has the device before him. */
static void deny(struct rest_request *r, struct issuer_code *code)
{
    code->state = CODE_DENIED;
    log_info("device refused client=%s call=%s", code->client, r->id);
    issuer_page_text(r, 200, "Refused", "The device gets no access. You can close this page.");
}

void issuer_device_answer(struct rest_request *r)
{
    struct issuer_form form;
    issuer_form_read(&r->arena, r->body, &form);
    struct issuer_code *code = pending(r->app, form.user_code);
    if (!code) {
        issuer_page_code(r, form.user_code, unknown_code);
    } else if (!issuer_page_token_ok(r, form.token)) {
        show_code(r, code, form.username,
                  "The page was open for too long, or cookies are off. Try again.", 400);
    } else if (slice_eq(form.answer, SLICE("deny"))) {
        deny(r, code);
    } else {
        struct answering *a = MEMORY_NEW(struct answering);
        a->request = r;
        a->issuer = r->app;
        a->form = form;
        issuer_sign_in(a->issuer, form.username, form.password, r->id, on_signed_in, a);
    }
}

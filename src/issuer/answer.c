#include "issuer/answer.h"

#include "base/encoding.h"
#include "json/write.h"

void issuer_refuse(struct rest_request *r, const struct issuer_refusal *no)
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

static void put_client_info(struct json_writer *w, struct slice json)
{
    struct buffer text = {0};
    base64url_encode(json, &text);
    json_name(w, "client_info"), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

void issuer_answer_tokens(struct rest_request *r, const struct issuer_tokens *t)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "token_type"), json_put_text(&w, "Bearer");
    json_member(&w, "scope", t->scope);
    json_name(&w, "expires_in"), json_put_u64(&w, t->life_ms / 1000);
    json_name(&w, "ext_expires_in"), json_put_u64(&w, t->life_ms / 1000);
    json_name(&w, "access_token"), json_put_string(&w, t->access);
    json_member(&w, "refresh_token", t->refresh);
    json_member(&w, "id_token", t->id);
    if (t->client_info.len)
        put_client_info(&w, t->client_info);
    json_end_object(&w);
    rest_add_header(r, "Cache-Control", SLICE("no-store"));
    rest_reply_json(r, 200, buffer_slice(&body));
    buffer_clear(&body);
}

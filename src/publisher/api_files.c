/*
 * Files over HTTP: a body is the file's bytes, and what else the method wants is JSON in headers
 * (x-ms-connection, x-ms-target, x-ms-options). What the server does not like is in x-ms-error.
 */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "publisher/api.h"
#include "publisher/api_priv.h"
#include "json/write.h"

static const struct parameter {
    const char *header;
    const char *name; /* of the method's parameter */
    bool needed;
} parameters[] = {
    {"x-ms-connection", "connection", true},
    {"x-ms-target", "request", true},
    {"x-ms-options", "options", false},
};

/* False after it was answered. */
static bool put_parameters(struct rest_request *r, struct json_writer *w)
{
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        const struct parameter *p = &parameters[i];
        struct slice text = slice_trim(rest_header(r, p->header));
        struct json_doc *doc = NULL;
        if (text.len == 0 && !p->needed)
            continue;
        if (json_parse(text, JSON_STRICT, &doc, NULL) != OK ||
            !json_is(json_root(doc), JSON_OBJECT)) {
            struct buffer why = {0};
            json_free(&doc);
            buffer_printf(&why, "The header %s is not a JSON object.", p->header);
            rest_reply_problem(r, 400, buffer_cstr(&why));
            buffer_clear(&why);
            return false;
        }
        json_name(w, p->name), json_put_value(w, json_root(doc));
        json_free(&doc);
    }
    return true;
}

/* ---- the answer ---- */

static void reply_error(struct rest_request *r, const struct json *error)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, error);
    rest_add_header(r, "x-ms-error", buffer_slice(&text));
    rest_reply_empty(r, 200);
    buffer_clear(&text);
}

static void reply_file(struct rest_request *r, const struct json *answer)
{
    const struct json *error = json_get(answer, "errorInfo");
    struct buffer bytes = {0};
    if (error)
        reply_error(r, error);
    else if (json_get(answer, "data") &&
             base64_decode(json_string(json_get(answer, "data")), &bytes) == OK)
        rest_reply(r, 200, "application/octet-stream", buffer_slice(&bytes));
    else
        rest_reply_empty(r, 200);
    buffer_clear(&bytes);
}

static void on_answer(void *arg, int status, struct slice json)
{
    struct rest_request *r = arg;
    struct json_doc *doc = NULL;
    if (status >= 400)
        rest_reply(r, status, "application/problem+json", json);
    else if (json_parse(json, JSON_STRICT, &doc, NULL) == OK)
        reply_file(r, json_root(doc));
    else
        rest_reply_problem(r, 500, "The answer is not JSON.");
    json_free(&doc);
}

/* ---- the call ---- */

void api_file(struct rest_request *r)
{
    const struct api *a = r->app;
    struct buffer payload = {0}, text = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    if (put_parameters(r, &w)) {
        if (slice_eq_nocase(r->method, SLICE("POST"))) {
            base64_encode(r->body, &text);
            json_name(&w, "data"), json_put_string(&w, buffer_slice(&text));
        }
        json_end_object(&w);
        module_invoke(a->config.module, "api-key", slice_of(r->route->operation), buffer_slice(&payload), 0,
                      on_answer, r);
    }
    buffer_wipe(&payload); /* passwords may stand in it */
    buffer_clear(&text);
}

#include <stdlib.h>

#include "base/memory.h"
#include "gzip/gzip.h"
#include "http/message.h"
#include "publisher/api.h"
#include "publisher/api_priv.h"
#include "rest/query.h"
#include "json/write.h"

#define JSON_TYPE "application/json; charset=utf-8"
#define PACKED_MIN 1024 /* bytes; less is not worth it */

/* A request that became a method's call: it waits for its answer, which always comes. */
struct passage {
    struct rest_request *request;
    /* of an answer in pieces */
    struct module_call *call; /* NULL: it has been answered */
    bool begun, waiting;      /* for room */
    bool whole;               /* all pieces came */
    struct buffer left;       /* what came with the end */
};

/* ---- the payload: the body alone, or an object of all parameters ---- */

static bool is_json(struct slice body)
{
    struct json_doc *doc = NULL;
    bool ok = json_parse(body, JSON_STRICT, &doc, NULL) == OK;
    json_free(&doc);
    return ok;
}

static void put_payload(const struct rest_request *r, const struct json *query, struct buffer *out)
{
    const char *body_name = api_body_name(r->route->operation);
    struct slice body = slice_trim(r->body);
    struct json_walk walk = json_walk(query);
    /* A body without a name is all of it, whatever a client adds to the address, such as api-version. */
    if (r->param_count == 0 && (json_count(query) == 0 || (!body_name && body.len))) {
        buffer_put(out, body);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    for (size_t i = 0; i < r->param_count; i++)
        json_name_slice(&w, r->params[i].name), json_put_string(&w, r->params[i].value);
    while (json_next(&walk))
        json_name_slice(&w, walk.name), json_put_value(&w, walk.value);
    if (body_name && body.len)
        json_name(&w, body_name), json_put_raw(&w, body);
    json_end_object(&w);
}

/* ---- the answer ---- */

static bool takes_gzip(const struct rest_request *r)
{
    struct slice accepted = rest_header(r, "accept-encoding");
    return slice_find_slice(accepted, SLICE("gzip")) < accepted.len;
}

static void reply(struct rest_request *r, int status, const char *type, struct slice json)
{
    struct buffer packed = {0};
    if (json.len >= PACKED_MIN && takes_gzip(r) && !rest_wants_messagepack(r)) {
        gzip_compress(json, &packed);
        rest_add_header(r, "Content-Encoding", SLICE("gzip"));
        json = buffer_slice(&packed);
    }
    rest_reply(r, status, type, json);
    buffer_clear(&packed);
}

/* ---- an answer in pieces ---- */

static void on_last(void *arg, enum status why)
{
    struct passage *p = arg;
    (void)why;
    rest_reply_end(p->request);
    buffer_clear(&p->left);
    free(p);
}

/* The peer has seen a 200: what breaks off is cut, so that nobody takes it for whole. */
static void finish(struct passage *p)
{
    if (p->whole) {
        rest_reply_piece(p->request, buffer_slice(&p->left), on_last, p);
    } else {
        rest_reply_cut(p->request);
        free(p);
    }
}

static void on_room(void *arg, enum status why)
{
    struct passage *p = arg;
    p->waiting = false;
    if (p->call)
        module_piece_taken(p->call, why != OK);
    else
        finish(p);
}

static void on_piece(void *arg, struct module_call *call, struct slice json)
{
    struct passage *p = arg;
    p->call = call;
    if (!p->begun)
        rest_reply_begin(p->request, 200, JSON_TYPE, REST_LENGTH_UNKNOWN);
    p->begun = p->waiting = true;
    rest_reply_piece(p->request, json, on_room, p);
}

static void end_pieces(struct passage *p, int status, struct slice json)
{
    p->call = NULL;
    p->whole = status < 400;
    if (p->whole)
        buffer_put(&p->left, json);
    if (!p->waiting)
        finish(p);
}

static void on_answer(void *arg, int status, struct slice json)
{
    struct passage *p = arg;
    if (p->begun) {
        end_pieces(p, status, json);
        return;
    }
    if (status >= 400)
        reply(p->request, status, "application/problem+json", json);
    else if (slice_eq(json, SLICE("null")) || json.len == 0)
        rest_reply_empty(p->request, 200);
    else
        reply(p->request, status, JSON_TYPE, json);
    free(p);
}

static void call(struct rest_request *r, const struct json *query)
{
    const struct api *a = r->app;
    struct buffer payload = {0};
    struct passage *p = MEMORY_NEW(struct passage);
    p->request = r;
    put_payload(r, query, &payload);
    /* MessagePack is made of a whole answer. */
    if (rest_wants_messagepack(r))
        module_invoke(a->config.module, "api-key", slice_of(r->route->operation),
                      buffer_slice(&payload), 0, on_answer, p);
    else
        module_invoke_pieces(a->config.module, "api-key", slice_of(r->route->operation),
                             buffer_slice(&payload), on_piece, on_answer, p);
    buffer_wipe(&payload); /* passwords may stand in it */
}

void api_call(struct rest_request *r)
{
    static const struct rest_models none;
    struct json_doc *query;
    char why[REST_MODEL_WHY_MAX];
    if (slice_trim(r->body).len && !is_json(r->body)) {
        rest_reply_problem(r, 400, "The body is not JSON.");
    } else if (rest_query_read(r, &none, &query, why) != OK) {
        rest_reply_invalid(r, why);
    } else {
        call(r, json_root(query));
        json_free(&query);
    }
}

#include "client/service_pieces.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "json/write.h"

#define METHOD "$call"
#define METHOD_MS 30000   /* as a direct method without a time of its own */
#define PIECE_MS_MIN 5000 /* the hub takes no shorter one */
#define KEPT_MS 60000     /* how long the module is to keep what nobody asks for */
#define ASIDE_BYTES (1u << 20) /* of a request that is compressed on a helper thread: 4 MiB take some 100 ms */

struct piecemeal {
    struct service_client *client;
    service_client_method_fn *done;
    void *arg;
    char *device, *module, *method, *call_id;
    uint64_t until_ms, connect_timeout_ms;
    struct buffer plain;   /* while a helper thread compresses it */
    struct buffer request; /* compressed */
    size_t sent;
    char *handle; /* the module's; NULL before its first answer */
    struct buffer response;        /* as it is, whole */
    struct gzip_expander *expander; /* piece after piece: all at once would hold up the loop */
    bool expanded;                 /* to its end */
    uint64_t length, taken;        /* of the response, compressed */
    int status;
    bool answered; /* its first piece has come */
};

/* Passwords may stand in it. */
static void wipe(struct buffer *b)
{
    if (b->len)
        explicit_bzero(b->at, b->len);
    buffer_clear(b);
}

static void piecemeal_free(struct piecemeal *p)
{
    wipe(&p->plain);
    wipe(&p->request);
    buffer_clear(&p->response);
    gzip_expander_free(&p->expander);
    free(p->device), free(p->module), free(p->method), free(p->call_id), free(p->handle);
    free(p);
}

static void finish(struct piecemeal *p, enum status why, struct slice payload)
{
    p->done(p->arg, why, p->status, payload);
    piecemeal_free(p);
}

/* ---- what is sent ---- */

static void put_first(struct json_writer *w, const struct piecemeal *p)
{
    json_name(w, "method"), json_put_text(w, p->method);
    json_name(w, "contentType"), json_put_text(w, "application/json");
    json_name(w, "length"), json_put_u64(w, p->request.len);
    json_name(w, "acceptedSize"), json_put_u64(w, SERVICE_PIECE_BYTES);
    json_name(w, "timeout"), json_put_u64(w, KEPT_MS);
}

/* The next piece of the request; without one, the wish for the next of the response. */
static void put_piece(struct piecemeal *p, struct buffer *out)
{
    struct slice piece =
        slice_first(slice_skip(buffer_slice(&p->request), p->sent), SERVICE_PIECE_BYTES);
    struct json_writer w = json_writer(out);
    struct buffer text = {0};
    json_object(&w);
    if (p->handle)
        json_name(&w, "handle"), json_put_text(&w, p->handle);
    else
        put_first(&w, p);
    if (piece.len > 0) {
        base64_encode(piece, &text);
        json_name(&w, "payload"), json_put_string(&w, buffer_slice(&text));
    }
    json_end_object(&w);
    p->sent += piece.len;
    buffer_clear(&text);
}

static void on_piece(void *arg, enum status why, int status, struct slice payload);

static enum status send_piece(struct piecemeal *p)
{
    uint64_t now = loop_now_ms(service_client_loop(p->client));
    if (now >= p->until_ms)
        return TIMED_OUT;
    struct buffer payload = {0};
    put_piece(p, &payload);
    uint64_t left = p->until_ms - now;
    struct service_method m = {.id = {slice_of(p->device), slice_of(p->module)},
                               .name = METHOD,
                               .payload = buffer_slice(&payload),
                               .response_timeout_ms = left < PIECE_MS_MIN ? PIECE_MS_MIN : left,
                               .connect_timeout_ms = p->connect_timeout_ms,
                               .call_id = p->call_id};
    enum status s = service_client_invoke_method(p->client, &m, on_piece, p);
    buffer_clear(&payload);
    return s;
}

static void go_on(struct piecemeal *p)
{
    enum status s = send_piece(p);
    if (s != OK)
        finish(p, s, (struct slice){0});
}

/* ---- what comes ---- */

/* OK, and the module's handle is kept; the piece of a response has none when it is the last. */
static void keep_handle(struct piecemeal *p, const struct json *piece)
{
    struct slice handle = json_string(json_get_nocase(piece, "handle"));
    free(p->handle);
    p->handle = handle.len > 0 ? slice_dup(handle) : NULL;
}

static enum status take_first(struct piecemeal *p, const struct json *piece)
{
    int64_t status;
    if (!json_u64(json_get_nocase(piece, "length"), &p->length) ||
        !json_i64(json_get_nocase(piece, "status"), &status) || status < 100 || status > 999)
        return PEER_FAILED;
    p->status = (int)status;
    p->answered = true;
    p->expander = gzip_expander_new(SERVICE_PIECES_BYTES_MAX);
    return p->length > SERVICE_PIECES_BYTES_MAX ? TOO_LARGE : OK;
}

/* OK or AGAIN: all was well so far. */
static enum status expand(struct piecemeal *p, struct slice piece)
{
    p->taken += piece.len;
    if (p->taken > p->length || (p->expanded && piece.len > 0))
        return PEER_FAILED;
    if (piece.len == 0)
        return OK;
    enum status s = gzip_expander_feed(p->expander, piece, &p->response);
    p->expanded = s == OK;
    return s == BAD_FORMAT ? PEER_FAILED : s;
}

/* AGAIN: there is more of it. An empty piece with a handle would be asked for again for ever. */
static enum status take_response(struct piecemeal *p, const struct json *piece)
{
    struct buffer bytes = {0};
    enum status s = p->answered ? OK : take_first(p, piece);
    if (s == OK && base64_decode(json_string(json_get_nocase(piece, "payload")), &bytes) != OK)
        s = PEER_FAILED;
    if (s == OK && p->handle && bytes.len == 0)
        s = PEER_FAILED;
    if (s == OK)
        s = expand(p, buffer_slice(&bytes));
    buffer_clear(&bytes);
    if (s != OK && s != AGAIN)
        return s;
    if (p->handle)
        return AGAIN;
    return p->taken == p->length && (p->expanded || p->length == 0) ? OK : PEER_FAILED;
}

static enum status take(struct piecemeal *p, struct slice payload)
{
    struct json_doc *doc = NULL;
    if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK)
        return PEER_FAILED;
    bool more = p->sent < p->request.len; /* of the request */
    keep_handle(p, json_root(doc));
    enum status s = !more ? take_response(p, json_root(doc)) : p->handle ? AGAIN : PEER_FAILED;
    json_free(&doc);
    return s;
}

static void on_piece(void *arg, enum status why, int status, struct slice payload)
{
    struct piecemeal *p = arg;
    if (why == OK && status != 200) { /* the module does not speak so, or has forgotten the call */
        p->status = status;
        finish(p, OK, payload);
        return;
    }
    enum status s = why == OK ? take(p, payload) : why;
    if (s == AGAIN)
        go_on(p);
    else if (s == OK)
        finish(p, OK, buffer_slice(&p->response));
    else
        finish(p, s, (struct slice){0});
}

/* ---- beginning ---- */

static void compress(void *arg)
{
    struct piecemeal *p = arg;
    gzip_compress(buffer_slice(&p->plain), &p->request);
}

static void on_compressed(void *arg)
{
    struct piecemeal *p = arg;
    struct service_client *c = p->client;
    wipe(&p->plain);
    go_on(p);
    service_client_give_back(c);
}

static void drop(void *arg)
{
    struct piecemeal *p = arg;
    service_client_give_back(p->client);
    piecemeal_free(p);
}

enum status service_pieces_invoke(struct service_client *c, const struct service_method *m,
                                  service_client_method_fn *done, void *arg)
{
    if (m->payload.len > SERVICE_PIECES_BYTES_MAX)
        return TOO_LARGE;
    struct piecemeal *p = MEMORY_NEW(struct piecemeal);
    uint64_t ms = m->response_timeout_ms ? m->response_timeout_ms : METHOD_MS;
    *p = (struct piecemeal){.client = c,
                            .done = done,
                            .arg = arg,
                            .device = slice_dup(m->id.device),
                            .module = slice_dup(m->id.module),
                            .method = memory_text(m->name),
                            .call_id = m->call_id ? memory_text(m->call_id) : NULL,
                            .until_ms = loop_now_ms(service_client_loop(c)) + ms,
                            .connect_timeout_ms = m->connect_timeout_ms};
    if (m->payload.len >= ASIDE_BYTES) {
        buffer_put(&p->plain, m->payload);
        service_client_hold(c);
        loop_work_or_drop(service_client_loop(c), compress, on_compressed, drop, p);
        return OK;
    }
    gzip_compress(m->payload, &p->request);
    enum status s = send_piece(p);
    if (s != OK)
        piecemeal_free(p);
    return s;
}

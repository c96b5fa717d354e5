/*
 * What a peer can send to a server, in pieces: requests, bodies, a WebSocket handshake and its
 * frames. The first byte says how the rest is cut. Handlers answer at once, later, or never while
 * the peer is there.
 */
#include "rest/server.h"

#include <stdlib.h>

#include "base/memory.h"
#include "io/stream_layer.h"
#include "rest/query.h"

/* ---- a stream whose peer is the fuzzer ---- */

static void fuzz_flush(struct stream *s)
{
    buffer_reset(&s->out);
}

static size_t fuzz_unsent(const struct stream *s)
{
    (void)s;
    return 0;
}

static void fuzz_pause(struct stream *s, bool paused)
{
    (void)s, (void)paused;
}

static void fuzz_close(struct stream *s)
{
    stream_close_soon(s, CLOSED);
}

static const char *fuzz_peer(const struct stream *s)
{
    (void)s;
    return "fuzz";
}

static void fuzz_destroy(struct stream *s)
{
    free(s);
}

static const struct stream_ops ops = {.flush = fuzz_flush,
                                      .unsent = fuzz_unsent,
                                      .pause = fuzz_pause,
                                      .close = fuzz_close,
                                      .abort = stream_close_soon,
                                      .peer = fuzz_peer,
                                      .destroy = fuzz_destroy};

/* ---- a server ---- */

static struct rest_request *kept;

static void echo(struct rest_request *r)
{
    rest_add_header(r, "X-Query", rest_query(r, "q"));
    rest_add_header(r, "X-Id", rest_param(r, "id"));
    rest_reply(r, 200, "text/plain", r->body);
}

static void keep(struct rest_request *r)
{
    if (kept)
        rest_reply_problem(kept, 409, "another came");
    kept = r;
}

/* Every body that came in pieces goes back in pieces. */
static struct buffer spooled;

static void on_room(void *arg, enum status why)
{
    struct rest_request *r = arg;
    if (why == OK && spooled.len > 0) {
        struct slice piece = slice_first(buffer_slice(&spooled), 7);
        rest_reply_piece(r, piece, on_room, r);
        buffer_drop(&spooled, piece.len);
    } else {
        rest_reply_end(r);
    }
}

static void on_piece(void *arg, enum status why, struct slice bytes)
{
    struct rest_request *r = arg;
    buffer_put(&spooled, bytes);
    if (why == OK && bytes.len > 0) {
        rest_body_read(r, on_piece, r);
    } else if (why == OK) {
        rest_reply_begin(r, 200, NULL, spooled.len);
        on_room(r, OK);
    } else {
        rest_reply_empty(r, 400);
    }
}

static void spool(struct rest_request *r)
{
    buffer_reset(&spooled);
    rest_body_read(r, on_piece, r);
}

static const struct rest_model list[] = {
    {"A", "a:str, c:{i32}, d:W, e:timespan, f:base64, g*:any, h:[W+], i:interval", NULL},
    {"W", NULL, "x|y"}};

static void check(struct rest_request *r)
{
    struct json_doc *doc;
    char why[REST_MODEL_WHY_MAX] = "";
    if (json_parse(r->body, JSON_STRICT, &doc, NULL) == OK) {
        (void)(rest_model_check(&(struct rest_models){list, 2}, "A", json_root(doc), why) == OK);
        json_free(&doc);
    }
    if (rest_query_read(r, &(struct rest_models){list, 2}, &doc, why) == OK)
        json_free(&doc);
    rest_reply_invalid(r, why);
}

static const struct rest_route routes[] = {
    {"GET", "/a/{id}", echo, REST_PUBLIC},  {"POST", "/a/{id}", echo, REST_PUBLIC},
    {"GET", "/k", keep, REST_PUBLIC},       {"POST", "/c", check, REST_PUBLIC, .query = "A, n:i32"},
    {"GET", "/f/{path*}", echo, REST_READ},
    {"PUT", "/s/{id}", spool, REST_PUBLIC, .stream_bytes = 8192},
};

static void ws_data(void *arg, struct slice bytes)
{
    stream_write(arg, bytes);
}

static void ws_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static void upgraded(struct rest_request *r, struct stream *s, const char *protocol)
{
    (void)r, (void)protocol;
    static const struct stream_events events = {.on_data = ws_data, .on_close = ws_close};
    stream_events(s, &events, s);
}

static const char *const protocols[] = {"mqtt", NULL};
static const struct rest_upgrade upgrades[] = {{"/w", protocols, REST_PUBLIC, upgraded}};

/* A few turns, each of which flushes, and ends what was closed. There is always mail, so none
 * waits. */
struct turns {
    struct loop *loop;
    int left;
};

static void next_turn(void *arg)
{
    struct turns *t = arg;
    if (t->left-- > 0)
        loop_post(t->loop, next_turn, t);
}

static bool is_over(void *arg)
{
    return ((struct turns *)arg)->left < 0;
}

static void turn(struct loop *loop)
{
    struct turns t = {loop, 3};
    loop_post(loop, next_turn, &t);
    loop_run_until(loop, is_over, &t, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct loop *loop = loop_new();
    struct rest_table table = REST_TABLE("", routes, NULL);
    struct rest_server *server =
        rest_server_new(&(struct rest_server_config){.loop = loop,
                                                     .tables = &table,
                                                     .table_count = 1,
                                                     .upgrades = upgrades,
                                                     .upgrade_count = 1,
                                                     .limits = {.body_bytes = 4096}});
    struct stream *s = MEMORY_NEW(struct stream);
    stream_init(s, &ops, loop);
    rest_server_accept(server, s);
    size_t step = data[0] ? data[0] : size;
    struct slice left = {data + 1, size - 1};
    while (left.len > 0 && !s->closing) {
        if (stream_wants(s)) {
            stream_received(s, slice_first(left, step));
            left = slice_skip(left, step);
        } else if (kept) {
            struct rest_request *r = kept;
            kept = NULL;
            rest_reply_empty(r, 204);
        } else {
            break;
        }
    }
    turn(loop);
    rest_server_free(&server);
    if (kept)
        rest_reply_empty(kept, 204);
    kept = NULL;
    turn(loop);
    loop_free(&loop);
    buffer_clear(&spooled);
    return 0;
}

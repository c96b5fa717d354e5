#include "client/module_pieces.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/list.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "json/write.h"

#define HANDLE_MAX 24
#define PIECE_MAX ((MODULE_RESPONSE_MAX - 1024) / 4 * 3) /* so that it fits as base64 */
#define PIECE_MIN 256
#define METHOD_MAX 128
#define LIFE_MAX_MS 600000

enum state {
    RECEIVING, /* pieces of the request; → RUNNING, or gone */
    RUNNING,   /* the method; → SENDING */
    SENDING,   /* pieces of the response; → gone */
};

struct piecemeal {
    struct link link;
    struct module_pieces *owner;
    enum state state;
    char handle[HANDLE_MAX];
    char method[METHOD_MAX];
    uint64_t length; /* of the request, as it is sent */
    size_t piece_bytes;
    uint32_t life_ms;
    uint64_t rid;        /* of the piece that waits for the method */
    struct buffer bytes; /* the request, then the response */
    size_t held;         /* of them, or of what they will be */
    size_t sent;
    int status;
    struct loop_timer timer;
};

struct module_pieces {
    struct module *module;
    module_pieces_reply_fn *reply;
    struct list calls; /* who was heard of last is last */
    size_t waiting;    /* of them: RECEIVING or SENDING */
    size_t held;       /* by these */
};

static void hold(struct piecemeal *c, size_t bytes)
{
    c->owner->held += bytes - c->held;
    c->held = bytes;
}

static void enter(struct piecemeal *c, enum state state)
{
    c->owner->waiting -= c->state != RUNNING;
    c->state = state;
    c->owner->waiting += c->state != RUNNING;
}

static void piecemeal_free(struct piecemeal *c)
{
    enter(c, RUNNING);
    hold(c, 0);
    loop_timer_stop(&c->timer);
    list_remove(&c->link);
    buffer_clear(&c->bytes);
    free(c);
}

static void on_silence(void *arg)
{
    piecemeal_free(arg);
}

static void wait_for_next(struct piecemeal *c)
{
    list_remove(&c->link);
    list_push(&c->owner->calls, &c->link);
    loop_timer_start(module_loop(c->owner->module), &c->timer, c->life_ms, on_silence, c);
}

/* ---- answers ---- */

static void refuse(struct module_pieces *p, uint64_t rid, int status, const char *detail)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "title"), json_put_text(&w, "a call in pieces");
    json_name(&w, "status"), json_put_i64(&w, status);
    json_name(&w, "detail"), json_put_text(&w, detail);
    json_end_object(&w);
    p->reply(p->module, rid, status, buffer_slice(&out));
    buffer_clear(&out);
}

static void ask_for_more(struct piecemeal *c, uint64_t rid)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "handle"), json_put_text(&w, c->handle);
    json_end_object(&w);
    c->owner->reply(c->owner->module, rid, 200, buffer_slice(&out));
    buffer_clear(&out);
    wait_for_next(c);
}

/* The next piece of the response; with the last one the call is over. */
static void send_piece(struct piecemeal *c, uint64_t rid)
{
    struct slice piece = slice_first(slice_skip(buffer_slice(&c->bytes), c->sent), c->piece_bytes);
    bool first = c->sent == 0, last = c->sent + piece.len == c->bytes.len;
    struct buffer text = {0}, out = {0};
    struct json_writer w = json_writer(&out);
    base64_encode(piece, &text);
    json_object(&w);
    if (!last)
        json_name(&w, "handle"), json_put_text(&w, c->handle);
    if (first) {
        json_name(&w, "length"), json_put_u64(&w, c->bytes.len);
        json_name(&w, "status"), json_put_i64(&w, c->status);
    }
    json_name(&w, "payload"), json_put_string(&w, buffer_slice(&text));
    json_end_object(&w);
    c->owner->reply(c->owner->module, rid, 200, buffer_slice(&out));
    buffer_clear(&text);
    buffer_clear(&out);
    c->sent += piece.len;
    if (last)
        piecemeal_free(c);
    else
        wait_for_next(c);
}

/* What a method has done is not done again for want of room: the response goes that is most likely not wanted. */
static void make_room(struct module_pieces *p)
{
    LIST_EACH(l, &p->calls)
    {
        struct piecemeal *c = LIST_OF(l, struct piecemeal, link);
        if (p->held <= MODULE_PIECES_HELD_MAX && p->waiting <= MODULE_PIECES_MAX)
            return;
        if (c->state == SENDING)
            piecemeal_free(c);
    }
}

static void on_answer(void *arg, int status, struct slice json)
{
    struct piecemeal *c = arg;
    struct module_pieces *p = c->owner;
    enter(c, SENDING);
    c->status = status;
    gzip_compress(json, &c->bytes);
    hold(c, c->bytes.len);
    send_piece(c, c->rid);
    make_room(p);
}

/* ---- requests ---- */

static void run(struct piecemeal *c, uint64_t rid)
{
    struct buffer whole = {0};
    enum status s = OK;
    if (gzip_is(buffer_slice(&c->bytes)))
        s = gzip_expand(buffer_slice(&c->bytes), MODULE_PIECES_BYTES_MAX, &whole);
    else
        buffer_put(&whole, buffer_slice(&c->bytes));
    if (s != OK) {
        refuse(c->owner, rid, module_status(s),
               "The pieces together are no gzip of a fitting size.");
        piecemeal_free(c);
    } else {
        loop_timer_stop(&c->timer); /* the method has its own time */
        enter(c, RUNNING);
        hold(c, 0);
        buffer_clear(&c->bytes);
        c->rid = rid;
        module_invoke(c->owner->module, NULL, slice_of(c->method), buffer_slice(&whole), 0, on_answer, c);
    }
    buffer_clear(&whole);
}

/* In milliseconds, or as .NET's time span. */
static uint32_t life_of(const struct json *v)
{
    uint64_t ms = 0;
    if (!json_u64(v, &ms))
        (void)clock_parse_timespan(json_string(v), &ms);
    return ms == 0 ? MODULE_PIECES_MS : ms > LIFE_MAX_MS ? LIFE_MAX_MS : (uint32_t)ms;
}

static struct piecemeal *begin(struct module_pieces *p, const struct json *piece, uint64_t rid)
{
    struct slice method = json_string(json_get_nocase(piece, "method"));
    uint64_t length = 0, accepted = 0;
    if (method.len == 0 || method.len >= METHOD_MAX)
        refuse(p, rid, 400, "The first piece has no \"method\", or no \"handle\".");
    else if (!json_u64(json_get_nocase(piece, "length"), &length))
        refuse(p, rid, 400,
               "The first piece has no \"length\": of the whole request as it is sent.");
    else if (length > MODULE_PIECES_BYTES_MAX)
        refuse(p, rid, 413, "The request is too large.");
    else if (p->waiting >= MODULE_PIECES_MAX || p->held + length > MODULE_PIECES_HELD_MAX)
        refuse(p, rid, 429, "Too many calls in pieces are under way.");
    else {
        struct piecemeal *c = MEMORY_NEW(struct piecemeal);
        (void)json_u64(json_get_nocase(piece, "acceptedSize"), &accepted);
        c->owner = p;
        c->length = length;
        c->piece_bytes = accepted == 0          ? MODULE_PIECE_BYTES
                         : accepted < PIECE_MIN ? PIECE_MIN
                         : accepted > PIECE_MAX ? PIECE_MAX
                                                : (size_t)accepted;
        c->life_ms = life_of(json_get_nocase(piece, "timeout"));
        memcpy(c->method, method.at, method.len);
        snprintf(c->handle, sizeof c->handle, "%016llx",
                 (unsigned long long)loop_random_u64(module_loop(p->module)));
        list_push(&p->calls, &c->link);
        p->waiting++;
        hold(c, (size_t)length);
        return c;
    }
    return NULL;
}

static struct piecemeal *find(struct module_pieces *p, struct slice handle)
{
    LIST_EACH(l, &p->calls)
    {
        struct piecemeal *c = LIST_OF(l, struct piecemeal, link);
        if (slice_eq(slice_of(c->handle), handle))
            return c;
    }
    return NULL;
}

static void take_piece(struct piecemeal *c, const struct json *piece, uint64_t rid)
{
    enum status s = base64_decode(json_string(json_get_nocase(piece, "payload")), &c->bytes);
    if (s != OK || c->bytes.len > c->length) {
        refuse(c->owner, rid, 400,
               s != OK ? "\"payload\" is not base64." : "The pieces are more than \"length\".");
        piecemeal_free(c);
    } else if (c->bytes.len < c->length) {
        ask_for_more(c, rid);
    } else {
        run(c, rid);
    }
}

static void handle_piece(struct module_pieces *p, const struct json *piece, uint64_t rid)
{
    struct slice handle = json_string(json_get_nocase(piece, "handle"));
    struct piecemeal *c = handle.len ? find(p, handle) : begin(p, piece, rid);
    if (c == NULL && handle.len)
        refuse(p, rid, 408, "The handle is not known, or was not used in time.");
    else if (c && c->state == RECEIVING)
        take_piece(c, piece, rid);
    else if (c && c->state == SENDING)
        send_piece(c, rid);
    else if (c)
        refuse(p, rid, 400, "The method has not answered yet.");
}

void module_pieces_call(struct module_pieces *p, uint64_t rid, struct slice payload)
{
    struct json_doc *doc = NULL;
    if (payload.len > MODULE_PAYLOAD_MAX * 2)
        refuse(p, rid, 413, "The piece is too large.");
    else if (json_parse(payload, JSON_STRICT, &doc, NULL) != OK ||
             !json_is(json_root(doc), JSON_OBJECT))
        refuse(p, rid, 400, "A piece is a JSON object.");
    else
        handle_piece(p, json_root(doc), rid);
    json_free(&doc);
}

struct module_pieces *module_pieces_new(struct module *m, module_pieces_reply_fn *reply)
{
    struct module_pieces *p = MEMORY_NEW(struct module_pieces);
    p->module = m;
    p->reply = reply;
    list_init(&p->calls);
    return p;
}

void module_pieces_free(struct module_pieces **pieces)
{
    struct module_pieces *p = *pieces;
    LIST_EACH(l, &p->calls)
    piecemeal_free(LIST_OF(l, struct piecemeal, link));
    free(p);
    *pieces = NULL;
}

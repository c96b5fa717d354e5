/*
 * An answer longer than memory on its way from the OPC UA thread to who takes it: pieces go to the
 * module's loop, and word comes back when one is with the caller. A request that has had pieces is
 * freed on the OPC UA thread, behind such word.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "twin/request.h"

struct piece {
    struct link sent; /* of the OPC UA thread, until it is with the caller */
    struct link link; /* of the module's loop, until it is given to him */
    struct twin_request *request;
    struct buffer json;
};

static void give_next(struct twin_request *r);

/* ---- the OPC UA thread ---- */

static void go_on(struct twin_request *r)
{
    void (*fn)(void *arg) = r->go_on;
    r->go_on = NULL;
    r->ends_ms = loop_now_ms(opcua_thread_loop(r->twin->thread)) + r->budget_ms;
    if (fn)
        fn(r->go_on_arg);
}

static void on_taken_ua(void *arg)
{
    struct twin_request *r = arg;
    r->pieces_out--;
    free(LIST_OF(list_pop(&r->pieces_sent), struct piece, sent));
    go_on(r);
}

static void on_abandoned_ua(void *arg)
{
    struct twin_request *r = arg;
    r->abandoned = true;
    go_on(r);
}

static void free_ua(void *arg)
{
    twin_request_drop_pieces(arg);
    free(arg);
}

void twin_request_drop_pieces(struct twin_request *r)
{
    for (struct link *l; (l = list_pop(&r->pieces_sent));) {
        struct piece *p = LIST_OF(l, struct piece, sent);
        buffer_clear(&p->json);
        free(p);
    }
}

static void on_piece(void *arg);

static bool has_room(const struct twin_request *r, size_t more)
{
    return !r->takes_pieces || (r->pieces_out + more < TWIN_PIECES_MAX && !r->abandoned);
}

bool twin_request_has_room_for_next(const struct twin_request *r)
{
    return has_room(r, 1);
}

bool twin_request_pass_on(struct twin_request *r, void (*fn)(void *arg), void *arg)
{
    if (r->takes_pieces && r->out.len >= TWIN_PIECE_BYTES) {
        struct piece *p = MEMORY_NEW(struct piece);
        p->request = r;
        p->json = r->out; /* moved; the writer goes on with an empty one */
        r->out = (struct buffer){0};
        list_push(&r->pieces_sent, &p->sent);
        r->pieces_out++;
        r->passed_on = true;
        loop_post(r->twin->loop, on_piece, p);
    }
    if (has_room(r, 0))
        return true;
    r->go_on = fn;
    r->go_on_arg = arg;
    if (r->abandoned) /* word of that has come already */
        opcua_thread_post(r->twin->thread, on_abandoned_ua, r);
    return false;
}

/* ---- the module's loop ---- */

static void on_taken(void *arg)
{
    struct twin_request *r = arg;
    r->piece_out = false;
    opcua_thread_post(r->twin->thread, on_taken_ua, r);
    give_next(r);
}

static void end(struct twin_request *r)
{
    struct twin *t = r->twin;
    bool later = r->takes_pieces; /* word for it may be under way */
    if (r->call && r->changes)
        module_call_changed(r->call, &(struct module_change){
                                         .old = buffer_slice(&r->before),
                                         .result = buffer_slice(r->after.len ? &r->after : &r->out)});
    if (r->call)
        module_reply(r->call, r->status, buffer_slice(&r->out));
    if (!later) {
        twin_request_free(r);
        return;
    }
    twin_request_let_go(r);
    opcua_thread_post(t->thread, free_ua, r);
}

static void give_next(struct twin_request *r)
{
    struct link *l;
    if (r->piece_out)
        return;
    if (r->call && (l = list_pop(&r->pieces))) {
        struct piece *p = LIST_OF(l, struct piece, link);
        struct buffer json = p->json;
        p->json = (struct buffer){0};
        r->piece_out = true;
        module_reply_piece(r->call, buffer_slice(&json), on_taken, r);
        buffer_clear(&json);
    } else if (r->ended) {
        end(r);
    }
}

static void on_piece(void *arg)
{
    struct piece *p = arg;
    struct twin_request *r = p->request;
    list_push(&r->pieces, &p->link);
    give_next(r);
}

void twin_request_answer(struct twin_request *r)
{
    r->ended = true;
    give_next(r);
}

void twin_request_give_up(struct twin_request *r)
{
    r->call = NULL;
    if (!r->takes_pieces)
        return;
    r->piece_out = false;
    if (r->ended)
        end(r);
    else
        opcua_thread_post(r->twin->thread, on_abandoned_ua, r);
}

#include "twin/request.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/types.h"
#include "twin/endpoint.h"
#include "twin/fault.h"

#define MARGIN_MS 500        /* the inner time is shorter than the outer one */
#define CONNECT_MS_MAX 10000 /* that a request waits for a session */

struct twin_owned {
    struct twin_owned *next;
    void *array;
    size_t count;
    const UA_DataType *type;
};

/* A session that a continuation token needs. */
struct hold {
    struct link link;
    struct twin *twin;
    struct opcua_session *session;
    struct loop_timer timer;
};

static struct loop *ua_loop(const struct twin *t)
{
    return opcua_thread_loop(t->thread);
}

/* ---- the end ---- */

void twin_request_let_go(struct twin_request *r)
{
    list_remove(&r->link);
    r->twin->request_count--;
    json_free(&r->doc);
    buffer_clear(&r->out);
    arena_clear(&r->arena);
    arena_clear(&r->names_arena);
    buffer_clear(&r->scratch);
    buffer_clear(&r->before);
    buffer_clear(&r->after);
}

void twin_request_free(struct twin_request *r)
{
    twin_request_let_go(r);
    twin_request_drop_pieces(r);
    free(r);
}

static void answer(void *arg)
{
    twin_request_answer(arg);
}

static void hold_free(struct hold *h)
{
    loop_timer_stop(&h->timer);
    list_remove(&h->link);
    h->twin->hold_count--;
    opcua_session_unref(&h->session);
    free(h);
}

static void on_hold_over(void *arg)
{
    hold_free(arg);
}

void twin_request_drop_holds(void *arg)
{
    struct twin *t = arg;
    for (struct link *l; (l = list_first(&t->holds));)
        hold_free(LIST_OF(l, struct hold, link));
}

static void hold_session(struct twin_request *r)
{
    struct twin *t = r->twin;
    struct hold *h = MEMORY_NEW(struct hold);
    if (t->hold_count >= TWIN_HOLDS_MAX)
        hold_free(LIST_OF(list_first(&t->holds), struct hold, link));
    h->twin = t;
    h->session = r->session;
    r->session = NULL;
    list_push(&t->holds, &h->link);
    t->hold_count++;
    loop_timer_start(ua_loop(t), &h->timer, TWIN_HOLD_MS, on_hold_over, h);
}

static void stop_waiting(struct twin_request *r)
{
    opcua_session_unlisten(&r->listener);
    loop_timer_stop(&r->patience);
}

static void delete_owned(struct twin_owned **owned)
{
    for (struct twin_owned *o = *owned; o; o = o->next)
        UA_Array_delete(o->array, o->count, o->type);
    *owned = NULL;
}

void twin_keep_reset(struct twin_keep *k)
{
    delete_owned(&k->owned);
    arena_reset(&k->arena);
}

void twin_keep_clear(struct twin_keep *k)
{
    delete_owned(&k->owned);
    arena_clear(&k->arena);
}

void *twin_keep_own(struct arena *a, struct twin_owned **owned, void *array, size_t count,
                    const UA_DataType *type)
{
    struct twin_owned *o = ARENA_TAKE(a, struct twin_owned);
    *o = (struct twin_owned){*owned, array, count, type};
    *owned = o;
    return array;
}

static void end(struct twin_request *r, int status)
{
    stop_waiting(r);
    r->go_on = NULL;
    if (r->on_end)
        r->on_end(r->on_end_arg);
    delete_owned(&r->owned);
    opcua_types_unref(&r->types);
    r->status = status;
    if (r->hold && r->session && status == 200)
        hold_session(r);
    if (r->session)
        opcua_session_unref(&r->session);
    loop_post(r->twin->loop, answer, r);
}

void twin_request_done(struct twin_request *r)
{
    end(r, 200);
}

static void restart_body(struct twin_request *r)
{
    buffer_reset(&r->out);
    r->writer = json_writer(&r->out);
    json_object(&r->writer);
}

void twin_request_fail(struct twin_request *r, enum status why, const char *format, ...)
{
    struct json_writer *w = &r->writer;
    struct buffer text = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    restart_body(r);
    json_name(w, "type"), json_put_text(w, "about:blank");
    json_name(w, "title"), json_put_text(w, status_name(why));
    json_name(w, "status"), json_put_i64(w, module_status(why));
    json_member(w, "detail", buffer_slice(&text));
    json_end_object(w);
    log_debug("request failed id=%s why=%s", r->id, status_name(why));
    buffer_clear(&text);
    end(r, module_status(why));
}

void twin_request_fault(struct twin_request *r, UA_StatusCode code, const char *text)
{
    enum status why = twin_fault_status(code);
    if (why == OK && r->passed_on) /* what was passed on cannot be taken back */
        why = PEER_FAILED;
    else if (why == OK && r->array)
        why = BAD_ARGUMENT;
    if (why != OK) {
        twin_request_fail(r, why, "%s%s%s", opcua_status_name(code), text ? ": " : "",
                          text ? text : "");
        return;
    }
    restart_body(r);
    opcua_put_error(&r->writer, code, text);
    json_end_object(&r->writer);
    end(r, 200);
}

/* ---- connecting ---- */

static void on_ready(void *arg, bool same);
static void on_failed(void *arg, UA_StatusCode why);

/* The session's own tables may change when it connects again: the request keeps what it began with.
 */
static void copy_names(struct twin_request *r)
{
    const struct opcua_namespaces *names = opcua_session_namespaces(r->session);
    UA_String *copy = ARENA_TAKE_N(&r->names_arena, UA_String, names->count + 1);
    for (size_t i = 0; i < names->count; i++)
        copy[i] = opcua_string_of(arena_copy(&r->names_arena, opcua_slice(names->uris[i])));
    r->names = (struct opcua_namespaces){.uris = copy, .count = names->count};
    r->form.names = &r->names;
}

static void start(struct twin_request *r)
{
    stop_waiting(r);
    copy_names(r);
    r->writer = json_writer(&r->out);
    r->run(r);
}

static void try_url(struct twin_request *r)
{
    r->connection.endpoint_url = r->urls[r->url];
    r->session = opcua_session_get(r->twin->thread, &r->connection);
    if (opcua_session_state(r->session) == OPCUA_SESSION_READY) {
        start(r);
        return;
    }
    r->listener =
        (struct opcua_session_listener){.on_ready = on_ready, .on_failed = on_failed, .arg = r};
    opcua_session_listen(r->session, &r->listener);
}

static void try_next(struct twin_request *r)
{
    opcua_session_unlisten(&r->listener);
    opcua_session_unref(&r->session);
    r->url++;
    try_url(r);
}

static void on_ready(void *arg, bool same)
{
    (void)same;
    start(arg);
}

/* A test of the connection has its answer. */
static void answer_unconnected(struct twin_request *r, UA_StatusCode why, const char *text)
{
    struct buffer message = {0};
    buffer_printf(&message, "%s (%.*s)", text, SLICE_FMT(r->urls[r->url]));
    restart_body(r);
    opcua_put_error(&r->writer, why, buffer_cstr(&message));
    json_end_object(&r->writer);
    buffer_clear(&message);
    end(r, 200);
}

static void end_unconnected(struct twin_request *r, UA_StatusCode why, const char *text)
{
    if (r->need == TWIN_CONNECTION)
        answer_unconnected(r, why, text);
    else
        twin_request_fail(r, twin_fault_connecting(why), "%s: %s (%.*s)", opcua_status_name(why),
                          text, SLICE_FMT(r->urls[r->url]));
}

static void on_failed(void *arg, UA_StatusCode why)
{
    struct twin_request *r = arg;
    const char *text = NULL;
    if (r->url + 1 < r->url_count) {
        try_next(r);
        return;
    }
    opcua_session_error(r->session, &text);
    end_unconnected(r, why, text ? text : "no connection");
}

static void on_patience_over(void *arg)
{
    struct twin_request *r = arg;
    const char *text = NULL;
    if (r->url + 1 < r->url_count) {
        loop_timer_start(ua_loop(r->twin), &r->patience, twin_request_left_ms(r), on_patience_over,
                         r);
        try_next(r);
        return;
    }
    UA_StatusCode why = opcua_session_error(r->session, &text);
    if (why == UA_STATUSCODE_GOOD)
        end_unconnected(r, UA_STATUSCODE_BADTIMEOUT, "It does not answer.");
    else
        end_unconnected(r, why, text ? text : "no connection");
}

static uint64_t connect_ms(const struct twin_request *r)
{
    uint64_t left = twin_request_left_ms(r) / r->url_count;
    return left < CONNECT_MS_MAX ? left : CONNECT_MS_MAX;
}

static void begin(void *arg)
{
    struct twin_request *r = arg;
    r->ends_ms = loop_now_ms(ua_loop(r->twin)) + r->budget_ms;
    const struct json *payload = json_root(r->doc);
    const struct json *inner = json_get_nocase(payload, "request");
    struct buffer why = {0};
    r->parameters = payload;
    if (json_get_nocase(inner, "connection")) /* one of several parameters */
        payload = inner;
    r->body = json_get_nocase(payload, "request");
    r->of_2_8 = json_get_nocase(payload, "connection") == NULL;
    enum status s = twin_endpoint_read(payload, r, &why);
    if (s == OK && r->body && !json_is(r->body, JSON_OBJECT) && !json_is(r->body, JSON_NULL)) {
        buffer_text(&why, "\"request\" is not an object.");
        s = BAD_ARGUMENT;
    }
    if (s == OK && r->need == TWIN_ENDPOINT) {
        r->writer = json_writer(&r->out);
        r->run(r);
    } else if (s == OK) {
        loop_timer_start(ua_loop(r->twin), &r->patience, connect_ms(r), on_patience_over, r);
        try_url(r);
    } else {
        twin_request_fail(r, s, "%s", buffer_cstr(&why));
    }
    buffer_clear(&why);
}

/* ---- the module's loop ---- */

static void on_ended(void *arg)
{
    twin_request_give_up(arg);
}

void twin_request_begin(struct module_call *c, twin_run_fn *run, enum twin_need need)
{
    struct twin *t = module_call_app(c);
    if (t->request_count >= TWIN_REQUESTS_MAX) {
        module_reply_error(c, BUSY, "Too many requests are under way.");
        return;
    }
    if (!json_is(module_call_payload(c), JSON_OBJECT)) {
        module_reply_error(c, BAD_ARGUMENT, "The payload is {\"endpoint\":{…},\"request\":{…}}.");
        return;
    }
    struct twin_request *r = MEMORY_NEW(struct twin_request);
    uint64_t left = module_call_left_ms(c);
    r->twin = t;
    r->call = c;
    r->run = run;
    r->need = need;
    r->watched = module_is_watched(t->module);
    r->times = UA_TIMESTAMPSTORETURN_BOTH;
    r->budget_ms = left > 2 * MARGIN_MS ? left - MARGIN_MS : left;
    snprintf(r->id, sizeof(r->id), "%s", module_call_id(c));
    r->doc = module_call_take(c);
    r->takes_pieces = module_call_takes_pieces(c);
    list_init(&r->pieces);
    list_init(&r->pieces_sent);
    list_push(&t->requests, &r->link);
    t->request_count++;
    module_call_wait(c, on_ended, r);
    opcua_thread_post(t->thread, begin, r);
}

/* ---- pieces ---- */

uint32_t twin_request_left_ms(const struct twin_request *r)
{
    uint64_t now = loop_now_ms(ua_loop(r->twin));
    return r->ends_ms > now ? (uint32_t)(r->ends_ms - now) : 1;
}

void *twin_request_own(struct twin_request *r, void *array, size_t count, const UA_DataType *type)
{
    return twin_keep_own(&r->arena, &r->owned, array, count, type);
}

void twin_request_own_id(struct twin_request *r, const UA_NodeId *id)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_NODEID];
    UA_NodeId *copy = UA_new(type);
    if (copy == NULL)
        return;
    *copy = *id; /* what it points to goes with the copy */
    twin_request_own(r, copy, 1, type);
}

#include "opcua/connections.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

struct connections {
    struct loop *loop;
    struct opcua_thread *thread;
    struct list questions;
    size_t asked;
    bool stopped;
};

/* A question on its way: to the OPC UA thread, from there to servers, and back. */
struct question {
    struct link link;
    struct connections *connections;
    enum connections_what what;
    connections_fn *fn;
    void *arg;
    enum status why;
    struct buffer json;
    struct json_writer w;
    size_t waiting; /* for servers, and one until all of them are asked */
};

/* What one server is asked. Keeps its session. */
struct ask {
    struct question *question;
    struct opcua_session *session;
};

/* ---- back ---- */

static void on_answered(void *arg)
{
    struct question *q = arg;
    list_remove(&q->link);
    q->connections->asked--;
    q->fn(q->arg, q->why, buffer_slice(&q->json));
    buffer_clear(&q->json);
    free(q);
}

static void done_one(struct question *q)
{
    if (--q->waiting > 0)
        return;
    json_end_array(&q->w);
    loop_post(q->connections->loop, on_answered, q);
}

/* ---- on the OPC UA thread ---- */

static void on_counts(void *arg, UA_StatusCode status, const UA_SessionDiagnosticsDataType *of,
                      const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count)
{
    struct ask *a = arg;
    struct question *q = a->question;
    struct opcua_connection c = opcua_session_connection(a->session);
    (void)status; /* many servers count nothing: the connection is told alone */
    json_object(&q->w);
    json_name(&q->w, "connection"), connections_put(&q->w, &c);
    if (of)
        json_name(&q->w, "server"), connections_put_server(&q->w, of, subscriptions, count);
    json_end_object(&q->w);
    opcua_session_unref(&a->session);
    free(a);
    done_one(q);
}

static void ask_server(struct question *q, struct opcua_session *s)
{
    struct ask *a = MEMORY_NEW(struct ask);
    *a = (struct ask){q, opcua_session_ref(s)};
    q->waiting++;
    opcua_session_diagnostics(s, on_counts, a, CONNECTIONS_MS);
}

/* "address:port". */
static void put_address(struct json_writer *w, struct slice peer)
{
    size_t colon = peer.len;
    uint64_t port;
    while (colon > 0 && peer.at[colon - 1] != ':')
        colon--;
    if (colon == 0 || !slice_to_u64(slice_skip(peer, colon), &port))
        return;
    json_name(w, "remoteIpAddress"), json_put_string(w, slice_first(peer, colon - 1));
    json_name(w, "remotePort"), json_put_u64(w, port);
}

static void put_channel(struct json_writer *w, const struct opcua_channel *c)
{
    char lifetime[CLOCK_TIMESPAN_MAX];
    put_address(w, slice_of(c->peer));
    if (c->id == 0)
        return;
    json_name(w, "channelId"), json_put_u64(w, c->id);
    json_name(w, "tokenId"), json_put_u64(w, c->token_id);
    json_name(w, "createdAt"), json_put_time(w, c->since_ms);
    clock_timespan(c->lifetime_ms, lifetime);
    json_name(w, "lifetime"), json_put_text(w, lifetime);
}

static void tell_channel(struct question *q, struct opcua_session *s)
{
    struct opcua_channel channel;
    struct opcua_connection c = opcua_session_connection(s);
    struct loop *l = opcua_thread_loop(opcua_session_thread(s));
    json_object(&q->w);
    json_name(&q->w, "timeStamp"), json_put_time(&q->w, loop_wall_ms(l));
    json_name(&q->w, "connection"), connections_put(&q->w, &c);
    if (opcua_session_channel(s, &channel))
        put_channel(&q->w, &channel);
    json_end_object(&q->w);
}

static void tell_session(void *arg, struct opcua_session *s)
{
    struct question *q = arg;
    if (q->what == CONNECTIONS_CHANNELS)
        tell_channel(q, s);
    else if (opcua_session_state(s) == OPCUA_SESSION_READY)
        ask_server(q, s);
}

static void ask_ua(void *arg)
{
    struct question *q = arg;
    q->w = json_writer(&q->json);
    q->waiting = 1;
    json_array(&q->w);
    opcua_sessions_each(q->connections->thread, tell_session, q);
    done_one(q);
}

/* ---- what the header promised ---- */

void connections_ask(struct connections *c, enum connections_what what, connections_fn *fn,
                     void *arg)
{
    struct question *q = MEMORY_NEW(struct question);
    *q = (struct question){.connections = c, .what = what, .fn = fn, .arg = arg};
    q->why = c->stopped ? CANCELLED : c->asked >= CONNECTIONS_ASKED_MAX ? BUSY : OK;
    c->asked++;
    list_push(&c->questions, &q->link);
    if (q->why == OK)
        opcua_thread_post(c->thread, ask_ua, q);
    else
        loop_post(c->loop, on_answered, q);
}

struct connections *connections_new(struct loop *l, struct opcua_thread *t)
{
    struct connections *c = MEMORY_NEW(struct connections);
    *c = (struct connections){.loop = l, .thread = t};
    list_init(&c->questions);
    return c;
}

void connections_stop(struct connections *c)
{
    c->stopped = true;
}

bool connections_idle(const struct connections *c)
{
    return c->asked == 0;
}

void connections_free(struct connections **connections)
{
    struct connections *c = *connections;
    if (!c)
        return;
    for (struct link *l; (l = list_first(&c->questions));) { /* nobody brings them back */
        struct question *q = LIST_OF(l, struct question, link);
        q->why = CANCELLED;
        buffer_clear(&q->json);
        on_answered(q);
    }
    free(c);
    *connections = NULL;
}

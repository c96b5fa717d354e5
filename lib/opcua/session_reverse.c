/* Which connection is whose: of sessions that connect to their servers, and of those whose servers
 * connect to us. */
#include "base/log.h"
#include "opcua/event_loop.h"
#include "opcua/inquiry.h"
#include "opcua/reverse.h"
#include "opcua/session_priv.h"
#include "opcua/tcp.h"

static struct opcua_tcp *tcp_of(const struct opcua_thread *t)
{
    return opcua_event_loop_tcp(t->event_loop);
}

/* A session opens connections for its client, and before that to ask for the endpoints. */
static bool is_of(const struct opcua_session *s, const void *application)
{
    return application && (s->client == application ||
                           (s->inquiry && opcua_inquiry_client(s->inquiry) == application));
}

static const void *who_waits(const struct opcua_session *s)
{
    const void *asking = s->inquiry ? opcua_inquiry_client(s->inquiry) : NULL;
    if (asking && opcua_tcp_waits(tcp_of(s->thread), asking))
        return asking;
    return s->client && opcua_tcp_waits(tcp_of(s->thread), s->client) ? s->client : NULL;
}

/* Of several sessions with one server, the first that waits gets it. */
static bool on_server(void *arg, struct slice endpoint_url)
{
    struct opcua_thread *t = arg;
    bool known = false;
    LIST_EACH(l, &t->sessions)
    {
        struct opcua_session *s = LIST_OF(l, struct opcua_session, link);
        if (!s->reverse || !slice_eq(slice_of(s->url), endpoint_url))
            continue;
        known = true;
        const void *waits = who_waits(s);
        if (waits) {
            opcua_tcp_give(tcp_of(t), waits, opcua_reverse_take(t->reverse, endpoint_url));
            break;
        }
        session_try_now(s);
    }
    return known;
}

/* The stack opens a connection for one of our clients. */
static bool dial(void *arg, const void *application, struct stream **out, bool *again)
{
    struct opcua_thread *t = arg;
    LIST_EACH(l, &t->sessions)
    {
        struct opcua_session *s = LIST_OF(l, struct opcua_session, link);
        if (!is_of(s, application))
            continue;
        *again = s->failures > 0; /* on_failed() tells what changes */
        if (s->reverse && t->reverse)
            *out = opcua_reverse_take(t->reverse, slice_of(s->url));
        return s->reverse;
    }
    return false;
}

void session_dial_begin(struct opcua_thread *t)
{
    tcp_of(t)->dial = dial;
    tcp_of(t)->dial_arg = t;
}

void session_reverse_begin(struct opcua_session *s)
{
    struct opcua_thread *t = s->thread;
    if (t->reverse)
        return;
    int port = t->reverse_port < 0 ? 0 : t->reverse_port ? t->reverse_port : OPCUA_REVERSE_PORT;
    struct opcua_reverse_config config = {
        .loop = t->loop, .port = port, .on_server = on_server, .arg = t};
    if (opcua_reverse_open(&config, &t->reverse) != OK)
        session_explain(s, UA_STATUSCODE_BADRESOURCEUNAVAILABLE,
                        "the port for reverse connections is in use");
}

#include "opcua/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/event_loop.h"
#include "opcua/inquiry.h"
#include "opcua/reverse.h"
#include "opcua/session_priv.h"

#define OPENED_MAX                                                                                 \
    4 /* connections in one try: the endpoint, the stack's discovery, and one each to spare */

static void try_to_connect(void *arg);

/* ---- telling ---- */

void session_explain(struct opcua_session *s, UA_StatusCode why, const char *what)
{
    s->error = why;
    snprintf(s->text, sizeof s->text, "%s", what);
}

const char *session_advice(UA_StatusCode why)
{
    switch (why) {
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
        return "the server's certificate is not trusted: move it from rejected/certs to "
               "trusted/certs";
    case UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE:
        return "an issuer of the server's certificate is missing in issuer/certs";
    case UA_STATUSCODE_BADCERTIFICATEREVOCATIONUNKNOWN:
    case UA_STATUSCODE_BADCERTIFICATEISSUERREVOCATIONUNKNOWN:
        return "there is no valid revocation list of the server's issuers in trusted/crl or issuer/crl";
    case UA_STATUSCODE_BADCERTIFICATEREVOKED:
    case UA_STATUSCODE_BADCERTIFICATEISSUERREVOKED:
        return "the server's certificate was revoked";
    case UA_STATUSCODE_BADCERTIFICATETIMEINVALID:
    case UA_STATUSCODE_BADCERTIFICATEISSUERTIMEINVALID:
        return "the time of the server's certificate is over or has not begun";
    case UA_STATUSCODE_BADCERTIFICATEURIINVALID:
        return "the server's certificate is for another application";
    case UA_STATUSCODE_BADCERTIFICATEHOSTNAMEINVALID:
        return "the server's certificate is for other hosts than the one in its URL";
    case UA_STATUSCODE_BADCERTIFICATEPOLICYCHECKFAILED:
        return "the server's certificate has a short key or is signed with SHA-1";
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
        return "the server refused our certificate or shows another one than before: trust ours "
               "there";
    case UA_STATUSCODE_BADIDENTITYTOKENREJECTED:
        return "no endpoint of the server has this security and this kind of user";
    case UA_STATUSCODE_BADUSERACCESSDENIED:
        return "the server does not accept this user name and password";
    case UA_STATUSCODE_BADTOOMANYSESSIONS:
        return "the server has no session left for us";
    case UA_STATUSCODE_BADCONNECTIONREJECTED:
    case UA_STATUSCODE_BADCONNECTIONCLOSED:
    case UA_STATUSCODE_BADNOTCONNECTED:
        return "nobody answers at this address, or the connection was cut";
    case UA_STATUSCODE_BADSERVERHALTED:
        return "the server says that another one is better";
    case UA_STATUSCODE_BADTIMEOUT:
        return "the server does not answer in time";
    case UA_STATUSCODE_BADTCPENDPOINTURLINVALID:
        return "the endpoint's URL is not one of OPC UA: opc.tcp://host:port/path";
    default:
        return UA_StatusCode_name(why);
    }
}

typedef void tell_fn(struct opcua_session_listener *l, bool same, UA_StatusCode why);

static void tell_ready(struct opcua_session_listener *l, bool same, UA_StatusCode why)
{
    (void)why;
    if (l->on_ready)
        l->on_ready(l->arg, same);
}

static void tell_lost(struct opcua_session_listener *l, bool same, UA_StatusCode why)
{
    (void)same;
    if (l->on_lost)
        l->on_lost(l->arg, why);
}

static void tell_failed(struct opcua_session_listener *l, bool same, UA_StatusCode why)
{
    (void)same;
    if (l->on_failed)
        l->on_failed(l->arg, why);
}

/* Listeners may come and go while they are told. */
static void tell_all(struct opcua_session *s, tell_fn *tell, UA_StatusCode why)
{
    struct list todo;
    list_init(&todo);
    struct link *l;
    while ((l = list_pop(&s->listeners)))
        list_push(&todo, l);
    while ((l = list_pop(&todo))) {
        list_push(&s->listeners, l);
        tell(LIST_OF(l, struct opcua_session_listener, link), s->same, why);
    }
}

/* ---- connecting ---- */

static uint64_t retry_ms(struct opcua_session *s)
{
    uint64_t most = s->thread->tuning.reconnect_ms_min, max = s->thread->tuning.reconnect_ms_max;
    for (unsigned i = 0; i < s->failures && most < max; i++)
        most *= 2;
    most = most < max ? most : max;
    return most / 2 +
           loop_random_u64(s->loop) % (most / 2 + 1); /* so that many do not come at once */
}

static void wait_for_retry(struct opcua_session *s)
{
    s->state = OPCUA_SESSION_WAITING;
    s->identifying = false;
    loop_timer_stop(&s->deadline);
    loop_timer_stop(&s->watchdog);
    loop_timer_start(s->loop, &s->retry, retry_ms(s), try_to_connect, s);
}

static void log_failure(struct opcua_session *s, const char *what, UA_StatusCode why)
{
    bool tell = s->failures <= 1 || why != s->told; /* once, until it changes */
    enum log_level level = tell ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    s->told = why;
    log_line(level, "opcua session %s url=%s status=%s reason=\"%s\"", what, s->url,
             UA_StatusCode_name(why), s->text);
}

static void on_failed(struct opcua_session *s, UA_StatusCode why)
{
    if (why != s->error || !s->text[0])
        session_explain(s, why, session_advice(why));
    s->failures++;
    s->failures_ever++;
    log_failure(s, "failed", why);
    if (session_redundancy_next(s) || s->reached)
        session_client_drop(s); /* somebody is there, but not as before: ask again from the start */
    wait_for_retry(s);
    tell_all(s, tell_failed, why);
}

static void on_lost(struct opcua_session *s, UA_StatusCode why)
{
    session_explain(s, why, session_advice(why));
    s->failures = 0;
    log_failure(s, "lost", why);
    wait_for_retry(s);
    tell_all(s, tell_lost, why);
}

static void fail(struct opcua_session *s, UA_StatusCode why)
{
    if (s->state == OPCUA_SESSION_READY)
        on_lost(s, why);
    else if (s->state == OPCUA_SESSION_CONNECTING)
        on_failed(s, why);
}

void session_leave(struct opcua_session *s, UA_StatusCode why)
{
    session_client_drop(s);
    fail(s, why);
}

static void drop_inquiry(struct opcua_session *s)
{
    if (s->inquiry)
        opcua_inquiry_cancel(s->inquiry);
    s->inquiry = NULL;
}

/* A session that was ready is worth coming back to: the server queues for its subscriptions. */
static void on_deadline(void *arg)
{
    struct opcua_session *s = arg;
    drop_inquiry(s);
    if (s->state == OPCUA_SESSION_READY || s->same)
        session_client_cut(s);
    if (s->state != OPCUA_SESSION_READY)
        session_client_drop(s);
    fail(s, UA_STATUSCODE_BADTIMEOUT);
}

/* The session is gone, its connection is not: the stack is already making a new one. */
static void on_session_gone(struct opcua_session *s)
{
    session_explain(s, UA_STATUSCODE_BADSESSIONIDINVALID, "the server forgot the session");
    s->state = OPCUA_SESSION_CONNECTING;
    s->same = false;
    s->reached = true;
    loop_timer_stop(&s->watchdog);
    loop_timer_start(s->loop, &s->deadline, s->thread->try_ms, on_deadline, s);
    tell_all(s, tell_lost, UA_STATUSCODE_BADSESSIONIDINVALID);
}

/* Outside of the stack: what did its state come to? */
static void on_soon(void *arg)
{
    struct opcua_session *s = arg;
    if (!s->client)
        return;
    UA_SecureChannelState channel;
    UA_SessionState state;
    UA_StatusCode status;
    UA_Client_getState(s->client, &channel, &state, &status);
    bool active = channel == UA_SECURECHANNELSTATE_OPEN && state == UA_SESSIONSTATE_ACTIVATED;
    if (status != UA_STATUSCODE_GOOD) {
        fail(s, status);
    } else if (s->state == OPCUA_SESSION_READY && !active) {
        on_session_gone(s);
    } else if (s->state == OPCUA_SESSION_CONNECTING && active && !s->identifying) {
        s->identifying = true;
        UA_Client_getConfig(s->client)->noReconnect = true; /* from here on we decide when */
        session_identify(s);
    }
}

void session_note(struct opcua_session *s, UA_SecureChannelState channel, UA_SessionState state)
{
    if (channel == UA_SECURECHANNELSTATE_CONNECTING && ++s->opened >= OPENED_MAX)
        UA_Client_getConfig(s->client)->noReconnect =
            true; /* a peer that closes at once would be tried for ever */
    if (channel > UA_SECURECHANNELSTATE_CONNECTING && channel < UA_SECURECHANNELSTATE_CLOSING)
        s->reached = true;
    if (state == UA_SESSIONSTATE_CREATE_REQUESTED)
        s->same = false;
    loop_timer_start(s->loop, &s->soon, 0, on_soon, s);
}

/* The URL is the one that the client was made for. */
static void connect_client(void *arg)
{
    struct opcua_session *s = arg;
    UA_ClientConfig *config = UA_Client_getConfig(s->client);
    config->noReconnect = false;
    UA_StatusCode status = UA_Client_connectAsync(s->client, s->endpoint_url);
    if (status != UA_STATUSCODE_GOOD)
        loop_timer_start(s->loop, &s->soon, 0, on_soon, s);
}

/* A new client asks for the server's endpoints first; what is there may have changed since. */
static void on_endpoints(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *answer)
{
    struct opcua_session *s = arg;
    s->inquiry = NULL;
    if (status != UA_STATUSCODE_GOOD) {
        on_failed(s, status);
        return;
    }
    s->client = session_client_new(s, answer->endpoints, answer->endpoint_count);
    if (s->client) /* after the inquiry's connection: some servers have room for one */
        loop_timer_start(s->loop, &s->retry, 0, connect_client, s);
    else
        on_failed(s, s->error);
}

static bool lacks_certificate(const struct opcua_session *s)
{
    return !s->thread->pki && s->security != OPCUA_SECURITY_NONE &&
           s->security != OPCUA_SECURITY_BEST;
}

static void try_to_connect(void *arg)
{
    struct opcua_session *s = arg;
    if (lacks_certificate(s)) {
        session_explain(s, UA_STATUSCODE_BADSECURITYMODEREJECTED,
                        "there is no own certificate: name a directory for certificates");
        on_failed(s, s->error);
        return;
    }
    uint32_t try_ms = s->thread->try_ms;
    if (s->reverse) {
        session_reverse_begin(s);
        try_ms += OPCUA_REVERSE_WAIT_MS;
    }
    s->state = OPCUA_SESSION_CONNECTING;
    s->opened = 0;
    s->reached = false;
    s->same = s->client != NULL && s->was_ready;
    loop_timer_start(s->loop, &s->deadline, try_ms, on_deadline, s);
    if (s->client) {
        connect_client(s);
        return;
    }
    s->was_ready = false;
    s->inquiry = opcua_inquire_endpoints(s->thread, slice_of(session_redundancy_url(s)), on_endpoints, s, try_ms);
}

/* The server is there: no need to wait. */
void session_try_now(struct opcua_session *s)
{
    if (s->state == OPCUA_SESSION_WAITING && !s->closing)
        loop_timer_start(s->loop, &s->retry, 0, try_to_connect, s);
}

/* ---- being ready ---- */

static void on_probed(void *arg, UA_StatusCode status, void *response)
{
    (void)response;
    struct opcua_session *s = arg;
    s->probing = false;
    uint64_t received = s->client ? opcua_event_loop_received(s->thread->event_loop, s->client) : 0;
    if (status == UA_STATUSCODE_BADTIMEOUT && s->state == OPCUA_SESSION_READY &&
        received == s->received)
        loop_timer_start(s->loop, &s->deadline, 0, on_deadline, s); /* not from within the stack */
}

static void probe(struct opcua_session *s)
{
    UA_ReadValueId read = {.nodeId = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER_SERVERSTATUS_STATE),
                           .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
                              .nodesToReadSize = 1,
                              .nodesToRead = &read};
    s->probing = true;
    session_call_early(s, &request, &UA_TYPES[UA_TYPES_READREQUEST],
                       &UA_TYPES[UA_TYPES_READRESPONSE], on_probed, s, 2 * s->thread->silence_ms);
}

static void on_watchdog(void *arg)
{
    struct opcua_session *s = arg;
    uint64_t received = opcua_event_loop_received(s->thread->event_loop, s->client);
    if (received == s->received && !s->probing)
        probe(s);
    session_redundancy_ask(s, false);
    s->received = received;
    loop_timer_start(s->loop, &s->watchdog, s->thread->silence_ms, on_watchdog, s);
}

void session_identified(struct opcua_session *s, UA_StatusCode why)
{
    if (!s->identifying)
        return;
    s->identifying = false;
    if (why != UA_STATUSCODE_GOOD) {
        loop_timer_start(s->loop, &s->deadline, 0, on_deadline, s); /* not from within the stack */
        return;
    }
    log_info("opcua session ready url=%s server=%s same=%d", s->url,
             s->application_uri ? s->application_uri : "", s->same);
    s->state = OPCUA_SESSION_READY;
    s->error = UA_STATUSCODE_GOOD;
    s->text[0] = 0;
    s->failures = 0;
    s->was_ready = true;
    loop_timer_stop(&s->deadline);
    loop_timer_start(s->loop, &s->watchdog, s->thread->silence_ms, on_watchdog, s);
    session_calls_send(s);
    tell_all(s, tell_ready, UA_STATUSCODE_GOOD);
    s->moved = false;
    session_redundancy_ask(s, true);
}

/* ---- sharing ---- */

static bool is_same(const struct opcua_session *s, const struct opcua_connection *c)
{
    return s->security == c->security && s->certificate_user == c->certificate_user &&
           slice_eq(slice_of(s->url), c->endpoint_url) &&
           slice_eq(slice_of(s->alternatives), c->alternatives) &&
           slice_eq(slice_of(s->policy), c->security_policy) &&
           slice_eq(slice_of(s->user), c->user) && slice_eq(slice_of(s->password), c->password) &&
           slice_eq(slice_of(s->group), c->group) &&
           slice_eq(slice_of(s->locales), c->locales) && s->reverse == c->reverse;
}

static struct opcua_session *find(struct opcua_thread *t, const struct opcua_connection *c)
{
    LIST_EACH(l, &t->sessions)
    {
        struct opcua_session *s = LIST_OF(l, struct opcua_session, link);
        if (is_same(s, c))
            return s;
    }
    return NULL;
}

static struct opcua_session *session_new(struct opcua_thread *t, const struct opcua_connection *c)
{
    struct opcua_session *s = MEMORY_NEW(struct opcua_session);
    s->thread = t;
    s->loop = t->loop;
    s->security = c->security;
    s->certificate_user = c->certificate_user;
    s->profile = opcua_profile_of(NULL, NULL);
    s->url = slice_dup(c->endpoint_url);
    s->alternatives = slice_dup(c->alternatives);
    s->policy = slice_dup(c->security_policy);
    s->user = slice_dup(c->user);
    s->password = slice_dup(c->password);
    s->group = slice_dup(c->group);
    s->locales = slice_dup(c->locales);
    s->reverse = c->reverse;
    snprintf(s->name, sizeof s->name, "millrace-%016llx",
             (unsigned long long)loop_random_u64(s->loop));
    list_init(&s->listeners);
    list_init(&s->waiting);
    list_init(&s->sent);
    list_init(&s->failed);
    list_push(&t->sessions, &s->link);
    session_redundancy_begin(s);
    loop_timer_start(s->loop, &s->retry, 0, try_to_connect, s);
    return s;
}

struct opcua_session *opcua_session_get(struct opcua_thread *t, const struct opcua_connection *c)
{
    struct opcua_session *s = find(t, c);
    if (!s)
        s = session_new(t, c);
    loop_timer_stop(&s->lease);
    s->refs++;
    return s;
}

struct opcua_session *opcua_session_ref(struct opcua_session *s)
{
    loop_timer_stop(&s->lease);
    s->refs++;
    return s;
}

static void close_session(struct opcua_session *s)
{
    s->closing = true;
    loop_timer_stop(&s->lease);
    loop_timer_stop(&s->soon);
    loop_timer_stop(&s->retry);
    loop_timer_stop(&s->deadline);
    loop_timer_stop(&s->watchdog);
    s->state = OPCUA_SESSION_WAITING;
    s->identifying = false;
    drop_inquiry(s);
    list_remove(&s->link);
    session_client_drop(s);
    session_calls_fail(s, UA_STATUSCODE_BADSHUTDOWN);
}

static void destroy(struct opcua_session *s)
{
    session_forget_types(s);
    session_redundancy_clear(s);
    session_lookups_clear(s);
    session_publish_clear(s);
    session_peer_clear(s);
    free(s->url);
    free(s->alternatives);
    free(s->endpoint_url);
    free(s->policy);
    free(s->user);
    free(s->group);
    free(s->locales);
    if (s->password)
        explicit_bzero(s->password, strlen(s->password));
    free(s->password);
    free(s);
}

static void on_lease_over(void *arg)
{
    struct opcua_session *s = arg;
    log_info("opcua session closed url=%s", s->url);
    close_session(s);
    destroy(s);
}

void opcua_session_unref(struct opcua_session **session)
{
    struct opcua_session *s = *session;
    *session = NULL;
    if (!s || --s->refs > 0)
        return;
    if (s->thread)
        loop_timer_start(s->loop, &s->lease, s->thread->lease_ms, on_lease_over, s);
    else
        destroy(s);
}

void opcua_session_free(struct opcua_session *s)
{
    close_session(s);
    loop_timer_stop(&s->lease); /* calls that failed may have let it go */
    session_forget_types(s);
    s->thread = NULL; /* the last who holds it frees it */
    if (s->refs == 0)
        destroy(s);
}

/* ---- asking ---- */

void opcua_sessions_each(struct opcua_thread *t, void (*fn)(void *arg, struct opcua_session *s),
                         void *arg)
{
    LIST_EACH(l, &t->sessions)
    fn(arg, LIST_OF(l, struct opcua_session, link));
}

struct opcua_connection opcua_session_connection(const struct opcua_session *s)
{
    return (struct opcua_connection){.endpoint_url = slice_of(s->url),
                                     .alternatives = slice_of(s->alternatives),
                                     .security = s->security,
                                     .security_policy = slice_of(s->policy),
                                     .user = slice_of(s->user),
                                     .password = slice_of(s->password),
                                     .certificate_user = s->certificate_user,
                                     .reverse = s->reverse,
                                     .group = slice_of(s->group),
                                     .locales = slice_of(s->locales)};
}

void opcua_sessions_reset(struct opcua_thread *t)
{
    LIST_EACH(l, &t->sessions)
    {
        struct opcua_session *s = LIST_OF(l, struct opcua_session, link);
        if (s->state == OPCUA_SESSION_READY) {
            session_client_drop(s);
            fail(s, UA_STATUSCODE_BADCONNECTIONCLOSED);
        } else if (s->state == OPCUA_SESSION_WAITING) {
            loop_timer_start(s->loop, &s->retry, 0, try_to_connect, s);
        }
    }
}

struct opcua_thread *opcua_session_thread(const struct opcua_session *s)
{
    return s->thread;
}

enum opcua_session_state opcua_session_state(const struct opcua_session *s)
{
    return s->state;
}

UA_StatusCode opcua_session_error(const struct opcua_session *s, const char **text)
{
    if (text)
        *text = s->text;
    return s->error;
}

uint64_t opcua_session_failures(const struct opcua_session *s)
{
    return s->failures_ever;
}

const struct opcua_limits *opcua_session_limits(const struct opcua_session *s)
{
    return &s->limits;
}

const struct opcua_namespaces *opcua_session_namespaces(const struct opcua_session *s)
{
    return &s->names;
}

UA_DateTime opcua_session_server_started(const struct opcua_session *s)
{
    return s->server_started;
}

struct slice opcua_session_url(const struct opcua_session *s)
{
    return slice_of(s->url);
}

struct slice opcua_session_application_uri(const struct opcua_session *s)
{
    return slice_of(s->application_uri);
}

void opcua_session_listen(struct opcua_session *s, struct opcua_session_listener *l)
{
    list_push(&s->listeners, &l->link);
}

void opcua_session_unlisten(struct opcua_session_listener *l)
{
    list_remove(&l->link);
}

const char *opcua_status_name(UA_StatusCode code)
{
    return UA_StatusCode_name(code);
}

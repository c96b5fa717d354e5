/*
 * A session with an OPC UA server, shared by all who want the same server as the same user: real
 * controllers allow few. It connects by itself, for ever, with back-off, and tells who listens.
 * Every service is asynchronous; there is no other way.
 *
 * All of it on the OPC UA thread that the session was got on (opcua/thread.h).
 */
#pragma once

#include "base/list.h"
#include "base/slice.h"
#include "opcua/node_id.h"
#include "opcua/thread.h"

struct opcua_session;
struct opcua_types;

enum opcua_security {
    OPCUA_SECURITY_NONE,
    OPCUA_SECURITY_SIGN,
    OPCUA_SECURITY_SIGN_AND_ENCRYPT,
    OPCUA_SECURITY_NOT_NONE, /* the best that the server offers, never None */
    OPCUA_SECURITY_BEST,     /* the best that the server offers, None too */
};

/* Where to and as whom. Two connections with the same fields are one session. */
struct opcua_connection {
    struct slice endpoint_url; /* "opc.tcp://host:port/path" */
    struct slice alternatives; /* further URLs of it, with blanks between: for when it is not there */
    enum opcua_security security;
    struct slice
        security_policy; /* URI or its last word, "Basic256Sha256"; empty: the best offered */
    struct slice user;   /* empty: anonymous */
    struct slice password;
    bool certificate_user; /* `user` is the subject or thumbprint of a certificate with its key */
    bool reverse;          /* the server connects to us */
    struct slice group;    /* sessions of different groups are different ones; mostly empty */
    struct slice locales;  /* of texts, "de-DE,en", the best first; empty: the server's own */
};

/* A reference to the session, made when there is none yet. It begins to connect at once. Copies
 * `c`. */
struct opcua_session *opcua_session_get(struct opcua_thread *t, const struct opcua_connection *c);

/* fn(arg, session) for each of the thread; it may let go of none. */
void opcua_sessions_each(struct opcua_thread *t, void (*fn)(void *arg, struct opcua_session *s),
                         void *arg);

/* As it was got; borrowed. */
struct opcua_connection opcua_session_connection(const struct opcua_session *s);

/* One more reference. */
struct opcua_session *opcua_session_ref(struct opcua_session *s);

/* All sessions of the thread begin anew: those that are ready are closed, with their subscriptions,
 * and connect again; those that wait for a try do it now. */
void opcua_sessions_reset(struct opcua_thread *t);

/* After the last one the session stays for the lease and is then closed. */
void opcua_session_unref(struct opcua_session **s);

struct opcua_thread *opcua_session_thread(const struct opcua_session *s);

enum opcua_session_state {
    OPCUA_SESSION_CONNECTING, /* → READY, WAITING */
    OPCUA_SESSION_READY,      /* calls go out; → WAITING */
    OPCUA_SESSION_WAITING,    /* for the next try; → CONNECTING */
};

enum opcua_session_state opcua_session_state(const struct opcua_session *s);

/* Why it is not ready, or last was not: Good when it never failed. The text says what to do where
 * that is known, and belongs to the session until the next change. */
UA_StatusCode opcua_session_error(const struct opcua_session *s, const char **text);

/* How often a try to connect failed, since there is this session. */
uint64_t opcua_session_failures(const struct opcua_session *s);

/* ---- what is known about the server, read before a session becomes ready ---- */

struct opcua_limits { /* 0: the server names none */
    uint32_t nodes_per_read, nodes_per_write, nodes_per_browse, nodes_per_method_call;
    uint32_t nodes_per_register, nodes_per_translate, nodes_per_history_read;
    uint32_t monitored_items_per_call;
    uint32_t continuation_points; /* MaxBrowseContinuationPoints */
};

const struct opcua_limits *opcua_session_limits(const struct opcua_session *s);

/* The server's NamespaceArray; index 0 is OPC UA's own. Count 0 before the first connect. Borrowed
 * until the session is ready again. */
const struct opcua_namespaces *opcua_session_namespaces(const struct opcua_session *s);

/* What is known of the server's own structures, and from then on that of its namespaces, too: values
 * that are written with these say what is in them. Borrowed until the session is ready again; who
 * loads more of them (opcua/types.h) takes a reference. NULL: the thread has ended. */
struct opcua_types *opcua_session_types(struct opcua_session *s);

/* The endpoint's URL as it was configured, and the server's ApplicationUri (empty before the first
 * connect). */
struct slice opcua_session_url(const struct opcua_session *s);
/* When this run of the server began, by its own clock (ServerStatus.StartTime, Part 5 12.10); 0: it does not say. */
UA_DateTime opcua_session_server_started(const struct opcua_session *s);
struct slice opcua_session_application_uri(const struct opcua_session *s);

/* ---- coming and going ---- */

struct opcua_session_listener {
    /* `same`: the server still has the session of before, and its subscriptions. */
    void (*on_ready)(void *arg, bool same);          /* may be NULL */
    void (*on_lost)(void *arg, UA_StatusCode why);   /* may be NULL */
    void (*on_failed)(void *arg, UA_StatusCode why); /* a try to connect failed; may be NULL */
    void *arg;
    struct link link;
};

/* `l` lives inside the listener's own struct. It is not called before this returns, and hears only
 * what changes. */
void opcua_session_listen(struct opcua_session *s, struct opcua_session_listener *l);
void opcua_session_unlisten(
    struct opcua_session_listener *l); /* harmless when it does not listen */

/* ---- calls ---- */

#define OPCUA_SESSION_CALLS_MAX                                                                    \
    4096 /* sent or waiting on one session; more are refused with BadTooManyOperations */

struct opcua_call;

enum opcua_call_when {
    OPCUA_CALL_NOW,        /* BadNotConnected when the session is not ready */
    OPCUA_CALL_WHEN_READY, /* waits for the session, within its time */
};

/* Exactly once, after opcua_session_call() returned. `response` is of the response type and lives
 * until the callback returns, NULL unless `status` is good (status holds the response's
 * serviceResult too; the results of single operations are the caller's to look at). To keep a part
 * of it, move it out and zero it there. */
typedef void opcua_call_fn(void *arg, UA_StatusCode status, void *response);

/*
 * A service call with a time of its own: BadTimeout after `timeout_ms` (0: 10 s); an answer that
 * comes later is dropped. `request` is borrowed until this returns; its header is filled in here. A
 * call that was under way when the connection broke ends with the reason and is not repeated: only
 * the caller knows whether that is safe. The handle is good until `done` is called.
 */
struct opcua_call *opcua_session_call(struct opcua_session *s, enum opcua_call_when when,
                                      const void *request, const UA_DataType *request_type,
                                      const UA_DataType *response_type, opcua_call_fn *done,
                                      void *arg, uint32_t timeout_ms);

/* It ended because of the connection: the server may have heard it or not. */
bool opcua_call_was_lost(UA_StatusCode status);

/* `done` will not be called. */
void opcua_call_cancel(struct opcua_call *call);

/* As a call that asks nothing: Good, without a response, after `ms`, or BadShutdown when the thread ends
 * before that. */
struct opcua_call *opcua_session_wait(struct opcua_session *s, uint32_t ms, opcua_call_fn *done,
                                      void *arg);

/* opcua_session_call() with the types in one word: OPCUA_CALL(s, OPCUA_CALL_NOW, READ, &request,
 * …). */
#define OPCUA_CALL(session, when, NAME, request, done, arg, timeout_ms)                            \
    opcua_session_call((session), (when), (request), &UA_TYPES[UA_TYPES_##NAME##REQUEST],          \
                       &UA_TYPES[UA_TYPES_##NAME##RESPONSE], (done), (arg), (timeout_ms))

/* "BadNodeIdUnknown"; never NULL. */
const char *opcua_status_name(UA_StatusCode code);

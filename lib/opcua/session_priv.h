/*
 * The inside of a session, for its files: session.c (who shares it, when it connects), client.c
 * (the stack's client), call.c (service calls), peer.c (what is known about the server),
 * lookup.c (questions about single nodes).
 *
 * The stack calls back in the midst of its work. There only notes are taken; everything else
 * happens on a turn of the loop that is not the stack's (`soon`).
 */
#pragma once

#include "opcua/profile.h"
#include "opcua/session.h"
#include "opcua/thread_priv.h"

#define SESSION_TEXT_MAX 512

struct opcua_session {
    struct opcua_thread *thread; /* NULL after the thread ended */
    struct loop *loop;
    struct link link; /* in thread->sessions */
    unsigned refs;
    struct loop_timer lease;

    char *url, *alternatives, *policy, *user, *password, *group, *locales;
    char name[32]; /* what servers call it; no two have the same */
    char *endpoint_url; /* that the client connects to */
    bool reverse;       /* the server connects to us */
    enum opcua_security security;
    bool certificate_user;

    UA_Client *client; /* NULL: the next try makes one */
    struct opcua_inquiry *inquiry; /* of this try, for the server's endpoints */
    enum opcua_session_state state;
    UA_StatusCode error;
    UA_StatusCode told; /* the last failure in the log */
    char text[SESSION_TEXT_MAX];
    bool closing;

    struct loop_timer soon;     /* the stack's state changed */
    struct loop_timer retry;    /* in WAITING */
    struct loop_timer deadline; /* in CONNECTING: of this try */
    struct loop_timer watchdog; /* in READY */
    unsigned failures;          /* tries since it was ready */
    uint64_t failures_ever;
    unsigned opened;            /* connections of this try, from the stack's discovery on */
    bool reached;               /* one of them reached somebody */
    bool same;                  /* the server still has the session of before */
    bool was_ready;             /* with this client */
    bool identifying;
    uint64_t received; /* at the watchdog's last look */
    bool probing;

    struct list listeners;
    struct list waiting, sent, failed; /* calls */
    size_t call_count;
    struct session_publish *publish; /* NULL before the first subscription */
    struct session_lookups *lookups; /* NULL before the first lookup */
    struct session_redundancy *redundancy; /* NULL: no other server stands in for this one */
    bool servers_asked;                    /* who they are, of this connection */
    bool moved;                            /* to another server than that of the session before */

    struct opcua_limits limits;
    struct opcua_namespaces names;
    struct opcua_types *types; /* NULL: nobody asked for them in this connection; a reference */
    UA_DateTime server_started; /* 0: it does not say */
    UA_String *namespace_array, *server_array;
    size_t namespace_count, server_count;
    struct session_namespaces *namespaces_before; /* peer.c */
    const struct opcua_profile *profile;
    char *application_uri;
};

/* ---- client.c ---- */

/* A client that is set up for the best of the server's endpoints that fits the session's connection,
 * not connected. NULL: s->error and s->text say why. */
UA_Client *session_client_new(struct opcua_session *s, const UA_EndpointDescription *endpoints,
                              size_t count);
/* Closes the connection alone, which may be dead: the server keeps the session. Never from within
 * one of its callbacks. */
void session_client_cut(struct opcua_session *s);
/* Closes, the session with its subscriptions, too, without waiting for the server. Never from
 * within one of its callbacks. Ends the calls that it has. */
void session_client_drop(struct opcua_session *s);

/* ---- session.c ---- */

/* Takes a note of the stack's state; from its callback. */
void session_note(struct opcua_session *s, UA_SecureChannelState channel, UA_SessionState state);
/* The server was identified (or not: `why`). */
void session_identified(struct opcua_session *s, UA_StatusCode why);
/* Ends a session that is ready, to make another. Never from within the stack. */
void session_leave(struct opcua_session *s, UA_StatusCode why);
void session_try_now(struct opcua_session *s); /* if it waits for its next try */
void session_explain(struct opcua_session *s, UA_StatusCode why, const char *what);
const char *session_advice(UA_StatusCode why); /* what to do about it */
void opcua_session_free(struct opcua_session *s); /* the thread is ending */

/* ---- call.c ---- */

/* As opcua_session_call() with OPCUA_CALL_NOW, before the session is ready. */
struct opcua_call *session_call_early(struct opcua_session *s, const void *request,
                                      const UA_DataType *request_type,
                                      const UA_DataType *response_type, opcua_call_fn *done,
                                      void *arg, uint32_t timeout_ms);
void session_calls_send(struct opcua_session *s);                    /* those that waited */
void session_calls_fail(struct opcua_session *s, UA_StatusCode why); /* all that are left */

/* The server may take it in smaller pieces, or if there is less to do. */
bool session_call_was_too_much(UA_StatusCode status);

/* ---- lookup.c ---- */

void session_lookups_clear(struct opcua_session *session);

/* ---- publish.c ---- */

void session_publish_clear(struct opcua_session *s);

/* ---- redundancy.c ---- */

const char *session_redundancy_url(const struct opcua_session *s); /* where to connect to */
/* The alternatives of the configuration stand in for the server from the start. */
void session_redundancy_begin(struct opcua_session *s);
/* After a try failed. False: there is no other server. */
bool session_redundancy_next(struct opcua_session *s);
/* Asks the server how it is, and at first who stands in for it. */
void session_redundancy_ask(struct opcua_session *s, bool ready);
void session_redundancy_clear(struct opcua_session *s);

/* ---- session_types.c ---- */

/* What is known of the server's own structures is of no more use. */
void session_forget_types(struct opcua_session *s);

/* ---- session_reverse.c ---- */

/* For all sessions of the thread, before there is one. */
void session_dial_begin(struct opcua_thread *t);
/* From now on the server's connection is waited for instead of dialed. */
void session_reverse_begin(struct opcua_session *s);

/* ---- peer.c ---- */

/* Reads what is known about the server, then calls session_identified(). */
void session_identify(struct opcua_session *s);
void session_peer_clear(struct opcua_session *s);
/* The server's NamespaceArray as it is now: what was added to it is known from now on. */
void session_namespaces_take(struct opcua_session *s, UA_Variant *value);

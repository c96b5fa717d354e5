/*
 * What carries messages away: the module's connection, a broker, a webhook, a file. One instance is
 * one connection to one other side; it connects by itself, again and again, and says what became of
 * each message. A table in transport.c is the list. On the module's loop.
 *
 * At least once, in the order given; a transport that sends several at a time says which of them
 * arrived in any order. It has a window, and no queue beyond it.
 */
#pragma once

#include "client/module.h"
#include "outbox/outgoing.h"
#include "published/plan.h"

struct transport {
    const struct transport_ops *ops;
};

struct transport_events {
    /* OK: the other side has it. Anything else but CANCELLED: it will never take it. Never called
     * from inside of send. */
    void (*on_sent)(void *arg, uint64_t token, enum status why);
    void (*on_room)(void *arg); /* what answered FULL may be tried again */
};

struct transport_config {
    struct loop *loop;
    const char *connection; /* connection string, or the folder; NULL: none. Not kept */
    const char *client_id;  /* what the publisher is called */
    const char *ca_file;    /* PEM; NULL: the system's */
    unsigned partition;     /* of `partitions` connections of the same kind; 0 for the only one */
    unsigned partitions;
    struct module *module;    /* of TRANSPORT_IOT_HUB, and whose methods may be called, */
    struct module_role *role; /* and who sends there */
    struct slice methods;     /* the topic below which they are called; empty: not here. Not kept */
    bool durable; /* what is acknowledged has to outlive a power failure, where that is here */
    const struct transport_events *events;
    void *arg;
};

struct transport_ops {
    const char *name;      /* "Mqtt", as WriterGroupTransport has it */
    bool retains;          /* the other side keeps the last retained message of a topic */
    bool keeps_connection; /* `connection` names it; without one the transport is not configured */
    /* Says in a log line why not. Never connects before it returns. */
    enum status (*open)(const struct transport_config *config, struct transport **out);
    /* `v` has what is left of its time to live. Copies. FULL: wait for on_room. Other failures are
     * final for this message. */
    enum status (*send)(struct transport *t, const struct outgoing_view *v, uint64_t token);
    /* on_sent(CANCELLED) may come during it, and nothing after it. */
    void (*close)(struct transport **t);
};

/* NULL: there is none of that kind. */
const struct transport_ops *transport_ops(enum plan_transport kind);
enum plan_transport transport_of_word(const char *word); /* TRANSPORT_UNSET: not known */

/* Why "AioMqtt" and "AioDss" are not here; NULL for other words. */
const char *transport_refusal(const char *word);

/* ---- "Name=value;Name=value", in any case ---- */

struct transport_text {
    struct slice rest;
};

/* False at the end; BAD_FORMAT parts have an empty name. */
bool transport_text_next(struct transport_text *t, struct slice *name, struct slice *value);
/* The value of `name` in `connection`; empty when it is not there. */
struct slice transport_text_find(const char *connection, const char *name);

/* Appends what tells one other side from another, for the name of a folder: no secrets in it. */
void transport_identify(enum plan_transport kind, const char *connection, struct buffer *out);

/* What the module's role is told, for the one transport that sends on it. */
void transport_module_sent(struct transport *t, uint64_t token, enum status why);
void transport_module_room(struct transport *t);

extern const struct transport_ops transport_module, transport_null, transport_file, transport_http,
    transport_mqtt, transport_event_hub, transport_kafka, transport_dapr;

/*
 * The contract between a protocol head for devices and what stands behind it. A head (mqtt.h, and its
 * kin for AMQP and HTTPS) speaks the wire; the hub (src/hub/backend.c) and the edge (src/edge/backend.c)
 * implement this table. All calls for one device, both ways, are made on the loop that owns it.
 *
 *   head                                backend
 *   ----                                -------
 *   owner(id), goes or posts there
 *   sign_in(credentials, session)  ->
 *                                  <-   session->ops->signed_in(OK, device)
 *   telemetry(device, …, token)    ->
 *                                  <-   accepted(token, OK)      durable now
 *   subscribe(device, METHODS)     ->
 *                                  <-   method(rid, name, payload)
 *   method_reply(device, rid, …)   ->
 *   subscribe(device, C2D)         ->
 *   allow(device, C2D, 10)         ->
 *                                  <-   message(delivery)        ten at most
 *   delivered(device, token, how)  ->
 *   renew(device, credentials)     ->
 *                                  <-   renewed(OK)
 *   sign_out(device)               ->   nothing more for this session
 *                                  <-   close(why)               the head closes, then signs out
 *
 * A live session is a connection: an identity has one, and a newer one closes the older. A visit is one
 * HTTP request, or a token that is looked at: it closes nobody, does not make the identity connected,
 * and is told nothing by itself. It may send telemetry, ask for the twin, and take messages by receive().
 */
#pragma once

#include "io/loop.h"
#include "iot/message.h"

struct heads_session;
struct heads_device;

struct heads_credentials {
    struct iot_id id;
    struct slice sas;              /* SharedAccessSignature …; empty with a certificate */
    struct slice certificate;      /* the peer's in TLS and its chain, stream_peer_certificate(); empty when none */
    struct slice host;             /* as the client named it */
    struct slice api_version;
    struct slice client_type;      /* DeviceClientType */
    struct slice model_id;
    struct slice auth_chain;       /* "target;…;actor" when an edge speaks for the id */
    struct slice peer;             /* for log lines */
};

/* How a message that was handed over ended. */
enum heads_outcome {
    HEADS_COMPLETE, /* it is done */
    HEADS_ABANDON,  /* again later; counts as a delivery */
    HEADS_REJECT,   /* never again */
    HEADS_RETURN,   /* the peer never saw it: again later, and not counted */
};

/* A message to a device (C2D), or to a module's input. The slices live until the call returns. */
struct heads_delivery {
    uint64_t token; /* for delivered() */
    const struct iot_message *message;
    uint64_t enqueued_ms; /* wall clock */
    uint64_t sequence;    /* in the device's queue */
    uint32_t count;       /* deliveries before this one */
    struct slice ack;     /* iothub-ack: "none", "positive", "negative", "full"; empty: not said */
    struct slice lock;    /* the lock's token as text, for settle() */
};

enum heads_feature { HEADS_METHODS, HEADS_DESIRED, HEADS_C2D, HEADS_INPUTS, HEADS_FEATURE_COUNT };

/* What the backend tells the head. A session lives inside the head's connection. */
struct heads_session_ops {
    /* Answers sign_in: OK with the device, or UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BUSY, IO_FAILED. */
    void (*signed_in)(struct heads_session *s, enum status why, struct heads_device *device);
    /* The token's message is durable, or was refused. Tokens of one session are answered in their order. */
    void (*accepted)(struct heads_session *s, uint64_t token, enum status why);
    /* Telemetry that was refused with FULL may be tried again. */
    void (*resume)(struct heads_session *s);
    /* Answers twin_get: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. */
    void (*twin)(struct heads_session *s, uint64_t token, enum status why, struct slice json);
    /* Answers twin_report. */
    void (*reported)(struct heads_session *s, uint64_t token, enum status why, uint64_t version);
    /* A change of desired properties: the merge patch with its "$version". */
    void (*desired)(struct heads_session *s, struct slice patch, uint64_t version);
    /* A direct method; `rid` is the backend's and opaque. payload is JSON text, possibly empty. */
    void (*method)(struct heads_session *s, uint64_t rid, struct slice name, struct slice payload);
    /* A message for a module's input, or to a device (C2D; input is empty), as far as allow() went.
     * Answered by delivered(). */
    void (*message)(struct heads_session *s, const struct heads_delivery *d);
    /* Answers receive(): OK with a message, NOT_FOUND when none waits. */
    void (*received)(struct heads_session *s, uint64_t token, enum status why, const struct heads_delivery *d);
    /* Answers settle(): OK, LOCK_LOST. */
    void (*settled)(struct heads_session *s, uint64_t token, enum status why);
    /* Answers renew(): OK, or as signed_in; then the session stays as it was. */
    void (*renewed)(struct heads_session *s, enum status why);
    /* The head ends the connection and then signs out: REPLACED, UNAUTHORIZED (expired), CANCELLED (stop). */
    void (*close)(struct heads_session *s, enum status why);
};

enum heads_presence { HEADS_LIVE, HEADS_VISIT };

struct heads_session {
    const struct heads_session_ops *ops;
    struct loop *loop; /* where it is when it signs in: the owner's */
    enum heads_presence presence;
    unsigned kept; /* set before signed_in(): what keep() left for the identity; 0: nothing */
};

struct heads_backend;

struct heads_backend_ops {
    /* The loop that owns the id. May be called on any loop. Never NULL. */
    struct loop *(*owner)(struct heads_backend *b, struct iot_id id);
    /* On the owner's loop. The slices are the head's and are copied. A live session closes an
     * older one with REPLACED first. sign_out may come before the answer: then none comes. */
    void (*sign_in)(struct heads_backend *b, const struct heads_credentials *c, struct heads_session *s);
    void (*sign_out)(struct heads_backend *b, struct heads_session *s, struct heads_device *d /* or NULL */);
    /* Copies. OK: accepted() follows with the token. FULL: stop reading until resume(), which a visit does
     * not get: it is refused. TOO_LARGE, FORBIDDEN. */
    enum status (*telemetry)(struct heads_device *d, const struct iot_message *m, uint64_t token);
    void (*twin_get)(struct heads_device *d, uint64_t token);
    void (*twin_report)(struct heads_device *d, struct slice patch, uint64_t token);
    void (*subscribe)(struct heads_device *d, enum heads_feature f, bool on);
    void (*method_reply)(struct heads_device *d, uint64_t rid, int status, struct slice payload);
    void (*delivered)(struct heads_device *d, uint64_t token, enum heads_outcome how);
    /* So many messages more of HEADS_C2D or HEADS_INPUTS may be handed over. subscribe() begins with none. */
    void (*allow)(struct heads_device *d, enum heads_feature f, uint32_t more);
    /* Takes one message and locks it for lock_ms (0: as long as the hub says). For visits. */
    void (*receive)(struct heads_device *d, uint64_t lock_ms, uint64_t token);
    /* Ends a message by the text of its lock. For visits. */
    void (*settle)(struct heads_device *d, struct slice lock, enum heads_outcome how, uint64_t token);
    /* What the identity's next session is to find in `kept`, whenever that is. The head's own meaning. */
    void (*keep)(struct heads_device *d, unsigned what);
    /* Newer credentials for the same live session. */
    void (*renew)(struct heads_device *d, const struct heads_credentials *c);
};

struct heads_backend {
    const struct heads_backend_ops *ops;
};

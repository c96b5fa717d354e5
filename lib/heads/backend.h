/*
 * The contract between a protocol head for devices and what stands behind it. The head (mqtt.c; there is
 * no other yet) speaks the wire; the hub (src/hub/backend.c) and the edge (src/edge/backend.c) implement
 * this table. All calls for one device, both ways, are made on the loop that owns it.
 *
 *   head                                backend
 *   ----                                -------
 *   owner(id), moves its stream there
 *   sign_in(credentials, session)  ->
 *                                  <-   session->ops->signed_in(OK, device)
 *   telemetry(device, …, token)    ->
 *                                  <-   accepted(token, OK)      durable now
 *   subscribe(device, METHODS)     ->
 *                                  <-   method(rid, name, payload)
 *   method_reply(device, rid, …)   ->
 *   sign_out(device)               ->   nothing more for this session
 *                                  <-   close(why)               the head closes, then signs out
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
    /* A message for a module's input, or to a device (C2D; input is empty). Answered by delivered(). */
    void (*message)(struct heads_session *s, uint64_t token, const struct iot_message *m);
    /* The head ends the connection and then signs out: REPLACED, UNAUTHORIZED (expired), CANCELLED (stop). */
    void (*close)(struct heads_session *s, enum status why);
};

struct heads_session {
    const struct heads_session_ops *ops;
    struct loop *loop; /* where it is when it signs in: the owner's */
};

struct heads_backend;

struct heads_backend_ops {
    /* The loop that owns the id. May be called on any loop. Never NULL. */
    struct loop *(*owner)(struct heads_backend *b, struct iot_id id);
    /* On the owner's loop. The slices are the head's and are copied. One live session an identity: an
     * older one is closed with REPLACED first. sign_out may come before the answer: then none comes. */
    void (*sign_in)(struct heads_backend *b, const struct heads_credentials *c, struct heads_session *s);
    void (*sign_out)(struct heads_backend *b, struct heads_session *s, struct heads_device *d /* or NULL */);
    /* Copies. OK: accepted() follows with the token. FULL: stop reading until resume(). TOO_LARGE, FORBIDDEN. */
    enum status (*telemetry)(struct heads_device *d, const struct iot_message *m, uint64_t token);
    void (*twin_get)(struct heads_device *d, uint64_t token);
    void (*twin_report)(struct heads_device *d, struct slice patch, uint64_t token);
    void (*subscribe)(struct heads_device *d, enum heads_feature f, bool on);
    void (*method_reply)(struct heads_device *d, uint64_t rid, int status, struct slice payload);
    void (*delivered)(struct heads_device *d, uint64_t token, enum status how); /* OK, FORBIDDEN = reject, CANCELLED = abandon */
};

struct heads_backend {
    const struct heads_backend_ops *ops;
};

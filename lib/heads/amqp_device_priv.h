/* A device on an AMQP connection, for the files of this head alone: see amqp_device.h for which
 * does what. All of it but struct device_session belongs to the connection's loop. */
#pragma once

#include "heads/amqp_device.h"
#include "heads/amqp_device_mail.h"
#include "heads/amqp_device_messages.h"
#include "heads/amqp_priv.h"
#include "heads/calls.h"

struct device_session; /* amqp_device_session.c: the half on the device's loop */

/* What one link at a time gives a device; a newer one takes it from the older. */
enum device_down {
    DOWN_C2D,
    DOWN_INPUTS,
    DOWN_METHODS,
    DOWN_TWIN,
    DOWN_COUNT,
    DOWN_NONE = DOWN_COUNT
};

/* A link of a device; kept until the device is gone, or nothing under way names it. */
struct heads_amqp_device_link {
    struct heads_amqp_device *device;
    struct link node;             /* in device->links */
    struct heads_amqp_link *link; /* NULL: it was detached */
    enum device_down down;        /* DOWN_NONE: the peer sends */
    unsigned under_way;           /* deliveries that the session has not answered */
    struct list waiting;          /* struct waiting (amqp_device_link.c): for credit */
    unsigned waiting_count;
    size_t waiting_bytes;
    uint32_t allowed; /* messages that the session may still hand over */
};

enum device_state {
    DEVICE_SIGNING_IN, /* → READY, ENDING */
    DEVICE_READY,      /* → ENDING */
    DEVICE_ENDING,     /* POST_END is out; freed at POST_GONE */
};

struct heads_amqp_device {
    struct heads_amqp_devices *devices;
    struct heads_amqp *head; /* held */
    struct link node;        /* in head->devices; not any more when ENDING */
    char *key;               /* "device" or "device/module" */
    struct iot_id id;        /* its bytes are `key` */
    enum device_state state;
    enum status why; /* of the end */
    struct heads_amqp_mail mail;
    struct list links;
    unsigned live;                                   /* links that are not detached */
    size_t bytes;                                    /* of telemetry under way */
    struct heads_amqp_device_link *down[DOWN_COUNT]; /* NULL: not there */
    bool newer_token; /* came while it was signing in */
    bool wants_desired;
    struct list twin_requests; /* amqp_device_twin.c */
    unsigned twin_request_count;
    uint64_t twin_request_next;
    struct heads_calls calls;
    uint8_t call_id[HEADS_AMQP_CALL_LEN]; /* of all calls, but for the number at its end */
};

struct heads_amqp_devices {
    struct heads_backend *backend;
};

static inline struct heads_amqp_device_link *device_link_of(const struct heads_amqp_link *l)
{
    return l->arg;
}

/* ---- amqp_device.c ---- */

void device_detach(struct heads_amqp_link *l);
void device_say(struct heads_amqp_device *d, const struct heads_amqp_post *like);

/* ---- amqp_device_session.c ---- */

/* Signs in on the loop that owns the id; the credentials are copied. What it says goes to `d`,
 * opened by `open`; gives the mail to it. */
void device_session_start(struct heads_amqp_device *d, const struct heads_credentials *c,
                          heads_amqp_open_fn *open);

/* ---- amqp_device_link.c ---- */

struct heads_amqp_device_link *device_link_new(struct heads_amqp_device *d,
                                               struct heads_amqp_link *l, enum device_down down);
/* The struct is freed now or when nothing names it any more. */
void device_link_detached(struct heads_amqp_device_link *dl);
void device_links_clear(struct heads_amqp_device *d);
/* Now, or when there is credit. TOO_LARGE for the peer; CLOSED: the link is detached, perhaps just
 * now, for too much waits. */
CHECKED enum status device_link_send(struct heads_amqp_device_link *dl,
                                     const struct amqp_send *send, struct slice message);
void device_link_flush(struct heads_amqp_device_link *dl);

/* Accepted, or rejected with what `why` is on the wire and a text for people. */
void device_settle(struct heads_amqp_link *l, uint32_t delivery, enum status why, const char *text);

void telemetry_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d);
void telemetry_accepted(struct heads_amqp_device *d, const struct heads_amqp_post *p);

/* ---- amqp_device_down.c ---- */

void down_attached(struct heads_amqp_device_link *dl);
void down_credit(struct heads_amqp_link *l);
void down_settled(struct heads_amqp_link *l, uint64_t token, const struct amqp_state *state);
void down_detached(struct heads_amqp_device_link *dl);
void down_message(struct heads_amqp_device *d, const struct heads_amqp_post *p);
/* One that was waiting is not sent any more. */
void down_return(struct heads_amqp_device *d, uint64_t token);

/* ---- amqp_device_twin.c ---- */

void twin_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d);
void twin_answer(struct heads_amqp_device *d, const struct heads_amqp_post *p);
void twin_desired(struct heads_amqp_device *d, const struct heads_amqp_post *p);
void twin_detached(struct heads_amqp_device *d);
void twin_clear(struct heads_amqp_device *d);

/* ---- amqp_device_method.c ---- */

void method_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d);
void method_call(struct heads_amqp_device *d, const struct heads_amqp_post *p);
void method_clear(struct heads_amqp_device *d);

/* ---- amqp_device_token.c ---- */

/* What the device can sign in with on this connection; empty: no token. */
struct slice device_token(const struct heads_amqp *h, struct iot_id id);

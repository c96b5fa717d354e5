/*
 * Finished messages on their way from the OPC UA thread to the hub: they cross to the module's
 * loop, wait there in order until the device client takes them, and count until they are
 * acknowledged.
 *
 * Bounds: OUTBOX_MESSAGES_MAX and the bytes given at the start, both for what waits and what is in
 * flight together. Who makes messages asks outbox_has_room_ua() first; when there is none, the OPC
 * UA subscriptions are held back (their acknowledgements withheld), and `on_room` is called on the
 * OPC UA thread when half of it is free again. One notification's messages may go beyond the
 * bounds.
 */
#pragma once

#include <stdatomic.h>

#include "client/module.h"
#include "opcua/thread.h"
#include "publisher/outgoing.h"

#define OUTBOX_MESSAGES_MAX 4096
#define OUTBOX_FLIGHT_MAX (4u << 20) /* bytes that were sent and are not acknowledged */

struct outbox;

struct outbox_config {
    struct module *module; /* its loop, and what sends */
    struct opcua_thread *thread;
    uint64_t bytes_max;
    opcua_fn *on_room; /* on the OPC UA thread */
    void *arg;
};

struct outbox *outbox_new(const struct outbox_config *config);
/* When neither thread runs any more. */
void outbox_free(struct outbox **o);

/* The role that sends; before the first message. */
void outbox_set_role(struct outbox *o, struct module_role *role);

/* ---- on the OPC UA thread ---- */

/* False also asks for on_room. */
bool outbox_has_room_ua(struct outbox *o);
/* Takes the message over. */
void outbox_put_ua(struct outbox *o, struct outgoing *m);

/* ---- on the module's loop ---- */

void outbox_on_sent(struct outbox *o, uint64_t token, enum status why);
void outbox_on_room(struct outbox *o);

struct outbox_counts {
    uint64_t sent, sent_bytes, sent_values, lost; /* lost: given up because the client was freed */
    uint64_t waiting, waiting_bytes;              /* to be taken or acknowledged */
    uint64_t held;                                /* how often there was no room */
};
struct outbox_counts outbox_counts(const struct outbox *o);

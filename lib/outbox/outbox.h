/*
 * Finished messages on their way from the OPC UA thread: they cross to the module's loop and go to
 * the lane of their transport (lane.h), where they wait, on the disk or in memory, until they are
 * acknowledged.
 *
 * Bounds: OUTBOX_MESSAGES_MAX and the bytes given at the start, both for what is in memory, in all
 * lanes together. Who makes messages asks outbox_has_room_ua() first; when there is none, the OPC
 * UA subscriptions are held back (their acknowledgements withheld), and `on_room` is called on the
 * OPC UA thread when half of it is free again. One notification's messages may go beyond the
 * bounds.
 */
#pragma once

#include "client/module.h"
#include "opcua/thread.h"
#include "outbox/lane.h"

#define OUTBOX_MESSAGES_MAX 4096
#define OUTBOX_PARTITIONS_MAX 32
#define OUTBOX_KIND_COUNT (TRANSPORT_NULL + 1)

struct outbox;

/* What the program's settings say about transports and queues. Texts outlive the outbox. */
struct outbox_options {
    enum plan_transport transport;              /* UNSET: the first that is configured */
    const char *refused;                        /* the transport is none that can be had, and why; or NULL */
    const char *connections[OUTBOX_KIND_COUNT]; /* by enum plan_transport; NULL: none */
    uint32_t partitions;                        /* of groups that do not say; 0: none */
    const char *ca_file;
    struct slice methods; /* topic below which methods are called at the program's broker; empty: none */
    uint64_t memory_bytes;            /* 0: 32 MiB */
    const char *directory;            /* of the queues; NULL: in memory alone */
    enum store_durability durability; /* STORE_MEMORY: in memory alone */
    uint64_t bytes_max;               /* of each queue on the disk; 0: 1 GiB */
    uint64_t age_ms;                  /* 0: any */
    enum queue_policy policy;
};

struct outbox_config {
    struct loop *loop;
    struct module *module; /* NULL, and the role: there is none to send on */
    struct module_role *role;
    struct opcua_thread *thread;
    const char *name; /* of the publisher: client id of brokers */
    const struct outbox_options *options;
    struct store_disk *disk; /* NULL: the real one */
    opcua_fn *on_room;       /* on the OPC UA thread */
    void *arg;
};

/* BAD_ARGUMENT: no transport is configured, or the default one cannot be used; IO_FAILED: the
 * queue's folder. The log line says why. */
CHECKED enum status outbox_new(const struct outbox_config *config, struct outbox **out);
/* When neither thread runs any more, and the module is gone. */
void outbox_free(struct outbox **o);

/* ---- on the OPC UA thread ---- */

/* Where a group's messages go: NULL is the program's own transport. Lives as long as the outbox. */
struct outbox_route *outbox_route_ua(struct outbox *o, enum plan_transport transport,
                                     struct slice connection, uint32_t partitions);

/* Whether what is there keeps retained messages; others would take an empty one for an event. */
bool outbox_retains_ua(const struct outbox *o, const struct outbox_route *r);

/* False also asks for on_room. */
bool outbox_has_room_ua(struct outbox *o);
/* Takes the message over. */
void outbox_put_ua(struct outbox *o, struct outgoing *m);

/* ---- on the module's loop ---- */

void outbox_put(struct outbox *o, struct outgoing *m);

/* What the module's role is told. */
void outbox_on_sent(struct outbox *o, uint64_t token, enum status why);
void outbox_on_room(struct outbox *o);

struct outbox_counts {
    struct lane_counts lanes;
    uint64_t waiting, waiting_bytes; /* messages not acknowledged; bytes of those in memory */
    uint64_t unstored;               /* messages that an end would lose */
    uint64_t stored, disk_bytes;     /* messages that reached the disk since its queues were made */
    uint64_t damaged, disk_failures;
    uint64_t held; /* how often there was no room */
};
struct outbox_counts outbox_counts(const struct outbox *o);

/*
 * Who exists: identities and twins of devices and modules, in SQLite on a thread of its own that
 * commits many changes at once. Every call is answered on the loop that asked. What is told of a
 * change (hub_registry_events) comes on the registry's thread, after the commit.
 */
#pragma once

#include "heads/identity.h"
#include "io/loop.h"
#include "iot/identity.h"

struct hub_registry;

struct hub_registry_events {
    /* Created, changed, disabled or deleted: live connections look again. */
    void (*on_identity)(void *arg, struct iot_id id);
    /* The merge patch with "$version", as the device gets it. */
    void (*on_desired)(void *arg, struct iot_id id, struct slice patch, uint64_t version);
    void *arg;
};

/* `path` is the database file, or ":memory:". */
CHECKED enum status hub_registry_open(const char *path, const struct hub_registry_events *events,
                                      struct hub_registry **out);
void hub_registry_close(struct hub_registry **r);

/* ---- for devices (device.c, backend.c) ---- */

typedef void hub_identity_fn(void *arg, enum status why, const struct heads_identity *identity);
/* NOT_FOUND; the identity belongs to the registry until the callback returns: ref it to keep it. */
void hub_registry_identity(struct hub_registry *r, struct loop *loop, struct iot_id id,
                           hub_identity_fn *fn, void *arg);

typedef void hub_twin_fn(void *arg, enum status why, struct slice json);
/* The device's view: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. */
void hub_registry_twin(struct hub_registry *r, struct loop *loop, struct iot_id id, hub_twin_fn *fn,
                       void *arg);

typedef void hub_report_fn(void *arg, enum status why, uint64_t version);
/* Durable when answered. BAD_FORMAT, BAD_ARGUMENT, TOO_LARGE for what twins may not hold. */
void hub_registry_report(struct hub_registry *r, struct loop *loop, struct iot_id id,
                         struct slice patch, hub_report_fn *fn, void *arg);

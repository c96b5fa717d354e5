/*
 * Schemas that the other side refused: the newest of each writer on each topic, to be offered again after
 * REFUSED_SCHEMA_MS, then twice as long each time, REFUSED_SCHEMA_MS_MAX at most. What made it
 * refuse (a right that is missing, a quota) is mended there, and messages that name a schema are
 * read for long. Many may share a topic: who writes is the property "millrace-schema-source", and which
 * schema it is "dataschema". On the module's loop.
 *
 * Bound: REFUSED_SCHEMAS_BYTES of all; one that does not fit is given up.
 */
#pragma once

#include "io/loop.h"
#include "outbox/outgoing.h"

#define REFUSED_SCHEMA_MS 60000
#define REFUSED_SCHEMA_MS_MAX 3600000
#define REFUSED_SCHEMAS_BYTES (8u << 20)

struct refused_schemas;

/* `offer` takes the message over; not called before a function of these returns. */
struct refused_schemas *
refused_schemas_new(struct loop *l, void (*offer)(void *arg, struct outgoing *m), void *arg);
void refused_schemas_free(struct refused_schemas **r);

/* Takes it over. `order`: grows with what is sent; of the same writer's the newest stays. */
void refused_schemas_add(struct refused_schemas *r, struct outgoing *m, uint64_t order);
/* This one of its writer is on its way, which is the one that counts. */
void refused_schemas_renew(struct refused_schemas *r, const struct outgoing *m);
/* The other side has it: no older one of its writer is offered any more, nor the same of another. */
void refused_schemas_taken(struct refused_schemas *r, const struct outgoing *m, uint64_t order);

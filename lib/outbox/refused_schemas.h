/*
 * Schemas that the other side refused: the newest of each topic, to be offered again after
 * REFUSED_SCHEMA_MS, then twice as long each time, REFUSED_SCHEMA_MS_MAX at most. What made it
 * refuse (a right that is missing, a quota) is mended there, and messages that name a schema are
 * read for long. On the module's loop.
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

/* Takes it over. */
void refused_schemas_add(struct refused_schemas *r, struct outgoing *m);
/* Another one of that topic is on its way, which is the one that counts. */
void refused_schemas_renew(struct refused_schemas *r, struct slice topic);
/* The other side has one of that topic. */
void refused_schemas_taken(struct refused_schemas *r, struct slice topic);

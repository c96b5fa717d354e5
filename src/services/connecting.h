/*
 * Endpoints with which a session is being made: while a call to one is under way whose last known
 * state is not "Ready". That is EndpointConnectivityState's "Connecting", and is kept nowhere. On
 * the services' loop.
 */
#pragma once

#include "base/buffer.h"
#include "base/map.h"

struct connecting {
    struct map by_id;
};

/* As many ends as beginnings. */
void connecting_begin(struct connecting *c, struct slice id);
void connecting_end(struct connecting *c, struct slice id);

/* Their ids as a JSON array. */
void connecting_put(const struct connecting *c, struct buffer *out);

void connecting_clear(struct connecting *c);

/*
 * Live events to people and programs: SignalR hubs with the published names and targets (2.8's
 * events service). A client negotiates, gets an id, connects by WebSocket with it, and joins groups
 * through REST with that id; what everybody on a hub gets needs no group. On the services' loop.
 *
 * Bounds: LIVE_CONNECTIONS_MAX; a client that does not read loses its connection beyond
 * LIVE_UNSENT_MAX bytes, for events are told once and to who is there.
 */
#pragma once

#include "base/buffer.h"
#include "io/stream.h"

#define LIVE_CONNECTIONS_MAX 2000
#define LIVE_PENDING_MAX 2000 /* ids that nobody has connected with yet; the oldest goes */
#define LIVE_PENDING_MS 60000 /* and an id is good for so long */
#define LIVE_GROUPS_MAX 100   /* of one connection */
#define LIVE_UNSENT_MAX (4u << 20)
#define LIVE_ID_LEN 22 /* 16 random bytes as base64url */

enum live_hub {
    LIVE_APPLICATIONS,
    LIVE_ENDPOINTS,
    LIVE_GATEWAYS,
    LIVE_SUPERVISORS,
    LIVE_DISCOVERY,
    LIVE_PUBLISHERS,
    LIVE_HUBS,
};

/* "applications": in the path "/events/v2/applications/events". */
extern const char *const live_hub_names[LIVE_HUBS];

struct live;

struct live *live_new(struct loop *loop);
/* Ends all connections. */
void live_free(struct live **l);

/* An id for the client, and the token that it connects with. */
struct live_ids {
    char id[LIVE_ID_LEN + 1], token[LIVE_ID_LEN + 1];
};
void live_negotiate(struct live *l, enum live_hub hub, struct live_ids *out);

/* A WebSocket of text came, for the token; without one (a client that skips the negotiation) it
 * gets an id of its own. Takes the stream; one with a token that is not known is closed. */
void live_connect(struct live *l, enum live_hub hub, struct slice token, struct stream *s);

/* NOT_FOUND: there is no such connection; FULL: LIVE_GROUPS_MAX. Joining twice, leaving what was
 * not joined: OK. */
CHECKED enum status live_join(struct live *l, struct slice id, struct slice group);
CHECKED enum status live_leave(struct live *l, struct slice id, struct slice group);

/* To everybody on the hub, or to a group (empty: everybody). `argument` is JSON. */
void live_tell(struct live *l, enum live_hub hub, struct slice group, const char *target,
               struct slice argument);

size_t live_connections(const struct live *l);
uint64_t live_told(const struct live *l); /* events that left for somebody */

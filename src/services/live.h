/*
 * Live events to people and programs: hubs with the published names and targets (2.8's events
 * service), for SignalR's clients over WebSockets or server-sent events, and for everybody over plain
 * ones (live_wire.h). A client of SignalR negotiates, gets an id, connects with it, and joins groups
 * through REST with that id; what everybody on a hub gets needs no group. A plain one says what it
 * follows when it connects. On the services' loop.
 *
 * Bounds: LIVE_CONNECTIONS_MAX. To a client that is LIVE_VALUES_UNSENT_MAX behind no values are sent, which
 * is counted, and told where the wire has a way to; one that does not read at all loses its connection
 * beyond LIVE_UNSENT_MAX bytes, for other events are told once and to who is there. What a client invokes
 * without reading the answers is not read further beyond STREAM_HIGH_BYTES of them.
 */
#pragma once

#include "io/stream.h"
#include "services/live_wire.h"

#define LIVE_CONNECTIONS_MAX 2000
#define LIVE_PENDING_MAX 2000 /* ids that nobody has connected with yet; the oldest goes */
#define LIVE_PENDING_MS 60000 /* and an id is good for so long */
#define LIVE_GROUPS_MAX 1000  /* of one connection */
#define LIVE_UNSENT_MAX (4u << 20)
#define LIVE_VALUES_UNSENT_MAX (256u << 10)
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

/* A stream came, for the token; without one (a client that skips the negotiation, or a plain one) it
 * gets an id of its own. Takes the stream. Returns the client's id, until it goes; NULL: the token is not
 * known, or there are too many, and the stream is closed. */
const char *live_connect(struct live *l, enum live_hub hub, enum live_wire wire, struct slice token,
                         struct stream *s);

/* For a stream that asked for something that cannot be: says why, and closes it. */
void live_refuse(enum live_wire wire, const char *why, struct stream *s);

/* What a client of LIVE_SIGNALR_STREAM posts. NOT_FOUND: there is no such connection; FULL: it does not read what
 * it is answered, and has ended; BAD_FORMAT, TOO_LARGE: no message of SignalR's, and it has ended, too. */
CHECKED enum status live_post(struct live *l, enum live_hub hub, struct slice token, struct slice bytes);

/* NOT_FOUND: there is no such connection; FULL: LIVE_GROUPS_MAX. Joining twice, leaving what was
 * not joined: OK. */
CHECKED enum status live_join(struct live *l, struct slice id, struct slice group);
CHECKED enum status live_leave(struct live *l, struct slice id, struct slice group);

/* Whether anybody follows the group: who makes events for it looks first. */
bool live_follows(const struct live *l, enum live_hub hub, struct slice group);
bool live_anybody(const struct live *l, enum live_hub hub);
/* What is followed on the hub. */
void live_each_group(const struct live *l, enum live_hub hub, void (*fn)(void *arg, struct slice group), void *arg);
/* Whether anybody is on the hub for what all on it are told, whatever else he follows. A plain client of
 * "publishers" is there for the values of endpoints that it has named. */
bool live_listens(const struct live *l, enum live_hub hub);

/* To everybody on the hub, or to a group (empty: everybody). `argument` is JSON. */
void live_tell(struct live *l, enum live_hub hub, struct slice group, const char *target,
               struct slice argument);
/* A value, of which there is another one soon. */
void live_tell_value(struct live *l, enum live_hub hub, struct slice group, const char *target,
                     struct slice argument);

struct live_counts {
    size_t connections;
    uint64_t told;    /* events that left for somebody */
    uint64_t dropped; /* values that did not, because he did not read */
    uint64_t ended;   /* connections of who did not read at all */
};
struct live_counts live_counts(const struct live *l);

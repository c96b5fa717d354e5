/*
 * The client's end of an AMQP connection to a hub or an event hub: stream or WebSocket, engine, one
 * session, and the sign-in over $cbs with a token that is renewed as long as it lasts. What
 * event_sender, stream_reader and the device client over AMQP do alike. It is one connection:
 * whoever wants the next one makes another (backoff.h says when).
 *
 * Every callback may free it. One loop owns it.
 */
#pragma once

#include "amqp/link.h"
#include "io/stream.h"

struct uplink;

#define UPLINK_TOKEN_MS                                                                            \
    3600000ull /* that a token should hold; renewed at three quarters of it                        \
                */

/* All but the last two may be NULL. */
struct uplink_events {
    /* What links of the owner tell: amqp/connection.h. on_attached: the peer has it. */
    void (*on_attached)(void *arg, struct amqp_link *l);
    void (*on_transfer)(void *arg, struct amqp_link *l, const struct amqp_delivery *d);
    void (*on_credit)(void *arg, struct amqp_link *l);
    void (*on_settled)(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state);
    /* The link is gone. Whether the connection is of use without it is for the owner to say. */
    void (*on_detached)(void *arg, struct amqp_link *l, const struct amqp_error *why);
    void (*on_turn)(void *arg);  /* what came together has been told */
    void (*on_drain)(void *arg); /* as in io/stream.h */
    void (*on_ready)(void *arg); /* signed in: links may be attached */
    /* The last call; all links are gone. uplink_free() is still the owner's to call. */
    void (*on_closed)(void *arg, enum status why);
};

/* What it points to outlives the connection. */
struct uplink_config {
    struct connect_config connect;
    const char *websocket; /* its target, "/$iothub/websocket"; NULL: AMQP straight on the stream */
    const char *hub_host;  /* what it is called in AMQP's open */
    /* Appends whom the token is for, and the token. NULL: the TLS certificate signs in, and there
     * is no SASL and no $cbs then, as IoT Hub's clients do it. */
    enum status (*token)(void *arg, struct buffer *audience, struct buffer *token);
    const struct uplink_events *events;
    void *arg;
};

/* It has UPLINK_SET_UP_MS until uplink_up(), or ends with TIMED_OUT. */
#define UPLINK_SET_UP_MS 30000
struct uplink *uplink_connect(const struct uplink_config *config);
void uplink_up(struct uplink *h);

/* on_closed(why) follows, on a later turn. The first reason counts. */
void uplink_end(struct uplink *h, enum status why);

/* Says good-bye when it is still open. No callback follows. */
void uplink_free(struct uplink **h);

/* Whether the peer has spoken AMQP: what it refuses then, it refuses to us. Until it is freed. */
bool uplink_opened(const struct uplink *h);
size_t uplink_unsent(const struct uplink *h);
const char *uplink_peer(const struct uplink *h);

struct uplink_link {
    const char *name, *address; /* of its source and its target */
    bool receiver;
    int send_settle;         /* enum of amqp/link.h */
    struct slice filter;     /* of its source, encoded; empty: none */
    struct slice properties; /* a map, encoded; empty: none */
    void *arg;               /* amqp_link_arg() */
};

/* In or after on_ready. NULL: the session takes no further link. */
struct amqp_link *uplink_attach(struct uplink *h, const struct uplink_link *want);

/* A message that is settled as it goes: a question, whose answer comes on another link. The credit
 * for that goes before it. False: it could not be sent. */
bool uplink_ask(struct uplink *h, struct amqp_link *l, const struct buffer *message);

/* What a hub's condition means. PEER_FAILED for what is not known here. */
enum status uplink_status(const struct amqp_error *why);

/* What became of a delivery. Rejected is one that cannot be processed (AMQP 1.0, 3.4.3), so it is
 * final, and logged: TOO_LARGE, FORBIDDEN, and BAD_ARGUMENT for conditions that are not known here.
 * Conditions that pass or are about the connection, released and modified are not final. */
enum status uplink_outcome(const struct amqp_state *state);
/* It is done, well or not: to send it again would not change that. */
bool uplink_is_final(enum status why);

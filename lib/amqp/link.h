/*
 * Links of an AMQP connection: attaching, sending, receiving. A link pointer is good from on_attach
 * (or amqp_link_attach) until on_detach, amqp_link_detach, amqp_link_refuse, or the end of its
 * session.
 */
#pragma once

#include "amqp/connection.h"

/* What belongs to the link's user; NULL at first. */
void amqp_link_set_arg(struct amqp_link *l, void *arg);
void *amqp_link_arg(const struct amqp_link *l);

struct amqp_connection *amqp_link_connection(const struct amqp_link *l);
struct amqp_session *amqp_link_session(const struct amqp_link *l);
struct slice amqp_link_name(const struct amqp_link *l);
bool amqp_link_sends(const struct amqp_link *l); /* we are the sender */
/* What was agreed: AMQP_SEND_UNSETTLED, AMQP_SEND_SETTLED or AMQP_SEND_MIXED. */
int amqp_link_send_settle(const struct amqp_link *l);

/* ---- attaching ---- */

struct amqp_link_answer {
    struct slice source, target; /* encoded; at == NULL: as the peer had it */
    struct slice properties;     /* encoded map; at == NULL: an empty one */
    struct slice offered;        /* capabilities, encoded; at == NULL: none */
};

/* The peer may have given credit already; there will be no on_credit for that. */
void amqp_link_accept(struct amqp_link *l, const struct amqp_link_answer *answer /* or NULL */);
void amqp_link_refuse(struct amqp_link *l, const struct amqp_error *why);

/* Asks for a link: name, receiver, settle modes, source, target, properties, desired are taken from
 * `want`, the rest is filled in. FULL: no handle left. */
CHECKED enum status amqp_link_attach(struct amqp_session *s, const struct amqp_attach *want,
                                     void *arg, struct amqp_link **out);

void amqp_link_detach(struct amqp_link *l, const struct amqp_error *why /* or NULL */);

/* ---- sending ---- */

struct amqp_send {
    struct slice tag; /* up to AMQP_TAG_MAX; empty: the delivery's number */
    uint32_t format;
    bool settled;   /* where the agreed mode leaves the choice */
    uint64_t token; /* for on_settled */
};

/* Writes the message to the output; with a small session window the rest of it is kept and follows.
 * AGAIN: no credit, no window or too many unsettled; on_credit follows. TOO_LARGE: past the peer's
 * limit. CLOSED: not attached. */
CHECKED enum status amqp_link_send(struct amqp_link *l, const struct amqp_send *send,
                                   struct slice message);

/* Messages that may be sent now, as far as the peer's credit goes. */
uint32_t amqp_link_credit(const struct amqp_link *l);
/* The peer wants its credit used or given back. */
bool amqp_link_draining(const struct amqp_link *l);
/* Gives the credit back: nothing to send. */
void amqp_link_drained(struct amqp_link *l);

/* ---- receiving ---- */

/* Keeps credit so that at most `window` messages are on their way or unsettled. 0 at first;
 * lowering it takes effect as messages come. */
void amqp_link_set_window(struct amqp_link *l, uint32_t window);

/* Once for each delivery that came unsettled, in any order. */
void amqp_link_settle(struct amqp_link *l, uint32_t delivery_id, const struct amqp_state *state);

/*
 * A client's AMQP 1.0 connection with one link, which is what the AMQP loads share. tests/interop
 * has other stacks judge the wire; here the library's own client end does, because it costs little.
 */
#pragma once

#include "amqp/link.h"
#include "amqp/message.h"
#include "io/stream.h"

struct amqp_client;

struct amqp_client_events {
    void (*on_credit)(void *arg); /* a sender's; the first one: it is attached */
    void (*on_settled)(void *arg, uint64_t token, bool accepted); /* a sender's */
    void (*on_message)(void *arg, const struct amqp_delivery *d); /* a receiver's; settles itself */
    void (*on_turn)(void *arg);                  /* after all that came at once; may be NULL */
    void (*on_fail)(void *arg, const char *why); /* of no use any more */
};

struct amqp_client_config {
    struct connect_config connect;
    const char *user, *password; /* SASL PLAIN; NULL: no SASL */
    const char *address;         /* copied */
    uint32_t credit;             /* of a receiver; 0: a sender */
    const struct amqp_client_events *events;
    void *arg;
};

struct amqp_client *amqp_client_open(const struct amqp_client_config *config);

/* A whole message, unsettled. False: no credit; on_credit follows. */
bool amqp_client_send(struct amqp_client *c, uint64_t token, struct slice message);
void amqp_client_flush(struct amqp_client *c); /* after sends outside of the events */

/* After its loop was freed. */
void amqp_client_free(struct amqp_client **c);

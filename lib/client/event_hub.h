/*
 * What whoever sends into or reads from an event hub does alike: links by their address, what the hub's
 * conditions mean, how long to wait before the next attempt, and the end of a connection. For stream_reader and
 * event_sender.
 */
#pragma once

#include "amqp/link.h"
#include "io/stream.h"

struct event_hub_link {
    const char *name, *address; /* of its source and its target */
    bool receiver;
    int send_settle;     /* enum of amqp/link.h */
    struct slice filter; /* of its source, encoded; empty: none */
    void *arg;           /* amqp_link_arg() */
};

/* NULL: the session takes no further link. */
struct amqp_link *event_hub_attach(struct amqp_session *session, const struct event_hub_link *want);

/* PEER_FAILED for what is not known here. */
enum status event_hub_status(const struct amqp_error *why);

/* Before the attempt that follows `attempts` others: 250 ms, twice as long each time up to 30 s, half of it by
 * chance. */
uint64_t event_hub_backoff_ms(struct loop *loop, unsigned attempts);

/* Says good-bye, and forgets who listened: the stream ends by itself. Either may be NULL. */
void event_hub_let_go(struct stream *stream, struct amqp_connection *engine);

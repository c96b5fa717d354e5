/*
 * Claims-based security: requests and answers of AMQP's "$cbs" node and those made like them, as
 * event hubs have it. Pure.
 */
#pragma once

#include "amqp/message.h"
#include "base/status.h"

/* Begins a request in *b, which is emptied; put names and values, then amqp_write_end() with the count
 * of both, then the body. */
size_t cbs_request_begin(struct buffer *b, struct slice reply_to);
/* Returns 2, what it adds to the count. */
uint32_t cbs_request_put(struct buffer *b, const char *name, struct slice value);

/* The whole request "put-token" in *b, which is emptied. */
void cbs_put_token(struct slice audience, struct slice token, struct buffer *b);

struct cbs_event_hub {
    const char *host, *entity; /* "sb://host/entity" is the audience: all of the entity */
    const char *policy, *key;  /* the key's text is the key, as event hubs have it */
    uint64_t expires_ms;       /* wall clock */
};

/* Appends both for an event hub. BAD_ARGUMENT: the key cannot be used. */
CHECKED enum status cbs_event_hub_token(const struct cbs_event_hub *t, struct buffer *audience,
                                        struct buffer *token);

/* What an answer says: OK, or what its status code is. PEER_FAILED: it is none. */
CHECKED enum status cbs_answer(const struct amqp_message *m);

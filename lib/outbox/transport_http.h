/*
 * Transports over HTTP: each message is one request, which is sent again with back-off, for ever,
 * until the other side takes or refuses it. What differs is where requests go and what they say of
 * a message: a webhook (transport_http.c), Dapr's side car (transport_dapr.c).
 */
#pragma once

#include "outbox/transport.h"

struct http_target {
    char *root;                  /* "https://host:port/before"; topics follow. Owned */
    const char *credential_name; /* a header; NULL: none */
    char *credential;            /* owned */
    bool put;
    /* Appends the query, "?" included, that says what else there is to say of a message; NULL:
     * headers do. */
    void (*put_query)(const struct outgoing_view *v, struct buffer *out);
};

/* Takes the target's texts over. */
struct transport *transport_http_new(const struct transport_ops *ops,
                                     const struct transport_config *config,
                                     const struct http_target *target);

/* "https://host:port". False: the host is missing, or the port is none; a log line names `what`. */
bool transport_http_put_root(const char *what, struct slice host, struct slice port, bool plain,
                             struct buffer *out);

/* Of transport_ops. */
enum status transport_http_send(struct transport *t, const struct outgoing_view *v, uint64_t token);
void transport_http_close(struct transport **t);

/*
 * Who may connect here: the modules of this edge and the devices in its scope, as the hub lists them.
 * Kept in a file, so that they can sign in while the hub is away; asked for again every hour
 * (EDGE_IDENTITIES_DELAY_MS after a failure), about whoever is unknown when he knocks, and when there is
 * reason to believe that what is known is not so any more.
 *
 * The hub's answers are remembered for EDGE_IDENTITIES_ANSWER_MS, the newest EDGE_IDENTITIES_ANSWERS_MAX of
 * them, so that who knocks or is refused again and again does not cost the hub a request each time.
 */
#pragma once

#include "heads/identity.h"
#include "io/loop.h"

#define EDGE_IDENTITIES_REFRESH_MS (3600u * 1000)
#define EDGE_IDENTITIES_DELAY_MS (5u * 1000)
#define EDGE_IDENTITIES_ANSWER_MS (3u * 1000)
#define EDGE_IDENTITIES_ANSWERS_MAX 1024

struct edge_identities;
struct rest_client;

struct edge_identities_config {
    struct loop *loop;
    const char *path;          /* NULL: not kept */
    struct rest_client *rest;  /* NULL: only what edge_identities_put() gave (the simulation) */
    const char *hub_url;       /* "https://hub.example:443" */
    const char *hub_host;      /* the token's audience */
    const char *device_id;     /* of this edge */
    const char *key;           /* of $edgeHub, base64 */
    void (*on_changed)(void *arg, struct iot_id id); /* an identity is gone or other than it was. May be NULL */
    void *arg;
};

CHECKED enum status edge_identities_open(const struct edge_identities_config *config,
                                         struct edge_identities **out);
void edge_identities_close(struct edge_identities **i);
void edge_identities_put(struct edge_identities *i, const struct heads_identity *fields);

typedef void edge_identity_fn(void *arg, enum status why, const struct heads_identity *identity);
/* Answers on a later turn. NOT_FOUND when the hub does not know it either, or not as one of this edge's;
 * UNAUTHORIZED when the hub does not answer this edge; OFFLINE when the hub cannot be asked. */
void edge_identities_get(struct edge_identities *i, struct iot_id id, edge_identity_fn *fn, void *arg);

/* The same, but what is known here does not count: the hub's word, at most EDGE_IDENTITIES_ANSWER_MS old.
 * What it says is kept; on NOT_FOUND the identity is forgotten. */
void edge_identities_ask(struct edge_identities *i, struct iot_id id, edge_identity_fn *fn, void *arg);

uint64_t edge_identities_requests(const struct edge_identities *i); /* made to the hub so far */

/*
 * The edge as its own files see it. One loop owns all of it: the modules and devices that are connected
 * (child.h), the log that everything they send goes into before it is acknowledged, what is known of
 * them when the hub is away (identities.h, twins.h), and the way up (upstream.h).
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "heads/backend.h"
#include "io/loop.h"
#include "store/log.h"
#include "store/waiters.h"

struct edge_identities;
struct edge_twins;
struct edge_upstream;
struct tls_client;

struct edge_config {
    struct loop *loop;
    struct store_disk *disk;
    const char *directory;        /* of the log */
    enum store_durability durability;
    uint64_t store_bytes;         /* beyond it, what is sent is refused until the hub has taken some */
    const char *device_id;        /* the edge's own identity */
    const char *key;              /* of its module $edgeHub, base64 */
    const char *hub_host;         /* as in connection strings */
    const char *hub_address;      /* to connect to; NULL: hub_host */
    int hub_port;
    struct tls_client *tls;       /* for the hub; NULL: plain */
    const char *const *hosts;     /* names that tokens may be made for: the hub's and the edge's; ends with NULL */
};

struct edge {
    struct heads_backend backend; /* first: the heads hand it back (backend.c) */
    struct edge_config config;
    struct loop *loop;
    struct map children;          /* "device[/module]" -> struct edge_child */
    struct list sign_ins;         /* under way, backend.c */
    struct store_log *log;
    struct store_waiters waiters; /* each holds a reference to a child */
    struct buffer record;         /* of the message that comes in; its memory is used again */
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct edge_upstream *upstream;
    struct {                      /* read by /metrics on the same loop */
        uint64_t received, sent, refused, set_aside, connected;
    } count;
};

/* Opens the log and starts sending what is in it. `identities` and `twins` are set before and are the caller's. */
CHECKED enum status edge_open(const struct edge_config *config, struct edge_identities *identities,
                              struct edge_twins *twins, struct edge **out);
void edge_close(struct edge **e);


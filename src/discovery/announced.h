/*
 * Servers that announce themselves on the machine's networks by multicast DNS: listened for, and asked for, before
 * anything is scanned. Costs a network two packets. On the loop.
 */
#pragma once

#include "discovery/mdns.h"
#include "discovery/ranges.h"
#include "io/loop.h"

#define ANNOUNCED_INTERFACES_MAX 32

struct announced;

struct announced_config {
    struct loop *loop;
    const struct ranges *interfaces; /* the machine's own addresses on them; read before the call returns */
    uint16_t port;                   /* 0: MDNS_PORT; others for tests */
    uint32_t wait_ms;
    /* Its address is that of the host, or of whoever said it. The same server may come again. */
    void (*on_found)(void *arg, const struct mdns_service *s);
    void (*on_end)(void *arg); /* once, after wait_ms; it is then to be freed */
    void *arg;
};

struct announced *discovery_announced_start(const struct announced_config *config);
/* At any time; nothing is called any more. */
void discovery_announced_free(struct announced **a);

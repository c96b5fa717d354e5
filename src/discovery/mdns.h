/*
 * Multicast DNS (RFC 6762) as far as OPC UA servers announce themselves by it (Part 12, annex C): the service
 * _opcua-tcp._tcp.local, its SRV, TXT and A records. Pure: bytes in, services out, no sockets.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

#define MDNS_PACKET_MAX 9000     /* RFC 6762, 17 */
#define MDNS_SERVICES_MAX 32     /* of one packet; further ones are left out */
#define MDNS_RECORDS_MAX 256     /* the same */
#define MDNS_NAME_MAX 256        /* RFC 1035, 2.3.4, as text with its end */
#define MDNS_PORT 5353
#define MDNS_GROUP 0xe00000fb    /* 224.0.0.251 */

/* Who is an OPC UA server? */
void discovery_mdns_put_query(struct buffer *out);

struct mdns_service {
    struct slice name;         /* "Press 7._opcua-tcp._tcp.local", in small letters */
    struct slice path;         /* "/ua", or empty */
    struct slice capabilities; /* "DA,HD", or empty */
    uint32_t address;          /* host order; 0: the packet does not tell */
    uint16_t port;
};

/* The servers that an answer or an announcement tells of; those that say goodbye are left out. Their texts are in the
 * arena. BAD_FORMAT: no DNS message. */
CHECKED enum status discovery_mdns_read(struct slice packet, struct arena *a,
                                        struct mdns_service out[MDNS_SERVICES_MAX], size_t *count);

/* "opc.tcp://10.0.0.5:4840/ua". */
void discovery_mdns_put_url(const struct mdns_service *s, struct buffer *out);

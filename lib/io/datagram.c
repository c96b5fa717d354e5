#include "io/datagram.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/loop_uv.h"

#define PACKETS_PER_TURN 64
#define HOPS 255 /* RFC 6762, 11 */

struct datagram {
    uv_poll_t poll; /* first */
    int fd;
    struct datagram_config config;
    bool closed;
};

static struct sockaddr_in address_of(uint32_t address, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct datagram *d = (struct datagram *)poll;
    uint8_t bytes[DATAGRAM_MAX];
    (void)status, (void)events;
    for (int i = 0; i < PACKETS_PER_TURN && !d->closed; i++) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t len = recvfrom(d->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);
        if (len < 0 || from.sin_family != AF_INET)
            return;
        d->config.on_packet(d->config.arg, ntohl(from.sin_addr.s_addr), ntohs(from.sin_port),
                            slice_from(bytes, (size_t)len));
    }
}

static bool join(int fd, const struct datagram_config *c)
{
    struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(c->group), .imr_address.s_addr = htonl(c->interface)};
    return c->group == 0 || setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) == 0;
}

/* To a shared port come the packets of all networks: it is bound to the group, else to the interface. */
static bool set_up(int fd, const struct datagram_config *c)
{
    int on = 1, hops = HOPS;
    struct ip_mreqn out = {.imr_address.s_addr = htonl(c->interface)};
    struct sockaddr_in at = address_of(c->group ? c->group : c->interface, c->port);
    return (c->port == 0 || (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                             setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0)) &&
           bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops)) == 0 && join(fd, c);
}

enum status datagram_open(const struct datagram_config *config, struct datagram **out)
{
    if (!loop_is_uv(config->loop))
        return UNSUPPORTED;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return IO_FAILED;
    if (!set_up(fd, config)) {
        close(fd);
        return IO_FAILED;
    }
    struct datagram *d = MEMORY_NEW(struct datagram);
    d->fd = fd;
    d->config = *config;
    uv_poll_init(&loop_uv_of(config->loop)->uv, &d->poll, fd);
    uv_poll_start(&d->poll, UV_READABLE, on_readable);
    *out = d;
    return OK;
}

enum status datagram_send(struct datagram *d, uint32_t address, uint16_t port, struct slice bytes)
{
    struct sockaddr_in to = address_of(address, port);
    ssize_t sent = sendto(d->fd, bytes.at, bytes.len, 0, (struct sockaddr *)&to, sizeof(to));
    return sent == (ssize_t)bytes.len ? OK : IO_FAILED;
}

static void on_closed(uv_handle_t *h)
{
    free(h);
}

void datagram_close(struct datagram **out)
{
    struct datagram *d = *out;
    if (d == NULL)
        return;
    *out = NULL;
    d->closed = true;
    uv_close((uv_handle_t *)&d->poll, on_closed);
    close(d->fd);
}

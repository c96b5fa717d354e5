#include "discovery/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#define ROUTES_BYTES_MAX (64u << 10)
#define GATEWAY_FLAG 2

/* What does not fit is left out: a scan must not grow without anybody having asked for it. */
static void add(struct ranges *out, uint32_t low, uint32_t high)
{
    uint64_t room = out->total < RANGES_ADDRESSES_MAX ? RANGES_ADDRESSES_MAX - out->total : 0;
    if (room == 0 || low > high)
        return;
    if ((uint64_t)high - low + 1 > room)
        high = low + (uint32_t)room - 1;
    if (discovery_ranges_add(out, low, high) != OK)
        return; /* full */
}

/* Wireless ones have names that begin so. */
static bool is_wired(const struct ifaddrs *i)
{
    return !(i->ifa_flags & IFF_LOOPBACK) && strncmp(i->ifa_name, "wl", 2) != 0 &&
           strncmp(i->ifa_name, "ww", 2) != 0;
}

static void add_network(struct ranges *out, uint32_t address, uint32_t mask, bool near)
{
    uint32_t low = address & mask, high = address | ~mask;
    if (near && high - low > 255) { /* the /24 that it is in */
        low = address & 0xffffff00;
        high = low | 255;
    }
    if (high - low >= 3) { /* neither the network itself nor all of it */
        low++;
        high--;
    }
    add(out, low, high);
}

static void add_interface(enum interfaces_what what, const struct ifaddrs *i, struct ranges *out)
{
    uint32_t address = ntohl(((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr.s_addr);
    uint32_t mask = ntohl(((struct sockaddr_in *)(void *)i->ifa_netmask)->sin_addr.s_addr);
    if (what == INTERFACES_OWN)
        add(out, address, address);
    else if (what == INTERFACES_SUBNETS && !(i->ifa_flags & IFF_LOOPBACK))
        add_network(out, address, mask, false);
    else if (what == INTERFACES_NEAR && is_wired(i))
        add_network(out, address, mask, true);
}

/* "eth0 00000000 0101A8C0 0003 …": a gateway's address in the machine's byte order, in hex. */
void discovery_interfaces_add_gateways(struct slice routes, struct ranges *out)
{
    struct slice line;
    while (routes.len && slice_split(&routes, '\n', &line)) {
        char text[256];
        unsigned destination, gateway, flags;
        snprintf(text, sizeof(text), "%.*s", SLICE_FMT(slice_first(line, sizeof(text) - 1)));
        if (sscanf(text, "%*s %x %x %x", &destination, &gateway, &flags) == 3 &&
            flags & GATEWAY_FLAG)
            add(out, ntohl(gateway), ntohl(gateway));
    }
}

static void add_gateways(struct ranges *out)
{
    struct buffer text = {0};
    FILE *f = fopen("/proc/net/route", "r");
    if (f == NULL)
        return;
    buffer_added(&text, fread(buffer_reserve(&text, ROUTES_BYTES_MAX), 1, ROUTES_BYTES_MAX, f));
    fclose(f);
    discovery_interfaces_add_gateways(buffer_slice(&text), out);
    buffer_clear(&text);
}

void discovery_interfaces_add(enum interfaces_what what, struct ranges *out)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_netmask && i->ifa_addr->sa_family == AF_INET &&
            i->ifa_flags & IFF_UP)
            add_interface(what, i, out);
    freeifaddrs(all);
    if (what == INTERFACES_NEAR)
        add_gateways(out);
}

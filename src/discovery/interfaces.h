/* This machine's IPv4 networks: where a scan without ranges looks. */
#pragma once

#include "discovery/ranges.h"

enum interfaces_what {
    INTERFACES_OWN,     /* its own addresses, loopback too */
    INTERFACES_SUBNETS, /* all addresses of its networks */
    INTERFACES_NEAR,    /* the first 256 of each wired network, and the gateways' */
};

/* Adds what fits; larger networks are cut to RANGES_ADDRESSES_MAX addresses altogether. */
void discovery_interfaces_add(enum interfaces_what what, struct ranges *out);

/* For tests: /proc/net/route's text to gateways. */
void discovery_interfaces_add_gateways(struct slice routes, struct ranges *out);

/*
 * What a discovery is to do: a DiscoveryRequest {id, discovery, configuration, context}, or the
 * desired properties of a recurring scan, with everything that it leaves open filled in.
 */
#pragma once

#include "base/arena.h"
#include "discovery/ranges.h"
#include "discovery/scan.h"
#include "json/json.h"

#define PLAN_URLS_MAX 1024
#define PLAN_ID_MAX 128

enum plan_mode { PLAN_OFF, PLAN_LOCAL, PLAN_NETWORK, PLAN_FAST, PLAN_SCAN };

struct plan {
    struct arena arena; /* of the texts */
    struct slice id;
    enum plan_mode mode;
    struct ranges addresses, ports; /* empty: nothing is scanned */
    bool addresses_given;           /* by the request; else they follow from the mode */
    struct slice *urls;
    size_t url_count;
    struct slice *locales;
    size_t locale_count;
    struct scan_limits limits;
    uint64_t idle_ms;           /* between recurring scans */
    struct slice configuration; /* as given, JSON; empty when there is none */
    struct slice context;       /* the same */
};

#define PLAN_IDLE_MS (6u * 60 * 60 * 1000)

/* Whether a server that somebody named on the network may be asked: it is in the given ranges, or, when there are none, in
 * one of this machine's networks. */
bool discovery_plan_allows(const struct plan *p, const struct ranges *networks, uint32_t address);

/* "Off", "Local", … */
const char *discovery_plan_mode_name(enum plan_mode mode);

/* `request` may be NULL. `limits` are the program's settings: a request can lower them, not raise
 * them. BAD_ARGUMENT and the like append a sentence to *why. discovery_plan_clear() frees its
 * inside. */
CHECKED enum status discovery_plan_read(const struct json *request,
                                        const struct scan_limits *limits, struct plan *out,
                                        struct buffer *why);
/* The same out of desired properties: "Discovery", "AddressRangesToScan", … on one level. */
CHECKED enum status discovery_plan_read_desired(const struct json *desired,
                                                const struct scan_limits *limits, struct plan *out,
                                                struct buffer *why);
void discovery_plan_clear(struct plan *p);

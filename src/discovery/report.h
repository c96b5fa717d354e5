/*
 * What a discovery tells the cloud: DiscoveryEventModel, one for each endpoint and one at the end,
 * and DiscoveryProgressModel meanwhile. Pure: appends JSON.
 */
#pragma once

#include "discovery/found.h"
#include "discovery/plan.h"

#define REPORT_EVENT_SCHEMA "application/x-discovery-event-v2-json"
#define REPORT_PROGRESS_SCHEMA "application/x-discovery-message-v2-json"

/* What all events of one discovery share. */
struct report {
    const struct plan *plan;
    struct slice discoverer_id; /* "device_module_module" */
    struct slice site;          /* may be empty */
    uint64_t wall_ms;
};

void discovery_report_put_endpoint(const struct report *r, const struct found_endpoint *e,
                                   size_t index, struct buffer *out);
/* `index` is the number of endpoints before it. `failure` NULL: it went to its end. */
void discovery_report_put_result(const struct report *r, size_t index, const char *failure,
                                 struct buffer *out);

/* The DiscoveryRequest that the plan was made from. */
void discovery_report_put_request(const struct plan *p, struct buffer *out);

/* ApplicationRegistration: the application of the endpoints, and them; `count` is not 0. No plan is needed. */
void discovery_report_put_registration(const struct report *r,
                                       const struct found_endpoint *const *endpoints, size_t count,
                                       struct buffer *out);

struct report_progress {
    const char *event; /* "PortScanStarted", … */
    uint64_t wall_ms;
    uint64_t workers, progress, total, discovered;
    const char *result; /* NULL: none */
};

void discovery_report_put_progress(const struct report *r, const struct report_progress *p,
                                   struct buffer *out);

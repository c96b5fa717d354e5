/*
 * What is routed where: routes, endpoints and enrichments, out of the JSON that a person wrote or
 * PUT. Pure, and immutable once read. The shape is that of an IoT Hub's routing properties;
 * endpoints have the members of Event Hubs, of Event Grid's webhooks and of storage containers, as
 * far as they mean something here. A webhook with "validateEndpoint": true is asked whether it
 * agrees first (consent.h):
 *
 *   { "routes": [ { "name": "alarms", "source": "DeviceMessages", "condition": "$body.level > 3",
 *                   "endpointNames": [ "hook" ], "isEnabled": true } ],
 *     "fallbackRoute": { "isEnabled": true },
 *     "endpoints": { "eventStreams": [], "webhooks": [ { "name": "hook", "endpointUrl": "https://…"
 * } ], "files": [] }, "enrichments": [ { "key": "site", "value": "$twin.tags.site",
 * "endpointNames": [ "events" ] } ] }
 */
#pragma once

#include "base/arena.h"
#include "iot/limits.h"
#include "iot/message.h"
#include "iot/query.h"
#include "rest/route.h"
#include "json/json.h"

#define ROUTING_ENDPOINTS_MAX 32 /* the built-in one among them: a bit each in a set */
#define ROUTING_ENDPOINT_NAME_MAX 64
#define ROUTING_TEXT_MAX (1u << 20)

enum routing_endpoint_kind {
    ROUTING_ENDPOINT_EVENTS, /* the built-in stream: the first of every config */
    ROUTING_ENDPOINT_STREAM, /* a stream of its own, under its name */
    ROUTING_ENDPOINT_WEBHOOK,
    ROUTING_ENDPOINT_FILE,
};

enum routing_webhook_schema { ROUTING_WEBHOOK_EVENT_GRID, ROUTING_WEBHOOK_CLOUD_EVENTS };

struct routing_endpoint {
    const char *name;
    enum routing_endpoint_kind kind;
    uint16_t id; /* in records, for ever: given by state.c; 0 is the built-in one */
    struct {
        uint64_t partitions, retain_s, retain_bytes;
    } stream;
    struct {
        const char *url;
        unsigned schema; /* enum routing_webhook_schema */
        struct rest_field *headers;
        size_t header_count;
        const char *ca_file; /* NULL: the machine's authorities */
        bool validate;       /* it is asked first: consent.h */
        uint64_t events_max, kilobytes_max, timeout_s;
        uint64_t attempts_max, ttl_minutes;
    } webhook;
    struct {
        unsigned encoding;               /* JSON, a line each */
        uint64_t bytes_max, seconds_max; /* of one file */
    } file;
};

struct routing_route {
    const char *name;
    unsigned source; /* enum iot_source */
    const char *condition_text;
    const struct iot_query_expr *condition; /* NULL: always */
    uint32_t endpoints;                     /* bits: places in the config's endpoints */
    bool enabled;
};

struct routing_enrichment {
    const char *key, *value;
    bool is_hub_name;
    const struct iot_query_path *path; /* below $twin; NULL: none */
    uint32_t endpoints;
};

struct routing_config {
    struct arena arena;
    struct json_doc *doc;
    struct slice text; /* as it was written */
    struct routing_endpoint *endpoints;
    struct routing_route *routes;
    struct routing_enrichment *enrichments;
    size_t endpoint_count, route_count, enrichment_count;
    struct routing_route fallback; /* of messages that no route takes */
    uint32_t sources;          /* bits: enum iot_source of enabled routes */
    bool wants_twins;          /* a condition or an enrichment looks at $twin */
    unsigned refs;             /* atomic: routing.c */
};

struct routing_problem {
    unsigned line, column; /* 0: of the whole */
    char text[400];        /* "routes[2].condition: position 15: expected a value" */
};

/* An empty text is a hub without routes. BAD_FORMAT: no JSON. BAD_ARGUMENT: *problem says where and
 * what. */
CHECKED enum status routing_config_read(struct slice text, const struct iot_limits *limits,
                                        const char *events_name, struct routing_config **out,
                                        struct routing_problem *problem);
void routing_config_free(struct routing_config **c);

/* A route on its own, for a test of it: `json` is an object as in "routes"; endpoints are not
 * looked up. */
CHECKED enum status routing_route_read(const struct json *json, struct arena *a,
                                       struct routing_route *out, struct routing_problem *problem);

/* "DeviceMessages" and its kin, in any case. */
bool routing_source(struct slice name, unsigned *source);
const char *routing_source_name(unsigned source);

/*
 * What a discovery has found so far: applications with their endpoints, each once under its id,
 * however many addresses and urls lead there.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"
#include "opcua/inquiry.h"

#define FOUND_ENDPOINTS_MAX 10000
#define FOUND_TEXTS_MAX 32 /* of each list: urls, addresses, capabilities */

/* A set of texts in an arena, in the order in which they came. */
struct found_texts {
    struct slice items[FOUND_TEXTS_MAX];
    size_t count;
};

struct found_application {
    struct slice id, uri, product_uri, name, locale, profile_uri, gateway_uri;
    const char *type;
    struct found_texts discovery_urls, addresses, capabilities;
};

struct found_method { /* of authentication */
    struct slice id, policy;
    const char *type;
};

struct found_endpoint {
    struct found_application *application;
    struct slice id;
    struct slice url;                /* as the server reports it */
    struct slice reachable;          /* the same with the address that answered */
    struct found_texts alternatives; /* both, and those over other addresses */
    struct slice policy, thumbprint;
    const char *mode;
    unsigned level;
    struct found_method *methods;
    size_t method_count;
};

struct found {
    struct arena arena;
    struct map applications, endpoints; /* by id */
    struct map capabilities;            /* what others said of servers: found_texts by discovery url */
    struct found_endpoint **list;       /* in the order of discovery */
    size_t count, cap;
};

/* Takes what the server at `asked` ("opc.tcp://10.0.0.5:4840") said. `site` is the site or the
 * gateway. Returns how many endpoints are new. */
size_t discovery_found_add(struct found *f, struct slice site, struct slice asked,
                           const struct opcua_inquiry_answer *answer);
/* The server at the url has them, by what a third one said or itself announced; whether it is found before or after. */
void discovery_found_capability(struct found *f, struct slice url, struct slice capability);
void discovery_found_clear(struct found *f);

/* "opc.tcp://host:4840/path" with the host and port of another url. Appends. */
void discovery_found_url_with_host(struct slice url, struct slice other, struct buffer *out);

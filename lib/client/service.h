/*
 * A service's calls to a hub's REST, signed with a shared access policy (sr = the hub, skn = the
 * policy). One loop owns it; many calls may run at a time, bounded by the rest_client that carries
 * them.
 */
#pragma once

#include "iot/identity.h"
#include "rest/client.h"

struct service_client;

struct service_client_config {
    struct loop *loop;
    struct rest_client *rest;      /* not owned; to be freed before the service_client */
    const char *connection_string; /* "HostName=…;SharedAccessKeyName=…;SharedAccessKey=…" */
    const char *url;               /* where to call; NULL: "https://" and the HostName */
};

/* BAD_FORMAT: no connection string of a policy. */
CHECKED enum status service_client_new(const struct service_client_config *config,
                                       struct service_client **out);
void service_client_free(struct service_client **c);
/* For work of it on a helper thread: it stays until that is given back, though what it is asked for is CANCELLED once
 * it was freed. */
void service_client_hold(struct service_client *c);
void service_client_give_back(struct service_client *c);
struct loop *service_client_loop(const struct service_client *c);

struct service_call {
    const char *method;
    const char *path;  /* encoded, with its query but without api-version: "/devices/d/modules" */
    struct slice body; /* JSON, or empty */
    const char *if_match;     /* quoted etag, "\"*\""; may be NULL */
    const char *continuation; /* of a query's next page; may be NULL */
    const char *id;           /* the call's id, for the hub's log lines; may be NULL */
    uint64_t timeout_ms;      /* 0: 30 s */
};

/*
 * OK with the answer for 2xx. Otherwise what the hub said, as a status: UNAUTHORIZED, FORBIDDEN,
 * NOT_FOUND, OFFLINE (the device is not connected), CONFLICT, EXISTS, TOO_LARGE, BUSY,
 * BAD_ARGUMENT, TIMED_OUT; PEER_FAILED for the rest of them; then `a` is the hub's answer too. Or
 * the rest_client's reason, and `a` is NULL.
 */
typedef void service_client_fn(void *arg, enum status why, const struct rest_answer *a);

/* Copies. BUSY: the rest_client is full. */
CHECKED enum status service_client_request(struct service_client *c,
                                           const struct service_call *call, service_client_fn *done,
                                           void *arg);

/* OK: the module (or device) answered with a status of its own and JSON. Otherwise as above. */
typedef void service_client_method_fn(void *arg, enum status why, int status, struct slice payload);

struct service_method {
    struct iot_id id;
    const char *name;
    struct slice payload;         /* JSON; empty: none */
    uint64_t response_timeout_ms; /* how long the module may take: 5 s to 300 s. 0: 30 s */
    uint64_t connect_timeout_ms;  /* how long the hub waits for it to connect */
    const char *call_id;          /* may be NULL */
};

CHECKED enum status service_client_invoke_method(struct service_client *c,
                                                 const struct service_method *m,
                                                 service_client_method_fn *done, void *arg);

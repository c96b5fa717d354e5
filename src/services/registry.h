/*
 * The registry: applications and endpoints that discovery or people put there, kept in a database.
 * All calls are made on the loop, run on the database's thread and are answered on the loop, after
 * they are durable.
 */
#pragma once

#include "rest/route.h"
#include "store/table.h"

struct services_registry;

/* IO_FAILED, BAD_FORMAT: the log line says why. ":memory:" is for tests. */
CHECKED enum status services_registry_open(const char *path, struct loop *loop,
                                           struct services_registry **out);
/* What was asked before is done, and answered when the loop runs on. */
void services_registry_close(struct services_registry **r);

/* What changed is told on the loop, in its order, when it is durable: ApplicationEvent and EndpointEvent of 2.8,
 * {"eventType":"New","id":"uas…","application":{…}}. */
typedef void services_registry_news_fn(void *arg, bool endpoint, struct slice json);
void services_registry_on_news(struct services_registry *r, services_registry_news_fn *fn, void *arg);

/* On the loop, after every ask that changed something. */
typedef void services_registry_changed_fn(void *arg);
void services_registry_on_changed(struct services_registry *r, services_registry_changed_fn *fn, void *arg);

/* Grows with every change that succeeded: what was read at another version may be out of date. */
uint64_t services_registry_version(const struct services_registry *r);

enum services_registry_what {
    /* Reading. */
    REGISTRY_APPLICATIONS, /* -> ApplicationInfoList; fields: ApplicationRegistrationQuery */
    REGISTRY_APPLICATION,  /* -> ApplicationRegistration */
    REGISTRY_SITES,        /* -> ApplicationSiteList */
    REGISTRY_ENDPOINTS,    /* -> EndpointInfoList; fields: EndpointRegistrationQuery */
    REGISTRY_ENDPOINT,     /* -> EndpointInfo */
    REGISTRY_POSITIONS,    /* -> {"0":sequence,…} */
    /* Changing. */
    REGISTRY_CREATE, /* body: ApplicationRegistrationRequest -> ApplicationRegistrationResponse */
    REGISTRY_PATCH,  /* body: ApplicationRegistrationUpdate */
    REGISTRY_DISABLE,
    REGISTRY_ENABLE,
    REGISTRY_DELETE,   /* with its endpoints */
    REGISTRY_PURGE,    /* applications that were not seen for `for_ms` */
    REGISTRY_ACTIVATE, /* an endpoint. FORBIDDEN: it is disabled */
    REGISTRY_DEACTIVATE,
    REGISTRY_STATE, /* of the session with an endpoint; body: EndpointConnectivityState. if_activated */
    REGISTRY_MERGE,    /* body: the events of one discovery, see registry_merge.c. positions */
    REGISTRY_REMEMBER, /* positions alone */
    /* For the copy in the hub: mirror.c. */
    REGISTRY_MIRROR_NEXT,    /* -> {"items":[{sequence,id,mode,twin,change}],"waiting":n} */
    REGISTRY_MIRROR_WRITTEN, /* body: these items, and the hub's "errors" */
    REGISTRY_MIRROR_LEARN,   /* body: twins of the hub. pass */
    REGISTRY_MIRROR_SWEEP,   /* what was not learnt in this pass is to be written. pass */
    REGISTRY_WHAT_COUNT
};

/* Where reading of a partition of the hub's stream goes on after a start. */
struct services_position {
    uint32_t partition;
    uint64_t next; /* the first sequence number that is not done with */
};

/* Slices are copied. */
struct services_registry_ask {
    enum services_registry_what what;
    struct slice id;   /* of the application or endpoint */
    struct slice body; /* JSON; or as `what` says */
    const struct json
        *fields; /* of a query, an object with the model's names; read before the call returns */
    struct slice after; /* continuation token: the last id of the page before */
    uint32_t limit;     /* of a page; 0: 100 */
    struct slice user;  /* who changes it */
    uint64_t for_ms;
    uint64_t pass; /* through the hub: when it began, wall clock */
    struct slice discoverer; /* of a merge */
    struct slice supervisor; /* that the merge's endpoints get */
    bool desired_only;       /* endpoints without what is only known of them: endpointState */
    bool if_activated;       /* of an endpoint that is not, nothing is kept */
    struct slice connected;  /* ids of the supervisors that are, a JSON array, for REGISTRY_ENDPOINT(S); empty: not known */
    struct slice connecting; /* ids of endpoints with which a session is being made, likewise; empty: none */
    struct slice filter; /* EndpointActivationFilter of a merge whose discovery brings none; may be empty */
    const struct services_position *positions;
    size_t position_count;
};

#define SERVICES_PAGE_MAX 1000

/* `json` is empty unless `why` is OK and the ask has an answer; alive until the call returns. */
typedef void services_registry_fn(void *arg, enum status why, struct slice json);

/* BUSY is answered when the database's queue is full. */
void services_registry_ask(struct services_registry *r, const struct services_registry_ask *ask,
                           services_registry_fn *fn, void *arg);

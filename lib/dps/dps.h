/*
 * A Device Provisioning Service: a device that knows only a host, an ID scope and a secret is told
 * which hub it belongs to, and exists there. Enrolments and registrations are in a database of
 * their own; hubs are spoken to over their service REST alone, the nearest one too.
 *
 *     enrollment.c   who may be provisioned: JSON in, JSON out
 *     proof.c        keys and certificates against an enrolment
 *     allocation.c   which hub
 *     tables.c       SQL
 *     service.c      the service side: enrolments, registrations, queries
 *     query.c        the query texts
 *     device.c       the device side: who asks, operations and how long they are known
 *     assign.c       one operation: webhook, identity, twin, the old hub
 *     service_routes.c, device_routes.c, mqtt.c, mqtt_topic.c, amqp.c   the wires
 *
 * Everything here may be called on any loop, and answers there; the work is done on the service's
 * own loop and on its database's thread.
 */
#pragma once

#include "dps/proof.h"
#include "io/loop.h"
#include "token/policies.h"

#define DPS_OPERATIONS_MAX 10000     /* known; with one more: BUSY */
#define DPS_ASSIGNING_MAX 256        /* under way at a time; with one more: BUSY */
#define DPS_OPERATION_KEPT_MS 600000 /* after its end */
#define DPS_BODY_MAX (96u << 10)     /* of a device's request */
#define DPS_WEBHOOK_MS 5000
#define DPS_ANSWER_MAX (64u << 10) /* of a webhook */
#define DPS_PAGE_MAX 100
#define DPS_BULK_MAX 100
#define DPS_GROUPS_MAX 100 /* by key, and by certificate: each device without an enrolment tries all */

struct dps;

/* Rights of its policies. */
enum dps_right {
    DPS_SERVICE_CONFIG = 1,
    DPS_ENROLLMENT_READ_RIGHT = 2,
    DPS_ENROLLMENT_WRITE_RIGHT = 4, /* implies read */
    DPS_REGISTRATION_READ_RIGHT = 8,
    DPS_REGISTRATION_WRITE_RIGHT = 16, /* implies read */
    DPS_DEVICE_CONNECT = 32,
};
/* provisioningserviceowner, enrollmentread, enrollmentwrite, registrationread, registrationwrite.
 */
extern const struct policies_kind dps_policies_kind;

/* "0ne" and eight hexadecimal digits, made when the file is absent. Appends. */
CHECKED enum status dps_id_scope_load(const char *path, struct buffer *out);

struct dps_hub_config {
    const char *connection_string; /* of a policy that may write the registry */
    const char *url;               /* where its REST is; NULL: at its HostName */
    const char *ca_file;           /* PEM; NULL: whom the machine trusts */
};

struct dps_config {
    struct loop *loop; /* the service's own */
    const char *path;  /* of the database, or ":memory:" */
    const char *id_scope;
    const char *const *hosts; /* that service tokens may be made for; ends with NULL */
    const struct policies *policies;
    const struct dps_hub_config *hubs; /* copied */
    size_t hub_count;                  /* 1 to DPS_HUBS_MAX */
    const char *const
        *authorities; /* "name=/path/ca.pem", for caReferences; ends with NULL; may be NULL */
    const char *webhook_ca_file;  /* NULL: whom the machine trusts */
    uint64_t retry_ms;            /* when a device should ask again */
    uint64_t requests_per_minute; /* of all devices; 0: no limit */
};

/* Texts of the configuration outlive it. IO_FAILED, BAD_FORMAT; the log line says why. */
CHECKED enum status dps_open(const struct dps_config *config, struct dps **out);
/* When no loop runs any more, or on its own. What is under way is not answered. */
void dps_close(struct dps **d);

const char *dps_id_scope(const struct dps *d);

struct dps_count {
    uint64_t requests, refused, assigned, failed; /* since the start */
    uint64_t operations;                          /* known now */
};
struct dps_count dps_count(const struct dps *d); /* from any thread */

/* ---- the device side ---- */

enum dps_device_what {
    DPS_SIGN_IN, /* only whether the credentials are good */
    DPS_REGISTER,
    DPS_OPERATION, /* how far it is */
    DPS_LOOK_UP,   /* the registration as it is, without a change */
};

struct dps_device_ask {
    enum dps_device_what what;
    struct dps_credentials credentials;
    struct slice body; /* JSON or empty */
    struct slice operation_id;
};

struct dps_device_answer {
    enum status why;
    const char *text; /* for a person, when why is not OK */
    bool under_way;   /* 202 and not 200 */
    unsigned retry_s; /* 0: no need to come again */
    struct slice json;
    uint64_t expires_ms; /* DPS_SIGN_IN: when the credentials end */
};

/* `a` lives until the callback returns. */
typedef void dps_device_fn(void *arg, const struct dps_device_answer *a);
/* Copies. fn(arg) comes exactly once, on `loop`. */
void dps_device(struct dps *d, struct loop *loop, const struct dps_device_ask *ask,
                dps_device_fn *fn, void *arg);

/* ---- the service side ---- */

enum dps_service_what {
    DPS_ENROLLMENT_GET,
    DPS_ENROLLMENT_PUT, /* create without if_match, change with it */
    DPS_ENROLLMENT_DELETE,
    DPS_ENROLLMENT_MECHANISM,
    DPS_ENROLLMENT_BULK,
    DPS_ENROLLMENT_QUERY,
    DPS_REGISTRATION_GET,
    DPS_REGISTRATION_DELETE,
    DPS_REGISTRATION_QUERY, /* of the group `id` */
};

struct dps_service_ask {
    enum dps_service_what what;
    enum dps_kind kind;
    struct slice id, body, if_match;
    struct slice continuation;
    uint64_t page; /* 0: DPS_PAGE_MAX */
};

struct dps_service_answer {
    enum status why;
    const char *text;
    struct slice json; /* empty after a delete */
    struct slice etag;
    struct slice continuation; /* empty on the last page */
};

typedef void dps_service_fn(void *arg, const struct dps_service_answer *a);
void dps_service(struct dps *d, struct loop *loop, const struct dps_service_ask *ask,
                 dps_service_fn *fn, void *arg);

/* OK, UNAUTHORIZED or FORBIDDEN, for a service's token and the path that it asks for. */
CHECKED enum status dps_service_may(const struct dps *d, struct slice token, struct slice path,
                                    unsigned rights, uint64_t now_ms);

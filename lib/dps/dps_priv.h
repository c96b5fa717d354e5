/* Inside of the provisioning service: what its files share. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "client/service.h"
#include "dps/dps.h"
#include "dps/tables.h"
#include "rest/client.h"

struct dps_hub {
    struct slice name; /* as in HostName, without a port */
    struct rest_client *rest;
    struct service_client *client;
};

struct dps {
    struct loop *loop;
    const char *id_scope;
    const char *const *hosts;
    const struct policies *policies;
    struct store_table *table;
    struct dps_hub hubs[DPS_HUBS_MAX];
    struct slice hub_names[DPS_HUBS_MAX];
    size_t hub_count;
    struct dps_authorities authorities;
    struct dps_authority *authority_list;
    struct arena arena; /* names and certificates, until the end */
    struct rest_client *webhooks;
    uint64_t retry_ms, requests_per_minute;

    /* on the loop */
    struct map operations;      /* id -> struct dps_operation */
    struct map assigning;       /* registration's key -> the operation that is under way */
    struct list operation_list; /* oldest first */
    struct loop_timer sweep;
    double tokens; /* requests that may come now */
    uint64_t tokens_ms;
    struct { /* relaxed atomics */
        uint64_t requests, refused, assigned, failed, operations;
    } count;
};

/* ---- device.c to assign.c, on the loop ---- */

enum dps_step {
    DPS_CHOOSING, /* a hub; the webhook may be asked. then READING or IDENTITY */
    DPS_READING,  /* the twin at the hub that it leaves. then IDENTITY */
    DPS_IDENTITY, /* made or changed at the hub. then TWIN or LEAVING */
    DPS_TWIN,     /* given. then LEAVING */
    DPS_LEAVING,  /* the old hub forgets the device. then SAVING */
    DPS_SAVING,   /* the registration, in the database. from each of them on failure; then DONE */
    DPS_DONE,
};

struct dps_operation {
    struct dps *dps;
    struct arena arena; /* holds all texts below */
    struct link link;
    char id[64];
    struct slice key; /* of the registration */
    struct dps_enrollment enrollment;
    struct dps_proven proven;
    struct dps_registration registration; /* becomes what is saved */
    struct slice old_hub, old_device;     /* where it was; empty: nowhere */
    struct slice device_id;               /* that it will have */
    struct slice device_payload;          /* JSON, or empty */
    struct slice certificate_names;       /* JSON for the webhook, or empty */
    enum dps_step step;
    const struct dps_hub *hub, *old; /* old: NULL when it did not change */
    struct slice twin;               /* to be given: JSON, or empty */
    bool replace_twin, identity_is_new, given_twin;
    struct buffer result; /* when it is done */
    uint64_t done_ms;
};

/* Begins; dps_operation_done() is called on a later turn, once. */
void dps_assign(struct dps_operation *o);
void dps_operation_done(struct dps_operation *o);

/* {"operationId":…,"status":…,"registrationState":…} */
void dps_operation_put(const struct dps_operation *o, struct json_writer *w);

const struct dps_hub *dps_hub_named(const struct dps *d, struct slice name); /* NULL */

/* When the table's queue is full, `done` comes with BUSY, on a later turn as always. */
void dps_post(struct dps *d, struct loop *loop, store_table_errand *run, store_table_done *done,
              void *arg);

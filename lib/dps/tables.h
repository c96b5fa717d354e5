/* The provisioning service's database: enrolments and registrations. For this library alone. */
#pragma once

#include "dps/enrollment.h"
#include "store/table.h"

enum {
    SQL_ENROLLMENT_GET,
    SQL_ENROLLMENT_PUT,
    SQL_ENROLLMENT_DELETE,
    SQL_ENROLLMENTS_LIST, /* of a kind, after a key */
    SQL_GROUPS_COUNT,
    SQL_GROUPS_OF, /* those that prove in one way: by key, or by certificate */
    SQL_REGISTRATION_GET,
    SQL_REGISTRATION_PUT,
    SQL_REGISTRATION_DELETE,
    SQL_REGISTRATIONS_OF_GROUP_DELETE,
    SQL_REGISTRATIONS_LIST, /* of a group, after a key */
    SQL_INTERRUPTED,        /* what was assigning when the program ended */
    SQL_COUNT
};

extern const char *const dps_migrations[];
extern const size_t dps_migration_count;
extern const char *const dps_statements[SQL_COUNT];

/* Copied into the arena; the statement is done. *stored_type may be NULL. */
CHECKED enum status dps_enrollment_load(struct store_table *t, enum dps_kind kind, struct slice key,
                                        struct arena *a, struct dps_enrollment *out);
/* Reads the row that SQL_ENROLLMENT_GET, _LIST or SQL_GROUPS_OF stands on. */
CHECKED enum status dps_enrollment_row(struct store_table *t, size_t statement, enum dps_kind kind,
                                       struct arena *a, struct dps_enrollment *out);
CHECKED enum status dps_enrollment_store(struct store_table *t, struct slice key,
                                         const struct dps_enrollment *e, struct arena *a);

/* ---- registrations ---- */

enum dps_state { DPS_UNASSIGNED, DPS_ASSIGNING, DPS_ASSIGNED, DPS_FAILED, DPS_DISABLED };

const char *dps_state_name(enum dps_state s); /* "assigned" */

struct dps_registration {
    struct slice id;    /* as the device wrote it */
    struct slice group; /* enrollmentGroupId; empty: an individual enrolment's */
    bool x509;
    enum dps_state state;
    struct slice substatus;
    struct slice hub, device_id; /* kept while it is assigned anew */
    int error_code;
    struct slice error_message;
    struct slice payload; /* JSON for the device, or empty */
    struct slice etag;
    uint64_t created_ms, updated_ms;
};

CHECKED enum status dps_registration_load(struct store_table *t, struct slice key, struct arena *a,
                                          struct dps_registration *out);
void dps_registration_row(struct store_table *t, size_t statement, struct arena *a,
                          struct dps_registration *out);
/* With an etag of its own. */
CHECKED enum status dps_registration_store(struct store_table *t, struct slice key,
                                           const struct dps_registration *r);
/* deviceRegistrationState, an object. */
void dps_registration_put(const struct dps_registration *r, struct json_writer *w);

#define DPS_ETAG_LEN 16
void dps_etag_new(char out[DPS_ETAG_LEN + 1]);
/* "*", or the same; quotes do not count. */
bool dps_etag_matches(struct slice if_match, struct slice etag);

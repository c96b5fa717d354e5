/*
 * Enrolments: who may be provisioned, how they prove it, and where to. One of a single device
 * (individual) or of all that derive their key or certificate from it (group). Pure: the service
 * API's JSON in, a struct out, and back. What is stored is the same JSON with the secrets in it.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "json/write.h"

#define DPS_ID_MAX 128
#define DPS_HUBS_MAX 50                  /* linked, and named by one enrolment */
#define DPS_ENROLLMENT_MAX (128u << 10)  /* bytes of a document */
#define DPS_CERTIFICATES_MAX (32u << 10) /* bytes of one certificate with its chain */

enum dps_kind { DPS_INDIVIDUAL, DPS_GROUP };

enum dps_proof {
    DPS_SYMMETRIC_KEY,
    DPS_CLIENT_CERTIFICATES,  /* the device's own, individual alone */
    DPS_SIGNING_CERTIFICATES, /* an authority's, group alone */
    DPS_CA_REFERENCES,        /* the same, by the name of one that the operator gave */
};

enum dps_allocation { DPS_HASHED, DPS_GEO_LATENCY, DPS_STATIC, DPS_CUSTOM };

/* One is the primary, one the secondary; each may be empty, but not both. */
struct dps_pair {
    struct slice primary, secondary;
};

struct dps_enrollment {
    enum dps_kind kind;
    struct slice id;        /* registrationId or enrollmentGroupId, as written */
    struct slice device_id; /* empty: the registration's id */
    enum dps_proof proof;
    struct dps_pair keys;         /* base64 */
    struct dps_pair certificates; /* DER, or names for DPS_CA_REFERENCES */
    bool enabled;
    bool edge;
    bool update_hub, migrate; /* reprovisionPolicy */
    enum dps_allocation allocation;
    struct slice hubs[DPS_HUBS_MAX];
    size_t hub_count;
    struct slice host_name; /* iotHubHostName: the older way to name the one hub */
    struct slice webhook_url, webhook_version;
    struct slice initial_twin; /* JSON, or empty */
    struct slice information;  /* optionalDeviceInformation, JSON, or empty */
    struct slice etag;
    uint64_t created_ms, updated_ms;
};

/* Letters, digits and "- . _ :", at most DPS_ID_MAX; the last is a letter, a digit or '-'. */
bool dps_id_ok(struct slice id);
/* In lower case: ids are compared without case. */
struct slice dps_id_key(struct arena *a, struct slice id);

/*
 * What the document says; texts are in the arena or in the document. With `before` (what is
 * stored), secrets that the document leaves out stay as they were; without, keys are made.
 * BAD_ARGUMENT: *why names the member and the rule, in the arena. UNSUPPORTED: attestation by TPM.
 */
CHECKED enum status dps_enrollment_read(enum dps_kind kind, const struct json *document,
                                        const struct dps_enrollment *before, struct arena *a,
                                        struct dps_enrollment *out, const char **why);

/* One of `linked`, or *why. Checked apart from the reading: hubs may be unlinked later. */
CHECKED enum status dps_enrollment_check_hubs(const struct dps_enrollment *e,
                                              const struct slice *linked, size_t count,
                                              struct arena *a, const char **why);

/* The members of an object that is open. */
void dps_enrollment_put(const struct dps_enrollment *e, bool secrets, struct json_writer *w);
/* A whole object: {"type":…,"symmetricKey":{…}}, with the secrets. */
void dps_enrollment_put_mechanism(const struct dps_enrollment *e, bool secrets,
                                  struct json_writer *w);

/* What the first of some certificates says of itself: an object, empty when it cannot be read. */
void dps_certificate_put(struct slice ders, struct json_writer *w);

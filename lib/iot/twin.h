/*
 * The twin: tags, desired and reported properties, as IoT Hub keeps them. Pure: JSON in, JSON out.
 * A twin is a set of texts; who changes it gets new texts in an arena and stores them. Patches are
 * merge patches (RFC 7386); "$metadata" and "$version" in them are passed over, so that what was
 * read may be sent back.
 *
 * Every change counts the version of its section up by one, and a change by the service (tags,
 * desired) the twin's as well; what a device reports does not touch that and its etag.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "json/write.h"

#define IOT_TWIN_INTEGER_MAX 4503599627370495 /* either sign */
/* The text of one section or patch; whoever reads one from a wire refuses more. */
#define IOT_TWIN_TEXT_MAX (256u << 10)

/* What a twin may hold. Sizes are in IoT Hub's count: names and values, without punctuation. */
struct iot_twin_limits {
    uint64_t tags_bytes, desired_bytes, reported_bytes;
    uint64_t string_bytes, name_bytes;
    uint64_t depth; /* objects in each other below a section */
};

extern const struct iot_twin_limits iot_twin_limits_azure;

struct iot_twin_section {
    struct slice values;   /* a JSON object */
    struct slice metadata; /* the same shape, "$lastUpdated" at every name; tags have none */
    uint64_t version;
};

struct iot_twin {
    struct iot_twin_section tags, desired, reported;
    uint64_t version;
};

enum iot_twin_how { IOT_TWIN_MERGE, IOT_TWIN_REPLACE };

/* As it is when its device is made. The texts are constant or in the arena. */
struct iot_twin iot_twin_new(struct arena *a, uint64_t wall_ms);

struct iot_twin_change {
    /* Desired properties as a device is told: the patch with "$version", removed ones as null.
     * Empty when only tags changed. */
    struct slice desired_patch;
    bool tags, desired;
};

/*
 * The service's PATCH and PUT: {"tags":{…},"properties":{"desired":{…}}}, other members are passed
 * over. A section that is not there stays as it is; null empties it. *t is changed on success only.
 * BAD_ARGUMENT: *why names the path and the rule, in the arena.
 */
CHECKED enum status iot_twin_update(struct iot_twin *t, const struct iot_twin_limits *limits,
                                    struct arena *a, const struct json *body,
                                    enum iot_twin_how how, uint64_t wall_ms,
                                    struct iot_twin_change *change, const char **why);

/* What a device reports. */
CHECKED enum status iot_twin_report(struct iot_twin *t, const struct iot_twin_limits *limits,
                                    struct arena *a, const struct json *patch, uint64_t wall_ms,
                                    const char **why);

/* The service's view: members "tags" and "properties" with metadata, into an object that is open.
 */
void iot_twin_put_service(const struct iot_twin *t, struct json_writer *w);

/* The device's view: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. */
void iot_twin_put_device(const struct iot_twin *t, struct json_writer *w);

/* The merge patch that makes `new` of `old`: all that is there now, null for what is gone. */
void iot_twin_put_replacement(struct json_writer *w, const struct json *old, const struct json *new);

/* Base64 of the version's eight bytes: "AAAAAAAAAAc=" is 7. */
#define IOT_TWIN_ETAG_LEN 12
void iot_twin_etag(uint64_t version, char out[IOT_TWIN_ETAG_LEN + 1]);

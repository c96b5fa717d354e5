/*
 * Who exists: identities and twins of devices and modules, in SQLite on a thread of its own that
 * commits many changes at once. Every call is answered on the loop that asked, after the commit.
 *
 * What is told of a change (hub_registry_events) is told before the answer, on the loop that owns
 * the device when `owner` says which: then a device's news come in the order of the changes, from
 * whichever loops those were asked. Without `owner` it is told on the loop that asked.
 */
#pragma once

#include "heads/identity.h"
#include "hub/limits.h"
#include "io/loop.h"
#include "iot/message.h"
#include "iot/status_wire.h"

struct hub_registry;

/* Something that routes may want. Texts until the call returns. */
struct hub_registry_event {
    bool is_twin;           /* no event: the twin as it is now, {"tags":…,"properties":…} */
    enum iot_source source; /* twin change, life cycle, digital twin change */
    const char *operation;  /* "updateTwin" */
    struct iot_id id;
    struct slice body;      /* JSON */
    uint64_t wall_ms;
};

/* A bit beside those of enum iot_source. */
#define HUB_REGISTRY_WANTS_TWINS (1u << 31)

struct hub_registry_events {
    /* Changed, disabled or deleted: live connections look again. A device's news go for its modules
     * too. */
    void (*on_identity)(void *arg, struct iot_id id);
    /* The merge patch with "$version", as the device gets it. */
    void (*on_desired)(void *arg, struct iot_id id, struct slice patch, uint64_t version);
    void *arg;
    struct loop *(*owner)(void *arg, struct iot_id id); /* may be NULL; called on any loop */
    /* A message may be taken for the device; a batch of feedback may. On any loop; may be NULL. */
    void (*on_message)(void *arg, struct iot_id id);
    void (*on_feedback)(void *arg);
    /* In a device's order, on one loop. May be NULL, as may be `wants`: bits 1 << enum iot_source of
     * what is to be told; called on the table's thread. */
    void (*on_event)(void *arg, const struct hub_registry_event *e);
    unsigned (*wants)(void *arg);
};

/* Messages to devices since the start, and how many wait now: messages.h. */
struct hub_messages_count {
    uint64_t sent, completed, dead, feedback;
    uint64_t waiting;
};
struct hub_messages_count hub_messages_count(const struct hub_registry *r);

/* `path` is the database file, or ":memory:". `limits` must outlive it. */
CHECKED enum status hub_registry_open(const char *path, const struct hub_limits *limits,
                                      const struct hub_registry_events *events,
                                      struct hub_registry **out);
void hub_registry_close(struct hub_registry **r);

/* ---- for devices (device.c, backend.c) ---- */

typedef void hub_identity_fn(void *arg, enum status why, const struct heads_identity *identity);
/* NOT_FOUND; the identity belongs to the registry until the callback returns: ref it to keep it. */
void hub_registry_identity(struct hub_registry *r, struct loop *loop, struct iot_id id,
                           hub_identity_fn *fn, void *arg);

typedef void hub_twin_fn(void *arg, enum status why, struct slice json);
/* The device's view: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. */
void hub_registry_twin(struct hub_registry *r, struct loop *loop, struct iot_id id, hub_twin_fn *fn,
                       void *arg);

typedef void hub_report_fn(void *arg, enum status why, uint64_t version);
/* Durable when answered. BAD_FORMAT, BAD_ARGUMENT, TOO_LARGE for what twins may not hold. */
void hub_registry_report(struct hub_registry *r, struct loop *loop, struct iot_id id,
                         struct slice patch, hub_report_fn *fn, void *arg);

/* A session began or ended: kept for service reads, nobody waits for it. */
void hub_registry_connection(struct hub_registry *r, struct iot_id id, bool connected,
                             uint64_t wall_ms);

typedef void hub_authorities_fn(void *arg, enum status why, struct slice ders);
/* The verified certificates of authorities, for heads_sign_in. */
void hub_registry_authorities(struct hub_registry *r, struct loop *loop, hub_authorities_fn *fn, void *arg);

/* When these were heard of; copies, and nobody waits for it. */
struct hub_registry_activity {
    struct iot_id id;
    uint64_t wall_ms;
};
void hub_registry_active(struct hub_registry *r, const struct hub_registry_activity *all,
                         size_t count);

/* What a head wants to find when the identity signs in again (keep() of heads/backend.h); nobody
 * waits for it. */
void hub_registry_keep(struct hub_registry *r, struct iot_id id, unsigned what);
#define HUB_MODEL_ID_MAX 128 /* of a DTMI, as DTDL has it; a longer one is not kept */

/* The model that a device said it is of when it signed in. Kept for service reads, nobody waits for it. */
void hub_registry_model(struct hub_registry *r, struct iot_id id, struct slice model_id);

/* ---- for services (rest_*.c): JSON in, JSON out, as IoT Hub's REST has it ---- */

enum hub_registry_what {
    HUB_IDENTITY_GET,
    HUB_IDENTITY_PUT, /* create without if_match, update with it */
    HUB_IDENTITY_DELETE,
    HUB_IDENTITY_LIST, /* devices; with id.device the modules of that device */
    HUB_TWIN_GET,
    HUB_TWIN_PATCH,
    HUB_TWIN_PUT,
    HUB_DIGITAL_TWIN_GET,   /* as IoT Plug and Play sees it */
    HUB_DIGITAL_TWIN_PATCH, /* the body is a JSON Patch */
    HUB_STATISTICS_DEVICES,
    HUB_STATISTICS_SERVICE,
    HUB_SCOPE_LIST, /* what belongs to the edge id.device:
                     * {"devices":[],"modules":[],"continuationLink"}; devices by name, `top` on a
                     * page, those after target.device */
    HUB_SCOPE_ONE,  /* the same form for target, if it belongs to the edge id.device */
    /* Import and export jobs, by name, as JobProperties. */
    HUB_TRANSFER_CREATE, /* the body was checked; the answer has the job as it is enqueued */
    HUB_TRANSFER_GET,
    HUB_TRANSFER_LIST,
    HUB_TRANSFER_CANCEL,
    HUB_TRANSFER_BEGIN,    /* the next one runs: the answer; NOT_FOUND */
    HUB_TRANSFER_PROGRESS, /* `top` percent are done. CANCELLED: it is to stop */
    HUB_TRANSFER_MARK,     /* the body is where it goes on after a restart, lines to `top` are done */
    HUB_TRANSFER_END,      /* with a body it failed, and that is why */
    HUB_TRANSFER_LINE, /* HUB_IMPORT for line `top` of job `name`: once, however often it is asked for. OK with answer.code: refused */
    HUB_EXPORT, /* lines of identities with twins, those after `id`: answer.last, .count; with `top` without keys */
    HUB_IMPORT, /* the body is one ExportImportDevice; id is its, for the loop where news are told */
    /* Certificates of authorities, by name, in the form of Azure's resource provider. */
    HUB_CERTIFICATE_LIST,
    HUB_CERTIFICATE_GET,
    HUB_CERTIFICATE_PUT, /* create without if_match, update with it */
    HUB_CERTIFICATE_DELETE,
    HUB_CERTIFICATE_CODE,   /* makes the code that a proof must be named for */
    HUB_CERTIFICATE_VERIFY, /* the body has the proof */
    /* Configurations, by name. */
    HUB_CONFIGURATION_LIST,
    HUB_CONFIGURATION_GET,
    HUB_CONFIGURATION_PUT, /* create without if_match, update with it */
    HUB_CONFIGURATION_DELETE,
    HUB_CONFIGURATION_CONTENT, /* the body is set on device id once */
    HUB_CONFIGURATION_TEST,    /* are the queries in the body right? */
    /* Scheduled jobs, by name; registry_jobs.h has the rest of them. */
    HUB_JOB_PUT,
    HUB_JOB_GET,
    HUB_JOB_CANCEL,
};

struct hub_registry_ask {
    enum hub_registry_what what;
    struct iot_id id;
    struct iot_id target;  /* HUB_SCOPE_ONE */
    struct slice name;     /* HUB_CERTIFICATE_…, HUB_CONFIGURATION_…, HUB_TRANSFER_…, HUB_JOB_… */
    struct slice body;     /* JSON text, for PUT and PATCH */
    struct slice if_match; /* without quotes; "*" is any; empty: none was given */
    size_t top;            /* of lists; 0: as many as limits.list allows */
};

struct hub_registry_answer {
    enum status why;
    enum iot_thing of; /* what was asked for: for the error's name */
    bool created;      /* by a PUT whose kind tells it from a change */
    struct slice json; /* the document, empty after a delete */
    struct slice etag; /* without quotes */
    const char *text;  /* for a person, when why is not OK */
    struct iot_id last;  /* HUB_EXPORT */
    size_t count;
    const char *warning; /* of an import that was done in part */
    const char *code;    /* HUB_TRANSFER_LINE: the name of an error that `text` tells of; NULL: none */
};

/* `a` lives until the callback returns. */
typedef void hub_registry_fn(void *arg, const struct hub_registry_answer *a);

/* Copies what is asked. fn(arg) comes exactly once, on `loop`. */
void hub_registry_ask(struct hub_registry *r, struct loop *loop, const struct hub_registry_ask *ask,
                      hub_registry_fn *fn, void *arg);
/* Several in one transaction, each with an argument and an answer of its own: what one is refused for
 * does not touch the others, and a crash leaves all that were carried out or none. */
void hub_registry_ask_all(struct hub_registry *r, struct loop *loop, const struct hub_registry_ask *asks,
                          size_t count, hub_registry_fn *fn, void *const *args);

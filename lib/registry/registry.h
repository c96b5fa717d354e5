/*
 * Who exists: identities and twins of devices and modules, in SQLite on a thread of its own that
 * commits many changes at once. Every call is answered on the loop that asked, after the commit.
 *
 * What is told of a change (registry_events) is told before the answer, on the loop that owns
 * the device when `owner` says which: then a device's news come in the order of the changes, from
 * whichever loops those were asked. Without `owner` it is told on the loop that asked.
 */
#pragma once

#include "heads/identity.h"
#include "io/loop.h"
#include "iot/limits.h"
#include "iot/message.h"
#include "iot/status_wire.h"

struct registry;
struct registry_errand;
struct store_table;

/* Something that routes may want. Texts until the call returns. */
struct registry_event {
    bool is_twin;           /* no event: the twin as it is now, {"tags":…,"properties":…} */
    enum iot_source source; /* twin change, life cycle, digital twin change */
    const char *operation;  /* "updateTwin" */
    struct iot_id id;
    struct slice body;      /* JSON */
    uint64_t wall_ms;
};

/* A bit beside those of enum iot_source. */
#define REGISTRY_WANTS_TWINS (1u << 31)

struct registry_events {
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
    void (*on_event)(void *arg, const struct registry_event *e);
    unsigned (*wants)(void *arg);
};

/* Messages to devices since the start, and how many wait now: c2d_count() of lib/c2d. */
struct registry_messages {
    uint64_t sent, completed, dead, feedback;
    uint64_t waiting;
};

/* `path` is the database file, or ":memory:". `limits` must outlive it. */
CHECKED enum status registry_open(const char *path, const struct iot_limits *limits,
                                  const struct registry_events *events, struct registry **out);
void registry_close(struct registry **r);

/* ---- for devices (device.c, backend.c) ---- */

typedef void registry_identity_fn(void *arg, enum status why,
                                  const struct heads_identity *identity);
/* NOT_FOUND; the identity belongs to the registry until the callback returns: ref it to keep it. */
void registry_identity(struct registry *r, struct loop *loop, struct iot_id id,
                       registry_identity_fn *fn, void *arg);

typedef void registry_twin_fn(void *arg, enum status why, struct slice json);
/* The device's view: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. */
void registry_twin(struct registry *r, struct loop *loop, struct iot_id id, registry_twin_fn *fn,
                   void *arg);

typedef void registry_report_fn(void *arg, enum status why, uint64_t version);
/* Durable when answered. BAD_FORMAT, BAD_ARGUMENT, TOO_LARGE for what twins may not hold. */
void registry_report(struct registry *r, struct loop *loop, struct iot_id id, struct slice patch,
                     registry_report_fn *fn, void *arg);

/* A session began or ended: kept for service reads, nobody waits for it. */
void registry_connection(struct registry *r, struct iot_id id, bool connected, uint64_t wall_ms);

typedef void registry_authorities_fn(void *arg, enum status why, struct slice ders);
/* The verified certificates of authorities, for heads_sign_in. */
void registry_authorities(struct registry *r, struct loop *loop, registry_authorities_fn *fn,
                          void *arg);

/* When these were heard of; copies, and nobody waits for it. */
struct registry_activity {
    struct iot_id id;
    uint64_t wall_ms;
};
void registry_active(struct registry *r, const struct registry_activity *all, size_t count);

/* What a head wants to find when the identity signs in again (keep() of heads/backend.h); nobody
 * waits for it. */
void registry_keep(struct registry *r, struct iot_id id, unsigned what);
#define REGISTRY_MODEL_ID_MAX 128 /* of a DTMI, as DTDL has it; a longer one is not kept */

/* The model that a device said it is of when it signed in. Kept for service reads, nobody waits for it. */
void registry_model(struct registry *r, struct iot_id id, struct slice model_id);

/* ---- for services (rest_*.c): JSON in, JSON out, as IoT Hub's REST has it ---- */

/* What can be asked for: the work for it on the table's thread, and what it is about. The parts
 * that keep rows of their own in the same database have more of them: configurations/rows.h,
 * jobs/rows.h, transfers/rows.h. */
struct registry_work {
    enum status (*run)(struct store_table *t, struct registry_errand *e);
    enum iot_thing of; /* whose an error is; IOT_DEVICE: of whom the id names */
    bool changes;      /* identities or twins: the loop that owns the device is told first */
};

extern const struct registry_work registry_identity_get;
extern const struct registry_work
    registry_identity_put; /* create without if_match, update with it */
extern const struct registry_work registry_identity_delete;
extern const struct registry_work
    registry_identity_list; /* devices; with id.device the modules of that device */
extern const struct registry_work registry_twin_get;
extern const struct registry_work registry_twin_patch;
extern const struct registry_work registry_twin_put;
extern const struct registry_work registry_digital_twin_get;   /* as IoT Plug and Play sees it */
extern const struct registry_work registry_digital_twin_patch; /* the body is a JSON Patch */
extern const struct registry_work registry_statistics_devices;
extern const struct registry_work registry_statistics_service;
/* What belongs to the edge id.device: {"devices":[],"modules":[],"continuationLink"}; devices by
 * name, `top` on a page, those after target.device. */
extern const struct registry_work registry_scope_list;
extern const struct registry_work
    registry_scope_one; /* the same form for target, if it belongs to the edge id.device */
/* The body is one ExportImportDevice; id is its, for the loop where news are told. */
extern const struct registry_work registry_import;
/* Certificates of authorities, by name, in the form of Azure's resource provider. */
extern const struct registry_work registry_certificate_list;
extern const struct registry_work registry_certificate_get;
extern const struct registry_work
    registry_certificate_put; /* create without if_match, update with it */
extern const struct registry_work registry_certificate_delete;
extern const struct registry_work
    registry_certificate_code; /* makes the code that a proof must be named for */
extern const struct registry_work registry_certificate_verify; /* the body has the proof */

struct registry_ask {
    const struct registry_work *what;
    struct iot_id id;
    struct iot_id target;  /* of registry_scope_list and registry_scope_one */
    struct slice name;     /* of a certificate, a configuration, a job, a transfer */
    struct slice body;     /* JSON text, for PUT and PATCH */
    struct slice if_match; /* without quotes; "*" is any; empty: none was given */
    size_t top;            /* of lists; 0: as many as limits.list allows */
};

struct registry_answer {
    enum status why;
    enum iot_thing of; /* what was asked for: for the error's name */
    bool created;      /* by a PUT whose kind tells it from a change */
    struct slice json; /* the document, empty after a delete */
    struct slice etag; /* without quotes */
    const char *text;  /* for a person, when why is not OK */
    struct iot_id last; /* of a page: transfer_row_page */
    size_t count;
    const char *warning; /* of an import that was done in part */
    const char *code; /* transfer_row_line: the name of an error that `text` tells of; NULL: none */
};

/* `a` lives until the callback returns. */
typedef void registry_fn(void *arg, const struct registry_answer *a);

/* Copies what is asked. fn(arg) comes exactly once, on `loop`. */
void registry_ask(struct registry *r, struct loop *loop, const struct registry_ask *ask,
                  registry_fn *fn, void *arg);
/* Several in one transaction, each with an argument and an answer of its own: what one is refused for
 * does not touch the others, and a crash leaves all that were carried out or none. */
void registry_ask_all(struct registry *r, struct loop *loop, const struct registry_ask *asks,
                      size_t count, registry_fn *fn, void *const *args);

/* What the registry's files share; for registry*.c alone. */
#pragma once

#include "base/arena.h"
#include "services/registry.h"
#include "services/registry_tables.h"

/* What a job did to an application or endpoint. In the job's arena. */
struct registry_news {
    struct registry_news *next;
    const char *type; /* "New", "Enabled", "Disabled", "Updated", "Deleted", "Activated", "Deactivated" */
    struct slice id;
    bool endpoint;
};

/* An ask on the database's thread. */
struct registry_job {
    struct services_registry *registry;
    struct store_table *table;
    struct arena arena;
    struct services_registry_ask
        ask; /* its slices in the arena; `fields` is the root of `fields_doc` */
    struct json_doc *body_doc, *fields_doc;
    const struct json *body; /* parsed; NULL when there is none */
    uint64_t now_ms;         /* wall clock */
    struct buffer out;
    struct registry_news *news, **news_end;
    struct buffer told; /* the news as JSON, each with a line's end behind it and 'a' or 'e' before it */
    services_registry_fn *fn;
    void *arg;
};

/* Remembers it; what it looks like is read when the job has run. */
void registry_tell(struct registry_job *j, bool endpoint, const char *type, struct slice id);
/* registry_read.c: appends the news as lines to j->told. */
enum status registry_put_news(struct registry_job *j);

typedef enum status registry_run(struct registry_job *j);

/* registry_read.c */
registry_run registry_applications, registry_application, registry_sites, registry_endpoints,
    registry_endpoint, registry_positions;
/* registry_change.c */
registry_run registry_create, registry_patch, registry_disable, registry_enable, registry_delete,
    registry_purge, registry_activate, registry_deactivate, registry_state, registry_remember;
/* registry_mirror.c */
registry_run registry_mirror_next, registry_mirror_written, registry_mirror_learn, registry_mirror_sweep;
/* registry_merge.c */
registry_run registry_merge;

/* A copy of the row in the job's arena: it outlives the statement. */
struct application_row application_row_copy(struct registry_job *j,
                                            const struct application_row *row);

/* The application's own siteId, or the gateway of its discoverer, or nothing: SiteOrGatewayId. */
struct slice registry_site_or_gateway(struct slice site, struct slice discoverer);

/* Text into the arena; *doc must be freed. NULL and no document when it is not JSON. */
const struct json *registry_parse(struct slice text, struct json_doc **doc);

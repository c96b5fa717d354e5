/*
 * The inside of the registry: its tables, its rows, one errand on its way. For what works on the
 * table's thread: the files here, and those of the libraries that keep rows of their own in the
 * same database (query, c2d, configurations, jobs, transfers) and post errands of their own.
 */
#pragma once

#include "iot/twin.h"
#include "registry/announce.h"
#include "registry/registry.h"
#include "registry/statements.h"
#include "store/table.h"

extern const char *const registry_migrations[];
extern const size_t registry_migration_count;

/* For commands: the database in the hub's folder, while the hub runs or not. Errands run at once.
 */
CHECKED enum status registry_tables_open(const char *directory, struct store_table **out);

/* What lib/configurations has here. */
struct registry_configurations {
    struct configurations_cache *read;  /* on the table's thread; NULL: to be read */
    void (*forget)(struct registry *r); /* frees it; NULL when it was never read */
    void (*changed)(void *arg); /* one of them, and that is durable; NULL: nobody brings them out */
    void *arg;
};

struct registry {
    struct store_table *table;
    const struct iot_limits *limits;
    struct registry_events events;
    uint64_t last_generation; /* on the table's thread */
    uint64_t messages_due_ms; /* atomic: when a message, a lock or feedback is due; c2d/c2d.c */
    struct registry_messages messages; /* relaxed atomics */
    struct registry_configurations configurations;
};

/* Runs an errand on the table's thread. When its queue is full, `done` gets BUSY, on a later turn as always. */
void registry_post(struct registry *r, struct loop *loop, store_table_errand *run,
                   store_table_done *done, void *arg);

/* So many devices, with their modules, stand on one page of what belongs to an edge. */
#define REGISTRY_SCOPE_PAGE_MAX 100

/* A row of identities; slices live until the statement's next step. */
struct registry_row {
    struct heads_identity i;
    struct slice status_reason, parent_scopes, managed_by, model_id;
    int64_t status_ms, connected, connection_ms, activity_ms;
};

/* The columns of any statement that selects `registry_columns`. */
void registry_row_read(struct store_table *t, size_t statement, struct registry_row *out);
/* OK, and the statement is to be reset; NOT_FOUND. */
CHECKED enum status registry_row_get(struct store_table *t, struct iot_id id,
                                     struct registry_row *out);
void registry_row_print(const struct registry_row *row, struct json_writer *w);
/* What an ExportImportDevice has of it, behind id and eTag; without the keys when they stay here. */
void registry_export_print(const struct registry_row *row, bool keys, struct json_writer *w);
/* Copies what the slices point to, so that the statement may be reset. */
void registry_row_keep(struct arena *a, struct registry_row *row);
/* All rows of a statement whose parameters are bound, into an array that is open. */
CHECKED enum status registry_rows_print(struct store_table *t, size_t statement,
                                        struct json_writer *w);

/* Desired properties that became others: told after the commit. */
struct registry_news {
    struct iot_id id;
    struct slice patch;
    uint64_t version;
};

/* An errand: one ask on its way, to the table's thread and back, with all that is made for it. */
struct registry_errand {
    struct registry *registry;
    struct arena arena;
    struct registry_ask ask;
    struct loop *asked_on, *told_on;
    registry_fn *fn;
    void *arg;
    struct registry_answer answer;
    struct buffer json;
    uint64_t now_ms;
    char etag[64];
    uint64_t messages_gone; /* with their device */
    bool no_device; /* what is missing is the module's device */
    bool nothing_done; /* though it ended well: there are no news */
    /* News for after the commit. */
    bool tell_identity, tell_desired;
    const struct registry_news *news; /* desired properties of several */
    size_t news_count;
    bool configure; /* a configuration has changed: there is something to bring out */
    struct slice *modules; /* of a device, told with it */
    size_t module_count;
    struct slice desired_patch;
    uint64_t desired_version;
    struct registry_announcements announcements;
};

/* Appends the verified ones, as DER. */
CHECKED enum status registry_certificates_verified(struct store_table *t, struct buffer *ders);

/* Sets answer.text: a refusal and its reason. */
enum status registry_refuse(struct registry_errand *e, enum status why, const char *text);
/* Sets answer.of and answer.text as far as the work did not: what an error is named for, and what it tells. */
void registry_errand_name(struct registry_errand *e, enum status why);
struct slice registry_new_key(struct arena *a); /* base64 */
/* Opaque, and never the same twice. */
struct slice registry_new_etag(struct arena *a);
/* What If-Match says is that etag, or any. */
bool registry_etag_matches(const struct registry_errand *e, struct slice etag);

/* Parts of an import: a body that is an object; with the row that is there, kept. */
CHECKED enum status registry_identity_create(struct store_table *t, struct registry_errand *e,
                                             const struct json *body);
CHECKED enum status registry_identity_update(struct store_table *t, struct registry_errand *e,
                                             const struct json *body, struct registry_row *row);

/* What a body wants: makes it of *row, or refuses. */
CHECKED enum status registry_want(struct store_table *t, struct registry_errand *e,
                                  const struct json *body, struct registry_row *row);

/* Of an item; its bytes are the document's. */
bool registry_import_id(const struct json *item, struct iot_id *id);

/* The part of a device's body that says to which edge it belongs, or which edge it is. */
CHECKED enum status registry_scope_want(struct store_table *t, struct registry_errand *e,
                                        const struct json *body, struct registry_row *row);

/* The service's view of a twin, into an object that is open; and the members of it that come from the identity alone. */
void registry_twin_print(const struct registry_row *row, const struct iot_twin *twin,
                         struct json_writer *w);
void registry_twin_print_identity(const struct registry_row *row, struct json_writer *w);
/* "deviceScope" and "parentScopes" into an object that is open. */
void registry_scopes_print(const struct registry_row *row, struct json_writer *w);

/* Twins as they lie in their table. The texts are copied into the arena. */
CHECKED enum status registry_twin_load(struct store_table *t, struct arena *a, struct iot_id id,
                                       struct iot_twin *out);
/* `before` is the twin as it lies there, NULL when it is new. Its values are found by queries from
 * then on, see index.h. */
CHECKED enum status registry_twin_store(struct store_table *t, struct iot_id id,
                                        const struct iot_twin *before, const struct iot_twin *twin);

/* The inside of the registry: its tables, its rows, one ask on its way. For what works on the table's thread: registry*.c,
 * messages*.c, uploads.c, and jobs.c and configurer.c, which post their steps. */
#pragma once

#include "hub/registry.h"
#include "hub/registry_announce.h"
#include "hub/registry_statements.h"
#include "iot/twin.h"
#include "store/table.h"

extern const char *const registry_migrations[];
extern const size_t registry_migration_count;

/* For commands: the database in the hub's folder, while the hub runs or not. Jobs run at once. */
CHECKED enum status registry_tables_open(const char *directory, struct store_table **out);

struct hub_registry {
    struct store_table *table;
    const struct hub_limits *limits;
    struct hub_registry_events events;
    uint64_t last_generation; /* on the table's thread */
    uint64_t messages_due_ms; /* atomic: when a message, a lock or feedback is due; messages.c */
    struct hub_messages_count messages; /* relaxed atomics */
    struct registry_configuration_cache *configurations; /* on the table's thread; NULL: to be read */
    struct hub_configurer *configurer; /* NULL: nobody brings configurations out */
};

/* Runs an errand on the table's thread. When its queue is full, `done` gets BUSY, on a later turn as always. */
void registry_post(struct hub_registry *r, struct loop *loop, store_table_job *run,
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

/* One ask on its way, to the table's thread and back, with all that is made for it. */
struct registry_errand {
    struct hub_registry *registry;
    struct arena arena;
    struct hub_registry_ask ask;
    struct loop *asked_on, *told_on;
    hub_registry_fn *fn;
    void *arg;
    struct hub_registry_answer answer;
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

/* The work of each kind, on the table's thread. They set answer.text when they refuse. */
enum status registry_identity_get(struct store_table *t, struct registry_errand *j);
enum status registry_identity_put(struct store_table *t, struct registry_errand *j);
enum status registry_identity_delete(struct store_table *t, struct registry_errand *j);
enum status registry_identity_list(struct store_table *t, struct registry_errand *j);
enum status registry_twin_get(struct store_table *t, struct registry_errand *j);
enum status registry_twin_change(struct store_table *t, struct registry_errand *j); /* PATCH and PUT */
enum status registry_digital_twin_get(struct store_table *t, struct registry_errand *j);
enum status registry_digital_twin_patch(struct store_table *t, struct registry_errand *j);
enum status registry_statistics_devices(struct store_table *t, struct registry_errand *j);
enum status registry_statistics_service(struct store_table *t, struct registry_errand *j);
enum status registry_scope_list(struct store_table *t, struct registry_errand *j);
enum status registry_scope_one(struct store_table *t, struct registry_errand *j);

enum status registry_certificate_list(struct store_table *t, struct registry_errand *j);
enum status registry_certificate_get(struct store_table *t, struct registry_errand *j);
enum status registry_certificate_put(struct store_table *t, struct registry_errand *j);
enum status registry_certificate_delete(struct store_table *t, struct registry_errand *j);
enum status registry_certificate_code(struct store_table *t, struct registry_errand *j);
enum status registry_certificate_verify(struct store_table *t, struct registry_errand *j);

enum status registry_transfer_create(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_get(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_list(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_cancel(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_begin(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_progress(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_end(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_mark(struct store_table *t, struct registry_errand *j);
enum status registry_transfer_line(struct store_table *t, struct registry_errand *j);
enum status registry_export(struct store_table *t, struct registry_errand *j);

/* At the hub's start: what ran when it ended. */
CHECKED enum status registry_transfers_restart(struct store_table *t);
/* Those of an import up to that one need not be known any more. */
CHECKED enum status registry_transfer_lines_forget(struct store_table *t, struct slice job, uint64_t to_line);

/* So many identities, and about so many bytes, stand on one page of an export. */
#define REGISTRY_EXPORT_PAGE 500
#define REGISTRY_EXPORT_BYTES (1u << 20)

/* By what is asked. */
extern enum status (*const registry_work[])(struct store_table *t, struct registry_errand *j);

/* Appends the verified ones, as DER. */
CHECKED enum status registry_authorities(struct store_table *t, struct buffer *ders);

/* Sets answer.text: a refusal and its reason. */
enum status registry_refuse(struct registry_errand *j, enum status why, const char *text);
/* Sets answer.of and answer.text as far as the work did not: what an error is named for, and what it tells. */
void registry_errand_name(struct registry_errand *j, enum status why);
struct slice registry_new_key(struct arena *a); /* base64 */
/* Opaque, and never the same twice. */
struct slice registry_new_etag(struct arena *a);
/* What If-Match says is that etag, or any. */
bool registry_etag_matches(const struct registry_errand *j, struct slice etag);

enum status registry_import(struct store_table *t, struct registry_errand *j);

/* Parts of it: a body that is an object; with the row that is there, kept. */
CHECKED enum status registry_identity_create(struct store_table *t, struct registry_errand *j,
                                             const struct json *body);
CHECKED enum status registry_identity_update(struct store_table *t, struct registry_errand *j,
                                             const struct json *body, struct registry_row *row);

/* What a body wants: makes it of *row, or refuses. */
CHECKED enum status registry_want(struct store_table *t, struct registry_errand *j, const struct json *body,
                                  struct registry_row *row);

/* Of an item; its bytes are the document's. */
bool registry_import_id(const struct json *item, struct iot_id *id);

/* The part of a device's body that says to which edge it belongs, or which edge it is. */
CHECKED enum status registry_scope_want(struct store_table *t, struct registry_errand *j,
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
 * then on, see registry_index.h. */
CHECKED enum status registry_twin_store(struct store_table *t, struct iot_id id,
                                        const struct iot_twin *before, const struct iot_twin *twin);

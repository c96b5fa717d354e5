#include <stdio.h>

#include "base/log.h"
#include "services/registry_priv.h"
#include "json/write.h"

/* The application's row, alive until the job ends, and its document, which the caller frees. */
static enum status find(struct registry_job *j, struct application_row *out, struct json_doc **doc)
{
    struct application_row row;
    enum status s = application_row_get(j->table, j->ask.id, &row);
    if (s != OK)
        return s;
    *out = application_row_copy(j, &row);
    return registry_parse(out->info, doc) ? OK : IO_FAILED;
}

/* ---- making and patching ---- */

/* As in 2.8: what a person registers has no endpoints and has not been seen. */
enum status registry_create(struct registry_job *j)
{
    struct slice site = json_string(json_get_nocase(j->body, "siteId"));
    struct slice uri = json_string(json_get_nocase(j->body, "applicationUri"));
    char id[SERVICES_ID_MAX];
    services_ids_application(site, services_documents_type(j->body), uri, id);
    struct application_row before;
    enum status s = application_row_get(j->table, slice_of(id), &before);
    if (s != NOT_FOUND)
        return s == OK ? EXISTS : s;
    struct buffer info = {0};
    services_documents_put_application(
        &(struct services_documents_application){
            .id = slice_of(id), .site = site, .said = j->body, .now = {j->ask.user, j->now_ms}},
        &info);
    s = application_row_put(j->table, &(struct application_row){.id = slice_of(id),
                                                                .site = site,
                                                                .not_seen_ms = j->now_ms,
                                                                .info = buffer_slice(&info)});
    buffer_clear(&info);
    registry_tell(j, false, "New", slice_of(id));
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "id"), json_put_text(&w, id);
    json_end_object(&w);
    return s;
}

enum status registry_patch(struct registry_job *j)
{
    struct application_row row;
    struct json_doc *doc = NULL;
    struct buffer info = {0};
    enum status s = find(j, &row, &doc);
    if (s == OK) {
        const struct json *said = json_root(doc);
        services_documents_put_application(
            &(struct services_documents_application){.id = row.id,
                                                     .site = json_string(json_get(said, "siteId")),
                                                     .discoverer = row.discoverer,
                                                     .said = said,
                                                     .patch = j->body,
                                                     .created = json_get(said, "created"),
                                                     .now = {j->ask.user, j->now_ms},
                                                     .update = true},
            &info);
        row.info = buffer_slice(&info);
        s = application_row_put(j->table, &row);
        registry_tell(j, false, "Updated", row.id);
    }
    buffer_clear(&info);
    json_free(&doc);
    return s;
}

/* ---- seen or not ---- */

static enum status set_seen(struct registry_job *j, enum services_statement statement,
                            struct slice id, uint64_t not_seen_ms)
{
    store_bind(j->table, statement, 1, id);
    if (not_seen_ms)
        store_bind_i64(j->table, statement, 2, (int64_t)not_seen_ms);
    else
        store_bind_null(j->table, statement, 2);
    return store_run(j->table, statement);
}

static enum status tell_endpoints(struct registry_job *j, struct slice application, const char *type)
{
    struct endpoint_row row;
    enum status s;
    store_bind(j->table, ENDPOINT_OF, 1, application);
    while ((s = endpoint_row_next(j->table, ENDPOINT_OF, &row)) == OK)
        registry_tell(j, true, type, row.id);
    return s == NOT_FOUND ? OK : s;
}

static enum status set_application_seen(struct registry_job *j, uint64_t not_seen_ms)
{
    struct application_row row;
    const char *type = not_seen_ms ? "Disabled" : "Enabled";
    enum status s = application_row_get(j->table, j->ask.id, &row);
    bool changes = s == OK && (row.not_seen_ms != 0) != (not_seen_ms != 0);
    if (s == OK)
        s = set_seen(j, APPLICATION_SEEN, j->ask.id, not_seen_ms);
    if (s == OK)
        s = set_seen(j, ENDPOINT_SEEN_OF, j->ask.id, not_seen_ms);
    if (s == OK && changes) {
        registry_tell(j, false, type, j->ask.id);
        s = tell_endpoints(j, j->ask.id, type);
    }
    return s;
}

enum status registry_disable(struct registry_job *j)
{
    return set_application_seen(j, j->now_ms);
}

enum status registry_enable(struct registry_job *j)
{
    return set_application_seen(j, 0);
}

/* ---- taking away ---- */

static enum status delete_application(struct registry_job *j, struct slice id)
{
    enum status s = tell_endpoints(j, id, "Deleted");
    if (s != OK)
        return s;
    store_bind(j->table, ENDPOINT_DELETE_OF, 1, id);
    s = store_run(j->table, ENDPOINT_DELETE_OF);
    if (s != OK)
        return s;
    registry_tell(j, false, "Deleted", id);
    store_bind(j->table, APPLICATION_DELETE, 1, id);
    return store_run(j->table, APPLICATION_DELETE);
}

enum status registry_delete(struct registry_job *j)
{
    struct application_row row;
    enum status s = application_row_get(j->table, j->ask.id, &row);
    return s == OK ? delete_application(j, j->ask.id) : s;
}

struct expired {
    struct expired *next;
    struct slice id;
};

enum status registry_purge(struct registry_job *j)
{
    uint64_t before = j->now_ms > j->ask.for_ms ? j->now_ms - j->ask.for_ms : 0;
    store_bind_i64(j->table, APPLICATION_EXPIRED, 1, (int64_t)before);
    struct expired *all = NULL;
    struct application_row row;
    enum status s;
    while ((s = application_row_next(j->table, APPLICATION_EXPIRED, &row)) == OK) {
        struct expired *e = ARENA_TAKE(&j->arena, struct expired);
        e->id = arena_copy(&j->arena, row.id);
        e->next = all;
        all = e;
    }
    s = s == NOT_FOUND ? OK : s;
    for (; all && s == OK; all = all->next)
        s = delete_application(j, all->id);
    return s;
}

/* ---- activation ---- */

static enum status set_activated(struct registry_job *j, bool activated)
{
    struct endpoint_row row;
    enum status s = endpoint_row_get(j->table, j->ask.id, &row);
    if (s != OK)
        return s;
    if (activated && row.not_seen_ms)
        return FORBIDDEN;
    if (activated != row.activated)
        registry_tell(j, true, activated ? "Activated" : "Deactivated", j->ask.id);
    store_bind(j->table, ENDPOINT_ACTIVATE, 1, j->ask.id);
    store_bind_i64(j->table, ENDPOINT_ACTIVATE, 2, activated);
    return store_run(j->table, ENDPOINT_ACTIVATE);
}

enum status registry_activate(struct registry_job *j)
{
    return set_activated(j, true);
}

enum status registry_deactivate(struct registry_job *j)
{
    return set_activated(j, false);
}

/* ---- positions ---- */

enum status registry_state(struct registry_job *j)
{
    store_bind(j->table, ENDPOINT_STATE_PUT, 1, j->ask.id);
    store_bind(j->table, ENDPOINT_STATE_PUT, 2, json_string(j->body));
    store_bind_i64(j->table, ENDPOINT_STATE_PUT, 3, j->ask.if_activated);
    return store_run(j->table, ENDPOINT_STATE_PUT);
}

enum status registry_remember(struct registry_job *j)
{
    enum status s = OK;
    for (size_t i = 0; i < j->ask.position_count && s == OK; i++) {
        char partition[16];
        snprintf(partition, sizeof(partition), "%u", j->ask.positions[i].partition);
        store_bind(j->table, POSITION_PUT, 1, slice_of(partition));
        store_bind_i64(j->table, POSITION_PUT, 2, (int64_t)j->ask.positions[i].next);
        s = store_run(j->table, POSITION_PUT);
    }
    return s;
}

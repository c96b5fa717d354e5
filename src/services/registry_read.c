#include "services/registry_priv.h"

#include "base/map.h"
#include "json/write.h"

/* ---- what a row looks like in the API ---- */

/* The stored object with one more member. */
static void put_info(struct json_writer *w, const struct application_row *row)
{
    struct buffer text = {0};
    buffer_put(&text, row->info);
    if (row->not_seen_ms) {
        text.len--;
        struct json_writer more = {.out = &text, .comma = true};
        json_name(&more, "notSeenSince"), json_put_time(&more, row->not_seen_ms);
        buffer_u8(&text, '}');
    }
    json_put_raw(w, buffer_slice(&text));
    buffer_clear(&text);
}

/* Who serves it: what is known of that when it is shown. */
enum served { SERVED_UNKNOWN, SERVED, SERVED_NOT };

/* What the registry does not know by itself. */
struct now {
    bool knows_served;
    struct map supervisors; /* ids of those that are connected */
    struct map connecting;  /* ids of endpoints */
};

/* What is known of its session; of one that is activated while nobody serves it, that. */
static struct slice session_of(const struct endpoint_row *row, enum served served, const struct now *now)
{
    return row->activated && served == SERVED_NOT                        ? SLICE("Disconnected")
           : row->activated && now && map_get(&now->connecting, row->id) ? SLICE("Connecting")
                                                                         : row->state;
}

static enum served served_of(const struct now *now, struct slice supervisor)
{
    if (!now || !now->knows_served)
        return SERVED_UNKNOWN;
    return map_get(&now->supervisors, supervisor) ? SERVED : SERVED_NOT;
}

/* `now` is NULL where nobody was asked. */
static void put_endpoint(struct json_writer *w, const struct endpoint_row *row, const struct now *now, bool desired_only)
{
    enum served served = served_of(now, row->supervisor);
    json_object(w);
    json_name(w, "registration"), json_put_raw(w, row->registration);
    json_name(w, "applicationId"), json_put_string(w, row->application);
    json_name(w, "activationState");
    json_put_text(w, !row->activated ? "Deactivated" : served == SERVED ? "ActivatedAndConnected" : "Activated");
    if (!desired_only)
        json_member(w, "endpointState", session_of(row, served, now));
    if (row->not_seen_ms)
        json_name(w, "notSeenSince"), json_put_time(w, row->not_seen_ms);
    json_end_object(w);
}

/* ---- what is told of a change ---- */

static enum status put_news_of_application(struct registry_job *j, struct json_writer *w, struct slice id)
{
    struct application_row row;
    enum status s = application_row_get(j->table, id, &row);
    if (s == OK)
        json_name(w, "application"), put_info(w, &row);
    store_reset(j->table, APPLICATION_GET);
    return s == NOT_FOUND ? OK : s; /* deleted */
}

static enum status put_news_of_endpoint(struct registry_job *j, struct json_writer *w, struct slice id)
{
    struct endpoint_row row;
    enum status s = endpoint_row_get(j->table, id, &row);
    if (s == OK)
        json_name(w, "endpoint"), put_endpoint(w, &row, NULL, false);
    store_reset(j->table, ENDPOINT_GET);
    return s == NOT_FOUND ? OK : s;
}

enum status registry_put_news(struct registry_job *j)
{
    enum status s = OK;
    for (const struct registry_news *n = j->news; n && s == OK; n = n->next) {
        buffer_u8(&j->told, n->endpoint ? 'e' : 'a');
        struct json_writer w = json_writer(&j->told);
        json_object(&w);
        json_name(&w, "eventType"), json_put_text(&w, n->type);
        json_name(&w, "id"), json_put_string(&w, n->id);
        s = n->endpoint ? put_news_of_endpoint(j, &w, n->id) : put_news_of_application(j, &w, n->id);
        json_end_object(&w);
        buffer_u8(&j->told, '\n');
    }
    return s;
}

/* ---- queries ---- */

static struct slice text_field(const struct registry_job *j, const char *name)
{
    return json_string(json_get_nocase(j->ask.fields, name));
}

/* A list without a query shows all; a query hides what was not seen unless it asks for it. */
static bool wants_not_seen(const struct registry_job *j)
{
    return j->ask.fields == NULL ||
           json_bool(json_get_nocase(j->ask.fields, "includeNotSeenSince"), false);
}

static void bind_page(struct registry_job *j, enum services_statement s)
{
    store_bind(j->table, s, 1, j->ask.after);
    store_bind_i64(j->table, s, 2,
                   j->ask.limit + 1); /* one more tells whether there is a next page */
}

static void end_list(struct json_writer *w, struct slice next)
{
    json_end_array(w);
    json_member(w, "continuationToken", next);
    json_end_object(w);
}

enum status registry_applications(struct registry_job *j)
{
    static const char *const names[] = {"discovererId",   "siteOrGatewayId",     "applicationType",
                                        "applicationUri", "productUri",          "applicationName",
                                        "locale",         "discoveryProfileUri", "gatewayServerUri",
                                        "capability"};
    store_reset(j->table, APPLICATION_LIST);
    bind_page(j, APPLICATION_LIST);
    store_bind_i64(j->table, APPLICATION_LIST, 3, wants_not_seen(j));
    for (int i = 0; i < 10; i++)
        store_bind(j->table, APPLICATION_LIST, 4 + i, text_field(j, names[i]));
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "items"), json_array(&w);
    struct application_row row;
    struct slice last = {0};
    uint32_t count = 0;
    enum status s;
    while ((s = application_row_next(j->table, APPLICATION_LIST, &row)) == OK &&
           count++ < j->ask.limit) {
        put_info(&w, &row);
        if (count == j->ask.limit)
            last = arena_copy(&j->arena, row.id);
    }
    end_list(&w, count > j->ask.limit ? last : (struct slice){0});
    return s == NOT_FOUND ? OK : s;
}

static enum status put_registrations(struct registry_job *j, struct json_writer *w)
{
    store_bind(j->table, ENDPOINT_OF, 1, j->ask.id);
    struct endpoint_row row;
    enum status s;
    while ((s = endpoint_row_next(j->table, ENDPOINT_OF, &row)) == OK)
        json_put_raw(w, row.registration);
    return s == NOT_FOUND ? OK : s;
}

enum status registry_application(struct registry_job *j)
{
    struct application_row row;
    enum status s = application_row_get(j->table, j->ask.id, &row);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "application"), put_info(&w, &row);
    json_name(&w, "endpoints"), json_array(&w);
    s = put_registrations(j, &w);
    json_end_array(&w);
    json_end_object(&w);
    return s;
}

enum status registry_sites(struct registry_job *j)
{
    store_reset(j->table, APPLICATION_SITES);
    bind_page(j, APPLICATION_SITES);
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "sites"), json_array(&w);
    struct slice last = {0};
    uint32_t count = 0;
    enum status s;
    while ((s = store_step(j->table, APPLICATION_SITES)) == OK && count++ < j->ask.limit) {
        struct slice site = store_column(j->table, APPLICATION_SITES, 0);
        json_put_string(&w, site);
        if (count == j->ask.limit)
            last = arena_copy(&j->arena, site);
    }
    end_list(&w, count > j->ask.limit ? last : (struct slice){0});
    return s == NOT_FOUND ? OK : s;
}

static int64_t wanted(const struct json *flag)
{
    return json_is(flag, JSON_BOOL) ? json_bool(flag, false) : -1;
}

static void bind_endpoint_query(struct registry_job *j)
{
    static const char *const names[] = {
        "discovererId", "siteOrGatewayId", "applicationId", "supervisorId",
        "url",          "certificate",     "securityMode",  "securityPolicy"};
    bind_page(j, ENDPOINT_LIST);
    store_bind_i64(j->table, ENDPOINT_LIST, 3, wants_not_seen(j));
    for (int i = 0; i < 8; i++)
        store_bind(j->table, ENDPOINT_LIST, 4 + i, text_field(j, names[i]));
    const struct json *activated = json_get_nocase(j->ask.fields, "activated");
    const struct json *connected = json_get_nocase(j->ask.fields, "connected");
    store_bind_i64(j->table, ENDPOINT_LIST, 12, wanted(activated));
    store_bind_i64(j->table, ENDPOINT_LIST, 13, wanted(connected));
    store_bind(j->table, ENDPOINT_LIST, 14, j->ask.connected.len > 0 ? j->ask.connected : SLICE("[]"));
    store_bind(j->table, ENDPOINT_LIST, 15, text_field(j, "endpointState"));
    store_bind(j->table, ENDPOINT_LIST, 16, j->ask.connecting.len > 0 ? j->ask.connecting : SLICE("[]"));
}

/* The texts of a list, none where there is no list. */
static enum status read_ids(struct registry_job *j, struct slice list, struct map *out)
{
    struct json_doc *doc = NULL;
    if (list.len == 0)
        return OK;
    if (json_parse(list, JSON_STRICT, &doc, NULL) != OK)
        return BAD_ARGUMENT;
    for (struct json_walk w = json_walk(json_root(doc)); json_next(&w);)
        map_put(out, arena_copy(&j->arena, json_string(w.value)), j);
    json_free(&doc);
    return OK;
}

static void forget(struct now *now)
{
    map_clear(&now->supervisors);
    map_clear(&now->connecting);
}

static enum status read_now(struct registry_job *j, struct now *now)
{
    *now = (struct now){.knows_served = j->ask.connected.len > 0};
    enum status s = read_ids(j, j->ask.connected, &now->supervisors);
    if (s == OK)
        s = read_ids(j, j->ask.connecting, &now->connecting);
    if (s != OK)
        forget(now);
    return s;
}

enum status registry_endpoints(struct registry_job *j)
{
    struct now now;
    if (read_now(j, &now) != OK)
        return BAD_ARGUMENT;
    store_reset(j->table, ENDPOINT_LIST);
    bind_endpoint_query(j);
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    json_name(&w, "items"), json_array(&w);
    struct endpoint_row row;
    struct slice last = {0};
    uint32_t count = 0;
    enum status s;
    while ((s = endpoint_row_next(j->table, ENDPOINT_LIST, &row)) == OK && count++ < j->ask.limit) {
        put_endpoint(&w, &row, &now, j->ask.desired_only);
        if (count == j->ask.limit)
            last = arena_copy(&j->arena, row.id);
    }
    forget(&now);
    end_list(&w, count > j->ask.limit ? last : (struct slice){0});
    return s == NOT_FOUND ? OK : s;
}

enum status registry_endpoint(struct registry_job *j)
{
    struct endpoint_row row;
    struct now now;
    enum status s = endpoint_row_get(j->table, j->ask.id, &row);
    if (s == OK)
        s = read_now(j, &now);
    if (s != OK)
        return s;
    struct json_writer w = json_writer(&j->out);
    put_endpoint(&w, &row, &now, j->ask.desired_only);
    forget(&now);
    return OK;
}

enum status registry_positions(struct registry_job *j)
{
    struct json_writer w = json_writer(&j->out);
    json_object(&w);
    enum status s;
    while ((s = store_step(j->table, POSITION_LIST)) == OK) {
        json_name_slice(&w, store_column(j->table, POSITION_LIST, 0));
        json_put_i64(&w, store_column_i64(j->table, POSITION_LIST, 1));
    }
    json_end_object(&w);
    return s == NOT_FOUND ? OK : s;
}

#include "services/registry_tables.h"

#define MARKS(table, change, row)                                                                  \
    "CREATE TRIGGER " table "_mark_" change " AFTER " change " ON " table                          \
    " BEGIN INSERT OR REPLACE INTO hub_marks(id) VALUES(" row ".id); END;"

static const char *const migrations[] = {
    "CREATE TABLE applications("
    " id TEXT PRIMARY KEY, site TEXT NOT NULL, discoverer TEXT NOT NULL, not_seen INTEGER,"
    " info TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX applications_discoverer ON applications(discoverer);"
    "CREATE TABLE endpoints("
    " id TEXT PRIMARY KEY, application TEXT NOT NULL, site TEXT NOT NULL, discoverer TEXT NOT NULL,"
    " supervisor TEXT NOT NULL, url TEXT NOT NULL, mode TEXT NOT NULL, policy TEXT NOT NULL,"
    " certificate TEXT NOT NULL, activated INTEGER NOT NULL, not_seen INTEGER,"
    " registration TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX endpoints_application ON endpoints(application);"
    "CREATE INDEX endpoints_discoverer ON endpoints(discoverer);"
    "CREATE TABLE positions(partition TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;",
    /* What the hub is known to have, and what it is still to be told: see registry_mirror.c. */
    "CREATE TABLE hub_twins(id TEXT PRIMARY KEY, twin TEXT NOT NULL, pass INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE hub_marks(sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE);"
    "INSERT INTO hub_marks(id) SELECT id FROM applications UNION SELECT id FROM endpoints;"
    MARKS("applications", "INSERT", "new") MARKS("applications", "UPDATE", "new")
    MARKS("applications", "DELETE", "old") MARKS("endpoints", "INSERT", "new")
    MARKS("endpoints", "UPDATE", "new") MARKS("endpoints", "DELETE", "old"),
    /* What was last known of sessions; apart, for it is none of what the hub is told. */
    "CREATE TABLE endpoint_states(id TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TRIGGER endpoint_states_gone AFTER DELETE ON endpoints"
    " BEGIN DELETE FROM endpoint_states WHERE id = old.id; END;",
};

#define APPLICATION_COLUMNS "id, site, discoverer, not_seen, info"
#define ENDPOINT_COLUMNS                                                                           \
    "id, application, site, discoverer, supervisor, url, mode, policy, certificate, activated, "   \
    "not_seen, registration"
#define ENDPOINT_STATE                                                                             \
    "coalesce((SELECT state FROM endpoint_states WHERE endpoint_states.id = endpoints.id), '')"
#define ENDPOINT_SELECT "SELECT " ENDPOINT_COLUMNS ", " ENDPOINT_STATE " FROM endpoints"

/* An empty parameter asks for nothing. */
#define IS(parameter, expression) " AND (" parameter " = '' OR " expression " = " parameter ")"

/* clang-format off */
static const char *const statements[SERVICES_STATEMENT_COUNT] = {
    [APPLICATION_GET] = "SELECT " APPLICATION_COLUMNS " FROM applications WHERE id = ?1",
    [APPLICATION_PUT] = "INSERT OR REPLACE INTO applications(" APPLICATION_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5)",
    [APPLICATION_DELETE] = "DELETE FROM applications WHERE id = ?1",
    [APPLICATION_LIST] = "SELECT " APPLICATION_COLUMNS " FROM applications WHERE id > ?1"
        " AND (?3 OR not_seen IS NULL)"
        IS("?4", "discoverer") IS("?5", "site")
        " AND (?6 = '' OR lower(info ->> 'applicationType') = lower(?6)"
        " OR (info ->> 'applicationType' = 'ClientAndServer' AND lower(?6) IN ('client', 'server')))" IS("lower(?7)", "lower(info ->> 'applicationUri')")
        IS("?8", "info ->> 'productUri'") IS("?9", "info ->> 'applicationName'")
        IS("?10", "info ->> 'locale'") IS("?11", "info ->> 'discoveryProfileUri'")
        IS("?12", "info ->> 'gatewayServerUri'")
        " AND (?13 = '' OR EXISTS (SELECT 1 FROM json_each(info, '$.capabilities') WHERE upper(value) = upper(?13)))"
        " ORDER BY id LIMIT ?2",
    [APPLICATION_SEEN] = "UPDATE applications SET not_seen = ?2 WHERE id = ?1",
    [APPLICATION_OWNED] = "SELECT " APPLICATION_COLUMNS " FROM applications WHERE discoverer = ?1 AND not_seen IS NULL",
    [APPLICATION_EXPIRED] = "SELECT " APPLICATION_COLUMNS " FROM applications WHERE not_seen IS NOT NULL AND not_seen <= ?1",
    [APPLICATION_SITES] = "SELECT DISTINCT site FROM applications WHERE site > ?1 ORDER BY site LIMIT ?2",
    [ENDPOINT_GET] = ENDPOINT_SELECT " WHERE id = ?1",
    [ENDPOINT_PUT] = "INSERT OR REPLACE INTO endpoints(" ENDPOINT_COLUMNS ")"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [ENDPOINT_DELETE_OF] = "DELETE FROM endpoints WHERE application = ?1",
    [ENDPOINT_LIST] = ENDPOINT_SELECT " WHERE id > ?1"
        " AND (?3 OR not_seen IS NULL)"
        IS("?4", "discoverer") IS("?5", "site") IS("?6", "application") IS("?7", "supervisor")
        IS("lower(?8)", "url") IS("lower(?9)", "lower(certificate)")
        " AND (?10 = '' OR lower(coalesce(nullif(mode, ''), 'None')) = lower(?10))"
        IS("lower(?11)", "lower(policy)")
        " AND (?12 < 0 OR activated = ?12)"
        " AND (?13 < 0 OR (activated AND supervisor IN (SELECT value FROM json_each(?14))) = ?13)"
        " AND (?15 = '' OR lower(?15) = lower(CASE WHEN activated AND supervisor NOT IN (SELECT value FROM json_each(?14))"
        " THEN 'Disconnected' WHEN activated AND id IN (SELECT value FROM json_each(?16)) THEN 'Connecting' ELSE " ENDPOINT_STATE " END))"
        " ORDER BY id LIMIT ?2",
    [ENDPOINT_OF] = ENDPOINT_SELECT " WHERE application = ?1 ORDER BY id",
    [ENDPOINT_SEEN] = "UPDATE endpoints SET not_seen = ?2 WHERE id = ?1",
    [ENDPOINT_SEEN_OF] = "UPDATE endpoints SET not_seen = ?2 WHERE application = ?1",
    [ENDPOINT_OWNED] = ENDPOINT_SELECT " WHERE discoverer = ?1 AND not_seen IS NULL",
    [ENDPOINT_ACTIVATE] = "UPDATE endpoints SET activated = ?2 WHERE id = ?1",
    [ENDPOINT_STATE_PUT] = "INSERT OR REPLACE INTO endpoint_states(id, state) SELECT id, ?2 FROM endpoints WHERE id = ?1 AND (activated OR NOT ?3)",
    [POSITION_PUT] = "INSERT OR REPLACE INTO positions(partition, sequence) VALUES(?1, ?2)",
    [POSITION_LIST] = "SELECT partition, sequence FROM positions ORDER BY partition",
    [HUB_MARKS] = "SELECT sequence, id FROM hub_marks ORDER BY sequence LIMIT ?1",
    [HUB_MARK_COUNT] = "SELECT count(*) FROM hub_marks",
    [HUB_MARK_GET] = "SELECT sequence FROM hub_marks WHERE id = ?1",
    [HUB_MARK_PUT] = "INSERT OR REPLACE INTO hub_marks(id) VALUES(?1)",
    [HUB_MARK_DELETE] = "DELETE FROM hub_marks WHERE sequence = ?1",
    [HUB_MARK_UNSEEN] = "INSERT OR REPLACE INTO hub_marks(id) SELECT id FROM hub_twins WHERE pass < ?1",
    [HUB_MARK_UNKNOWN] = "INSERT OR IGNORE INTO hub_marks(id) SELECT id FROM"
        " (SELECT id FROM applications UNION SELECT id FROM endpoints)"
        " WHERE id NOT IN (SELECT id FROM hub_twins)",
    [HUB_TWIN_GET] = "SELECT twin FROM hub_twins WHERE id = ?1",
    [HUB_TWIN_PUT] = "INSERT OR REPLACE INTO hub_twins(id, twin, pass) VALUES(?1, ?2, ?3)",
    [HUB_TWIN_DELETE] = "DELETE FROM hub_twins WHERE id = ?1",
    [HUB_TWIN_UNSEEN] = "DELETE FROM hub_twins WHERE pass < ?1",
};
/* clang-format on */

void services_registry_tables(struct store_table_config *config)
{
    config->migrations = migrations;
    config->migration_count = sizeof(migrations) / sizeof(migrations[0]);
    config->statements = statements;
    config->statement_count = SERVICES_STATEMENT_COUNT;
}

static void bind_time(struct store_table *t, enum services_statement s, int at, uint64_t ms)
{
    if (ms)
        store_bind_i64(t, s, at, (int64_t)ms);
    else
        store_bind_null(t, s, at);
}

/* ---- applications ---- */

enum status application_row_next(struct store_table *t, enum services_statement s,
                                 struct application_row *out)
{
    enum status got = store_step(t, s);
    if (got == OK)
        *out = (struct application_row){
            .id = store_column(t, s, 0),
            .site = store_column(t, s, 1),
            .discoverer = store_column(t, s, 2),
            .not_seen_ms = (uint64_t)store_column_i64(t, s, 3),
            .info = store_column(t, s, 4),
        };
    return got;
}

enum status application_row_get(struct store_table *t, struct slice id, struct application_row *out)
{
    store_reset(t, APPLICATION_GET);
    store_bind(t, APPLICATION_GET, 1, id);
    return application_row_next(t, APPLICATION_GET, out);
}

enum status application_row_put(struct store_table *t, const struct application_row *row)
{
    store_bind(t, APPLICATION_PUT, 1, row->id);
    store_bind(t, APPLICATION_PUT, 2, row->site);
    store_bind(t, APPLICATION_PUT, 3, row->discoverer);
    bind_time(t, APPLICATION_PUT, 4, row->not_seen_ms);
    store_bind(t, APPLICATION_PUT, 5, row->info);
    return store_run(t, APPLICATION_PUT);
}

/* ---- endpoints ---- */

enum status endpoint_row_next(struct store_table *t, enum services_statement s,
                              struct endpoint_row *out)
{
    enum status got = store_step(t, s);
    if (got == OK)
        *out = (struct endpoint_row){
            .id = store_column(t, s, 0),
            .application = store_column(t, s, 1),
            .site = store_column(t, s, 2),
            .discoverer = store_column(t, s, 3),
            .supervisor = store_column(t, s, 4),
            .url = store_column(t, s, 5),
            .mode = store_column(t, s, 6),
            .policy = store_column(t, s, 7),
            .certificate = store_column(t, s, 8),
            .activated = store_column_i64(t, s, 9) != 0,
            .not_seen_ms = (uint64_t)store_column_i64(t, s, 10),
            .registration = store_column(t, s, 11),
            .state = store_column(t, s, 12),
        };
    return got;
}

enum status endpoint_row_get(struct store_table *t, struct slice id, struct endpoint_row *out)
{
    store_reset(t, ENDPOINT_GET);
    store_bind(t, ENDPOINT_GET, 1, id);
    return endpoint_row_next(t, ENDPOINT_GET, out);
}

enum status endpoint_row_put(struct store_table *t, const struct endpoint_row *row)
{
    const struct slice texts[] = {row->id,         row->application, row->site,
                                  row->discoverer, row->supervisor,  row->url,
                                  row->mode,       row->policy,      row->certificate};
    for (int i = 0; i < 9; i++)
        store_bind(t, ENDPOINT_PUT, i + 1, texts[i]);
    store_bind_i64(t, ENDPOINT_PUT, 10, row->activated);
    bind_time(t, ENDPOINT_PUT, 11, row->not_seen_ms);
    store_bind(t, ENDPOINT_PUT, 12, row->registration);
    return store_run(t, ENDPOINT_PUT);
}

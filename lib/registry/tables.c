#include "registry/tables.h"

/* The name of a device's own row in the column `module` is the empty text. */
const char *const registry_migrations[] = {
    "CREATE TABLE identities ("
    " device TEXT NOT NULL, module TEXT NOT NULL,"
    " generation TEXT NOT NULL, etag TEXT NOT NULL,"
    " enabled INTEGER NOT NULL, status_reason TEXT, status_ms INTEGER NOT NULL DEFAULT 0,"
    " auth INTEGER NOT NULL, primary_key TEXT, secondary_key TEXT,"
    " primary_thumbprint TEXT, secondary_thumbprint TEXT,"
    " edge INTEGER NOT NULL DEFAULT 0, device_scope TEXT, parent_scopes TEXT, managed_by TEXT,"
    " connected INTEGER NOT NULL DEFAULT 0, connection_ms INTEGER NOT NULL DEFAULT 0,"
    " activity_ms INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (device, module)) WITHOUT ROWID;"
    "CREATE INDEX identities_scope ON identities (device_scope) WHERE device_scope IS NOT NULL;"
    "CREATE TABLE twins ("
    " device TEXT NOT NULL, module TEXT NOT NULL, version INTEGER NOT NULL,"
    " tags TEXT NOT NULL, tags_version INTEGER NOT NULL,"
    " desired TEXT NOT NULL, desired_metadata TEXT NOT NULL, desired_version INTEGER NOT NULL,"
    " reported TEXT NOT NULL, reported_metadata TEXT NOT NULL, reported_version INTEGER NOT NULL,"
    " PRIMARY KEY (device, module)) WITHOUT ROWID;",
    "CREATE INDEX identities_parents ON identities (device) WHERE parent_scopes IS NOT NULL;",
    "CREATE TABLE certificates ("
    " name TEXT NOT NULL PRIMARY KEY, etag TEXT NOT NULL, der TEXT NOT NULL, code TEXT,"
    " verified INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;",
    /* What queries search, see index.h. A document's number is its place in every answer. */
    "CREATE TABLE documents ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL, module TEXT NOT NULL,"
    " UNIQUE (device, module));"
    "CREATE INDEX documents_module ON documents (module);"
    "CREATE TABLE leaves ("
    " number INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, path TEXT NOT NULL,"
    " value NOT NULL, PRIMARY KEY (number, path)) WITHOUT ROWID;"
    "CREATE INDEX leaves_value ON leaves (path, value, number);"
    "INSERT INTO documents (device, module) SELECT device, module FROM twins ORDER BY 1, 2;"
    "WITH RECURSIVE node (number, path, type, value) AS ("
    " SELECT d.number, 'tags.' || e.key, e.type, e.value"
    "  FROM documents d JOIN twins t USING (device, module), json_each(t.tags) e"
    " UNION ALL SELECT d.number, 'desired.' || e.key, e.type, e.value"
    "  FROM documents d JOIN twins t USING (device, module), json_each(t.desired) e"
    " UNION ALL SELECT d.number, 'reported.' || e.key, e.type, e.value"
    "  FROM documents d JOIN twins t USING (device, module), json_each(t.reported) e"
    " UNION ALL SELECT n.number, n.path || '.' || e.key, e.type, e.value"
    "  FROM node n, json_each(n.value) e WHERE n.type = 'object')"
    "INSERT INTO leaves SELECT number, path, CASE type WHEN 'text' THEN value"
    " WHEN 'integer' THEN CAST(value AS REAL) WHEN 'real' THEN value WHEN 'null' THEN x'6e'"
    " WHEN 'true' THEN x'31' WHEN 'false' THEN x'30' WHEN 'array' THEN x'61' ELSE x'6f' END"
    " FROM node;"
    "CREATE TRIGGER documents_insert AFTER INSERT ON twins BEGIN"
    " INSERT INTO documents (device, module) VALUES (new.device, new.module); END;"
    "CREATE TRIGGER documents_delete AFTER DELETE ON twins BEGIN"
    " DELETE FROM documents WHERE device = old.device AND module = old.module; END;",
    /* Counted as they change: a million rows take a while to count. */
    "CREATE TABLE counts (one INTEGER PRIMARY KEY CHECK (one = 1), devices INTEGER NOT NULL,"
    " enabled INTEGER NOT NULL, connected INTEGER NOT NULL);"
    "INSERT INTO counts SELECT 1, COUNT(*), COALESCE(SUM(enabled), 0), COALESCE(SUM(connected), 0)"
    " FROM identities WHERE module = '';"
    "CREATE TRIGGER counts_insert AFTER INSERT ON identities WHEN NEW.module = '' BEGIN"
    " UPDATE counts SET devices = devices + 1, enabled = enabled + NEW.enabled,"
    " connected = connected + NEW.connected; END;"
    "CREATE TRIGGER counts_delete AFTER DELETE ON identities WHEN OLD.module = '' BEGIN"
    " UPDATE counts SET devices = devices - 1, enabled = enabled - OLD.enabled,"
    " connected = connected - OLD.connected; END;"
    "CREATE TRIGGER counts_update AFTER UPDATE OF enabled, connected ON identities"
    " WHEN NEW.module = '' AND (NEW.enabled <> OLD.enabled OR NEW.connected <> OLD.connected) BEGIN"
    " UPDATE counts SET enabled = enabled + NEW.enabled - OLD.enabled,"
    " connected = connected + NEW.connected - OLD.connected; END;",
    /* Messages to devices, and what became of them: c2d/queue.c, c2d/feedback.c. */
    "CREATE TABLE messages ("
    " sequence INTEGER PRIMARY KEY AUTOINCREMENT, device TEXT NOT NULL,"
    " enqueued_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " delivery_count INTEGER NOT NULL DEFAULT 0,"
    " lock TEXT, locked_until_ms INTEGER NOT NULL DEFAULT 0, live INTEGER NOT NULL DEFAULT 0,"
    " ack INTEGER NOT NULL, record BLOB NOT NULL);"
    "CREATE INDEX messages_device ON messages (device, sequence);"
    "CREATE INDEX messages_expiry ON messages (expires_ms) WHERE lock IS NULL;"
    "CREATE INDEX messages_locks ON messages (locked_until_ms) WHERE lock IS NOT NULL;"
    "CREATE TRIGGER messages_of_the_deleted AFTER DELETE ON identities WHEN OLD.module = ''"
    " BEGIN DELETE FROM messages WHERE device = OLD.device; END;"
    "CREATE TABLE feedback ("
    " sequence INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL DEFAULT 0,"
    " made_ms INTEGER NOT NULL, record TEXT NOT NULL);"
    "CREATE INDEX feedback_of_batch ON feedback (batch);"
    "CREATE TABLE feedback_batches ("
    " batch INTEGER PRIMARY KEY AUTOINCREMENT, enqueued_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, delivery_count INTEGER NOT NULL DEFAULT 0,"
    " lock TEXT, locked_until_ms INTEGER NOT NULL DEFAULT 0);"
    "ALTER TABLE identities ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE identities ADD COLUMN model_id TEXT;",
    /* Configurations, see configurations/rows.h. */
    "CREATE TABLE configurations ("
    " id TEXT NOT NULL PRIMARY KEY, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,"
    " etag TEXT NOT NULL, body TEXT NOT NULL, priority INTEGER NOT NULL,"
    " looks_at_reported INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE configuration_targets ("
    " configuration TEXT NOT NULL, device TEXT NOT NULL, module TEXT NOT NULL,"
    " applied INTEGER NOT NULL, PRIMARY KEY (configuration, device, module)) WITHOUT ROWID;"
    "CREATE INDEX configuration_targets_of ON configuration_targets (device, module);"
    "CREATE TABLE configured ("
    " device TEXT NOT NULL, module TEXT NOT NULL, kind INTEGER NOT NULL, paths TEXT NOT NULL,"
    " PRIMARY KEY (device, module, kind)) WITHOUT ROWID;"
    "CREATE TABLE configuration_work ("
    " configuration TEXT NOT NULL PRIMARY KEY, after INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE configuration_dirty ("
    " device TEXT NOT NULL, module TEXT NOT NULL, PRIMARY KEY (device, module)) WITHOUT ROWID;"
    "CREATE TRIGGER configuration_insert AFTER INSERT ON twins"
    " WHEN EXISTS (SELECT 1 FROM configurations) BEGIN"
    " INSERT OR IGNORE INTO configuration_dirty VALUES (new.device, new.module); END;"
    "CREATE TRIGGER configuration_update AFTER UPDATE ON twins"
    " WHEN EXISTS (SELECT 1 FROM configurations) AND (old.tags <> new.tags"
    " OR old.desired <> new.desired OR (old.reported <> new.reported AND EXISTS"
    " (SELECT 1 FROM configurations WHERE looks_at_reported))) BEGIN"
    " INSERT OR IGNORE INTO configuration_dirty VALUES (new.device, new.module); END;"
    "CREATE TRIGGER configuration_identity AFTER UPDATE ON identities"
    " WHEN old.etag <> new.etag AND EXISTS (SELECT 1 FROM configurations) BEGIN"
    " INSERT OR IGNORE INTO configuration_dirty VALUES (new.device, new.module); END;"
    "CREATE TRIGGER configuration_delete AFTER DELETE ON identities BEGIN"
    " DELETE FROM configuration_targets WHERE device = old.device AND module = old.module;"
    " DELETE FROM configured WHERE device = old.device AND module = old.module;"
    " DELETE FROM configuration_dirty WHERE device = old.device AND module = old.module; END;",
    "CREATE TABLE transfers ("
    " sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, import INTEGER NOT NULL,"
    " state INTEGER NOT NULL DEFAULT 0, progress INTEGER NOT NULL DEFAULT 0,"
    " started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL DEFAULT 0, input_uri TEXT, input_name "
    "TEXT,"
    " output_uri TEXT, output_name TEXT, without_keys INTEGER NOT NULL, reason TEXT);",
    /* Scheduled jobs and what they do to each device, see jobs/rows.h. */
    "CREATE TABLE scheduled_jobs ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type INTEGER NOT NULL,"
    " condition TEXT NOT NULL, what TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " start_ms INTEGER NOT NULL, began_ms INTEGER NOT NULL DEFAULT 0,"
    " end_ms INTEGER NOT NULL DEFAULT 0, max_ms INTEGER NOT NULL,"
    " status INTEGER NOT NULL DEFAULT 0, failure TEXT, message TEXT,"
    " listed INTEGER NOT NULL DEFAULT 0, all_listed INTEGER NOT NULL DEFAULT 0,"
    " devices INTEGER NOT NULL DEFAULT 0, pending INTEGER NOT NULL DEFAULT 0,"
    " running INTEGER NOT NULL DEFAULT 0, succeeded INTEGER NOT NULL DEFAULT 0,"
    " failed INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX scheduled_jobs_status ON scheduled_jobs (status, start_ms);"
    "CREATE TABLE scheduled_devices ("
    " number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " job INTEGER NOT NULL REFERENCES scheduled_jobs ON DELETE CASCADE,"
    " device TEXT NOT NULL, module TEXT NOT NULL, status INTEGER NOT NULL DEFAULT 0,"
    " start_ms INTEGER NOT NULL DEFAULT 0, end_ms INTEGER NOT NULL DEFAULT 0,"
    " updated_ms INTEGER NOT NULL, outcome TEXT, error TEXT);"
    "CREATE INDEX scheduled_devices_job ON scheduled_devices (job);"
    "CREATE INDEX scheduled_devices_device ON scheduled_devices (device);"
    "CREATE INDEX scheduled_devices_running ON scheduled_devices (status) WHERE status = 1;",
    /* Files from devices that are under way: c2d/uploads.h. What is told of them stands among the
       batches of feedback. */
    "ALTER TABLE feedback_batches ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE uploads (id TEXT PRIMARY KEY, device TEXT NOT NULL, blob TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX uploads_device ON uploads (device);"
    "CREATE TRIGGER uploads_of_the_deleted AFTER DELETE ON identities WHEN OLD.module = ''"
    " BEGIN DELETE FROM uploads WHERE device = OLD.device; END;",
    "ALTER TABLE transfers ADD COLUMN configurations TEXT;",
    /* Messages to devices whose time to live is counted from when they came. */
    "ALTER TABLE messages ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;",
    /* Where a transfer goes on after a restart: transfers/lines.c. Its column "job" is the
       transfer's id. */
    "ALTER TABLE transfers ADD COLUMN mark TEXT;"
    "CREATE TABLE transfer_lines ("
    " job TEXT NOT NULL, line INTEGER NOT NULL, code TEXT NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (job, line)) WITHOUT ROWID;",
};
const size_t registry_migration_count =
    sizeof(registry_migrations) / sizeof(registry_migrations[0]);

enum status registry_tables_open(const char *directory, struct store_table **out)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/registry.db", directory);
    enum status s = store_table_open(
        &(struct store_table_config){
            .path = buffer_cstr(&path),
            .migrations = registry_migrations,
            .migration_count = registry_migration_count,
            .statements = registry_statements,
            .statement_count = SQL_COUNT,
            .inline_errands = true,
        },
        out);
    buffer_clear(&path);
    return s;
}

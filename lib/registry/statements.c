#include "registry/statements.h"

#define COLUMNS                                                                                    \
    "i.device, i.module, i.generation, i.etag, i.enabled, i.status_reason, i.status_ms, i.auth,"   \
    " i.primary_key, i.secondary_key, i.primary_thumbprint, i.secondary_thumbprint, i.edge,"       \
    " i.device_scope, i.parent_scopes, i.managed_by, i.connected, i.connection_ms, i.activity_ms," \
    " CASE i.module WHEN '' THEN i.enabled ELSE"                                                    \
    " (SELECT d.enabled FROM identities d WHERE d.device = i.device AND d.module = '') END,"       \
    " json_extract(i.parent_scopes, '$[0]'), i.kept,"                                              \
    " (SELECT COUNT(*) FROM messages m WHERE m.device = i.device AND i.module = ''), i.model_id"

#define TRANSFER_COLUMNS                                                                           \
    "id, import, state, progress, started_ms, ended_ms, input_uri, input_name, output_uri,"        \
    " output_name, without_keys, reason, configurations, mark"

#define CERTIFICATE_COLUMNS "name, etag, der, code, verified, created_ms, updated_ms"

#define CONFIGURATION_COLUMNS                                                                      \
    "SELECT id, created_ms, updated_ms, etag, body, priority FROM configurations"
/* What the agents say of the deployment that they have been given last. */
#define CONFIGURATION_AGENTS                                                                       \
    " FROM configuration_targets c JOIN twins t ON t.device = c.device AND"                        \
    " t.module = '$edgeAgent' WHERE c.configuration = ?1 AND c.applied AND"                        \
    " json_extract(t.reported, '$.lastDesiredVersion') = t.desired_version AND"                    \
    " json_extract(t.reported, '$.lastDesiredStatus.code') "
#define JOB_COLUMNS                                                                                \
    "number, id, type, condition, what, created_ms, start_ms, began_ms, end_ms, max_ms, status,"   \
    " failure, message, listed, all_listed, devices, pending, running, succeeded, failed"

const char *const registry_statements[SQL_COUNT] = {
    [SQL_IDENTITY_GET] = "SELECT " COLUMNS " FROM identities i WHERE device = ?1 AND module = ?2",
    [SQL_IDENTITY_INSERT] =
        "INSERT INTO identities (device, module, generation, etag, enabled, status_reason, "
        "status_ms, auth,"
        " primary_key, secondary_key, primary_thumbprint, secondary_thumbprint, edge, device_scope,"
        " parent_scopes, managed_by) VALUES "
        "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [SQL_IDENTITY_UPDATE] =
        "UPDATE identities SET etag = ?4, enabled = ?5, status_reason = ?6, status_ms = ?7, auth = "
        "?8,"
        " primary_key = ?9, secondary_key = ?10, primary_thumbprint = ?11, secondary_thumbprint = "
        "?12,"
        " edge = ?13, device_scope = ?14, parent_scopes = ?15, managed_by = ?16, generation = ?3"
        " WHERE device = ?1 AND module = ?2",
    [SQL_IDENTITY_DELETE] = "DELETE FROM identities WHERE device = ?1 AND module = ?2",
    [SQL_MODULES_DELETE] = "DELETE FROM identities WHERE device = ?1",
    [SQL_MODULE_NAMES] = "SELECT module FROM identities WHERE device = ?1 AND module <> ''",
    [SQL_DEVICES_LIST] =
        "SELECT " COLUMNS " FROM identities i WHERE module = '' ORDER BY device LIMIT ?1",
    [SQL_MODULES_LIST] =
        "SELECT " COLUMNS
        " FROM identities i WHERE device = ?1 AND module <> '' ORDER BY module LIMIT ?2",
    [SQL_MODULES_COUNT] = "SELECT COUNT(*) FROM identities WHERE device = ?1 AND module <> ''",
    [SQL_CONNECTION] = "UPDATE identities SET connected = ?3, connection_ms = ?4, activity_ms = ?4 "
                       "WHERE device = ?1 AND module = ?2",
    [SQL_NOBODY_CONNECTED] = "UPDATE identities SET connected = 0 WHERE connected = 1",
    [SQL_MODEL] = "UPDATE identities SET model_id = ?3"
                  " WHERE device = ?1 AND module = ?2 AND model_id IS NOT ?3",
    [SQL_STATISTICS_DEVICES] = "SELECT devices, enabled FROM counts",
    [SQL_STATISTICS_SERVICE] = "SELECT connected FROM counts",
    [SQL_SCOPE_EXISTS] =
        "SELECT 1 FROM identities WHERE device_scope = ?1 AND module = '' AND edge = 1",
    /* The edge itself, the leaves in its scope, the edges below it. */
    [SQL_SCOPE_DEVICES] =
        "SELECT " COLUMNS " FROM identities i WHERE module = '' AND device > ?3 AND device IN ("
        " SELECT ?2 UNION SELECT device FROM identities WHERE device_scope = ?1"
        " UNION SELECT device FROM identities WHERE parent_scopes IS NOT NULL AND"
        " json_extract(parent_scopes, '$[0]') = ?1) ORDER BY device LIMIT ?4",
    [SQL_TWIN_GET] =
        "SELECT version, tags, tags_version, desired, desired_metadata, desired_version, reported,"
        " reported_metadata, reported_version FROM twins WHERE device = ?1 AND module = ?2",
    [SQL_TWIN_INSERT] =
        "INSERT INTO twins (device, module, version, tags, tags_version, desired, desired_metadata,"
        " desired_version, reported, reported_metadata, reported_version)"
        " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [SQL_TWIN_UPDATE] =
        "UPDATE twins SET version = ?3, tags = ?4, tags_version = ?5, desired = ?6, "
        "desired_metadata = ?7,"
        " desired_version = ?8, reported = ?9, reported_metadata = ?10, reported_version = ?11"
        " WHERE device = ?1 AND module = ?2",
    [SQL_TWIN_DELETE] = "DELETE FROM twins WHERE device = ?1 AND module = ?2",
    [SQL_TWINS_DELETE] = "DELETE FROM twins WHERE device = ?1",
    [SQL_CERTIFICATES] = "SELECT " CERTIFICATE_COLUMNS " FROM certificates ORDER BY name",
    [SQL_CERTIFICATES_VERIFIED] = "SELECT der FROM certificates WHERE verified = 1",
    [SQL_CERTIFICATES_COUNT] = "SELECT COUNT(*) FROM certificates",
    [SQL_CERTIFICATE_GET] = "SELECT " CERTIFICATE_COLUMNS " FROM certificates WHERE name = ?1",
    [SQL_CERTIFICATE_INSERT] =
        "INSERT INTO certificates (" CERTIFICATE_COLUMNS ") VALUES (?1,?2,?3,?4,?5,?6,?7)",
    [SQL_CERTIFICATE_UPDATE] = "UPDATE certificates SET etag = ?2, der = ?3, code = ?4,"
                               " verified = ?5, created_ms = ?6, updated_ms = ?7 WHERE name = ?1",
    [SQL_TRANSFERS] = "SELECT " TRANSFER_COLUMNS " FROM transfers ORDER BY sequence DESC LIMIT ?1",
    [SQL_TRANSFERS_WAITING] = "SELECT COUNT(*) FROM transfers WHERE state = 0",
    [SQL_TRANSFERS_FORGET] = "DELETE FROM transfers WHERE state > 1 AND ended_ms < ?1",
    [SQL_TRANSFERS_RESTART] = "UPDATE transfers SET state = 0 WHERE state = 1",
    [SQL_TRANSFER_GET] = "SELECT " TRANSFER_COLUMNS " FROM transfers WHERE id = ?1",
    [SQL_TRANSFER_INSERT] = "INSERT INTO transfers (id, import, started_ms, input_uri, input_name, "
                            "output_uri, output_name,"
                            " without_keys, configurations) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [SQL_TRANSFER_MOVE] =
        "UPDATE transfers SET state = ?3, reason = ?5, ended_ms = CASE WHEN ?3 > 1 THEN ?4 ELSE 0 "
        "END,"
        " progress = CASE WHEN ?3 = 2 THEN 100 ELSE progress END WHERE id = ?1 AND state = ?2",
    [SQL_TRANSFER_NEXT] = "SELECT id FROM transfers WHERE state = 0 ORDER BY sequence LIMIT 1",
    [SQL_TRANSFER_PROGRESS] = "UPDATE transfers SET progress = ?2 WHERE id = ?1",
    [SQL_TRANSFER_MARK] = "UPDATE transfers SET mark = ?2 WHERE id = ?1",
    [SQL_TRANSFER_LINE_BEGIN] = "SAVEPOINT line",
    [SQL_TRANSFER_LINE_UNDO] = "ROLLBACK TO line",
    [SQL_TRANSFER_LINE_END] = "RELEASE line",
    [SQL_TRANSFER_LINE_GET] = "SELECT code, text FROM transfer_lines WHERE job = ?1 AND line = ?2",
    [SQL_TRANSFER_LINE_PUT] = "INSERT INTO transfer_lines VALUES (?1, ?2, ?3, ?4)",
    [SQL_TRANSFER_LINES_FORGET] = "DELETE FROM transfer_lines WHERE job = ?1 AND line <= ?2",
    [SQL_TRANSFER_LINES_ORPHANS] = "DELETE FROM transfer_lines WHERE job NOT IN"
                                   " (SELECT id FROM transfers WHERE state < 2)",
    [SQL_EXPORT] = "SELECT " COLUMNS " FROM identities i WHERE (device, module) > (?1, ?2)"
                   " ORDER BY device, module LIMIT ?3",
    [SQL_CERTIFICATE_DELETE] = "DELETE FROM certificates WHERE name = ?1",
    [SQL_DOCUMENT_NUMBER] = "SELECT number FROM documents WHERE device = ?1 AND module = ?2",
    [SQL_LEAF_PUT] = "INSERT OR REPLACE INTO leaves (number, path, value) VALUES (?1, ?2, ?3)",
    [SQL_LEAF_DELETE] = "DELETE FROM leaves WHERE number = ?1 AND path = ?2",
    /* Documents behind number ?1, at most ?2, modules if ?3: see query/plan.h. */
    [SQL_QUERY_ALL_DEVICES] = "SELECT number, device, module FROM documents WHERE module = '' AND"
                              " number > ?1 ORDER BY number LIMIT ?2",
    [SQL_QUERY_ALL_MODULES] = "SELECT number, device, module FROM documents WHERE number > ?1 AND"
                              " module <> '' ORDER BY number LIMIT ?2",
    [SQL_QUERY_DEVICE] = "SELECT number, device, module FROM documents WHERE device = ?5 AND"
                         " number > ?1 AND (module <> '') = ?3 ORDER BY number LIMIT ?2",
    [SQL_QUERY_MODULE] = "SELECT number, device, module FROM documents WHERE module = ?5 AND"
                         " number > ?1 AND (module <> '') = ?3 ORDER BY number LIMIT ?2",
    [SQL_QUERY_EQUAL] =
        "SELECT d.number, d.device, d.module FROM leaves l CROSS JOIN documents d USING (number)"
        " WHERE l.path = ?4 AND l.value = ?5 AND l.number > ?1 AND (d.module <> '') = ?3"
        " ORDER BY l.number LIMIT ?2",
    [SQL_QUERY_RANGE] =
        "SELECT d.number, d.device, d.module FROM leaves l CROSS JOIN documents d USING (number)"
        " WHERE l.path = ?4 AND l.value BETWEEN ?5 AND ?6 AND l.number > ?1 AND"
        " (d.module <> '') = ?3 ORDER BY l.number LIMIT ?2",
    [SQL_CONFIGURATIONS] = CONFIGURATION_COLUMNS " ORDER BY id",
    [SQL_CONFIGURATIONS_COUNT] = "SELECT COUNT(*) FROM configurations",
    [SQL_CONFIGURATION_GET] = CONFIGURATION_COLUMNS " WHERE id = ?1",
    [SQL_CONFIGURATION_PUT] =
        "INSERT INTO configurations (id, created_ms, updated_ms, etag, body, priority,"
        " looks_at_reported) VALUES (?1, ?2, ?2, ?3, ?4, ?5,"
        " COALESCE(json_extract(?4, '$.targetCondition') LIKE '%reported%', 0))"
        " ON CONFLICT (id) DO UPDATE SET updated_ms = ?2, etag = ?3, body = ?4, priority = ?5,"
        " looks_at_reported = excluded.looks_at_reported",
    [SQL_CONFIGURATION_DELETE] = "DELETE FROM configurations WHERE id = ?1",
    [SQL_CONFIGURATION_TARGETED] =
        "SELECT COUNT(*) FROM configuration_targets WHERE configuration = ?1",
    [SQL_CONFIGURATION_APPLIED] =
        "SELECT COUNT(*) FROM configuration_targets WHERE configuration = ?1 AND applied",
    [SQL_CONFIGURATION_SUCCESSFUL] = "SELECT COUNT(*)" CONFIGURATION_AGENTS "= 200",
    [SQL_CONFIGURATION_FAILED] = "SELECT COUNT(*)" CONFIGURATION_AGENTS "<> 200",
    [SQL_CONFIGURATION_TARGET_PUT] = "INSERT OR REPLACE INTO configuration_targets"
                                     " (configuration, device, module, applied)"
                                     " VALUES (?1, ?2, ?3, ?4)",
    [SQL_CONFIGURATION_TARGETS_DELETE] =
        "DELETE FROM configuration_targets WHERE device = ?1 AND module = ?2",
    [SQL_CONFIGURATIONS_OF] =
        "SELECT configuration, applied FROM configuration_targets WHERE device = ?1 AND module = ?2"
        " ORDER BY configuration",
    [SQL_CONFIGURED_GET] =
        "SELECT paths FROM configured WHERE device = ?1 AND module = ?2 AND kind = ?3",
    [SQL_CONFIGURED_MODULES] =
        "SELECT module FROM configured WHERE device = ?1 AND module <> '' AND kind = ?2",
    [SQL_CONFIGURED_PUT] = "INSERT OR REPLACE INTO configured (device, module, kind, paths)"
                           " VALUES (?1, ?2, ?3, ?4)",
    [SQL_CONFIGURED_DELETE] =
        "DELETE FROM configured WHERE device = ?1 AND module = ?2 AND kind = ?3",
    [SQL_CONFIGURATION_DIRTY] = "SELECT device, module FROM configuration_dirty LIMIT ?1",
    [SQL_CONFIGURATION_DIRTY_PUT] = "INSERT OR IGNORE INTO configuration_dirty VALUES (?1, ?2)",
    [SQL_CONFIGURATION_DIRTY_ALL] =
        "INSERT OR IGNORE INTO configuration_dirty SELECT device, module"
        " FROM configuration_targets WHERE configuration = ?1",
    [SQL_CONFIGURATION_CLEAN] = "DELETE FROM configuration_dirty WHERE device = ?1 AND module = ?2",
    [SQL_CONFIGURATION_WORK] = "SELECT configuration, after FROM configuration_work LIMIT 1",
    [SQL_CONFIGURATION_WORK_INSERT] = "INSERT OR REPLACE INTO configuration_work VALUES (?1, 0)",
    [SQL_CONFIGURATION_WORK_ON] =
        "UPDATE configuration_work SET after = ?2 WHERE configuration = ?1",
    [SQL_CONFIGURATION_WORK_DELETE] = "DELETE FROM configuration_work WHERE configuration = ?1",
    [SQL_QUERY_COUNT] = "SELECT COUNT(*) FROM (SELECT 1 FROM leaves WHERE path = ?4 AND"
                        " value BETWEEN ?5 AND ?6 LIMIT ?2)",
    [SQL_ACTIVE] = "UPDATE identities SET activity_ms = ?3"
                   " WHERE device = ?1 AND module = ?2 AND activity_ms < ?3",
    [SQL_KEEP] = "UPDATE identities SET kept = ?3 WHERE device = ?1 AND module = ?2",
#define MESSAGE "sequence, device, enqueued_ms, delivery_count, ack, locked_until_ms, record"
    [SQL_MESSAGE_INSERT] =
        "INSERT INTO messages (device, enqueued_ms, expires_ms, ack, record, counted)"
        " VALUES (?1,?2,?3,?4,?5,?6)",
    [SQL_MESSAGES_WAITING] = "SELECT COUNT(*) FROM messages",
    [SQL_MESSAGE_COUNT] = "SELECT COUNT(*) FROM messages WHERE device = ?1",
    [SQL_MESSAGES_FREE] = "SELECT " MESSAGE " FROM messages WHERE device = ?1 AND lock IS NULL"
                          " AND expires_ms > ?2 ORDER BY sequence LIMIT ?3",
    [SQL_MESSAGES_LIVE] =
        "SELECT " MESSAGE " FROM messages WHERE device = ?1 AND lock IS NOT NULL AND live = 1"
        " ORDER BY sequence",
    [SQL_MESSAGES_OF] = "SELECT " MESSAGE " FROM messages WHERE device = ?1 ORDER BY sequence",
    [SQL_MESSAGES_EXPIRED] =
        "SELECT " MESSAGE
        " FROM messages WHERE lock IS NULL AND expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2",
    [SQL_MESSAGES_OVERDUE] =
        "SELECT " MESSAGE " FROM messages WHERE lock IS NOT NULL"
        " AND (locked_until_ms <= ?1 OR locked_until_ms > ?2) ORDER BY locked_until_ms LIMIT ?3",
    [SQL_MESSAGE_LOCKED] = "SELECT " MESSAGE " FROM messages WHERE device = ?1 AND lock = ?2",
    [SQL_MESSAGE_LOCK] =
        "UPDATE messages SET lock = ?2, locked_until_ms = ?3, live = ?4 WHERE sequence = ?1",
    [SQL_MESSAGE_UNLOCK] =
        "UPDATE messages SET lock = NULL, delivery_count = ?2 WHERE sequence = ?1",
    [SQL_MESSAGE_DELETE] = "DELETE FROM messages WHERE sequence = ?1",
    [SQL_MESSAGES_DUE] =
        "SELECT (SELECT MIN(expires_ms) FROM messages WHERE lock IS NULL),"
        " (SELECT MIN(locked_until_ms) FROM messages WHERE lock IS NOT NULL),"
        " (SELECT MIN(made_ms) FROM feedback WHERE batch = 0),"
        " (SELECT MIN(expires_ms) FROM feedback_batches),"
        " (SELECT MIN(locked_until_ms) FROM feedback_batches WHERE lock IS NOT NULL)",
    [SQL_MESSAGES_SHIFT] =
        "UPDATE messages SET expires_ms = expires_ms + counted * ?1,"
        " locked_until_ms = locked_until_ms + ?1 WHERE enqueued_ms NOT BETWEEN ?2 AND ?3",
    [SQL_FEEDBACK_SHIFT] = "UPDATE feedback SET made_ms = made_ms + ?1"
                           " WHERE batch = 0 AND made_ms NOT BETWEEN ?2 AND ?3",
    [SQL_BATCHES_SHIFT] =
        "UPDATE feedback_batches SET expires_ms = expires_ms + ?1,"
        " locked_until_ms = locked_until_ms + ?1 WHERE enqueued_ms NOT BETWEEN ?2 AND ?3",
    [SQL_FEEDBACK_INSERT] = "INSERT INTO feedback (made_ms, record, batch) VALUES (?1, ?2, ?3)",
    [SQL_FEEDBACK_OPEN] = "SELECT COUNT(*), MIN(made_ms) FROM feedback WHERE batch = 0",
    [SQL_FEEDBACK_CLOSE] = "UPDATE feedback SET batch = ?1 WHERE batch = 0",
    [SQL_FEEDBACK_RECORDS] = "SELECT record FROM feedback WHERE batch = ?1 ORDER BY sequence",
    [SQL_FEEDBACK_DELETE] = "DELETE FROM feedback WHERE batch = ?1",
    [SQL_BATCH_INSERT] =
        "INSERT INTO feedback_batches (enqueued_ms, expires_ms, kind) VALUES (?1, ?2, ?3)"
        " RETURNING batch",
    [SQL_BATCH_FREE] =
        "SELECT batch, enqueued_ms, delivery_count FROM feedback_batches"
        " WHERE lock IS NULL AND expires_ms > ?1 AND kind = ?2 ORDER BY batch LIMIT 1",
    [SQL_BATCH_LOCKED] =
        "SELECT batch, locked_until_ms, delivery_count, kind FROM feedback_batches WHERE lock = ?1",
    [SQL_BATCH_LOCK] =
        "UPDATE feedback_batches SET lock = ?2, locked_until_ms = ?3 WHERE batch = ?1",
    [SQL_BATCH_UNLOCK] =
        "UPDATE feedback_batches SET lock = NULL, delivery_count = ?2 WHERE batch = ?1",
    [SQL_BATCH_DELETE] = "DELETE FROM feedback_batches WHERE batch = ?1",
    [SQL_BATCH_DEAD] =
        "SELECT batch FROM feedback_batches b WHERE expires_ms <= ?1 OR batch <="
        " (SELECT MAX(batch) FROM feedback_batches m WHERE m.kind = b.kind) - ?2 LIMIT 1",
    [SQL_BATCH_OVERDUE] = "SELECT batch, locked_until_ms, delivery_count, kind FROM "
                          "feedback_batches WHERE lock IS NOT NULL"
                          " AND (locked_until_ms <= ?1 OR locked_until_ms > ?2) LIMIT 1",
    [SQL_UPLOADS_DEAD] = "DELETE FROM uploads WHERE device = ?1 AND expires_ms <= ?2",
    [SQL_UPLOADS_COUNT] = "SELECT COUNT(*) FROM uploads WHERE device = ?1",
    [SQL_UPLOAD_INSERT] =
        "INSERT INTO uploads (id, device, blob, expires_ms) VALUES (?1, ?2, ?3, ?4)",
    [SQL_UPLOAD_GET] = "SELECT blob FROM uploads WHERE id = ?1 AND device = ?2 AND expires_ms > ?3",
    [SQL_UPLOAD_DELETE] = "DELETE FROM uploads WHERE id = ?1",
    [SQL_QUERY_JOBS_ALL] = "SELECT number, device, module FROM scheduled_devices WHERE"
                           " number > ?1 ORDER BY number LIMIT ?2",
    [SQL_QUERY_JOBS_DEVICE] = "SELECT number, device, module FROM scheduled_devices WHERE"
                              " device = ?5 AND number > ?1 ORDER BY number LIMIT ?2",
    [SQL_QUERY_JOBS_JOB] =
        "SELECT number, device, module FROM scheduled_devices WHERE job = (SELECT number FROM"
        " scheduled_jobs WHERE id = ?5) AND number > ?1 ORDER BY number LIMIT ?2",
    [SQL_JOB_INSERT] = "INSERT INTO scheduled_jobs (id, type, condition, what, created_ms,"
                       " start_ms, max_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_JOB_BY_ID] = "SELECT " JOB_COLUMNS " FROM scheduled_jobs WHERE id = ?1",
    [SQL_JOB_BY_NUMBER] = "SELECT " JOB_COLUMNS " FROM scheduled_jobs WHERE number = ?1",
    [SQL_JOBS_LIST] =
        "SELECT " JOB_COLUMNS " FROM scheduled_jobs WHERE number > ?1 AND (?2 < 0 OR type = ?2) AND"
        " (?3 < 0 OR status = ?3) ORDER BY number LIMIT ?4",
    [SQL_JOBS_DUE] = "SELECT " JOB_COLUMNS " FROM scheduled_jobs WHERE status = 0 AND"
                     " start_ms <= ?1 ORDER BY start_ms, number LIMIT ?2",
    [SQL_JOBS_OPEN] = "SELECT " JOB_COLUMNS " FROM scheduled_jobs WHERE status = 1 OR pending > 0",
    [SQL_JOBS_NEXT] = "SELECT MIN(start_ms) FROM scheduled_jobs WHERE status = 0",
    [SQL_JOBS_WAITING] = "SELECT COUNT(*) FROM scheduled_jobs WHERE status < 2",
    [SQL_JOB_BEGIN] = "UPDATE scheduled_jobs SET status = 1, began_ms = ?2 WHERE number = ?1",
    [SQL_JOB_END] = "UPDATE scheduled_jobs SET status = ?2, end_ms = ?3, failure = ?4,"
                    " message = ?5 WHERE number = ?1",
    [SQL_JOB_LISTED] = "UPDATE scheduled_jobs SET listed = ?2, all_listed = ?3,"
                       " devices = devices + ?4, pending = pending + ?4 WHERE number = ?1",
    [SQL_JOB_COUNT] = "UPDATE scheduled_jobs SET pending = pending + (?3 = 0) - (?2 = 0),"
                      " running = running + (?3 = 1) - (?2 = 1),"
                      " succeeded = succeeded + (?3 = 2) - (?2 = 2),"
                      " failed = failed + (?3 = 3) - (?2 = 3) WHERE number = ?1",
    [SQL_JOBS_FORGET] = "DELETE FROM scheduled_jobs WHERE status > 1 AND end_ms < ?1 AND"
                        " pending = 0 AND running = 0",
    [SQL_JOB_DEVICE_INSERT] = "INSERT INTO scheduled_devices (job, device, module, updated_ms)"
                              " VALUES (?1, ?2, ?3, ?4)",
    [SQL_JOB_DEVICES_PENDING] = "SELECT number, device, module FROM scheduled_devices WHERE"
                                " job = ?1 AND number > ?2 AND status = 0 ORDER BY number LIMIT ?3",
    [SQL_JOB_DEVICE_SET] =
        "UPDATE scheduled_devices SET status = ?3, updated_ms = ?4, outcome = ?5, error = ?6,"
        " start_ms = CASE ?3 WHEN 1 THEN ?4 ELSE start_ms END,"
        " end_ms = CASE WHEN ?3 > 1 THEN ?4 ELSE end_ms END WHERE number = ?1 AND status = ?2",
    [SQL_JOB_DEVICE_GET] =
        "SELECT s.device, s.module, s.status, s.start_ms, s.end_ms, s.updated_ms, s.outcome,"
        " s.error, j.id, j.type, j.created_ms FROM scheduled_devices s JOIN scheduled_jobs j"
        " ON j.number = s.job WHERE s.number = ?1",
    [SQL_JOB_DEVICES_AGAIN] = "UPDATE scheduled_devices SET status = 0 WHERE status = 1",
    [SQL_JOBS_AGAIN] =
        "UPDATE scheduled_jobs SET pending = pending + running, running = 0 WHERE running > 0",
};

#include "issuer/tables.h"

/* `roles` is a JSON array; `password` as crypto/password.h makes it. A refresh token is known by
 * the digest of its text; all that descend from one sign-in are a family. */
static const char *const migrations[] = {
    "CREATE TABLE users ("
    " name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, object_id TEXT NOT NULL, display TEXT NOT "
    "NULL,"
    " password TEXT NOT NULL, roles TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " failed INTEGER NOT NULL DEFAULT 0, locked_until_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE refresh_tokens ("
    " digest BLOB NOT NULL PRIMARY KEY, family TEXT NOT NULL, client TEXT NOT NULL,"
    " user TEXT NOT NULL COLLATE NOCASE, scope TEXT NOT NULL, expires_ms INTEGER NOT NULL,"
    " used_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX refresh_tokens_family ON refresh_tokens (family);"
    "CREATE INDEX refresh_tokens_user ON refresh_tokens (user);"
    "CREATE INDEX refresh_tokens_age ON refresh_tokens (expires_ms);",
};

static const char *const statements[SQL_COUNT] = {
    [SQL_USER_GET] = "SELECT name, object_id, display, password, roles, failed, locked_until_ms"
                     " FROM users WHERE name = ?1",
    [SQL_USER_ADD] = "INSERT INTO users (name, object_id, display, password, roles, created_ms)"
                     " VALUES (?1,?2,?3,?4,?5,?6)",
    [SQL_USER_REMOVE] = "DELETE FROM users WHERE name = ?1 RETURNING name",
    [SQL_USER_PASSWORD] = "UPDATE users SET password = ?2, failed = 0, locked_until_ms = 0"
                          " WHERE name = ?1 RETURNING name",
    [SQL_USER_ATTEMPT] = "UPDATE users SET failed = ?2, locked_until_ms = ?3 WHERE name = ?1",
    [SQL_USER_ATTEMPTS_OVER] = "UPDATE users SET failed = 0, locked_until_ms = 0 WHERE name = ?1",
    [SQL_USERS_LIST] =
        "SELECT name, display, roles, failed, locked_until_ms FROM users ORDER BY name",
    [SQL_USERS_COUNT] = "SELECT COUNT(*) FROM users",
    [SQL_REFRESH_GET] = "SELECT family, client, user, scope, expires_ms, used_ms"
                        " FROM refresh_tokens WHERE digest = ?1",
    [SQL_REFRESH_ADD] =
        "INSERT INTO refresh_tokens (digest, family, client, user, scope, expires_ms, used_ms)"
        " VALUES (?1,?2,?3,?4,?5,?6,0)",
    [SQL_REFRESH_USE] = "UPDATE refresh_tokens SET used_ms = ?2 WHERE digest = ?1 AND used_ms = 0",
    [SQL_REFRESH_REMOVE_FAMILY] = "DELETE FROM refresh_tokens WHERE family = ?1",
    [SQL_REFRESH_REMOVE_USER] = "DELETE FROM refresh_tokens WHERE user = ?1",
    [SQL_REFRESH_REMOVE_OLD] = "DELETE FROM refresh_tokens WHERE expires_ms < ?1",
};

enum status issuer_tables_open(const char *path, bool inline_errands, struct store_table **out)
{
    return store_table_open(&(struct store_table_config){.path = path,
                                                         .migrations = migrations,
                                                         .migration_count = 1,
                                                         .statements = statements,
                                                         .statement_count = SQL_COUNT,
                                                         .inline_errands = inline_errands},
                            out);
}

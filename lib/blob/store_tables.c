#include "blob/store_tables.h"

const char *const blob_migrations[] = {
    "CREATE TABLE containers (name TEXT PRIMARY KEY, etag INTEGER NOT NULL, modified_ms INTEGER "
    "NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE blobs (container TEXT NOT NULL, name TEXT NOT NULL, etag INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, type "
    "TEXT, encoding TEXT,"
    " language TEXT, disposition TEXT, cache_control TEXT, md5 TEXT, meta TEXT,"
    " PRIMARY KEY (container, name)) WITHOUT ROWID;"
    "CREATE TABLE blocks (container TEXT NOT NULL, blob TEXT NOT NULL, committed INTEGER NOT NULL, "
    "id TEXT NOT NULL,"
    " at INTEGER NOT NULL, bytes INTEGER NOT NULL, file INTEGER NOT NULL, staged_ms INTEGER NOT "
    "NULL,"
    " PRIMARY KEY (container, blob, committed, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX blocks_file ON blocks (file);"
    "CREATE INDEX blocks_stale ON blocks (staged_ms) WHERE committed = 0;",
};
const size_t blob_migration_count = sizeof(blob_migrations) / sizeof(blob_migrations[0]);

#define FACTS                                                                                      \
    "etag, created_ms, modified_ms, bytes, type, encoding, language, disposition, cache_control, " \
    "md5, meta"

const char *const blob_statements[SQL_COUNT] = {
    [SQL_CONTAINER_GET] = "SELECT etag, modified_ms FROM containers WHERE name = ?1",
    [SQL_CONTAINER_INSERT] = "INSERT INTO containers (name, etag, modified_ms) VALUES (?1, ?2, ?3)",
    [SQL_CONTAINER_DELETE] = "DELETE FROM containers WHERE name = ?1",
    [SQL_BLOB_GET] = "SELECT " FACTS " FROM blobs WHERE container = ?1 AND name = ?2",
    [SQL_BLOB_PUT] = "INSERT OR REPLACE INTO blobs (container, name, " FACTS ") VALUES"
                     " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [SQL_BLOB_DELETE] = "DELETE FROM blobs WHERE container = ?1 AND name = ?2",
    [SQL_BLOBS_DELETE] = "DELETE FROM blobs WHERE container = ?1",
    [SQL_BLOBS_LIST] =
        "SELECT name, " FACTS " FROM blobs WHERE container = ?1 AND name > ?2 AND name >= ?3"
        " ORDER BY name",
    [SQL_BLOCKS_GET] =
        "SELECT committed, id, bytes, file FROM blocks WHERE container = ?1 AND blob = ?2"
        " ORDER BY committed DESC, at, id",
    [SQL_BLOCKS_COMMITTED] =
        "SELECT file, bytes FROM blocks WHERE container = ?1 AND blob = ?2 AND committed = 1"
        " ORDER BY at",
    [SQL_BLOCKS_DELETE] = "DELETE FROM blocks WHERE container = ?1 AND blob = ?2",
    [SQL_BLOCKS_FILES] = "SELECT file, bytes FROM blocks WHERE container = ?1",
    [SQL_BLOCKS_DELETE_ALL] = "DELETE FROM blocks WHERE container = ?1",
    [SQL_BLOCK_GET] = "SELECT file, bytes FROM blocks WHERE container = ?1 AND blob = ?2 AND "
                      "committed = 0 AND id = ?3",
    [SQL_BLOCK_DELETE] =
        "DELETE FROM blocks WHERE container = ?1 AND blob = ?2 AND committed = 0 AND id = ?3",
    [SQL_BLOCK_INSERT] =
        "INSERT INTO blocks (container, blob, committed, id, at, bytes, file, staged_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_BLOCKS_COUNT] =
        "SELECT count(*), max(length(id)) FROM blocks WHERE container = ?1 AND blob = ?2"
        " AND committed = 0",
    [SQL_BLOCKS_STALE] =
        "DELETE FROM blocks WHERE committed = 0 AND staged_ms < ?1 RETURNING file, bytes",
    [SQL_FILE_USED] = "SELECT 1 FROM blocks WHERE file = ?1",
    [SQL_BYTES] = "SELECT sum(bytes) FROM blocks",
    [SQL_ETAG] = "SELECT max(etag) FROM (SELECT max(etag) AS etag FROM blobs UNION ALL SELECT "
                 "max(etag) FROM containers)",
};

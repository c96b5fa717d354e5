/* The issuer's database: people who sign in, and the refresh tokens that were given out. Its
 * statements by name, for users.c and refresh.c. */
#pragma once

#include "store/table.h"

enum issuer_statement {
    SQL_USER_GET,
    SQL_USER_ADD,
    SQL_USER_REMOVE,
    SQL_USER_PASSWORD,
    SQL_USER_ATTEMPT,
    SQL_USER_ATTEMPTS_OVER,
    SQL_USERS_LIST,
    SQL_USERS_COUNT,
    SQL_REFRESH_GET,
    SQL_REFRESH_ADD,
    SQL_REFRESH_USE,
    SQL_REFRESH_REMOVE_FAMILY,
    SQL_REFRESH_REMOVE_USER,
    SQL_REFRESH_REMOVE_OLD,
    SQL_COUNT
};

/* At `path`, or ":memory:". `inline_errands` as in struct store_table_config. */
CHECKED enum status issuer_tables_open(const char *path, bool inline_errands,
                                       struct store_table **out);

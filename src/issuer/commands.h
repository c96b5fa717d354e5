/* The issuer's commands: clients and people, added, changed and removed, also while it serves. */
#pragma once

#include "base/status.h"
#include "settings/settings.h"

#define ISSUER_CLIENTS_FILE "clients.json" /* in the data folder */
#define ISSUER_TABLES_FILE "issuer.db"

/* Runs the command `word`; returns the program's exit code. */
int issuer_command(const struct settings *s, const char *word);

/* When there is nobody yet in the database at `path`: "admin" with all roles and a random password,
 * which is printed once, on standard output, and not in the log. Blocks. */
CHECKED enum status issuer_first_user(const char *path);

/* The files of an audit log: where its chain ends, and what is added to it. Blocks. Private to
 * lib/audit. */
#pragma once

#include "audit/line.h"
#include "base/status.h"

struct audit_files {
    char *folder;
    int fd;
    unsigned file; /* its number; 0: audit.log */
    uint64_t bytes;
    struct audit_place place; /* of the next line */
};

/* Makes the folder. *cut: so many bytes behind the last whole line went. BAD_FORMAT, IO_FAILED:
 * logged. */
CHECKED enum status audit_files_open(struct audit_files *f, const char *folder, uint64_t *cut);
void audit_files_close(struct audit_files *f);

/* On the disk when it returns. */
CHECKED enum status audit_files_add(struct audit_files *f, struct slice lines);

/* "FOLDER/audit-1.log". */
void audit_files_path(const char *folder, unsigned file, struct buffer *out);
bool audit_files_is_there(const char *folder, unsigned file);

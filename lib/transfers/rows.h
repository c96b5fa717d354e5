/*
 * Import and export jobs as they are kept, in the registry's database: what is asked for, by whoever makes and shows them
 * and by transfers.c, which carries them out. Asked with registry_ask(), by name, as JobProperties. The work is in rows.c,
 * that on single lines in lines.c.
 */
#pragma once

#include "registry/registry.h"

extern const struct registry_work transfer_row_create; /* the body was checked; the answer has it as it is enqueued */
extern const struct registry_work transfer_row_get;
extern const struct registry_work transfer_row_list;
extern const struct registry_work transfer_row_cancel;

/* ---- for transfers.c ---- */

extern const struct registry_work transfer_row_begin;    /* the next one runs: the answer; NOT_FOUND */
extern const struct registry_work transfer_row_progress; /* `top` percent are done. CANCELLED: it is to stop */
extern const struct registry_work transfer_row_mark; /* the body is where it goes on after a restart, lines to `top` are done */
extern const struct registry_work transfer_row_end;  /* with a body it failed, and that is why */
/* registry_import for line `top` of transfer `name`: once, however often it is asked for. OK with
 * answer.code: refused. */
extern const struct registry_work transfer_row_line;
/* Lines of identities with twins, those after `id`: answer.last, .count; with `top` without keys. */
extern const struct registry_work transfer_row_page;

/* So many identities, and about so many bytes, stand on one page of an export. */
#define TRANSFER_EXPORT_PAGE 500
#define TRANSFER_EXPORT_BYTES (1u << 20)

/* On the table's thread: lines of an import up to that one need not be known any more. */
CHECKED enum status transfer_lines_forget(struct store_table *t, struct slice job, uint64_t to_line);

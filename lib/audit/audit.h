/*
 * The audit log: who changes what, of services, hub and modules alike. Lines of JSON
 * (audit/line.h): of a change "asked" before it is carried out, on the disk before anything
 * happens, and "answered" with what came of it; "forbidden" for who may not; "called" where nobody
 * waits for the first one. Append only. Each line ends with "previous", the hash of the line before
 * it, and "hash", the SHA-256 of all that stands before it on its own line: who takes out or
 * changes a line breaks the chain (`millrace audit` looks). The files audit.log, audit-1.log, …
 * hold it in order; a new one begins beyond AUDIT_FILE_BYTES, and goes on with the chain. Nothing
 * is ever removed.
 *
 * A thread of its own makes and writes the lines, all that wait at once. From any thread.
 */
#pragma once

#include "audit/line.h"
#include "base/status.h"
#include "io/loop.h"

#define AUDIT_FILE_BYTES (64u << 20)
#define AUDIT_WAITING_MAX                                                                          \
    (4u << 20) /* bytes that wait for the disk; then changes are refused, and other lines lost and \
                  counted */

#define AUDIT_GATHER_MS 100

struct audit;

/* Reads the chain's end; a last line that a crash cut off is cut away, and that is a line of its
 * own. Blocks. BAD_FORMAT: the last line is none of ours; IO_FAILED: logged. */
CHECKED enum status audit_open(const char *folder, struct audit **out);
/* Writes what waits; who waits is told when his loop runs on. */
void audit_close(struct audit **a);

/* Nobody waits for it: on the disk within AUDIT_GATHER_MS, with what comes meanwhile. Copies. */
void audit_put(struct audit *a, const struct audit_entry *e);

/* fn(arg) on the loop, after this returned. OK: it is on the disk; FULL, IO_FAILED: it is not, and
 * nothing may be done. Bodies longer than AUDIT_BODY_MAX stay the caller's until fn is called, and where they are:
 * the thread makes their digests. All else is copied. */
typedef void audit_fn(void *arg, enum status why);
void audit_put_first(struct audit *a, const struct audit_entry *e, struct loop *loop, audit_fn *fn,
                     void *arg);

/* Whether lines can be written, for /readyz. */
bool audit_ready(void *a, struct buffer *detail);

/* Goes through the files of `folder` and says on standard output how many lines hold, or where the
 * chain is broken. 0; 1 when it is broken; 2 when there is none. */
int audit_verify(const char *folder);

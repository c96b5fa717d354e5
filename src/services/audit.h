/*
 * The audit log: what people and programs change through the services. Two lines of JSON for each
 * such request: "asked" before it is carried out, on the disk before anything happens, and
 * "answered" with what came of it; one line "forbidden" for who may not. Append only. Each line
 * ends with "previous", the hash of the line before it, and "hash", the SHA-256 of all that stands
 * before it on its own line: who takes out or changes a line breaks the chain (`millrace services
 * audit` looks). The files audit.log, audit-1.log, … hold it in order; a new one begins beyond
 * AUDIT_FILE_BYTES, and goes on with the chain. Nothing is ever removed.
 *
 * On one loop; the files are written by a helper thread, all that waits at once.
 */
#pragma once

#include "base/buffer.h"
#include "io/loop.h"
#include "rest/route.h"

#define AUDIT_FILE_BYTES (64u << 20)
#define AUDIT_BODY_MAX                                                                             \
    (16u << 10) /* of a request in a line; of a larger one its length and digest */
#define AUDIT_WAITING_MAX                                                                          \
    (4u << 20) /* bytes of lines that wait for the disk; then requests are refused */
#define AUDIT_LINE_MAX (128u << 10)

struct audit;

/* Reads the chain's end; a last line that a crash cut off is cut away, and that is a line of its
 * own. Blocks. BAD_FORMAT: the last line is none of ours; IO_FAILED: logged. */
CHECKED enum status audit_open(struct loop *loop, const char *folder, struct audit **out);
/* Calls fn(arg) on the loop when all lines are on the disk, or cannot be; then audit_close(). No
 * line comes after it. */
void audit_end(struct audit *a, loop_fn *fn, void *arg);
void audit_close(struct audit **a);

typedef void audit_fn(void *arg, enum status why);

/* "asked": done(arg, OK) when it is on the disk; FULL or IO_FAILED: it is not, and nothing may be
 * done. */
void audit_asked(struct audit *a, const struct rest_request *r, audit_fn *done, void *arg);
/* "answered"; "forbidden" for 403. Nobody waits for it. */
void audit_answered(struct audit *a, const struct rest_request *r, int status);

/* Whether lines can be written, for /readyz. */
bool audit_ready(void *a, struct buffer *detail);

/* Goes through the files of `folder` and says on standard output how many lines hold, or where the
 * chain is broken. The program's exit code: 0, 1 when it is broken. */
int audit_verify(const char *folder);

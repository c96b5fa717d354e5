/*
 * The edge's copy of its children's twins: what they get, and what takes their reports, while the
 * hub is away. In memory, with a file beside the log that is written anew after a change. Reports
 * that the hub has not taken are merged into one patch a child, which is pending; the copy shows
 * them already.
 *
 * What a child was told of its desired properties is what the copy says, or it will ask.
 */
#pragma once

#include "base/buffer.h"
#include "io/loop.h"
#include "iot/identity.h"

struct edge_twins;

/* `path` NULL keeps nothing on disk. A file that cannot be read is set aside with a log line. */
CHECKED enum status edge_twins_open(struct loop *loop, const char *path, struct edge_twins **out);
void edge_twins_close(struct edge_twins **t);

/* The device's view as JSON; empty when the twin was never seen. Alive until the next change of it.
 */
struct slice edge_twins_get(struct edge_twins *t, struct iot_id id);

/* The hub's, whole. Appends to `change` the merge patch that makes the new desired properties,
 * "$version" among them, of those of before: nothing when they are the same, or when there was no
 * copy. */
void edge_twins_set(struct edge_twins *t, struct iot_id id, struct slice json,
                    struct buffer *change);

/* OK: merged. EXISTS: the copy has it, or something newer. CONFLICT: there is no copy, or changes
 * between were missed, and the whole twin is to be fetched. */
CHECKED enum status edge_twins_desired(struct edge_twins *t, struct iot_id id, struct slice patch,
                                       uint64_t version);

/* The hub has taken a report. */
void edge_twins_reported(struct edge_twins *t, struct iot_id id, struct slice patch,
                         uint64_t version);

typedef void edge_twins_fn(void *arg, enum status why, uint64_t version);
/* Merges a report into the copy and into what is pending. fn(arg) is called when the file has it,
 * with the version that the hub will give to all that is pending, if nothing else becomes of it.
 * BAD_FORMAT when the patch is no JSON object. */
void edge_twins_report(struct edge_twins *t, struct iot_id id, struct slice patch,
                       edge_twins_fn *fn, void *arg);
struct slice edge_twins_pending(struct edge_twins *t, struct iot_id id); /* empty: nothing */
/* The hub has taken what was pending, or refused it for good (version 0). */
void edge_twins_flushed(struct edge_twins *t, struct iot_id id, uint64_t version);

/* Whoever waits for the file is told CANCELLED. */
void edge_twins_cancel(struct edge_twins *t);

/*
 * The edge's copy of its children's twins: what they get, and what takes their reports, while the hub
 * is away. In memory, with a file beside the log that is written anew after a change. Reports made
 * while the hub is away are merged into one patch a child and sent when it is back.
 */
#pragma once

#include "base/status.h"
#include "io/loop.h"
#include "iot/identity.h"

struct edge_twins;

/* `path` NULL keeps nothing on disk. A file that cannot be read is set aside with a log line. */
CHECKED enum status edge_twins_open(struct loop *loop, const char *path, struct edge_twins **out);
void edge_twins_close(struct edge_twins **t);

/* The device's view as JSON; empty when the twin was never seen. Alive until the next change of it. */
struct slice edge_twins_get(struct edge_twins *t, struct iot_id id);

void edge_twins_set(struct edge_twins *t, struct iot_id id, struct slice json);
void edge_twins_desired(struct edge_twins *t, struct iot_id id, struct slice patch, uint64_t version);

typedef void edge_twins_fn(void *arg, enum status why, uint64_t version);
/* Merges a report into the copy and into what is pending; the version counts on from the copy's.
 * fn(arg) is called when the file has it. BAD_FORMAT when the patch is no JSON object. */
void edge_twins_report(struct edge_twins *t, struct iot_id id, struct slice patch, edge_twins_fn *fn,
                       void *arg);
struct slice edge_twins_pending(struct edge_twins *t, struct iot_id id); /* empty: nothing */
void edge_twins_flushed(struct edge_twins *t, struct iot_id id);

/*
 * What changed among a server's nodes and references: its address space is walked from Root along
 * the hierarchy, and what a walk finds otherwise than the one before is told. The first walk tells
 * nothing; a walk that the connection ends tells what is new, and what is gone when the next one
 * was whole. A node at a time, so that a server hardly feels it. On the session's thread.
 *
 * Bounds: MODEL_CHANGES_NODES_MAX nodes and MODEL_CHANGES_BYTES_MAX for what is remembered of them;
 * beyond, nodes are not looked at, which is said once.
 */
#pragma once

#include "opcua/session.h"

#define MODEL_CHANGES_NODES_MAX 100000
#define MODEL_CHANGES_BYTES_MAX (32u << 20)
#define MODEL_CHANGES_REST_MS 10000 /* between two walks, however often changes are told */

struct model_changes;

/* A node, or a reference from `source`. NULL: it was not there before, or is no more. Of a node,
 * the descriptions have no reference type. */
struct model_change {
    bool of_node;
    const UA_NodeId *source;
    const UA_ReferenceDescription *now, *before;
};

/* False: no more for now; the walk rests a moment. */
typedef bool model_changes_fn(void *arg, const struct model_change *change);

/* Walks at once when the session is ready, and then every `period_ms`. */
struct model_changes *model_changes_new(struct opcua_session *s, uint64_t period_ms,
                                        model_changes_fn *fn, void *arg);
/* Before the session goes. */
void model_changes_free(struct model_changes **m);

/* Whether it was walked once: from now on changes are told. */
bool model_changes_followed(const struct model_changes *m);

/* The server says that something changed: walks soon. */
void model_changes_hurry(struct model_changes *m);

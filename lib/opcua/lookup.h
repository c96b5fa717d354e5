/*
 * What a server is asked about single nodes, for many of them at once: the node at the end of a
 * path, a short id for the session (RegisterNodes), the display name, the way down from Root.
 * Questions of one turn travel together, in batches that the server bears; those that a lost
 * connection took along are asked again, from the start, when the session is back.
 *
 * On the session's thread. Bound: none of its own; who asks has a number of nodes.
 */
#pragma once

#include "opcua/session.h"

#define OPCUA_LOOKUPS_PER_CALL_MAX 1000
#define OPCUA_LOOKUP_CALLS_MAX 2       /* in flight of one kind */
#define OPCUA_LOOKUP_DEPTH_MAX 32      /* levels on the way up to Root */
#define OPCUA_LOOKUP_FOLDERS_MAX 20000 /* whose parents are remembered while somebody asks */

enum opcua_lookup_what { /* bits; the node itself is always told */
                         OPCUA_LOOKUP_REGISTERED = 1,
                         OPCUA_LOOKUP_DISPLAY_NAME = 2,
                         OPCUA_LOOKUP_WAY = 4,
};

struct opcua_lookup_answer {
    UA_StatusCode status; /* bad: there is no such node on this server, and nothing else is told */
    const UA_NodeId *node;
    struct slice display_name;   /* empty: it has none, or does not tell */
    const UA_QualifiedName *way; /* from below Root down to the node itself; 0: unknown */
    size_t way_len;
};

/* Once, never before opcua_lookup() returned. What it tells lives until the callback returns. */
typedef void opcua_lookup_fn(void *arg, uint32_t tag, const struct opcua_lookup_answer *a);

struct opcua_lookup;

/* `node` is a text for opcua_node_id_parse(), empty: Root. `path`: a JSON array of texts for
 * opcua_browse_path_parse(), from there; empty: none. Both are copied. Waits for the session for
 * ever. The handle is good until `fn` is called. */
struct opcua_lookup *opcua_lookup(struct opcua_session *s, unsigned what, struct slice node,
                                  struct slice path, opcua_lookup_fn *fn, void *arg, uint32_t tag);

/* It will not be answered. */
void opcua_lookup_cancel(struct opcua_lookup *l);
/* Those with this fn and arg will not. */
void opcua_lookup_cancel_all(struct opcua_session *s, opcua_lookup_fn *fn, void *arg);

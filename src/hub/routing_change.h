/* Inside of routing: what routing.c, routing_change.c and routing_state.c share. */
#pragma once

#include "hub/routing.h"
#include "hub/sink.h"

/* An endpoint that was there since the start. Made on loop 0, and never freed while loops run:
 * others may look at it. */
struct routing_endpoint {
    struct routing_endpoint *next; /* immutable once it is in the list */
    char *name;
    enum hub_endpoint_kind kind;
    uint16_t id;
    uint64_t created_ms;
    bool gone;   /* atomic: no configuration names it any more */
    bool served; /* loop 0's: its stream is open, and read at its name */
    struct hub_endpoint_state state;
    struct hub_stream stream;
    struct hub_file_sink *file;
};

struct hub_routing {
    struct hub_routing_setup setup;
    char *path, *folder, *state_path;
    struct hub_routing_loop loops[HUB_LOOPS_MAX];
    struct hub_webhooks *webhooks;
    struct routing_endpoint *endpoints; /* newest first; atomic */
    uint16_t next_id;
    bool busy; /* a change is under way */
};

/* ---- routing_state.c: which ids endpoints have, in a file ---- */

/* BAD_FORMAT: the file is damaged; the log line says so. */
CHECKED enum status routing_state_load(struct hub_routing *r);
/* Those that `c` names. */
void routing_state_print(const struct hub_routing *r, const struct hub_routing_config *c,
                         struct buffer *out);
/* Also one that is gone: it may come back. */
struct routing_endpoint *routing_state_find(struct hub_routing *r, const char *name,
                                            enum hub_endpoint_kind kind);
bool routing_is_named(const struct hub_routing_config *c, uint16_t id);
struct routing_endpoint *routing_state_add(struct hub_routing *r, const char *name,
                                           enum hub_endpoint_kind kind, uint16_t id,
                                           uint64_t created_ms);

/* ---- routing_change.c ---- */

CHECKED enum status routing_change_at_start(struct hub_routing *r, struct slice text);

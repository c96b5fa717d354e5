/* Inside of routing: what routing.c, change.c and state.c share. */
#pragma once

#include "routing/routing.h"
#include "routing/sink.h"

/* An endpoint that was there since the start. Made on loop 0, and never freed while loops run:
 * others may look at it. */
struct routing_known {
    struct routing_known *next; /* immutable once it is in the list */
    char *name;
    enum routing_endpoint_kind kind;
    uint16_t id;
    uint64_t created_ms;
    bool gone;   /* atomic: no configuration names it any more */
    bool served; /* loop 0's: its stream is open, and read at its name */
    struct routing_endpoint_state state;
    struct routing_stream stream;
    struct sink_file *file;
};

struct routing {
    struct routing_setup setup;
    char *path, *folder, *state_path;
    struct routing_loop loops[ROUTING_LOOPS_MAX];
    struct sink_webhooks *webhooks;
    struct routing_known *endpoints; /* newest first; atomic */
    uint16_t next_id;
    bool busy; /* a change is under way */
};

/* ---- state.c: which ids endpoints have, in a file ---- */

/* BAD_FORMAT: the file is damaged; the log line says so. */
CHECKED enum status routing_state_load(struct routing *r);
/* Those that `c` names. */
void routing_state_print(const struct routing *r, const struct routing_config *c,
                         struct buffer *out);
/* Also one that is gone: it may come back. */
struct routing_known *routing_state_find(struct routing *r, const char *name,
                                         enum routing_endpoint_kind kind);
bool routing_is_named(const struct routing_config *c, uint16_t id);
struct routing_known *routing_state_add(struct routing *r, const char *name,
                                        enum routing_endpoint_kind kind, uint16_t id,
                                        uint64_t created_ms);

/* ---- change.c ---- */

CHECKED enum status routing_change_at_start(struct routing *r, struct slice text);

/*
 * The inside of lookups, for their files: lookup.c (questions, stages, batches, coming and going), lookup_way.c (the
 * way from a node up to Root).
 */
#pragma once

#include "base/map.h"
#include "opcua/lookup.h"
#include "opcua/session_priv.h"

#define LOOKUP_CALL_MS 30000

/* Each question goes through the stages that it needs, in this order. */
enum stage { TRANSLATE, REGISTER, DISPLAY_NAME, BROWSE_NAME, CLIMB, STAGES };

struct opcua_lookup {
    struct link link;    /* in a stage's queue, or among the new ones */
    opcua_lookup_fn *fn; /* NULL: nobody waits any more */
    void *arg;
    uint32_t tag;
    uint8_t what;
    UA_NodeId at;    /* the node, once it is known */
    UA_NodeId above; /* how far up it came */
    UA_String display_name;
    UA_QualifiedName *way; /* from the node up */
    size_t way_len;
    bool has_path;
    uint16_t node_len;
    char text[]; /* node, 0, path, 0 */
};

/* A folder whose parent was asked for: most nodes have their neighbours' ancestors. */
struct folder {
    UA_NodeId parent;
    UA_QualifiedName parent_name;
    bool known, top; /* top: it has no parent */
};

struct batch {
    struct link link;
    struct session_lookups *owner;
    enum stage stage;
    size_t count;
    struct opcua_lookup *asked[]; /* NULL: taken */
};

struct session_lookups {
    struct opcua_session *session;
    struct opcua_session_listener listener;
    struct loop_timer pump;
    struct list fresh; /* not looked at yet */
    struct list queues[STAGES];
    struct list batches;
    size_t in_flight[STAGES], most[STAGES]; /* most: 0, or what the server bore */
    bool no_register;                       /* the server has no such service */
    struct map folders;
};

/* ---- lookup.c ---- */

/* To the first stage from `stage` on that it needs; beyond the last it is answered, and gone. */
void lookup_go_on(struct session_lookups *s, struct opcua_lookup *l, int stage);
/* Of a service call that was sent for a batch, its arg. */
opcua_call_fn lookup_on_response;

/* ---- lookup_way.c ---- */

/* False: it has gone on, or waits for an answer that is under way. */
bool lookup_must_climb(struct session_lookups *s, struct opcua_lookup *l);
void lookup_take_browse_name(struct session_lookups *s, struct opcua_lookup *l, void *response, size_t i);
void lookup_send_climb(struct session_lookups *s, struct batch *b);
size_t lookup_count_climb(const void *response);
void lookup_take_climb(struct session_lookups *s, struct opcua_lookup *l, void *response, size_t i);
/* It is answered without a way. */
void lookup_give_up_way(struct session_lookups *s, struct opcua_lookup *l);
void lookup_forget_folders(struct session_lookups *s);

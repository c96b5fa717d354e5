/*
 * A node that a writer publishes: its place on a source, and its texts, ready to stand in messages.
 * One piece of memory each, and a small one, for a large configuration has many: what few need stands
 * behind `more`. Names that only the server knows are asked for first; until they are there the item
 * is on no source. On the OPC UA thread.
 */
#pragma once

#include "outbox/told.h"
#include "pubsub/form.h"
#include "pubsub/metadata.h"
#include "writers/backfill.h"
#include "writers/event_item.h"
#include "writers/heartbeat.h"
#include "writers/source.h"

struct item {
    struct source_item place; /* first; on no source while it is named */
    uint64_t key;             /* the plan's, and of the trigger's */
    uint64_t node_key; /* hash of what makes it another node or name; the rest can be modified */
    struct item_more *more; /* NULL: nothing */
    uint32_t stamp;         /* of the data set message that has its value */
    uint32_t heard_ms;      /* of its last value, where there is a watchdog: watchdog_now() */
    uint16_t head_len, label_len, range_len, path_len;
    uint16_t node_at, node_len; /* in the text; mostly in the head, which names the node */
    uint16_t number;            /* of the field in its data set */
    bool skip_first : 1, seen : 1, wanted : 1, wants_backfill : 1;
    char text[]; /* head, label, range, path, and the node where the head does not have it */
};
_Static_assert(sizeof(struct item) <= 80, "100,000 items are to fit into 64 MB with all else of the program");

/* What few items have; each may be NULL. */
struct item_more {
    UA_ExtensionObject *filter;
    struct event_item *event; /* NULL: values */
    struct heartbeat *heartbeat;
    struct backfill_item *backfill; /* NULL: what is missed is missed */
    UA_DataValue *last;             /* for key frames */
    struct item_names *names;       /* writers/item_names.h */
};

typedef void item_way_fn(struct writer *w, const UA_QualifiedName *way, size_t len);

/* Where an item belongs; outlives it. */
struct item_home {
    struct writer *writer;
    const struct form *form;
    enum opcua_id_format id_format; /* of names in messages */
    struct sources *sources;
    const struct source_spec *spec;
    struct slice root_node;     /* where paths of items without a node begin; empty: Root */
    item_way_fn *on_way; /* the way from Root, before the first value; NULL: not asked for */
    heartbeat_fn *on_heartbeat; /* its arg is the item, as of: */
    const struct event_item_events *events;
    const struct backfill_config *backfill;
    struct told *told; /* what an earlier start told; NULL: nobody knows */
};

/* What stays the same of it from start to start. */
uint64_t item_told_key(const struct item *i);
/* Of what the plan says; `trigger` may be NULL. */
uint64_t item_key(const struct plan_item *plan, const struct item *trigger);
uint64_t item_node_key(const struct plan_item *plan, const struct item *trigger);

/* Hash of what is said of it in metadata, as far as it was configured. */
uint64_t item_field_key(const struct item *i);

/* Puts it on a source, at once or when it has its names. The plan's texts are copied. `trigger`:
 * the item with which it is reported, NULL: by itself. */
struct item *item_new(const struct item_home *home, const struct plan_item *plan,
                      struct item *trigger);
void item_free(struct item *i);

/* Made when it is not there. */
struct item_more *item_more(struct item *i);
static inline struct event_item *item_event(const struct item *i)
{
    return i->more ? i->more->event : NULL;
}
static inline struct backfill_item *item_backfill(const struct item *i)
{
    return i->more ? i->more->backfill : NULL;
}
static inline struct heartbeat *item_heartbeat(const struct item *i)
{
    return i->more ? i->more->heartbeat : NULL;
}
static inline const UA_DataValue *item_last(const struct item *i)
{
    return i->more ? i->more->last : NULL;
}

/* Takes over what can be changed of an item that goes on: only if item_node_key() is the same. */
void item_modify(struct item *i, const struct item_home *home, const struct plan_item *plan,
                 const struct item *trigger);

/* Adds its texts and its filter to what a server is told. */
void item_describe(const struct item *i, struct opcua_item *out);

struct slice item_node(const struct item *i); /* as it was configured */
struct slice
item_head(const struct item *i); /* {"NodeId":"…" of a sample, or "name": of a data set's field */
/* Appends what metadata is to be asked for: its field, or those of its events. */
void item_put_metadata(const struct item *i, const struct opcua_namespaces *names,
                       struct metadata_fields *out);
struct slice item_label(const struct item *i); /* "DisplayName":"…" of a sample; may be empty */

/* ---- for item_names.c ---- */

/* {"NodeId":"…" of a sample, or "name": of a data set's field. */
void item_put_head(const struct form *form, struct slice node, struct slice field, struct buffer *out);
void item_put_label(const struct form *form, struct slice display_name, struct buffer *out);
/* On a source, unless its trigger is not; those that waited for it then follow. */
void item_place(struct item *i, const struct item_home *home, struct source_wish *wish);

/*
 * A node that a writer publishes: its place on a source, and its texts, ready to stand in messages.
 * One piece of memory each: a large configuration has many. Names that only the server knows are
 * asked for first; until they are there the item is on no source. On the OPC UA thread.
 */
#pragma once

#include "publisher/backfill.h"
#include "publisher/event_item.h"
#include "publisher/form.h"
#include "publisher/heartbeat.h"
#include "publisher/metadata.h"
#include "publisher/source.h"
#include "publisher/told.h"

struct item {
    struct source_item place; /* first; on no source while it is named */
    uint64_t key;             /* hash of the plan's, and of the trigger's */
    uint64_t node_key; /* hash of what makes it another node or name; the rest can be modified */
    struct item_more *more; /* what few items have; NULL: nothing */
    UA_ExtensionObject *filter;
    struct event_item *event; /* NULL: values */
    struct heartbeat *heartbeat;
    struct backfill_item *backfill; /* NULL: what is missed is missed */
    UA_DataValue *last; /* for key frames */
    uint32_t stamp;     /* of the data set message that has its value */
    uint32_t heard_ms;  /* of its last value, where there is a watchdog: watchdog_now() */
    uint16_t node_len, range_len, path_len, head_len, label_len;
    uint16_t number; /* of the field in its data set */
    bool skip_first, seen, wanted, wants_backfill;
    char text[]; /* node, 0, range, 0, path, 0, head, label */
};

struct item_more {
    struct item *item;
    const struct item_home *home;
    struct opcua_session *session; /* which is asked */
    struct opcua_lookup *lookup;   /* under way */
    unsigned what;                 /* OPCUA_LOOKUP_… */
    bool nameless;                 /* the configuration gives no id or name */
    struct loop_timer again;       /* after it failed */
    struct source_wish wish;       /* for when it is named */
    struct buffer head, label;     /* with names of the server's; empty: as in `text` */
    UA_Guid class_field_id;        /* DataSetClassFieldId; zeros: none */
    struct item *trigger;          /* SetTriggering: reported when that one is */
    struct item **linked;          /* the other way round */
    size_t linked_count;
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

/* Puts it on a source, at once or when it has its names. The plan's texts are copied. `trigger`:
 * the item with which it is reported, NULL: by itself. */
struct item *item_new(const struct item_home *home, const struct plan_item *plan,
                      struct item *trigger);
void item_free(struct item *i);

/* Takes over what can be changed of an item that goes on: only if item_node_key() is the same. */
void item_modify(struct item *i, const struct item_home *home, const struct plan_item *plan,
                 const struct item *trigger);

struct slice
item_head(const struct item *i); /* {"NodeId":"…" of a sample, or "name": of a data set's field */
/* Appends what metadata is to be asked for: its field, or those of its events. */
void item_put_metadata(const struct item *i, const struct opcua_namespaces *names,
                       struct metadata_fields *out);
struct slice item_label(const struct item *i); /* "DisplayName":"…" of a sample; may be empty */

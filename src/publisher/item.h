/*
 * A node that a writer publishes: its place on a source, and its texts, ready to stand in messages.
 * One piece of memory each: a large configuration has many. On the OPC UA thread.
 */
#pragma once

#include "publisher/event_item.h"
#include "publisher/form.h"
#include "publisher/heartbeat.h"
#include "publisher/metadata.h"
#include "publisher/source.h"

struct item {
    struct source_item place; /* first */
    uint64_t key;             /* hash of the plan's */
    UA_ExtensionObject *filter;
    struct event_item *event; /* NULL: values */
    struct heartbeat *heartbeat;
    UA_DataValue *last; /* for key frames */
    uint32_t stamp;     /* of the data set message that has its value */
    uint16_t node_len, range_len, head_len, label_len;
    uint16_t number; /* of the field in its data set */
    bool skip_first, seen, wanted;
    char text[]; /* node, 0, range, 0, head, label */
};

/* Where an item belongs. */
struct item_home {
    struct writer *writer;
    const struct form *form;
    enum opcua_id_format id_format; /* of names in messages */
    struct sources *sources;
    const struct source_spec *spec;
    heartbeat_fn *on_heartbeat; /* its arg is the item */
};

/* Puts it on a source. The plan's texts are copied. */
struct item *item_new(const struct item_home *home, const struct plan_item *plan);
void item_free(struct item *i);

struct slice
item_head(const struct item *i); /* {"NodeId":"…" of a sample, or "name": of a data set's field */
/* Appends what metadata is to be asked for: its field, or those of its events. */
void item_put_metadata(const struct item *i, const struct opcua_namespaces *names,
                       struct metadata_fields *out);
struct slice item_label(const struct item *i); /* "DisplayName":"…" of a sample; may be empty */

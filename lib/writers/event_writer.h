/*
 * Events of an item become messages: what the server tells, snapshots of conditions, and changes of
 * its model. On the OPC UA thread.
 */
#pragma once

#include "pubsub/metadata.h"
#include "writers/group.h"
#include "writers/item.h"

/* What an item's events come to; the arg is the item. */
extern const struct event_item_events event_writer_events;

/* The fields of changes of the model; appends. */
void event_writer_put_model_metadata(struct metadata_fields *out);

/* An event as the server told it: fields of a data set message, or one sample whose value is an
 * object. False: it was not for messages. */
bool event_writer_put(struct item *i, const UA_EventFieldList *event, UA_DateTime now);

/*
 * A telemetry message as the values in it: samples and data set messages in JSON (OPC Publisher's
 * x-monitored-item-json-v1, x-network-message-json-v1), each as a PublisherMessage of 2.8. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "json/json.h"

struct value_message {
    struct slice endpoint_id;  /* of the registry, where the publisher says it; empty: not */
    struct slice endpoint_url; /* as published; empty: not said */
    struct slice node_id;      /* of a data set: the field's name */
    struct slice display_name, publisher, writer;
    struct slice timestamp;
    const struct json *value; /* a DataValue, or a raw one */
};

/* The schema, as messages name it, is one of those. */
bool value_message_is(struct slice schema);

/* Calls fn for each value in the message, in its order; what is not as it should be is left out.
 * Slices and values until fn returns. */
typedef void value_message_fn(void *arg, const struct value_message *m);
void value_message_read(struct slice body, value_message_fn *fn, void *arg);

/* {"publisherId":…,"dataSetWriterId":…,"endpointId":…,"nodeId":…,"displayName":…,"value":…,"dataType":…,
 * "status":…,"timestamp":…,"sourceTimestamp":…,"sourcePicoseconds":…,"serverTimestamp":…,
 * "serverPicoseconds":…}; what is not known is left out. `endpoint_id` instead of the message's
 * own. */
void value_message_put(const struct value_message *m, struct slice endpoint_id, struct buffer *out);

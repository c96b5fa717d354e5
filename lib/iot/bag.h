/*
 * The property bag at the end of MQTT topics: "%24.mid=1&%24.ct=application%2Fjson&color=red". Both
 * forms are read: encoded, and raw as the C device SDK sends it. Whoever speaks MQTT uses it, on
 * either side.
 */
#pragma once

#include "iot/message.h"

/* Memory for what a bag said; `{0}` is empty. Used again for the next bag without allocating. */
struct iot_bag {
    struct buffer text; /* what had to be decoded, with '&' between: for one check of its UTF-8 */
    struct buffer properties; /* the application properties, as iot_property_next() walks them */
};

/* Fills the properties of *m, system and application; the body stays. The slices point into
 * `topic_tail` and *memory. A leading '?' and Node's trailing '/' behind an output are passed over;
 * a value with a raw
 * '&' or '=' in it falls apart, as it does in Azure. "$.cdid" and "$.cmid" name the sender and are
 * dropped. TOO_LARGE: a name or value over IOT_PROPERTY_MAX. */
CHECKED enum status iot_bag_decode(struct slice topic_tail, struct iot_bag *memory,
                                   struct iot_message *m);

/* Appends the encoded form of all properties of *m. */
void iot_bag_encode(const struct iot_message *m, struct buffer *out);

void iot_bag_clear(struct iot_bag *memory);

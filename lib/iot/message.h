/*
 * A telemetry message on its way: what the heads make of the wire, what the log keeps, what the
 * stream's readers get. The slices belong to whoever made the message.
 *
 * The same bytes are the record in the edge's log and in the hub's partitions (iot_event_encode):
 * the system properties as IoT Hub names them, the application properties as a flat list.
 */
#pragma once

#include "iot/identity.h"

#define IOT_MESSAGE_MAX (256u << 10) /* body and properties, IoT Hub's limit */
#define IOT_MESSAGE_ID_MAX 128       /* bytes of a message id, the same */

/* Message and correlation ids keep the AMQP type that they came with. */
enum iot_message_id_type { IOT_MESSAGE_ID_STRING, IOT_MESSAGE_ID_UUID, IOT_MESSAGE_ID_ULONG, IOT_MESSAGE_ID_BINARY };

struct shared; /* base/shared.h */

struct iot_message {
    struct slice body;
    struct shared *owner; /* of the body's bytes, all of them: who keeps the message may hold it instead of a copy. NULL: only a copy */
    /* System properties; empty means not there. */
    struct slice message_id;
    struct slice correlation_id;
    struct slice user_id;
    struct slice to;
    struct slice content_type;
    struct slice content_encoding;
    struct slice output;        /* a module's output name, "$.on" */
    struct slice input;         /* a module's input name */
    struct slice subject;       /* component, "$.sub" */
    struct slice interface_id;  /* "$.ifid" */
    struct slice schema;        /* "$.schema" */
    uint64_t expiry_ms;         /* wall clock; 0: none */
    uint64_t creation_ms;       /* wall clock, "$.ctime"; 0: none */
    uint8_t message_id_type;    /* enum iot_message_id_type; a UUID is 16 bytes, a ULONG 8 in network order */
    uint8_t correlation_id_type;
    /* Application properties: u16 length, name, u16 length, value, … in the order they came. */
    struct slice properties;
};

/* Appends a message's or correlation id as text, as .NET prints it whatever its type. */
void iot_message_id_print(struct slice id, uint8_t type, struct buffer *out);

#define IOT_PROPERTY_MAX 65535 /* bytes of a name, and of a value */

/* False, and nothing is put, when one is longer than IOT_PROPERTY_MAX. */
bool iot_property_put(struct buffer *list, struct slice name, struct slice value);
/* Takes the first off *list; false at the end, or when the list is broken. */
bool iot_property_next(struct slice *list, struct slice *name, struct slice *value);
bool iot_property_find(struct slice list, struct slice name, struct slice *value);

/* Where an event comes from; the wire name is iothub-message-source. */
enum iot_source { IOT_SOURCE_TELEMETRY, IOT_SOURCE_TWIN_CHANGE, IOT_SOURCE_DEVICE_LIFECYCLE, IOT_SOURCE_MODULE_LIFECYCLE, IOT_SOURCE_DEVICE_CONNECTION_STATE, IOT_SOURCE_DEVICE_JOB_LIFECYCLE, IOT_SOURCE_DIGITAL_TWIN_CHANGE, IOT_SOURCE_SENT /* into the stream, by a client of its own: has no name */, IOT_SOURCE_COUNT };

struct iot_event {
    uint64_t enqueued_ms; /* wall clock, given by who appended it */
    struct iot_id from;
    struct slice generation_id;
    struct slice auth_method; /* JSON text, iothub-connection-auth-method */
    enum iot_source source;
    struct iot_message message;
    /* Of IOT_SOURCE_SENT, whose body is the rest of the AMQP message, encoded, from its properties on. */
    struct slice partition_key;
    struct slice annotations; /* the sender's own: keys and values, encoded. Of a copy that routing made of
                               * another source's event: iothub-enqueuedtime, as the first had it */
    /* The sender as iot_event_sender_encode() made it of the same from, generation_id and auth_method, for
     * who sends much; empty: these are encoded each time. */
    struct slice sender;
    /* What routing decided; empty when nothing is routed: then the built-in endpoint alone has it. */
    struct slice endpoints; /* u16 each; 0 is the built-in one */
    struct slice stamps;    /* enrichments: u16 endpoint, then as a property */
};

/* Whether the event is for the endpoint. */
bool iot_event_goes_to(const struct iot_event *e, uint16_t endpoint);
/* Takes the first off *list; false at the end, or when the list is broken. */
bool iot_stamp_next(struct slice *list, uint16_t *endpoint, struct slice *name, struct slice *value);

/* The application properties as the endpoint has them: its stamps win over properties of the same name.
 * In `scratch` when there are any, which is emptied first. */
struct slice iot_event_properties(const struct iot_event *e, uint16_t endpoint, struct buffer *scratch);

/* Appends who sends: from, generation_id and auth_method. */
void iot_event_sender_encode(const struct iot_event *e, struct buffer *out);

/* Appends the record's bytes; they begin with a version byte: 1 unless the event has what only 2 can hold. */
void iot_event_encode(const struct iot_event *e, struct buffer *out);
/* The slices of *out point into `record`. BAD_FORMAT for what iot_event_encode() cannot have made. */
CHECKED enum status iot_event_decode(struct slice record, struct iot_event *out);

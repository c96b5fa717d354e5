/*
 * How values become the bytes of a message: one table of functions for each kind of message. An
 * encoder only appends; when a message begins and ends, and what still fits, is decided by the
 * group (writers/group.h). On the OPC UA thread.
 *
 * The order of calls: begin, then for each data set message open, field … field, close, or a
 * sample alone, then end.
 */
#pragma once

#include "published/plan.h"
#include "pubsub/data_set.h"
#include "pubsub/encode.h"
#include "pubsub/form.h"

enum frame { FRAME_DELTA, FRAME_KEY, FRAME_EVENT, FRAME_CONDITION, FRAME_KEEP_ALIVE };

struct data_set_head {
    enum frame frame;
    UA_DateTime now;
    struct slice name; /* quoted; empty: the data set's */
    bool late;         /* missed before, and read from the server's history */
};

/* A value or an event by itself, with what it is about; borrowed for the call. */
struct sample {
    struct slice node, label;  /* {"NodeId":"…" and "DisplayName":"…", which may be empty */
    const UA_DataValue *value; /* or: */
    const UA_EventFieldList *event;
    const struct buffer *heads; /* "name": of each of its fields */
    UA_DateTime now;
    bool heartbeat, late;
};

struct encoder;

/* Takes the body's bytes over: it is empty afterwards. */
typedef void encoder_emit_fn(void *arg, struct buffer *body);

struct encoder_ops {
    bool chunks;         /* what is too large becomes several messages in end() */
    size_t data_set_max; /* bytes of a data set message that is not alone in its message */

    void (*begin)(struct encoder *e, struct buffer *out);
    void (*open)(struct encoder *e, struct buffer *out, const struct data_set *d,
                 const struct data_set_head *h);
    /* `head` is "name": and `index` the field's number in the data set. */
    void (*field)(struct encoder *e, struct buffer *out, struct slice head, uint32_t index,
                  const UA_DataValue *v);
    void (*close)(struct encoder *e, struct buffer *out);
    void (*sample)(struct encoder *e, struct buffer *out, const struct data_set *d,
                   const struct sample *s);
    /* The message is whole; it may become several, none longer than `max` if that can be. */
    void (*end)(struct encoder *e, struct buffer *out, size_t max, encoder_emit_fn *emit,
                void *arg);
    /* A message by itself: what the data set looks like. NULL: there is none of this kind. */
    void (*metadata)(struct encoder *e, struct buffer *out, const struct data_set *d,
                     const UA_DataSetMetaDataType *m);
    /* Bytes that end() will add. */
    size_t (*overhead)(const struct encoder *e);
};

/* What the encoders of a group have in common. */
struct encoder_plan {
    enum messaging_mode mode;
    enum message_encoding encoding;
    enum opcua_id_format names;
    bool strict, batched;
    bool lone_value; /* a payload of one field is its value */
    uint32_t members_max; /* data set messages in a message; 0: any number */
    struct slice publisher_id, group, class_id;
    uint16_t group_id;
    uint64_t random;
};

/* What the data set that is opened next looks like, and which of those of the message's schema it is. */
struct encoder_look {
    const struct shape *shape; /* NULL: nobody knows */
    size_t index, count;
};

struct encoder {
    const struct encoder_ops *ops;
    const struct form *form;
    const char *content_type, *content_encoding; /* the second may be "" */
    struct opcua_value_form value_form; /* its names are those of the server that values are from */
    struct encode_clock clock;
    bool array;        /* messages are arrays of what is in them */
    bool network_each; /* a network message around each data set message: compatible batching */
    bool lone_value;
    bool gzip;            /* the group makes the body smaller */
    uint32_t members_max; /* 0: any number */
    struct buffer head;   /* what network messages begin with, as far as it stays the same */
    struct buffer group, publisher; /* the group's name and the publisher's id, quoted */
    uint64_t random;                /* state of message ids; not 0 */
    struct uadp *uadp;
    struct avro *avro;
    struct encoder_look look; /* who has it changes it between messages alone */

    uint32_t members; /* data set messages or samples in the message, without the open one */

    bool unknown; /* the open data set message cannot be written: nobody knows what it looks like */

    /* The open data set message; places count from its beginning, its separator left out. */
    const struct data_set *set;
    enum frame frame;
    UA_DateTime now;
    uint32_t fields;
    size_t misfit; /* a field, counted from 1, with an object that is none of its type; 0: none */
    uint32_t placeless; /* of them, those that its schema has no place for, and that are not written */
    size_t at;          /* in the message */
    size_t payload_at; /* of the payload, or of a count that stands before it */
    size_t first_head; /* bytes before the first field's value */
};

void encoder_init(struct encoder *e, const struct encoder_plan *p);
void encoder_clear(struct encoder *e);

/* "Json" and so on, as the configuration has it. */
const char *encoder_name(enum message_encoding encoding);

/* Messages with it are always as the standard has them. */
bool encoder_is_strict(enum message_encoding encoding);

/* There is a kind of schema that says what messages look like. */
bool encoder_has_schema(enum message_encoding encoding);

/* "application/x-network-message-json-v1" and the like, for $$MessageSchema. */
const char *encoder_schema(const struct encoder *e);

#define ENCODER_CLOSE_MAX 16 /* bytes that close a JSON message at its end */

/* ---- for encoders ---- */

extern const struct encoder_ops encoder_json, encoder_samples, encoder_uadp,
    encoder_avro; /* encoder_*.c */

void encoder_uadp_init(struct encoder *e, const struct encoder_plan *p);
void encoder_uadp_clear(struct encoder *e);
void encoder_avro_init(struct encoder *e, const struct encoder_plan *p);
void encoder_avro_clear(struct encoder *e);

size_t encoder_json_overhead(const struct encoder *e);

/* n in decimal digits. */
void encoder_put_number(struct buffer *out, uint64_t n);

/* A random id as text. Not for secrets: only unlikely to come twice. */
void encoder_put_id(struct encoder *e, struct buffer *out);

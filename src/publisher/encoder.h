/*
 * How values become the bytes of a message: one table of functions for each kind of message. An
 * encoder only appends; when a message begins and ends, and what still fits, is decided by the
 * group (publisher/group.h). On the OPC UA thread.
 *
 * The order of calls: begin, then for each data set message open, field … field, close, or a
 * sample alone, then end.
 */
#pragma once

#include "publisher/encode.h"
#include "publisher/form.h"
#include "publisher/plan.h"

/* Who data set messages are from; lives in the writer. */
struct data_set {
    struct buffer name;    /* quoted */
    struct buffer extra;   /* members that every payload ends with; empty: none */
    struct buffer origin;  /* of samples: from after the node id to before the display name, with
                              commas around */
    uint32_t id, sequence; /* sequence: of the last one */
    uint32_t major, minor; /* of its metadata */
    struct batch *batch;   /* the group's, which it goes into */
};

enum frame { FRAME_DELTA, FRAME_KEY, FRAME_EVENT, FRAME_KEEP_ALIVE };

/* A value or an event by itself, with what it is about; borrowed for the call. */
struct sample {
    struct slice node, label;  /* {"NodeId":"…" and "DisplayName":"…", which may be empty */
    const UA_DataValue *value; /* or: */
    const UA_EventFieldList *event;
    const struct buffer *heads; /* "name": of each of its fields */
    UA_DateTime now;
    bool heartbeat;
};

struct encoder;

/* Takes the body's bytes over: it is empty afterwards. */
typedef void encoder_emit_fn(void *arg, struct buffer *body);

struct encoder_ops {
    const char *content_type;
    void (*begin)(struct encoder *e, struct buffer *out);
    void (*open)(struct encoder *e, struct buffer *out, const struct data_set *d, enum frame frame,
                 UA_DateTime now);
    void (*field)(struct encoder *e, struct buffer *out, struct slice head, const UA_DataValue *v);
    void (*close)(struct encoder *e, struct buffer *out);
    void (*sample)(struct encoder *e, struct buffer *out, const struct data_set *d,
                   const struct sample *s);
    /* The message is whole; it may become several. */
    void (*end)(struct encoder *e, struct buffer *out, encoder_emit_fn *emit, void *arg);
};

struct encoder {
    const struct encoder_ops *ops;
    const struct form *form;
    struct opcua_value_form value_form; /* its names are those of the server that values are from */
    bool array;                         /* messages are arrays of what is in them */
    bool network_each; /* a network message around each data set message: compatible batching */
    struct slice publisher; /* ,"PublisherId":…,"DataSetWriterGroup":… */
    uint64_t random;        /* state of message ids; not 0 */
    struct encode_clock clock;
    uint32_t members; /* data set messages or samples in the message, without the open one */
    uint32_t fields;  /* in the open data set message */
    const struct data_set *set; /* whose it is */
    enum frame frame;
};

/* `publisher` is borrowed for the encoder's life. */
struct encoder encoder_of(const struct plan_group *plan, struct slice publisher, uint64_t random);

#define ENCODER_CLOSE_MAX 16 /* bytes that close a message at its end */

extern const struct encoder_ops encoder_json, encoder_samples; /* encoder_*.c */

/* n in decimal digits. */
void encoder_put_number(struct buffer *out, uint64_t n);

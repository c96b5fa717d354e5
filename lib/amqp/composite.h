/*
 * AMQP's composite types: described lists with fixed fields. One struct each, one table row a field
 * (composite.c), one codec for all. Read: fields that are missing at the end are null, and null is
 * the default. Written: always every field, with the nulls at the end, because Azure's Python SDK
 * indexes fields by position and does not look at how many there are.
 *
 * Numbers are int64_t so that AMQP_ABSENT can say: null. Slices that were null have at == NULL.
 * A field of "any" type stays encoded (amqp_value_of() reads it).
 */
#pragma once

#include "amqp/types.h"

#define AMQP_ABSENT ((int64_t)-1)

enum amqp_code {
    AMQP_OPEN = 0x10,
    AMQP_BEGIN = 0x11,
    AMQP_ATTACH = 0x12,
    AMQP_FLOW = 0x13,
    AMQP_TRANSFER = 0x14,
    AMQP_DISPOSITION = 0x15,
    AMQP_DETACH = 0x16,
    AMQP_END = 0x17,
    AMQP_CLOSE = 0x18,
    AMQP_ERROR = 0x1d,
    AMQP_RECEIVED = 0x23,
    AMQP_ACCEPTED = 0x24,
    AMQP_REJECTED = 0x25,
    AMQP_RELEASED = 0x26,
    AMQP_MODIFIED = 0x27,
    AMQP_SOURCE = 0x28,
    AMQP_TARGET = 0x29,
    AMQP_SASL_MECHANISMS = 0x40,
    AMQP_SASL_INIT = 0x41,
    AMQP_SASL_CHALLENGE = 0x42,
    AMQP_SASL_RESPONSE = 0x43,
    AMQP_SASL_OUTCOME = 0x44,
    AMQP_HEADER = 0x70,
    AMQP_DELIVERY_ANNOTATIONS = 0x71,
    AMQP_MESSAGE_ANNOTATIONS = 0x72,
    AMQP_PROPERTIES = 0x73,
    AMQP_APPLICATION_PROPERTIES = 0x74,
    AMQP_DATA = 0x75,
    AMQP_SEQUENCE = 0x76,
    AMQP_BODY_VALUE = 0x77,
    AMQP_FOOTER = 0x78,
};

struct amqp_open {
    struct slice container_id, hostname;
    int64_t frame_max, channel_max, idle_ms;
    struct slice outgoing_locales, incoming_locales, offered, desired, properties; /* any */
};

struct amqp_begin {
    int64_t remote_channel, next_outgoing_id, incoming_window, outgoing_window, handle_max;
    struct slice offered, desired, properties; /* any */
};

enum { AMQP_ROLE_SENDER = 0, AMQP_ROLE_RECEIVER = 1 };
enum { AMQP_SEND_UNSETTLED, AMQP_SEND_SETTLED, AMQP_SEND_MIXED };
enum { AMQP_RECEIVE_FIRST, AMQP_RECEIVE_SECOND };

struct amqp_attach {
    struct slice name;
    int64_t handle;
    bool receiver; /* the role of who sends this */
    int64_t send_settle, receive_settle;
    struct slice source, target, unsettled; /* any: amqp_source_read(), amqp_target_read() */
    bool incomplete_unsettled;
    int64_t initial_delivery_count, message_max;
    struct slice offered, desired, properties; /* any */
};

struct amqp_flow {
    int64_t next_incoming_id, incoming_window, next_outgoing_id, outgoing_window;
    int64_t handle, delivery_count, credit, available;
    bool drain, echo;
    struct slice properties; /* any */
};

struct amqp_transfer {
    int64_t handle, delivery_id;
    struct slice tag;
    int64_t format;
    bool settled, more;
    int64_t receive_settle;
    struct slice state; /* any */
    bool resume, aborted, batchable;
};

struct amqp_disposition {
    bool receiver;
    int64_t first, last;
    bool settled;
    struct slice state; /* any: amqp_outcome_read() */
    bool batchable;
};

struct amqp_detach {
    int64_t handle;
    bool closed;
    struct slice error; /* any: amqp_error_read() */
};

struct amqp_end {
    struct slice error;
};

struct amqp_close {
    struct slice error;
};

struct amqp_error {
    struct slice condition, description;
    struct slice info; /* any: a map */
};

struct amqp_received {
    int64_t section_number, section_offset;
};

struct amqp_rejected {
    struct slice error; /* any */
};

struct amqp_modified {
    bool delivery_failed, undeliverable_here;
    struct slice annotations; /* any */
};

struct amqp_source {
    struct slice address; /* any: a string */
    int64_t durable;
    struct slice expiry_policy;
    int64_t timeout;
    bool dynamic;
    struct slice dynamic_properties; /* any */
    struct slice distribution_mode;
    struct slice filter, default_outcome, outcomes, capabilities; /* any */
};

struct amqp_target {
    struct slice address; /* any: a string */
    int64_t durable;
    struct slice expiry_policy;
    int64_t timeout;
    bool dynamic;
    struct slice dynamic_properties, capabilities; /* any */
};

struct amqp_sasl_mechanisms {
    struct slice mechanisms; /* any: a symbol, or an array of symbols */
};

struct amqp_sasl_init {
    struct slice mechanism, response, hostname;
};

struct amqp_sasl_challenge {
    struct slice challenge;
};

struct amqp_sasl_response {
    struct slice response;
};

struct amqp_sasl_outcome {
    int64_t code;
    struct slice additional;
};

struct amqp_header {
    bool durable;
    int64_t priority, ttl_ms;
    bool first_acquirer;
    int64_t delivery_count;
};

struct amqp_properties {
    struct slice message_id; /* any: ulong, uuid, binary or string */
    struct slice user_id, to, subject, reply_to;
    struct slice correlation_id; /* any */
    struct slice content_type, content_encoding;
    int64_t expiry_ms, creation_ms;
    struct slice group_id;
    int64_t group_sequence;
    struct slice reply_to_group;
};

/* amqp_open_read(encoded, &open): the whole slice as that type. BAD_FORMAT for another descriptor,
 * a field of another type, a missing mandatory field. amqp_open_write(buffer, &open): appends it,
 * descriptor first. */
#define AMQP_COMPOSITE(name)                                                                       \
    CHECKED enum status amqp_##name##_read(struct slice encoded, struct amqp_##name *out);         \
    void amqp_##name##_write(struct buffer *b, const struct amqp_##name *v);

AMQP_COMPOSITE(open)
AMQP_COMPOSITE(begin)
AMQP_COMPOSITE(attach)
AMQP_COMPOSITE(flow)
AMQP_COMPOSITE(transfer)
AMQP_COMPOSITE(disposition)
AMQP_COMPOSITE(detach)
AMQP_COMPOSITE(end)
AMQP_COMPOSITE(close)
AMQP_COMPOSITE(error)
AMQP_COMPOSITE(received)
AMQP_COMPOSITE(rejected)
AMQP_COMPOSITE(modified)
AMQP_COMPOSITE(source)
AMQP_COMPOSITE(target)
AMQP_COMPOSITE(sasl_mechanisms)
AMQP_COMPOSITE(sasl_init)
AMQP_COMPOSITE(sasl_challenge)
AMQP_COMPOSITE(sasl_response)
AMQP_COMPOSITE(sasl_outcome)
AMQP_COMPOSITE(header)
AMQP_COMPOSITE(properties)

/* Takes one composite off the reader: its encoded bytes, and what it is by its descriptor. A
 * symbolic descriptor ("amqp:open:list") is known too. 0 when it is none of ours; the reader fails
 * on bad bytes. */
enum amqp_code amqp_composite_next(struct reader *r, struct slice *encoded);

/* The text of an "any" field that is a string or symbol; empty for null or another type. */
struct slice amqp_text_of(struct slice encoded);

/* ---- the state of a delivery ---- */

enum amqp_outcome {
    AMQP_OUTCOME_NONE, /* no state, or "received", which ends nothing */
    AMQP_OUTCOME_ACCEPTED,
    AMQP_OUTCOME_REJECTED, /* with an error */
    AMQP_OUTCOME_RELEASED,
    AMQP_OUTCOME_MODIFIED, /* delivery_failed, undeliverable_here */
};

struct amqp_state {
    enum amqp_outcome outcome;
    struct amqp_error error;
    bool delivery_failed, undeliverable_here;
};

/* BAD_FORMAT for broken bytes; an outcome that the specification does not have reads as NONE. */
CHECKED enum status amqp_state_read(struct slice encoded, struct amqp_state *out);
void amqp_state_write(struct buffer *b, const struct amqp_state *v);

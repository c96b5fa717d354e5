/*
 * A message's sections, AMQP 1.0 part 3 section 3.2: header, delivery annotations, message
 * annotations, properties, application properties, body, footer. Reading borrows; writing appends
 * sections in that order.
 */
#pragma once

#include "amqp/composite.h"

/* Microsoft's format for a batch: each data section of the body is a whole message. */
#define AMQP_FORMAT_BATCH 0x80013700u

enum amqp_body { AMQP_BODY_NONE, AMQP_BODY_DATA, AMQP_BODY_SEQUENCE, AMQP_BODY_IS_VALUE };

struct amqp_message {
    struct amqp_header header;              /* defaults when there was none */
    struct amqp_properties properties;      /* all absent when there was none */
    struct amqp_value delivery_annotations; /* maps; null when not there */
    struct amqp_value message_annotations;
    struct amqp_value application_properties;
    struct amqp_value footer;
    enum amqp_body body;
    struct amqp_value value; /* of AMQP_BODY_IS_VALUE */
    struct slice sections;   /* of the body, encoded: see amqp_message_data_next() */
    uint32_t section_count;
};

/* BAD_FORMAT for sections that are broken, unknown, twice or out of order. */
CHECKED enum status amqp_message_read(struct slice bytes, struct amqp_message *out);

/* Takes the first data section off *sections (a copy of m->sections); false at the end. */
bool amqp_message_data_next(struct slice *sections, struct slice *data);

/* The body as bytes: the one data section, or a string or binary value. False for anything else;
 * several data sections are the caller's to walk. No body, and null for one (rhea's for undefined),
 * give an empty slice. */
bool amqp_message_bytes(const struct amqp_message *m, struct slice *out);

/* The properties with every field absent, to be filled and written. */
struct amqp_properties amqp_properties_none(void);

/* Begins one of the map sections; amqp_write_end() ends it. */
size_t amqp_message_map_begin(struct buffer *b, enum amqp_code section);
void amqp_message_data(struct buffer *b, struct slice data);
/* The value follows. */
void amqp_message_value_begin(struct buffer *b);

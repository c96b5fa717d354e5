/*
 * The pieces of UADP messages (OPC UA Part 14, 7.2.2; Part 6, 5.2): numbers go lowest byte first.
 * Appending only; any thread.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/stack.h"

#define UADP_VERSION 1

/* A publisher's id: a number when its text is one, as small as holds it. `kind` is the value of
 * ExtendedFlags1's low bits. */
struct uadp_id {
    uint8_t kind; /* 0 to 3: of 1, 2, 4 or 8 bytes; 4: text */
    uint64_t number;
    char *text; /* owned */
    size_t text_len;
};
struct uadp_id uadp_id_of(struct slice text);
void uadp_put_id(const struct uadp_id *id, struct buffer *out);

/* False for what is no GUID, empty text too. */
bool uadp_guid_parse(struct slice text, UA_Guid *out);
void uadp_put_guid(const UA_Guid *g, struct buffer *out);

void uadp_put_u16(struct buffer *out, uint16_t v);
void uadp_put_u32(struct buffer *out, uint32_t v);
void uadp_put_u64(struct buffer *out, uint64_t v);
void uadp_set_u16(uint8_t *at, uint16_t v);
void uadp_put_text(struct buffer *out, struct slice text);

void uadp_put_variant(struct buffer *out, const UA_Variant *v);
/* With the parts that DataSetFieldContentMask's bits name (opcua/value_json.h). */
void uadp_put_data_value(struct buffer *out, const UA_DataValue *v, unsigned fields);
/* As a field of raw data: the value without its type; nothing for an empty one. */
void uadp_put_raw(struct buffer *out, const UA_Variant *v);
/* Any value of the stack's types. */
void uadp_put(struct buffer *out, const void *v, const UA_DataType *type);

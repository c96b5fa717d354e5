/*
 * The server's end of an OPC UA connection with security None, for bench_opcua_source: chunks (Part
 * 6, 6.7) to requests, and answers to chunks. Nothing of the stack's own channel is in it but its
 * encoders.
 */
#pragma once

#include "base/buffer.h"
#include "io/stream.h"
#include "opcua/stack.h"

/* Little endian, as this machine. */
static inline void opcua_put_u32(struct buffer *out, uint32_t n)
{
    buffer_put(out, slice_from(&n, sizeof n));
}

struct opcua_channel {
    struct stream *stream;
    /* `message`: the type's id, then the request; borrowed. */
    void (*on_request)(void *arg, uint32_t request, struct slice message);
    void *arg;
    struct buffer unread, message; /* message: chunks that came of one */
    uint32_t chunk_max, sequence, id, token;
};

void opcua_channel_init(struct opcua_channel *c);
void opcua_channel_clear(struct opcua_channel *c);

/* What came. Breaks off the stream when it is none of OPC UA. */
void opcua_channel_in(struct opcua_channel *c, struct slice bytes);

void opcua_channel_answer(struct opcua_channel *c, uint32_t request, const void *response,
                          const UA_DataType *type);
/* `body`: of a request, behind the type's id. */
void opcua_channel_fault(struct opcua_channel *c, uint32_t request, struct slice body,
                         UA_StatusCode why);
UA_UInt32 opcua_channel_handle(struct slice body);

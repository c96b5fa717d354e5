#include "bench/opcua_channel.h"

#define CHUNK_HEAD 24 /* of MSG: message, channel and token, sequence and request */
#define CHUNK_MIN 8192
#define CHUNK_MAX 65536
#define MESSAGE_MAX (64u << 20)

/* ---- bytes ---- */

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return n;
}

static void encode(const void *value, const UA_DataType *type, struct buffer *out)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    if (UA_encodeBinary(value, type, &bytes) == UA_STATUSCODE_GOOD)
        buffer_put(out, slice_from(bytes.data, bytes.length));
    UA_ByteString_clear(&bytes);
}

/* ---- what is sent ---- */

static void send_chunks(struct opcua_channel *c, const char *kind, uint32_t request,
                        struct slice body)
{
    struct buffer *out = stream_out(c->stream);
    size_t room = c->chunk_max - CHUNK_HEAD;
    do {
        struct slice part = slice_first(body, body.len < room ? body.len : room);
        body = slice_skip(body, part.len);
        buffer_put(out, slice_from(kind, 3));
        buffer_u8(out, body.len ? 'C' : 'F');
        opcua_put_u32(out, (uint32_t)(CHUNK_HEAD + part.len));
        opcua_put_u32(out, c->id);
        opcua_put_u32(out, c->token);
        opcua_put_u32(out, ++c->sequence);
        opcua_put_u32(out, request);
        buffer_put(out, part);
    } while (body.len);
    stream_flush(c->stream);
}

void opcua_channel_answer(struct opcua_channel *c, uint32_t request, const void *response,
                          const UA_DataType *type)
{
    struct buffer body = {0};
    encode(&type->binaryEncodingId, &UA_TYPES[UA_TYPES_NODEID], &body);
    encode(response, type, &body);
    send_chunks(c, "MSG", request, buffer_slice(&body));
    buffer_clear(&body);
}

UA_UInt32 opcua_channel_handle(struct slice body)
{
    UA_ByteString bytes = {body.len, (UA_Byte *)body.at};
    UA_RequestHeader header;
    UA_UInt32 handle = 0;
    if (UA_decodeBinary(&bytes, &header, &UA_TYPES[UA_TYPES_REQUESTHEADER], NULL) ==
        UA_STATUSCODE_GOOD)
        handle = header.requestHandle;
    UA_RequestHeader_clear(&header);
    return handle;
}

void opcua_channel_fault(struct opcua_channel *c, uint32_t request, struct slice body,
                         UA_StatusCode why)
{
    UA_ServiceFault f = {
        .responseHeader = {.requestHandle = opcua_channel_handle(body), .serviceResult = why}};
    opcua_channel_answer(c, request, &f, &UA_TYPES[UA_TYPES_SERVICEFAULT]);
}

/* ---- what comes ---- */

static void on_hello(struct opcua_channel *c, struct slice body)
{
    if (body.len < 20)
        return;
    uint32_t receive = u32_at(body.at + 4);
    c->chunk_max = receive < CHUNK_MIN ? CHUNK_MIN : receive > CHUNK_MAX ? CHUNK_MAX : receive;
    struct buffer *out = stream_out(c->stream);
    buffer_put(out, SLICE("ACKF"));
    const uint32_t words[] = {28, 0, c->chunk_max, c->chunk_max, 0, 0};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        opcua_put_u32(out, words[i]);
    stream_flush(c->stream);
}

/* Behind the channel's number: policy, certificate and thumbprint, each a length and bytes (-1:
 * none). */
static bool skip_security(struct slice *body)
{
    *body = slice_skip(*body, 4);
    for (int i = 0; i < 3; i++) {
        if (body->len < 4)
            return false;
        int32_t len = (int32_t)u32_at(body->at);
        if (len > 0 && (size_t)len > body->len - 4)
            return false;
        *body = slice_skip(*body, 4 + (size_t)(len > 0 ? len : 0));
    }
    return body->len >= 8;
}

static void on_open_channel(struct opcua_channel *c, struct slice body)
{
    if (!skip_security(&body))
        return;
    uint32_t request = u32_at(body.at + 4);
    struct slice rest = slice_skip(body, 8 + 4); /* and the type's id, four bytes for 446 */
    c->id = 1;
    c->token++;
    UA_OpenSecureChannelResponse r = {.securityToken = {1, c->token, UA_DateTime_now(), 3600000}};
    r.responseHeader.requestHandle = opcua_channel_handle(rest);
    struct buffer b = {0}, *out = stream_out(c->stream);
    static const char policy[] = "http://opcfoundation.org/UA/SecurityPolicy#None";
    opcua_put_u32(&b, c->id);
    opcua_put_u32(&b, sizeof policy - 1);
    buffer_put(&b, slice_from(policy, sizeof policy - 1));
    opcua_put_u32(&b, UINT32_MAX);
    opcua_put_u32(&b, UINT32_MAX);
    opcua_put_u32(&b, ++c->sequence);
    opcua_put_u32(&b, request);
    encode(&UA_TYPES[UA_TYPES_OPENSECURECHANNELRESPONSE].binaryEncodingId,
           &UA_TYPES[UA_TYPES_NODEID], &b);
    encode(&r, &UA_TYPES[UA_TYPES_OPENSECURECHANNELRESPONSE], &b);
    buffer_put(out, SLICE("OPNF"));
    opcua_put_u32(out, (uint32_t)(8 + b.len));
    buffer_put(out, buffer_slice(&b));
    buffer_clear(&b);
    stream_flush(c->stream);
}

static void on_chunk(struct opcua_channel *c, char end, struct slice body)
{
    if (body.len < 16 || c->message.len + body.len > MESSAGE_MAX) {
        stream_abort(c->stream, BAD_FORMAT);
        return;
    }
    uint32_t request = u32_at(body.at + 12);
    buffer_put(&c->message, slice_skip(body, 16));
    if (end == 'C')
        return;
    if (end == 'F')
        c->on_request(c->arg, request, buffer_slice(&c->message));
    buffer_reset(&c->message);
}

static size_t read_messages(struct opcua_channel *c, struct slice bytes)
{
    struct slice rest = bytes;
    while (rest.len >= 8) {
        uint32_t size = u32_at(rest.at + 4);
        if (size < 8 || size > 1 << 20) {
            stream_abort(c->stream, BAD_FORMAT);
            return bytes.len;
        }
        if (rest.len < size)
            break;
        struct slice body = slice_from(rest.at + 8, size - 8), kind = slice_first(rest, 3);
        if (slice_eq(kind, SLICE("HEL")))
            on_hello(c, body);
        else if (slice_eq(kind, SLICE("OPN")))
            on_open_channel(c, body);
        else if (slice_eq(kind, SLICE("MSG")))
            on_chunk(c, (char)rest.at[3], body);
        else if (slice_eq(kind, SLICE("CLO")))
            stream_close(c->stream);
        rest = slice_skip(rest, size);
    }
    return bytes.len - rest.len;
}

void opcua_channel_in(struct opcua_channel *c, struct slice bytes)
{
    buffer_put(&c->unread, bytes);
    buffer_drop(&c->unread, read_messages(c, buffer_slice(&c->unread)));
}

void opcua_channel_init(struct opcua_channel *c)
{
    *c = (struct opcua_channel){.chunk_max = CHUNK_MIN};
}

void opcua_channel_clear(struct opcua_channel *c)
{
    buffer_clear(&c->unread);
    buffer_clear(&c->message);
}

/* UADP messages of a publisher "pub", for tests. */
#pragma once

#include "base/buffer.h"
#include "base/cmocka.h"
#include "opcua/stack.h"

static void put_number(struct buffer *out, uint64_t v, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buffer_u8(out, (uint8_t)(v >> 8 * i));
}

static void put(struct buffer *out, const void *v, const UA_DataType *type)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    assert_int_equal(UA_encodeBinary(v, type, &bytes), UA_STATUSCODE_GOOD);
    buffer_put(out, slice_from(bytes.data, bytes.length));
    UA_ByteString_clear(&bytes);
}

/* In the version 1.minor, of two fields. */
static struct buffer announcement(uint16_t writer, uint32_t minor, const char *first,
                                  const char *second)
{
    UA_FieldMetaData fields[] = {{.name = UA_STRING((char *)(uintptr_t)first)},
                                 {.name = UA_STRING((char *)(uintptr_t)second)}};
    UA_String uri = UA_STRING("urn:tests");
    UA_DataSetMetaDataType data = {.name = UA_STRING("machine"),
                                   .fields = fields,
                                   .fieldsSize = 2,
                                   .namespaces = &uri,
                                   .namespacesSize = 1,
                                   .configurationVersion = {1, minor}};
    static const uint8_t head[] = {0x91, 0x84, 0x08, 3, 0, 0, 0, 'p', 'u', 'b', 2, 1, 0};
    struct buffer out = {0};
    buffer_put(&out, slice_from(head, sizeof head));
    put_number(&out, writer, 2);
    put(&out, &data, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE]);
    put_number(&out, 0, 4);
    return out;
}

/* With publisher, group, payload head and a time: as publishers of ours have it. */
static void put_head(struct buffer *out, const uint16_t *writers, uint8_t count)
{
    static const uint8_t head[] = {0xf1, 0x24, 3, 0, 0, 0, 'p', 'u', 'b', 0x0d, 1, 0, 0, 0, 9, 0};
    buffer_put(out, slice_from(head, sizeof head));
    buffer_u8(out, count);
    for (uint8_t i = 0; i < count; i++)
        put_number(out, writers[i], 2);
    put_number(out, 1, 8);
}

static UA_DataValue value_of(void *data, int type)
{
    UA_DataValue v = {
        .hasValue = true, .hasSourceTimestamp = true, .sourceTimestamp = UA_DATETIME_UNIX_EPOCH};
    UA_Variant_setScalar(&v.value, data, &UA_TYPES[type]);
    return v;
}

/* In the version 1.minor, of DataValues, up to its count of fields; delta: of one field. */
static void put_set_head(struct buffer *out, bool delta, uint32_t minor)
{
    buffer_u8(out, 0xed);
    buffer_u8(out, delta ? 0x11 : 0x10);
    put_number(out, 5, 2);
    put_number(out, (uint64_t)UA_DATETIME_UNIX_EPOCH, 8);
    put_number(out, 1, 4);
    put_number(out, minor, 4);
}

/* A key frame; a delta frame has the first field alone. */
static void put_set(struct buffer *out, bool delta, uint32_t minor)
{
    UA_Int64 load = INT64_MAX;
    UA_String url = UA_STRING("opc.tcp://one:4840");
    UA_DataValue first = value_of(&load, UA_TYPES_INT64), second = value_of(&url, UA_TYPES_STRING);
    put_set_head(out, delta, minor);
    put_number(out, delta ? 1 : 2, 2);
    if (delta)
        put_number(out, 0, 2);
    put(out, &first, &UA_TYPES[UA_TYPES_DATAVALUE]);
    if (!delta)
        put(out, &second, &UA_TYPES[UA_TYPES_DATAVALUE]);
}

static struct buffer key_frame(uint16_t writer, uint32_t minor)
{
    struct buffer out = {0};
    put_head(&out, &writer, 1);
    put_set(&out, false, minor);
    return out;
}

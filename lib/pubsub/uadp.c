#include "pubsub/uadp.h"

#include <assert.h>

#include "opcua/data_type.h"
#include "opcua/value_json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

/* ---- numbers and texts ---- */

static void put(struct buffer *out, const void *at, size_t len)
{
    memcpy(buffer_reserve(out, len), at, len);
    out->len += len;
}

void uadp_put_u16(struct buffer *out, uint16_t v)
{
    put(out, &v, sizeof v);
}

void uadp_put_u32(struct buffer *out, uint32_t v)
{
    put(out, &v, sizeof v);
}

void uadp_put_u64(struct buffer *out, uint64_t v)
{
    put(out, &v, sizeof v);
}

void uadp_set_u16(uint8_t *at, uint16_t v)
{
    memcpy(at, &v, sizeof v);
}

void uadp_put_text(struct buffer *out, struct slice text)
{
    uadp_put_u32(out, (uint32_t)text.len);
    buffer_put(out, text);
}

/* ---- ids ---- */

struct uadp_id uadp_id_of(struct slice text)
{
    uint64_t n;
    if (!slice_to_u64(text, &n))
        return (struct uadp_id){.kind = 4, .text = slice_dup(text), .text_len = text.len};
    return (struct uadp_id){.kind = n <= UINT8_MAX    ? 0
                                    : n <= UINT16_MAX ? 1
                                    : n <= UINT32_MAX ? 2
                                                      : 3,
                            .number = n};
}

void uadp_put_id(const struct uadp_id *id, struct buffer *out)
{
    if (id->kind == 4)
        uadp_put_text(out, slice_from(id->text, id->text_len));
    else
        put(out, &id->number, (size_t)1 << id->kind);
}

bool uadp_guid_parse(struct slice text, UA_Guid *out)
{
    UA_String s = {text.len, (UA_Byte *)(uintptr_t)text.at};
    return text.len > 0 && UA_Guid_parse(out, s) == UA_STATUSCODE_GOOD;
}

void uadp_put_guid(const UA_Guid *g, struct buffer *out)
{
    uadp_put_u32(out, g->data1);
    uadp_put_u16(out, g->data2);
    uadp_put_u16(out, g->data3);
    put(out, g->data4, sizeof g->data4);
}

/* ---- values ---- */

void uadp_put(struct buffer *out, const void *v, const UA_DataType *type)
{
    size_t len = UA_calcSizeBinary(v, type);
    UA_ByteString room = {len, buffer_reserve(out, len)};
    if (len == 0)
        return;
    UA_StatusCode s = UA_encodeBinary(v, type, &room);
    assert(s == UA_STATUSCODE_GOOD); /* its size was just counted */
    (void)s;
    buffer_added(out, len);
}

/* Types whose values are the bytes in memory, from Boolean to Double, and DateTime. */
static bool is_plain(const UA_Variant *v)
{
    return v->type && UA_Variant_isScalar(v) &&
           (v->type->typeKind <= UA_DATATYPEKIND_DOUBLE ||
            v->type->typeKind == UA_DATATYPEKIND_DATETIME) &&
           v->type->typeId.namespaceIndex == 0;
}

void uadp_put_variant(struct buffer *out, const UA_Variant *v)
{
    if (!is_plain(v)) {
        uadp_put(out, v, &UA_TYPES[UA_TYPES_VARIANT]);
        return;
    }
    buffer_u8(out, (uint8_t)(v->type->typeKind + 1)); /* Part 6, 5.2.2.16: ids count from 1 */
    put(out, v->data, v->type->memSize);
}

#define DATA_VALUE_MAX 48 /* bytes of one, when its value is plain */

/* Part 6, 5.2.2.17 */
enum {
    HAS_VALUE = 1,
    HAS_STATUS = 2,
    HAS_SOURCE = 4,
    HAS_SERVER = 8,
    HAS_SOURCE_PICO = 16,
    HAS_SERVER_PICO = 32
};

static unsigned parts_of(const UA_DataValue *v, unsigned fields)
{
    unsigned parts = 0;
    if (v->hasValue && v->value.type)
        parts |= HAS_VALUE;
    if (v->hasStatus && v->status != UA_STATUSCODE_GOOD && fields & OPCUA_FIELD_STATUS)
        parts |= HAS_STATUS;
    if (v->hasSourceTimestamp && fields & OPCUA_FIELD_SOURCE_TIME)
        parts |= HAS_SOURCE;
    if (v->hasServerTimestamp && fields & OPCUA_FIELD_SERVER_TIME)
        parts |= HAS_SERVER;
    if (v->hasSourcePicoseconds && fields & OPCUA_FIELD_SOURCE_PICO)
        parts |= HAS_SOURCE_PICO;
    if (v->hasServerPicoseconds && fields & OPCUA_FIELD_SERVER_PICO)
        parts |= HAS_SERVER_PICO;
    return parts;
}

static uint8_t *put_bytes(uint8_t *at, const void *v, size_t len)
{
    memcpy(at, v, len);
    return at + len;
}

/* What is not plain is appended by itself; *start is then where the rest of the room begins. */
static uint8_t *put_value(uint8_t *at, uint8_t **start, const UA_Variant *v, struct buffer *out)
{
    if (is_plain(v)) { /* Part 6, 5.2.2.16: ids count from 1 */
        *at++ = (uint8_t)(v->type->typeKind + 1);
        return put_bytes(at, v->data, v->type->memSize);
    }
    buffer_added(out, (size_t)(at - *start));
    uadp_put(out, v, &UA_TYPES[UA_TYPES_VARIANT]);
    return *start = buffer_reserve(out, DATA_VALUE_MAX);
}

void uadp_put_data_value(struct buffer *out, const UA_DataValue *v, unsigned fields)
{
    unsigned parts = parts_of(v, fields);
    uint8_t *start = buffer_reserve(out, DATA_VALUE_MAX), *at = start;
    *at++ = (uint8_t)parts;
    if (parts & HAS_VALUE)
        at = put_value(at, &start, &v->value, out);
    if (parts & HAS_STATUS)
        at = put_bytes(at, &v->status, sizeof v->status);
    if (parts & HAS_SOURCE)
        at = put_bytes(at, &v->sourceTimestamp, sizeof v->sourceTimestamp);
    if (parts & HAS_SOURCE_PICO)
        at = put_bytes(at, &v->sourcePicoseconds, sizeof v->sourcePicoseconds);
    if (parts & HAS_SERVER)
        at = put_bytes(at, &v->serverTimestamp, sizeof v->serverTimestamp);
    if (parts & HAS_SERVER_PICO)
        at = put_bytes(at, &v->serverPicoseconds, sizeof v->serverPicoseconds);
    buffer_added(out, (size_t)(at - start));
}

/* A structure without what an extension object puts around it. */
static void put_structure(struct buffer *out, const UA_Variant *v)
{
    if (v->type != &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) {
        uadp_put(out, v->data, v->type);
        return;
    }
    const UA_ExtensionObject *o = v->data;
    if (o->encoding >= UA_EXTENSIONOBJECT_DECODED)
        uadp_put(out, o->content.decoded.data, o->content.decoded.type);
    else if (o->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING)
        buffer_put(out, opcua_slice(o->content.encoded.body));
}

void uadp_put_raw(struct buffer *out, const UA_Variant *v)
{
    if (UA_Variant_isEmpty(v))
        return;
    if (is_plain(v)) {
        put(out, v->data, v->type->memSize);
    } else if (UA_Variant_isScalar(v)) {
        put_structure(out, v);
    } else {
        size_t at =
            out->len; /* the variant, without its first byte: length, elements, dimensions */
        uadp_put_variant(out, v);
        memmove(out->at + at, out->at + at + 1, out->len - at - 1);
        out->len--;
    }
}

#include "pubsub/encode.h"

#include <endian.h>

#include "json/write.h"

#define TICKS_A_SECOND 10000000

static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334"
                            "3536373839404142434445464748"
                            "4950515253545556575859606162636465666768697071727374757677787980818283"
                            "84858687888990919293949596"
                            "979899";

static uint8_t *put_text(uint8_t *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

#define PUT(at, literal) put_text((at), (literal), sizeof(literal) - 1)

static uint8_t *put_u64(uint8_t *at, uint64_t n)
{
    char digits[20];
    char *d = digits + sizeof digits;
    while (n >= 100) {
        d -= 2;
        memcpy(d, pairs + n % 100 * 2, 2);
        n /= 100;
    }
    if (n >= 10) {
        d -= 2;
        memcpy(d, pairs + n * 2, 2);
    } else {
        *--d = (char)('0' + n);
    }
    return put_text(at, d, (size_t)(digits + sizeof digits - d));
}

static uint8_t *put_i64(uint8_t *at, int64_t n)
{
    if (n >= 0)
        return put_u64(at, (uint64_t)n);
    *at = '-';
    return put_u64(at + 1, -(uint64_t)n);
}

static bool is_finite(double v)
{
    return v - v == 0;
}

/* NULL: not a kind that is known here. */
static uint8_t *put_scalar(uint8_t *at, const UA_Variant *v, bool strict)
{
    switch ((UA_DataTypeKind)v->type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
        return *(UA_Boolean *)v->data ? PUT(at, "true") : PUT(at, "false");
    case UA_DATATYPEKIND_SBYTE:
        return put_i64(at, *(UA_SByte *)v->data);
    case UA_DATATYPEKIND_BYTE:
        return put_u64(at, *(UA_Byte *)v->data);
    case UA_DATATYPEKIND_INT16:
        return put_i64(at, *(UA_Int16 *)v->data);
    case UA_DATATYPEKIND_UINT16:
        return put_u64(at, *(UA_UInt16 *)v->data);
    case UA_DATATYPEKIND_INT32:
        return put_i64(at, *(UA_Int32 *)v->data);
    case UA_DATATYPEKIND_UINT32:
        return put_u64(at, *(UA_UInt32 *)v->data);
    case UA_DATATYPEKIND_INT64:
        return strict ? NULL : put_i64(at, *(UA_Int64 *)v->data);
    case UA_DATATYPEKIND_UINT64:
        return strict ? NULL : put_u64(at, *(UA_UInt64 *)v->data);
    case UA_DATATYPEKIND_FLOAT:
        return is_finite(*(UA_Float *)v->data)
                   ? at + json_print_float(*(UA_Float *)v->data, (char *)at)
                   : NULL;
    case UA_DATATYPEKIND_DOUBLE:
        return is_finite(*(UA_Double *)v->data)
                   ? at + json_print_double(*(UA_Double *)v->data, (char *)at)
                   : NULL;
    default:
        return NULL;
    }
}

/* Once a second, and with room on the stack that the others do without. */
__attribute__((noinline)) static void set_second(struct encode_time *last, UA_DateTime t,
                                                 uint64_t second)
{
    uint8_t room[64];
    struct buffer text = {.at = room, .cap = sizeof room};
    opcua_value_json_time(t, &text);
    last->second = second;
    memcpy(last->text, text.at, sizeof last->text);
}

/* "ddddddd" and "Z", the first digit in the lowest byte: all digits at once, halved three times,
 * for a plant's values have a time each, of which nothing else changes. */
static uint64_t ticks_text(unsigned ticks)
{
    uint64_t n = (uint64_t)ticks * 10;                      /* 8 digits; the last gives way to Z */
    n = n / 10000 | n % 10000 << 32;                        /* 2 of 4 */
    uint64_t hundreds = (n * 10486 >> 20) & 0x7f0000007f;   /* n / 100 in each half */
    n = hundreds | (n - hundreds * 100) << 16;              /* 4 of 2 */
    uint64_t tens = (n * 103 >> 10) & 0x0f000f000f000f;     /* n / 10 in each quarter */
    n = (tens | (n - tens * 10) << 8) + 0x3030303030303030; /* 8 of 1 */
    return (n & 0x00ffffffffffffff) | (uint64_t)'Z' << 56;
}

/* To read back what was just written byte by byte is dearer than to write it twice. */
static void put_ticks(uint8_t *at, uint64_t text)
{
    text = htole64(text);
    memcpy(at, &text, sizeof text);
    at[sizeof text] = '"';
}

static uint8_t *put_other_time(uint8_t *at, UA_DateTime t, struct encode_time *last)
{
    uint64_t second = (uint64_t)t / TICKS_A_SECOND;
    if (second != last->second)
        set_second(last, t, second);
    at = put_text(at, last->text, sizeof last->text);
    uint64_t ticks = ticks_text((unsigned)((uint64_t)t - second * TICKS_A_SECOND));
    put_ticks(at, ticks);
    put_ticks((uint8_t *)last->ticks, ticks);
    last->time = t;
    return at + sizeof last->ticks;
}

static inline uint8_t *put_time(uint8_t *at, UA_DateTime t, struct encode_time *last)
{
    if (t != last->time)
        return put_other_time(at, t, last);
    at = put_text(at, last->text, sizeof last->text);
    return put_text(at, last->ticks, sizeof last->ticks);
}

/* Times out of the calendar are the general encoder's. */
static bool is_usual(UA_DateTime t)
{
    static const UA_DateTime year_9999 = (UA_DateTime)3067671 * 86400 * TICKS_A_SECOND;
    return t > TICKS_A_SECOND && t < year_9999;
}

static bool is_known(const UA_DataValue *v, unsigned fields)
{
    return !(fields & OPCUA_FIELD_RAW) && v->hasValue && UA_Variant_isScalar(&v->value) &&
           (!v->hasStatus || v->status == UA_STATUSCODE_GOOD) && !v->hasSourcePicoseconds &&
           !v->hasServerPicoseconds && (!v->hasSourceTimestamp || is_usual(v->sourceTimestamp)) &&
           (!v->hasServerTimestamp || is_usual(v->serverTimestamp));
}

/* What stands before the value. */
static uint8_t *put_head(uint8_t *at, const UA_Variant *v, const struct opcua_value_form *form)
{
    if (!form->reversible)
        return PUT(at, "{\"Value\":");
    unsigned kind = v->type->typeKind;
    if (form->rules != OPCUA_JSON_1_04)
        return PUT(put_u64(PUT(at, "{\"UaType\":"), kind + 1), ",\"Value\":");
    at = PUT(at, "{\"Value\":{\"Type\":");
    if (form->strict)
        return PUT(put_u64(at, kind + 1), ",\"Body\":");
    const char *name = UA_TYPES[kind].typeName;
    *at++ = '"';
    return PUT(put_text(at, name, strlen(name)), "\",\"Body\":");
}

void encode_data_value(const UA_DataValue *v, unsigned fields, const struct opcua_value_form *form,
                       struct encode_clock *clock, struct buffer *out)
{
    uint8_t *start = buffer_reserve(out, ENCODE_VALUE_MAX);
    bool text_for_64 = form->strict || form->rules != OPCUA_JSON_1_04;
    uint8_t *at = is_known(v, fields)
                      ? put_scalar(put_head(start, &v->value, form), &v->value, text_for_64)
                      : NULL;
    if (!at) {
        opcua_value_json_data_value(v, fields, form, out);
        return;
    }
    if (form->reversible && form->rules == OPCUA_JSON_1_04)
        *at++ = '}';
    if (v->hasSourceTimestamp && fields & OPCUA_FIELD_SOURCE_TIME)
        at = put_time(PUT(at, ",\"SourceTimestamp\":"), v->sourceTimestamp, &clock->source);
    if (v->hasServerTimestamp && fields & OPCUA_FIELD_SERVER_TIME)
        at = put_time(PUT(at, ",\"ServerTimestamp\":"), v->serverTimestamp, &clock->server);
    *at++ = '}';
    buffer_added(out, (size_t)(at - start));
}

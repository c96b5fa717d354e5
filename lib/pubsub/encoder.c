#include "pubsub/encoder.h"

#include <assert.h>

#include "base/encoding.h"
#include "json/write.h"

/* clang-format off */
static const struct encoding {
    const char *name, *content_type, *content_encoding;
    enum opcua_json_rules rules;
    bool reversible, gzip, uadp;
} encodings[] = {
    [ENCODING_JSON]                 = {"Json", "application/json", "utf-8", OPCUA_JSON_1_04, false, false, false},
    [ENCODING_JSON_REVERSIBLE]      = {"JsonReversible", "application/json", "utf-8", OPCUA_JSON_1_04, true, false, false},
    [ENCODING_JSON_GZIP]            = {"JsonGzip", "application/json+gzip", "utf-8", OPCUA_JSON_1_04, false, true, false},
    [ENCODING_JSON_REVERSIBLE_GZIP] = {"JsonReversibleGzip", "application/json+gzip", "utf-8", OPCUA_JSON_1_04, true, true, false},
    [ENCODING_JSON_COMPACT]         = {"JsonCompact", "application/json", "utf-8", OPCUA_JSON_COMPACT, true, false, false},
    [ENCODING_JSON_COMPACT_GZIP]    = {"JsonCompactGzip", "application/json+gzip", "utf-8", OPCUA_JSON_COMPACT, true, true, false},
    [ENCODING_JSON_VERBOSE]         = {"JsonVerbose", "application/json", "utf-8", OPCUA_JSON_VERBOSE, true, false, false},
    [ENCODING_JSON_VERBOSE_GZIP]    = {"JsonVerboseGzip", "application/json+gzip", "utf-8", OPCUA_JSON_VERBOSE, true, true, false},
    [ENCODING_UADP]                 = {"Uadp", "application/opcua+uadp", "", OPCUA_JSON_1_04, false, false, true},
    [ENCODING_AVRO]                 = {"Avro", "application/avro", "utf-8", OPCUA_JSON_1_04, false, false, false},
    [ENCODING_AVRO_GZIP]            = {"AvroGzip", "application/avro+gzip", "utf-8", OPCUA_JSON_1_04, false, true, false},
};
/* clang-format on */

const char *encoder_name(enum message_encoding encoding)
{
    assert(encoding > ENCODING_UNSET && encoding < sizeof encodings / sizeof encodings[0]);
    return encodings[encoding].name;
}

bool encoder_is_strict(enum message_encoding encoding)
{
    return encodings[encoding].rules != OPCUA_JSON_1_04;
}

bool encoder_has_schema(enum message_encoding encoding)
{
    return !encodings[encoding].uadp;
}

const char *encoder_schema(const struct encoder *e)
{
    return e->avro            ? "application/x-network-message-avro-v0"
           : e->uadp            ? "application/x-network-message-uadp-v1"
           : e->form->samples ? "application/x-monitored-item-json-v1"
                              : "application/x-network-message-json-v1";
}

static void put_member(struct buffer *out, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    buffer_printf(out, ",\"%s\":", name);
    json_escape(out, value);
}

/* Behind "MessageType" of a JSON network message. */
static void put_network_head(struct encoder *e, const struct encoder_plan *p)
{
    json_escape(&e->publisher, p->publisher_id);
    json_escape(&e->group, p->group);
    put_member(&e->head, "PublisherId", p->publisher_id);
    put_member(&e->head, "DataSetClassId", p->class_id);
    if (!p->strict)
        put_member(&e->head, "DataSetWriterGroup", p->group);
}

void encoder_init(struct encoder *e, const struct encoder_plan *p)
{
    const struct encoding *encoding = &encodings[p->encoding];
    const struct form *f = form_of(p->mode);
    bool network_each = f->network && !p->strict;
    bool bare = encoding->rules != OPCUA_JSON_1_04; /* raw values have no types in 1.05 */
    *e = (struct encoder){
        .ops = encoding->uadp   ? &encoder_uadp
               : plan_is_avro(p->encoding) ? &encoder_avro
               : f->samples             ? &encoder_samples
                              : &encoder_json,
        .form = f,
        .content_type = encoding->content_type,
        .content_encoding = encoding->content_encoding,
        .value_form = {.format = p->names,
                       .reversible = encoding->reversible && !(bare && f->field_mask & OPCUA_FIELD_RAW),
                       .strict = p->strict,
                       .rules = encoding->rules},
        .array = !f->single && (p->batched || p->strict) && (!f->network || network_each),
        .network_each = network_each,
        .lone_value = p->lone_value,
        .gzip = encoding->gzip,
        .members_max = p->members_max,
        .random = p->random | 1,
    };
    if (encoding->uadp)
        encoder_uadp_init(e, p);
    else if (plan_is_avro(p->encoding))
        encoder_avro_init(e, p);
    else
        put_network_head(e, p);
}

void encoder_clear(struct encoder *e)
{
    buffer_clear(&e->head);
    buffer_clear(&e->group);
    buffer_clear(&e->publisher);
    if (e->uadp)
        encoder_uadp_clear(e);
    if (e->avro)
        encoder_avro_clear(e);
}

size_t encoder_json_overhead(const struct encoder *e)
{
    (void)e;
    return ENCODER_CLOSE_MAX;
}

void encoder_put_number(struct buffer *out, uint64_t n)
{
    char digits[20];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    buffer_put(out, slice_from(at, (size_t)(digits + sizeof digits - at)));
}

void encoder_put_id(struct encoder *e, struct buffer *out)
{
    uint64_t random[2];
    for (int i = 0; i < 2; i++) {
        e->random ^= e->random << 13;
        e->random ^= e->random >> 7;
        e->random ^= e->random << 17;
        random[i] = e->random;
    }
    char text[UUID_TEXT_LEN + 1];
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    uuid_text(bytes, text);
    buffer_put(out, slice_from(text, UUID_TEXT_LEN));
}

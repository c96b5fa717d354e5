#include "amqp/message.h"

/* A section's place in the order; 0 is no section. */
static unsigned rank(uint64_t code)
{
    if (code < AMQP_HEADER || code > AMQP_FOOTER)
        return 0;
    return code >= AMQP_DATA && code <= AMQP_BODY_VALUE ? 6
           : code == AMQP_FOOTER                        ? 7
                                                        : (unsigned)(code - AMQP_HEADER + 1);
}

static enum amqp_body body_kind(uint64_t code)
{
    return code == AMQP_DATA       ? AMQP_BODY_DATA
           : code == AMQP_SEQUENCE ? AMQP_BODY_SEQUENCE
                                   : AMQP_BODY_IS_VALUE;
}

static bool take_map(const struct amqp_value *section, struct amqp_value *out)
{
    *out = *section;
    out->described = false;
    return section->type == AMQP_MAP || section->type == AMQP_NULL;
}

static bool take_body(struct amqp_message *m, const struct amqp_value *section,
                      struct slice encoded)
{
    enum amqp_body kind = body_kind(section->descriptor);
    if (m->body != AMQP_BODY_NONE && (m->body != kind || kind == AMQP_BODY_IS_VALUE))
        return false; /* one or more data, or one or more sequences, or one value */
    if (kind == AMQP_BODY_DATA && section->type != AMQP_BINARY)
        return false;
    if (m->body == AMQP_BODY_NONE)
        m->sections = (struct slice){encoded.at, 0};
    m->body = kind;
    m->sections.len += encoded.len;
    m->section_count++;
    if (kind == AMQP_BODY_IS_VALUE) {
        m->value = *section;
        m->value.described = false;
    }
    return true;
}

static bool take(struct amqp_message *m, const struct amqp_value *section, struct slice encoded)
{
    switch (section->descriptor) {
    case AMQP_HEADER:
        return amqp_header_read(encoded, &m->header) == OK;
    case AMQP_DELIVERY_ANNOTATIONS:
        return take_map(section, &m->delivery_annotations);
    case AMQP_MESSAGE_ANNOTATIONS:
        return take_map(section, &m->message_annotations);
    case AMQP_PROPERTIES:
        return amqp_properties_read(encoded, &m->properties) == OK;
    case AMQP_APPLICATION_PROPERTIES:
        return take_map(section, &m->application_properties);
    case AMQP_FOOTER:
        return take_map(section, &m->footer);
    default:
        return take_body(m, section, encoded);
    }
}

struct amqp_properties amqp_properties_none(void)
{
    return (struct amqp_properties){
        .expiry_ms = AMQP_ABSENT, .creation_ms = AMQP_ABSENT, .group_sequence = AMQP_ABSENT};
}

enum status amqp_message_read(struct slice bytes, struct amqp_message *out)
{
    struct amqp_message m = {
        .header = {.priority = AMQP_ABSENT, .ttl_ms = AMQP_ABSENT, .delivery_count = AMQP_ABSENT},
        .properties = amqp_properties_none(),
    };
    struct reader r = reader_of(bytes);
    unsigned last = 0;
    while (r.rest.len) {
        struct slice from = r.rest;
        struct amqp_value section;
        amqp_read(&r, &section);
        if (!reader_ok(&r) || !section.described)
            return BAD_FORMAT;
        unsigned now = rank(section.descriptor);
        if (now == 0 || now < last || (now == last && now != rank(AMQP_DATA)))
            return BAD_FORMAT;
        if (!take(&m, &section, (struct slice){from.at, from.len - r.rest.len}))
            return BAD_FORMAT;
        last = now;
    }
    *out = m;
    return OK;
}

bool amqp_message_data_next(struct slice *sections, struct slice *data)
{
    struct reader r = reader_of(*sections);
    struct amqp_value v;
    amqp_read(&r, &v);
    if (!reader_ok(&r) || v.type != AMQP_BINARY || v.descriptor != AMQP_DATA)
        return false;
    *sections = r.rest;
    *data = v.bytes;
    return true;
}

bool amqp_message_bytes(const struct amqp_message *m, struct slice *out)
{
    if (m->body == AMQP_BODY_NONE ||
        (m->body == AMQP_BODY_IS_VALUE && m->value.type == AMQP_NULL)) {
        *out = (struct slice){0};
        return true;
    }
    if (m->body == AMQP_BODY_DATA && m->section_count == 1) {
        struct slice sections = m->sections;
        return amqp_message_data_next(&sections, out);
    }
    if (m->body == AMQP_BODY_IS_VALUE &&
        (m->value.type == AMQP_BINARY || m->value.type == AMQP_STRING)) {
        *out = m->value.bytes;
        return true;
    }
    return false;
}

size_t amqp_message_map_begin(struct buffer *b, enum amqp_code section)
{
    amqp_write_descriptor(b, section);
    return amqp_write_map_begin(b);
}

void amqp_message_data(struct buffer *b, struct slice data)
{
    amqp_write_descriptor(b, AMQP_DATA);
    amqp_write_binary(b, data);
}

void amqp_message_value_begin(struct buffer *b)
{
    amqp_write_descriptor(b, AMQP_BODY_VALUE);
}

#include "outbox/outgoing.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/reader.h"

#define VERSION 1

enum { RETAIN = 1, SCHEMA = 2 };

struct outgoing *outgoing_new(void)
{
    return MEMORY_NEW(struct outgoing);
}

void outgoing_free(struct outgoing **m)
{
    if (!*m)
        return;
    buffer_clear(&(*m)->body);
    shared_unref(&(*m)->shared);
    buffer_clear(&(*m)->properties);
    free((*m)->topic);
    free((*m)->beside);
    free((*m)->types);
    free(*m);
    *m = NULL;
}

void outgoing_share(struct outgoing *m)
{
    if (!m->shared && m->body.len >= OUTGOING_SHARED_MIN)
        m->shared = shared_new(&m->body);
}

struct outgoing_view outgoing_view(const struct outgoing *m)
{
    return (struct outgoing_view){
        .owner = m->shared,
        .body = outgoing_body(m),
        .properties = buffer_slice(&m->properties),
        .content_type = slice_of(m->content_type),
        .content_encoding = slice_of(m->content_encoding ? m->content_encoding : "utf-8"),
        .topic = slice_of(m->topic),
        .ttl_ms = m->ttl_ms,
        .values = m->values,
        .qos = m->qos,
        .priority = m->priority,
        .retain = m->retain,
        .schema = m->schema,
    };
}

struct outgoing *outgoing_copy(const struct outgoing_view *v)
{
    struct outgoing *m = outgoing_new();
    struct buffer types = {0};
    buffer_printf(&types, "%.*s%c%.*s", SLICE_FMT(v->content_type), 0, SLICE_FMT(v->content_encoding));
    m->types = slice_dup(buffer_slice(&types));
    m->content_type = m->types;
    m->content_encoding = m->types + v->content_type.len + 1;
    m->topic = slice_dup(v->topic);
    m->ttl_ms = v->ttl_ms;
    m->values = v->values;
    m->qos = v->qos;
    m->priority = v->priority;
    m->retain = v->retain;
    m->schema = v->schema;
    buffer_put(&m->body, v->body);
    buffer_put(&m->properties, v->properties);
    buffer_clear(&types);
    return m;
}

static void put_text(struct slice s, struct buffer *out)
{
    buffer_u16(out, (uint16_t)s.len);
    buffer_put(out, s);
}

static struct slice text(struct reader *r)
{
    return reader_bytes(r, reader_u16(r));
}

enum status outgoing_encode_head(const struct outgoing_view *v, struct buffer *out)
{
    if (v->content_type.len > OUTGOING_TEXT_MAX || v->content_encoding.len > OUTGOING_TEXT_MAX ||
        v->topic.len > OUTGOING_TEXT_MAX)
        return TOO_LARGE;
    size_t head =
        32 + v->content_type.len + v->content_encoding.len + v->topic.len + v->properties.len;
    if (head > OUTGOING_HEAD_MAX)
        return TOO_LARGE;
    buffer_reserve(out, head);
    buffer_u8(out, VERSION);
    buffer_u8(out, v->qos);
    buffer_u8(out, (v->retain ? RETAIN : 0) | (v->schema ? SCHEMA : 0));
    buffer_u8(out, v->priority);
    buffer_u64(out, v->ttl_ms);
    buffer_u32(out, v->values);
    put_text(v->content_type, out);
    put_text(v->content_encoding, out);
    put_text(v->topic, out);
    buffer_u32(out, (uint32_t)v->properties.len);
    buffer_put(out, v->properties);
    return OK;
}

enum status outgoing_encode(const struct outgoing_view *v, struct buffer *out)
{
    enum status s = outgoing_encode_head(v, out);
    if (s == OK)
        buffer_put(out, v->body);
    return s;
}

enum status outgoing_decode(struct slice record, struct outgoing_view *out)
{
    struct reader r = reader_of(record);
    uint8_t version = reader_u8(&r);
    uint8_t qos = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    struct outgoing_view v = {.qos = qos, .retain = flags & RETAIN, .schema = flags & SCHEMA};
    v.priority = reader_u8(&r);
    v.ttl_ms = reader_u64(&r);
    v.values = reader_u32(&r);
    v.content_type = text(&r);
    v.content_encoding = text(&r);
    v.topic = text(&r);
    v.properties = reader_bytes(&r, reader_u32(&r));
    v.body = reader_rest(&r);
    if (!reader_ok(&r) || version != VERSION || flags > (RETAIN | SCHEMA))
        return BAD_FORMAT;
    *out = v;
    return OK;
}

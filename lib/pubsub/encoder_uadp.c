/*
 * Data set messages as UADP (OPC UA Part 14, 7.2.2). What stands before them in a network message
 * is written at its end, when their number and sizes are known.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "pubsub/encoder.h"
#include "pubsub/uadp.h"

/* 7.2.2.2.2: bits of the first byte, whose low half is the version, and of those that follow. */
#define FLAG_PUBLISHER_ID 0x10
#define FLAG_GROUP_HEADER 0x20
#define FLAG_PAYLOAD_HEADER 0x40
#define FLAG_EXTENDED_1 0x80
#define EXTENDED_1_CLASS_ID 0x08
#define EXTENDED_1_TIMESTAMP 0x20
#define EXTENDED_1_EXTENDED_2 0x80
#define EXTENDED_2_CHUNK 0x01
#define EXTENDED_2_ANNOUNCEMENT 0x08
#define ANNOUNCES_METADATA 2

#define GROUP_ID 0x01
#define GROUP_MESSAGE_NUMBER 0x04
#define GROUP_SEQUENCE 0x08

/* 7.2.2.3.4: bits of a data set message's first two bytes. */
#define SET_VALID 0x01
#define SET_RAW 0x02
#define SET_DATA_VALUE 0x04
#define SET_SEQUENCE 0x08
#define SET_MAJOR 0x20
#define SET_MINOR 0x40
#define SET_FLAGS_2 0x80
#define SET_2_TIMESTAMP 0x10

#define MEMBERS_MAX UINT8_MAX /* the payload header counts in a byte */
#define SIZE_MAX_OF_MEMBER UINT16_MAX
#define CHUNK_HEAD 14  /* sequence number, offset, whole size, length */
#define CHUNK_LEAST 64 /* bytes of payload in a chunk, whatever the limit says */

struct uadp {
    struct uadp_id publisher;
    UA_Guid class_id;
    bool has_class_id;
    uint16_t group_id, sequence, announcements;
    UA_DateTime now; /* of the first data set message */
    uint16_t ids[MEMBERS_MAX];
    uint32_t sizes[MEMBERS_MAX];
    uint32_t sequence_of_last;
};

void encoder_uadp_init(struct encoder *e, const struct encoder_plan *p)
{
    e->uadp = MEMORY_NEW(struct uadp);
    uint32_t max = e->form->network && !e->form->single ? MEMBERS_MAX : 1;
    if (e->members_max == 0 || e->members_max > max)
        e->members_max = max;
    e->uadp->publisher = uadp_id_of(p->publisher_id);
    e->uadp->has_class_id = uadp_guid_parse(p->class_id, &e->uadp->class_id);
    e->uadp->group_id = p->group_id;
}

void encoder_uadp_clear(struct encoder *e)
{
    free(e->uadp->publisher.text);
    free(e->uadp);
    e->uadp = NULL;
}

/* ---- network messages ---- */

static void put_network_head(const struct encoder *e, bool chunk, struct buffer *out)
{
    const struct uadp *u = e->uadp;
    if (!e->form->network) {
        buffer_u8(out, chunk ? UADP_VERSION | FLAG_EXTENDED_1 : UADP_VERSION);
        if (chunk) {
            buffer_u8(out, EXTENDED_1_EXTENDED_2);
            buffer_u8(out, EXTENDED_2_CHUNK);
        }
        return;
    }
    buffer_u8(out, UADP_VERSION | FLAG_PUBLISHER_ID | FLAG_GROUP_HEADER | FLAG_PAYLOAD_HEADER |
                       FLAG_EXTENDED_1);
    buffer_u8(out, (uint8_t)(u->publisher.kind | EXTENDED_1_TIMESTAMP |
                             (u->has_class_id ? EXTENDED_1_CLASS_ID : 0) |
                             (chunk ? EXTENDED_1_EXTENDED_2 : 0)));
    if (chunk)
        buffer_u8(out, EXTENDED_2_CHUNK);
    uadp_put_id(&u->publisher, out);
    if (u->has_class_id)
        uadp_put_guid(&u->class_id, out);
}

static void put_group_head(const struct encoder *e, uint16_t number, struct buffer *out)
{
    if (!e->form->network)
        return;
    buffer_u8(out, GROUP_ID | GROUP_MESSAGE_NUMBER | GROUP_SEQUENCE);
    uadp_put_u16(out, e->uadp->group_id);
    uadp_put_u16(out, number);
    uadp_put_u16(out, e->uadp->sequence);
}

static void put_payload_head(const struct encoder *e, struct buffer *out)
{
    if (!e->form->network)
        return;
    buffer_u8(out, (uint8_t)e->members);
    for (uint32_t i = 0; i < e->members; i++)
        uadp_put_u16(out, e->uadp->ids[i]);
}

static void put_timestamp(const struct encoder *e, struct buffer *out)
{
    if (e->form->network)
        uadp_put_u64(out, (uint64_t)e->uadp->now);
}

static size_t overhead(const struct encoder *e)
{
    return 64 + e->uadp->publisher.text_len + 4 * ((size_t)e->members + 1);
}

static void begin(struct encoder *e, struct buffer *out)
{
    (void)e, (void)out;
}

/* 7.2.2.2.4: a data set message that is too large goes in pieces, each a network message. */
static void emit_chunks(struct encoder *e, struct slice whole, size_t max, encoder_emit_fn *emit,
                        void *arg)
{
    uint16_t number = 0;
    for (size_t at = 0; at < whole.len; number++) {
        struct buffer out = {0};
        put_network_head(e, true, &out);
        put_group_head(e, number, &out);
        if (e->form->network)
            uadp_put_u16(&out, e->uadp->ids[0]);
        put_timestamp(e, &out);
        size_t room =
            out.len + CHUNK_HEAD + CHUNK_LEAST > max ? CHUNK_LEAST : max - out.len - CHUNK_HEAD;
        struct slice piece = slice_first(slice_skip(whole, at), room);
        uadp_put_u16(&out, (uint16_t)e->uadp->sequence_of_last);
        uadp_put_u32(&out, (uint32_t)at);
        uadp_put_u32(&out, (uint32_t)whole.len);
        uadp_put_u32(&out, (uint32_t)piece.len);
        buffer_put(&out, piece);
        emit(arg, &out);
        at += piece.len;
    }
}

static void emit_whole(struct encoder *e, struct slice sets, encoder_emit_fn *emit, void *arg)
{
    struct buffer out = {0};
    buffer_reserve(&out, sets.len + overhead(e));
    put_network_head(e, false, &out);
    put_group_head(e, 0, &out);
    put_payload_head(e, &out);
    put_timestamp(e, &out);
    for (uint32_t i = 0; e->members > 1 && i < e->members; i++) /* 7.2.2.3.3: not for one */
        uadp_put_u16(&out, (uint16_t)e->uadp->sizes[i]);
    buffer_put(&out, sets);
    emit(arg, &out);
}

static void end(struct encoder *e, struct buffer *out, size_t max, encoder_emit_fn *emit, void *arg)
{
    e->uadp->sequence++;
    if (e->members == 1 && out->len + overhead(e) > max)
        emit_chunks(e, buffer_slice(out), max, emit, arg);
    else
        emit_whole(e, buffer_slice(out), emit, arg);
    buffer_clear(out);
}

/* 7.2.2.4.2: an announcement, always with the publisher's id. */
static void metadata(struct encoder *e, struct buffer *out, const struct data_set *d,
                     const UA_DataSetMetaDataType *m)
{
    struct uadp *u = e->uadp;
    buffer_u8(out, UADP_VERSION | FLAG_PUBLISHER_ID | FLAG_EXTENDED_1);
    buffer_u8(out, (uint8_t)(u->publisher.kind | EXTENDED_1_EXTENDED_2));
    buffer_u8(out, EXTENDED_2_ANNOUNCEMENT);
    uadp_put_id(&u->publisher, out);
    buffer_u8(out, ANNOUNCES_METADATA);
    uadp_put_u16(out, ++u->announcements);
    uadp_put_u16(out, (uint16_t)d->id);
    uadp_put(out, m, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE]);
    uadp_put_u32(out, UA_STATUSCODE_GOOD);
}

/* ---- data set messages ---- */

static const uint8_t frame_kinds[] = {
    [FRAME_KEY] = 0,       [FRAME_DELTA] = 1,      [FRAME_EVENT] = 2,
    [FRAME_CONDITION] = 2, [FRAME_KEEP_ALIVE] = 3,
};

static bool is_event(const struct encoder *e)
{
    return e->frame == FRAME_EVENT || e->frame == FRAME_CONDITION;
}

static bool is_raw(const struct encoder *e)
{
    return e->form->field_mask & OPCUA_FIELD_RAW && !is_event(e);
}

/* Events' fields are variants (7.2.2.3.7). */
static uint8_t field_encoding(const struct encoder *e)
{
    return is_event(e) ? 0 : is_raw(e) ? SET_RAW : SET_DATA_VALUE;
}

static bool has_count(const struct encoder *e)
{
    return e->frame != FRAME_KEEP_ALIVE && !(is_raw(e) && e->frame == FRAME_KEY);
}

static void open(struct encoder *e, struct buffer *out, const struct data_set *d,
                 const struct data_set_head *h)
{
    bool head = e->form->head;
    e->set = d;
    e->frame = h->frame;
    e->fields = 0;
    e->at = out->len;
    e->now = h->now;
    buffer_u8(out, (uint8_t)(SET_VALID | field_encoding(e) | SET_FLAGS_2 |
                             (head ? SET_SEQUENCE | SET_MAJOR | SET_MINOR : 0)));
    buffer_u8(out, (uint8_t)(frame_kinds[h->frame] | (head ? SET_2_TIMESTAMP : 0)));
    if (head) {
        uadp_put_u16(out, (uint16_t)d->sequence);
        uadp_put_u64(out, (uint64_t)h->now);
        uadp_put_u32(out, d->major);
        uadp_put_u32(out, d->minor);
    }
    e->payload_at = out->len - e->at;
    if (has_count(e))
        uadp_put_u16(out, 0); /* close() knows */
}

static void field(struct encoder *e, struct buffer *out, struct slice head, uint32_t index,
                  const UA_DataValue *v)
{
    (void)head;
    if (e->frame == FRAME_DELTA)
        uadp_put_u16(out, (uint16_t)index);
    if (is_event(e))
        uadp_put_variant(out, &v->value);
    else if (is_raw(e))
        uadp_put_raw(out, &v->value);
    else
        uadp_put_data_value(out, v, e->form->field_mask);
}

static void put_extras(struct encoder *e, struct buffer *out)
{
    for (uint32_t i = 0; i < e->set->extra_count; i++) {
        UA_DataValue v = {.hasValue = true, .value = e->set->extras[i].value};
        field(e, out, (struct slice){0}, e->set->field_count + i, &v);
        e->fields++;
    }
}

static void close(struct encoder *e, struct buffer *out)
{
    if (e->frame != FRAME_KEEP_ALIVE)
        put_extras(e, out);
    if (has_count(e))
        uadp_set_u16(out->at + e->at + e->payload_at, (uint16_t)e->fields);
    assert(e->members < MEMBERS_MAX);
    if (e->members == 0)
        e->uadp->now = e->now;
    e->uadp->ids[e->members] = (uint16_t)e->set->id;
    e->uadp->sizes[e->members] = (uint32_t)(out->len - e->at);
    e->uadp->sequence_of_last = e->set->sequence;
}

const struct encoder_ops encoder_uadp = {
    .chunks = true,
    .data_set_max = SIZE_MAX_OF_MEMBER,
    .begin = begin,
    .open = open,
    .field = field,
    .close = close,
    .end = end,
    .metadata = metadata,
    .overhead = overhead,
};

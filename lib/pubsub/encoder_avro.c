/*
 * Data set messages as Avro. Their fields are in the order of the schema, and null where a message
 * has none; values come in any order, so what has come is put into its place at the end.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "pubsub/avro.h"
#include "pubsub/encoder.h"
#include "pubsub/shape.h"

#define ONE_MORE 1 /* messages stand in blocks of one; an empty block ends them */
#define PRESENT 1  /* of ["null", …] */

struct place { /* of a field in the message */
    size_t at, len; /* len: 0 for none */
    UA_StatusCode status;
};

struct avro {
    char *publisher, *group, class_id[37];
    const struct shape *shape; /* of the open data set message; NULL: not known */
    struct place *places;
    size_t *order; /* fields in the order in which they came */
    size_t came, cap;
    size_t largest; /* fields of a data set */
    struct buffer scratch;
    struct buffer quoted, name; /* of the last data set message: the name in JSON, and itself */
    bool said; /* that something is not known, or is another type */
};

void encoder_avro_init(struct encoder *e, const struct encoder_plan *p)
{
    e->avro = MEMORY_NEW(struct avro);
    e->avro->publisher = slice_dup(p->publisher_id);
    e->avro->group = slice_dup(p->group);
    memcpy(e->avro->class_id, "00000000-0000-0000-0000-000000000000", sizeof e->avro->class_id);
    if (p->class_id.len == sizeof e->avro->class_id - 1)
        memcpy(e->avro->class_id, p->class_id.at, p->class_id.len);
}

void encoder_avro_clear(struct encoder *e)
{
    free(e->avro->publisher);
    free(e->avro->group);
    free(e->avro->places);
    free(e->avro->order);
    buffer_clear(&e->avro->scratch);
    buffer_clear(&e->avro->quoted);
    buffer_clear(&e->avro->name);
    free(e->avro);
    e->avro = NULL;
}

/* ---- network messages ---- */

static void begin(struct encoder *e, struct buffer *out)
{
    if (!e->form->network)
        return;
    struct buffer id = {0};
    encoder_put_id(e, &id);
    avro_put_text(out, buffer_slice(&id));
    avro_put_text(out, SLICE("ua-data"));
    avro_put_text(out, slice_of(e->avro->publisher));
    avro_put_text(out, slice_of(e->avro->class_id));
    avro_put_text(out, slice_of(e->avro->group));
    buffer_clear(&id);
}

static void end(struct encoder *e, struct buffer *out, size_t max, encoder_emit_fn *emit, void *arg)
{
    (void)max;
    if (!e->form->single)
        avro_put_long(out, 0);
    emit(arg, out);
}

/* What is not there is a byte each, and the status may need more than its one. */
static size_t overhead(const struct encoder *e)
{
    return e->avro->largest + 2 * AVRO_LONG_MAX;
}

/* ---- data set messages ---- */

static const struct slice frame_names[] = {
    [FRAME_DELTA] = SLICE_INIT("ua-deltaframe"), [FRAME_KEY] = SLICE_INIT("ua-keyframe"),
    [FRAME_EVENT] = SLICE_INIT("ua-event"),      [FRAME_CONDITION] = SLICE_INIT("ua-condition"),
    [FRAME_KEEP_ALIVE] = SLICE_INIT("ua-keepalive"),
};

static void make_places(struct avro *a, size_t count)
{
    if (count > a->cap) {
        a->cap = count;
        a->places = memory_resize(a->places, count * sizeof *a->places);
        a->order = memory_resize(a->order, count * sizeof *a->order);
    }
    if (count > a->largest)
        a->largest = count;
    for (size_t i = 0; i < count; i++)
        a->places[i].len = 0;
    a->came = 0;
}

static void put_name(struct avro *a, struct slice quoted, struct buffer *out)
{
    struct json_doc *doc;
    if (!slice_eq(buffer_slice(&a->quoted), quoted)) {
        buffer_reset(&a->quoted);
        buffer_reset(&a->name);
        buffer_put(&a->quoted, quoted);
        if (json_parse(quoted, JSON_STRICT, &doc, NULL) == OK) {
            buffer_put(&a->name, json_string(json_root(doc)));
            json_free(&doc);
        }
    }
    avro_put_text(out, buffer_slice(&a->name));
}

static void put_head(struct encoder *e, struct buffer *out, const struct data_set_head *h)
{
    const struct data_set *d = e->set;
    avro_put_text(out, frame_names[h->frame]);
    put_name(e->avro, h->name.len ? h->name : buffer_slice(&d->name), out);
    avro_put_long(out, (uint16_t)d->id);
    avro_put_long(out, d->sequence);
    avro_put_long(out, d->major);
    avro_put_long(out, d->minor);
    avro_put_long(out, h->now);
}

static void say_unknown(struct encoder *e)
{
    if (!e->avro->said)
        log_warn("publisher data set left out: there is no schema of it, which Avro needs writer=%.*s",
                 SLICE_FMT(buffer_slice(&e->set->name)));
    e->avro->said = true;
}

static void open(struct encoder *e, struct buffer *out, const struct data_set *d,
                 const struct data_set_head *h)
{
    e->set = d;
    e->frame = h->frame;
    e->fields = e->placeless = 0;
    e->misfit = 0;
    e->at = out->len;
    e->avro->shape = e->look.shape;
    e->unknown = e->avro->shape == NULL;
    if (e->unknown) {
        say_unknown(e);
        return;
    }
    make_places(e->avro, e->avro->shape->count);
    if (!e->form->single)
        avro_put_long(out, ONE_MORE);
    if (e->look.count > 1)
        avro_put_long(out, (int64_t)e->look.index);
    if (e->form->head)
        put_head(e, out, h);
    e->payload_at = out->len - e->at; /* of the status, where there is one */
    if (e->form->head)
        avro_put_long(out, UA_STATUSCODE_GOOD);
}

/* A value that is not of the type that its node has is told by its status. */
static UA_StatusCode put_value(struct encoder *e, struct buffer *out, const UA_DataValue *v,
                               const struct shape_field *f)
{
    static const UA_Variant nothing;
    const UA_Variant *value = v->hasValue ? &v->value : &nothing;
    UA_StatusCode status = v->hasStatus ? v->status : UA_STATUSCODE_GOOD;
    if (f->type->kind == SHAPE_ANY) {
        avro_put_variant(out, value, e->value_form.names);
        return status;
    }
    size_t before = out->len;
    avro_put_long(out, PRESENT);
    if (avro_put_value(out, value, f, e->value_form.names))
        return status;
    out->len = before;
    avro_put_long(out, 0);
    if (UA_Variant_isEmpty(value) || status != UA_STATUSCODE_GOOD)
        return status;
    if (shape_has_members(f->type) && v->value.type->typeKind >= UA_DATATYPEKIND_EXTENSIONOBJECT)
        e->misfit = (size_t)(f - e->avro->shape->fields) + 1;
    if (!e->avro->said)
        log_warn("publisher value left out: it is not of its node's data type field=%.*s",
                 SLICE_FMT(f->name));
    e->avro->said = true;
    return UA_STATUSCODE_BADTYPEMISMATCH;
}

static UA_StatusCode put_data_value(struct encoder *e, struct buffer *out, const UA_DataValue *v,
                                    const struct shape_field *f)
{
    avro_put_long(out, PRESENT);
    UA_StatusCode status = put_value(e, out, v, f);
    avro_put_long(out, status);
    avro_put_long(out, v->hasSourceTimestamp ? v->sourceTimestamp : 0);
    avro_put_long(out, v->hasSourcePicoseconds ? v->sourcePicoseconds : 0);
    avro_put_long(out, v->hasServerTimestamp ? v->serverTimestamp : 0);
    avro_put_long(out, v->hasServerPicoseconds ? v->serverPicoseconds : 0);
    return status;
}

/* Fields that were taken back again. */
static void forget_from(struct avro *a, size_t at)
{
    while (a->came && a->places[a->order[a->came - 1]].at >= at)
        a->places[a->order[--a->came]].len = 0;
}

static void put_field(struct encoder *e, struct buffer *out, size_t index, const UA_DataValue *v)
{
    struct avro *a = e->avro;
    if (index == a->shape->count)
        return;
    forget_from(a, out->len - e->at);
    struct place *p = &a->places[index];
    if (p->len) /* twice in one message: once is enough */
        return;
    const struct shape_field *f = &a->shape->fields[index];
    p->at = out->len - e->at;
    p->status = e->form->field_mask & OPCUA_FIELD_RAW ? put_value(e, out, v, f)
                                                      : put_data_value(e, out, v, f);
    p->len = out->len - e->at - p->at;
    a->order[a->came++] = index;
}

static void say_placeless(struct encoder *e, struct slice head)
{
    if (!e->avro->said)
        log_warn("publisher value left out: its data set has no such field writer=%.*s field=%.*s",
                 SLICE_FMT(buffer_slice(&e->set->name)), SLICE_FMT(head));
    e->avro->said = true;
    e->placeless++;
}

static void field(struct encoder *e, struct buffer *out, struct slice head, uint32_t index,
                  const UA_DataValue *v)
{
    if (e->unknown)
        return;
    size_t place = shape_find(e->avro->shape, head, index);
    if (place == e->avro->shape->count)
        say_placeless(e, head);
    else
        put_field(e, out, place, v);
}

static void put_extras(struct encoder *e, struct buffer *out)
{
    const struct shape *s = e->avro->shape;
    for (uint32_t i = 0; i < e->set->extra_count; i++) {
        UA_DataValue v = {.hasValue = true, .value = e->set->extras[i].value};
        struct slice name = opcua_slice(e->set->extras[i].name);
        size_t at = s->count;
        while (at > 0 && !slice_eq(s->fields[at - 1].name, name))
            at--;
        put_field(e, out, at ? at - 1 : s->count, &v);
    }
}

static UA_StatusCode first_bad(const struct avro *a)
{
    for (size_t i = 0; i < a->shape->count; i++)
        if (a->places[i].len && a->places[i].status != UA_STATUSCODE_GOOD)
            return a->places[i].status;
    return UA_STATUSCODE_GOOD;
}

static bool is_in_order(const struct avro *a)
{
    for (size_t i = 0; i < a->came; i++)
        if (a->order[i] != i)
            return false;
    return a->came == a->shape->count;
}

/* The payload anew, each field in its place. */
static void put_in_order(struct encoder *e, struct buffer *out, UA_StatusCode status)
{
    struct avro *a = e->avro;
    const uint8_t *from = out->at + e->at;
    buffer_reset(&a->scratch);
    if (e->form->head)
        avro_put_long(&a->scratch, status);
    for (size_t i = 0; i < a->shape->count; i++)
        if (a->places[i].len)
            buffer_put(&a->scratch, slice_from(from + a->places[i].at, a->places[i].len));
        else
            buffer_u8(&a->scratch, 0); /* null, of a variant, too */
    out->len = e->at + e->payload_at;
    buffer_put(out, buffer_slice(&a->scratch));
}

static void close(struct encoder *e, struct buffer *out)
{
    forget_from(e->avro, out->len - e->at);
    if (e->frame != FRAME_KEEP_ALIVE)
        put_extras(e, out);
    UA_StatusCode status = first_bad(e->avro);
    if (status != UA_STATUSCODE_GOOD || !is_in_order(e->avro))
        put_in_order(e, out, status);
}

const struct encoder_ops encoder_avro = {
    .data_set_max = SIZE_MAX,
    .begin = begin,
    .open = open,
    .field = field,
    .close = close,
    .end = end,
    .overhead = overhead,
};

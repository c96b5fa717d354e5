#include "writers/group.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "pubsub/shape.h"
#include "writers/schemas.h"

#define GZIP_FACTOR_MAX 16 /* how much larger a value may be that gzip might make fit */

struct group {
    struct batches batches;
    bool one_by_one; /* each data set message is a message */

    /* While a data set message is open. */
    struct data_set *open;
    struct data_set_head head;
    struct encoder *encoder; /* its batch's */
    struct buffer *out;
    size_t open_at;  /* where it begins, what stands between it and the one before included */
    bool odd;        /* it has a field that its schema does not know */
    size_t fits_len; /* as long as the message may be, without what closes it */
};

/* ---- data set messages ---- */

static void open_data_set(struct group *g)
{
    const struct encoder_ops *ops = g->encoder->ops;
    g->out = batch_begin(g->open->batch, g->open->id);
    g->open_at = g->out->len;
    g->fits_len = ops->chunks ? SIZE_MAX
                              : batches_body_max(&g->batches) - ops->overhead(g->encoder) -
                                    g->open->extra.len;
    g->open->sequence++;
    g->odd = false;
    ops->open(g->encoder, g->out, g->open, &g->head);
}

/* Also takes back one that got no fields, or that cannot be written. */
static void close_data_set(struct group *g)
{
    const struct encoder *e = g->encoder;
    uint32_t lost = e->unknown ? e->fields : e->placeless, written = e->fields - lost;
    bool empty = written == 0 && g->head.frame != FRAME_KEEP_ALIVE;
    g->batches.sink.counts->undescribed += lost;
    if (empty || e->unknown) {
        g->out->len = g->open_at;
        g->open->sequence--;
        return;
    }
    g->open->batch->undescribed |= e->look.shape == NULL || g->odd;
    g->open->batch->message->values += written;
    g->batches.sink.counts->values += written;
    g->encoder->ops->close(g->encoder, g->out);
    g->encoder->members++;
    g->batches.sink.counts->data_sets++;
}

void group_begin(struct group *g, struct data_set *d, const struct data_set_head *h,
                 const struct opcua_namespaces *names)
{
    assert(!g->open);
    g->open = d;
    g->encoder = &d->batch->encoder;
    g->encoder->value_form.names = names;
    g->head = *h;
    open_data_set(g);
}

/* What is open goes to the next message, as far as it is there; the others leave. */
static void move_to_next(struct group *g)
{
    struct encoder *e = g->encoder;
    struct data_set *open = g->open;
    struct buffer moved = {0};
    buffer_put(&moved, slice_skip(buffer_slice(g->out), e->at));
    g->out->len = g->open_at;
    g->open = NULL;
    batch_flush(open->batch);
    g->open = open;
    g->out = batch_begin(open->batch, open->id);
    g->open_at = e->at = g->out->len;
    buffer_put(g->out, buffer_slice(&moved));
    buffer_clear(&moved);
}

static bool is_too_much(const struct group *g)
{
    const struct encoder *e = g->encoder;
    return e->members > 0 && (g->out->len + e->ops->overhead(e) > batches_body_max(&g->batches) ||
                              g->out->len - e->at > e->ops->data_set_max);
}

static bool is_full(const struct batch *b)
{
    const struct encoder *e = &b->encoder;
    return e->members > 0 && e->members == e->members_max;
}

void group_end(struct group *g)
{
    struct batch *b = g->open->batch;
    if (is_too_much(g))
        move_to_next(g);
    bool alone = g->out->len - g->open_at > g->encoder->ops->data_set_max;
    close_data_set(g);
    uint32_t writer = g->open->id;
    size_t misfit = g->encoder->misfit;
    g->open = NULL;
    if (g->one_by_one || alone || is_full(b))
        batch_flush(b);
    if (misfit)
        schemas_loosen(&g->batches, writer, misfit - 1);
}

/* Closes what is open before it and goes on in the next message. */
static void cut_for_size(struct group *g)
{
    close_data_set(g);
    struct data_set *open = g->open;
    g->open = NULL;
    batch_flush(open->batch);
    g->open = open;
    open_data_set(g);
}

static bool fits(const struct group *g)
{
    return g->out->len < g->fits_len;
}

/* A value by itself may be larger as long as nobody knows how small gzip makes it. */
static bool fits_alone(const struct group *g)
{
    return fits(g) || (g->encoder->gzip && g->out->len / GZIP_FACTOR_MAX < g->fits_len);
}

static void drop_too_large(struct group *g, struct buffer *out, size_t back_to)
{
    log_warn("publisher value too large bytes=%zu max=%zu", out->len - back_to,
             batches_body_max(&g->batches));
    out->len = back_to;
    g->batches.sink.counts->too_large++;
}

/* The field that was just written after `before` is too much: the data set message goes into the
 * next message, whole if that can be, or the field does; or it goes nowhere. False: nowhere. */
static bool make_room(struct group *g, size_t before, struct slice head, uint32_t index,
                      const UA_DataValue *v)
{
    if (g->encoder->members) {
        before -= g->encoder->at;
        move_to_next(g);
        before += g->encoder->at;
    }
    if (!fits(g) && g->encoder->fields) {
        g->out->len = before;
        cut_for_size(g);
        before = g->out->len;
        g->encoder->ops->field(g->encoder, g->out, head, index, v);
    }
    if (fits_alone(g))
        return true;
    drop_too_large(g, g->out, before);
    return false;
}

void group_field(struct group *g, struct slice head, uint32_t index, const UA_DataValue *v)
{
    size_t before = g->out->len;
    const struct shape *look = g->encoder->look.shape;
    g->odd |= look && !g->encoder->avro && shape_find(look, head, index) == look->count;
    g->encoder->ops->field(g->encoder, g->out, head, index, v);
    if (!fits(g) && !make_room(g, before, head, index, v))
        return;
    g->encoder->fields++;
}

/* ---- samples ---- */

static size_t sample_max(const struct group *g, const struct encoder *e)
{
    return batches_body_max(&g->batches) - e->ops->overhead(e);
}

void group_sample(struct group *g, struct data_set *d, const struct sample *s,
                  const struct opcua_namespaces *names)
{
    struct batch *b = d->batch;
    struct encoder *e = &b->encoder;
    struct buffer *out = batch_begin(b, d->id);
    size_t before = out->len;
    e->value_form.names = names;
    d->sequence++;
    e->ops->sample(e, out, d, s);
    if (out->len >= sample_max(g, e) && e->members) {
        out->len = before;
        batch_flush(b);
        out = batch_begin(b, d->id);
        before = out->len;
        e->ops->sample(e, out, d, s);
    }
    if (out->len >= sample_max(g, e) * (e->gzip ? GZIP_FACTOR_MAX : 1)) {
        drop_too_large(g, out, before);
        d->sequence--;
        return;
    }
    e->members++;
    b->undescribed |= e->look.shape == NULL;
    b->message->values++;
    g->batches.sink.counts->values++;
    if (g->one_by_one || is_full(b))
        batch_flush(b);
}

void group_notified(struct group *g, struct data_set *d)
{
    if (++d->batch->notifications >= g->batches.plan.batch_size)
        batch_flush(d->batch);
}

void group_flush(struct group *g)
{
    assert(!g->open);
    batches_flush(&g->batches);
}

/* ---- metadata ---- */

struct batch *group_metadata_batch(struct group *g, const struct plan_writer *writer)
{
    const struct batch *any = LIST_OF(list_first(&g->batches.all), struct batch, link);
    bool has = group_form(g)->metadata && any->encoder.ops->metadata;
    return has ? batch_for_metadata(&g->batches, writer) : NULL;
}

bool group_metadata(struct group *g, struct batch *to, const struct data_set *d,
                    const UA_DataSetMetaDataType *m, const struct opcua_namespaces *names)
{
    struct buffer body = {0};
    to->encoder.value_form.names = names;
    to->encoder.ops->metadata(&to->encoder, &body, d, m);
    if (body.len > batches_body_max(&g->batches) && !to->encoder.gzip) {
        drop_too_large(g, &body, 0);
        buffer_clear(&body);
        return false;
    }
    g->batches.sink.counts->metadata++;
    batch_send(to, &body);
    return true;
}

/* ---- what data sets look like ---- */

bool group_wants_shapes(const struct group *g, bool *needed)
{
    *needed = plan_is_avro(g->batches.plan.encoding);
    return schemas_wanted(&g->batches);
}

void group_shape(struct group *g, const struct data_set *d, const UA_DataSetMetaDataType *m,
                 const struct opcua_types *types)
{
    schemas_tell(&g->batches, d->id, shape_new(m, d->events, types));
}

void group_forget_shape(struct group *g, const struct data_set *d)
{
    schemas_forget(&g->batches, d->id);
}

/* ---- setting up ---- */

void group_of_server(struct data_set *d, struct slice endpoint_url, struct slice application_uri)
{
    cloud_event_of_server(&d->batch->event, application_uri);
    data_set_of_server(d, &d->batch->encoder, endpoint_url, application_uri);
}

void group_add(struct group *g, struct data_set *d, const struct plan_group *group,
               const struct plan_writer *writer, uint32_t id)
{
    data_set_init(d, group_form(g), group, writer, id);
    group_join(g, d, writer);
    group_of_server(d, writer->connection.endpoint_url, (struct slice){0});
}

void group_join(struct group *g, struct data_set *d, const struct plan_writer *writer)
{
    d->batch = batch_for_values(&g->batches, writer, d->id, false);
}

void group_join_late(struct group *g, struct data_set *d, const struct plan_writer *writer)
{
    d->batch = batch_for_values(&g->batches, writer, d->id, true);
}

void group_leave(struct group *g, struct data_set *d, bool forget)
{
    assert(!g->open);
    (void)g;
    batch_leave_values(d->batch, d->id, forget);
}

struct group *group_new(const struct group_sink *sink, const struct plan_group *plan)
{
    struct group *g = MEMORY_NEW(struct group);
    batches_init(&g->batches, sink, plan);
    g->one_by_one =
        form_of(plan->mode)->single || (plan->batch_size <= 1 && !g->batches.plan.strict);
    return g;
}

void group_free(struct group **group)
{
    struct group *g = *group;
    if (!g)
        return;
    batches_clear(&g->batches);
    free(g);
    *group = NULL;
}

const struct form *group_form(const struct group *g)
{
    return form_of(g->batches.plan.mode);
}

bool group_is_positional(const struct group *g)
{
    return g->batches.plan.encoding == ENCODING_UADP;
}

bool group_can_say(const struct group *g, const UA_DataValue *v)
{
    bool raw = group_form(g)->field_mask & OPCUA_FIELD_RAW;
    return !raw || !group_is_positional(g) || (v->hasValue && !UA_Variant_isEmpty(&v->value));
}

enum opcua_id_format group_id_format(const struct group *g)
{
    return batches_id_format(&g->batches);
}

#include "publisher/group.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "gzip/gzip.h"

#define FIRST_BYTES 4096 /* of a message's buffer */
#define NUMBER_MAX 24
#define GZIP_FACTOR_MAX 16 /* how much larger a value may be that gzip might make fit */

/* Messages of one route. */
struct batch {
    struct link link;
    struct group *group;
    struct encoder encoder;
    struct buffer properties; /* those that stay */
    char *topic, *class_id;   /* class_id: of its data sets; "": none */
    uint64_t ttl_ms;
    uint8_t qos;
    bool retain;

    uint64_t sequence;
    struct outgoing *message; /* NULL: none begun */
    uint32_t notifications;
    size_t last_len; /* of the last message: the next is likely alike */
    struct loop_timer timer;
};

struct group {
    struct group_sink sink;
    struct plan_group plan; /* its texts are those below; what it points to otherwise is gone */
    char *publisher_id, *name, *queue; /* queue: template of the topic; "": the program's */
    bool one_by_one;                   /* each data set message is a message */
    struct list batches;               /* the first is that of the group's own route */

    /* While a data set message is open. */
    struct data_set *open;
    struct data_set_head head;
    struct encoder *encoder; /* its batch's */
    struct buffer *out;
    size_t open_at;  /* where it begins, what stands between it and the one before included */
    size_t fits_len; /* as long as the message may be, without what closes it */
};

/* ---- messages ---- */

static void flush(struct batch *b);

static void on_timer(void *arg)
{
    flush(arg);
}

static struct buffer *begin_message(struct batch *b)
{
    if (b->message)
        return &b->message->body;
    struct group *g = b->group;
    b->message = outgoing_new();
    struct buffer *out = &b->message->body;
    buffer_reserve(out, b->last_len + b->last_len / 8 + FIRST_BYTES);
    b->encoder.members = 0;
    b->encoder.ops->begin(&b->encoder, out);
    if (g->plan.batch_ms)
        loop_timer_start(g->sink.loop, &b->timer, g->plan.batch_ms, on_timer, b);
    return out;
}

static size_t body_max(const struct group *g)
{
    return g->sink.body_max ? g->sink.body_max : GROUP_BODY_MAX;
}

/* False: even so it is too large. */
static bool compress(struct group *g, struct buffer *body)
{
    struct buffer small = {0};
    gzip_compress(buffer_slice(body), &small);
    buffer_clear(body);
    *body = small;
    if (body->len <= body_max(g))
        return true;
    log_warn("publisher value too large compressed=%zu max=%zu", body->len, body_max(g));
    g->sink.counts->too_large++;
    buffer_clear(body);
    return false;
}

static void send(void *arg, struct buffer *body)
{
    struct batch *b = arg;
    if (b->encoder.gzip && !compress(b->group, body))
        return;
    struct outgoing *m = outgoing_new();
    char digits[NUMBER_MAX];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)++b->sequence);
    m->body = *body;
    *body = (struct buffer){0};
    buffer_put(&m->properties, buffer_slice(&b->properties));
    iot_property_put(&m->properties, SLICE("millrace-sequence"), slice_of(digits));
    m->content_type = b->encoder.content_type;
    m->content_encoding = b->encoder.content_encoding;
    m->topic = memory_text(b->topic);
    m->ttl_ms = b->ttl_ms;
    m->qos = b->qos;
    m->retain = b->retain;
    m->values = b->message->values;
    b->message->values = 0; /* told with the first */
    b->group->sink.counts->messages++;
    outbox_put_ua(b->group->sink.outbox, m);
}

static void flush(struct batch *b)
{
    assert(!b->group->open);
    if (!b->message)
        return;
    if (b->encoder.members > 0) {
        b->last_len = b->message->body.len;
        b->encoder.ops->end(&b->encoder, &b->message->body, body_max(b->group), send, b);
    }
    outgoing_free(&b->message);
    b->notifications = 0;
    loop_timer_stop(&b->timer);
}

void group_flush(struct group *g)
{
    LIST_EACH(l, &g->batches)
    flush(LIST_OF(l, struct batch, link));
}

/* ---- data set messages ---- */

static void open_data_set(struct group *g)
{
    const struct encoder_ops *ops = g->encoder->ops;
    g->out = begin_message(g->open->batch);
    g->open_at = g->out->len;
    g->fits_len =
        ops->chunks ? SIZE_MAX : body_max(g) - ops->overhead(g->encoder) - g->open->extra.len;
    g->open->sequence++;
    ops->open(g->encoder, g->out, g->open, &g->head);
}

/* Also takes back one that got no fields. */
static void close_data_set(struct group *g)
{
    if (g->encoder->fields == 0 && g->head.frame != FRAME_KEEP_ALIVE) {
        g->out->len = g->open_at;
        g->open->sequence--;
        return;
    }
    g->open->batch->message->values += g->encoder->fields;
    g->sink.counts->values += g->encoder->fields;
    g->encoder->ops->close(g->encoder, g->out);
    g->encoder->members++;
    g->sink.counts->data_sets++;
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
    flush(open->batch);
    g->open = open;
    g->out = begin_message(open->batch);
    g->open_at = e->at = g->out->len;
    buffer_put(g->out, buffer_slice(&moved));
    buffer_clear(&moved);
}

static bool is_too_much(const struct group *g)
{
    const struct encoder *e = g->encoder;
    return e->members > 0 && (g->out->len + e->ops->overhead(e) > body_max(g) ||
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
    g->open = NULL;
    if (g->one_by_one || alone || is_full(b))
        flush(b);
}

/* Closes what is open before it and goes on in the next message. */
static void cut_for_size(struct group *g)
{
    close_data_set(g);
    struct data_set *open = g->open;
    g->open = NULL;
    flush(open->batch);
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
    log_warn("publisher value too large bytes=%zu max=%zu", out->len - back_to, body_max(g));
    out->len = back_to;
    g->sink.counts->too_large++;
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
    g->encoder->ops->field(g->encoder, g->out, head, index, v);
    if (!fits(g) && !make_room(g, before, head, index, v))
        return;
    g->encoder->fields++;
}

/* ---- samples ---- */

static size_t sample_max(const struct group *g, const struct encoder *e)
{
    return body_max(g) - e->ops->overhead(e);
}

void group_sample(struct group *g, struct data_set *d, const struct sample *s,
                  const struct opcua_namespaces *names)
{
    struct batch *b = d->batch;
    struct encoder *e = &b->encoder;
    struct buffer *out = begin_message(b);
    size_t before = out->len;
    e->value_form.names = names;
    d->sequence++;
    e->ops->sample(e, out, d, s);
    if (out->len >= sample_max(g, e) && e->members) {
        out->len = before;
        flush(b);
        out = begin_message(b);
        before = out->len;
        e->ops->sample(e, out, d, s);
    }
    if (out->len >= sample_max(g, e) * (e->gzip ? GZIP_FACTOR_MAX : 1)) {
        drop_too_large(g, out, before);
        d->sequence--;
        return;
    }
    e->members++;
    b->message->values++;
    g->sink.counts->values++;
    if (g->one_by_one || is_full(b))
        flush(b);
}

void group_notified(struct group *g, struct data_set *d)
{
    if (++d->batch->notifications >= g->plan.batch_size)
        flush(d->batch);
}

/* ---- routes ---- */

/* What messages go by, the topic expanded; and what all in one message have in common. */
struct route {
    struct slice topic, class_id;
    uint64_t ttl_ms;
    uint8_t qos;
    bool retain;
};

static bool is_of(const struct batch *b, const struct route *r)
{
    return slice_eq(slice_of(b->topic), r->topic) && slice_eq(slice_of(b->class_id), r->class_id) &&
           b->qos == r->qos && b->retain == r->retain && b->ttl_ms == r->ttl_ms;
}

static void put_source(struct batch *b, bool own, struct buffer *out)
{
    const struct group *g = b->group;
    buffer_printf(out, "%s/%s", g->publisher_id, g->name);
    if (!own)
        buffer_printf(out, "/%s:%s:%u:%d:%llu", b->topic, b->class_id, b->qos, b->retain,
                      (unsigned long long)b->ttl_ms);
}

static void put_properties(struct batch *b, bool own)
{
    struct slice schema = slice_of(encoder_schema(&b->encoder));
    struct buffer source = {0};
    char epoch[NUMBER_MAX];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)b->group->sink.epoch);
    put_source(b, own, &source);
    iot_property_put(&b->properties, SLICE("$$MessageSchema"), schema);
    if (!b->group->plan.strict)
        iot_property_put(&b->properties, SLICE("$$ContentType"), schema);
    if (b->encoder.content_encoding[0])
        iot_property_put(&b->properties, SLICE("$$ContentEncoding"),
                         slice_of(b->encoder.content_encoding));
    iot_property_put(&b->properties, SLICE("millrace-source"), buffer_slice(&source));
    iot_property_put(&b->properties, SLICE("millrace-epoch"), slice_of(epoch));
    buffer_clear(&source);
}

static void init_encoder(struct batch *b)
{
    const struct group *g = b->group;
    struct encoder_plan p = {
        .mode = g->plan.mode,
        .encoding = g->plan.encoding,
        .names = group_id_format(g),
        .strict = g->plan.strict,
        .batched = g->plan.batch_size > 1,
        .publisher_id = slice_of(g->publisher_id),
        .group = slice_of(g->name),
        .class_id = slice_of(b->class_id),
        .group_id = g->sink.id,
        .random = loop_random_u64(g->sink.loop),
    };
    encoder_init(&b->encoder, &p);
}

static struct batch *batch_of(struct group *g, const struct route *r)
{
    LIST_EACH(l, &g->batches)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (is_of(b, r))
            return b;
    }
    struct batch *b = MEMORY_NEW(struct batch);
    b->group = g;
    b->topic = slice_dup(r->topic);
    b->class_id = slice_dup(r->class_id);
    b->qos = r->qos;
    b->retain = r->retain;
    b->ttl_ms = r->ttl_ms;
    init_encoder(b);
    put_properties(b, list_first(&g->batches) == NULL);
    list_push(&g->batches, &b->link);
    return b;
}

static void batch_free(struct batch *b)
{
    list_remove(&b->link);
    encoder_clear(&b->encoder);
    buffer_clear(&b->properties);
    free(b->topic);
    free(b->class_id);
    free(b);
}

/* `writer` NULL: the group's own. */
static void put_topic(const struct group *g, const struct plan_writer *writer, struct buffer *out)
{
    struct topic_scope scope = {
        .templates = g->sink.topics,
        .values = {[TOPIC_SITE_ID] = g->sink.site,
                   [TOPIC_PUBLISHER_ID] = slice_of(g->publisher_id),
                   [TOPIC_ENCODING] = slice_of(encoder_name(g->plan.encoding)),
                   [TOPIC_WRITER_GROUP] = slice_of(g->name)},
        .queue = slice_of(g->queue),
    };
    if (writer) {
        scope.values[TOPIC_WRITER] = writer->name;
        scope.values[TOPIC_DATA_SET_NAME] = writer->data_set;
        scope.values[TOPIC_CLASS_ID] = writer->class_id;
        scope.queue = topic_queue((struct slice){0}, writer->route.topic, slice_of(g->queue));
    }
    topic_put(&scope, TOPIC_TELEMETRY, out);
}

static struct batch *batch_for(struct group *g, const struct plan_writer *writer)
{
    static const struct plan_route none;
    const struct plan_route *own = writer ? &writer->route : &none, *all = &g->plan.route;
    struct buffer topic = {0};
    put_topic(g, writer, &topic);
    struct route r = {
        .topic = buffer_slice(&topic),
        .class_id = writer ? writer->class_id : (struct slice){0},
        .ttl_ms = (uint64_t)(own->ttl_ms ? own->ttl_ms : all->ttl_ms),
        .qos = own->qos ? own->qos : all->qos,
        .retain = (own->retain ? own->retain : all->retain) == SAID_YES,
    };
    struct batch *b = batch_of(g, &r);
    buffer_clear(&topic);
    return b;
}

void group_join(struct group *g, struct data_set *d, const struct plan_writer *writer)
{
    d->batch = batch_for(g, writer);
}

/* ---- setting up ---- */

struct group *group_new(const struct group_sink *sink, const struct plan_group *plan)
{
    struct group *g = MEMORY_NEW(struct group);
    g->sink = *sink;
    g->plan = *plan;
    g->publisher_id = slice_dup(plan->publisher_id);
    g->name = slice_dup(plan->name);
    g->queue = slice_dup(plan->route.topic);
    g->one_by_one = form_of(plan->mode)->single || (plan->batch_size <= 1 && !plan->strict);
    list_init(&g->batches);
    batch_for(g, NULL);
    return g;
}

void group_free(struct group **group)
{
    struct group *g = *group;
    if (!g)
        return;
    group_flush(g);
    struct link *l;
    while ((l = list_first(&g->batches)))
        batch_free(LIST_OF(l, struct batch, link));
    free(g->publisher_id);
    free(g->name);
    free(g->queue);
    free(g);
    *group = NULL;
}

const struct form *group_form(const struct group *g)
{
    return form_of(g->plan.mode);
}

bool group_is_positional(const struct group *g)
{
    return g->plan.encoding == ENCODING_UADP;
}

enum opcua_id_format group_id_format(const struct group *g)
{
    return g->plan.strict ? OPCUA_ID_EXPANDED : OPCUA_ID_URI;
}

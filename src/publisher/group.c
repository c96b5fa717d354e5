#include "publisher/group.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"

#define FIRST_BYTES 4096 /* of a message's buffer */
#define NUMBER_MAX 24

/* Messages of one route. */
struct batch {
    struct link link;
    struct group *group;
    struct encoder encoder;
    struct buffer properties; /* those that stay */
    char *topic;
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
    const struct form *form;
    uint32_t batch_size, batch_ms;
    bool one_by_one;                   /* each data set message is a message */
    struct buffer publisher;           /* members of network messages */
    char *publisher_id, *name, *queue; /* queue: template of the topic; "": the program's */
    const char *encoding;
    uint64_t ttl_ms; /* of what has none of its own, and likewise: */
    uint8_t qos;
    bool retain;
    struct list batches;  /* the first is that of the group's own route */
    struct encoder first; /* as encoders of batches begin */

    /* While a data set message is open. */
    struct data_set *open;
    struct encoder *encoder; /* its batch's */
    struct buffer *out;
    size_t open_at;  /* where it begins, its comma included */
    size_t fits_len; /* as long as the message may be, without what closes it */
    enum frame frame;
    UA_DateTime now;
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
    if (g->batch_ms)
        loop_timer_start(g->sink.loop, &b->timer, g->batch_ms, on_timer, b);
    return out;
}

static void send(void *arg, struct buffer *body)
{
    struct batch *b = arg;
    struct outgoing *m = outgoing_new();
    char digits[NUMBER_MAX];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)++b->sequence);
    m->body = *body;
    *body = (struct buffer){0};
    buffer_put(&m->properties, buffer_slice(&b->properties));
    iot_property_put(&m->properties, SLICE("millrace-sequence"), slice_of(digits));
    m->content_type = b->encoder.ops->content_type;
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
        b->encoder.ops->end(&b->encoder, &b->message->body, send, b);
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

static size_t body_max(const struct group *g)
{
    return (g->sink.body_max ? g->sink.body_max : GROUP_BODY_MAX) - ENCODER_CLOSE_MAX;
}

/* ---- data set messages ---- */

static void open_data_set(struct group *g)
{
    g->out = begin_message(g->open->batch);
    g->open_at = g->out->len;
    g->fits_len = body_max(g) - g->open->extra.len;
    g->open->sequence++;
    g->encoder->ops->open(g->encoder, g->out, g->open, g->frame, g->now);
}

/* Also takes back one that got no fields. */
static void close_data_set(struct group *g)
{
    if (g->encoder->fields == 0 && g->frame != FRAME_KEEP_ALIVE) {
        g->out->len = g->open_at;
        g->open->sequence--;
        return;
    }
    g->encoder->ops->close(g->encoder, g->out);
    g->open->batch->message->values += g->encoder->fields;
    g->sink.counts->values += g->encoder->fields;
    g->encoder->members++;
    g->sink.counts->data_sets++;
}

void group_begin(struct group *g, struct data_set *d, enum frame frame, UA_DateTime now,
                 const struct opcua_namespaces *names)
{
    assert(!g->open);
    g->open = d;
    g->encoder = &d->batch->encoder;
    g->encoder->value_form.names = names;
    g->frame = frame;
    g->now = now;
    open_data_set(g);
}

void group_end(struct group *g)
{
    close_data_set(g);
    struct batch *b = g->open->batch;
    g->open = NULL;
    if (g->one_by_one)
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

static void drop_too_large(struct group *g, struct buffer *out, size_t back_to)
{
    log_warn("publisher value too large bytes=%zu max=%zu", out->len - back_to, body_max(g));
    out->len = back_to;
    g->sink.counts->too_large++;
}

/* The field that was just written after `before` is too much: it goes into the next message, or
 * nowhere. False: nowhere. */
static bool make_room(struct group *g, size_t before, struct slice head, const UA_DataValue *v)
{
    if (g->encoder->fields || g->encoder->members) {
        g->out->len = before;
        cut_for_size(g);
        before = g->out->len;
        g->encoder->ops->field(g->encoder, g->out, head, v);
    }
    if (fits(g))
        return true;
    drop_too_large(g, g->out, before);
    return false;
}

void group_field(struct group *g, struct slice head, const UA_DataValue *v)
{
    size_t before = g->out->len;
    g->encoder->ops->field(g->encoder, g->out, head, v);
    if (!fits(g) && !make_room(g, before, head, v))
        return;
    g->encoder->fields++;
}

/* ---- samples ---- */

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
    if (out->len >= body_max(g) && e->members) {
        out->len = before;
        flush(b);
        out = begin_message(b);
        before = out->len;
        e->ops->sample(e, out, d, s);
    }
    if (out->len >= body_max(g)) {
        drop_too_large(g, out, before);
        d->sequence--;
        return;
    }
    e->members++;
    b->message->values++;
    g->sink.counts->values++;
    if (g->one_by_one)
        flush(b);
}

void group_notified(struct group *g, struct data_set *d)
{
    if (++d->batch->notifications >= g->batch_size)
        flush(d->batch);
}

/* ---- routes ---- */

/* What messages go by, the topic expanded. */
struct route {
    struct slice topic;
    uint64_t ttl_ms;
    uint8_t qos;
    bool retain;
};

static bool is_of(const struct batch *b, const struct route *r)
{
    return slice_eq(slice_of(b->topic), r->topic) && b->qos == r->qos && b->retain == r->retain &&
           b->ttl_ms == r->ttl_ms;
}

static void put_source(struct batch *b, bool own, struct buffer *out)
{
    const struct group *g = b->group;
    buffer_printf(out, "%s/%s", g->publisher_id, g->name);
    if (!own)
        buffer_printf(out, "/%s:%u:%d:%llu", b->topic, b->qos, b->retain,
                      (unsigned long long)b->ttl_ms);
}

static void put_properties(struct batch *b, bool own)
{
    const struct encoder *e = &b->encoder;
    struct slice schema = slice_of(form_schema(e->form));
    struct buffer source = {0};
    char epoch[NUMBER_MAX];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)b->group->sink.epoch);
    put_source(b, own, &source);
    iot_property_put(&b->properties, SLICE("$$MessageSchema"), schema);
    if (!e->value_form.strict)
        iot_property_put(&b->properties, SLICE("$$ContentType"), schema);
    iot_property_put(&b->properties, SLICE("$$ContentEncoding"), SLICE("utf-8"));
    iot_property_put(&b->properties, SLICE("millrace-source"), buffer_slice(&source));
    iot_property_put(&b->properties, SLICE("millrace-epoch"), slice_of(epoch));
    buffer_clear(&source);
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
    b->encoder = g->first;
    b->topic = slice_dup(r->topic);
    b->qos = r->qos;
    b->retain = r->retain;
    b->ttl_ms = r->ttl_ms;
    put_properties(b, list_first(&g->batches) == NULL);
    list_push(&g->batches, &b->link);
    return b;
}

static void batch_free(struct batch *b)
{
    list_remove(&b->link);
    buffer_clear(&b->properties);
    free(b->topic);
    free(b);
}

/* `writer` NULL: the group's own. */
static void put_topic(const struct group *g, const struct plan_writer *writer, struct buffer *out)
{
    struct topic_scope scope = {
        .templates = g->sink.topics,
        .values = {[TOPIC_SITE_ID] = g->sink.site,
                   [TOPIC_PUBLISHER_ID] = slice_of(g->publisher_id),
                   [TOPIC_ENCODING] = slice_of(g->encoding),
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

void group_join(struct group *g, struct data_set *d, const struct plan_writer *writer)
{
    const struct plan_route *own = &writer->route;
    struct buffer topic = {0};
    put_topic(g, writer, &topic);
    struct route r = {.topic = buffer_slice(&topic),
                      .ttl_ms = own->ttl_ms ? (uint64_t)own->ttl_ms : g->ttl_ms,
                      .qos = own->qos ? own->qos : g->qos,
                      .retain = own->retain ? own->retain == SAID_YES : g->retain};
    d->batch = batch_of(g, &r);
    buffer_clear(&topic);
}

/* ---- setting up ---- */

static void set_publisher(struct group *g, const struct plan_group *plan)
{
    g->publisher_id = slice_dup(plan->publisher_id);
    g->name = slice_dup(plan->name);
    g->queue = slice_dup(plan->route.topic);
    g->encoding = plan->encoding == ENCODING_JSON_REVERSIBLE ? "JsonReversible" : "Json";
    buffer_put(&g->publisher, SLICE(",\"PublisherId\":"));
    json_escape(&g->publisher, plan->publisher_id);
    if (!plan->strict) {
        buffer_put(&g->publisher, SLICE(",\"DataSetWriterGroup\":"));
        json_escape(&g->publisher, plan->name);
    }
}

static void make_own_batch(struct group *g)
{
    struct buffer topic = {0};
    put_topic(g, NULL, &topic);
    batch_of(g, &(struct route){.topic = buffer_slice(&topic),
                                .ttl_ms = g->ttl_ms,
                                .qos = g->qos,
                                .retain = g->retain});
    buffer_clear(&topic);
}

struct group *group_new(const struct group_sink *sink, const struct plan_group *plan)
{
    struct group *g = MEMORY_NEW(struct group);
    g->sink = *sink;
    list_init(&g->batches);
    set_publisher(g, plan);
    g->first = encoder_of(plan, buffer_slice(&g->publisher), loop_random_u64(sink->loop));
    g->form = g->first.form;
    g->one_by_one = g->form->single || (plan->batch_size <= 1 && !plan->strict);
    g->batch_size = plan->batch_size;
    g->batch_ms = plan->batch_ms;
    g->ttl_ms = (uint64_t)plan->route.ttl_ms;
    g->qos = plan->route.qos;
    g->retain = plan->route.retain == SAID_YES;
    make_own_batch(g);
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
    buffer_clear(&g->publisher);
    free(g->publisher_id);
    free(g->name);
    free(g->queue);
    free(g);
    *group = NULL;
}

const struct form *group_form(const struct group *g)
{
    return g->form;
}

enum opcua_id_format group_id_format(const struct group *g)
{
    return g->first.value_form.format;
}

#include "publisher/group.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "publisher/encode.h"
#include "json/write.h"

#define CLOSE_MAX 16     /* brackets that close a message at its end */
#define FIRST_BYTES 4096 /* of a message's buffer */
#define NUMBER_MAX 24

struct group {
    struct group_sink sink;
    const struct form *form;
    struct opcua_value_form value_form;
    uint32_t batch_size, batch_ms;
    uint64_t ttl_ms;
    bool array;        /* messages are arrays of what is in them */
    bool network_each; /* a network message around each data set message: compatible batching */
    struct buffer publisher;  /* ,"PublisherId":…,"DataSetWriterGroup":… */
    struct buffer properties; /* those that stay */
    char *topic;
    uint64_t sequence;

    struct outgoing *message; /* NULL: none begun */
    size_t last_len;          /* of the last one: the next is likely alike */
    uint32_t notifications, members;
    struct loop_timer timer;

    /* While a data set message is open. */
    struct data_set *open;
    enum frame frame;
    UA_DateTime now;
    size_t open_at; /* where it begins, its comma included */
    struct encode_clock clock;
    uint32_t fields;
    uint64_t random;
};

/* ---- pieces ---- */

static void put_number(struct buffer *out, uint64_t n)
{
    char digits[NUMBER_MAX];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    buffer_put(out, slice_from(at, (size_t)(digits + sizeof digits - at)));
}

/* Not for secrets: only unlikely to come twice. */
static void put_message_id(struct group *g, struct buffer *out)
{
    uint64_t random[2];
    for (int i = 0; i < 2; i++) {
        g->random ^= g->random << 13;
        g->random ^= g->random >> 7;
        g->random ^= g->random << 17;
        random[i] = g->random;
    }
    char text[UUID_TEXT_LEN + 1];
    uint8_t bytes[16];
    memcpy(bytes, random, sizeof bytes);
    uuid_text(bytes, text);
    buffer_put(out, slice_from(text, UUID_TEXT_LEN));
}

static void put_network_head(struct group *g, struct buffer *out)
{
    buffer_put(out, SLICE("{\"MessageId\":\""));
    put_message_id(g, out);
    buffer_put(out, SLICE("\",\"MessageType\":\"ua-data\""));
    buffer_put(out, buffer_slice(&g->publisher));
    buffer_put(out, SLICE(",\"Messages\":["));
}

static const struct slice frame_names[] = {
    [FRAME_DELTA] = SLICE_INIT("\"ua-deltaframe\""),
    [FRAME_KEY] = SLICE_INIT("\"ua-keyframe\""),
    [FRAME_EVENT] = SLICE_INIT("\"ua-event\""),
    [FRAME_KEEP_ALIVE] = SLICE_INIT("\"ua-keepalive\""),
};

static void put_writer(const struct group *g, struct buffer *out)
{
    if (g->value_form.strict && g->form->head_mask & HEAD_WRITER_ID) {
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        put_number(out, g->open->id);
    } else if (!g->value_form.strict) { /* 2.8 and all documents have the name there */
        buffer_put(out, SLICE("\"DataSetWriterId\":"));
        buffer_put(out, buffer_slice(&g->open->name));
    } else {
        buffer_put(out, SLICE("\"DataSetWriterName\":"));
        buffer_put(out, buffer_slice(&g->open->name));
    }
}

static void put_data_set_head(struct group *g, struct buffer *out)
{
    buffer_u8(out, '{');
    put_writer(g, out);
    buffer_put(out, SLICE(",\"SequenceNumber\":"));
    put_number(out, g->open->sequence);
    buffer_put(
        out, SLICE(",\"MetaDataVersion\":{\"MajorVersion\":1,\"MinorVersion\":0},\"Timestamp\":"));
    opcua_value_json_time(g->now, out);
    buffer_put(out, SLICE(",\"MessageType\":"));
    buffer_put(out, frame_names[g->frame]);
    if (g->value_form.strict && g->form->head_mask & HEAD_WRITER_ID) {
        buffer_put(out, SLICE(",\"DataSetWriterName\":"));
        buffer_put(out, buffer_slice(&g->open->name));
    }
    if (g->frame != FRAME_KEEP_ALIVE)
        buffer_put(out, SLICE(",\"Payload\":"));
}

/* ---- messages ---- */

static void on_timer(void *arg)
{
    group_flush(arg);
}

static struct buffer *begin_message(struct group *g)
{
    if (g->message)
        return &g->message->body;
    g->message = outgoing_new();
    struct buffer *out = &g->message->body;
    buffer_reserve(out, g->last_len + g->last_len / 8 + FIRST_BYTES);
    if (g->array)
        buffer_u8(out, '[');
    else if (g->form->network && !g->network_each)
        put_network_head(g, out);
    g->members = 0;
    if (g->batch_ms)
        loop_timer_start(g->sink.loop, &g->timer, g->batch_ms, on_timer, g);
    return out;
}

static void close_message(struct group *g)
{
    struct buffer *out = &g->message->body;
    if (g->array)
        buffer_u8(out, ']');
    else if (g->form->network && !g->network_each)
        buffer_put(out, SLICE("]}"));
}

static void finish_message(struct group *g)
{
    struct outgoing *m = g->message;
    char digits[NUMBER_MAX];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)++g->sequence);
    buffer_put(&m->properties, buffer_slice(&g->properties));
    iot_property_put(&m->properties, SLICE("millrace-sequence"), slice_of(digits));
    m->content_type = "application/json";
    m->topic = g->topic ? memory_text(g->topic) : NULL;
    m->ttl_ms = g->ttl_ms;
    g->sink.counts->messages++;
    g->last_len = m->body.len;
    g->message = NULL;
    g->notifications = 0;
    loop_timer_stop(&g->timer);
    outbox_put_ua(g->sink.outbox, m);
}

void group_flush(struct group *g)
{
    assert(!g->open);
    if (!g->message)
        return;
    if (g->members == 0) {
        outgoing_free(&g->message);
        loop_timer_stop(&g->timer);
        return;
    }
    close_message(g);
    finish_message(g);
}

static size_t body_max(const struct group *g)
{
    return (g->sink.body_max ? g->sink.body_max : GROUP_BODY_MAX) - CLOSE_MAX;
}

/* ---- data set messages ---- */

static void open_data_set(struct group *g)
{
    struct buffer *out = begin_message(g);
    g->open_at = out->len;
    g->fields = 0;
    g->open->sequence++;
    if (g->members)
        buffer_u8(out, ',');
    if (g->network_each)
        put_network_head(g, out);
    if (g->form->head)
        put_data_set_head(g, out);
    if (g->frame != FRAME_KEEP_ALIVE)
        buffer_u8(out, '{');
}

/* Also takes back one that got no fields. */
static void close_data_set(struct group *g)
{
    struct buffer *out = &g->message->body;
    if (g->fields == 0 && g->frame != FRAME_KEEP_ALIVE) {
        out->len = g->open_at;
        g->open->sequence--;
        return;
    }
    if (g->open->extra.len) {
        buffer_u8(out, ',');
        buffer_put(out, buffer_slice(&g->open->extra));
    }
    if (g->frame != FRAME_KEEP_ALIVE)
        buffer_u8(out, '}');
    if (g->form->head)
        buffer_u8(out, '}');
    if (g->network_each)
        buffer_put(out, SLICE("]}"));
    g->members++;
    g->sink.counts->data_sets++;
}

void group_begin(struct group *g, struct data_set *d, enum frame frame, UA_DateTime now,
                 const struct opcua_namespaces *names)
{
    assert(!g->open);
    g->open = d;
    g->frame = frame;
    g->now = now;
    g->value_form.names = names;
    open_data_set(g);
}

void group_end(struct group *g)
{
    close_data_set(g);
    g->open = NULL;
    if (g->form->single || (g->batch_size <= 1 && !g->value_form.strict))
        group_flush(g);
}

static void write_field(struct group *g, struct slice head, const UA_DataValue *v)
{
    struct buffer *out = &g->message->body;
    if (g->fields)
        buffer_u8(out, ',');
    buffer_put(out, head);
    encode_data_value(v, g->form->field_mask, &g->value_form, &g->clock, out);
}

/* Closes what is open before it and goes on in the next message. */
static void cut_for_size(struct group *g)
{
    close_data_set(g);
    struct data_set *open = g->open;
    g->open = NULL;
    group_flush(g);
    g->open = open;
    open_data_set(g);
}

static bool fits(const struct group *g)
{
    return g->message->body.len + g->open->extra.len < body_max(g);
}

static void drop_too_large(struct group *g, size_t back_to)
{
    log_warn("publisher value too large bytes=%zu max=%zu", g->message->body.len - back_to,
             body_max(g));
    g->message->body.len = back_to;
    g->sink.counts->too_large++;
}

void group_field(struct group *g, struct slice head, const UA_DataValue *v)
{
    size_t before = g->message->body.len;
    write_field(g, head, v);
    if (!fits(g) && (g->fields || g->members)) {
        g->message->body.len = before;
        cut_for_size(g);
        before = g->message->body.len;
        write_field(g, head, v);
    }
    if (!fits(g)) {
        drop_too_large(g, before);
        return;
    }
    g->fields++;
    g->message->values++;
    g->sink.counts->values++;
}

/* ---- samples ---- */

/* What a sample is about; `value` or `event`. */
struct sample {
    struct slice node, label;
    const UA_DataValue *value;
    const UA_EventFieldList *event;
    const struct buffer *heads;
    UA_DateTime now;
    bool heartbeat;
};

static void write_event_value(struct group *g, const struct sample *s, struct buffer *out)
{
    for (size_t i = 0; i < s->event->eventFieldsSize; i++) {
        buffer_u8(out, i ? ',' : '{');
        buffer_put(out, buffer_slice(&s->heads[i]));
        opcua_value_json_variant(&s->event->eventFields[i], &g->value_form, out);
    }
    buffer_u8(out, '}');
}

static void write_sample(struct group *g, struct data_set *d, const struct sample *s)
{
    struct buffer *out = begin_message(g);
    if (g->members)
        buffer_u8(out, ',');
    buffer_put(out, s->node);
    buffer_put(out, buffer_slice(&d->origin));
    if (s->label.len) {
        buffer_put(out, s->label);
        buffer_u8(out, ',');
    }
    if (g->form->full) {
        buffer_put(out, SLICE("\"Timestamp\":"));
        opcua_value_json_time(s->now, out);
        buffer_u8(out, ',');
    }
    if (g->form->full && s->heartbeat)
        buffer_put(out, SLICE("\"Heartbeat\":true,"));
    buffer_put(out, SLICE("\"Value\":"));
    if (s->event)
        write_event_value(g, s, out);
    else
        encode_data_value(s->value, g->form->field_mask, &g->value_form, &g->clock, out);
    if (g->form->full) {
        buffer_put(out, SLICE(",\"SequenceNumber\":"));
        put_number(out, d->sequence + 1);
        buffer_put(out, SLICE(",\"ExtensionFields\":{"));
        buffer_put(out, buffer_slice(&d->extra));
        buffer_u8(out, '}');
    }
    buffer_u8(out, '}');
}

static void put_sample(struct group *g, struct data_set *d, const struct sample *s)
{
    size_t before = begin_message(g)->len;
    write_sample(g, d, s);
    if (g->message->body.len >= body_max(g) && g->members) {
        g->message->body.len = before;
        group_flush(g);
        before = begin_message(g)->len;
        write_sample(g, d, s);
    }
    if (g->message->body.len >= body_max(g)) {
        drop_too_large(g, before);
        return;
    }
    d->sequence++;
    g->members++;
    g->message->values++;
    g->sink.counts->values++;
    if (g->batch_size <= 1)
        group_flush(g);
}

void group_sample(struct group *g, struct data_set *d, struct slice node, struct slice label,
                  const UA_DataValue *v, UA_DateTime now, const struct opcua_namespaces *names,
                  bool heartbeat)
{
    g->value_form.names = names;
    put_sample(g, d,
               &(struct sample){
                   .node = node, .label = label, .value = v, .now = now, .heartbeat = heartbeat});
}

void group_event_sample(struct group *g, struct data_set *d, struct slice node, struct slice label,
                        const struct buffer *heads, const UA_EventFieldList *event, UA_DateTime now,
                        const struct opcua_namespaces *names)
{
    g->value_form.names = names;
    put_sample(
        g, d,
        &(struct sample){.node = node, .label = label, .event = event, .heads = heads, .now = now});
}

void group_notified(struct group *g)
{
    if (++g->notifications >= g->batch_size)
        group_flush(g);
}

/* ---- setting up ---- */

static void set_publisher(struct group *g, const struct plan_group *plan)
{
    buffer_put(&g->publisher, SLICE(",\"PublisherId\":"));
    json_escape(&g->publisher, plan->publisher_id);
    if (!plan->strict) {
        buffer_put(&g->publisher, SLICE(",\"DataSetWriterGroup\":"));
        json_escape(&g->publisher, plan->name);
    }
}

static void set_properties(struct group *g, const struct plan_group *plan)
{
    struct slice schema = slice_of(form_schema(g->form));
    struct buffer source = {0};
    char epoch[NUMBER_MAX];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)g->sink.epoch);
    buffer_printf(&source, "%.*s/%.*s", SLICE_FMT(plan->publisher_id), SLICE_FMT(plan->name));
    iot_property_put(&g->properties, SLICE("$$MessageSchema"), schema);
    if (!plan->strict)
        iot_property_put(&g->properties, SLICE("$$ContentType"), schema);
    iot_property_put(&g->properties, SLICE("$$ContentEncoding"), SLICE("utf-8"));
    iot_property_put(&g->properties, SLICE("millrace-source"), buffer_slice(&source));
    iot_property_put(&g->properties, SLICE("millrace-epoch"), slice_of(epoch));
    buffer_clear(&source);
}

static void set_topic(struct group *g, const struct plan_group *plan)
{
    struct buffer topic = {0};
    struct topic_scope scope = {
        .templates = g->sink.topics,
        .values = {[TOPIC_SITE_ID] = g->sink.site,
                   [TOPIC_PUBLISHER_ID] = plan->publisher_id,
                   [TOPIC_ENCODING] = plan->encoding == ENCODING_JSON_REVERSIBLE
                                          ? SLICE("JsonReversible")
                                          : SLICE("Json"),
                   [TOPIC_WRITER_GROUP] = plan->name},
        .queue = plan->route.topic,
    };
    topic_put(&scope, TOPIC_TELEMETRY, &topic);
    g->topic = memory_text(buffer_cstr(&topic));
    buffer_clear(&topic);
}

struct group *group_new(const struct group_sink *sink, const struct plan_group *plan)
{
    struct group *g = MEMORY_NEW(struct group);
    g->sink = *sink;
    g->form = form_of(plan->mode);
    g->value_form =
        (struct opcua_value_form){.format = plan->strict ? OPCUA_ID_EXPANDED : OPCUA_ID_URI,
                                  .reversible = plan->encoding == ENCODING_JSON_REVERSIBLE,
                                  .strict = plan->strict};
    g->ttl_ms = (uint64_t)plan->route.ttl_ms;
    g->random = loop_random_u64(sink->loop) | 1;
    bool one_by_one = plan->batch_size <= 1 && !plan->strict;
    g->network_each = g->form->network && !plan->strict;
    g->array = !g->form->single && !one_by_one && (!g->form->network || g->network_each);
    group_set_batch(g, plan->batch_size, plan->batch_ms);
    set_publisher(g, plan);
    set_properties(g, plan);
    set_topic(g, plan);
    return g;
}

void group_free(struct group **group)
{
    struct group *g = *group;
    if (!g)
        return;
    group_flush(g);
    buffer_clear(&g->publisher);
    buffer_clear(&g->properties);
    free(g->topic);
    free(g);
    *group = NULL;
}

void group_set_batch(struct group *g, uint32_t batch_size, uint32_t batch_ms)
{
    g->batch_size = batch_size;
    g->batch_ms = batch_ms;
}

const struct form *group_form(const struct group *g)
{
    return g->form;
}

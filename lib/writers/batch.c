#include "writers/batch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "writers/schemas.h"

#define FIRST_BYTES 4096 /* of a message's buffer */
#define NUMBER_MAX 24

/* ---- messages ---- */

static void on_timer(void *arg)
{
    batch_flush(arg);
}

struct buffer *batch_begin(struct batch *b, uint32_t writer)
{
    if (b->schema)
        schemas_choose(b, writer);
    if (b->message)
        return &b->message->body;
    struct batches *home = b->home;
    b->undescribed = false;
    if (b->schema)
        memcpy(b->schema_id, schemas_id(b, writer), sizeof b->schema_id);
    b->message = outgoing_new();
    struct buffer *out = &b->message->body;
    buffer_reserve(out, b->last_len + b->last_len / 8 + FIRST_BYTES);
    b->encoder.members = 0;
    b->encoder.ops->begin(&b->encoder, out);
    if (home->plan.batch_ms)
        loop_timer_start(home->sink.loop, &b->timer, home->plan.batch_ms, on_timer, b);
    return out;
}

size_t batches_body_max(const struct batches *home)
{
    return home->sink.body_max ? home->sink.body_max : BATCH_BODY_MAX;
}

/* False: even so it is too large. */
static bool compress(struct batches *home, struct buffer *body)
{
    struct buffer small = {0};
    gzip_compress(buffer_slice(body), &small);
    buffer_clear(body);
    *body = small;
    if (body->len <= batches_body_max(home))
        return true;
    log_warn("publisher value too large compressed=%zu max=%zu", body->len, batches_body_max(home));
    home->sink.counts->too_large++;
    buffer_clear(body);
    return false;
}

static void put_sequence(struct batch *b, struct buffer *properties)
{
    char digits[NUMBER_MAX];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)++b->sequence);
    iot_property_put(properties, SLICE("millrace-sequence"), slice_of(digits));
}

static void send(void *arg, struct buffer *body)
{
    struct batch *b = arg;
    if (b->encoder.gzip && body->len > 0 && !compress(b->home, body))
        return;
    struct outgoing *m = outgoing_new();
    m->body = *body;
    buffer_trim(&m->body); /* it may wait */
    *body = (struct buffer){0};
    buffer_put(&m->properties, buffer_slice(&b->properties));
    put_sequence(b, &m->properties);
    if (b->message && b->schema_id[0] && !b->undescribed) /* it is one of values */
        iot_property_put(&m->properties, SLICE("dataschema"), slice_of(b->schema_id));
    if (b->event.type)
        cloud_event_put(&b->event, b->sequence, loop_wall_ms(b->home->sink.loop), &m->properties);
    m->content_type = b->encoder.content_type;
    m->content_encoding = b->encoder.content_encoding;
    m->topic = memory_text(b->topic);
    m->ttl_ms = b->ttl_ms;
    m->qos = b->qos;
    m->priority = b->priority;
    m->retain = b->retain;
    m->route = b->home->route;
    if (b->message) {
        m->values = b->message->values;
        b->message->values = 0; /* told with the first */
    }
    b->home->sink.counts->messages++;
    b->home->sink.counts->bytes += m->body.len;
    outbox_put_ua(b->home->sink.outbox, m);
}

void batch_flush(struct batch *b)
{
    if (!b->message)
        return;
    if (b->encoder.members > 0) {
        b->last_len = b->message->body.len;
        b->encoder.ops->end(&b->encoder, &b->message->body, batches_body_max(b->home), send, b);
    }
    outgoing_free(&b->message);
    b->notifications = 0;
    loop_timer_stop(&b->timer);
}

void batch_send(struct batch *b, struct buffer *body)
{
    batch_flush(b);
    send(b, body);
}

void batch_leave(struct batch *b, bool forget)
{
    struct buffer nothing = {0};
    b->users--;
    if (b->users == 0 && b->retain && forget &&
        outbox_retains_ua(b->home->sink.outbox, b->home->route))
        batch_send(b, &nothing);
}

void batch_leave_values(struct batch *b, uint32_t id, bool forget)
{
    schemas_leave(b, id, forget);
    batch_leave(b, forget);
}

void batches_flush(struct batches *home)
{
    LIST_EACH(l, &home->all)
    batch_flush(LIST_OF(l, struct batch, link));
}

/* ---- routes ---- */

/* What messages go by, the topic expanded; and what all in one message have in common. */
struct route {
    struct slice topic, class_id;
    uint64_t ttl_ms;
    uint8_t qos, priority;
    bool retain;
    struct cloud_event event; /* all zeros: there is none */
    bool late; /* values that were missed */
};

static bool is_of(const struct batch *b, const struct route *r)
{
    return slice_eq(slice_of(b->topic), r->topic) && slice_eq(slice_of(b->class_id), r->class_id) &&
           b->qos == r->qos && b->retain == r->retain && b->ttl_ms == r->ttl_ms &&
           b->priority == r->priority && b->late == r->late &&
           cloud_event_same(&b->event, &r->event);
}

static void put_source(struct batch *b, bool own, struct buffer *out)
{
    const struct batches *home = b->home;
    buffer_printf(out, "%s/%s", home->publisher_id, home->name);
    if (!own)
        buffer_printf(out, "/%s:%s:%u:%d:%llu:%u", b->topic, b->class_id, b->qos, b->retain,
                      (unsigned long long)b->ttl_ms, b->priority);
    if (b->event.type)
        buffer_printf(out, "/%s:%s:%s", b->event.type, b->event.source, b->event.subject);
    if (b->late)
        buffer_text(out, "/late");
}

static void put_properties(struct batch *b, bool own)
{
    struct slice schema = slice_of(encoder_schema(&b->encoder));
    struct buffer source = {0};
    char epoch[NUMBER_MAX];
    snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)b->home->sink.epoch);
    put_source(b, own, &source);
    iot_property_put(&b->properties, SLICE("$$MessageSchema"), schema);
    if (!b->home->plan.strict)
        iot_property_put(&b->properties, SLICE("$$ContentType"), schema);
    if (b->encoder.content_encoding[0])
        iot_property_put(&b->properties, SLICE("$$ContentEncoding"),
                         slice_of(b->encoder.content_encoding));
    if (b->home->plan.routing_info)
        iot_property_put(&b->properties, SLICE("$$RoutingInfo"), slice_of(b->home->name));
    iot_property_put(&b->properties, SLICE("millrace-source"), buffer_slice(&source));
    iot_property_put(&b->properties, SLICE("millrace-epoch"), slice_of(epoch));
    if (b->late)
        iot_property_put(&b->properties, SLICE("millrace-late"), SLICE("true"));
    buffer_clear(&source);
}

enum opcua_id_format batches_id_format(const struct batches *home)
{
    switch (home->plan.names) {
    case NAMES_URI:
        return OPCUA_ID_URI;
    case NAMES_INDEX:
        return OPCUA_ID_INDEX;
    case NAMES_EXPANDED:
        return OPCUA_ID_EXPANDED;
    case NAMES_EXPANDED_0:
        return OPCUA_ID_EXPANDED_0;
    default:
        return home->plan.strict ? OPCUA_ID_EXPANDED : OPCUA_ID_URI;
    }
}

static void init_encoder(struct batch *b)
{
    const struct batches *home = b->home;
    struct encoder_plan p = {
        .mode = home->plan.mode,
        .encoding = home->plan.encoding,
        .names = batches_id_format(home),
        .strict = home->plan.strict,
        .batched = home->plan.batch_size > 1,
        .lone_value = home->plan.lone_value,
        .members_max = home->plan.data_sets_max,
        .publisher_id = slice_of(home->publisher_id),
        .group = slice_of(home->name),
        .class_id = slice_of(b->class_id),
        .group_id = home->sink.id,
        .random = loop_random_u64(home->sink.loop),
    };
    encoder_init(&b->encoder, &p);
}

/* Takes the route's event. */
static struct batch *batch_of(struct batches *home, struct route *r)
{
    LIST_EACH(l, &home->all)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (is_of(b, r)) {
            cloud_event_clear(&r->event);
            return b;
        }
    }
    struct batch *b = MEMORY_NEW(struct batch);
    b->home = home;
    b->topic = slice_dup(r->topic);
    b->class_id = slice_dup(r->class_id);
    b->qos = r->qos;
    b->priority = r->priority;
    b->retain = r->retain;
    b->ttl_ms = r->ttl_ms;
    b->event = r->event;
    b->late = r->late;
    init_encoder(b);
    put_properties(b, list_first(&home->all) == NULL);
    list_push(&home->all, &b->link);
    return b;
}

static void batch_free(struct batch *b)
{
    list_remove(&b->link);
    encoder_clear(&b->encoder);
    cloud_event_clear(&b->event);
    buffer_clear(&b->properties);
    free(b->topic);
    free(b->class_id);
    free(b);
}

/* `writer` NULL: the group's own. */
static void put_topic(const struct batches *home, const struct plan_writer *writer,
                      enum topic_kind kind, struct buffer *out)
{
    struct topic_scope scope = {
        .templates = home->sink.topics,
        .values = {[TOPIC_SITE_ID] = home->sink.site,
                   [TOPIC_PUBLISHER_ID] = slice_of(home->publisher_id),
                   [TOPIC_ENCODING] = slice_of(encoder_name(home->plan.encoding)),
                   [TOPIC_WRITER_GROUP] = slice_of(home->name)},
        .queue = slice_of(home->queue),
    };
    if (writer) {
        scope.values[TOPIC_WRITER] = writer->name;
        scope.values[TOPIC_DATA_SET_NAME] = writer->data_set;
        scope.values[TOPIC_CLASS_ID] = writer->class_id;
        scope.queue = topic_queue((struct slice){0}, writer->route.topic, slice_of(home->queue));
        scope.metadata = writer->metadata_route.topic;
        scope.path = writer->way;
    }
    topic_put(&scope, kind, out);
}

static struct batch *find(struct batches *home, const struct plan_writer *writer,
                          enum topic_kind kind, bool late)
{
    static const struct plan_route none;
    const struct plan_route *own = !writer                  ? &none
                                   : kind == TOPIC_METADATA ? &writer->metadata_route
                                                            : &writer->route;
    const struct plan_route *all = &home->plan.route;
    struct buffer topic = {0};
    put_topic(home, writer, kind, &topic);
    struct route r = {
        .topic = buffer_slice(&topic),
        .class_id = writer ? writer->class_id : (struct slice){0},
        .ttl_ms = (uint64_t)(own->ttl_ms ? own->ttl_ms : all->ttl_ms),
        .qos = own->qos ? own->qos : all->qos,
        .priority = writer ? writer->priority : 0,
        .retain = (own->retain ? own->retain : all->retain) == SAID_YES && !late,
        .late = late,
    };
    if (home->plan.cloud_events && writer)
        cloud_event_init(&r.event, writer, kind == TOPIC_METADATA, loop_wall_ms(home->sink.loop),
                         loop_random_u64(home->sink.loop));
    struct batch *b = batch_of(home, &r);
    b->users += writer != NULL;
    buffer_clear(&topic);
    return b;
}

struct batch *batch_for_metadata(struct batches *home, const struct plan_writer *writer)
{
    return find(home, writer, TOPIC_METADATA, false);
}

struct batch *batch_for_values(struct batches *home, const struct plan_writer *writer, uint32_t id,
                               bool late)
{
    struct batch *b = find(home, writer, TOPIC_TELEMETRY, late);
    struct buffer topic = {0};
    put_topic(home, writer, TOPIC_SCHEMA, &topic);
    schemas_join(b, id, buffer_slice(&topic),
                 writer->metadata_ms > 0 ? (uint64_t)writer->metadata_ms : 0);
    buffer_clear(&topic);
    return b;
}

/* ---- all of a group ---- */

void batches_init(struct batches *home, const struct group_sink *sink,
                  const struct plan_group *plan)
{
    *home = (struct batches){.sink = *sink,
                             .plan = *plan,
                             .publisher_id = slice_dup(plan->publisher_id),
                             .name = slice_dup(plan->name),
                             .queue = slice_dup(plan->route.topic)};
    home->route = outbox_route_ua(sink->outbox, plan->transport, plan->transport_configuration,
                                  plan->partitions);
    list_init(&home->all);
    list_init(&home->schemas);
    home->plan.strict |= encoder_is_strict(plan->encoding);
    find(home, NULL, TOPIC_TELEMETRY, false);
}

void batches_clear(struct batches *home)
{
    batches_flush(home);
    struct link *l;
    while ((l = list_first(&home->all)))
        batch_free(LIST_OF(l, struct batch, link));
    schemas_clear(home);
    free(home->publisher_id);
    free(home->name);
    free(home->queue);
}

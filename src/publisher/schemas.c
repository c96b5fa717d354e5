#include "publisher/schemas.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "publisher/schema_avro.h"
#include "publisher/schema_json.h"

#define TYPE_JSON "application/schema+json"
#define TYPE_AVRO "application/vnd.apache.avro+json"

bool schemas_wanted(const struct batches *home)
{
    return encoder_has_schema(home->plan.encoding) &&
           (home->plan.schemas || encoder_is_avro(home->plan.encoding));
}

/* ---- what data sets look like ---- */

static struct encoder_set *find(struct encoder_set *sets, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (sets[i].id == id)
            return &sets[i];
    return NULL;
}

static void put(struct encoder_set **sets, size_t *count, uint32_t id, struct shape *shape)
{
    struct encoder_set *s = find(*sets, *count, id);
    if (s) {
        shape_unref(&s->shape);
        s->shape = shape;
        return;
    }
    *sets = memory_resize(*sets, (*count + 1) * sizeof **sets);
    (*sets)[(*count)++] = (struct encoder_set){id, shape};
}

static bool take(struct encoder_set *sets, size_t *count, uint32_t id)
{
    struct encoder_set *s = find(sets, *count, id);
    if (!s)
        return false;
    shape_unref(&s->shape);
    size_t behind = *count - (size_t)(s - sets) - 1;
    memmove(s, s + 1, behind * sizeof *s);
    (*count)--;
    return true;
}

static void clear(struct encoder_set **sets, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        shape_unref(&(*sets)[i].shape);
    free(*sets);
    *sets = NULL;
    *count = 0;
}

/* Messages that are begun are of the sets that were. */
static void set_shape(struct batch *b, uint32_t writer, struct shape *shape)
{
    batch_flush(b);
    put(&b->schema.sets, &b->schema.count, writer, shape_ref(shape));
    b->encoder.sets = b->schema.sets;
    b->encoder.set_count = b->schema.count;
    b->schema.stale = true;
}

void schemas_join(struct batch *b, uint32_t writer)
{
    const struct batches *home = b->home;
    struct encoder_set *known = find(home->shapes.at, home->shapes.count, writer);
    if (known)
        set_shape(b, writer, known->shape);
}

void schemas_leave(struct batch *b, uint32_t writer)
{
    if (!find(b->schema.sets, b->schema.count, writer))
        return;
    batch_flush(b);
    take(b->schema.sets, &b->schema.count, writer);
    b->encoder.set_count = b->schema.count;
    b->schema.stale = true;
}

void schemas_tell(struct batches *home, uint32_t writer, struct shape *shape)
{
    put(&home->shapes.at, &home->shapes.count, writer, shape);
    LIST_EACH(l, &home->all)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (find(b->schema.sets, b->schema.count, writer))
            set_shape(b, writer, shape);
    }
}

void schemas_forget(struct batches *home, uint32_t writer)
{
    take(home->shapes.at, &home->shapes.count, writer);
}

void schemas_clear(struct batches *home)
{
    clear(&home->shapes.at, &home->shapes.count);
}

void schemas_batch_clear(struct batch *b)
{
    clear(&b->schema.sets, &b->schema.count);
    free(b->schema.topic);
}

/* ---- the schema ---- */

static void make(const struct batch *b, struct buffer *text, char id[SCHEMA_ID_MAX])
{
    const struct batches *home = b->home;
    struct shape **shapes = memory_new((b->schema.count + 1) * sizeof(struct shape *));
    for (size_t i = 0; i < b->schema.count; i++)
        shapes[i] = b->schema.sets[i].shape;
    struct schema_plan plan = {.encoder = &b->encoder,
                               .group = slice_of(home->name),
                               .publisher_id = home->publisher_id[0],
                               .class_id = b->class_id[0],
                               .sets = shapes,
                               .count = b->schema.count};
    struct buffer canonical = {0};
    if (b->encoder.avro) {
        schema_avro_put(&plan, false, text);
        schema_avro_put(&plan, true, &canonical);
    } else {
        schema_json_put(&plan, text);
        buffer_put(&canonical, buffer_slice(text));
    }
    uint64_t mark = schema_avro_fingerprint(buffer_slice(&canonical));
    snprintf(id, SCHEMA_ID_MAX, "%lld", (long long)mark);
    buffer_clear(&canonical);
    free(shapes);
}

static void send(struct batch *b, struct buffer *text)
{
    struct batches *home = b->home;
    struct outgoing *m = outgoing_new();
    struct slice type = b->encoder.avro ? SLICE(TYPE_AVRO) : SLICE(TYPE_JSON);
    m->body = *text;
    *text = (struct buffer){0};
    iot_property_put(&m->properties, SLICE("$$MessageSchema"), type);
    iot_property_put(&m->properties, SLICE("dataschema"), slice_of(b->schema.id));
    m->content_type = (const char *)type.at;
    m->topic = memory_text(b->schema.topic);
    m->qos = b->qos;
    m->priority = b->priority;
    m->retain = true;
    m->route = home->route;
    home->sink.counts->schemas++;
    outbox_put_ua(home->sink.outbox, m);
}

void schemas_announce(struct batch *b)
{
    struct buffer text = {0};
    char id[SCHEMA_ID_MAX];
    b->schema.stale = false;
    if (b->schema.count == 0 || !b->schema.topic || !b->home->plan.schemas)
        return;
    make(b, &text, id);
    if (strcmp(id, b->schema.id) != 0) {
        memcpy(b->schema.id, id, sizeof id);
        if (text.len > batches_body_max(b->home)) {
            log_warn("publisher schema too large bytes=%zu max=%zu", text.len,
                     batches_body_max(b->home));
            b->home->sink.counts->too_large++;
        } else {
            send(b, &text);
        }
    }
    buffer_clear(&text);
}

#include "writers/schemas.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "pubsub/schema_avro.h"
#include "pubsub/schema_json.h"

#define TYPE_JSON "application/schema+json"
#define TYPE_AVRO "application/vnd.apache.avro+json"

/* A writer whose data sets go to the topic. */
struct member {
    uint32_t writer;
    uint32_t uses;       /* batches that have messages of it */
    struct shape *shape; /* NULL: nobody said what it looks like */
    size_t index;        /* among those of which that is known */

    /* Where each has a schema by itself: */
    char id[SCHEMA_ID_MAX]; /* of the one that was sent; "": none */
    bool made;              /* it is as the shape is */
    bool again;             /* it is sent though it is no other */
    bool refused;           /* it is too large */
};

struct schema {
    struct link link;
    char *of, *topic;       /* where the messages go, and itself; "": it is not sent */
    bool class_id;          /* messages have it */
    struct member *members; /* by writer */
    size_t count;
    size_t known, fields;   /* members with a shape, and the fields of all */
    char id[SCHEMA_ID_MAX]; /* of what was sent last, of all; "": nothing */
    bool again; /* it is sent though it is no other */
    uint64_t again_ms, told_ms; /* the shortest of its writers; 0: never again. When it was sent */
    bool stale;             /* something is other than when it was made; no message is begun */
    size_t too_many;        /* fields that were too many for one schema; 0: they are in one */
};

bool schemas_wanted(const struct batches *home)
{
    return encoder_has_schema(home->plan.encoding) &&
           (home->plan.schemas || plan_is_avro(home->plan.encoding));
}

/* ---- what data sets look like ---- */

/* Where the writer is, or would be. */
static size_t place_of(const struct member *all, size_t count, uint32_t writer)
{
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (all[middle].writer < writer)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct member *find(const struct schema *s, uint32_t writer)
{
    size_t at = place_of(s->members, s->count, writer);
    return at < s->count && s->members[at].writer == writer ? &s->members[at] : NULL;
}

static struct member *add(struct schema *s, uint32_t writer)
{
    size_t at = place_of(s->members, s->count, writer);
    s->members = memory_resize(s->members, (s->count + 1) * sizeof *s->members);
    memmove(&s->members[at + 1], &s->members[at], (s->count - at) * sizeof *s->members);
    s->members[at] = (struct member){.writer = writer};
    s->count++;
    return &s->members[at];
}

static void drop(struct schema *s, struct member *m)
{
    size_t behind = s->count - (size_t)(m - s->members) - 1;
    shape_unref(&m->shape);
    memmove(m, m + 1, behind * sizeof *m);
    s->count--;
}

/* Messages that are begun are of what was. */
static void change(struct batches *home, struct schema *s)
{
    LIST_EACH(l, &home->all)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (b->schema == s && !s->stale)
            batch_flush(b);
    }
    s->stale = true;
}

static void set_shape(struct batches *home, struct schema *s, struct member *m, struct shape *shape)
{
    change(home, s);
    shape_unref(&m->shape);
    m->shape = shape_ref(shape);
    m->made = false;
}

/* What is known of writers is a schema that has no topic. */
static struct schema *known_of(struct batches *home)
{
    if (!home->known)
        home->known = MEMORY_NEW(struct schema);
    return home->known;
}

void schemas_tell(struct batches *home, uint32_t writer, struct shape *shape)
{
    struct member *known = find(known_of(home), writer);
    if (!known)
        known = add(home->known, writer);
    shape_unref(&known->shape);
    known->shape = shape;
    LIST_EACH(l, &home->schemas)
    {
        struct schema *s = LIST_OF(l, struct schema, link);
        struct member *m = find(s, writer);
        if (m)
            set_shape(home, s, m, shape);
    }
}

void schemas_loosen(struct batches *home, uint32_t writer, size_t field)
{
    struct member *known = find(known_of(home), writer);
    if (known && known->shape && field < known->shape->count)
        schemas_tell(home, writer, shape_loosened(known->shape, field));
}

void schemas_forget(struct batches *home, uint32_t writer)
{
    struct member *known = home->known ? find(home->known, writer) : NULL;
    if (known)
        drop(home->known, known);
}

/* ---- what a topic carries ---- */

static struct schema *schema_of(struct batch *b, struct slice topic)
{
    struct batches *home = b->home;
    bool class_id = b->class_id[0];
    LIST_EACH(l, &home->schemas)
    {
        struct schema *s = LIST_OF(l, struct schema, link);
        if (s->class_id == class_id && slice_eq(slice_of(s->of), slice_of(b->topic)))
            return s;
    }
    struct schema *s = MEMORY_NEW(struct schema);
    s->of = memory_text(b->topic);
    s->topic = slice_dup(topic);
    s->class_id = class_id;
    list_push(&home->schemas, &s->link);
    return s;
}

void schemas_join(struct batch *b, uint32_t writer, struct slice topic, uint64_t again_ms)
{
    struct batches *home = b->home;
    if (!schemas_wanted(home))
        return;
    if (!b->schema)
        b->schema = schema_of(b, home->plan.schemas ? topic : (struct slice){0});
    if (again_ms && (b->schema->again_ms == 0 || again_ms < b->schema->again_ms))
        b->schema->again_ms = again_ms;
    struct member *m = find(b->schema, writer), *known = find(known_of(home), writer);
    if (!m)
        m = add(b->schema, writer);
    if (m->uses++ == 0 && known)
        set_shape(home, b->schema, m, known->shape);
}

static void put_topic(const struct schema *s, const struct member *m, struct buffer *out)
{
    buffer_text(out, s->topic);
    if (m)
        buffer_printf(out, "/%u", m->writer);
}

/* Who sends it: topics of schemas may be shared. */
static void put_source(const struct batch *b, const struct member *m, struct buffer *properties)
{
    struct buffer source = {0};
    buffer_printf(&source, "%s/%s/%s:%d", b->home->publisher_id, b->home->name, b->schema->of,
                  b->schema->class_id);
    if (m)
        buffer_printf(&source, "/%u", m->writer);
    iot_property_put(properties, SLICE("millrace-schema-source"), buffer_slice(&source));
    buffer_clear(&source);
}

static void put(struct batch *b, const struct member *m, struct outgoing *message)
{
    const struct batches *home = b->home;
    struct buffer topic = {0};
    put_topic(b->schema, m, &topic);
    put_source(b, m, &message->properties);
    message->content_type = b->encoder.avro ? TYPE_AVRO : TYPE_JSON;
    message->topic = memory_text(buffer_cstr(&topic));
    message->beside = memory_text(b->topic);
    message->schema = true;
    message->qos = b->qos;
    message->retain = true;
    message->route = home->route;
    outbox_put_ua(home->sink.outbox, message);
    buffer_clear(&topic);
}

static void forget(struct batch *b, const struct member *m)
{
    if (outbox_retains_ua(b->home->sink.outbox, b->home->route))
        put(b, m, outgoing_new());
}

void schemas_leave(struct batch *b, uint32_t writer, bool forget_it)
{
    struct schema *s = b->schema;
    struct member *m = s ? find(s, writer) : NULL;
    if (!m || --m->uses > 0)
        return;
    change(b->home, s);
    if (forget_it && m->id[0])
        forget(b, m);
    drop(s, m);
    if (forget_it && s->count == 0 && s->id[0])
        forget(b, NULL);
    if (s->count == 0)
        s->id[0] = 0;
}

/* ---- making one ---- */

struct text {
    struct buffer bytes;
    char id[SCHEMA_ID_MAX];
};

/* False: it is too large. */
static bool make(const struct batch *b, struct shape *const *shapes, size_t count, struct text *out)
{
    const struct batches *home = b->home;
    struct schema_plan plan = {.encoder = &b->encoder,
                               .group = slice_of(home->name),
                               .publisher_id = home->publisher_id[0],
                               .class_id = b->schema->class_id,
                               .sets = shapes,
                               .count = count,
                               .max = batches_body_max(home)};
    struct buffer canonical = {0};
    bool fits;
    if (b->encoder.avro)
        fits =
            schema_avro_put(&plan, false, &out->bytes) && schema_avro_put(&plan, true, &canonical);
    else
        fits = schema_json_put(&plan, &out->bytes);
    if (fits) {
        struct slice marked = buffer_slice(b->encoder.avro ? &canonical : &out->bytes);
        snprintf(out->id, sizeof out->id, "%lld", (long long)schema_avro_fingerprint(marked));
    }
    buffer_clear(&canonical);
    return fits;
}

/* Unless it is the one that was sent last, and not to be sent again. */
static void send(struct batch *b, const struct member *m, char id[SCHEMA_ID_MAX], bool *again,
                 struct text *text)
{
    struct batches *home = b->home;
    if (strcmp(id, text->id) == 0 && !*again)
        return;
    *again = false;
    struct outgoing *message = outgoing_new();
    message->body = text->bytes;
    text->bytes = (struct buffer){0};
    iot_property_put(&message->properties, SLICE("$$MessageSchema"),
                     b->encoder.avro ? SLICE(TYPE_AVRO) : SLICE(TYPE_JSON));
    iot_property_put(&message->properties, SLICE("dataschema"), slice_of(text->id));
    memcpy(id, text->id, SCHEMA_ID_MAX);
    home->sink.counts->schemas++;
    put(b, m, message);
}

/* ---- one for all ---- */

static void count_known(struct schema *s)
{
    s->known = s->fields = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->members[i].shape) {
            s->members[i].index = s->known++;
            s->fields += s->members[i].shape->count;
        }
}

static bool make_whole(const struct batch *b, struct text *out)
{
    const struct schema *s = b->schema;
    struct shape **shapes = memory_new(s->known * sizeof(struct shape *));
    for (size_t i = 0; i < s->count; i++)
        if (s->members[i].shape)
            shapes[s->members[i].index] = s->members[i].shape;
    bool fits = make(b, shapes, s->known, out);
    free(shapes);
    return fits;
}

/* Of what was too much for one it is not tried again until a good part of it is gone. */
static bool is_hopeless(const struct schema *s)
{
    return s->too_many && s->fields > s->too_many / 2;
}

static void refresh(struct batch *b)
{
    struct schema *s = b->schema;
    struct text text = {0};
    s->stale = false;
    count_known(s);
    if (s->known == 0 || !s->topic[0] || is_hopeless(s))
        return;
    if (make_whole(b, &text)) {
        s->too_many = 0;
        send(b, NULL, s->id, &s->again, &text);
    } else {
        log_info("publisher schema of all data sets is too large: each has one topic=%s fields=%zu",
                 s->topic, s->fields);
        s->too_many = s->fields;
        s->id[0] = 0;
    }
    buffer_clear(&text.bytes);
}

/* ---- one for each ---- */

static void refuse(const struct batch *b, struct member *m)
{
    log_error("publisher schema too large writer=%u fields=%zu max=%zu: %s", m->writer,
              m->shape->count, batches_body_max(b->home),
              b->encoder.avro
                  ? "its values are left out; divide the writer, or allow larger messages"
                  : "its messages name none");
    m->id[0] = 0;
}

static void refresh_member(struct batch *b, struct member *m)
{
    struct text text = {0};
    m->made = true;
    m->refused = !make(b, &m->shape, 1, &text);
    if (m->refused)
        refuse(b, m);
    else
        send(b, m, m->id, &m->again, &text);
    buffer_clear(&text.bytes);
}

static void choose_own(struct batch *b, struct member *m)
{
    if (b->message && b->of_writer != m->writer)
        batch_flush(b);
    b->of_writer = m->writer;
    if (m->shape && !m->made)
        refresh_member(b, m);
    bool usable = m->shape && !(m->refused && b->encoder.avro);
    b->encoder.look = (struct encoder_look){.shape = usable ? m->shape : NULL, .count = 1};
}

/* As metadata is: a broker may have lost what it kept, or never taken it. */
static void send_again(struct batch *b)
{
    struct schema *s = b->schema;
    uint64_t now = loop_now_ms(b->home->sink.loop);
    if (now - s->told_ms < s->again_ms)
        return;
    s->told_ms = now;
    s->stale = s->again = true;
    for (size_t i = 0; i < s->count; i++) {
        s->members[i].again = true;
        s->members[i].made = false;
    }
}

void schemas_choose(struct batch *b, uint32_t writer)
{
    struct schema *s = b->schema;
    if (s->again_ms)
        send_again(b);
    if (s->stale)
        refresh(b);
    struct member *m = find(s, writer);
    if (!m)
        b->encoder.look = (struct encoder_look){0};
    else if (s->too_many)
        choose_own(b, m);
    else
        b->encoder.look = (struct encoder_look){m->shape, m->index, s->known};
}

const char *schemas_id(const struct batch *b, uint32_t writer)
{
    const struct schema *s = b->schema;
    const struct member *m = s->too_many ? find(s, writer) : NULL;
    return m ? m->id : s->id;
}

/* ---- all of a group ---- */

static void schema_free(struct schema *s)
{
    if (!s)
        return;
    while (s->count)
        drop(s, &s->members[s->count - 1]);
    free(s->members);
    free(s->of);
    free(s->topic);
    free(s);
}

void schemas_clear(struct batches *home)
{
    struct link *l;
    while ((l = list_pop(&home->schemas)))
        schema_free(LIST_OF(l, struct schema, link));
    schema_free(home->known);
    home->known = NULL;
}

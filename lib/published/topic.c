#include "published/topic.h"

struct topic_writing {
    const struct topic_scope *scope;
    struct buffer *out;
    uint32_t used; /* variables that stood for something already */
};

/* clang-format off */
static const struct slice defaults[TOPIC_KIND_COUNT] = {
    [TOPIC_ROOT]        = SLICE_INIT("{PublisherId}"),
    [TOPIC_TELEMETRY]   = SLICE_INIT("{RootTopic}/messages/{WriterGroup}"),
    [TOPIC_EVENTS]      = SLICE_INIT("{RootTopic}/events"),
    [TOPIC_DIAGNOSTICS] = SLICE_INIT("{RootTopic}/diagnostics/{WriterGroup}"),
    [TOPIC_METADATA]    = {NULL, 0},
    [TOPIC_SCHEMA]      = SLICE_INIT("{TelemetryTopic}/schema"),
    [TOPIC_METHODS]     = SLICE_INIT("{RootTopic}/methods"),
};

static const struct word {
    struct slice name;
    bool topic, path; /* a template of its own; a name cut at its dots */
    int index;        /* enum topic_kind; enum topic_variable */
} words[] = {
    {SLICE_INIT("RootTopic"), true, false, TOPIC_ROOT},
    {SLICE_INIT("TelemetryTopic"), true, false, TOPIC_TELEMETRY},
    {SLICE_INIT("EventsTopic"), true, false, TOPIC_EVENTS},
    {SLICE_INIT("SiteId"), false, false, TOPIC_SITE_ID},
    {SLICE_INIT("PublisherId"), false, false, TOPIC_PUBLISHER_ID},
    {SLICE_INIT("Encoding"), false, false, TOPIC_ENCODING},
    {SLICE_INIT("WriterGroup"), false, false, TOPIC_WRITER_GROUP},
    {SLICE_INIT("DataSetWriterGroup"), false, false, TOPIC_WRITER_GROUP},
    {SLICE_INIT("WriterGroupId"), false, false, TOPIC_WRITER_GROUP_ID},
    {SLICE_INIT("DataSetWriter"), false, false, TOPIC_WRITER},
    {SLICE_INIT("DataSetWriterName"), false, false, TOPIC_WRITER},
    {SLICE_INIT("DataSetWriterId"), false, false, TOPIC_WRITER_ID},
    {SLICE_INIT("DataSetName"), false, false, TOPIC_DATA_SET_NAME},
    {SLICE_INIT("DataSetTopicPath"), false, true, TOPIC_DATA_SET_NAME},
    {SLICE_INIT("DataSetFieldId"), false, false, TOPIC_FIELD_ID},
    {SLICE_INIT("DataSetClassId"), false, false, TOPIC_CLASS_ID},
    {SLICE_INIT("EventName"), false, false, TOPIC_EVENT_NAME},
    {SLICE_INIT("EventContext"), false, false, TOPIC_EVENT_CONTEXT},
    {SLICE_INIT("EventSource"), false, false, TOPIC_EVENT_SOURCE},
    {SLICE_INIT("ClusterNamespace"), false, false, TOPIC_CLUSTER_NAMESPACE},
    {SLICE_INIT("ClusterHost"), false, false, TOPIC_CLUSTER_HOST},
};
/* clang-format on */

#define WORD_COUNT (sizeof words / sizeof words[0])
_Static_assert(WORD_COUNT <= 32, "they are bits of topic_writing.used");

struct slice topic_default(enum topic_kind kind)
{
    return defaults[kind];
}

struct slice topic_queue(struct slice node, struct slice writer, struct slice group)
{
    return node.len ? node : writer.len ? writer : group;
}

void topic_escape(struct slice text, struct buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '+' || c == '#' || c == '/' || c == '\\')
            buffer_printf(out, "\\x%02x", c);
        else
            buffer_u8(out, c);
    }
}

void topic_path_put(struct buffer *path, bool with_namespace, unsigned namespace, struct slice name)
{
    buffer_u8(path, '/');
    if (with_namespace)
        buffer_printf(path, "%u:", namespace);
    topic_escape(name, path);
}

/* ---- one variable ---- */

static const struct word *find(struct slice name)
{
    for (size_t i = 0; i < WORD_COUNT; i++)
        if (slice_eq_nocase(words[i].name, name))
            return &words[i];
    return NULL;
}

static struct slice template_of(const struct topic_scope *s, enum topic_kind kind)
{
    if (kind == TOPIC_TELEMETRY && s->queue.len)
        return s->queue;
    if (kind == TOPIC_METADATA && s->metadata.len)
        return s->metadata;
    if (s->templates && s->templates->of[kind].at)
        return s->templates->of[kind];
    return defaults[kind];
}

static struct slice value_of(const struct topic_scope *s, enum topic_variable v)
{
    struct slice value = s->values[v];
    if (v == TOPIC_PUBLISHER_ID && value.at == NULL)
        value = s->values[TOPIC_SITE_ID];
    if (v == TOPIC_SITE_ID && value.at == NULL)
        value = SLICE("<<UnknownSite>>");
    return value;
}

static void put_path(struct slice name, struct buffer *out)
{
    struct slice part;
    for (bool first = true; slice_split(&name, '.', &part); first = false) {
        if (!first)
            buffer_u8(out, '/');
        topic_escape(part, out);
    }
}

static void put_template(struct topic_writing *w, struct slice template);

static void put_variable(struct topic_writing *w, struct slice name)
{
    const struct word *word = find(name);
    uint32_t bit = word ? 1u << (word - words) : 0;
    if (word == NULL || w->used & bit) {
        buffer_put(w->out, name);
        return;
    }
    if (word->topic) {
        w->used |= bit;
        put_template(w, template_of(w->scope, (enum topic_kind)word->index));
        return;
    }
    struct slice value = value_of(w->scope, (enum topic_variable)word->index);
    if (value.at == NULL) {
        buffer_put(w->out, name);
        return;
    }
    w->used |= bit;
    if (word->path)
        put_path(value, w->out);
    else
        topic_escape(value, w->out);
}

/* ---- a template ---- */

/* The depth is bounded: a topic that is being put is used up. */
static void put_template(struct topic_writing *w, struct slice template)
{
    while (template.len) {
        size_t open = slice_find(template, '{');
        buffer_put(w->out, slice_first(template, open));
        template = slice_skip(template, open);
        size_t end = slice_find(template, '}');
        if (end == template.len || end == 1) { /* no variable: as it stands */
            size_t taken = template.len == 0 ? 0 : end == 1 ? 2 : template.len;
            buffer_put(w->out, slice_first(template, taken));
            template = slice_skip(template, taken);
            continue;
        }
        put_variable(w, slice_skip(slice_first(template, end), 1));
        template = slice_skip(template, end + 1);
    }
}

/* A topic does not stand in itself. */
static uint32_t used_at_first(enum topic_kind kind)
{
    uint32_t used = 0;
    for (size_t i = 0; i < WORD_COUNT; i++)
        if (words[i].topic && words[i].index == (int)kind)
            used |= 1u << i;
    return used;
}

void topic_put(const struct topic_scope *s, enum topic_kind kind, struct buffer *out)
{
    bool with_telemetry = kind == TOPIC_METADATA && (s->path.len || template_of(s, kind).len == 0);
    enum topic_kind as = with_telemetry ? TOPIC_TELEMETRY : kind;
    struct topic_writing w = {.scope = s, .out = out, .used = used_at_first(as)};
    put_template(&w, template_of(s, as));
    if (as == TOPIC_TELEMETRY)
        buffer_put(out, s->path);
}

#include "json/write.h"
#include "published/config_document.h"
#include "published/config_members.h"
#include "published/config_pretty.h"
#include "published/config_table.h"

/* ---- objects with known members ---- */

/* Begins a member; the first one opens the object. */
static void begin_member(struct slice name, bool *any, struct pretty in, struct buffer *out)
{
    buffer_u8(out, *any ? ',' : '{');
    *any = true;
    pretty_line(out, pretty_deeper(in));
    json_escape(out, name);
    buffer_text(out, ": ");
}

static void end_members(bool any, struct pretty in, struct buffer *out)
{
    if (any)
        pretty_line(out, in);
    else
        buffer_u8(out, '{');
    buffer_u8(out, '}');
}

static struct slice known_name(const struct fields *fields, struct slice name)
{
    const struct field *f = config_field(fields, name);
    return f ? slice_of(f->name) : name;
}

static bool is_set(const struct document_node *n, struct slice name)
{
    for (size_t i = 0; i < n->member_count; i++)
        if (slice_eq_nocase(slice_of(n->members[i].name), name))
            return true;
    return false;
}

static void put_node(const struct document_node *n, struct pretty in, struct buffer *out)
{
    bool any = false;
    struct config_members m = config_members(n->json);
    while (config_members_next(&m)) {
        if (is_set(n, m.name))
            continue;
        begin_member(known_name(&config_node_fields, m.name), &any, in, out);
        pretty_put(m.value, pretty_deeper(in), out);
    }
    for (size_t i = 0; i < n->member_count; i++) {
        if (!n->members[i].json.len)
            continue;
        begin_member(slice_of(n->members[i].name), &any, in, out);
        buffer_put(out, n->members[i].json);
    }
    end_members(any, in, out);
}

/* ---- an array of what stood there and what is new ---- */

struct array {
    struct slice text; /* of the file; empty: all is new */
    struct layout_array layout;
    struct pretty in; /* of the elements */
    size_t written;
    const struct layout_element *before; /* whose tail is still to come */
};

static void put_tail(struct array *l, struct buffer *out)
{
    if (l->before)
        buffer_put(out, slice_first(slice_skip(l->text, l->before->end),
                                    l->before->tail - l->before->end));
    l->before = NULL;
}

/* What stands before the element; `e` is NULL for a new one. */
static void begin_element(struct array *l, const struct layout_element *e, struct buffer *out)
{
    if (l->written++)
        buffer_u8(out, ',');
    put_tail(l, out);
    if (e)
        buffer_put(out, slice_first(slice_skip(l->text, e->head), e->at - e->head));
    else
        pretty_line(out, l->in);
    l->before = e;
}

static void end_array(struct array *l, struct buffer *out)
{
    bool fresh = l->written && !l->before;
    struct slice rest =
        slice_first(slice_skip(l->text, l->layout.last), l->layout.close - l->layout.last);
    put_tail(l, out);
    buffer_put(out, rest);
    if (fresh && slice_find(rest, '\n') == rest.len)
        pretty_line(out, (struct pretty){l->in.base, l->in.depth - 1});
    buffer_u8(out, ']');
}

/* ---- nodes of an entry ---- */

static void put_nodes(struct document *d, const struct document_entry *e, size_t at,
                      struct pretty in, struct buffer *out)
{
    const struct json *array = e->fresh ? NULL : json_get_nocase(e->json, "OpcNodes");
    struct array l = {.in = pretty_deeper(in)};
    if (json_is(array, JSON_ARRAY)) {
        l.text = d->text;
        l.layout = layout_array(&d->arena, d->text, at, json_count(array));
    }
    buffer_u8(out, '[');
    for (size_t i = 0; i < e->node_count; i++) {
        const struct document_node *n = &e->nodes[i];
        const struct layout_element *stood = n->fresh ? NULL : &l.layout.elements[n->index];
        begin_element(&l, stood, out);
        if (stood)
            buffer_put(out, slice_first(slice_skip(d->text, stood->at), stood->end - stood->at));
        else
            put_node(n, l.in, out);
    }
    end_array(&l, out);
}

/* ---- entries ---- */

static void put_version(const struct document *d, struct buffer *out)
{
    buffer_printf(out, "%llu", (unsigned long long)d->version + 1);
}

static void put_time(uint64_t now_ms, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_put_time(&w, now_ms);
}

static void put_new_entry(struct document *d, const struct document_entry *e, struct pretty in,
                          uint64_t now_ms, struct buffer *out)
{
    bool any = false;
    struct config_members m = config_members(e->json);
    while (config_members_next(&m)) {
        struct slice name = known_name(&config_entry_fields, m.name);
        if (slice_eq(name, SLICE("OpcNodes")) || slice_eq(name, SLICE("NodeId")) || slice_eq(name, SLICE("Version")) ||
            slice_starts(name, SLICE("LastChange")))
            continue;
        begin_member(name, &any, in, out);
        pretty_put(m.value, pretty_deeper(in), out);
    }
    begin_member(SLICE("Version"), &any, in, out);
    put_version(d, out);
    begin_member(SLICE("LastChangeDateTime"), &any, in, out);
    put_time(now_ms, out);
    begin_member(SLICE("OpcNodes"), &any, in, out);
    put_nodes(d, e, 0, pretty_deeper(in), out);
    end_members(any, in, out);
}

/* An entry of the file, copied up to `copied`, with some members written otherwise. */
struct patch {
    struct document *d;
    const struct document_entry *e;
    struct pretty in; /* of its members */
    uint64_t now_ms;
    size_t copied;
    bool version, time, nodes;
    struct buffer *out;
};

static void copy_to(struct patch *p, size_t at)
{
    buffer_put(p->out, slice_first(slice_skip(p->d->text, p->copied), at - p->copied));
    p->copied = at;
}

static void patch_member(struct patch *p, struct slice name, const struct json *value,
                         const struct layout_member *m)
{
    bool version = slice_eq_nocase(name, SLICE("Version"));
    bool time = slice_eq_nocase(name, SLICE("LastChangeDateTime")) ||
                slice_eq_nocase(name, SLICE("LastChangeTimespan"));
    bool nodes = p->e->changed && value == json_get_nocase(p->e->json, "OpcNodes");
    bool legacy = p->e->changed && slice_eq_nocase(name, SLICE("NodeId"));
    if (!version && !time && !nodes && !legacy)
        return;
    copy_to(p, m->value);
    if (version)
        put_version(p->d, p->out);
    else if (time)
        put_time(p->now_ms, p->out);
    else if (nodes)
        put_nodes(p->d, p->e, m->value, p->in, p->out);
    else
        buffer_text(p->out, "null"); /* it is among OpcNodes now */
    p->version = p->version || version;
    p->time = p->time || time;
    p->nodes = p->nodes || nodes;
    p->copied = m->end;
}

static void add_member(struct patch *p, const char *name)
{
    buffer_u8(p->out, ',');
    pretty_line(p->out, p->in);
    buffer_printf(p->out, "\"%s\": ", name);
}

static void put_old_entry(struct document *d, const struct document_entry *e,
                          const struct layout_element *stood, uint64_t now_ms, struct buffer *out)
{
    struct layout_object o = layout_object(&d->arena, d->text, stood->at, json_count(e->json));
    struct patch p = {.d = d, .e = e, .now_ms = now_ms, .copied = stood->at, .out = out};
    p.in = (struct pretty){layout_indent(d->text, o.count ? o.members[0].at : stood->at), 0};
    size_t at = 0;
    for (struct json_walk w = json_walk(e->json); json_next(&w); at++)
        patch_member(&p, w.name, w.value, &o.members[at]);
    if (o.count) {
        copy_to(&p, o.members[o.count - 1].end);
        if (!p.version)
            add_member(&p, "Version"), put_version(d, out);
        if (!p.time)
            add_member(&p, "LastChangeDateTime"), put_time(now_ms, out);
        if (e->changed && !p.nodes)
            add_member(&p, "OpcNodes"), put_nodes(d, e, 0, p.in, out);
    }
    copy_to(&p, stood->end);
}

void document_write(struct document *d, uint64_t now_ms, struct buffer *out)
{
    const struct json *root = json_root(d->config.doc);
    struct array l = {.in = {.depth = 1}};
    size_t mark = slice_starts(d->text, SLICE("\xef\xbb\xbf")) ? 3 : 0;
    if (root) {
        l.text = d->text;
        l.layout = layout_array(&d->arena, d->text, mark, json_count(root));
        buffer_put(out, slice_first(d->text, l.layout.open));
    } else {
        buffer_u8(out, '[');
    }
    for (size_t i = 0; i < d->entry_count; i++) {
        const struct document_entry *e = &d->entries[i];
        const struct layout_element *stood = e->fresh ? NULL : &l.layout.elements[e->index];
        begin_element(&l, stood, out);
        if (!stood)
            put_new_entry(d, e, l.in, now_ms, out);
        else if (e->entry)
            put_old_entry(d, e, stood, now_ms, out);
        else
            buffer_put(out, slice_first(slice_skip(d->text, stood->at), stood->end - stood->at));
    }
    end_array(&l, out);
    if (root)
        buffer_put(out, slice_skip(d->text, l.layout.close + 1));
    else
        buffer_u8(out, '\n');
}

/* ---- answers ---- */

void document_put_node(const struct document_node *n, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    struct config_members m = config_members(n->json);
    while (config_members_next(&m)) {
        if (is_set(n, m.name))
            continue;
        json_name_slice(&w, known_name(&config_node_fields, m.name));
        json_put_value(&w, m.value);
    }
    for (size_t i = 0; i < n->member_count; i++) {
        if (!n->members[i].json.len)
            continue;
        json_name(&w, n->members[i].name);
        json_put_raw(&w, n->members[i].json);
    }
    json_end_object(&w);
}

static bool is_told(struct slice name)
{
    return !slice_eq_nocase(name, SLICE("OpcAuthenticationPassword")) &&
           !slice_eq_nocase(name, SLICE("Password")) &&
           !slice_eq_nocase(name, SLICE("EncryptedAuthPassword")) &&
           !slice_eq_nocase(name, SLICE("NodeId")) && !slice_eq_nocase(name, SLICE("OpcNodes")) &&
           !slice_eq(name, SLICE("$schema"));
}

void document_put_entry(const struct document_entry *e, bool with_nodes, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    struct config_members m = config_members(e->json);
    while (config_members_next(&m)) {
        if (!is_told(m.name))
            continue;
        json_name_slice(&w, known_name(&config_entry_fields, m.name));
        json_put_value(&w, m.value);
    }
    if (with_nodes) {
        bool comma = false;
        json_name(&w, "OpcNodes");
        json_put_raw(&w, SLICE("["));
        for (size_t i = 0; i < e->node_count; i++) {
            if (!e->nodes[i].node)
                continue;
            if (comma)
                buffer_u8(out, ',');
            document_put_node(&e->nodes[i], out);
            comma = true;
        }
        buffer_u8(out, ']');
    }
    json_end_object(&w);
}

/* One data set writer and its nodes, by the names of group, writer and fields. */
#include "json/write.h"
#include "published/config_call.h"

/* ---- what is named ---- */

static struct slice text_arg(struct config_call *c, const char *name)
{
    return json_string(json_get_nocase(c->args, name));
}

static bool is_named(const struct document_entry *e, struct slice group, struct slice writer)
{
    return e->entry && slice_eq(e->entry->group, group) && slice_eq(e->entry->writer, writer);
}

static size_t count_named(struct document *d, struct slice group, struct slice writer,
                          struct document_entry **first)
{
    size_t count = 0;
    for (size_t i = d->entry_count; i-- > 0;) {
        if (!is_named(&d->entries[i], group, writer))
            continue;
        *first = &d->entries[i];
        count++;
    }
    return count;
}

static struct slice field_id(const struct document_node *n)
{
    return n->node ? n->node->field_id : (struct slice){0};
}

static bool refuse_ambiguous(struct config_call *c)
{
    return config_call_refuse(
        c, FORBIDDEN, "Trying to find entry with provided writer id produced ambigious results.");
}

static bool have_unique_ids(struct config_call *c, const struct document_entry *e)
{
    struct map seen = {0};
    bool unique = true;
    for (size_t i = 0; i < e->node_count && unique; i++)
        unique = !map_put(&seen, field_id(&e->nodes[i]), c);
    map_clear(&seen);
    return unique || config_call_refuse(c, BAD_ARGUMENT,
                                        "Field ids in writer entry must be present and unique.");
}

static bool find_writer(struct config_call *c, struct document_entry **out)
{
    size_t count = count_named(&c->document, text_arg(c, "dataSetWriterGroup"),
                               text_arg(c, "dataSetWriterId"), out);
    if (count == 0)
        return config_call_refuse(c, NOT_FOUND,
                                  "Could not find entry with provided writer id and writer group.");
    return count == 1 ? have_unique_ids(c, *out) : refuse_ambiguous(c);
}

static struct document_node *find_field(const struct document_entry *e, struct slice id)
{
    for (size_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].node && slice_eq(field_id(&e->nodes[i]), id))
            return &e->nodes[i];
    return NULL;
}

/* ---- the nodes of a request ---- */

/* What names the node here: its own field id, or else its id. */
static struct slice name_of(const struct config_node *n)
{
    return n->field_id.len ? n->field_id : n->id;
}

static bool check_nodes(struct config_call *c, const struct config_entry *e)
{
    struct map seen = {0};
    bool unique = true, plain = true;
    for (size_t i = 0; i < e->node_count; i++) {
        plain = plain && e->nodes[i].publishing_ms == CONFIG_UNSET;
        unique = name_of(&e->nodes[i]).len && !map_put(&seen, name_of(&e->nodes[i]), c) && unique;
    }
    map_clear(&seen);
    if (!plain)
        return config_call_refuse(c, BAD_ARGUMENT,
                                  "Publishing interval not allowed on node level. "
                                  "Must be set at writer level.");
    return unique || config_call_refuse(c, BAD_ARGUMENT, "Field ids must be present and unique.");
}

static void name_node(struct config_call *c, struct document_node *n)
{
    if (!n->node->field_id.len)
        document_set_text(&c->document, n, "DataSetFieldId", name_of(n->node));
}

/* ---- writers ---- */

bool config_put_writer(struct config_call *c)
{
    if (!config_call_read_entry(c, c->args) || !check_nodes(c, &c->request.entries[0]))
        return false;
    const struct config_entry *request = &c->request.entries[0];
    struct document_entry *old;
    size_t count = count_named(&c->document, request->group, request->writer, &old);
    if (count > 1)
        return refuse_ambiguous(c);
    if (count == 1)
        document_remove(&c->document, old);
    struct document_entry *e = document_add(&c->document, request);
    for (size_t i = 0; i < e->node_count; i++)
        name_node(c, &e->nodes[i]);
    return true;
}

bool config_get_writer(struct config_call *c)
{
    struct document_entry *e;
    if (!find_writer(c, &e))
        return false;
    document_put_entry(e, false, &c->answer->body);
    return true;
}

bool config_remove_writer(struct config_call *c)
{
    struct slice group = text_arg(c, "dataSetWriterGroup"), writer = text_arg(c, "dataSetWriterId");
    struct document_entry *e;
    if (!json_bool(json_get_nocase(c->args, "force"), false)) {
        if (!find_writer(c, &e))
            return false;
        document_remove(&c->document, e);
        return true;
    }
    if (count_named(&c->document, group, writer, &e) == 0)
        return find_writer(c, &e);
    while (count_named(&c->document, group, writer, &e))
        document_remove(&c->document, e);
    return true;
}

/* ---- nodes ---- */

/* Reads nodes by themselves, as those of an entry that is nowhere. */
static bool read_nodes(struct config_call *c, const struct json *nodes, bool one)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    buffer_text(&text, "[{\"EndpointUrl\":\"opc.tcp://writer\",\"OpcNodes\":");
    buffer_text(&text, one ? "[" : "");
    json_put_value(&w, nodes);
    buffer_text(&text, one ? "]}]" : "}]");
    bool good = config_call_read(c, buffer_slice(&text));
    buffer_clear(&text);
    return good && check_nodes(c, &c->request.entries[0]);
}

/* Behind the field that is named, or behind all. */
static bool find_place(struct config_call *c, const struct document_entry *e, size_t *at)
{
    const struct json *after = json_get_nocase(c->args, "insertAfterFieldId");
    *at = e->node_count;
    if (!json_is(after, JSON_STRING))
        return true;
    const struct document_node *n = find_field(e, json_string(after));
    if (!n)
        return config_call_refuse(c, NOT_FOUND, "Field to insert after not found.");
    *at = (size_t)(n - e->nodes) + 1;
    return true;
}

/* Those that are there are replaced where they stand; the others are marked, and counted. */
static size_t replace_known(struct config_call *c, struct document_entry *e,
                            const struct config_entry *request, bool *fresh)
{
    struct map places = {0};
    size_t count = 0;
    for (size_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].node)
            map_put(&places, field_id(&e->nodes[i]), &e->nodes[i]);
    for (size_t i = 0; i < request->node_count; i++) {
        struct document_node *old = map_get(&places, name_of(&request->nodes[i]));
        fresh[i] = !old;
        count += !old;
        if (!old)
            continue;
        document_replace(&c->document, e, (size_t)(old - e->nodes), &request->nodes[i]);
        name_node(c, old);
    }
    map_clear(&places);
    return count;
}

static void add_fresh(struct config_call *c, struct document_entry *e, size_t at, size_t count,
                      const struct config_entry *request, const bool *fresh)
{
    document_open(&c->document, e, at, count);
    for (size_t i = 0; i < request->node_count; i++) {
        if (!fresh[i])
            continue;
        document_replace(&c->document, e, at, &request->nodes[i]);
        name_node(c, &e->nodes[at++]);
    }
}

static bool put_nodes(struct config_call *c, const struct json *nodes, bool one)
{
    struct document_entry *e;
    size_t at;
    if (json_count(nodes) == 0)
        return config_call_refuse(c, BAD_ARGUMENT, "null or empty OpcNodes is provided in request");
    if (!read_nodes(c, nodes, one) || !find_writer(c, &e) || !find_place(c, e, &at))
        return false;
    const struct config_entry *request = &c->request.entries[0];
    bool *fresh = ARENA_TAKE_N(&c->document.arena, bool, request->node_count);
    size_t count = replace_known(c, e, request, fresh);
    add_fresh(c, e, at, count, request, fresh);
    return true;
}

bool config_put_nodes(struct config_call *c)
{
    return put_nodes(c, json_get_nocase(c->args, "opcNodes"), false);
}

bool config_put_node(struct config_call *c)
{
    return put_nodes(c, json_get_nocase(c->args, "opcNode"), true);
}

static bool remove_fields(struct config_call *c, const struct map *ids)
{
    struct document_entry *e;
    if (!find_writer(c, &e))
        return false;
    if (e->node_count == 0)
        return config_call_refuse(c, NOT_FOUND, "No nodes in dataset.");
    size_t kept = 0;
    for (size_t i = 0; i < e->node_count; i++)
        if (!e->nodes[i].node || !map_get(ids, field_id(&e->nodes[i])))
            e->nodes[kept++] = e->nodes[i];
    if (kept == e->node_count)
        return config_call_refuse(c, NOT_FOUND, "Specified %s not found in dataset",
                                  ids->count == 1 ? "node" : "nodes");
    e->node_count = kept;
    e->changed = true;
    return true;
}

bool config_remove_nodes(struct config_call *c)
{
    const struct json *list = json_get_nocase(c->args, "dataSetFieldIds");
    struct map ids = {0};
    bool unique = true;
    for (struct json_walk w = json_walk(list); json_next(&w);)
        unique = !map_put(&ids, json_string(w.value), c) && unique;
    bool good = json_count(list) == 0
                    ? config_call_refuse(c, BAD_ARGUMENT, "Field ids must be specified.")
                : !unique ? config_call_refuse(c, BAD_ARGUMENT, "Field ids must be unique.")
                          : remove_fields(c, &ids);
    map_clear(&ids);
    return good;
}

bool config_remove_node(struct config_call *c)
{
    struct slice id = text_arg(c, "dataSetFieldId");
    struct map ids = {0};
    map_put(&ids, id, c);
    bool good = id.len ? remove_fields(c, &ids)
                       : config_call_refuse(c, BAD_ARGUMENT, "Field ids must be specified.");
    map_clear(&ids);
    return good;
}

/* ---- questions ---- */

bool config_get_node(struct config_call *c)
{
    struct document_entry *e;
    if (!find_writer(c, &e))
        return false;
    struct slice id = text_arg(c, "dataSetFieldId");
    const struct document_node *n = find_field(e, id);
    if (!n)
        return config_call_refuse(c, NOT_FOUND, "Node with id %.*s not found.", SLICE_FMT(id));
    document_put_node(n, &c->answer->body);
    return true;
}

/* Where the page begins: behind the field that was the last one of the page before. A field that is
 * gone ends it. */
static size_t page_start(struct config_call *c, const struct document_entry *e)
{
    const struct json *last = json_get_nocase(c->args, "lastDataSetFieldId");
    if (!json_is(last, JSON_STRING) || !json_string(last).len)
        return 0;
    const struct document_node *n = find_field(e, json_string(last));
    return n ? (size_t)(n - e->nodes) + 1 : e->node_count;
}

bool config_get_nodes(struct config_call *c)
{
    const struct json *size = json_get_nocase(c->args, "pageSize");
    struct document_entry *e;
    uint64_t room = CONFIG_PAGE_MAX;
    if (json_is(size, JSON_NUMBER) && !json_u64(size, &room))
        return config_call_refuse(c, BAD_ARGUMENT, "pageSize must be a whole number, 0 or more");
    if (!find_writer(c, &e))
        return false;
    bool comma = false;
    buffer_u8(&c->answer->body, '[');
    for (size_t i = page_start(c, e); i < e->node_count && room > 0; i++) {
        if (!e->nodes[i].node)
            continue;
        if (comma)
            buffer_u8(&c->answer->body, ',');
        document_put_node(&e->nodes[i], &c->answer->body);
        comma = true;
        room--;
    }
    buffer_u8(&c->answer->body, ']');
    return true;
}

#include "publisher/asset_json.h"

#include "base/map.h"
#include "opcua/result_json.h"
#include "publisher/expand_json.h"

/* "asset/variable"; "asset/variable_1" for another variable of that name. */
static void put_field(struct map *taken, struct slice object, struct slice variable,
                      struct buffer *out)
{
    buffer_printf(out, "%.*s/%.*s", SLICE_FMT(object), SLICE_FMT(variable));
    size_t len = out->len;
    for (unsigned n = 1; map_put(taken, buffer_slice(out), taken); n++) {
        out->len = len;
        buffer_printf(out, "_%u", n);
    }
}

static void put_node(struct json_writer *w, struct map *taken, struct slice object,
                     const struct expand_variable *v)
{
    struct buffer field = {0};
    put_field(taken, object, v->name, &field);
    expand_put_node(w, v->id, buffer_slice(&field), v->name);
    buffer_clear(&field);
}

static void put_nodes(struct json_writer *w, const struct expand_result *results, size_t count)
{
    struct map taken = {0};
    json_name(w, "OpcNodes");
    json_array(w);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < results[i].count; k++)
            put_node(w, &taken, results[i].name, &results[i].variables[k]);
    json_end_array(w);
    map_clear(&taken);
}

void asset_put_entry(struct json_writer *w, const struct json *entry, struct slice id,
                     struct slice name, const struct expand_result *results, size_t count)
{
    json_object(w);
    expand_put_rest(w, entry, name.len ? SLICE("DataSetName") : name);
    json_member(w, "DataSetWriterId", id);
    json_member(w, "DataSetName", name);
    put_nodes(w, results, count);
    json_end_object(w);
}

/* Results stand in the order of the assets; those of one stand together. */
void asset_put_list(struct json_writer *w, const struct json *entry, const struct asset_work *work)
{
    const struct expand_result *all = work->found.results;
    size_t from = 0;
    json_array(w);
    for (size_t i = 0; i < work->listed_count; i++) {
        const struct asset_listed *a = &work->listed[i];
        UA_StatusCode status = UA_STATUSCODE_GOOD;
        size_t to = from;
        for (; to < work->found.count && slice_eq(all[to].node, a->id); to++)
            status = status ? status : all[to].status;
        json_object(w);
        json_name(w, "result");
        asset_put_entry(w, entry, a->id, a->name, all + from, to - from);
        opcua_put_error(w, status, NULL);
        json_end_object(w);
        from = to;
    }
    json_end_array(w);
}

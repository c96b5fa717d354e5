/*
 * POST /devices: many identities and twins at once. One transaction carries out all items, each of
 * them a change of its own: one that is refused does not hold up the others. 200 when all went
 * well, 400 with the same form when one did not.
 */
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "hub/rest.h"
#include "json/write.h"

struct item {
    struct bulk *bulk;
    struct iot_id id;
    const char *key; /* "device[/module]" */
    struct slice operation;
    enum status why;
    const char *error; /* its name on the wire; NULL: it went well */
    const char *text, *warning;
};

struct bulk {
    struct rest_request *request;
    size_t count, waiting;
    struct item items[];
};

/* ---- the answer ---- */

static void put_id(struct json_writer *w, const struct item *item)
{
    json_object(w);
    json_name(w, "deviceId"), json_put_string(w, item->id.device);
    json_member(w, "moduleId", item->id.module);
}

static void put_errors(const struct bulk *b, struct json_writer *w)
{
    json_name(w, "errors"), json_array(w);
    for (size_t i = 0; i < b->count; i++) {
        const struct item *item = &b->items[i];
        if (item->error == NULL)
            continue;
        put_id(w, item);
        json_name(w, "errorCode"), json_put_text(w, item->error);
        json_name(w, "errorStatus"), json_put_text(w, item->text ? item->text : "");
        json_member(w, "operation", item->operation);
        json_end_object(w);
    }
    json_end_array(w);
}

static void put_warnings(const struct bulk *b, struct json_writer *w)
{
    json_name(w, "warnings"), json_array(w);
    for (size_t i = 0; i < b->count; i++) {
        const struct item *item = &b->items[i];
        if (item->warning == NULL)
            continue;
        put_id(w, item);
        json_name(w, "warningCode"), json_put_text(w, "DeviceRegisteredWithoutTwin");
        json_name(w, "warningStatus"), json_put_text(w, item->warning);
        json_end_object(w);
    }
    json_end_array(w);
}

static void answer(struct bulk *b)
{
    bool fine = true;
    for (size_t i = 0; i < b->count; i++)
        fine = fine && b->items[i].error == NULL;
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "isSuccessful"), json_put_bool(&w, fine);
    put_errors(b, &w);
    put_warnings(b, &w);
    json_end_object(&w);
    if (!fine)
        rest_add_header(b->request, "iothub-errorcode", SLICE("BulkRegistryOperationFailure"));
    rest_reply_json(b->request, fine ? 200 : 400, buffer_slice(&body));
    buffer_clear(&body);
    free(b);
}

/* ---- the items ---- */

static const char *keep(struct bulk *b, const char *text)
{
    return text ? arena_text(&b->request->arena, slice_of(text)) : NULL;
}

static void on_item(void *arg, const struct registry_answer *a)
{
    struct item *item = arg;
    struct bulk *b = item->bulk;
    item->warning = keep(b, a->warning);
    if (a->why != OK) {
        item->error = iot_status_wire_of(a->of, a->why)->name;
        item->text = keep(b, a->text);
    }
    if (--b->waiting == 0)
        answer(b);
}

static struct registry_ask ask_of(struct bulk *b, const struct item *item, const struct json *value)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, value);
    struct registry_ask ask = {.what = &registry_import,
                               .id = item->id,
                               .body = arena_copy(&b->request->arena, buffer_slice(&text))};
    buffer_clear(&text);
    return ask;
}

/* An identity twice in one request: which is meant to hold? */
static void read_item(struct bulk *b, struct item *item, const struct json *value, struct map *seen)
{
    struct arena *a = &b->request->arena;
    struct buffer key = {0};
    item->bulk = b;
    item->id.device = arena_copy(a, json_string(json_get(value, "id")));
    item->id.module = arena_copy(a, json_string(json_get(value, "moduleId")));
    item->operation = arena_copy(a, json_string(json_get_nocase(value, "importMode")));
    iot_id_print(item->id, &key);
    item->key = arena_text(a, buffer_slice(&key));
    buffer_clear(&key);
    if (map_get(seen, slice_of(item->key))) {
        item->error = "DeviceDefinedMultipleTimes";
        item->text = "it stands in the request more than once";
    } else {
        map_put(seen, slice_of(item->key), item);
    }
}

/* Those that can be asked for at all. */
static void ask_all(struct bulk *b, const struct json *array)
{
    struct arena *a = &b->request->arena;
    struct registry_ask *asks = ARENA_TAKE_N(a, struct registry_ask, b->count);
    void **args = ARENA_TAKE_N(a, void *, b->count);
    size_t n = 0;
    for (struct json_walk w = json_walk(array); json_next(&w); n++) {
        if (b->items[n].error)
            continue;
        asks[b->waiting] = ask_of(b, &b->items[n], w.value);
        args[b->waiting++] = &b->items[n];
    }
    if (b->waiting == 0)
        answer(b);
    else
        registry_ask_all(((struct hub *)b->request->app)->registry, b->request->loop, asks,
                         b->waiting, on_item, args);
}

static void begin_all(struct rest_request *r, const struct json *array, size_t count)
{
    struct bulk *b = memory_new(sizeof(*b) + count * sizeof(b->items[0]));
    struct map seen = {0};
    size_t n = 0;
    b->request = r;
    b->count = count;
    for (struct json_walk w = json_walk(array); json_next(&w); n++)
        read_item(b, &b->items[n], w.value, &seen);
    map_clear(&seen);
    ask_all(b, array);
}

static void post(struct rest_request *r)
{
    struct hub *hub = r->app;
    struct json_doc *doc = NULL;
    if (json_parse(r->body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_ARRAY)) {
        hub_rest_error(r, BAD_FORMAT, IOT_DEVICE,
                       "the body must be a JSON array of devices and modules");
    } else {
        size_t count = json_count(json_root(doc));
        if (count == 0 || count > hub->limits.bulk_items)
            hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                           arena_printf(&r->arena,
                                        "there must be 1 to %llu devices and modules, not %zu",
                                        (unsigned long long)hub->limits.bulk_items, count));
        else
            begin_all(r, json_root(doc), count);
    }
    json_free(&doc);
}

static const struct rest_route routes[] = {
    {"POST", "/devices", post, REST_WRITE, "BulkRegistry_UpdateRegistry", NULL, NULL},
};
const struct rest_table hub_rest_bulk = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};

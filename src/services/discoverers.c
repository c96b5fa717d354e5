#include "services/discoverers.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "services/ids.h"
#include "json/json.h"

#define LOOKUP_MS 60000 /* how old a list may be */
#define CALL_MS 30000

struct services_discoverers {
    struct loop *loop;
    struct service_client *hub;
    char *module;
    bool configured;
    char *ids[DISCOVERERS_MAX]; /* "{device}_module_{module}" */
    size_t count;
    uint64_t looked_up_ms; /* 0: never */
    /* While the hub is asked: */
    bool looking;
    size_t asked; /* devices whose modules were asked for and not answered */
    char *found[DISCOVERERS_MAX];
    size_t found_count;
    enum status failed;
    struct list waiting; /* calls */
};

/* One call to all of them. */
struct call {
    struct link link;
    struct services_discoverers *discoverers;
    char *method;
    struct buffer payload;
    char id[40];
    size_t left, taken;
    enum status last;
    services_discoverers_fn *fn;
    void *arg;
};

/* ---- calling ---- */

static void finish(struct call *c, enum status why)
{
    c->fn(c->arg, why);
    free(c->method);
    buffer_clear(&c->payload);
    free(c);
}

static void one_answered(struct call *c, enum status why)
{
    if (why == OK)
        c->taken++;
    else
        c->last = why;
    if (--c->left == 0)
        finish(c, c->taken > 0 ? OK : c->last);
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct call *c = arg;
    (void)payload;
    if (why == OK && (status < 200 || status > 299))
        why = status == 429 ? BUSY : PEER_FAILED;
    if (why != OK)
        log_warn("discoverer did not take %s why=%s status=%d rid=%s", c->method, status_name(why),
                 status, c->id);
    one_answered(c, why);
}

static void call_one(struct call *c, const char *id)
{
    struct service_method m = {.id = services_ids_module(slice_of(id)),
                               .name = c->method,
                               .payload = buffer_slice(&c->payload),
                               .response_timeout_ms = CALL_MS,
                               .call_id = c->id};
    enum status s = service_client_invoke_method(c->discoverers->hub, &m, on_method, c);
    if (s != OK)
        one_answered(c, s);
}

static void call_all(struct call *c)
{
    struct services_discoverers *d = c->discoverers;
    size_t count = d->count;
    if (count == 0) {
        finish(c, d->failed != OK ? d->failed : NOT_FOUND);
        return;
    }
    c->left = count + 1; /* one for ourselves: the call must live until the last was sent */
    c->last = NOT_FOUND;
    for (size_t i = 0; i < count; i++)
        call_one(c, d->ids[i]);
    if (--c->left == 0)
        finish(c, c->taken > 0 ? OK : c->last);
}

/* ---- looking up ---- */

static void use_found(struct services_discoverers *d)
{
    d->looking = false;
    if (d->failed == OK) {
        for (size_t i = 0; i < d->count; i++)
            free(d->ids[i]);
        memcpy(d->ids, d->found, sizeof(d->found[0]) * d->found_count);
        d->count = d->found_count;
        d->looked_up_ms = loop_now_ms(d->loop) + 1;
    } else {
        for (size_t i = 0; i < d->found_count; i++)
            free(d->found[i]);
        log_warn("discoverers not looked up why=%s", status_name(d->failed));
    }
    d->found_count = 0;
    struct list ready;
    list_init(&ready);
    for (struct link *l; (l = list_pop(&d->waiting));)
        list_push(&ready, l);
    for (struct link *l; (l = list_pop(&ready));)
        call_all(LIST_OF(l, struct call, link));
}

static void device_answered(struct services_discoverers *d, enum status why)
{
    if (why != OK)
        d->failed = why;
    if (--d->asked == 0)
        use_found(d);
}

static void keep_module(struct services_discoverers *d, const struct json *module)
{
    struct iot_id id = {json_string(json_get(module, "deviceId")),
                        json_string(json_get(module, "moduleId"))};
    if (!slice_eq(id.module, slice_of(d->module)) || d->found_count == DISCOVERERS_MAX)
        return;
    struct buffer text = {0};
    services_ids_put_module(id, &text);
    d->found[d->found_count++] = memory_text(buffer_cstr(&text));
    buffer_clear(&text);
}

static void on_modules(void *arg, enum status why, const struct rest_answer *a)
{
    struct services_discoverers *d = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    struct json_walk w = json_walk(json_root(doc));
    while (why == OK && json_next(&w))
        keep_module(d, w.value);
    json_free(&doc);
    device_answered(d, why == NOT_FOUND ? OK : why); /* it was deleted meanwhile */
}

static void ask_for_modules(struct services_discoverers *d, struct slice device)
{
    struct buffer path = {0};
    buffer_text(&path, "/devices/");
    percent_encode(device, &path);
    buffer_text(&path, "/modules");
    struct service_call call = {.method = "GET", .path = buffer_cstr(&path)};
    d->asked++;
    enum status s = service_client_request(d->hub, &call, on_modules, d);
    buffer_clear(&path);
    if (s != OK)
        device_answered(d, s);
}

static bool is_edge(const struct json *device)
{
    return json_bool(json_get(json_get(device, "capabilities"), "iotEdge"), false);
}

static void on_devices(void *arg, enum status why, const struct rest_answer *a)
{
    struct services_discoverers *d = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    struct json_walk w = json_walk(json_root(doc));
    while (why == OK && json_next(&w))
        if (is_edge(w.value))
            ask_for_modules(d, json_string(json_get(w.value, "deviceId")));
    json_free(&doc);
    device_answered(d, why);
}

static void look_up(struct services_discoverers *d)
{
    if (d->looking)
        return;
    d->looking = true;
    d->failed = OK;
    d->asked = 1;
    struct service_call call = {.method = "GET", .path = "/devices?top=1000"};
    enum status s = service_client_request(d->hub, &call, on_devices, d);
    if (s != OK)
        device_answered(d, s);
}

void services_discoverers_invoke(struct services_discoverers *d, const char *method,
                                 struct slice payload, const char *call_id,
                                 services_discoverers_fn *fn, void *arg)
{
    struct call *c = MEMORY_NEW(struct call);
    c->discoverers = d;
    c->method = memory_text(method);
    buffer_put(&c->payload, payload);
    if (call_id)
        strncpy(c->id, call_id, sizeof(c->id) - 1);
    c->fn = fn;
    c->arg = arg;
    bool fresh = d->looked_up_ms && loop_now_ms(d->loop) < d->looked_up_ms + LOOKUP_MS;
    if (d->configured || (fresh && d->count > 0)) {
        call_all(c);
    } else {
        list_push(&d->waiting, &c->link);
        look_up(d);
    }
}

/* ---- beginning and end ---- */

struct services_discoverers *
services_discoverers_new(const struct services_discoverers_config *config)
{
    struct services_discoverers *d = MEMORY_NEW(struct services_discoverers);
    d->loop = config->loop;
    d->hub = config->hub;
    d->module = memory_text(config->module);
    d->configured = config->list != NULL;
    for (size_t i = 0; config->list && config->list[i] && i < DISCOVERERS_MAX; i++)
        d->ids[d->count++] = memory_text(config->list[i]);
    list_init(&d->waiting);
    return d;
}

void services_discoverers_free(struct services_discoverers **d)
{
    if (*d == NULL)
        return;
    for (struct link *l; (l = list_pop(&(*d)->waiting));)
        finish(LIST_OF(l, struct call, link), CANCELLED);
    for (size_t i = 0; i < (*d)->count; i++)
        free((*d)->ids[i]);
    for (size_t i = 0; i < (*d)->found_count; i++)
        free((*d)->found[i]);
    free((*d)->module);
    free(*d);
    *d = NULL;
}

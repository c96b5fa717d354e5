#include "services/fleet.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "json/json.h"

struct known {
    struct services_fleet_member *members;
    size_t count, cap;
};

struct asker {
    struct link link;
    services_fleet_fn *fn;
    void *arg;
};

struct services_fleet {
    struct loop *loop;
    struct service_client *hub;
    struct known known;
    bool ever;
    uint64_t known_ms; /* when it was asked for */
    /* While the hub is asked: */
    struct known found;
    size_t asked; /* answers that are missing */
    uint64_t asked_ms;
    enum status failed;
    struct list askers;
};

static void forget(struct known *k)
{
    for (size_t i = 0; i < k->count; i++) {
        free(k->members[i].device);
        free(k->members[i].module);
    }
    free(k->members);
    *k = (struct known){0};
}

static void keep(struct known *k, const struct json *identity, bool with_module)
{
    if (k->count == FLEET_MAX)
        return;
    if (k->count == k->cap) {
        k->cap = k->cap ? 2 * k->cap : 64;
        k->members = memory_resize(k->members, k->cap * sizeof(*k->members));
    }
    struct slice state = json_string(json_get(identity, "connectionState"));
    k->members[k->count++] = (struct services_fleet_member){
        .device = slice_dup(json_string(json_get(identity, "deviceId"))),
        .module = with_module ? slice_dup(json_string(json_get(identity, "moduleId"))) : NULL,
        .connected = slice_eq(state, SLICE("Connected")),
    };
    if (k->count == FLEET_MAX)
        log_warn("the hub has more edge modules than are looked at max=%d", FLEET_MAX);
}

/* ---- asking the hub ---- */

static void tell(struct services_fleet *f)
{
    struct list ready;
    list_init(&ready);
    for (struct link *l; (l = list_pop(&f->askers));)
        list_push(&ready, l);
    struct services_fleet_list list = {f->known.members, f->known.count};
    for (struct link *l; (l = list_pop(&ready));) {
        struct asker *a = LIST_OF(l, struct asker, link);
        a->fn(a->arg, f->failed, f->failed == OK ? &list : NULL);
        free(a);
    }
}

static void answered(struct services_fleet *f, enum status why)
{
    if (why != OK)
        f->failed = why;
    if (--f->asked > 0)
        return;
    if (f->failed == OK) {
        forget(&f->known);
        f->known = f->found;
        f->found = (struct known){0};
        f->known_ms = f->asked_ms;
        f->ever = true;
    } else {
        forget(&f->found);
        log_warn("the hub's modules not looked up why=%s", status_name(f->failed));
    }
    tell(f);
}

static void on_modules(void *arg, enum status why, const struct rest_answer *a)
{
    struct services_fleet *f = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    struct json_walk w = json_walk(json_root(doc));
    while (why == OK && json_next(&w))
        keep(&f->found, w.value, true);
    json_free(&doc);
    answered(f, why == NOT_FOUND ? OK : why); /* it was deleted meanwhile */
}

static void ask_for_modules(struct services_fleet *f, struct slice device)
{
    struct buffer path = {0};
    buffer_text(&path, "/devices/");
    percent_encode(device, &path);
    buffer_text(&path, "/modules");
    struct service_call call = {.method = "GET", .path = buffer_cstr(&path)};
    f->asked++;
    enum status s = service_client_request(f->hub, &call, on_modules, f);
    buffer_clear(&path);
    if (s != OK)
        answered(f, s);
}

static void take_device(struct services_fleet *f, const struct json *device)
{
    if (!json_bool(json_get(json_get(device, "capabilities"), "iotEdge"), false))
        return;
    keep(&f->found, device, false);
    ask_for_modules(f, json_string(json_get(device, "deviceId")));
}

static void on_devices(void *arg, enum status why, const struct rest_answer *a)
{
    struct services_fleet *f = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    struct json_walk w = json_walk(json_root(doc));
    while (why == OK && json_next(&w))
        take_device(f, w.value);
    json_free(&doc);
    answered(f, why);
}

static void ask(struct services_fleet *f)
{
    f->failed = OK;
    f->asked = 1;
    f->asked_ms = loop_now_ms(f->loop);
    struct service_call call = {.method = "GET", .path = "/devices?top=1000"};
    enum status s = service_client_request(f->hub, &call, on_devices, f);
    if (s != OK)
        answered(f, s);
}

void services_fleet_look(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn,
                         void *arg)
{
    if (f->ever && loop_now_ms(f->loop) < f->known_ms + age_ms) {
        struct services_fleet_list list = {f->known.members, f->known.count};
        fn(arg, OK, &list);
        return;
    }
    struct asker *a = MEMORY_NEW(struct asker);
    a->fn = fn;
    a->arg = arg;
    list_push(&f->askers, &a->link);
    if (f->asked == 0)
        ask(f);
}

/* ---- beginning and end ---- */

struct services_fleet *services_fleet_new(struct loop *loop, struct service_client *hub)
{
    struct services_fleet *f = MEMORY_NEW(struct services_fleet);
    f->loop = loop;
    f->hub = hub;
    list_init(&f->askers);
    return f;
}

void services_fleet_free(struct services_fleet **fleet)
{
    struct services_fleet *f = *fleet;
    if (f == NULL)
        return;
    f->failed = CANCELLED;
    tell(f);
    forget(&f->known);
    forget(&f->found);
    free(f);
    *fleet = NULL;
}

#include "base/encoding.h"
#include "hub/rest.h"

static void get(struct rest_request *r)
{
    hub_rest_ask(r, &(struct registry_ask){.what = &registry_twin_get, .id = hub_rest_id(r)}, 200);
}

static void change(struct rest_request *r, const struct registry_work *what)
{
    hub_rest_ask(r,
                 &(struct registry_ask){
                     .what = what,
                     .id = hub_rest_id(r),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 200);
}

static void patch(struct rest_request *r)
{
    change(r, &registry_twin_patch);
}

static void put(struct rest_request *r)
{
    change(r, &registry_twin_put);
}

static void get_digital(struct rest_request *r)
{
    hub_rest_ask(
        r, &(struct registry_ask){.what = &registry_digital_twin_get, .id = hub_rest_id(r)}, 200);
}

/* 202, and where to read what became of it. */
static void on_patched(void *arg, const struct registry_answer *a)
{
    struct rest_request *r = arg;
    if (a->why != OK) {
        hub_rest_error(r, a->why, a->of, a->text);
        return;
    }
    struct hub *hub = r->app;
    rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%.*s\"", SLICE_FMT(a->etag))));
    struct buffer id = {0};
    percent_encode(rest_param(r, "id"), &id);
    rest_add_header(r, "Location",
                    slice_of(arena_printf(&r->arena, "https://%s/digitaltwins/%s", hub->name, buffer_cstr(&id))));
    buffer_clear(&id);
    rest_reply_empty(r, 202);
}

static void patch_digital(struct rest_request *r)
{
    registry_ask(((struct hub *)r->app)->registry, r->loop,
                 &(struct registry_ask){
                     .what = &registry_digital_twin_patch,
                     .id = hub_rest_id(r),
                     .body = r->body,
                     .if_match = hub_rest_if_match(r),
                 },
                 on_patched, r);
}

static const struct rest_route routes[] = {
    {"GET", "/twins/{id}", get, REST_SERVICE, "Devices_GetTwin", NULL, NULL},
    {"PATCH", "/twins/{id}", patch, REST_SERVICE, "Devices_UpdateTwin", NULL, NULL},
    {"PUT", "/twins/{id}", put, REST_SERVICE, "Devices_ReplaceTwin", NULL, NULL},
    {"GET", "/twins/{id}/modules/{moduleId}", get, REST_SERVICE, "Modules_GetTwin", NULL, NULL},
    {"PATCH", "/twins/{id}/modules/{moduleId}", patch, REST_SERVICE, "Modules_UpdateTwin", NULL, NULL},
    {"GET", "/digitaltwins/{id}", get_digital, REST_SERVICE, "DigitalTwin_GetDigitalTwin", NULL, NULL},
    {"PATCH", "/digitaltwins/{id}", patch_digital, REST_SERVICE, "DigitalTwin_UpdateDigitalTwin", NULL, NULL},
    {"PUT", "/twins/{id}/modules/{moduleId}", put, REST_SERVICE, "Modules_ReplaceTwin", NULL, NULL},
};
const struct rest_table hub_rest_twins = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};

/* For tests: a hub as far as the provisioning service asks it, on a loop, over plain HTTP. It keeps
 * devices and twins as they were sent, and writes down what it was asked. It is a webhook, too. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "io/stream.h"
#include "rest/server.h"
#include "json/json.h"

#include "base/cmocka.h"

struct hub_device {
    char *id;
    struct buffer identity, twin;
};

struct hub_double {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct map devices;
    struct buffer asked;  /* "PUT /devices/a; " */
    struct buffer hooked; /* what the webhook was sent last */
    const char *hook_answer;
    int hook_status;
    const char *fail; /* the calls that begin like this are answered 500 */
    char url[64], connection_string[96];
};

static void hub_note(struct rest_request *r)
{
    struct hub_double *h = r->app;
    buffer_printf(&h->asked, "%.*s %.*s; ", SLICE_FMT(r->method), SLICE_FMT(r->path));
}

static bool hub_fails(struct rest_request *r)
{
    struct hub_double *h = r->app;
    struct buffer call = {0};
    hub_note(r);
    buffer_printf(&call, "%.*s %.*s", SLICE_FMT(r->method), SLICE_FMT(r->path));
    bool fails = h->fail && slice_starts(buffer_slice(&call), slice_of(h->fail));
    buffer_clear(&call);
    if (fails)
        rest_reply_json(r, 500, SLICE("{\"Message\":\"ErrorCode:ServerError;broken\"}"));
    return fails;
}

static struct hub_device *hub_device(struct hub_double *h, const char *id)
{
    return map_get(&h->devices, slice_of(id));
}

static struct hub_device *hub_device_of(struct rest_request *r)
{
    struct hub_double *h = r->app;
    struct hub_device *d = map_get(&h->devices, rest_param(r, "id"));
    if (d == NULL)
        rest_reply_json(r, 404, SLICE("{\"Message\":\"ErrorCode:DeviceNotFound;\"}"));
    return d;
}

static struct hub_device *hub_device_add(struct hub_double *h, struct slice id)
{
    struct hub_device *d = MEMORY_NEW(struct hub_device);
    d->id = slice_dup(id);
    map_put(&h->devices, slice_of(d->id), d);
    return d;
}

static void hub_put_device(struct rest_request *r)
{
    struct hub_double *h = r->app;
    if (hub_fails(r))
        return;
    struct hub_device *d = map_get(&h->devices, rest_param(r, "id"));
    bool any = slice_eq(rest_header(r, "If-Match"), SLICE("\"*\""));
    if (d && !any) {
        rest_reply_json(r, 409, SLICE("{\"Message\":\"ErrorCode:DeviceAlreadyExists;\"}"));
        return;
    }
    if (d == NULL)
        d = hub_device_add(h, rest_param(r, "id"));
    buffer_reset(&d->identity);
    buffer_put(&d->identity, r->body);
    rest_reply_json(r, 200, r->body);
}

static void hub_delete_device(struct rest_request *r)
{
    struct hub_double *h = r->app;
    struct hub_device *d;
    if (hub_fails(r) || (d = hub_device_of(r)) == NULL)
        return;
    map_remove(&h->devices, slice_of(d->id));
    buffer_clear(&d->identity);
    buffer_clear(&d->twin);
    free(d->id);
    free(d);
    rest_reply_empty(r, 204);
}

static void hub_get_twin(struct rest_request *r)
{
    struct hub_device *d;
    if (!hub_fails(r) && (d = hub_device_of(r)))
        rest_reply_json(r, 200, buffer_slice(&d->twin));
}

static void hub_write_twin(struct rest_request *r)
{
    struct hub_device *d;
    if (hub_fails(r) || (d = hub_device_of(r)) == NULL)
        return;
    buffer_reset(&d->twin);
    buffer_put(&d->twin, r->body);
    rest_reply_json(r, 200, r->body);
}

static void hub_hook(struct rest_request *r)
{
    struct hub_double *h = r->app;
    hub_note(r);
    buffer_reset(&h->hooked);
    buffer_put(&h->hooked, r->body);
    rest_reply_json(r, h->hook_status, slice_of(h->hook_answer));
}

static const struct rest_route hub_routes[] = {
    {"PUT", "/devices/{id}", hub_put_device, REST_PUBLIC},
    {"DELETE", "/devices/{id}", hub_delete_device, REST_PUBLIC},
    {"GET", "/twins/{id}", hub_get_twin, REST_PUBLIC},
    {"PUT", "/twins/{id}", hub_write_twin, REST_PUBLIC},
    {"PATCH", "/twins/{id}", hub_write_twin, REST_PUBLIC},
    {"POST", "/hook", hub_hook, REST_PUBLIC},
};

static void hub_accept(void *arg, struct stream *s)
{
    struct hub_double *h = arg;
    rest_server_accept(h->server, s);
}

static void hub_open(struct hub_double *h, struct loop *loop, const char *name)
{
    struct rest_table tables[] = {REST_TABLE("", hub_routes, NULL)};
    *h = (struct hub_double){.loop = loop, .hook_status = 200, .hook_answer = "{}"};
    h->server = rest_server_new(
        &(struct rest_server_config){.loop = loop, .tables = tables, .table_count = 1, .app = h});
    assert_int_equal(listener_open(
                         &(struct listen_config){
                             .loop = loop, .host = "127.0.0.1", .on_accept = hub_accept, .arg = h},
                         &h->listener),
                     OK);
    snprintf(h->url, sizeof h->url, "http://127.0.0.1:%d", listener_port(h->listener));
    snprintf(h->connection_string, sizeof h->connection_string,
             "HostName=%s;SharedAccessKeyName=iothubowner;SharedAccessKey=a2V5IG9mIHRlc3Rz", name);
}

static void hub_close(struct hub_double *h)
{
    size_t at = 0;
    struct map_entry *e;
    while ((e = map_next(&h->devices, &at))) {
        struct hub_device *d = e->value;
        buffer_clear(&d->identity);
        buffer_clear(&d->twin);
        free(d->id);
        free(d);
    }
    map_clear(&h->devices);
    buffer_clear(&h->asked);
    buffer_clear(&h->hooked);
    listener_close(&h->listener);
    rest_server_free(&h->server);
}

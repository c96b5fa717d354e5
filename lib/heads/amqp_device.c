#include "heads/amqp_device.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_device_priv.h"
#include "iot/status_wire.h"

void device_say(struct heads_amqp_device *d, const struct heads_amqp_post *like)
{
    if (d->state != DEVICE_ENDING)
        heads_amqp_mail_put(&d->mail, like);
}

/* ---- the end ---- */

static void end(struct heads_amqp_device *d)
{
    if (d->state == DEVICE_ENDING)
        return;
    device_say(d, &(struct heads_amqp_post){.kind = POST_END});
    d->state = DEVICE_ENDING;
    list_remove(&d->node);
    d->head->device_count--;
}

static void device_free(struct heads_amqp_device *d)
{
    struct heads_amqp *h = d->head;
    assert(d->state == DEVICE_ENDING);
    head_under_way(h, -(ptrdiff_t)d->bytes);
    device_links_clear(d);
    twin_clear(d);
    method_clear(d);
    free(d->key);
    free(d);
    head_release(h);
}

void device_detach(struct heads_amqp_link *l)
{
    struct heads_amqp_device_link *dl = device_link_of(l);
    if (dl == NULL)
        return;
    struct heads_amqp_device *d = dl->device;
    dl->link = NULL;
    d->live--;
    if (dl->down != DOWN_NONE && d->down[dl->down] == dl) {
        d->down[dl->down] = NULL;
        down_detached(dl);
    }
    device_link_detached(dl);
    if (d->live == 0)
        end(d);
}

/* ---- links ---- */

/* What has a kind of its own to say when the backend gives it. */
static void take(struct heads_amqp_device_link *dl)
{
    struct heads_amqp_device *d = dl->device;
    struct heads_amqp_device_link *older = d->down[dl->down];
    d->down[dl->down] = dl;
    if (older)
        heads_amqp_detach(older->link, "amqp:link:stolen",
                          "a newer link of this device to the same address");
    down_attached(dl);
}

static void accept_link(struct heads_amqp_device_link *dl)
{
    if (dl->down != DOWN_NONE)
        take(dl);
    heads_amqp_accept(dl->link, NULL);
}

static void refuse_all(struct heads_amqp_device *d, enum status why)
{
    const char *text = why == UNAUTHORIZED || why == FORBIDDEN || why == NOT_FOUND
                           ? "the device is not known, or its token or certificate is not good"
                           : "the device cannot sign in now";
    LIST_EACH(node, &d->links)
    {
        struct heads_amqp_device_link *dl = LIST_OF(node, struct heads_amqp_device_link, node);
        if (dl->link == NULL)
            continue;
        dl->link->arg = NULL;
        heads_amqp_refuse(dl->link, why, text);
        dl->link = NULL;
        d->live--;
        device_link_detached(dl);
    }
    end(d);
}

static void signed_in(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    if (d->state != DEVICE_SIGNING_IN)
        return;
    if (p->why != OK) {
        refuse_all(d, p->why);
        return;
    }
    d->state = DEVICE_READY;
    if (d->newer_token)
        device_say(d, &(struct heads_amqp_post){.kind = POST_RENEW,
                                                .first = device_token(d->head, d->id)});
    LIST_EACH(node, &d->links)
    {
        struct heads_amqp_device_link *dl = LIST_OF(node, struct heads_amqp_device_link, node);
        if (dl->link)
            accept_link(dl);
    }
}

static void closed(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    const char *text = p->why == REPLACED ? "a newer connection of the same device"
                       : p->why == UNAUTHORIZED
                           ? "the token has expired, or the identity has changed"
                           : "closed by the server";
    log_info("amqp device closed device=%s peer=%s status=%s", d->key,
             d->head->stream ? stream_peer(d->head->stream) : "-", status_name(p->why));
    LIST_EACH(node, &d->links)
    {
        struct heads_amqp_device_link *dl = LIST_OF(node, struct heads_amqp_device_link, node);
        if (dl->link)
            heads_amqp_detach(dl->link, iot_status_wire(p->why)->amqp, text);
    }
    end(d);
}

/* ---- what the session says ---- */

typedef void post_handler(struct heads_amqp_device *d, const struct heads_amqp_post *p);

static post_handler *const handlers[POST_KINDS] = {
    [POST_SIGNED_IN] = signed_in,  [POST_ACCEPTED] = telemetry_accepted,
    [POST_TWIN] = twin_answer,     [POST_REPORTED] = twin_answer,
    [POST_DESIRED] = twin_desired, [POST_METHOD] = method_call,
    [POST_MESSAGE] = down_message, [POST_CLOSE] = closed,
};

static void open_post(void *owner, struct heads_amqp_post *p)
{
    struct heads_amqp_device *d = owner;
    if (p->kind == POST_GONE)
        device_free(d);
    else if (d->state != DEVICE_ENDING || p->kind == POST_ACCEPTED)
        handlers[p->kind](d, p);
    free(p);
}

/* ---- attaching ---- */

static struct heads_amqp_device *find(const struct heads_amqp *h, struct iot_id id)
{
    LIST_EACH(node, &h->devices)
    {
        struct heads_amqp_device *d = LIST_OF(node, struct heads_amqp_device, node);
        if (slice_eq(d->id.device, id.device) && slice_eq(d->id.module, id.module))
            return d;
    }
    return NULL;
}

static struct heads_amqp_device *device_new(struct heads_amqp *h,
                                            struct heads_amqp_devices *devices, struct iot_id id)
{
    struct heads_amqp_device *d = MEMORY_NEW(struct heads_amqp_device);
    struct buffer key = {0};
    iot_id_print(id, &key);
    d->key = slice_dup(buffer_slice(&key));
    buffer_clear(&key);
    d->id.device = slice_from(d->key, id.device.len);
    if (id.module.len)
        d->id.module = slice_from(d->key + id.device.len + 1, id.module.len);
    d->devices = devices;
    d->head = h;
    head_hold(h);
    list_init(&d->links);
    list_init(&d->twin_requests);
    list_push(&h->devices, &d->node);
    h->device_count++;
    return d;
}

static struct slice link_property(const struct amqp_attach *a, struct slice name)
{
    struct amqp_value map, v;
    if (a->properties.at == NULL || amqp_value_of(a->properties, &map) != OK ||
        !amqp_map_find(&map, name, &v) || !amqp_is_text(&v))
        return (struct slice){0};
    return v.bytes;
}

/* NULL: there is nothing to sign in with, and the link was refused. */
static struct heads_amqp_device *begin(struct heads_amqp_link *l, const struct amqp_attach *a,
                                       struct iot_id id)
{
    struct heads_amqp *h = l->head;
    struct heads_credentials c = {
        .id = id,
        .sas = device_token(h, id),
        .api_version = link_property(a, SLICE("com.microsoft:api-version")),
        .client_type = link_property(a, SLICE("com.microsoft:client-version")),
        .model_id = link_property(a, SLICE("com.microsoft:model-id")),
        .auth_chain = link_property(a, SLICE("com.microsoft:auth-chain")),
        .peer = slice_of(stream_peer(h->stream)),
    };
    if (c.sas.len == 0)
        c.certificate = stream_peer_certificate(h->stream);
    if (c.sas.len == 0 && c.certificate.len == 0) {
        heads_amqp_refuse(l, UNAUTHORIZED,
                          "put a token for this device on $cbs first, or show a certificate");
        return NULL;
    }
    struct heads_amqp_device *d = device_new(h, l->kind->arg, id);
    device_session_start(d, &c, open_post);
    return d;
}

static void attach(struct heads_amqp_link *l, const struct amqp_attach *a, enum device_down down)
{
    struct iot_id id = {.device = l->params[0], .module = l->params[1]};
    bool module = slice_eq_nocase(l->address.segments[2], SLICE("modules"));
    if (!iot_id_name_ok(id.device) || (module && !iot_id_name_ok(id.module))) {
        heads_amqp_refuse(l, BAD_ARGUMENT, "this is no id of a device or module");
        return;
    }
    struct heads_amqp_device *d = find(l->head, id);
    if ((d == NULL && l->head->device_count == HEADS_AMQP_DEVICES_MAX) ||
        (d && d->live == HEADS_AMQP_DEVICE_LINKS_MAX)) {
        heads_amqp_refuse(l, FULL, "too many devices on this connection, or links of this device");
        return;
    }
    if (d == NULL && (d = begin(l, a, id)) == NULL)
        return;
    struct heads_amqp_device_link *dl = device_link_new(d, l, down);
    if (d->state == DEVICE_READY)
        accept_link(dl);
}

static void attach_up(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, DOWN_NONE);
}

static void attach_c2d(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, DOWN_C2D);
}

static void attach_inputs(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, DOWN_INPUTS);
}

static void attach_methods(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, DOWN_METHODS);
}

static void attach_twin(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, DOWN_TWIN);
}

/* clang-format off */
#define UP(path, fn, size) \
    {.address = path, .window = size, .attach = attach_up, .transfer = fn, .detach = device_detach}
#define DOWN(path, fn) \
    {.address = path, .sends = true, .attach = fn, .credit = down_credit, .settled = down_settled, \
     .detach = device_detach}

const struct heads_amqp_kind heads_amqp_device_kinds[HEADS_AMQP_DEVICE_KINDS] = {
    UP("devices/{}/messages/events", telemetry_transfer, HEADS_AMQP_TELEMETRY_WINDOW),
    UP("devices/{}/modules/{}/messages/events", telemetry_transfer, HEADS_AMQP_TELEMETRY_WINDOW),
    DOWN("devices/{}/messages/devicebound", attach_c2d),
    DOWN("devices/{}/modules/{}/messages/events", attach_inputs),
    UP("devices/{}/methods/devicebound", method_transfer, 100),
    DOWN("devices/{}/methods/devicebound", attach_methods),
    UP("devices/{}/modules/{}/methods/devicebound", method_transfer, 100),
    DOWN("devices/{}/modules/{}/methods/devicebound", attach_methods),
    UP("devices/{}/twin", twin_transfer, HEADS_AMQP_TWIN_REQUESTS_MAX),
    DOWN("devices/{}/twin", attach_twin),
    UP("devices/{}/modules/{}/twin", twin_transfer, HEADS_AMQP_TWIN_REQUESTS_MAX),
    DOWN("devices/{}/modules/{}/twin", attach_twin),
};
/* clang-format on */

struct heads_amqp_devices *heads_amqp_devices_new(struct heads_backend *backend)
{
    struct heads_amqp_devices *d = MEMORY_NEW(struct heads_amqp_devices);
    d->backend = backend;
    return d;
}

void heads_amqp_devices_free(struct heads_amqp_devices **d)
{
    free(*d);
    *d = NULL;
}

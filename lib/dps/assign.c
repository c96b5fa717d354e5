/*
 * One registration, from "assigning" to "assigned" or "failed": each step makes one call and goes
 * on when it is answered. The steps that may follow stand at enum dps_step.
 */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "dps/allocation.h"
#include "dps/dps_priv.h"
#include "iot/identity.h"
#include "iot/status_wire.h"

static void next(struct dps_operation *o, enum dps_step step);

/* ---- failing ---- */

#define ERROR_CUSTOM_ALLOCATION 400209

static void fail(struct dps_operation *o, int code, const char *text)
{
    o->registration.state = DPS_FAILED;
    o->registration.error_code = code;
    o->registration.error_message = arena_copy(&o->arena, slice_of(text));
    next(o, DPS_SAVING);
}

static void hub_failed(struct dps_operation *o, const struct dps_hub *hub, enum status why,
                       const struct rest_answer *a, const char *what)
{
    struct slice said = a ? slice_first(a->body, 512) : (struct slice){0};
    log_warn("linked hub failed id=%.*s hub=%.*s what=\"%s\" status=%s",
             SLICE_FMT(o->registration.id), SLICE_FMT(hub->name), what, status_name(why));
    fail(o, iot_status_wire_provisioning(why == OK ? PEER_FAILED : why)->code,
         arena_printf(&o->arena, "The hub %.*s could not be told (%s): %s %.*s",
                      SLICE_FMT(hub->name), what, status_name(why), SLICE_FMT(said)));
}

/* ---- calls to a hub ---- */

static const char *device_path(struct dps_operation *o, const char *what, struct slice device)
{
    struct buffer path = {0};
    buffer_printf(&path, "/%s/", what);
    percent_encode(device, &path);
    const char *text = arena_text(&o->arena, buffer_slice(&path));
    buffer_clear(&path);
    return text;
}

static void call(struct dps_operation *o, const struct dps_hub *hub, const struct service_call *c,
                 service_client_fn *done)
{
    enum status s = service_client_request(hub->client, c, done, o);
    if (s != OK && s != CANCELLED)
        hub_failed(o, hub, s, NULL, c->path);
}

/* ---- the hub ---- */

static void chosen(struct dps_operation *o, const struct dps_hub *hub)
{
    bool was_there = o->old_hub.len > 0;
    o->hub = hub;
    o->old = was_there && !slice_eq_nocase(o->old_hub, hub->name)
                 ? dps_hub_named(o->dps, o->old_hub)
                 : NULL;
    bool moves = was_there && !slice_eq_nocase(o->old_hub, hub->name);
    if (!o->given_twin)
        o->twin = o->enrollment.initial_twin;
    o->registration.substatus = !was_there               ? SLICE("initialAssignment")
                                : !o->enrollment.migrate ? SLICE("deviceDataReset")
                                : moves                  ? SLICE("deviceDataMigrated")
                                        : SLICE("reprovisionedToInitialAssignment");
    /* Who was there and stays keeps its twin, unless the policy is to begin anew. */
    o->replace_twin = was_there && (moves || !o->enrollment.migrate || o->given_twin);
    next(o, o->old && o->enrollment.migrate && !o->given_twin ? DPS_READING : DPS_IDENTITY);
}

static void choose_among(struct dps_operation *o)
{
    const struct dps_enrollment *e = &o->enrollment;
    struct slice names[DPS_HUBS_MAX];
    size_t count = 0;
    const struct slice *wanted = e->hub_count ? e->hubs : o->dps->hub_names;
    size_t wanted_count = e->hub_count ? e->hub_count : o->dps->hub_count;
    if (e->allocation == DPS_STATIC)
        wanted_count = 1;
    for (size_t i = 0; i < wanted_count; i++) {
        const struct dps_hub *hub = dps_hub_named(o->dps, wanted[i]);
        if (hub)
            names[count++] = hub->name;
    }
    if (count == 0)
        fail(o, iot_status_wire_provisioning(NOT_FOUND)->code,
             "None of the hubs that the enrollment names is linked any more.");
    else
        chosen(o, dps_hub_named(o->dps, names[dps_allocate_hashed(names, count, o->key)]));
}

/* ---- custom allocation ---- */

static void put_context(const struct dps_operation *o, struct json_writer *w)
{
    json_name(w, "deviceRuntimeContext"), json_object(w);
    json_member(w, "registrationId", o->registration.id);
    json_member(w, "currentIotHubHostName", o->old_hub);
    json_member(w, "currentDeviceId", o->old_device);
    json_name(w, o->registration.x509 ? "x509" : "symmetricKey"), json_object(w);
    if (o->certificate_names.len && o->registration.x509) {
        json_name(w, "clientCertificates"), json_object(w);
        json_name(w, "primary"), json_object(w);
        json_name(w, "info"), json_put_raw(w, o->certificate_names);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_object(w);
    if (o->device_payload.len)
        json_name(w, "payload"), json_put_raw(w, o->device_payload);
    json_end_object(w);
}

static void put_webhook_body(const struct dps_operation *o, struct buffer *out)
{
    const struct dps_enrollment *e = &o->enrollment;
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, e->kind == DPS_GROUP ? "enrollmentGroup" : "individualEnrollment");
    json_object(&w);
    dps_enrollment_put(e, false, &w);
    json_end_object(&w);
    put_context(o, &w);
    json_name(&w, "linkedHubs"), json_array(&w);
    const struct slice *names = e->hub_count ? e->hubs : o->dps->hub_names;
    size_t count = e->hub_count ? e->hub_count : o->dps->hub_count;
    for (size_t i = 0; i < count; i++)
        json_put_string(&w, names[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static struct slice raw(struct dps_operation *o, const struct json *v)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    if (v && !json_is(v, JSON_NULL))
        json_put_value(&w, v);
    struct slice copy = arena_copy(&o->arena, buffer_slice(&b));
    buffer_clear(&b);
    return copy;
}

static bool allowed_hub(const struct dps_operation *o, const struct dps_hub *hub)
{
    const struct dps_enrollment *e = &o->enrollment;
    if (hub == NULL || e->hub_count == 0)
        return hub != NULL;
    for (size_t i = 0; i < e->hub_count; i++)
        if (slice_eq_nocase(e->hubs[i], hub->name))
            return true;
    return false;
}

static void on_webhook(void *arg, enum status why, const struct rest_answer *a)
{
    struct dps_operation *o = arg;
    struct json_doc *doc = NULL;
    if (why == CANCELLED)
        return; /* the service ends, and the operation with it */
    if (why != OK) {
        fail(o, ERROR_CUSTOM_ALLOCATION,
             arena_printf(&o->arena, "Custom allocation failed: %s", status_name(why)));
        return;
    }
    if (a->status != 200) {
        fail(o, ERROR_CUSTOM_ALLOCATION,
             arena_printf(&o->arena, "Custom allocation failed with status code: %d", a->status));
        return;
    }
    if (json_parse(a->body, JSON_STRICT, &doc, NULL) != OK) {
        fail(o, ERROR_CUSTOM_ALLOCATION, "Custom allocation failed: the webhook sent no JSON");
        return;
    }
    const struct json *root = json_root(doc), *twin = json_get_nocase(root, "initialTwin");
    struct slice host = json_string(json_get_nocase(root, "iotHubHostName"));
    const struct dps_hub *hub = dps_hub_named(o->dps, host);
    o->registration.payload = raw(o, json_get_nocase(root, "payload"));
    if (json_is(twin, JSON_OBJECT)) {
        o->twin = raw(o, twin);
        o->given_twin = true;
    }
    bool good = allowed_hub(o, hub);
    const char *text =
        host.len ? arena_printf(&o->arena,
                                "Custom allocation failed: '%.*s' is not one of the linkedHubs",
                                SLICE_FMT(slice_first(host, 256)))
                 : "Custom allocation failed: the webhook named no iotHubHostName";
    json_free(&doc);
    if (good)
        chosen(o, hub);
    else
        fail(o, ERROR_CUSTOM_ALLOCATION, text);
}

static void ask_webhook(struct dps_operation *o)
{
    struct buffer body = {0};
    struct rest_field headers[] = {{SLICE("Content-Type"), SLICE("application/json")}};
    put_webhook_body(o, &body);
    struct rest_call c = {.method = "POST",
                          .url = arena_text(&o->arena, o->enrollment.webhook_url),
                          .headers = headers,
                          .header_count = 1,
                          .body = buffer_slice(&body),
                          .timeout_ms = DPS_WEBHOOK_MS};
    enum status s = rest_client_send(o->dps->webhooks, &c, on_webhook, o);
    buffer_clear(&body);
    if (s != OK && s != CANCELLED)
        fail(o, ERROR_CUSTOM_ALLOCATION,
             arena_printf(&o->arena, "Custom allocation failed: %s", status_name(s)));
}

static void choose(struct dps_operation *o)
{
    const struct dps_hub *was = dps_hub_named(o->dps, o->old_hub);
    if (!o->enrollment.enabled) {
        o->registration.state = DPS_DISABLED;
        o->registration.error_code = iot_status_wire_provisioning(FORBIDDEN)->code;
        o->registration.error_message = SLICE("The enrollment is disabled.");
        next(o, DPS_SAVING);
    } else if (was && !o->enrollment.update_hub) {
        o->registration.state = DPS_ASSIGNED; /* once is for ever: nothing is touched */
        next(o, DPS_SAVING);
    } else if (o->enrollment.allocation == DPS_CUSTOM) {
        ask_webhook(o);
    } else {
        choose_among(o);
    }
}

/* ---- the twin at the old hub ---- */

/* Tags and desired properties, as a service may write them. What the device reported it reports
 * again: no service may. */
static struct slice movable(struct dps_operation *o, const struct json *twin)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    const struct json *tags = json_get(twin, "tags");
    const struct json *desired = json_get(json_get(twin, "properties"), "desired");
    json_object(&w);
    if (json_is(tags, JSON_OBJECT))
        json_name(&w, "tags"), json_put_value(&w, tags);
    json_name(&w, "properties"), json_object(&w);
    if (json_is(desired, JSON_OBJECT))
        json_name(&w, "desired"), json_put_value(&w, desired); /* $metadata is passed over */
    json_end_object(&w);
    json_end_object(&w);
    struct slice copy = arena_copy(&o->arena, buffer_slice(&b));
    buffer_clear(&b);
    return copy;
}

static void on_old_twin(void *arg, enum status why, const struct rest_answer *a)
{
    struct dps_operation *o = arg;
    struct json_doc *doc = NULL;
    if (why == CANCELLED)
        return;
    if (why != OK && why != NOT_FOUND) { /* data that is there must not be lost */
        hub_failed(o, o->old, why, a, "read the twin that moves");
        return;
    }
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK)
        o->twin = movable(o, json_root(doc));
    json_free(&doc);
    next(o, DPS_IDENTITY);
}

static void read_old_twin(struct dps_operation *o)
{
    call(o, o->old,
         &(struct service_call){.method = "GET", .path = device_path(o, "twins", o->old_device)},
         on_old_twin);
}

/* ---- the identity ---- */

static void put_authentication(const struct dps_proven *p, bool x509, struct json_writer *w)
{
    json_name(w, "authentication"), json_object(w);
    json_name(w, "type"), json_put_text(w, x509 ? "selfSigned" : "sas");
    json_name(w, x509 ? "x509Thumbprint" : "symmetricKey"), json_object(w);
    json_member(w, x509 ? "primaryThumbprint" : "primaryKey",
                x509 ? p->thumbprints.primary : p->keys.primary);
    json_member(w, x509 ? "secondaryThumbprint" : "secondaryKey",
                x509 ? p->thumbprints.secondary : p->keys.secondary);
    json_end_object(w);
    json_end_object(w);
}

static struct slice identity_body(struct dps_operation *o)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    json_object(&w);
    json_member(&w, "deviceId", o->device_id);
    json_name(&w, "status"), json_put_text(&w, "enabled");
    json_name(&w, "capabilities"), json_object(&w);
    json_name(&w, "iotEdge"), json_put_bool(&w, o->enrollment.edge);
    json_end_object(&w);
    put_authentication(&o->proven, o->registration.x509, &w);
    json_end_object(&w);
    struct slice copy = arena_copy(&o->arena, buffer_slice(&b));
    buffer_clear(&b);
    return copy;
}

static void on_identity(void *arg, enum status why, const struct rest_answer *a);

static void put_identity(struct dps_operation *o, const char *if_match)
{
    call(o, o->hub,
         &(struct service_call){
             .method = "PUT",
             .path = device_path(o, "devices", o->device_id),
             .body = identity_body(o),
             .if_match = if_match,
         },
         on_identity);
}

static void on_identity(void *arg, enum status why, const struct rest_answer *a)
{
    struct dps_operation *o = arg;
    if (why == CANCELLED)
        return;
    if (why == EXISTS && o->identity_is_new) { /* it may have another key, or be switched off */
        o->identity_is_new = false;
        put_identity(o, "\"*\"");
        return;
    }
    if (why != OK) {
        hub_failed(o, o->hub, why, a, "make the identity");
        return;
    }
    bool twin = o->replace_twin || o->old_hub.len == 0 || o->identity_is_new;
    next(o, twin && (o->twin.len || o->replace_twin) ? DPS_TWIN : DPS_LEAVING);
}

static void make_identity(struct dps_operation *o)
{
    o->device_id = o->enrollment.device_id.len ? o->enrollment.device_id : o->registration.id;
    if (!iot_id_name_ok(o->device_id)) {
        fail(o, iot_status_wire_provisioning(BAD_ARGUMENT)->code,
             "The registration's id is no name that a device can have.");
        return;
    }
    o->identity_is_new = true;
    put_identity(o, NULL);
}

/* ---- the twin ---- */

static void on_twin(void *arg, enum status why, const struct rest_answer *a)
{
    struct dps_operation *o = arg;
    if (why == CANCELLED)
        return;
    if (why != OK)
        hub_failed(o, o->hub, why, a, "give the twin");
    else
        next(o, DPS_LEAVING);
}

static void give_twin(struct dps_operation *o)
{
    struct slice empty = SLICE("{\"tags\":{},\"properties\":{\"desired\":{}}}");
    call(o, o->hub,
         &(struct service_call){
             .method = o->replace_twin ? "PUT" : "PATCH",
             .path = device_path(o, "twins", o->device_id),
             .body = o->twin.len ? o->twin : empty,
             .if_match = "\"*\"",
         },
         on_twin);
}

/* ---- the old hub ---- */

static void assigned(struct dps_operation *o)
{
    o->registration.state = DPS_ASSIGNED;
    o->registration.hub = o->hub->name; /* not before: who fails on the way is still where it was */
    o->registration.device_id = o->device_id;
    next(o, DPS_SAVING);
}

static void on_left(void *arg, enum status why, const struct rest_answer *a)
{
    struct dps_operation *o = arg;
    (void)a;
    if (why == CANCELLED)
        return;
    if (why != OK && why != NOT_FOUND) /* the device is well where it is now */
        log_warn("the old hub still has the device id=%.*s hub=%.*s status=%s",
                 SLICE_FMT(o->registration.id), SLICE_FMT(o->old->name), status_name(why));
    assigned(o);
}

static void leave(struct dps_operation *o)
{
    if (o->old == NULL)
        assigned(o);
    else
        call(o, o->old,
             &(struct service_call){.method = "DELETE",
                                    .path = device_path(o, "devices", o->old_device),
                                    .if_match = "\"*\""},
             on_left);
}

/* ---- the end ---- */

static enum status store(struct store_table *t, void *arg)
{
    struct dps_operation *o = arg;
    return dps_registration_store(t, o->key, &o->registration);
}

static void on_stored(void *arg, enum status why)
{
    struct dps_operation *o = arg;
    if (why != OK) {
        o->registration.state = DPS_FAILED;
        o->registration.error_code = iot_status_wire_provisioning(IO_FAILED)->code;
        o->registration.error_message = SLICE("The registration could not be kept.");
    }
    dps_operation_done(o);
}

static void save(struct dps_operation *o)
{
    char etag[DPS_ETAG_LEN + 1];
    dps_etag_new(etag);
    o->registration.etag = arena_copy(&o->arena, slice_of(etag));
    o->registration.updated_ms = loop_wall_ms(o->dps->loop);
    dps_post(o->dps, o->dps->loop, store, on_stored, o);
}

static void (*const steps[])(struct dps_operation *o) = {
    [DPS_CHOOSING] = choose, [DPS_READING] = read_old_twin, [DPS_IDENTITY] = make_identity,
    [DPS_TWIN] = give_twin,  [DPS_LEAVING] = leave,         [DPS_SAVING] = save,
};

static void next(struct dps_operation *o, enum dps_step step)
{
    o->step = step;
    steps[step](o);
}

/* So that it is found while it is under way, and after a crash. */
static void on_begun(void *arg, enum status why)
{
    struct dps_operation *o = arg;
    if (why != OK)
        fail(o, iot_status_wire_provisioning(why)->code, "The registration could not be kept.");
    else
        next(o, DPS_CHOOSING);
}

void dps_assign(struct dps_operation *o)
{
    dps_post(o->dps, o->dps->loop, store, on_begun, o);
}

void dps_operation_put(const struct dps_operation *o, struct json_writer *w)
{
    json_object(w);
    json_name(w, "operationId"), json_put_text(w, o->id);
    json_name(w, "status"), json_put_text(w, dps_state_name(o->registration.state));
    json_name(w, "registrationState"), dps_registration_put(&o->registration, w);
    json_end_object(w);
}

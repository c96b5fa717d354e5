/*
 * Files from devices: which blob a file goes to and the signature for it, and how it went.
 * iot-hub.md section 3. The bytes go to the blob store itself (lib/blob). Each request signs in for
 * itself, as a visit of its device.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "blob/name.h"
#include "blob/store.h"
#include "c2d/uploads.h"
#include "heads/http_visit.h"
#include "hub/rest.h"
#include "json/json.h"
#include "json/write.h"

struct file {
    struct rest_request *request;
    struct hub *hub;
    struct slice device, blob; /* "{device}/{name}"; in the request's arena */
    struct slice id;           /* of a notification */
    bool success;              /* so it says */
    struct blob_job job;
};

static struct file *file_new(struct rest_request *r)
{
    struct file *f = MEMORY_NEW(struct file);
    f->request = r;
    f->hub = r->app;
    f->device = rest_param(r, "id");
    return f;
}

static void file_free(struct file *f)
{
    blob_job_clear(&f->job);
    free(f);
}

static void fail(struct file *f, enum status why, const char *text)
{
    hub_rest_error(f->request, why, IOT_UPLOAD, text);
    file_free(f);
}

static void visit(struct file *f, const struct heads_visit_work *work)
{
    struct heads_visit *v =
        heads_visit_new(&f->hub->backend, f->request, (struct iot_id){.device = f->device}, work);
    v->state = f;
    heads_visit_begin(v);
}

static void ask_blobs(struct file *f, enum blob_what what,
                      void (*done)(struct blob_job *j, enum status why))
{
    f->job.what = what;
    f->job.container = slice_of(f->hub->uploads_container);
    f->job.blob = f->blob;
    f->job.done = done;
    f->job.arg = f;
    if (blob_store_do(f->hub->blobs, f->request->loop, &f->job) != OK)
        fail(f, BUSY, "the blob store has too much to do now");
}

static void put_host(const struct hub *hub, struct buffer *out)
{
    buffer_text(out, hub->name);
    if (hub->https_port != 443)
        buffer_printf(out, ":%d", hub->https_port);
}

/* ---- a file begins ---- */

static enum status put_sas(const struct file *f, struct buffer *out)
{
    buffer_u8(out, '?');
    return blob_sas_make(blob_store_account(f->hub->blobs),
                         &(struct blob_sas){.container = f->job.container,
                                            .blob = f->blob,
                                            .permissions = BLOB_READ | BLOB_WRITE,
                                            .expires_ms = loop_wall_ms(f->request->loop) +
                                                          f->hub->limits.upload_ttl_ms},
                         out);
}

static void answer_begun(struct file *f, struct slice id)
{
    struct buffer host = {0}, sas = {0}, body = {0};
    put_host(f->hub, &host);
    if (put_sas(f, &sas) != OK) {
        fail(f, IO_FAILED, "the key of the blob store cannot be used");
        return;
    }
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_member(&w, "correlationId", id);
    json_member(&w, "hostName", buffer_slice(&host));
    json_member(&w, "containerName", f->job.container);
    json_member(&w, "blobName", f->blob);
    json_member(&w, "sasToken", buffer_slice(&sas));
    json_end_object(&w);
    rest_reply_json(f->request, 200, buffer_slice(&body));
    buffer_clear(&host);
    buffer_clear(&sas);
    buffer_clear(&body);
    file_free(f);
}

static void on_begun(void *arg, enum status why, struct slice id)
{
    struct file *f = arg;
    if (why == OK)
        answer_begun(f, id);
    else
        fail(f, why,
             why == FULL ? "the device has as many uploads under way as it may have"
                         : "the upload could not begin");
}

/* The container of all uploads is made with the first. */
static void on_container(struct blob_job *j, enum status why)
{
    struct file *f = j->arg;
    if (why == OK || why == EXISTS)
        c2d_upload_begin(f->hub->registry, f->request->loop, f->device, f->blob, on_begun, f);
    else
        fail(f, IO_FAILED, "the container of uploads could not be made");
}

static void on_known(struct heads_visit *v, enum status why)
{
    struct file *f = v->state;
    if (why == OK) {
        ask_blobs(f, BLOB_CONTAINER_MAKE, on_container);
    } else {
        heads_visit_fail(v, why);
        file_free(f);
    }
}

static const struct heads_visit_work begin_work = {.answer = on_known};

static void begin_with(struct rest_request *r, struct slice name)
{
    struct slice device = rest_param(r, "id");
    struct slice blob =
        slice_of(arena_printf(&r->arena, "%.*s/%.*s", SLICE_FMT(device), SLICE_FMT(name)));
    if (name.len == 0 || blob.len != device.len + 1 + name.len || !blob_name_ok(blob)) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                       "blobName must be a text without control characters; with the device's name "
                       "it has 1024 bytes at most");
        return;
    }
    struct file *f = file_new(r);
    f->blob = blob;
    visit(f, &begin_work);
}

static void begin(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    if (json_parse(r->body, JSON_STRICT, &doc, NULL) != OK) {
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE, "the body must be a JSON object with blobName");
        return;
    }
    struct slice name =
        arena_copy(&r->arena, json_string(json_get_nocase(json_root(doc), "blobName")));
    json_free(&doc);
    begin_with(r, name);
}

static void begin_old(struct rest_request *r)
{
    begin_with(r, rest_param(r, "blobName"));
}

/* ---- a file ends ---- */

static void on_ended(void *arg, enum status why, struct slice what)
{
    struct file *f = arg;
    (void)what;
    if (why != OK) {
        fail(f, why, "there is no such upload of this device any more");
        return;
    }
    rest_reply_empty(f->request, 204);
    file_free(f);
}

static void put_notification(const struct file *f, struct buffer *out)
{
    struct buffer uri = {0};
    buffer_text(&uri, "https://");
    put_host(f->hub, &uri);
    buffer_printf(&uri, "/%.*s/%.*s", SLICE_FMT(f->job.container), SLICE_FMT(f->blob));
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "deviceId", f->device);
    json_member(&w, "blobUri", buffer_slice(&uri));
    json_member(&w, "blobName", f->blob);
    json_name(&w, "lastUpdatedTime"), json_put_time(&w, f->job.facts.modified_ms);
    json_name(&w, "blobSizeInBytes"), json_put_u64(&w, f->job.facts.bytes);
    json_name(&w, "enqueuedTimeUtc"), json_put_time(&w, loop_wall_ms(f->request->loop));
    json_end_object(&w);
    buffer_clear(&uri);
}

static void end(struct file *f, bool tell)
{
    struct buffer notification = {0};
    if (tell)
        put_notification(f, &notification);
    c2d_upload_end(f->hub->registry, f->request->loop, f->device, f->id,
                   buffer_slice(&notification), on_ended, f);
    buffer_clear(&notification);
}

static void on_looked(struct blob_job *j, enum status why)
{
    struct file *f = j->arg;
    if (why == OK)
        end(f, f->hub->uploads_notify);
    else if (why == NOT_FOUND)
        fail(f, BAD_ARGUMENT, "the file is said to be uploaded, but its blob is not there");
    else
        fail(f, why, "the file could not be looked at");
}

static void on_found(void *arg, enum status why, struct slice blob)
{
    struct file *f = arg;
    if (why != OK) {
        fail(f, why, "there is no upload of that correlationId under way for this device");
        return;
    }
    f->blob = arena_copy(&f->request->arena, blob);
    if (f->success)
        ask_blobs(f, BLOB_LOOK, on_looked);
    else
        end(f, false);
}

static void on_reporter_known(struct heads_visit *v, enum status why)
{
    struct file *f = v->state;
    if (why == OK) {
        c2d_upload_find(f->hub->registry, f->request->loop, f->device, f->id, on_found, f);
    } else {
        heads_visit_fail(v, why);
        file_free(f);
    }
}

static const struct heads_visit_work notify_work = {.answer = on_reporter_known};

static void notify(struct rest_request *r)
{
    struct json_doc *doc = NULL;
    struct slice id = rest_param(r, "correlationId");
    if (json_parse(r->body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_OBJECT)) {
        json_free(&doc);
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                       "the body must be a JSON object with isSuccess");
        return;
    }
    const struct json *body = json_root(doc), *success = json_get_nocase(body, "isSuccess");
    if (id.len == 0)
        id = json_string(json_get_nocase(body, "correlationId"));
    struct file *f = NULL;
    if (id.len && json_is(success, JSON_BOOL)) {
        f = file_new(r);
        f->id = arena_copy(&r->arena, id);
        f->success = json_bool(success, false);
    }
    json_free(&doc);
    if (f)
        visit(f, &notify_work);
    else
        hub_rest_error(r, BAD_ARGUMENT, IOT_DEVICE,
                       "correlationId must be given, and isSuccess must be true or false");
}

/* Public as far as the server knows: each signs in at the backend. */
static const struct rest_route routes[] = {
    {"POST", "/devices/{id}/files", begin, REST_PUBLIC, "Device_CreateFileUploadSasUri", NULL,
     NULL},
    {"GET", "/devices/{id}/files/{blobName*}", begin_old, REST_PUBLIC, NULL, NULL, NULL},
    {"POST", "/devices/{id}/files/notifications", notify, REST_PUBLIC,
     "Device_UpdateFileUploadStatus", NULL, NULL},
    {"POST", "/devices/{id}/files/notifications/{correlationId}", notify, REST_PUBLIC, NULL, NULL,
     NULL},
};
const struct rest_table hub_rest_files = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};

/* Messages to devices over REST: a device's queue is emptied; feedback is read. */
#include <stdlib.h>

#include "base/memory.h"
#include "c2d/c2d.h"
#include "hub/rest.h"
#include "json/write.h"

/* ---- DELETE /devices/{id}/commands ---- */

static void on_purged(void *arg, enum status why, unsigned count)
{
    struct rest_request *r = arg;
    if (why != OK) {
        hub_rest_error(r, why, IOT_DEVICE,
                       why == NOT_FOUND ? "there is no such device"
                                        : "the queue could not be emptied");
        return;
    }
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "totalMessagesPurged"), json_put_u64(&w, count);
    json_name(&w, "deviceId"), json_put_string(&w, rest_param(r, "id"));
    json_name(&w, "moduleId"), json_put_null(&w);
    json_end_object(&w);
    rest_reply_json(r, 200, buffer_slice(&body));
    buffer_clear(&body);
}

static void purge(struct rest_request *r)
{
    c2d_purge(((struct hub *)r->app)->registry, r->loop, rest_param(r, "id"), on_purged, r);
}

/* ---- feedback ---- */

static void on_batch(void *arg, enum status why, const struct c2d_feedback *f)
{
    struct rest_request *r = arg;
    if (why == NOT_FOUND) {
        rest_reply_empty(r, 204);
    } else if (why != OK) {
        hub_rest_error(r, why, IOT_DEVICE, "feedback could not be read");
    } else {
        rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%s\"", f->lock)));
        rest_reply(r, 200, C2D_FEEDBACK_CONTENT_TYPE, f->json);
    }
}

static void feedback_get(struct rest_request *r)
{
    c2d_feedback_take(((struct hub *)r->app)->registry, r->loop, C2D_FEED_MESSAGES, on_batch, r);
}

static void on_settled(void *arg, enum status why)
{
    struct rest_request *r = arg;
    if (why == OK)
        rest_reply_empty(r, 204);
    else
        hub_rest_error(r, why, IOT_DEVICE,
                       why == LOCK_LOST ? "the lock has run out, or there is none of this name"
                                        : "the feedback could not be settled");
}

/* Clients write the ETag as they got it. */
static struct slice lock_of(const struct rest_request *r)
{
    struct slice lock = rest_param(r, "lock");
    if (lock.len >= 2 && lock.at[0] == '"' && lock.at[lock.len - 1] == '"')
        lock = slice_from(lock.at + 1, lock.len - 2);
    return lock;
}

static void settle(struct rest_request *r, enum heads_outcome how)
{
    c2d_feedback_settle(((struct hub *)r->app)->registry, r->loop, lock_of(r), how, on_settled, r);
}

static void feedback_complete(struct rest_request *r)
{
    settle(r, HEADS_COMPLETE);
}

static void feedback_abandon(struct rest_request *r)
{
    settle(r, HEADS_ABANDON);
}

static const struct rest_route routes[] = {
    {"DELETE", "/devices/{id}/commands", purge, REST_SERVICE,
     "CloudToDeviceMessages_PurgeCloudToDeviceMessageQueue", NULL, NULL},
    {"GET", "/messages/serviceBound/feedback", feedback_get, REST_SERVICE,
     "CloudToDeviceMessages_ReceiveFeedbackNotification", NULL, NULL},
    {"DELETE", "/messages/serviceBound/feedback/{lock}", feedback_complete, REST_SERVICE,
     "CloudToDeviceMessages_CompleteFeedbackNotification", NULL, NULL},
    {"POST", "/messages/serviceBound/feedback/{lock}/abandon", feedback_abandon, REST_SERVICE,
     "CloudToDeviceMessages_AbandonFeedbackNotification", NULL, NULL},
};
const struct rest_table hub_rest_messages = {"", routes, sizeof(routes) / sizeof(routes[0]), NULL};

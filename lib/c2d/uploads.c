#include "c2d/uploads.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "c2d/c2d_priv.h"

struct upload_errand {
    struct registry *registry;
    struct arena arena;
    uint64_t now_ms;
    struct slice device, id, blob, notification;
    uint8_t random[16];
    char new_id[UUID_TEXT_LEN + 1];
    struct slice what;
    c2d_upload_fn *fn;
    void *arg;
};

static struct upload_errand *errand_new(struct registry *r, struct loop *loop, struct slice device,
                                        c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *j = MEMORY_NEW(struct upload_errand);
    j->registry = r;
    j->now_ms = loop_wall_ms(loop);
    j->device = arena_copy(&j->arena, device);
    j->fn = fn;
    j->arg = arg;
    return j;
}

static void done(void *arg, enum status why)
{
    struct upload_errand *j = arg;
    const struct registry_events *events = &j->registry->events;
    if (why == OK && j->notification.len && events->on_feedback)
        events->on_feedback(events->arg);
    j->fn(j->arg, why, j->what);
    arena_clear(&j->arena);
    free(j);
}

/* ---- beginning ---- */

/* Those of the device whose time is over are gone before they are counted. */
static enum status count(struct store_table *t, const struct upload_errand *j, uint64_t *out)
{
    store_bind(t, SQL_UPLOADS_DEAD, 1, j->device);
    store_bind_i64(t, SQL_UPLOADS_DEAD, 2, (int64_t)j->now_ms);
    enum status s = store_run(t, SQL_UPLOADS_DEAD);
    if (s != OK)
        return s;
    store_bind(t, SQL_UPLOADS_COUNT, 1, j->device);
    s = store_step(t, SQL_UPLOADS_COUNT);
    if (s != OK)
        return s;
    *out = (uint64_t)store_column_i64(t, SQL_UPLOADS_COUNT, 0);
    store_reset(t, SQL_UPLOADS_COUNT);
    return OK;
}

static enum status begin(struct store_table *t, void *arg)
{
    struct upload_errand *j = arg;
    const struct iot_limits *limits = j->registry->limits;
    uint64_t n;
    enum status s = count(t, j, &n);
    if (s != OK)
        return s;
    if (n >= limits->uploads)
        return FULL;
    uuid_text(j->random, j->new_id);
    j->what = slice_of(j->new_id);
    store_bind(t, SQL_UPLOAD_INSERT, 1, j->what);
    store_bind(t, SQL_UPLOAD_INSERT, 2, j->device);
    store_bind(t, SQL_UPLOAD_INSERT, 3, j->blob);
    store_bind_i64(t, SQL_UPLOAD_INSERT, 4, (int64_t)(j->now_ms + limits->upload_ttl_ms));
    return store_run(t, SQL_UPLOAD_INSERT);
}

void c2d_upload_begin(struct registry *r, struct loop *loop, struct slice device, struct slice blob,
                      c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *j = errand_new(r, loop, device, fn, arg);
    j->blob = arena_copy(&j->arena, blob);
    loop_random(loop, j->random, sizeof(j->random));
    registry_post(r, loop, begin, done, j);
}

/* ---- and ending ---- */

static enum status find(struct store_table *t, void *arg)
{
    struct upload_errand *j = arg;
    store_bind(t, SQL_UPLOAD_GET, 1, j->id);
    store_bind(t, SQL_UPLOAD_GET, 2, j->device);
    store_bind_i64(t, SQL_UPLOAD_GET, 3, (int64_t)j->now_ms);
    enum status s = store_step(t, SQL_UPLOAD_GET);
    if (s != OK)
        return s;
    j->what = arena_copy(&j->arena, store_column(t, SQL_UPLOAD_GET, 0));
    store_reset(t, SQL_UPLOAD_GET);
    return OK;
}

void c2d_upload_find(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                     c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *j = errand_new(r, loop, device, fn, arg);
    j->id = arena_copy(&j->arena, id);
    registry_post(r, loop, find, done, j);
}

static enum status end(struct store_table *t, void *arg)
{
    struct upload_errand *j = arg;
    struct c2d_errand m = {.registry = j->registry, .now_ms = j->now_ms};
    enum status s = find(t, j);
    if (s != OK)
        return s;
    store_bind(t, SQL_UPLOAD_DELETE, 1, j->id);
    s = store_run(t, SQL_UPLOAD_DELETE);
    return s == OK && j->notification.len ? c2d_feedback_put_notification(t, &m, j->notification)
                                          : s;
}

void c2d_upload_end(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                    struct slice notification, c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *j = errand_new(r, loop, device, fn, arg);
    j->id = arena_copy(&j->arena, id);
    j->notification = arena_copy(&j->arena, notification);
    registry_post(r, loop, end, done, j);
}

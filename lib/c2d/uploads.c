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
    struct upload_errand *e = MEMORY_NEW(struct upload_errand);
    e->registry = r;
    e->now_ms = loop_wall_ms(loop);
    e->device = arena_copy(&e->arena, device);
    e->fn = fn;
    e->arg = arg;
    return e;
}

static void done(void *arg, enum status why)
{
    struct upload_errand *e = arg;
    const struct registry_events *events = &e->registry->events;
    if (why == OK && e->notification.len && events->on_feedback)
        events->on_feedback(events->arg);
    e->fn(e->arg, why, e->what);
    arena_clear(&e->arena);
    free(e);
}

/* ---- beginning ---- */

/* Those of the device whose time is over are gone before they are counted. */
static enum status count(struct store_table *t, const struct upload_errand *e, uint64_t *out)
{
    store_bind(t, SQL_UPLOADS_DEAD, 1, e->device);
    store_bind_i64(t, SQL_UPLOADS_DEAD, 2, (int64_t)e->now_ms);
    enum status s = store_run(t, SQL_UPLOADS_DEAD);
    if (s != OK)
        return s;
    store_bind(t, SQL_UPLOADS_COUNT, 1, e->device);
    s = store_step(t, SQL_UPLOADS_COUNT);
    if (s != OK)
        return s;
    *out = (uint64_t)store_column_i64(t, SQL_UPLOADS_COUNT, 0);
    store_reset(t, SQL_UPLOADS_COUNT);
    return OK;
}

static enum status begin(struct store_table *t, void *arg)
{
    struct upload_errand *e = arg;
    const struct iot_limits *limits = e->registry->limits;
    uint64_t n;
    enum status s = count(t, e, &n);
    if (s != OK)
        return s;
    if (n >= limits->uploads)
        return FULL;
    uuid_text(e->random, e->new_id);
    e->what = slice_of(e->new_id);
    store_bind(t, SQL_UPLOAD_INSERT, 1, e->what);
    store_bind(t, SQL_UPLOAD_INSERT, 2, e->device);
    store_bind(t, SQL_UPLOAD_INSERT, 3, e->blob);
    store_bind_i64(t, SQL_UPLOAD_INSERT, 4, (int64_t)(e->now_ms + limits->upload_ttl_ms));
    return store_run(t, SQL_UPLOAD_INSERT);
}

void c2d_upload_begin(struct registry *r, struct loop *loop, struct slice device, struct slice blob,
                      c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *e = errand_new(r, loop, device, fn, arg);
    e->blob = arena_copy(&e->arena, blob);
    loop_random(loop, e->random, sizeof(e->random));
    registry_post(r, loop, begin, done, e);
}

/* ---- and ending ---- */

static enum status find(struct store_table *t, void *arg)
{
    struct upload_errand *e = arg;
    store_bind(t, SQL_UPLOAD_GET, 1, e->id);
    store_bind(t, SQL_UPLOAD_GET, 2, e->device);
    store_bind_i64(t, SQL_UPLOAD_GET, 3, (int64_t)e->now_ms);
    enum status s = store_step(t, SQL_UPLOAD_GET);
    if (s != OK)
        return s;
    e->what = arena_copy(&e->arena, store_column(t, SQL_UPLOAD_GET, 0));
    store_reset(t, SQL_UPLOAD_GET);
    return OK;
}

void c2d_upload_find(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                     c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *e = errand_new(r, loop, device, fn, arg);
    e->id = arena_copy(&e->arena, id);
    registry_post(r, loop, find, done, e);
}

static enum status end(struct store_table *t, void *arg)
{
    struct upload_errand *e = arg;
    struct c2d_errand m = {.registry = e->registry, .now_ms = e->now_ms};
    enum status s = find(t, e);
    if (s != OK)
        return s;
    store_bind(t, SQL_UPLOAD_DELETE, 1, e->id);
    s = store_run(t, SQL_UPLOAD_DELETE);
    return s == OK && e->notification.len ? c2d_feedback_put_notification(t, &m, e->notification)
                                          : s;
}

void c2d_upload_end(struct registry *r, struct loop *loop, struct slice device, struct slice id,
                    struct slice notification, c2d_upload_fn *fn, void *arg)
{
    struct upload_errand *e = errand_new(r, loop, device, fn, arg);
    e->id = arena_copy(&e->arena, id);
    e->notification = arena_copy(&e->arena, notification);
    registry_post(r, loop, end, done, e);
}

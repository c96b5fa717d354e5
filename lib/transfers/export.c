/* The registry's pages, one after the other, into blocks of a blob. */
#include "configurations/rows.h"
#include "transfers/transfers_priv.h"
#include "json/write.h"

static void next_page(void *arg);

/* ---- configurations: a line each, once the devices are there ---- */

static void on_configurations(void *arg, const struct registry_answer *a)
{
    struct transfer *x = arg;
    struct json_doc *doc = NULL;
    if (a->why != OK || json_parse(a->json, JSON_STRICT, &doc, NULL) != OK) {
        transfer_end(x, "the configurations could not be read");
        return;
    }
    struct json_writer w = json_writer(&x->writer.waiting);
    for (struct json_walk c = json_walk(json_root(doc)); json_next(&c);) {
        json_put_value(&w, c.value);
        buffer_text(&x->writer.waiting, "\r\n");
        w = json_writer(&x->writer.waiting);
    }
    json_free(&doc);
    transfer_writer_finish(&x->writer);
}

static void begin_configurations(struct transfer *x)
{
    x->in_configurations = true;
    transfer_writer_again(&x->writer, x->configurations);
    transfer_mark_save(x);
    registry_ask(x->registry, x->loop, &(struct registry_ask){.what = &configuration_list},
                 on_configurations, x);
}

/* ---- devices ---- */

/* All up to `last` is written. */
static void go_on(struct transfer *x)
{
    transfer_mark_save(x);
    next_page(x);
}

static void on_written(void *arg, enum status why, const char *reason)
{
    struct transfer *x = arg;
    if (why != OK)
        transfer_end(x, reason);
    else if (x->writer.finishing && x->configurations && !x->in_configurations)
        begin_configurations(x);
    else if (x->writer.finishing)
        transfer_end(x, NULL);
    else
        go_on(x);
}

/* It may have been cancelled since it was asked last. */
static void on_last_look(void *arg, const struct registry_answer *a)
{
    struct transfer *x = arg;
    x->cancelled = x->cancelled || a->why == CANCELLED;
    if (x->cancelled)
        transfer_end(x, NULL);
    else
        transfer_writer_finish(&x->writer);
}

static void on_page(void *arg, const struct registry_answer *a)
{
    struct transfer *x = arg;
    if (a->why == BUSY && !x->cancelled) {
        loop_timer_start(x->loop, &x->pause, TRANSFER_PAUSE_MS, next_page, x);
        return;
    }
    if (a->why != OK) {
        transfer_end(x, "the registry could not be read");
        return;
    }
    if (x->cancelled) {
        transfer_end(x, NULL);
        return;
    }
    if (a->count == 0) {
        registry_ask(
            x->registry, x->loop,
            &(struct registry_ask){.what = &transfer_row_progress, .name = x->id, .top = 99},
            on_last_look, x);
        return;
    }
    buffer_put(&x->writer.waiting, a->json);
    arena_reset(&x->cursor);
    x->last = iot_id_copy(&x->cursor, a->last);
    x->done += a->count;
    transfer_progress(x, x->done, x->total);
    if (transfer_writer_has_room(&x->writer))
        next_page(x);
    else
        transfer_writer_send(&x->writer);
}

static void next_page(void *arg)
{
    struct transfer *x = arg;
    registry_ask(
        x->registry, x->loop,
        &(struct registry_ask){.what = &transfer_row_page, .id = x->last, .top = x->without_keys},
        on_page, x);
}

/* Modules are lines too and are not counted there: the progress is a guess that never goes back. */
static void on_count(void *arg, const struct registry_answer *a)
{
    struct transfer *x = arg;
    struct json_doc *doc = NULL;
    if (a->why == OK && json_parse(a->json, JSON_STRICT, &doc, NULL) == OK &&
        !json_u64(json_get(json_root(doc), "totalDeviceCount"), &x->total))
        x->total = 0;
    json_free(&doc);
    x->in_configurations ? begin_configurations(x) : next_page(x);
}

void transfer_export_begin(struct transfer *x)
{
    x->writer.written = on_written;
    registry_ask(x->registry, x->loop, &(struct registry_ask){.what = &registry_statistics_devices},
                 on_count, x);
}

#include "outbox/told_file.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

struct told_file {
    struct told_file_config config;
    struct buffer path;
    struct loop_timer timer;
    struct told last; /* of the turn before */
    bool has_last, busy, stopped;
};

/* What was told, on its way from the OPC UA thread, or to the disk. */
struct turn {
    struct told_file *file;
    struct told told;
};

static void on_timer(void *arg);

static void next_turn(struct told_file *f)
{
    f->busy = false;
    if (!f->stopped)
        loop_timer_start(f->config.loop, &f->timer, f->config.every_ms, on_timer, f);
}

static void write_file(struct told_file *f, const struct told *t)
{
    struct buffer bytes = {0};
    told_print(t, &bytes);
    enum status s = file_write(buffer_cstr(&f->path), buffer_slice(&bytes));
    if (s != OK)
        log_warn("publisher times for history not written path=%s status=%s",
                 buffer_cstr(&f->path), status_name(s));
    buffer_clear(&bytes);
}

static void write_turn(void *arg)
{
    struct turn *t = arg;
    write_file(t->file, &t->told);
}

static void on_written(void *arg)
{
    struct turn *t = arg;
    struct told_file *f = t->file;
    told_clear(&t->told);
    free(t);
    next_turn(f);
}

static void on_collected(void *arg)
{
    struct turn *t = arg;
    struct told_file *f = t->file;
    struct told older = f->last;
    bool write = f->has_last && !f->stopped;
    f->last = t->told;
    f->has_last = true;
    t->told = older;
    if (write) {
        buffer_cstr(&f->path); /* for the other thread to read alone */
        loop_work(f->config.loop, write_turn, on_written, t);
    } else {
        on_written(t);
    }
}

static void collect_ua(void *arg)
{
    struct turn *t = arg;
    t->file->config.collect_ua(t->file->config.arg, &t->told);
    loop_post(t->file->config.loop, on_collected, t);
}

static void on_timer(void *arg)
{
    struct told_file *f = arg;
    struct turn *t = MEMORY_NEW(struct turn);
    t->file = f;
    f->busy = true;
    opcua_thread_post(f->config.thread, collect_ua, t);
}

static void read_file(struct told_file *f, struct told *before)
{
    struct buffer bytes = {0};
    if (file_read(buffer_cstr(&f->path), &bytes) == OK &&
        told_read(buffer_slice(&bytes), before) != OK)
        file_set_aside(buffer_cstr(&f->path));
    buffer_clear(&bytes);
}

struct told_file *told_file_open(const struct told_file_config *config, struct told *before)
{
    struct told_file *f = MEMORY_NEW(struct told_file);
    f->config = *config;
    buffer_printf(&f->path, "%s/" TOLD_FILE_PREFIX "%016llx", config->directory,
                  (unsigned long long)slice_hash(config->name));
    if (file_make_directory(config->directory) != OK)
        log_warn("publisher folder not made path=%s", config->directory);
    read_file(f, before);
    next_turn(f);
    return f;
}

void told_file_stop(struct told_file *f)
{
    f->stopped = true;
    loop_timer_stop(&f->timer);
}

bool told_file_idle(const struct told_file *f)
{
    return !f->busy;
}

void told_file_write(struct told_file *f, const struct told *t)
{
    write_file(f, t);
}

void told_file_free(struct told_file **file)
{
    struct told_file *f = *file;
    if (!f)
        return;
    loop_timer_stop(&f->timer);
    told_clear(&f->last);
    buffer_clear(&f->path);
    free(f);
    *file = NULL;
}

#include "published/watch.h"

#include <stdlib.h>

#include "base/memory.h"
#include "published/text_file.h"

struct watch {
    struct loop *loop;
    char *path;
    watch_fn *fn;
    void *arg;
    struct loop_timer timer;
    struct look *look; /* under way */
    struct stat seen;
    enum status status; /* of the last look */
    uint64_t hash;
    unsigned failed; /* looks since the file could be read */
    bool any;
    bool again;  /* it is to be told though it is the same */
    bool unseen; /* the next look reads it, whatever `seen` says */
    bool filled; /* something stood in it when it was told, or known */
    bool gone;   /* and at the last look nothing was left of it */
};

/* Of its own, because the watch may be freed meanwhile. */
struct look {
    struct watch *watch; /* NULL: freed */
    char *path;
    struct stat seen; /* before, and after */
    bool force, changed;
    bool outdated; /* we wrote the file meanwhile */
    enum status status;
    struct buffer content;
};

bool watch_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
           a->st_size == b->st_size && a->st_ino == b->st_ino;
}

bool watch_finds_nothing(enum status s, struct slice content)
{
    return s == NOT_FOUND || (s == OK && slice_trim(content).len == 0);
}

bool watch_filled(const struct watch *w)
{
    return w->filled;
}

static void look_at_file(void *arg) /* on a helper thread */
{
    struct look *l = arg;
    struct stat now = {0};
    bool there = stat(l->path, &now) == 0;
    l->changed = l->force || !watch_is_same(&now, &l->seen);
    l->seen = now;
    if (l->changed)
        l->status = there ? text_file_read(l->path, &l->content) : NOT_FOUND;
}

static void on_timer(void *arg);

/* An editor that writes in place empties the file first, and another one puts it aside: only who finds nothing twice
 * may stop everything. */
static bool is_being_written(struct watch *w, const struct look *l)
{
    bool first = watch_finds_nothing(l->status, buffer_slice(&l->content)) && w->filled && !w->gone;
    w->gone = first;
    w->unseen = w->unseen || first;
    return first;
}

static void take(struct watch *w, const struct look *l)
{
    if (is_being_written(w, l))
        return;
    uint64_t hash = slice_hash(buffer_slice(&l->content));
    bool same = !w->again && w->any && l->status == w->status && hash == w->hash;
    w->again = false;
    w->seen = l->seen;
    w->status = l->status;
    w->hash = hash;
    w->failed = 0;
    w->any = true;
    w->unseen = false;
    if (l->status == OK || l->status == NOT_FOUND)
        w->filled = !watch_finds_nothing(l->status, buffer_slice(&l->content));
    if (!same)
        w->fn(w->arg, l->status, buffer_slice(&l->content));
}

static void look_free(struct look *l)
{
    buffer_wipe(&l->content); /* passwords may stand in it */
    free(l->path);
    free(l);
}

static void on_looked(void *arg)
{
    struct look *l = arg;
    struct watch *w = l->watch;
    if (w) {
        w->look = NULL;
        loop_timer_start(w->loop, &w->timer, WATCH_MS, on_timer, w);
        if (l->changed && !l->outdated)
            take(w, l); /* last: it may free the watch */
    }
    look_free(l);
}

/* The loop went with it. */
static void on_dropped(void *arg)
{
    struct look *l = arg;
    if (l->watch)
        l->watch->look = NULL;
    look_free(l);
}

static void on_timer(void *arg)
{
    struct watch *w = arg;
    w->look = MEMORY_NEW(struct look);
    w->look->watch = w;
    w->look->path = memory_text(w->path);
    w->look->seen = w->seen;
    bool failed = w->any && w->status != OK && w->status != NOT_FOUND;
    w->failed += failed;
    w->look->force = w->again || w->unseen || (failed && w->failed % WATCH_FAILED_LOOKS == 0);
    loop_work_or_drop(w->loop, look_at_file, on_looked, on_dropped, w->look);
}

struct watch *watch_new(struct loop *l, const char *path, watch_fn *fn, void *arg)
{
    struct watch *w = MEMORY_NEW(struct watch);
    w->loop = l;
    w->path = memory_text(path);
    w->fn = fn;
    w->arg = arg;
    w->unseen = true;
    loop_timer_start(l, &w->timer, 0, on_timer, w);
    return w;
}

void watch_free(struct watch **watch)
{
    struct watch *w = *watch;
    if (!w)
        return;
    loop_timer_stop(&w->timer);
    if (w->look)
        w->look->watch = NULL;
    free(w->path);
    free(w);
    *watch = NULL;
}

void watch_tell_again(struct watch *w)
{
    w->again = true;
}

void watch_know(struct watch *w, struct slice content)
{
    w->status = OK;
    w->hash = slice_hash(content);
    w->any = true;
    w->unseen = true;
    w->filled = !watch_finds_nothing(OK, content);
    w->gone = false;
    if (w->look)
        w->look->outdated = true;
}

#include "store/sim_disk_priv.h"

#include <stdlib.h>

#include "base/memory.h"

#define FILE_MAX (1u << 30)

static uint64_t draw(struct sim_disk *d) /* splitmix64 */
{
    uint64_t z = d->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool coin(struct sim_disk *d)
{
    return draw(d) >> 63;
}

struct sim_disk *sim_disk_lock(struct store_disk *disk)
{
    struct sim_disk *d = (struct sim_disk *)disk;
    pthread_mutex_lock(&d->lock);
    return d;
}

void sim_disk_unlock(struct sim_disk *d)
{
    pthread_mutex_unlock(&d->lock);
}

/* True when this call is the one that was to fail, or the power has gone. */
static bool count(struct sim_disk *d, enum sim_disk_kind kind)
{
    bool one = ++d->calls[kind] == d->fail_at[kind];
    bool any = ++d->calls[SIM_DISK_ANY] == d->fail_at[SIM_DISK_ANY];
    if (d->power_until == 0 || d->calls[SIM_DISK_ANY] < d->power_until)
        return one || any;
    d->life += d->calls[SIM_DISK_ANY] == d->power_until;
    return true;
}

/* ---- inodes ---- */

void sim_disk_resize(struct buffer *b, size_t size)
{
    if (size > b->len)
        memset(buffer_reserve(b, size - b->len), 0, size - b->len);
    b->len = size;
}

static void inode_unref(struct inode *i)
{
    if (i == NULL || --i->refs > 0)
        return;
    buffer_clear(&i->now);
    buffer_clear(&i->synced);
    buffer_clear(&i->dirty);
    free(i);
}

static void mark(struct inode *i, uint64_t at, uint64_t len)
{
    if (len == 0)
        return;
    size_t last = (size_t)((at + len - 1) / SIM_DISK_SECTOR);
    if (i->dirty.len <= last)
        sim_disk_resize(&i->dirty, last + 1);
    for (size_t s = (size_t)(at / SIM_DISK_SECTOR); s <= last; s++)
        i->dirty.at[s] = 1;
}

static void store_sector(struct inode *i, size_t sector)
{
    size_t at = sector * SIM_DISK_SECTOR;
    size_t end = at + SIM_DISK_SECTOR < i->now.len ? at + SIM_DISK_SECTOR : i->now.len;
    if (at >= end)
        return;
    if (i->synced.len < end)
        sim_disk_resize(&i->synced, end);
    memcpy(i->synced.at + at, i->now.at + at, end - at);
}

/* Brings to the disk what `whole` asks for, or any part of it; in both cases nothing is dirty then.
 */
static void flush(struct sim_disk *d, struct inode *i, bool whole)
{
    for (size_t s = 0; s < i->dirty.len; s++)
        if (i->dirty.at[s] && (whole || coin(d)))
            store_sector(i, s);
    if (whole || (i->resized && coin(d)))
        sim_disk_resize(&i->synced, i->now.len);
    buffer_reset(&i->dirty);
    i->resized = false;
}

static void set_size(struct inode *i, uint64_t size)
{
    size_t before = i->now.len;
    sim_disk_resize(&i->now, (size_t)size);
    i->resized = true;
    if (size > before)
        mark(i, before, size - before);
}

/* ---- names ---- */

struct entry *sim_disk_find(struct list *names, const char *path)
{
    LIST_EACH(l, names)
    {
        struct entry *e = LIST_OF(l, struct entry, link);
        if (strcmp(e->path, path) == 0)
            return e;
    }
    return NULL;
}

void sim_disk_unname(struct list *names, const char *path)
{
    struct entry *e = sim_disk_find(names, path);
    if (e == NULL)
        return;
    list_remove(&e->link);
    inode_unref(e->inode);
    free(e->path);
    free(e);
}

void sim_disk_name(struct list *names, const char *path, struct inode *i)
{
    i->refs++;
    sim_disk_unname(names, path);
    struct entry *e = MEMORY_NEW(struct entry);
    e->path = memory_text(path);
    e->inode = i;
    list_push(names, &e->link);
}

static void clear_names(struct list *names)
{
    while (!list_empty(names))
        sim_disk_unname(names, LIST_OF(list_first(names), struct entry, link)->path);
}

/* In the order of the names: listing must not tell the history. */
static void add_name(struct buffer *names, const char *name)
{
    buffer_put(names, slice_from(name, strlen(name) + 1));
}

static bool inside(const char *path, const char *directory)
{
    size_t len = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

static void apply(struct list *names, const struct change *c)
{
    struct inode *i = c->inode;
    if (c->from) {
        struct entry *e = sim_disk_find(names, c->from);
        if (e == NULL)
            return; /* what made it was lost */
        i = e->inode;
    }
    if (c->to)
        sim_disk_name(names, c->to, i);
    if (c->from)
        sim_disk_unname(names, c->from);
}

static void change(struct sim_disk *d, const char *from, const char *to, struct inode *i)
{
    struct change *c = MEMORY_NEW(struct change);
    c->from = from ? memory_text(from) : NULL;
    c->to = to ? memory_text(to) : NULL;
    c->inode = i;
    if (i)
        i->refs++;
    list_push(&d->changes, &c->link);
    apply(&d->now, c);
}

static void forget(struct change *c)
{
    list_remove(&c->link);
    free(c->from);
    free(c->to);
    inode_unref(c->inode);
    free(c);
}

/* ---- the table ---- */

static enum status make_directory(struct store_disk *disk, const char *path)
{
    struct sim_disk *d = sim_disk_lock(disk);
    enum status s = d->hidden ? NOT_FOUND : sim_disk_find(&d->now, path) ? EXISTS : OK;
    if (s == OK) {
        struct inode *i = MEMORY_NEW(struct inode);
        i->directory = true;
        change(d, NULL, path, i);
    }
    sim_disk_unlock(d);
    return s;
}

static enum status list_names(struct store_disk *disk, const char *directory, struct buffer *names)
{
    struct sim_disk *d = sim_disk_lock(disk);
    bool fails = count(d, SIM_DISK_LIST), hidden = d->hidden;
    LIST_EACH(l, &d->now)
    {
        const char *path = LIST_OF(l, struct entry, link)->path;
        if (!fails && !hidden && inside(path, directory))
            add_name(names, path + strlen(directory) + 1);
    }
    sim_disk_unlock(d);
    return fails ? IO_FAILED : hidden ? NOT_FOUND : OK;
}

static struct store_file *handle(struct sim_disk *d, struct inode *i)
{
    struct file *f = MEMORY_NEW(struct file);
    f->base.disk = &d->base;
    f->inode = i;
    f->life = d->life;
    i->refs++;
    return &f->base;
}

static enum status open_file(struct store_disk *disk, const char *path, bool create,
                             struct store_file **out)
{
    struct sim_disk *d = sim_disk_lock(disk);
    enum status s = count(d, SIM_DISK_OPEN) ? IO_FAILED : OK;
    struct entry *e = d->hidden ? NULL : sim_disk_find(&d->now, path);
    if (s == OK && e == NULL && !create)
        s = NOT_FOUND;
    if (s == OK && e)
        s = e->inode->directory || (e->inode->protected && create) ? IO_FAILED : e->inode->barred;
    if (s == OK && e == NULL) {
        struct inode *i = MEMORY_NEW(struct inode);
        if (!d->hidden)
            change(d, NULL, path, i);
        *out = handle(d, i);
    } else if (s == OK) {
        *out = handle(d, e->inode);
        (*out)->read_only = e->inode->protected;
    }
    sim_disk_unlock(d);
    return s;
}

static enum status lock_file(struct store_disk *disk, const char *path, struct store_file **out)
{
    struct store_file *f;
    enum status s = open_file(disk, path, true, &f);
    if (s != OK)
        return s;
    struct sim_disk *d = sim_disk_lock(disk);
    struct inode *i = ((struct file *)f)->inode;
    bool busy = i->locked && i->locked->life == d->life;
    if (!busy)
        i->locked = (struct file *)f;
    sim_disk_unlock(d);
    if (busy)
        disk->ops->close(&f);
    else
        *out = f;
    return busy ? BUSY : OK;
}

static bool is_at(struct store_file *file, const char *path)
{
    struct sim_disk *d = sim_disk_lock(file->disk);
    struct entry *e = d->hidden ? NULL : sim_disk_find(&d->now, path);
    bool same = e && e->inode == ((struct file *)file)->inode;
    sim_disk_unlock(d);
    return same;
}

/* Another file under that name that nobody has locked: as if all had other numbers. */
static enum status lock_again(struct store_file *file, const char *path)
{
    struct sim_disk *d = sim_disk_lock(file->disk);
    struct inode *i = ((struct file *)file)->inode;
    struct entry *e = sim_disk_find(&d->now, path);
    enum status s = d->hidden ? OFFLINE : e == NULL ? OK : e->inode->locked ? BUSY : CONFLICT;
    if (s == OK)
        change(d, NULL, path, i);
    sim_disk_unlock(d);
    return s;
}

/* What a call answers that finds `path` by its name. */
static enum status named(struct sim_disk *d, enum sim_disk_kind kind, const char *path)
{
    bool fails = count(d, kind);
    return fails ? IO_FAILED : !d->hidden && sim_disk_find(&d->now, path) ? OK : NOT_FOUND;
}

static enum status rename_file(struct store_disk *disk, const char *from, const char *to)
{
    struct sim_disk *d = sim_disk_lock(disk);
    enum status s = named(d, SIM_DISK_RENAME, from);
    if (s == OK)
        change(d, from, to, NULL);
    sim_disk_unlock(d);
    return s;
}

static enum status remove_file(struct store_disk *disk, const char *path)
{
    struct sim_disk *d = sim_disk_lock(disk);
    enum status s = named(d, SIM_DISK_REMOVE, path);
    if (s == OK && sim_disk_find(&d->now, path)->inode->directory)
        s = IO_FAILED;
    if (s == OK)
        change(d, path, NULL, NULL);
    sim_disk_unlock(d);
    return s;
}

static enum status sync_directory(struct store_disk *disk, const char *directory)
{
    struct sim_disk *d = sim_disk_lock(disk);
    bool fails = count(d, SIM_DISK_SYNC_DIRECTORY);
    LIST_EACH(l, &d->changes)
    {
        struct change *c = LIST_OF(l, struct change, link);
        if (fails || d->hidden || !inside(c->to ? c->to : c->from, directory))
            continue;
        apply(&d->synced, c);
        forget(c);
    }
    sim_disk_unlock(d);
    return fails ? IO_FAILED : OK;
}

/* How many of `len` bytes at `at` still have room. */
static uint64_t room(struct sim_disk *d, const struct inode *i, uint64_t at, uint64_t len)
{
    uint64_t used = 0;
    LIST_EACH(l, &d->now)
    used += LIST_OF(l, struct entry, link)->inode->now.len;
    uint64_t more = at + len > i->now.len ? at + len - i->now.len : 0;
    uint64_t left = d->limit > used ? d->limit - used : 0;
    if (d->limit == 0 || more <= left)
        return len;
    return len > more - left ? len - (more - left) : 0;
}

static enum status write_file(struct store_file *file, uint64_t at, struct slice bytes)
{
    struct file *f = (struct file *)file;
    struct sim_disk *d = sim_disk_lock(file->disk);
    enum status s = count(d, SIM_DISK_WRITE) || f->life != d->life || file->read_only ||
                              at + bytes.len > FILE_MAX
                        ? IO_FAILED
                        : OK;
    uint64_t len = s == OK           ? room(d, f->inode, at, bytes.len)
                   : file->read_only ? 0
                                     : draw(d) % (bytes.len + 1);
    if (s == OK && len < bytes.len)
        s = FULL;
    if (f->life == d->life && len) {
        if (at + len > f->inode->now.len)
            set_size(f->inode, at + len);
        memcpy(f->inode->now.at + at, bytes.at, len);
        mark(f->inode, at, len);
    }
    sim_disk_unlock(d);
    return s;
}

static enum status read_file(struct store_file *file, uint64_t at, size_t len, struct buffer *out)
{
    struct file *f = (struct file *)file;
    struct sim_disk *d = sim_disk_lock(file->disk);
    bool fails = count(d, SIM_DISK_READ) || f->life != d->life;
    bool spoiled = f->inode->spoiled_from < at + len && at < f->inode->spoiled_to;
    if (!fails && spoiled && !f->inode->cached) {
        fails = true; /* what comes before is given, as real disks do */
        len = f->inode->spoiled_from > at ? (size_t)(f->inode->spoiled_from - at) : 0;
        buffer_put(out, slice_first(slice_skip(buffer_slice(&f->inode->now), (size_t)at), len));
    }
    if (!fails && at < f->inode->now.len)
        buffer_put(out, slice_first(slice_skip(buffer_slice(&f->inode->now), (size_t)at), len));
    sim_disk_unlock(d);
    return fails ? IO_FAILED : OK;
}

static bool is_dirty(const struct inode *i, size_t sector)
{
    return sector < i->dirty.len && i->dirty.at[sector];
}

static bool has_dirty(const struct inode *i)
{
    return i->dirty.len && memchr(i->dirty.at, 1, i->dirty.len);
}

/* What a sync that failed did not write is called clean, and is not on the disk. */
static void forget_pages(struct store_file *file)
{
    struct sim_disk *d = sim_disk_lock(file->disk);
    struct inode *i = ((struct file *)file)->inode;
    i->cached = i->cached && has_dirty(i);
    for (size_t at = 0; at < i->now.len; at += SIM_DISK_SECTOR) {
        size_t left = i->now.len - at, len = left < SIM_DISK_SECTOR ? left : SIM_DISK_SECTOR;
        if (is_dirty(i, at / SIM_DISK_SECTOR))
            continue;
        struct slice kept = slice_first(slice_skip(buffer_slice(&i->synced), at), len);
        memset(i->now.at + at, 0, len);
        if (kept.len)
            memcpy(i->now.at + at, kept.at, kept.len);
    }
    sim_disk_unlock(d);
}

static void reserve(struct store_file *file, uint64_t end)
{
    (void)file, (void)end; /* its room is found by each write */
}

static enum status size_of(struct store_file *file, uint64_t *out)
{
    struct file *f = (struct file *)file;
    struct sim_disk *d = sim_disk_lock(file->disk);
    bool fails = f->life != d->life;
    if (!fails)
        *out = f->inode->now.len;
    sim_disk_unlock(d);
    return fails ? IO_FAILED : OK;
}

static enum status truncate_file(struct store_file *file, uint64_t size)
{
    struct file *f = (struct file *)file;
    struct sim_disk *d = sim_disk_lock(file->disk);
    bool fails = count(d, SIM_DISK_TRUNCATE) || f->life != d->life || file->read_only || size > FILE_MAX;
    if (!fails)
        set_size(f->inode, size);
    sim_disk_unlock(d);
    return fails ? IO_FAILED : OK;
}

static enum status sync_file(struct store_file *file)
{
    struct file *f = (struct file *)file;
    struct sim_disk *d = sim_disk_lock(file->disk);
    bool fails = count(d, SIM_DISK_SYNC) || f->life != d->life;
    if (f->life == d->life)
        flush(d, f->inode, !fails);
    sim_disk_unlock(d);
    return fails ? IO_FAILED : OK;
}

static void close_file(struct store_file **file)
{
    struct file *f = (struct file *)*file;
    if (f == NULL)
        return;
    struct sim_disk *d = sim_disk_lock(f->base.disk);
    if (f->inode->locked == f)
        f->inode->locked = NULL;
    inode_unref(f->inode);
    free(f);
    sim_disk_unlock(d);
    *file = NULL;
}

static const struct store_disk_ops ops = {
    .make_directory = make_directory,
    .list = list_names,
    .open = open_file,
    .lock = lock_file,
    .is_at = is_at,
    .lock_again = lock_again,
    .rename = rename_file,
    .remove = remove_file,
    .sync_directory = sync_directory,
    .reserve = reserve,
    .write = write_file,
    .read = read_file,
    .forget = forget_pages,
    .size = size_of,
    .truncate = truncate_file,
    .sync = sync_file,
    .close = close_file,
};

/* ---- what the header promised ---- */

struct store_disk *sim_disk_new(uint64_t seed)
{
    struct sim_disk *d = MEMORY_NEW(struct sim_disk);
    d->base.ops = &ops;
    d->random = seed;
    pthread_mutex_init(&d->lock, NULL);
    list_init(&d->now);
    list_init(&d->synced);
    list_init(&d->changes);
    return &d->base;
}

void sim_disk_free(struct store_disk **disk)
{
    struct sim_disk *d = (struct sim_disk *)*disk;
    if (d == NULL)
        return;
    clear_names(&d->now);
    clear_names(&d->synced);
    LIST_EACH(l, &d->changes)
    forget(LIST_OF(l, struct change, link));
    pthread_mutex_destroy(&d->lock);
    free(d);
    *disk = NULL;
}

/* With all that it holds. */
static void lose_directory(struct sim_disk *d, const char *path)
{
    size_t len = strlen(path);
    LIST_EACH(l, &d->synced)
    {
        const char *name = LIST_OF(l, struct entry, link)->path;
        if (strncmp(name, path, len) == 0 && name[len] == '/')
            sim_disk_unname(&d->synced, name);
    }
}

/* A journal keeps the order and loses an end; a file system without one may lose any of them. */
static void settle_names(struct sim_disk *d)
{
    bool journal = coin(d), lost = false;
    LIST_EACH(l, &d->changes)
    {
        struct change *c = LIST_OF(l, struct change, link);
        lost = (journal && lost) || draw(d) % 4 == 0;
        if (!lost)
            apply(&d->synced, c);
        else if (c->inode && c->inode->directory)
            lose_directory(d, c->to);
        forget(c);
    }
}

static void settle_bytes(struct sim_disk *d, struct inode *i)
{
    flush(d, i, false);
    buffer_reset(&i->now);
    buffer_put(&i->now, buffer_slice(&i->synced));
}

void sim_disk_crash(struct store_disk *disk)
{
    struct sim_disk *d = sim_disk_lock(disk);
    d->life++;
    d->power_until = 0;
    settle_names(d);
    clear_names(&d->now);
    LIST_EACH(l, &d->synced)
    {
        struct entry *e = LIST_OF(l, struct entry, link);
        settle_bytes(d, e->inode);
        sim_disk_name(&d->now, e->path, e->inode);
    }
    sim_disk_unlock(d);
}

void sim_disk_power_until(struct store_disk *disk, uint64_t nth)
{
    struct sim_disk *d = sim_disk_lock(disk);
    d->power_until = nth ? d->calls[SIM_DISK_ANY] + nth : 0;
    sim_disk_unlock(d);
}

void sim_disk_limit(struct store_disk *disk, uint64_t bytes)
{
    struct sim_disk *d = sim_disk_lock(disk);
    d->limit = bytes;
    sim_disk_unlock(d);
}

uint64_t sim_disk_used(struct store_disk *disk)
{
    struct sim_disk *d = sim_disk_lock(disk);
    uint64_t used = 0;
    LIST_EACH(l, &d->now)
    used += LIST_OF(l, struct entry, link)->inode->now.len;
    sim_disk_unlock(d);
    return used;
}

void sim_disk_fail(struct store_disk *disk, enum sim_disk_kind kind, uint64_t nth)
{
    struct sim_disk *d = sim_disk_lock(disk);
    d->fail_at[kind] = nth ? d->calls[kind] + nth : 0;
    sim_disk_unlock(d);
}

uint64_t sim_disk_calls(struct store_disk *disk, enum sim_disk_kind kind)
{
    struct sim_disk *d = sim_disk_lock(disk);
    uint64_t n = d->calls[kind];
    sim_disk_unlock(d);
    return n;
}

/* What befalls a simulated disk besides a crash: damage, files that do not open, names that are away. */
#include "store/sim_disk_priv.h"

#include "base/memory.h"

bool sim_disk_flip(struct store_disk *disk, const char *path, uint64_t byte, uint8_t mask)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    bool there = e && byte < e->inode->now.len;
    if (there) {
        e->inode->now.at[byte] ^= mask;
        if (byte < e->inode->synced.len)
            e->inode->synced.at[byte] ^= mask;
    }
    sim_disk_unlock(d);
    return there;
}

bool sim_disk_spoil(struct store_disk *disk, const char *path, uint64_t from, uint64_t to)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    if (e) {
        e->inode->spoiled_from = from;
        e->inode->spoiled_to = to;
    }
    sim_disk_unlock(d);
    return e != NULL;
}

bool sim_disk_cache(struct store_disk *disk, const char *path)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    if (e)
        e->inode->cached = true;
    sim_disk_unlock(d);
    return e != NULL;
}

bool sim_disk_bar(struct store_disk *disk, const char *path, enum status why)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    if (e)
        e->inode->barred = why;
    sim_disk_unlock(d);
    return e != NULL;
}

bool sim_disk_protect(struct store_disk *disk, const char *path, bool protected)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    if (e)
        e->inode->protected = protected;
    sim_disk_unlock(d);
    return e != NULL;
}

bool sim_disk_vanish(struct store_disk *disk, const char *path)
{
    struct sim_disk *d = sim_disk_lock(disk);
    bool there = sim_disk_find(&d->now, path) != NULL;
    sim_disk_unname(&d->now, path);
    sim_disk_unname(&d->synced, path);
    sim_disk_unlock(d);
    return there;
}

void sim_disk_hide(struct store_disk *disk, bool hidden)
{
    struct sim_disk *d = sim_disk_lock(disk);
    d->hidden = hidden;
    sim_disk_unlock(d);
}

bool sim_disk_cut(struct store_disk *disk, const char *path, uint64_t size)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    bool there = e && size <= e->inode->now.len;
    if (there) {
        sim_disk_resize(&e->inode->now, (size_t)size);
        if (size < e->inode->synced.len)
            sim_disk_resize(&e->inode->synced, (size_t)size);
    }
    sim_disk_unlock(d);
    return there;
}

enum status sim_disk_copy(struct store_disk *disk, const char *path, struct buffer *out)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct entry *e = sim_disk_find(&d->now, path);
    if (e)
        buffer_put(out, buffer_slice(&e->inode->now));
    sim_disk_unlock(d);
    return e ? OK : NOT_FOUND;
}

void sim_disk_put(struct store_disk *disk, const char *path, struct slice bytes)
{
    struct sim_disk *d = sim_disk_lock(disk);
    struct inode *i = MEMORY_NEW(struct inode);
    buffer_put(&i->now, bytes);
    buffer_put(&i->synced, bytes);
    sim_disk_name(&d->now, path, i);
    sim_disk_name(&d->synced, path, i);
    sim_disk_unlock(d);
}

/* The inside of the simulated disk, shared by sim_disk.c, which is the disk, and sim_disk_harm.c,
 * which does it harm. Nobody else includes it. */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "store/sim_disk.h"

struct file;

/* What a file holds; several handles may have it open, and it lives on without a name. */
struct inode {
    unsigned refs;
    struct buffer now;    /* as programs read it */
    struct buffer synced; /* as the power leaves it */
    struct buffer dirty;  /* a byte per sector: written since the last sync */
    bool resized;
    uint64_t spoiled_from, spoiled_to; /* bytes that cannot be read */
    struct file *locked;               /* by this handle */
    enum status barred;                /* what opening it answers; OK: it opens */
    bool protected;                    /* it opens to be read alone */
    bool cached;                       /* memory has all of it: no read comes to the disk */
    bool directory;
};

struct entry {
    struct link link;
    char *path;
    struct inode *inode;
};

/* A change to a directory that is not synced. */
struct change {
    struct link link;
    char *from;          /* remove, rename */
    char *to;            /* create, rename */
    struct inode *inode; /* create */
};

struct sim_disk {
    struct store_disk base;
    pthread_mutex_t lock;
    uint64_t random;
    uint64_t limit;
    struct list now, synced; /* of entry */
    struct list changes;     /* of change, oldest first */
    uint64_t calls[SIM_DISK_ANY + 1];
    uint64_t fail_at[SIM_DISK_ANY + 1]; /* call numbers */
    uint64_t power_until;               /* call number; 0: no end is set */
    unsigned life;                      /* grows with each crash */
    bool hidden;                        /* as if another disk were under its names */
};

struct file {
    struct store_file base;
    struct inode *inode;
    unsigned life;
};

struct sim_disk *sim_disk_lock(struct store_disk *disk);
void sim_disk_unlock(struct sim_disk *d);
/* NULL: nothing has that name. */
struct entry *sim_disk_find(struct list *names, const char *path);
void sim_disk_name(struct list *names, const char *path, struct inode *i);
void sim_disk_unname(struct list *names, const char *path);
void sim_disk_resize(struct buffer *b, size_t size);

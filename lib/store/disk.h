/*
 * Files, as the log needs them. Two makes: store_disk_real(), and the simulated one in sim_disk.h,
 * whose crash drops what was not synced, tears writes, and fills up. All calls block; the log makes
 * the slow ones from loop_work().
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

struct store_disk;
struct store_file;

struct store_disk *store_disk_real(void);

/* Every failure is IO_FAILED with errno in the log line (one a minute of those alike), FULL for ENOSPC, NOT_FOUND for ENOENT, BUSY where this
 * process or machine has no file or memory left: that says nothing of the disk. */
struct store_disk_ops {
    /* That one, in a parent that is there; EXISTS. store_directory_make() makes the parents, too. */
    enum status (*make_directory)(struct store_disk *d, const char *path);
    /* Names, each ended by a zero, appended to *names. */
    enum status (*list)(struct store_disk *d, const char *directory, struct buffer *names);
    /* One that is there and may only be read opens as well, as read_only. */
    enum status (*open)(struct store_disk *d, const char *path, bool create, struct store_file **out);
    /* Made when absent, and no one else's until it is closed; BUSY while it is. */
    enum status (*lock)(struct store_disk *d, const char *path, struct store_file **out);
    bool (*is_at)(struct store_file *f, const char *path); /* the path is this very file's */
    /* Of a lock whose name is gone. OK: it is made again, for its directory is the same. BUSY: another process has it by
     * now. CONFLICT: the directory has another number on the same device: it is another one, or on a network that
     * numbers anew. OFFLINE: it is not there, or on another device. */
    enum status (*lock_again)(struct store_file *f, const char *path);
    enum status (*rename)(struct store_disk *d, const char *from, const char *to);
    enum status (*remove)(struct store_disk *d, const char *path);
    /* UNSUPPORTED: it may not be read, or its file system has no such thing. */
    enum status (*sync_directory)(struct store_disk *d, const char *directory);
    /* A hint: room up to `end`, so that to sync what is written there needs no more than its bytes. What is
     * not used goes back at close; the file's size stays. */
    void (*reserve)(struct store_file *f, uint64_t end);
    enum status (*write)(struct store_file *f, uint64_t at, struct slice bytes);
    enum status (*read)(struct store_file *f, uint64_t at, size_t len, struct buffer *out); /* fewer at the end */
    void (*forget)(struct store_file *f); /* what memory has of it, so that the disk itself is read next, as far as that goes */
    enum status (*size)(struct store_file *f, uint64_t *out);
    enum status (*truncate)(struct store_file *f, uint64_t size);
    enum status (*sync)(struct store_file *f);
    void (*close)(struct store_file **f);
};

struct store_disk {
    const struct store_disk_ops *ops;
};

struct store_file {
    struct store_disk *disk;
    bool read_only; /* its writes fail */
};

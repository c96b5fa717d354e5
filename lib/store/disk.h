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

/* Every failure is IO_FAILED with errno in the log line, FULL for ENOSPC, NOT_FOUND for ENOENT. */
struct store_disk_ops {
    enum status (*make_directory)(struct store_disk *d, const char *path); /* parents too */
    /* Names, each ended by a zero, appended to *names. */
    enum status (*list)(struct store_disk *d, const char *directory, struct buffer *names);
    enum status (*open)(struct store_disk *d, const char *path, bool create, struct store_file **out);
    /* Made when absent, and no one else's until it is closed; BUSY while it is. */
    enum status (*lock)(struct store_disk *d, const char *path, struct store_file **out);
    enum status (*rename)(struct store_disk *d, const char *from, const char *to);
    enum status (*remove)(struct store_disk *d, const char *path);
    enum status (*sync_directory)(struct store_disk *d, const char *directory);
    /* A hint: room up to `end`, so that to sync what is written there needs no more than its bytes. What is
     * not used goes back at close; the file's size stays. */
    void (*reserve)(struct store_file *f, uint64_t end);
    enum status (*write)(struct store_file *f, uint64_t at, struct slice bytes);
    enum status (*read)(struct store_file *f, uint64_t at, size_t len, struct buffer *out); /* fewer at the end */
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
};

#include "store/disk.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define SAID 64 /* kinds of failures that are remembered */
#define MINUTE_NS 60000000000u

struct place {
    dev_t device;
    unsigned long file_system; /* by its own name for itself, where it has one: a device may have another one later */
    ino_t number;
};

struct file {
    struct store_file base;
    int fd;
    uint64_t reserved; /* 0: nothing */
    struct place directory; /* of a lock */
    char path[];
};

/* Of one kind, in one directory, once a minute: what fails is tried again and again. */
static bool is_news(const char *what, const char *path, int error)
{
    static _Atomic uint64_t said[SAID];
    const char *last = strrchr(path, '/');
    struct slice directory = slice_from(path, last ? (size_t)(last - path) : 0);
    uint64_t kind = slice_hash(directory) ^ slice_hash(slice_of(what)) * 31 ^ (uint64_t)error * 131;
    uint64_t now = kind << 16 | (clock_monotonic_ns() / MINUTE_NS & 0xffff);
    return atomic_exchange(&said[kind % SAID], now) != now;
}

static enum status failed(const char *what, const char *path)
{
    int error = errno;
    if (error == ENOENT)
        return NOT_FOUND;
    const char *name = strerrorname_np(error);
    log_line(is_news(what, path, error) ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG,
             "disk failed what=%s path=%s error=%s", what, path, name ? name : "unknown");
    if (error == EMFILE || error == ENFILE || error == ENOMEM)
        return BUSY;
    return error == ENOSPC || error == EDQUOT ? FULL : IO_FAILED;
}

static enum status file_failed(const char *what, const struct file *f)
{
    enum status s = failed(what, f->path);
    return s == NOT_FOUND ? IO_FAILED : s;
}

static enum status make_directory(struct store_disk *d, const char *path)
{
    (void)d;
    if (mkdir(path, 0700) == 0)
        return OK;
    return errno == EEXIST ? EXISTS : failed("mkdir", path);
}

static enum status list(struct store_disk *d, const char *directory, struct buffer *names)
{
    (void)d;
    DIR *dir = opendir(directory);
    if (dir == NULL)
        return failed("opendir", directory);
    struct dirent *e;
    while ((errno = 0, e = readdir(dir)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            buffer_put(names, slice_from(e->d_name, strlen(e->d_name) + 1));
    enum status s = errno ? failed("readdir", directory) : OK;
    closedir(dir);
    return s;
}

static int open_again(const char *path, int flags)
{
    int fd;
    do
        fd = open(path, flags | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* A file system that its system made read-only after a failure still gives what it has. */
static bool may_be_read(void)
{
    return errno == EROFS || errno == EACCES || errno == EPERM;
}

static enum status open_file(struct store_disk *d, const char *path, bool create,
                             struct store_file **out)
{
    int fd = open_again(path, O_RDWR | (create ? O_CREAT : 0));
    bool read_only = fd < 0 && !create && may_be_read();
    if (read_only)
        fd = open_again(path, O_RDONLY);
    if (fd < 0)
        return failed("open", path);
    struct file *f = memory_new(sizeof(*f) + strlen(path) + 1);
    f->base = (struct store_file){.disk = d, .read_only = read_only};
    f->fd = fd;
    strcpy(f->path, path);
    *out = &f->base;
    return OK;
}

/* Of the directory that the path's last name is in. */
static bool find_place(const char *path, struct place *out)
{
    char *directory = memory_text(path), *last = strrchr(directory, '/');
    struct stat found;
    struct statvfs system;
    if (last)
        last[last == directory] = 0;
    const char *at = last ? directory : ".";
    bool there = stat(at, &found) == 0 && statvfs(at, &system) == 0;
    if (there)
        *out = (struct place){found.st_dev, system.f_fsid, found.st_ino};
    free(directory);
    return there;
}

static enum status take_lock(int fd, const char *path)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return OK;
    return errno == EWOULDBLOCK ? BUSY : failed("flock", path);
}

static enum status lock_file(struct store_disk *d, const char *path, struct store_file **out)
{
    enum status s = open_file(d, path, true, out);
    if (s == BUSY) /* which means something else here */
        return IO_FAILED;
    if (s != OK)
        return s;
    struct file *f = (struct file *)*out;
    s = take_lock(f->fd, path);
    if (s == OK && !find_place(path, &f->directory))
        s = failed("stat", path);
    if (s != OK)
        d->ops->close(out);
    return s;
}

static bool is_at(struct store_file *file, const char *path)
{
    struct stat ours, found;
    return fstat(((struct file *)file)->fd, &ours) == 0 && stat(path, &found) == 0 &&
           ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

/* The new file gets the number that the handle has: who holds it has the lock. */
static enum status lock_again(struct store_file *file, const char *path)
{
    struct file *f = (struct file *)file;
    struct place now;
    if (!find_place(path, &now) || now.device != f->directory.device ||
        now.file_system != f->directory.file_system)
        return OFFLINE;
    if (now.number != f->directory.number)
        return CONFLICT;
    int fd = open_again(path, O_RDWR | O_CREAT);
    if (fd < 0)
        return failed("open", path) == NOT_FOUND ? OFFLINE : IO_FAILED;
    enum status s = take_lock(fd, path);
    if (s == OK && dup3(fd, f->fd, O_CLOEXEC) < 0)
        s = failed("dup", path);
    close(fd);
    return s == BUSY && is_at(file, path) ? OK : s; /* another thread did it */
}

static enum status rename_file(struct store_disk *d, const char *from, const char *to)
{
    (void)d;
    return rename(from, to) == 0 ? OK : failed("rename", from);
}

static enum status remove_file(struct store_disk *d, const char *path)
{
    (void)d;
    return unlink(path) == 0 ? OK : failed("unlink", path);
}

static enum status sync_directory(struct store_disk *d, const char *directory)
{
    (void)d;
    int fd = open_again(directory, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return errno == EACCES ? UNSUPPORTED : failed("open", directory);
    enum status s = fsync(fd) == 0 ? OK : errno == EINVAL ? UNSUPPORTED : failed("fsync", directory);
    close(fd);
    return s;
}

/* Where that cannot be, each write finds its own room. */
static void reserve(struct store_file *file, uint64_t end)
{
    struct file *f = (struct file *)file;
    if (end > f->reserved && fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)end) == 0)
        f->reserved = end;
}

static enum status write_file(struct store_file *file, uint64_t at, struct slice bytes)
{
    struct file *f = (struct file *)file;
    while (bytes.len) {
        ssize_t n = pwrite(f->fd, bytes.at, bytes.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_failed("write", f);
        bytes = slice_skip(bytes, (size_t)n);
        at += (uint64_t)n;
    }
    return OK;
}

static enum status read_file(struct store_file *file, uint64_t at, size_t len, struct buffer *out)
{
    struct file *f = (struct file *)file;
    while (len) {
        ssize_t n = pread(f->fd, buffer_reserve(out, len), len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_failed("read", f);
        if (n == 0)
            break;
        buffer_added(out, (size_t)n);
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return OK;
}

static void forget(struct store_file *file)
{
    posix_fadvise(((struct file *)file)->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static enum status size_of(struct store_file *file, uint64_t *out)
{
    struct file *f = (struct file *)file;
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return file_failed("stat", f);
    *out = (uint64_t)st.st_size;
    return OK;
}

static enum status truncate_file(struct store_file *file, uint64_t size)
{
    struct file *f = (struct file *)file;
    int r;
    do
        r = ftruncate(f->fd, (off_t)size);
    while (r != 0 && errno == EINTR);
    return r == 0 ? OK : file_failed("truncate", f);
}

/* Never tried twice: after a failure the kernel may have dropped the pages and calls them clean. */
static enum status sync_file(struct store_file *file)
{
    struct file *f = (struct file *)file;
    return fdatasync(f->fd) == 0 ? OK : file_failed("fdatasync", f);
}

static void close_file(struct store_file **file)
{
    struct file *f = (struct file *)*file;
    struct stat st;
    if (f == NULL)
        return;
    if (f->reserved && fstat(f->fd, &st) == 0 && (uint64_t)st.st_size < f->reserved &&
        ftruncate(f->fd, st.st_size) != 0)
        log_debug("disk room not given back path=%s", f->path);
    close(f->fd);
    free(f);
    *file = NULL;
}

static const struct store_disk_ops ops = {
    .make_directory = make_directory,
    .list = list,
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
    .forget = forget,
    .size = size_of,
    .truncate = truncate_file,
    .sync = sync_file,
    .close = close_file,
};

struct store_disk *store_disk_real(void)
{
    static struct store_disk real = {&ops};
    return &real;
}

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static enum status failed(const char *what, const char *path)
{
    int e = errno;
    if (e == ENOENT)
        return NOT_FOUND;
    log_error("%s failed path=%s error=\"%s\"", what, path, strerror(e));
    return e == ENOSPC ? FULL : IO_FAILED;
}

enum status file_read(const char *path, struct buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path);
    size_t before = out->len;
    for (;;) {
        ssize_t n = read(fd, buffer_reserve(out, 16384), 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            enum status s = n < 0 ? failed("read", path) : OK;
            close(fd);
            return s;
        }
        buffer_added(out, (size_t)n);
        if (out->len - before > FILE_READ_MAX) {
            close(fd);
            return TOO_LARGE;
        }
    }
}

static enum status write_all(int fd, struct slice bytes, const char *path)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno != EINTR)
            return failed("write", path);
        if (n > 0)
            bytes = slice_skip(bytes, (size_t)n);
    }
    return fsync(fd) == 0 ? OK : failed("fsync", path);
}

/* So that the new name survives a power cut. */
static void sync_parent(const char *path)
{
    struct slice p = slice_of(path);
    while (p.len && p.at[p.len - 1] != '/')
        p.len--;
    char *parent = p.len ? slice_dup(p) : slice_dup(SLICE("."));
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        if (fsync(fd) != 0)
            log_warn("fsync of a directory failed path=%s", parent);
        close(fd);
    }
    free(parent);
}

enum status file_write(const char *path, struct slice bytes)
{
    struct buffer beside = {0};
    buffer_printf(&beside, "%s.%d.new", path, (int)getpid());
    const char *name = buffer_cstr(&beside);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    enum status s = fd < 0 ? failed("create", name) : write_all(fd, bytes, name);
    if (fd >= 0)
        close(fd);
    if (s == OK && rename(name, path) != 0)
        s = failed("rename", path);
    if (s == OK)
        sync_parent(path);
    else if (fd >= 0)
        unlink(name);
    buffer_clear(&beside);
    return s;
}

enum status file_make_directory(const char *path)
{
    char *copy = slice_dup(slice_of(path));
    for (char *at = copy + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
            enum status s = failed("mkdir", copy);
            free(copy);
            return s;
        }
        *at = '/';
    }
    enum status s = mkdir(copy, 0700) == 0 || errno == EEXIST ? OK : failed("mkdir", copy);
    free(copy);
    return s;
}

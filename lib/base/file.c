#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

static enum status failed(const char *what, const char *path)
{
    int error = errno;
    if (error == ENOENT)
        return NOT_FOUND;
    log_error("file failed doing=%s path=%s reason=%s", what, path, strerrorname_np(error));
    return error == ENOSPC ? FULL : IO_FAILED;
}

static enum status regular(int fd, const char *path)
{
    struct stat facts;
    if (fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode))
        return OK;
    log_error("not a file path=%s", path);
    return IO_FAILED;
}

enum status file_read(const char *path, struct buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC |
                            O_NONBLOCK); /* a pipe would hold us until somebody writes */
    if (fd < 0)
        return failed("open", path);
    enum status status = regular(fd, path);
    size_t before = out->len;
    while (status == OK) {
        ssize_t n = read(fd, buffer_reserve(out, 16384), 16384);
        if (n > 0)
            buffer_added(out, (size_t)n);
        if (n < 0 && errno != EINTR)
            status = failed("read", path);
        if (out->len - before > FILE_READ_MAX)
            status = TOO_LARGE;
        if (n == 0)
            break;
    }
    close(fd);
    if (status != OK)
        out->len = before;
    return status;
}

static bool write_all(int fd, struct slice rest)
{
    while (rest.len) {
        ssize_t n = write(fd, rest.at, rest.len);
        if (n < 0 && errno != EINTR)
            return false;
        rest = slice_skip(rest, n > 0 ? (size_t)n : 0);
    }
    return fsync(fd) == 0;
}

bool file_sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced;
}

static bool sync_directory_of(const char *path)
{
    char *copy = memory_text(path);
    bool synced = file_sync_directory(dirname(copy));
    free(copy);
    return synced;
}

/* As `like`, where we may. */
static bool take_over(int fd, const struct stat *like)
{
    return (fchown(fd, like->st_uid, like->st_gid) == 0 || errno == EPERM) &&
           fchmod(fd, like->st_mode & 07777) == 0;
}

static enum status overwrite(const char *path, struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("open", path);
    bool whole = write_all(fd, bytes) && ftruncate(fd, (off_t)bytes.len) == 0 && fsync(fd) == 0;
    enum status status = whole ? OK : failed("write", path);
    close(fd);
    return status;
}

/* `like`: whose file it is and was; NULL: ours, with that mode. */
static enum status replace(const char *path, struct slice bytes, mode_t mode,
                           const struct stat *like)
{
    struct buffer draft = {0};
    buffer_printf(&draft, "%s.XXXXXX", path);
    char *name = (char *)draft.at;
    buffer_cstr(&draft);
    int fd = mkostemp(name, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) {
        bool closed = errno == EACCES || errno == EPERM || errno == EROFS; /* the folder, not the file */
        enum status status = like && closed ? overwrite(path, bytes) : failed("create", path);
        buffer_clear(&draft);
        return status;
    }
    bool whole = (like ? take_over(fd, like) : fchmod(fd, mode) == 0) && write_all(fd, bytes);
    whole = close(fd) == 0 && whole;
    enum status status = OK;
    bool renamed = whole && rename(name, path) == 0;
    if (whole && !renamed && like && errno == EBUSY)
        status = overwrite(path, bytes);
    else if (!renamed || !sync_directory_of(path))
        status = failed("write", path);
    if (!renamed)
        unlink(name);
    buffer_clear(&draft);
    return status;
}

enum status file_write(const char *path, struct slice bytes)
{
    return replace(path, bytes, 0600, NULL);
}

enum status file_write_public(const char *path, struct slice bytes)
{
    return replace(path, bytes, 0644, NULL);
}

enum status file_rewrite(const char *path, struct slice bytes)
{
    struct stat now;
    char *real = realpath(path, NULL);
    bool there = real && stat(real, &now) == 0;
    enum status status = replace(there ? real : path, bytes, 0600, there ? &now : NULL);
    free(real);
    return status;
}

/* Its parents were made just now: what is not found here is no folder that could be made. */
static enum status no_directory(const char *path)
{
    log_error("file failed doing=mkdir path=%s reason=%s", path, strerrorname_np(errno));
    return errno == ENOSPC ? FULL : IO_FAILED;
}

enum status file_make_directory(const char *path)
{
    char *copy = memory_text(path);
    enum status status = OK;
    for (char *at = copy + (*copy != 0); status == OK; at++) {
        char end = *at;
        if (end != '/' && end != 0)
            continue;
        *at = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            status = no_directory(copy);
        if (end == 0)
            break;
        *at = end;
    }
    free(copy);
    return status;
}

void file_set_aside(const char *path)
{
    struct buffer aside = {0};
    buffer_printf(&aside, "%s.damaged", path);
    if (rename(path, buffer_cstr(&aside)) == 0)
        log_error("file cannot be read and is set aside path=%s", buffer_cstr(&aside));
    else
        (void)failed("set aside", path);
    buffer_clear(&aside);
}

/*
 * Preloaded into a program under test: the n-th call of one kind on files below a folder fails.
 *
 *   NTH_CALL_BELOW  the folder, as the program names it
 *   NTH_CALL_KIND   open, write or sync
 *   NTH_CALL_N      which one fails, from 1; 0: none
 *   NTH_CALL_ERRNO  with which number
 *   NTH_CALL_COUNT  a file that gets "open N write N sync N" when the program ends
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

enum kind { OPEN, WRITE, SYNC, KIND_COUNT };
static const char *const names[KIND_COUNT] = {"open", "write", "sync"};

static const char *below;
static int kind_that_fails = -1, with_errno = EIO;
static unsigned n_that_fails;
static unsigned counts[KIND_COUNT]; /* atomic */

__attribute__((constructor)) static void begin(void)
{
    const char *kind = getenv("NTH_CALL_KIND"), *n = getenv("NTH_CALL_N"),
               *number = getenv("NTH_CALL_ERRNO");
    below = getenv("NTH_CALL_BELOW");
    for (int k = 0; kind && k < KIND_COUNT; k++)
        if (strcmp(kind, names[k]) == 0)
            kind_that_fails = k;
    n_that_fails = n ? (unsigned)atoi(n) : 0;
    with_errno = number ? atoi(number) : EIO;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("NTH_CALL_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (f == NULL)
        return;
    for (int k = 0; k < KIND_COUNT; k++)
        fprintf(f, "%s %u ", names[k], counts[k]);
    fclose(f);
}

static bool is_below(const char *path)
{
    return below && path && strncmp(path, below, strlen(below)) == 0;
}

static bool fd_is_below(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    if (len < 0)
        return false;
    path[len] = 0;
    return is_below(path);
}

/* Counts it; true: it is the one that fails. */
static bool fails(enum kind k)
{
    unsigned n = __atomic_add_fetch(&counts[k], 1, __ATOMIC_RELAXED);
    if ((int)k != kind_that_fails || n != n_that_fails)
        return false;
    errno = with_errno;
    return true;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list list)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(list, int) : 0;
}

#define OPEN_LIKE(name)                                                                            \
    SHOWN int name(const char *path, int flags, ...)                                               \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = mode_of(flags, list);                                                        \
        va_end(list);                                                                              \
        return is_below(path) && fails(OPEN) ? -1 : REAL(name)(path, flags, mode);                 \
    }
OPEN_LIKE(open)
OPEN_LIKE(open64)

#define OPENAT_LIKE(name)                                                                          \
    SHOWN int name(int at, const char *path, int flags, ...)                                       \
    {                                                                                              \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = mode_of(flags, list);                                                        \
        va_end(list);                                                                              \
        return is_below(path) && fails(OPEN) ? -1 : REAL(name)(at, path, flags, mode);             \
    }
OPENAT_LIKE(openat)
OPENAT_LIKE(openat64)

/* What a hardened build calls instead, when it gives no mode. */
SHOWN int __open_2(const char *path, int flags);
SHOWN int __open64_2(const char *path, int flags);

SHOWN int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

SHOWN int __open64_2(const char *path, int flags)
{
    return open64(path, flags);
}

SHOWN ssize_t write(int fd, const void *bytes, size_t len)
{
    return fd_is_below(fd) && fails(WRITE) ? -1 : REAL(write)(fd, bytes, len);
}

SHOWN ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return fd_is_below(fd) && fails(WRITE) ? -1 : REAL(pwrite)(fd, bytes, len, at);
}

SHOWN ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return fd_is_below(fd) && fails(WRITE) ? -1 : REAL(pwrite64)(fd, bytes, len, at);
}

SHOWN ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return fd_is_below(fd) && fails(WRITE) ? -1 : REAL(writev)(fd, parts, count);
}

SHOWN ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return fd_is_below(fd) && fails(WRITE) ? -1 : REAL(pwritev)(fd, parts, count, at);
}

SHOWN int fsync(int fd)
{
    return fd_is_below(fd) && fails(SYNC) ? -1 : REAL(fsync)(fd);
}

SHOWN int fdatasync(int fd)
{
    return fd_is_below(fd) && fails(SYNC) ? -1 : REAL(fdatasync)(fd);
}

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/stream_tcp.h"

#define ACCEPTS_PER_TURN 64
#define BACKLOG 4096 /* a storm of devices that come back; what it is cut to is the system's matter */
#define OWN_FILES 64
#define REST_MS 200 /* no descriptors left: to ask again at once would spin */
#define SAY_MS 60000 /* and to say so each time would fill the log */

struct listening {
    uv_poll_t poll; /* first */
    int fd;
    struct listener *listener; /* NULL when closed */
    struct loop_timer rest;
    uint64_t say_ms; /* not again before */
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void resume(void *arg)
{
    struct listening *a = arg;
    uv_poll_start(&a->poll, UV_READABLE, on_readable);
}

/* Connections leave some descriptors to the program: who floods it must not keep it from opening the
 * file that a healthy peer's message goes into. A descriptor is the lowest number that is free. */
static bool is_reserved(int fd)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return false;
    rlim_t own = files.rlim_cur / 4 < OWN_FILES ? files.rlim_cur / 4 : OWN_FILES;
    return (rlim_t)fd >= files.rlim_cur - own;
}

static void say(struct listening *a, const char *reason)
{
    uint64_t now = loop_now_ms(a->listener->config.loop);
    if (now < a->say_ms)
        return;
    a->say_ms = now + SAY_MS;
    log_warn("connections wait: there are no more descriptors; raise the limit of open files "
             "port=%d reason=%s",
             a->listener->port, reason);
}

/* False when there is nothing more to accept now. */
static bool may_go_on(struct listening *a)
{
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        say(a, strerrorname_np(errno));
        uv_poll_stop(&a->poll);
        loop_timer_start(a->listener->config.loop, &a->rest, REST_MS, resume, a);
        return false;
    default:
        return true; /* that one connection failed */
    }
}

static void accepted(struct listening *a, int fd, const struct sockaddr *address)
{
    struct stream_tcp *t = stream_tcp_new(a->listener->config.loop);
    stream_tcp_peer_set(t, address);
    if (stream_tcp_open(t, fd) == OK)
        listener_accepted(a->listener, &t->s);
    else
        stream_abort(&t->s, IO_FAILED);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listening *a = (struct listening *)poll;
    for (int i = 0; i < ACCEPTS_PER_TURN && a->listener; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        int fd = accept4(a->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && is_reserved(fd)) {
            close(fd);
            fd = -1;
            errno = EMFILE;
        }
        if (fd >= 0)
            accepted(a, fd, (struct sockaddr *)&address);
        else if (!may_go_on(a))
            return;
    }
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* A listening socket, or -1 with errno. "::" takes IPv4 too. */
static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static enum status refuse(const struct listen_config *config, const char *reason)
{
    const char *mend = strcmp(reason, "EADDRINUSE") == 0
                           ? " do=\"end what listens there, or set another port\""
                       : strcmp(reason, "EACCES") == 0
                           ? " do=\"set a port above 1023, or allow this one: CAP_NET_BIND_SERVICE\""
                           : "";
    if (!config->quiet)
        log_error("cannot listen host=%s port=%d reason=%s%s", config->host, config->port, reason,
                  mend);
    return IO_FAILED;
}

enum status listen_tcp(struct listener *listener)
{
    const struct listen_config *config = &listener->config;
    char port[8];
    snprintf(port, sizeof(port), "%u", config->port & 0xffff);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *address;
    if (getaddrinfo(config->host, port, &hints, &address) != 0)
        return refuse(config, "not_an_address");
    int fd = open_socket(address);
    freeaddrinfo(address);
    if (fd < 0)
        return refuse(config, strerrorname_np(errno));

    struct listening *a = MEMORY_NEW(struct listening);
    a->fd = fd;
    a->listener = listener;
    listener->made = a;
    listener->port = port_of(fd);
    uv_poll_init(&loop_uv_of(config->loop)->uv, &a->poll, fd);
    uv_poll_start(&a->poll, UV_READABLE, on_readable);
    return OK;
}

static void on_closed(uv_handle_t *h)
{
    free(h);
}

void unlisten_tcp(struct listener *listener)
{
    struct listening *a = listener->made;
    a->listener = NULL;
    loop_timer_stop(&a->rest);
    uv_close((uv_handle_t *)&a->poll, on_closed);
    close(a->fd);
}

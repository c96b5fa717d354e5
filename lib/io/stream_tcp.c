#include "io/stream_tcp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

#define CLOSE_MS 5000  /* what is unsent at stream_close() has so long */
#define LINGER_MS 1000 /* the peer has so long to take the last bytes and to say goodbye */

static const struct stream_ops ops;

static struct stream_tcp *of(const struct stream *s)
{
    return (struct stream_tcp *)s;
}

/* ---- the handle ---- */

static void on_handle_closed(uv_handle_t *uv)
{
    struct tcp_handle *h = (struct tcp_handle *)uv;
    buffer_clear(&h->sending);
    free(h);
}

void stream_tcp_handle_close(uv_handle_t *uv)
{
    struct tcp_handle *h = (struct tcp_handle *)uv;
    loop_timer_stop(&h->linger);
    if (!uv_is_closing(uv))
        uv_close(uv, on_handle_closed);
}

struct tcp_handle *stream_tcp_handle_new(struct stream_tcp *t)
{
    struct tcp_handle *h = MEMORY_NEW(struct tcp_handle);
    uv_tcp_init(&loop_uv_of(t->s.loop)->uv, &h->uv); /* opens nothing yet: cannot fail */
    h->owner = t;
    t->handle = h;
    return h;
}

static struct tcp_handle *let_go(struct stream_tcp *t)
{
    struct tcp_handle *h = t->handle;
    t->handle = NULL;
    h->owner = NULL;
    return h;
}

void stream_tcp_handle_drop(struct stream_tcp *t)
{
    if (t->handle)
        stream_tcp_handle_close((uv_handle_t *)let_go(t));
}

/* ---- the end ---- */

static void end(struct stream_tcp *t, enum status why)
{
    loop_timer_stop(&t->close_timer);
    stream_tcp_handle_drop(t);
    stream_closed(&t->s, why);
}

static void fail(struct stream_tcp *t, int error, const char *doing)
{
    log_debug("connection lost peer=%s doing=%s reason=%s", t->peer, doing, uv_err_name(error));
    end(t, IO_FAILED);
}

static void linger_alloc(uv_handle_t *uv, size_t want, uv_buf_t *buf)
{
    (void)want;
    struct loop_uv *u = LIST_OF(uv->loop, struct loop_uv, uv);
    *buf = uv_buf_init((char *)u->read, sizeof(u->read));
}

static void linger_read(uv_stream_t *uv, ssize_t len, const uv_buf_t *buf)
{
    (void)buf;
    if (len < 0)
        stream_tcp_handle_close((uv_handle_t *)uv);
}

static void linger_over(void *arg)
{
    stream_tcp_handle_close(arg);
}

/* To close a socket with unread bytes resets it, and the peer could lose our last ones: the handle
 * says that no more will come, and reads on for a little while. */
static void linger(struct tcp_handle *h, struct loop *l)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&h->uv, &fd) == 0)
        shutdown(fd, SHUT_WR);
    uv_read_stop((uv_stream_t *)&h->uv);
    if (uv_read_start((uv_stream_t *)&h->uv, linger_alloc, linger_read) == 0)
        loop_timer_start(l, &h->linger, LINGER_MS, linger_over, h);
    else
        stream_tcp_handle_close((uv_handle_t *)&h->uv);
}

static void finish(struct stream_tcp *t)
{
    loop_timer_stop(&t->close_timer);
    if (t->ended)
        stream_tcp_handle_drop(t);
    else
        linger(let_go(t), t->s.loop);
    stream_closed(&t->s, CLOSED);
}

static void on_close_late(void *arg)
{
    struct stream_tcp *t = arg;
    log_debug("connection closed with bytes unsent peer=%s bytes=%zu", t->peer,
              stream_unsent(&t->s));
    end(t, CLOSED);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *uv, size_t want, uv_buf_t *buf)
{
    uint32_t most = ((struct tcp_handle *)uv)->owner->s.read_most;
    linger_alloc(uv, want, buf);
    if (most && most < buf->len)
        buf->len = most;
}

static void on_read(uv_stream_t *uv, ssize_t len, const uv_buf_t *buf)
{
    struct stream_tcp *t = ((struct tcp_handle *)uv)->owner;
    struct loop *l = t->s.loop;
    if (len > 0) {
        stream_received(&t->s, slice_from(buf->base, (size_t)len));
    } else if (len == UV_EOF) {
        t->ended = true;
        uv_read_stop(uv);
        stream_close(&t->s); /* what was written in this turn still goes out */
    } else if (len < 0) {
        fail(t, (int)len, "read");
    }
    loop_breathe(l); /* the stream may be gone, or on another loop */
}

/* Reads while somebody wants it; and while closing, to hear that the peer has gone. */
static void update_reading(struct stream_tcp *t)
{
    if (t->handle == NULL || t->connecting || t->ended)
        return;
    uv_stream_t *uv = (uv_stream_t *)&t->handle->uv;
    if (!t->s.events || t->s.paused) {
        uv_read_stop(uv);
        return;
    }
    int r =
        uv_is_active((uv_handle_t *)uv) && uv->read_cb ? 0 : uv_read_start(uv, on_alloc, on_read);
    if (r < 0 && r != UV_EALREADY)
        stream_close_soon(&t->s, IO_FAILED);
}

static void pause_reading(struct stream *s, bool paused)
{
    (void)paused;
    update_reading(of(s));
}

/* ---- writing ---- */

static void on_written(uv_write_t *request, int result)
{
    struct tcp_handle *h = (struct tcp_handle *)request->handle;
    h->writing = false;
    struct stream_tcp *t = h->owner;
    if (t == NULL)
        return; /* on_handle_closed() frees the bytes */
    if (result < 0) {
        fail(t, result, "write");
        return;
    }
    loop_spare_give(t->s.loop, &h->sending);
    if (t->s.out.len)
        stream_flush(&t->s);
    else if (t->finishing)
        finish(t);
    stream_sent(&t->s); /* last: the stream may leave this loop in on_drain */
}

/* The bytes from `sent` on are kept, and go out when the peer takes them. */
static void write_rest(struct stream_tcp *t, size_t sent)
{
    struct tcp_handle *h = t->handle;
    struct buffer empty = h->sending;
    h->sending = t->s.out;
    t->s.out = empty;
    uv_buf_t buf = uv_buf_init((char *)h->sending.at + sent, (unsigned)(h->sending.len - sent));
    int r = uv_write(&h->request.write, (uv_stream_t *)&h->uv, &buf, 1, on_written);
    h->writing = r == 0;
    if (r < 0)
        fail(t, r, "write");
}

/* While a write is under way the bytes wait in s->out; on_written() comes back for them. */
static void flush(struct stream *s)
{
    struct stream_tcp *t = of(s);
    if (t->handle == NULL || t->connecting || t->handle->writing)
        return;
    uv_buf_t buf = uv_buf_init((char *)s->out.at, (unsigned)s->out.len);
    int r = uv_try_write((uv_stream_t *)&t->handle->uv, &buf, 1);
    if (r < 0 && r != UV_EAGAIN) {
        fail(t, r, "write");
        return;
    }
    size_t sent = r > 0 ? (size_t)r : 0;
    if (sent == s->out.len)
        stream_out_taken(s);
    else
        write_rest(t, sent);
}

static size_t write_now(struct stream *s, struct slice bytes)
{
    struct stream_tcp *t = of(s);
    if (t->handle == NULL || t->connecting || t->handle->writing)
        return 0;
    uv_buf_t bufs[2] = {uv_buf_init((char *)s->out.at, (unsigned)s->out.len),
                        uv_buf_init((char *)(uintptr_t)bytes.at, (unsigned)bytes.len)};
    bool waited = s->out.len > 0;
    int r = uv_try_write((uv_stream_t *)&t->handle->uv, bufs + !waited, 1 + waited);
    size_t sent = r > 0 ? (size_t)r : 0;
    if (sent < s->out.len) {
        buffer_drop(&s->out, sent);
        return 0;
    }
    sent -= s->out.len;
    if (waited)
        stream_out_taken(s);
    return sent;
}

static size_t unsent(const struct stream *s)
{
    const struct tcp_handle *h = of(s)->handle;
    return h && h->writing ? uv_stream_get_write_queue_size((const uv_stream_t *)&h->uv) : 0;
}

static void close_tcp(struct stream *s)
{
    struct stream_tcp *t = of(s);
    if (t->connecting || t->handle == NULL) {
        connecting_cancel(t);
        end(t, CLOSED);
        return;
    }
    if (stream_unsent(s) == 0) {
        finish(t);
        return;
    }
    t->finishing = true;
    loop_timer_start(s->loop, &t->close_timer, CLOSE_MS, on_close_late, t);
}

static void abort_tcp(struct stream *s, enum status why)
{
    struct stream_tcp *t = of(s);
    connecting_cancel(t);
    loop_timer_stop(&t->close_timer);
    stream_tcp_handle_drop(t);
    stream_close_soon(s, why);
}

/* ---- to another loop: the socket goes as a duplicate, because a libuv handle cannot leave its
 * loop ---- */

static void arrive(void *arg)
{
    struct stream_tcp *t = arg;
    loop_fn *fn = t->moved;
    void *fn_arg = t->moved_arg;
    int fd = t->fd;
    t->fd = -1;
    bool finishing = t->finishing;
    t->s.close_wanted |= finishing;
    t->finishing = false;
    enum status status = fd < 0 ? IO_FAILED : stream_tcp_open(t, fd);
    stream_arrived(&t->s, t->s.loop);
    if (status != OK)
        stream_close_soon(&t->s, status);
    update_reading(t);
    fn(fn_arg); /* last: it may move on */
}

/* What a write under way has not sent goes back in front of s->out. */
static void take_back(struct stream_tcp *t)
{
    struct tcp_handle *h = t->handle;
    if (h == NULL || !h->writing)
        return;
    size_t left = unsent(&t->s);
    struct buffer whole = {0};
    buffer_put(&whole, slice_skip(buffer_slice(&h->sending), h->sending.len - left));
    buffer_put(&whole, buffer_slice(&t->s.out));
    buffer_clear(&t->s.out);
    t->s.out = whole;
}

static void move(struct stream *s, struct loop *to, loop_fn *fn, void *arg)
{
    struct stream_tcp *t = of(s);
    assert(t->connecting == NULL);
    uv_os_fd_t fd;
    t->fd = -1;
    if (t->handle && uv_fileno((uv_handle_t *)&t->handle->uv, &fd) == 0) {
        t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (t->fd < 0)
            log_error("connection could not be moved peer=%s reason=%s", t->peer,
                      strerrorname_np(errno));
    }
    take_back(t);
    loop_timer_stop(&t->close_timer);
    stream_tcp_handle_drop(t);
    t->moved = fn;
    t->moved_arg = arg;
    s->loop = to;
    loop_post(to, arrive, t);
}

/* ---- life ---- */

static bool gone(const struct stream *s)
{
    uv_os_fd_t fd;
    struct tcp_handle *h = of(s)->handle;
    if (h == NULL || uv_fileno((uv_handle_t *)&h->uv, &fd) != 0)
        return true;
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

static const char *peer(const struct stream *s)
{
    return of(s)->peer;
}

static void destroy(struct stream *s)
{
    struct stream_tcp *t = of(s);
    connecting_cancel(t);
    loop_timer_stop(&t->close_timer);
    stream_tcp_handle_drop(t);
    if (t->fd >= 0)
        close(t->fd);
    free(t);
}

static const struct stream_ops ops = {
    .flush = flush,
    .write = write_now,
    .unsent = unsent,
    .pause = pause_reading,
    .close = close_tcp,
    .abort = abort_tcp,
    .move = move,
    .gone = gone,
    .peer = peer,
    .destroy = destroy,
};

struct stream_tcp *stream_tcp_new(struct loop *l)
{
    struct stream_tcp *t = MEMORY_NEW(struct stream_tcp);
    t->fd = -1;
    stream_init(&t->s, &ops, l);
    return t;
}

void stream_tcp_peer_set(struct stream_tcp *t, const struct sockaddr *address)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(t->peer, sizeof(t->peer), "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        snprintf(t->peer, sizeof(t->peer), "%s:%u", host, ntohs(four->sin_port));
    }
}

void stream_tcp_start(struct stream_tcp *t)
{
    uv_tcp_nodelay(&t->handle->uv, 1);
    if (t->s.out.len)
        stream_flush(&t->s);
    update_reading(t);
}

enum status stream_tcp_open(struct stream_tcp *t, int fd)
{
    struct tcp_handle *h = stream_tcp_handle_new(t);
    int r = uv_tcp_open(&h->uv, fd);
    if (r < 0) {
        log_error("socket could not be opened peer=%s reason=%s", t->peer, uv_err_name(r));
        stream_tcp_handle_drop(t);
        close(fd);
        return IO_FAILED;
    }
    uv_tcp_nodelay(&h->uv, 1);
    return OK;
}

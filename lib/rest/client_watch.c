#include "rest/client_watch.h"

#include <assert.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_MAX 64 /* of one turn */

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

/* ---- what curl wants to know ---- */

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *of_socket)
{
    struct client_watch *w = arg;
    struct epoll_event e = {.data.fd = socket};
    (void)easy, (void)of_socket;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(w->epoll, EPOLL_CTL_DEL, socket, NULL); /* one that is closed is gone already */
        return 0;
    }
    e.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, socket, &e) == 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, socket, &e) == 0)
        return 0;
    return -1; /* curl ends its transfers */
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct client_watch *w = arg;
    (void)multi;
    w->timer_ms = ms < 0 ? UINT64_MAX : now_ms() + (uint64_t)ms;
    return 0;
}

void client_watch_open(struct client_watch *w, CURLM *multi)
{
    struct epoll_event e = {.events = EPOLLIN};
    *w = (struct client_watch){.multi = multi,
                               .epoll = epoll_create1(EPOLL_CLOEXEC),
                               .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                               .timer_ms = UINT64_MAX};
    assert(w->epoll >= 0 && w->wake >= 0);
    e.data.fd = w->wake;
    epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &e);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, w);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, w);
}

void client_watch_close(struct client_watch *w)
{
    close(w->epoll);
    close(w->wake);
}

/* ---- a turn ---- */

static int left_ms(const struct client_watch *w, uint32_t max_ms)
{
    uint64_t now = now_ms();
    uint64_t left = w->timer_ms > now ? w->timer_ms - now : 0;
    return (int)(left < max_ms ? left : max_ms);
}

static void tell(struct client_watch *w, const struct epoll_event *e)
{
    int running, what = (e->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                        (e->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (e->events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    uint64_t count;
    if (e->data.fd != w->wake)
        curl_multi_socket_action(w->multi, e->data.fd, what, &running);
    else if (read(w->wake, &count, sizeof(count)) < 0)
        return; /* somebody's wake is in it by now, and ends the next turn */
}

void client_watch_turn(struct client_watch *w, uint32_t max_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int running, count = epoll_wait(w->epoll, events, EVENTS_MAX, left_ms(w, max_ms));
    for (int i = 0; i < count; i++)
        tell(w, &events[i]);
    if (w->timer_ms <= now_ms()) {
        w->timer_ms = UINT64_MAX; /* curl names the next one */
        curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void client_watch_wake(struct client_watch *w)
{
    const uint64_t one = 1;
    if (write(w->wake, &one, sizeof(one)) < 0)
        return; /* it is full: it wakes */
}

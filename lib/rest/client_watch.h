/*
 * Which of curl's sockets are ready, and when its next timer is: each is told to curl alone, where
 * curl_multi_perform() would try all transfers at every turn. Of the thread that drives `multi`,
 * but for client_watch_wake().
 */
#pragma once

#include <curl/curl.h>
#include <stdint.h>

struct client_watch {
    CURLM *multi;
    int epoll, wake;
    uint64_t timer_ms; /* on the machine's clock; UINT64_MAX: none */
};

/* Before a handle is added to `multi`; the watch stays where it is. */
void client_watch_open(struct client_watch *w, CURLM *multi);
/* After curl_multi_cleanup(), which still tells of sockets. */
void client_watch_close(struct client_watch *w);

/* Until something is ready, somebody wakes it, or the time is over; then curl has worked. */
void client_watch_turn(struct client_watch *w, uint32_t max_ms);

/* From any thread: the turn that waits, or the next one, ends at once. */
void client_watch_wake(struct client_watch *w);

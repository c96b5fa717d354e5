/* Takes everything, and keeps nothing. */
#include <stdlib.h>

#include "base/memory.h"
#include "outbox/transport.h"

#define WINDOW 1024

struct null {
    struct transport base;
    struct transport_config config;
    uint64_t tokens[WINDOW];
    unsigned count;
    bool full;
    struct loop_timer timer;
};

static void tell(void *arg)
{
    struct null *n = arg;
    unsigned count = n->count;
    bool full = n->full;
    uint64_t tokens[WINDOW];
    memcpy(tokens, n->tokens, sizeof tokens);
    n->count = 0;
    n->full = false;
    for (unsigned i = 0; i < count; i++)
        n->config.events->on_sent(n->config.arg, tokens[i], OK);
    if (full)
        n->config.events->on_room(n->config.arg);
}

static enum status send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    struct null *n = (struct null *)t;
    (void)v;
    if (n->count == WINDOW) {
        n->full = true;
        return FULL;
    }
    if (n->count == 0)
        loop_timer_start(n->config.loop, &n->timer, 0, tell, n);
    n->tokens[n->count++] = token;
    return OK;
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    struct null *n = MEMORY_NEW(struct null);
    n->base.ops = &transport_null;
    n->config = *config;
    *out = &n->base;
    return OK;
}

static void close(struct transport **t)
{
    struct null *n = (struct null *)*t;
    loop_timer_stop(&n->timer);
    free(n);
    *t = NULL;
}

const struct transport_ops transport_null = {
    .name = "Null", .open = open, .send = send, .close = close};

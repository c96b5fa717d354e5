#include <stdlib.h>

#include "base/memory.h"
#include "io/loop_priv.h"
#include "io/stream_tls.h"

/* A connection on its way to the loop that will have it. */
struct arrival {
    struct listener *listener;
    struct stream *stream;
    unsigned loop;
};

static void accepted(void *arg, struct stream *s)
{
    struct listener *l = arg;
    l->config.on_accept(l->config.arg, s);
}

static void receive(struct listener *l, struct stream *s, unsigned loop)
{
    if (l->config.tls)
        stream_tls_accept(s, l->config.tls, &l->handshakes[loop], accepted, l);
    else
        accepted(l, s);
}

static void arrive(void *arg)
{
    struct arrival a = *(struct arrival *)arg;
    free(arg);
    receive(a.listener, a.stream, a.loop);
}

void listener_accepted(struct listener *l, struct stream *s)
{
    unsigned loop = l->next++ % l->loop_count;
    if (l->loops[loop] == stream_loop(s)) {
        receive(l, s, loop);
        return;
    }
    struct arrival *a = MEMORY_NEW(struct arrival);
    *a = (struct arrival){l, s, loop};
    stream_move(s, l->loops[loop], arrive, a);
}

static void set_loops(struct listener *l)
{
    const struct listen_config *config = &l->config;
    l->loop_count = config->loop_count ? config->loop_count : 1;
    l->loops = memory_new(l->loop_count * sizeof(*l->loops));
    l->handshakes = memory_new(l->loop_count * sizeof(*l->handshakes));
    for (unsigned i = 0; i < l->loop_count; i++) {
        l->loops[i] = config->loop_count ? config->loops[i] : config->loop;
        handshakes_init(&l->handshakes[i], l->loops[i]);
    }
}

static void listener_free(struct listener *l)
{
    free(l->handshakes);
    free(l->loops);
    free(l->host);
    free(l);
}

enum status listener_open(const struct listen_config *config, struct listener **out)
{
    struct listener *l = MEMORY_NEW(struct listener);
    l->config = *config;
    l->host = memory_text(config->host);
    l->config.host = l->host;
    set_loops(l);
    enum status status = config->loop->ops->listen(l);
    if (status != OK) {
        listener_free(l);
        return status;
    }
    list_push(&config->loop->listeners, &l->in_loop);
    *out = l;
    return OK;
}

int listener_port(const struct listener *l)
{
    return l->port;
}

void listener_close(struct listener **listener)
{
    struct listener *l = *listener;
    if (l == NULL)
        return;
    *listener = NULL;
    list_remove(&l->in_loop);
    for (unsigned i = 0; i < l->loop_count; i++)
        stream_tls_cancel(&l->handshakes[i]);
    l->config.loop->ops->unlisten(l);
    listener_free(l);
}

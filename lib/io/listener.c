#include <stdlib.h>

#include "base/memory.h"
#include "io/loop_priv.h"
#include "io/stream_tls.h"

static void accepted(void *arg, struct stream *s)
{
    struct listener *l = arg;
    l->config.on_accept(l->config.arg, s);
}

void listener_accepted(struct listener *l, struct stream *s)
{
    if (l->config.tls)
        stream_tls_accept(s, l->config.tls, &l->handshakes, accepted, l);
    else
        accepted(l, s);
}

enum status listener_open(const struct listen_config *config, struct listener **out)
{
    struct listener *l = MEMORY_NEW(struct listener);
    l->config = *config;
    l->host = memory_text(config->host);
    l->config.host = l->host;
    handshakes_init(&l->handshakes, config->loop);
    enum status status = config->loop->ops->listen(l);
    if (status != OK) {
        free(l->host);
        free(l);
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
    stream_tls_cancel(&l->handshakes);
    l->config.loop->ops->unlisten(l);
    free(l->host);
    free(l);
}

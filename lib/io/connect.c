#include "io/loop_priv.h"

struct stream *stream_connect(const struct connect_config *config,
                              const struct stream_events *events, void *arg)
{
    struct stream *s = config->loop->ops->connect(config);
    stream_events(s, events, arg);
    return s;
}

#include "io/loop_priv.h"
#include "io/stream_tls.h"

struct stream *stream_connect(const struct connect_config *asked,
                              const struct stream_events *events, void *arg)
{
    struct connect_config config = *asked;
    if (config.timeout_ms == 0)
        config.timeout_ms = CONNECT_MS;
    struct stream *s = config.loop->ops->connect(&config);
    if (config.tls)
        s = stream_tls_connect(s, &config);
    stream_events(s, events, arg);
    return s;
}

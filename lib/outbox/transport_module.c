/*
 * The connection of the module itself, to an edge or a hub. The topic is the output's name there.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "outbox/transport.h"
#include "published/topic.h"

struct link_to_hub {
    struct transport base;
    struct transport_config config;
    struct buffer output;
};

void transport_module_sent(struct transport *t, uint64_t token, enum status why)
{
    struct link_to_hub *h = (struct link_to_hub *)t;
    h->config.events->on_sent(h->config.arg, token, why);
}

void transport_module_room(struct transport *t)
{
    struct link_to_hub *h = (struct link_to_hub *)t;
    h->config.events->on_room(h->config.arg);
}

/* An output is one word: the topic's levels do not show. */
static struct slice output_of(struct link_to_hub *h, struct slice topic)
{
    buffer_reset(&h->output);
    if (module_id(h->config.module)[0])
        topic_escape(topic, &h->output);
    return buffer_slice(&h->output);
}

static enum status send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    struct link_to_hub *h = (struct link_to_hub *)t;
    struct iot_message m = {
        .body = v->body,
        .owner = v->owner,
        .content_type = v->content_type,
        .content_encoding = v->content_encoding,
        .output = output_of(h, v->topic),
        .properties = v->properties,
    };
    if (v->ttl_ms)
        m.expiry_ms = loop_wall_ms(h->config.loop) + v->ttl_ms;
    return module_send(h->config.role, &m, token);
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    if (config->connection) {
        log_error("publisher group: IoTHub is the module's own connection, and takes no connection "
                  "string of a group's");
        return UNSUPPORTED;
    }
    if (config->module == NULL || config->role == NULL)
        return UNSUPPORTED;
    struct link_to_hub *h = MEMORY_NEW(struct link_to_hub);
    h->base.ops = &transport_module;
    h->config = *config;
    *out = &h->base;
    return OK;
}

static void close(struct transport **t)
{
    struct link_to_hub *h = (struct link_to_hub *)*t;
    buffer_clear(&h->output);
    free(h);
    *t = NULL;
}

const struct transport_ops transport_module = {
    .name = "IoTHub", .open = open, .send = send, .close = close};

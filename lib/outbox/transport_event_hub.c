/*
 * An event hub: Azure's, or the endpoint of a Millrace hub (client/event_sender.h). The topic is
 * the message's subject and chooses the partition, so that what is of one topic stays in its order.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/event_sender.h"
#include "crypto/tls.h"
#include "iot/connection_string.h"
#include "outbox/transport.h"

#define PORT_TLS 5671
#define PORT_PLAIN 5672

struct to_event_hub {
    struct transport base;
    struct transport_config config;
    struct tls_client *tls;
    struct event_sender *sender;
};

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct to_event_hub *t = arg;
    t->config.events->on_sent(t->config.arg, token, why);
}

static void on_room(void *arg)
{
    struct to_event_hub *t = arg;
    t->config.events->on_room(t->config.arg);
}

static const struct event_sender_events events = {.on_sent = on_sent, .on_room = on_room};

static enum status send(struct transport *transport, const struct outgoing_view *v, uint64_t token)
{
    struct to_event_hub *t = (struct to_event_hub *)transport;
    struct event_sender_message m = {.body = v->body,
                                     .content_type = v->content_type,
                                     .content_encoding = v->content_encoding,
                                     .subject = v->topic,
                                     .properties = v->properties,
                                     .partition_key = v->topic};
    return event_sender_send(t->sender, &m, token);
}

/* "sb://host:port/" */
static struct slice host_of(struct slice endpoint)
{
    struct slice start = SLICE("://");
    size_t at = slice_find_slice(endpoint, start);
    struct slice host = at < endpoint.len ? slice_skip(endpoint, at + start.len) : endpoint;
    return slice_first(host, slice_find(host, '/'));
}

static const char *what_is_wrong(const char *text, struct iot_connection_string *c)
{
    if (text == NULL || iot_connection_string_parse(slice_of(text), c) != OK)
        return "it is not name=value;name=value";
    if (host_of(c->endpoint).len == 0)
        return "Endpoint is missing";
    if (c->entity_path.len == 0)
        return "EntityPath is missing: which event hub of the namespace";
    if (c->key_name.len == 0 || c->key.len == 0)
        return "SharedAccessKeyName or SharedAccessKey is missing";
    return NULL;
}

static enum status open_sender(struct to_event_hub *t, const struct iot_connection_string *c)
{
    bool plain = slice_eq_nocase(c->development_emulator, SLICE("true"));
    struct slice place = host_of(c->endpoint);
    size_t colon = slice_find(place, ':');
    uint64_t port = 0;
    if (colon < place.len && (!slice_to_u64(slice_skip(place, colon + 1), &port) || port > 65535))
        return BAD_ARGUMENT;
    if (!plain &&
        tls_client_new(&(struct tls_client_config){.ca_file = t->config.ca_file}, &t->tls) != OK)
        return BAD_ARGUMENT;
    struct arena a = {0};
    t->sender = event_sender_new(&(struct event_sender_config){
        .loop = t->config.loop,
        .host = arena_text(&a, slice_first(place, colon)),
        .port = port    ? (int)port
                : plain ? PORT_PLAIN
                        : PORT_TLS,
        .tls = t->tls,
        .entity = arena_text(&a, c->entity_path),
        .policy = arena_text(&a, c->key_name),
        .key = arena_text(&a, c->key),
        .events = &events,
        .arg = t,
    });
    arena_clear(&a);
    return OK;
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    struct iot_connection_string c;
    const char *wrong = what_is_wrong(config->connection, &c);
    struct to_event_hub *t = MEMORY_NEW(struct to_event_hub);
    t->base.ops = &transport_event_hub;
    t->config = *config;
    if (wrong)
        log_error("publisher event hub: the connection string cannot be used: %s; it is "
                  "Endpoint=sb://…/;SharedAccessKeyName=;SharedAccessKey=;EntityPath=",
                  wrong);
    enum status s = wrong ? BAD_ARGUMENT : open_sender(t, &c);
    if (s != OK) {
        free(t);
        return s;
    }
    *out = &t->base;
    return OK;
}

static void close(struct transport **transport)
{
    struct to_event_hub *t = (struct to_event_hub *)*transport;
    event_sender_free(&t->sender);
    tls_client_free(&t->tls);
    free(t);
    *transport = NULL;
}

const struct transport_ops transport_event_hub = {
    .name = "EventHub", .keeps_connection = true, .open = open, .send = send, .close = close};

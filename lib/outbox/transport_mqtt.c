/*
 * Any MQTT broker, 3.1.1 or 5 (client/broker.h). The topic is the message's own, so are quality of
 * service and retention; MQTT 5 has its properties, content type and time to live besides.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/broker.h"
#include "crypto/tls.h"
#include "iot/message.h"
#include "mqtt/v5.h"
#include "outbox/broker_methods.h"
#include "outbox/transport.h"

#define PORT_TLS 8883
#define PORT_PLAIN 1883

struct to_broker {
    struct transport base;
    struct transport_config config;
    struct tls_client *tls;
    struct broker *broker;
    bool v5;
    struct broker_methods *methods; /* NULL: they are not called here */
    struct buffer properties;
};

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct to_broker *t = arg;
    if (token != BROKER_METHODS_TOKEN)
        t->config.events->on_sent(t->config.arg, token, why);
    if (t->methods && why != CANCELLED)
        broker_methods_pump(t->methods);
}

static void on_room(void *arg)
{
    struct to_broker *t = arg;
    t->config.events->on_room(t->config.arg);
}

static void on_message(void *arg, const struct broker_incoming *m)
{
    struct to_broker *t = arg;
    broker_methods_call(t->methods, t->broker, m);
}

static const struct broker_events events = {
    .on_sent = on_sent, .on_room = on_room, .on_message = on_message};

static uint8_t qos_of(const struct outgoing_view *v)
{
    return v->qos == QOS_AT_MOST_ONCE ? 0 : v->qos == QOS_EXACTLY_ONCE ? 2 : 1;
}

static void put_properties(struct to_broker *t, const struct outgoing_view *v)
{
    struct slice list = v->properties, name, value;
    buffer_reset(&t->properties);
    while (iot_property_next(&list, &name, &value))
        mqtt5_user_property_put(&t->properties, name, value);
}

static bool is_text(const struct outgoing_view *v)
{
    struct slice json = SLICE("json");
    return !slice_eq(v->content_encoding, SLICE("gzip")) &&
           !slice_ends(v->content_type, SLICE("gzip")) &&
           slice_find_slice(v->content_type, json) < v->content_type.len;
}

static enum status send(struct transport *transport, const struct outgoing_view *v, uint64_t token)
{
    struct to_broker *t = (struct to_broker *)transport;
    struct broker_message m = {.topic = v->topic,
                               .payload = v->body,
                               .qos = qos_of(v),
                               .retain = v->retain,
                               .expiry_s = (uint32_t)((v->ttl_ms + 999) / 1000),
                               .is_text = is_text(v),
                               .content_type = v->content_type};
    if (t->v5) {
        put_properties(t, v);
        m.user_properties = buffer_slice(&t->properties);
    }
    return broker_send(t->broker, &m, token);
}

/* ---- the connection string ---- */

static bool is_true(struct slice s)
{
    return slice_eq_nocase(s, SLICE("true")) || slice_eq(s, SLICE("1"));
}

/* One of: HostName=;Port=;Username=;Password=;Protocol=;UseTls=;ClientId=;KeepAlivePeriod= */
struct words {
    char *host, *user, *password, *client;
    int port;
    bool tls, v5;
    uint16_t keep_alive_s;
};

static char *dup(const char *connection, const char *name)
{
    struct slice s = transport_text_find(connection, name);
    return s.len ? slice_dup(s) : NULL;
}

static void clear_words(struct words *w)
{
    free(w->host);
    free(w->user);
    free(w->password);
    free(w->client);
}

/* Seconds, or a .NET time span. */
static uint16_t keep_alive(struct slice s)
{
    uint64_t seconds = 0, ms;
    if (!slice_to_u64(s, &seconds) && clock_parse_timespan(s, &ms))
        seconds = ms / 1000;
    return seconds > 65535 ? 65535 : (uint16_t)seconds;
}

static const char *read_words(const char *connection, struct words *w)
{
    struct slice protocol = transport_text_find(connection, "Protocol");
    struct slice port = transport_text_find(connection, "Port");
    struct slice tls = transport_text_find(connection, "UseTls");
    uint64_t number = 0;
    w->host = dup(connection, "HostName");
    w->user = dup(connection, "Username");
    w->password = dup(connection, "Password");
    w->client = dup(connection, "ClientId");
    w->keep_alive_s = keep_alive(transport_text_find(connection, "KeepAlivePeriod"));
    w->v5 = !(slice_eq_nocase(protocol, SLICE("v311")) || slice_eq(protocol, SLICE("3.1.1")));
    if (w->host == NULL)
        return "HostName is missing";
    if (port.len && (!slice_to_u64(port, &number) || number == 0 || number > 65535))
        return "Port is no port";
    if (protocol.len && w->v5 && !slice_eq_nocase(protocol, SLICE("v5")) &&
        !slice_eq(protocol, SLICE("5")))
        return "Protocol is v5 or v311";
    w->tls = tls.len ? is_true(tls) : number != PORT_PLAIN;
    w->port = number ? (int)number : w->tls ? PORT_TLS : PORT_PLAIN;
    return NULL;
}

/* Connections of one publisher must not take each other's place. */
static void put_client_id(const struct transport_config *config, const struct words *w,
                          struct buffer *out)
{
    buffer_text(out, w->client ? w->client : config->client_id);
    if (config->partitions > 1)
        buffer_printf(out, "-%u", config->partition);
}

static enum status open_broker(struct to_broker *t, const struct words *w)
{
    if (w->tls &&
        tls_client_new(&(struct tls_client_config){.ca_file = t->config.ca_file}, &t->tls) != OK)
        return BAD_ARGUMENT;
    struct buffer id = {0};
    put_client_id(&t->config, w, &id);
    t->v5 = w->v5;
    if (t->config.methods.len)
        t->methods = broker_methods_new(t->config.module, t->config.methods, w->v5);
    t->broker = broker_new(&(struct broker_config){.loop = t->config.loop,
                                                   .host = w->host,
                                                   .port = w->port,
                                                   .tls = t->tls,
                                                   .client_id = buffer_cstr(&id),
                                                   .username = w->user,
                                                   .password = w->password,
                                                   .keep_alive_s = w->keep_alive_s,
                                                   .v5 = w->v5,
                                                   .filter = t->methods ? broker_methods_filter(t->methods) : NULL,
                                                   .events = &events,
                                                   .arg = t});
    buffer_clear(&id);
    return OK;
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    struct words w = {0};
    const char *wrong = config->connection ? read_words(config->connection, &w) : "there is none";
    struct to_broker *t = MEMORY_NEW(struct to_broker);
    t->base.ops = &transport_mqtt;
    t->config = *config;
    if (wrong)
        log_error("publisher broker: the connection string cannot be used: %s; it is "
                  "HostName=;Port=;Username=;Password=;Protocol=v5|v311;UseTls=;ClientId=;"
                  "KeepAlivePeriod=",
                  wrong);
    enum status s = wrong ? BAD_ARGUMENT : open_broker(t, &w);
    clear_words(&w);
    if (s != OK) {
        free(t);
        return s;
    }
    *out = &t->base;
    return OK;
}

static void close(struct transport **transport)
{
    struct to_broker *t = (struct to_broker *)*transport;
    broker_free(&t->broker);
    broker_methods_free(&t->methods);
    tls_client_free(&t->tls);
    buffer_clear(&t->properties);
    free(t);
    *transport = NULL;
}

const struct transport_ops transport_mqtt = {.name = "Mqtt",
                                             .retains = true,
                                             .keeps_connection = true,
                                             .open = open,
                                             .send = send,
                                             .close = close};

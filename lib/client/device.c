#include "client/device.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/device_priv.h"
#include "mqtt/text.h"

static void dispose(struct device_client *c);

void device_enter(struct device_client *c)
{
    c->busy++;
}

void device_leave(struct device_client *c)
{
    if (--c->busy == 0 && c->freed)
        dispose(c);
}

/* ---- sending ---- */

static void pump(struct device_client *c)
{
    if (c->link && !c->freed)
        device_way(c)->ops->pump(c);
}

static bool properties_ok(const struct iot_message *m)
{
    const struct slice texts[] = {m->user_id, m->to,      m->content_type, m->content_encoding,
                                  m->output,  m->subject, m->interface_id, m->schema};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!mqtt_text_ok(texts[i]))
            return false;
    if (m->message_id_type == IOT_MESSAGE_ID_STRING && !mqtt_text_ok(m->message_id))
        return false;
    if (m->correlation_id_type == IOT_MESSAGE_ID_STRING && !mqtt_text_ok(m->correlation_id))
        return false;
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        if (!mqtt_text_ok(name) || !mqtt_text_ok(value))
            return false;
    return true;
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    if (m->body.len + m->properties.len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    if (!properties_ok(m))
        return BAD_ARGUMENT;
    if (!device_window_room(&c->window, m->body.len + m->properties.len)) {
        c->refused = true;
        return FULL;
    }
    struct buffer message = {0};
    enum status s = c->kept_by->encode(c, m, device_window_id(&c->window), &message);
    if (s != OK) {
        buffer_clear(&message);
        return s;
    }
    device_window_push(&c->window, &message, c->kept_by->shares ? m->owner : NULL, token);
    pump(c);
    return OK;
}

/* ---- what the hub acknowledges ---- */

void device_tell_sent(struct device_client *c, bool any, enum status why)
{
    uint64_t token;
    enum status said;
    while (device_window_pop(&c->window, any, &token, &said))
        if (c->config.events->on_sent)
            c->config.events->on_sent(c->config.arg, token, any ? why : said);
}

void device_client_recall(struct device_client *c)
{
    device_enter(c);
    device_tell_sent(c, true, CANCELLED);
    device_leave(c);
}

/* Not at the first free place: who waits then gets a batch. */
void device_tell_room(struct device_client *c)
{
    bool roomy = device_window_count(&c->window) <= DEVICE_CLIENT_WINDOW / 4 * 3 &&
                 c->window.bytes <= DEVICE_CLIENT_WINDOW_BYTES / 4 * 3;
    if (!c->refused || !roomy || c->freed)
        return;
    c->refused = false;
    if (c->config.events->on_room)
        c->config.events->on_room(c->config.arg);
}

/* ---- what transports tell ---- */

void device_subscribing(struct device_client *c)
{
    c->state = DEVICE_SUBSCRIBING;
    c->tried = 0;
    device_window_again(&c->window);
    pump(c);
}

/* What a user will miss, once. */
static void say_what_is_not(struct device_client *c)
{
    if (device_way(c)->ops->answers || c->said)
        return;
    c->said = true;
    log_warn("over HTTPS there are no direct methods and no twin device=%s module=%s",
             device_who(c), device_who_module(c));
}

void device_up(struct device_client *c, const char *peer)
{
    c->state = DEVICE_UP;
    backoff_up(&c->backoff, c->config.loop);
    log_info("hub connected device=%s module=%s peer=%s by=%s", device_who(c), device_who_module(c),
             peer, device_way(c)->name);
    say_what_is_not(c);
    if (c->config.events->on_connected)
        c->config.events->on_connected(c->config.arg);
}

enum status device_refused(struct device_client *c, enum status why)
{
    c->tried = 0; /* another way would be refused, too */
    if (c->config.events->on_refused)
        c->config.events->on_refused(c->config.arg, why);
    return why;
}

/* ---- connecting, again and again ---- */

struct connect_config device_connect_config(const struct device_client *c)
{
    int own = c->config.tls ? device_way(c)->port : device_way(c)->port_plain;
    return (struct connect_config){.loop = c->config.loop,
                                   .host = c->config.host,
                                   .port = c->config.port ? c->config.port : own,
                                   .tls = c->config.tls};
}

/* What was kept as one transport has it, as another does. */
static enum status convert(void *arg, uint16_t id, struct buffer *message)
{
    struct device_client *c = arg;
    struct iot_message m = {0};
    struct buffer other = {0};
    enum status s = c->kept_by->decode(c, buffer_slice(message), &m);
    if (s == OK)
        s = device_way(c)->ops->encode(c, &m, id, &other);
    if (s != OK) {
        log_warn("a message cannot go another way device=%s by=%s status=%s", device_who(c),
                 device_way(c)->name, status_name(s));
        buffer_clear(&other);
        return s;
    }
    buffer_clear(message);
    *message = other;
    return OK;
}

static void on_attempt(void *arg)
{
    struct device_client *c = arg;
    const struct device_transport_ops *ops = device_way(c)->ops;
    device_enter(c);
    c->state = DEVICE_CONNECTING;
    if (ops != c->kept_by) {
        device_window_convert(&c->window, convert, c);
        c->kept_by = ops;
        device_tell_sent(c, false, OK);
    }
    if (!c->freed)
        ops->connect(c);
    device_leave(c);
}

/* Those that were not tried yet come at once; when none was of use, the wait grows. */
static void connect_again(struct device_client *c, bool came_so_far)
{
    if (!came_so_far && ++c->tried < c->way_count) {
        c->way = (c->way + 1) % c->way_count;
        loop_timer_start(c->config.loop, &c->timer, 0, on_attempt, c);
        return;
    }
    if (!came_so_far)
        c->way = (c->way + 1) % c->way_count;
    c->tried = 0;
    loop_timer_start(c->config.loop, &c->timer, backoff_next_ms(&c->backoff, c->config.loop),
                     on_attempt, c);
}

void device_lost(struct device_client *c, enum status why)
{
    bool was_up = c->state == DEVICE_UP;
    /* Another way may do better when nobody was there, or not the one that was looked for. */
    bool came_so_far = c->state >= DEVICE_SUBSCRIBING || why == UNAUTHORIZED;
    device_enter(c);
    backoff_down(&c->backoff, c->config.loop);
    log_line(was_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "%s device=%s module=%s by=%s status=%s",
             was_up ? "hub disconnected" : "hub could not be connected", device_who(c),
             device_who_module(c), device_way(c)->name, status_name(why));
    c->state = DEVICE_WAITING;
    device_methods_forget(c);
    connect_again(c, came_so_far);
    device_tell_sent(c, false, OK);
    device_twin_fail(c, OFFLINE);
    if (was_up && !c->freed && c->config.events->on_disconnected)
        c->config.events->on_disconnected(c->config.arg, why);
    device_leave(c);
}

/* ---- life ---- */

static const char *copy(struct device_client *c, const char *text)
{
    return text ? arena_text(&c->arena, slice_of(text)) : NULL;
}

static void copy_config(struct device_client *c, const struct device_client_config *config)
{
    struct device_client_config *k = &c->config;
    *k = *config;
    k->host = copy(c, config->host);
    k->hub_host = copy(c, config->hub_host ? config->hub_host : config->host);
    k->ca_file = copy(c, config->ca_file);
    k->certificate_file = copy(c, config->certificate_file);
    k->key_file = copy(c, config->key_file);
    k->device_id = copy(c, config->device_id);
    k->module_id = copy(c, config->module_id);
    k->key = copy(c, config->key);
    k->signature = copy(c, config->signature);
    k->auth_chain = copy(c, config->auth_chain);
    k->actor_device_id = copy(c, config->actor_device_id);
    k->actor_module_id = copy(c, config->actor_module_id);
    k->product = copy(c, config->product ? config->product : "millrace/" MILLRACE_VERSION);
}

static void choose_ways(struct device_client *c)
{
    unsigned ways = c->config.ways ? c->config.ways : DEVICE_MQTT;
    assert(ways == DEVICE_HTTPS || !(ways & DEVICE_HTTPS));
    c->way_count = device_transports_of(ways, c->ways);
    assert(c->way_count > 0);
    if (c->config.port) /* somebody's own, who speaks one protocol there */
        c->way_count = 1;
    assert(!c->config.auth_chain || device_way(c)->ops == &device_mqtt);
    c->kept_by = device_way(c)->ops;
}

struct device_client *device_client_new(const struct device_client_config *config)
{
    struct device_client *c = MEMORY_NEW(struct device_client);
    copy_config(c, config);
    choose_ways(c);
    const char *module = c->config.module_id;
    c->base = slice_of(arena_printf(&c->arena, "devices/%s%s%s/", c->config.device_id,
                                    module ? "/modules/" : "", module ? module : ""));
    device_window_init(&c->window);
    list_init(&c->twin_requests);
    c->state = DEVICE_WAITING;
    loop_timer_start(c->config.loop, &c->timer, 0, on_attempt, c);
    return c;
}

static void dispose(struct device_client *c)
{
    if (c->link)
        device_way(c)->ops->dispose(c);
    if (device_way(c)->ops->clear)
        device_way(c)->ops->clear(c);
    device_window_clear(&c->window);
    buffer_clear(&c->scratch);
    iot_bag_clear(&c->bag);
    iotamqp_memory_clear(&c->memory);
    device_methods_clear(c);
    arena_clear(&c->arena);
    free(c);
}

void device_client_free(struct device_client **client)
{
    struct device_client *c = *client;
    *client = NULL;
    if (c == NULL || c->freed)
        return;
    device_enter(c);
    c->freed = true;
    if (c->link)
        device_way(c)->ops->leave(c);
    c->state = DEVICE_WAITING;
    loop_timer_stop(&c->timer);
    device_tell_sent(c, true, CANCELLED);
    device_twin_fail(c, CANCELLED);
    device_leave(c);
}

bool device_client_connected(const struct device_client *c)
{
    return c->state == DEVICE_UP;
}

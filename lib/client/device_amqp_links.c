/* The links of a device over AMQP, and how it comes up with them. */
#include "client/device_amqp_priv.h"

/* clang-format off */
const struct device_amqp_row device_amqp_rows[LINK_COUNT] = {
    [TELEMETRY]   = {"telemetry",   "messages/events",      false, AMQP_SEND_UNSETTLED, NULL},
    [METHODS_IN]  = {"methods-in",  "methods/devicebound",  true,  AMQP_SEND_SETTLED,   "methods"},
    [METHODS_OUT] = {"methods-out", "methods/devicebound",  false, AMQP_SEND_SETTLED,   "methods"},
    [TWIN_IN]     = {"twin-in",     "twin",                 true,  AMQP_SEND_SETTLED,   "twin"},
    [TWIN_OUT]    = {"twin-out",    "twin",                 false, AMQP_SEND_SETTLED,   "twin"},
    [MESSAGES]    = {"messages",    "messages/devicebound", true,  AMQP_SEND_UNSETTLED, NULL},
};
/* clang-format on */

static bool is_complete(const struct device_amqp *a)
{
    for (int i = 0; i < LINK_COUNT; i++) {
        bool asks = i == METHODS_OUT || i == TWIN_OUT; /* telemetry may have used its credit */
        if (!a->links[i].wanted)
            continue;
        if (!a->links[i].attached || (asks && amqp_link_credit(a->links[i].link) == 0))
            return false;
    }
    return true;
}

/* When all links are there, changes of desired properties are asked for; the answer is the last
 * step. */
void device_amqp_advance(struct device_client *c)
{
    struct device_amqp *a = device_amqp_of(c);
    bool wants_desired = c->config.events->on_desired && a->links[TWIN_OUT].wanted &&
                         a->links[TWIN_IN].wanted; /* either may have been refused */
    if (c->state != DEVICE_SUBSCRIBING || !is_complete(a))
        return;
    if (wants_desired && !a->asked_desired) {
        struct buffer b = {0};
        a->asked_desired = true;
        device_amqp_twin_write(&b, DEVICE_AMQP_TWIN_SUBSCRIBE, DEVICE_AMQP_DESIRED,
                               (struct slice){0});
        device_amqp_say(c, TWIN_OUT, &b);
    }
    if (wants_desired && !a->has_desired)
        return;
    uplink_up(a->hub);
    device_up(c, uplink_peer(a->hub));
}

static uint32_t put_text(struct buffer *b, const char *name, struct slice value)
{
    amqp_write_symbol(b, slice_of(name));
    amqp_write_string(b, value);
    return 2;
}

static void put_properties(struct device_client *c, const struct device_amqp_row *row,
                           struct buffer *out)
{
    struct buffer channel = {0};
    size_t map = amqp_write_map_begin(out);
    uint32_t items = put_text(out, "com.microsoft:client-version", slice_of(c->config.product));
    if (row->channel) {
        buffer_printf(&channel, "%s:%s", row->channel, device_amqp_of(c)->channel);
        items += put_text(out, "com.microsoft:api-version", SLICE(DEVICE_API_VERSION));
        items += put_text(out, "com.microsoft:channel-correlation-id", buffer_slice(&channel));
    }
    amqp_write_end(out, map, items);
    buffer_clear(&channel);
}

/* "/devices/d/modules/m/" and the path; a module's inputs come from where its outputs go to. */
static void put_address(struct device_client *c, enum device_amqp_which which, struct buffer *out)
{
    bool inputs = which == MESSAGES && c->config.module_id;
    buffer_text(out, "/devices/");
    percent_encode(slice_of(c->config.device_id), out);
    if (c->config.module_id) {
        buffer_text(out, "/modules/");
        percent_encode(slice_of(c->config.module_id), out);
    }
    buffer_printf(out, "/%s",
                  inputs ? device_amqp_rows[TELEMETRY].path : device_amqp_rows[which].path);
}

static bool attach(struct device_client *c, enum device_amqp_which which)
{
    struct device_amqp *a = device_amqp_of(c);
    struct buffer address = {0}, name = {0}, properties = {0};
    put_address(c, which, &address);
    buffer_put(&name, c->base);
    buffer_text(&name, device_amqp_rows[which].name);
    put_properties(c, &device_amqp_rows[which], &properties);
    a->links[which].wanted = true;
    a->links[which].link =
        uplink_attach(a->hub, &(struct uplink_link){.name = buffer_cstr(&name),
                                                    .address = buffer_cstr(&address),
                                                    .receiver = device_amqp_rows[which].receiver,
                                                    .send_settle = device_amqp_rows[which].settle,
                                                    .properties = buffer_slice(&properties)});
    buffer_clear(&address);
    buffer_clear(&name);
    buffer_clear(&properties);
    return a->links[which].link != NULL;
}

bool device_amqp_attach(struct device_client *c)
{
    const struct device_client_events *e = c->config.events;
    bool ok = attach(c, TELEMETRY) && attach(c, TWIN_IN) && attach(c, TWIN_OUT);
    if (ok && e->on_method)
        ok = attach(c, METHODS_IN) && attach(c, METHODS_OUT);
    if (ok && e->on_message)
        ok = attach(c, MESSAGES);
    return ok;
}

enum device_amqp_which device_amqp_which_of(const struct device_amqp *a, const struct amqp_link *l)
{
    int i = 0;
    while (i < LINK_COUNT && a->links[i].link != l)
        i++;
    return (enum device_amqp_which)i;
}

/* Any bytes from a hub, to a client that has just signed in (or not, by the first byte). */
#include <stdlib.h>

#include "base/log.h"
#include "client/device.h"
#include "io/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct world {
    struct sim *sim;
    struct loop *hub, *site;
    struct listener *listener;
    struct stream *stream;
    struct device_client *client;
    struct slice bytes; /* to send */
    bool signs_in;
    uint64_t next_token, told_token;
} world;

/* ---- the hub ---- */

static void on_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    if (world.stream == arg)
        world.stream = NULL;
}

static const struct stream_events hub_events = {.on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    world.stream = s;
    stream_events(s, &hub_events, s);
    if (world.signs_in)
        stream_write(s, SLICE("\x20\2\0\0\x90\3\xff\xff\1"));
    stream_write(s, world.bytes);
    world.bytes = (struct slice){0};
}

/* ---- the program behind the client ---- */

static void on_sent(void *arg, uint64_t token, enum status why)
{
    (void)arg, (void)why;
    if (token != world.told_token++)
        abort(); /* in order, each once */
}

static void on_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    (void)arg, (void)name;
    device_client_method_reply(world.client, rid, 200, payload);
}

static void on_desired(void *arg, struct slice patch, uint64_t version)
{
    (void)arg, (void)patch, (void)version;
}

static void on_message(void *arg, const struct iot_message *m)
{
    (void)arg;
    if (device_client_send(world.client, m, world.next_token) == OK)
        world.next_token++;
}

static unsigned answers;

static void on_twin(void *arg, enum status why, struct slice json)
{
    (void)arg, (void)why, (void)json;
    answers++;
}

static void on_connected(void *arg)
{
    (void)arg;
    answers--;
    device_client_twin_get(world.client, on_twin, NULL);
}

static const struct device_client_events events = {.on_connected = on_connected,
                                                   .on_sent = on_sent,
                                                   .on_method = on_method,
                                                   .on_desired = on_desired,
                                                   .on_message = on_message};

/* ---- one run ---- */

static void begin(void)
{
    if (world.sim)
        return;
    log_setup("fuzz", LOG_LEVEL_ERROR, 0);
    world.sim = sim_new(1);
    world.hub = sim_loop_new(world.sim, "hub");
    world.site = sim_loop_new(world.sim, "site");
    struct listen_config c = {.loop = world.hub, .host = "0.0.0.0", .on_accept = on_accept};
    if (listener_open(&c, &world.listener) != OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    begin();
    world.signs_in = at[0] & 1;
    world.bytes = slice_from(at + 1, len - 1);
    world.next_token = world.told_token = 0;
    answers = 0;
    world.client =
        device_client_new(&(struct device_client_config){.loop = world.site,
                                                         .host = "hub",
                                                         .port = listener_port(world.listener),
                                                         .device_id = "d",
                                                         .module_id = at[0] & 2 ? "m" : NULL,
                                                         .key = "a2V5",
                                                         .events = &events});
    struct iot_message m = {.body = SLICE("b")};
    for (; world.next_token < 3; world.next_token++)
        if (device_client_send(world.client, &m, world.next_token) != OK)
            abort();
    sim_run(world.sim, sim_now_ms(world.sim) + 30);
    device_client_free(&world.client);
    if (world.told_token != world.next_token || answers != 0)
        abort();
    if (world.stream)
        stream_abort(world.stream, CANCELLED);
    sim_run(world.sim, sim_now_ms(world.sim) + 30);
    return 0;
}

#include "discovery/announced.h"

#include <stdlib.h>

#include "base/memory.h"
#include "io/datagram.h"

/* One network: where announcements come, and where answers to our own question come. */
struct place {
    struct datagram *group, *own;
};

struct announced {
    struct announced_config config;
    struct place places[ANNOUNCED_INTERFACES_MAX];
    size_t count;
    unsigned asked; /* times */
    struct loop_timer timer;
};

static void on_packet(void *arg, uint32_t address, uint16_t port, struct slice bytes)
{
    struct announced *a = arg;
    struct mdns_service services[MDNS_SERVICES_MAX];
    struct arena arena = {0};
    size_t count = 0;
    (void)port;
    if (discovery_mdns_read(bytes, &arena, services, &count) != OK)
        count = 0; /* whatever it was, it is not for us */
    for (size_t i = 0; i < count; i++) {
        if (services[i].address == 0)
            services[i].address = address;
        a->config.on_found(a->config.arg, &services[i]);
    }
    arena_clear(&arena);
}

/* A network that cannot be listened on is still scanned. */
static void open_place(struct announced *a, uint32_t address)
{
    struct place *p = &a->places[a->count];
    struct datagram_config config = {
        .loop = a->config.loop, .interface = address, .on_packet = on_packet, .arg = a};
    if (datagram_open(&config, &p->own) != OK)
        return;
    config.port = a->config.port;
    config.group = MDNS_GROUP;
    if (datagram_open(&config, &p->group) != OK)
        p->group = NULL; /* somebody has the port for himself: our question is answered all the same */
    a->count++;
}

static void ask(struct announced *a)
{
    struct buffer query = {0};
    discovery_mdns_put_query(&query);
    for (size_t i = 0; i < a->count; i++)
        datagram_send(a->places[i].own, MDNS_GROUP, a->config.port, buffer_slice(&query));
    buffer_clear(&query);
}

/* Asked twice: a packet may be lost. */
static void on_time(void *arg)
{
    struct announced *a = arg;
    if (a->asked == 2) {
        a->config.on_end(a->config.arg);
        return;
    }
    ask(a);
    loop_timer_start(a->config.loop, &a->timer, a->asked++ ? a->config.wait_ms - a->config.wait_ms / 3 : a->config.wait_ms / 3, on_time, a);
}

struct announced *discovery_announced_start(const struct announced_config *config)
{
    struct announced *a = MEMORY_NEW(struct announced);
    a->config = *config;
    if (a->config.port == 0)
        a->config.port = MDNS_PORT;
    for (uint64_t i = 0; i < config->interfaces->total && a->count < ANNOUNCED_INTERFACES_MAX; i++)
        open_place(a, discovery_ranges_at(config->interfaces, i));
    a->config.interfaces = NULL;
    loop_timer_start(config->loop, &a->timer, 0, on_time, a);
    return a;
}

void discovery_announced_free(struct announced **out)
{
    struct announced *a = *out;
    if (a == NULL)
        return;
    *out = NULL;
    loop_timer_stop(&a->timer);
    for (size_t i = 0; i < a->count; i++) {
        datagram_close(&a->places[i].own);
        datagram_close(&a->places[i].group);
    }
    free(a);
}

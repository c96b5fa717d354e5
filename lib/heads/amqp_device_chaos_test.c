/* Devices over AMQP while links come and go, connections break and the backend does as it likes:
 * from a seed, so that what goes wrong goes wrong again. Nothing is left behind, and nobody is told
 * anything after he has gone (the sanitizers see it). */
#include "heads/amqp_device_rig.h"

#define CLIENTS 3
#define DEVICES 4
#define SEEDS 30
#define STEPS 250

struct chaos {
    struct test t;
    struct client clients[CLIENTS];
};

static const char *const addresses[] = {
    "/devices/d%llu/messages/events", "/devices/d%llu/messages/devicebound",
    "/devices/d%llu/methods/devicebound", "/devices/d%llu/twin"};

static uint64_t below(struct chaos *c, uint64_t n)
{
    return sim_below(c->t.sim, n);
}

/* ---- what clients do ---- */

static struct client *client_of(struct chaos *c)
{
    struct client *client = &c->clients[below(c, CLIENTS)];
    if (client->stream && client->opened)
        return client;
    if (client->stream == NULL) {
        client_clear(client);
        *client = (struct client){0};
        client_begin(&c->t, client);
    }
    return NULL;
}

static void attach_some(struct chaos *c, struct client *client)
{
    char address[64];
    if (client->link_count > 150)
        return;
    /* NOLINTNEXTLINE: the templates are above */
    snprintf(address, sizeof(address), addresses[below(c, 4)],
             (unsigned long long)below(c, DEVICES));
    struct client_link *l = ask(client, "link", below(c, 2), address);
    if (!amqp_link_sends(l->link))
        credit(l, (uint32_t)below(c, 20));
}

static struct client_link *some_link(struct chaos *c, struct client *client)
{
    struct client_link *l =
        client->link_count ? &client->links[below(c, client->link_count)] : NULL;
    return l && l->link ? l : NULL;
}

static void put_some_token(struct chaos *c, struct client *client)
{
    struct client_link *cbs = NULL;
    for (size_t i = 0; i < client->link_count; i++)
        if (client->links[i].link && strcmp(client->links[i].label, "cbs") == 0)
            cbs = &client->links[i];
    if (cbs == NULL)
        cbs = ask(client, "cbs", false, "$cbs");
    char audience[64];
    snprintf(audience, sizeof(audience), "hub/devices/d%llu",
             (unsigned long long)below(c, DEVICES));
    struct buffer b = {0};
    put_token_write(&b, audience, below(c, 10) ? "good" : "bad");
    enum status s =
        amqp_link_send(cbs->link, &(struct amqp_send){.settled = true}, buffer_slice(&b));
    (void)s; /* without credit yet */
    buffer_clear(&b);
}

static struct client_link *some_sender(struct chaos *c, struct client *client)
{
    for (int tries = 0; tries < 10; tries++) {
        struct client_link *l = some_link(c, client);
        if (l && amqp_link_sends(l->link) && amqp_link_credit(l->link) &&
            strcmp(l->label, "cbs") != 0)
            return l;
    }
    return NULL;
}

static void send_some(struct chaos *c, struct client *client)
{
    struct client_link *l = some_sender(c, client);
    struct buffer b = {0};
    if (l == NULL)
        return;
    if (below(c, 10) == 0) {
        buffer_text(&b, "nonsense");
    } else {
        size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
        amqp_write_symbol(&b, SLICE("operation"));
        amqp_write_string(&b, below(c, 2) ? SLICE("GET") : SLICE("PUT"));
        amqp_write_symbol(&b, SLICE("resource"));
        amqp_write_string(&b, SLICE("/notifications/twin/properties/desired"));
        amqp_write_end(&b, map, 4);
        amqp_message_data(&b, SLICE("{}"));
    }
    enum status s =
        amqp_link_send(l->link, &(struct amqp_send){.settled = below(c, 4) == 0}, buffer_slice(&b));
    (void)s;
    buffer_clear(&b);
}

static void client_step(struct chaos *c)
{
    struct client *client = client_of(c);
    if (client == NULL)
        return;
    struct client_link *l = some_link(c, client);
    switch (below(c, 12)) {
    case 0:
    case 1:
    case 2:
        put_some_token(c, client);
        break;
    case 3:
    case 4:
    case 5:
        attach_some(c, client);
        break;
    case 6:
        if (l)
            amqp_link_detach(l->link, NULL);
        if (l)
            l->link = NULL;
        break;
    case 7:
        if (l && !amqp_link_sends(l->link))
            credit(l, (uint32_t)below(c, 50));
        break;
    case 8:
        if (below(c, 10) == 0)
            stream_abort(client->stream, CANCELLED);
        break;
    default:
        send_some(c, client);
    }
    if (client->stream)
        stream_flush(client->stream);
}

/* ---- what the backend does ---- */

static void backend_step(struct chaos *c)
{
    struct fake *f = &c->t.fake;
    struct fake_device *d = &f->devices[below(c, DEVICES)];
    static const enum status ends[] = {REPLACED, UNAUTHORIZED, CANCELLED};
    if (d->session == NULL)
        return;
    const struct heads_session_ops *ops = d->session->ops;
    switch (below(c, 8)) {
    case 0:
        if (below(c, 4) == 0)
            ops->close(d->session, ends[below(c, 3)]);
        break;
    case 1:
        ops->method(d->session, below(c, 1000), SLICE("go"), SLICE("{}"));
        break;
    case 2:
        ops->desired(d->session, SLICE("{}"), 3);
        break;
    case 3:
        deliver(&c->t, d->name, below(c, 1000), "", "to it");
        break;
    case 4:
        f->room = f->room ? 0 : 3;
        ops->resume(d->session);
        break;
    default:
        for (uint64_t n = below(c, 5); n && f->answered < f->token_count; n--)
            accept_next(&c->t, below(c, 10) ? OK : IO_FAILED);
    }
}

static void run_seed(uint64_t seed)
{
    struct chaos *c = MEMORY_NEW(struct chaos);
    rig_start(&c->t, seed);
    for (int i = 0; i < DEVICES; i++) { /* d0 … in their places */
        char name[16];
        snprintf(name, sizeof(name), "d%d", i);
        device_named(&c->t.fake, name);
    }
    struct sim_network network = sim_network_get(c->t.sim);
    network.resets_per_million = 2000;
    sim_network_set(c->t.sim, &network);
    c->t.fake.accepts = seed % 2;
    for (int i = 0; i < STEPS; i++) {
        client_step(c);
        backend_step(c);
        if (below(c, 3) == 0)
            sim_run(c->t.sim, sim_now_ms(c->t.sim) + below(c, 20));
    }
    rig_stop(&c->t, c->clients, CLIENTS);
    free(c);
}

static void anything_in_any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(anything_in_any_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

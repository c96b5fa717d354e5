#include "edge/amqp.h"

#include "base/memory.h"
#include "heads/amqp_device.h"

struct edge_amqp {
    struct heads_amqp_devices *devices;
    struct heads_amqp_kind kinds[HEADS_AMQP_DEVICE_KINDS];
    struct heads_amqp_config config;
};

static void verify(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *token)
{
    struct edge_amqp *a = arg;
    heads_amqp_device_verify(a->devices, check, token);
}

struct edge_amqp *edge_amqp_new(struct heads_backend *backend, const char *name)
{
    struct edge_amqp *a = MEMORY_NEW(struct edge_amqp);
    a->devices = heads_amqp_devices_new(backend);
    for (size_t i = 0; i < HEADS_AMQP_DEVICE_KINDS; i++) {
        a->kinds[i] = heads_amqp_device_kinds[i];
        a->kinds[i].arg = a->devices;
    }
    a->config = (struct heads_amqp_config){.container_id = name,
                                           .kinds = a->kinds,
                                           .kind_count = HEADS_AMQP_DEVICE_KINDS,
                                           .verify = verify,
                                           .arg = a};
    return a;
}

void edge_amqp_accept(struct edge_amqp *a, struct stream *s)
{
    heads_amqp_new(s, &a->config);
}

#include "hub/hub.h"

#include "hub/backend.h"

unsigned hub_partition_of(const struct hub *hub, struct iot_id id)
{
    return iot_id_part(id, hub->partition_count);
}

struct hub_loop *hub_owner(struct hub *hub, struct iot_id id)
{
    return &hub->loops[hub_partition_of(hub, id) % hub->loop_count];
}

void hub_init(struct hub *hub)
{
    hub->backend.ops = &hub_backend_ops;
    for (unsigned i = 0; i < hub->loop_count; i++) {
        hub->loops[i].hub = hub;
        hub->loops[i].index = i;
        list_init(&hub->loops[i].sign_ins);
        hub_activity_init(&hub->loops[i].activity);
    }
}

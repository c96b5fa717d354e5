#include "plant/load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct counter {
    struct plant_load *load;
    UA_UInt32 value;
    uint32_t changed_ms; /* since the load was made */
};

struct plant_load {
    UA_DateTime start;
    uint32_t half_ms;
    struct counter counters[];
};

static void read_counter(void *arg, UA_DataValue *out)
{
    struct counter *c = arg;
    UA_DateTime now = UA_DateTime_now();
    uint32_t now_ms = (uint32_t)((now - c->load->start) / UA_DATETIME_MSEC);
    if (now_ms - c->changed_ms >= c->load->half_ms || c->value == 0) {
        c->value++;
        c->changed_ms = now_ms;
    }
    UA_Variant_setScalar(&out->value, &c->value, &UA_TYPES[UA_TYPES_UINT32]);
    out->value.storageType = UA_VARIANT_DATA_NODELETE;
    out->hasValue = true;
    out->sourceTimestamp = now;
    out->hasSourceTimestamp = true;
}

struct plant_load *plant_load_new(struct opcua_server *server, struct opcua_place parent,
                                  uint32_t count, uint32_t interval_ms)
{
    struct plant_load *load = memory_new(sizeof *load + count * sizeof load->counters[0]);
    load->start = UA_DateTime_now();
    load->half_ms = interval_ms / 2;
    struct opcua_place folder = {parent.space, "Load"};
    opcua_server_add_folder(server, parent, folder, "Load");
    for (uint32_t i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "Load%u", i + 1);
        load->counters[i].load = load;
        opcua_server_add_source(server, folder, (struct opcua_place){parent.space, id}, id,
                                &UA_TYPES[UA_TYPES_UINT32], read_counter, &load->counters[i]);
    }
    return load;
}

void plant_load_free(struct plant_load **load)
{
    free(*load);
    *load = NULL;
}

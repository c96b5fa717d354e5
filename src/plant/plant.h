/*
 * A simulated factory, with the names of Azure's OPC PLC: for demos, tests and benchmarks. Its
 * values change by themselves, its methods start, stop and reset them, and `load_nodes` counters
 * prove that nothing is lost.
 */
#pragma once

#include <stdint.h>

#include "base/status.h"
#include "opcua/server.h"

#define PLANT_NAMESPACE "http://microsoft.com/Opc/OpcPlc/"
#define PLANT_NODES_MAX 1000000

struct plant;

struct plant_config {
    struct opcua_server_config server;
    uint32_t fast_nodes, slow_nodes;
    uint32_t fast_ms, slow_ms;
    uint32_t load_nodes; /* "Load1", "Load2", …: UInt32, one more with each change, one change per
                            `load_ms` */
    uint32_t load_ms;
    uint32_t event_ms; /* a simple event of the Server object; 0: none */
    bool history;      /* of WritableInt32: what is written is kept, and clients may read and change that */
};

/* IO_FAILED when it cannot listen. */
CHECKED enum status plant_start(const struct plant_config *config, struct plant **out);
void plant_stop(struct plant **p);

const char *plant_url(const struct plant *p);

/* `millrace plant`. */
int plant_main(int argc, char **argv);

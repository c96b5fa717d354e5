/* open62541, the OPC UA stack: the one place that names its client headers. Types are UA_…; who
 * reads or makes them includes this. Its server headers stay in opcua/server.c. */
#pragma once

#include <open62541/client.h>
#include <open62541/types.h>
#include <open62541/types_generated.h>
#include <open62541/types_generated_handling.h>

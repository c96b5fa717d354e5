/* The inside of opcua/server.h: server.c, server_dictionary.c. */
#pragma once

#include <open62541/server.h>

#include "opcua/server.h"

UA_Server *opcua_server_stack(struct opcua_server *s);

/* The node by whose id values of a structure are known on the wire; server_dictionary.c. */
UA_StatusCode opcua_server_add_encoding(UA_Server *server, UA_NodeId data_type, UA_NodeId encoding);

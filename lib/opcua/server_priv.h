/* The inside of opcua/server.h: server.c, server_dictionary.c. */
#pragma once

#include <open62541/server.h>

#include "opcua/server.h"

UA_Server *opcua_server_stack(struct opcua_server *s);

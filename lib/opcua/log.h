/* The stack's log lines become ours: its warnings and errors at debug, because what matters to a
 * person is said once, with its context, by who sees it (opcua/session.c). */
#pragma once

#include "opcua/stack.h"

/* For all clients and servers; never freed. */
UA_Logger *opcua_logger(void);

/* Which failures are between us and the server, and which are the server's answer. */
#pragma once

#include "base/status.h"
#include "opcua/stack.h"

/* OK: an answer, to be told as "errorInfo". */
enum status twin_fault_status(UA_StatusCode code);
/* While connecting everything is a failure. */
enum status twin_fault_connecting(UA_StatusCode code);

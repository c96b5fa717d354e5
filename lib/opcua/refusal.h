/*
 * What a bad status says of asking again: whether the server will say the same the next time
 * (Part 4, 7.38). Pure.
 */
#pragma once

#include "opcua/stack.h"

enum opcua_refusal {
    OPCUA_REFUSAL_FINAL,   /* of the node or the service: it will be said again */
    OPCUA_REFUSAL_PASSING, /* of this moment, or of no answer: soon it may be another one */
    OPCUA_REFUSAL_UNCLEAR, /* neither is sure: worth another try some time, not worth waiting for */
};

/* Of a status that is bad. */
enum opcua_refusal opcua_refusal_of(UA_StatusCode status);

/* The same in smaller pieces may be borne. */
bool opcua_refusal_is_too_much(UA_StatusCode status);

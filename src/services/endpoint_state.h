/*
 * What the answer of a twin module says of its session with an endpoint's server, as
 * EndpointConnectivityState. Pure.
 */
#pragma once

#include "base/slice.h"

/* "Ready", "NoTrust", … of a method's answer, each always at the same place; NULL: it says nothing of it. `method`: "Browse_V2". */
const char *services_endpoint_state(struct slice method, int status, struct slice payload);

/* The same of a state that was kept; NULL: it is none of these. */
const char *services_endpoint_state_of(struct slice word);
bool services_endpoint_is_ready(const char *state);

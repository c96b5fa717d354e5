/* A session that somebody is about to use: waits until it is ready, by the cheapest of questions.
 * On the session's thread. */
#pragma once

#include "opcua/session.h"

/* Exactly once, after opcua_ready() returned. Not good: why the server cannot be had, as the
 * session says, or BadTimeout. */
typedef void opcua_ready_fn(void *arg, UA_StatusCode status);

void opcua_ready(struct opcua_session *s, opcua_ready_fn *fn, void *arg, uint32_t timeout_ms);

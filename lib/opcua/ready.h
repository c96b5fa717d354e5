/*
 * A session that somebody is about to use, who may meet what the server has made while the session
 * was there: waits until it is ready, and asks for its namespaces, which servers add to while they
 * run. On the session's thread.
 */
#pragma once

#include "opcua/session.h"

/* Exactly once, after opcua_ready() returned. Not good: why the server cannot be had, as the
 * session says, or BadTimeout. */
typedef void opcua_ready_fn(void *arg, UA_StatusCode status);

void opcua_ready(struct opcua_session *s, opcua_ready_fn *fn, void *arg, uint32_t timeout_ms);

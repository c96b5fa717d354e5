/*
 * Asks a server to tell its retained conditions again (Part 9, 5.5.7): those of one monitored item,
 * or of the whole subscription where the server cannot tell them apart. On the session's thread.
 */
#pragma once

#include "opcua/session.h"

struct condition_refresh;

/* Once, after condition_refresh() returned. Bad when the server did not do it. */
typedef void condition_refresh_fn(void *arg, UA_StatusCode status);

struct condition_refresh *condition_refresh(struct opcua_session *s, uint32_t subscription,
                                            uint32_t item, condition_refresh_fn *fn, void *arg);
/* Before `fn` was called: it will not be. */
void condition_refresh_cancel(struct condition_refresh **r);

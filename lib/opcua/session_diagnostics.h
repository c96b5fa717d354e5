/*
 * What is known of a session's connection, and what its server counts about it (Part 5, 12.11 and
 * 12.15), where it does. On the session's thread.
 */
#pragma once

#include "opcua/session.h"

struct opcua_channel {
    char peer[128];        /* "address:port" */
    uint32_t id, token_id; /* as the server calls them; 0: unknown */
    uint64_t since_ms;     /* wall time: since when it has the token */
    uint64_t lifetime_ms;  /* that was asked for */
};

/* False: there is none at present. */
bool opcua_session_channel(const struct opcua_session *s, struct opcua_channel *out);

/* Good: `of` is what the server says of this session, and `subscriptions` of those on it; they live
 * until the callback returns. BadNotFound: the server counts nothing, or does not tell us. */
typedef void opcua_session_diagnostics_fn(void *arg, UA_StatusCode status,
                                          const UA_SessionDiagnosticsDataType *of,
                                          const UA_SubscriptionDiagnosticsDataType *subscriptions,
                                          size_t count);

/* Once, after this returned. To be cancelled before the session goes. */
struct opcua_session_diagnostics;
struct opcua_session_diagnostics *opcua_session_diagnostics(struct opcua_session *s,
                                                            opcua_session_diagnostics_fn *fn,
                                                            void *arg, uint32_t timeout_ms);
/* `fn` will not be called; harmless for NULL. */
void opcua_session_diagnostics_cancel(struct opcua_session_diagnostics **d);

/*
 * The sessions that there are, told as JSON: their channels, and what their servers count about
 * them. Of all roles: they share sessions.
 *
 * Asked on the module's loop and answered there; what servers count is read from them meanwhile,
 * each within CONNECTIONS_MS. At most CONNECTIONS_ASKED_MAX questions at once, more are BUSY.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "json/write.h"
#include "opcua/session.h"
#include "opcua/session_diagnostics.h"

#define CONNECTIONS_MS 10000
#define CONNECTIONS_ASKED_MAX 32

struct connections;

struct connections *connections_new(struct loop *l, struct opcua_thread *t);
/* No more questions to the OPC UA thread; what is asked is still answered. */
void connections_stop(struct connections *c);
bool connections_idle(const struct connections *c);
/* When neither thread runs any more. What is asked still is answered with CANCELLED. */
void connections_free(struct connections **c);

enum connections_what {
    CONNECTIONS_SERVERS,  /* [{"connection":…,"server":{…}}]: what servers count */
    CONNECTIONS_CHANNELS, /* [{"timeStamp":…,"connection":…,"channelId":…}] */
};

/* `json` lives until it returns; empty unless OK. Never before connections_ask() returned. */
typedef void connections_fn(void *arg, enum status why, struct slice json);
void connections_ask(struct connections *c, enum connections_what what, connections_fn *fn,
                     void *arg);

/* {"endpoint":{"url":…},"user":…}: where to and as whom, without secrets. */
void connections_put(struct json_writer *w, const struct opcua_connection *c);

/* The object of what a server counts about a session. */
void connections_put_server(struct json_writer *w, const UA_SessionDiagnosticsDataType *of,
                            const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count);

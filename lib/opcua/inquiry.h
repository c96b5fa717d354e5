/*
 * What an OPC UA server says of itself to everybody, without a session: FindServers, GetEndpoints,
 * and FindServersOnNetwork where it is offered. On an OPC UA thread, over a channel without
 * security.
 */
#pragma once

#include "base/slice.h"
#include "opcua/thread.h"

#define OPCUA_INQUIRY_LOCALES_MAX 16

struct opcua_inquiry_answer {
    UA_ApplicationDescription *servers; /* itself, and those that have registered with it */
    size_t server_count;
    UA_EndpointDescription *endpoints;
    size_t endpoint_count;
    UA_ServerOnNetwork *neighbours; /* of an LDS-ME; mostly none */
    size_t neighbour_count;
};

void opcua_inquiry_answer_clear(struct opcua_inquiry_answer *a);

/* Once, after opcua_inquire() returned. `answer` lives until the callback returns; what it has may
 * be moved out. A bad status: nobody answered GetEndpoints. */
typedef void opcua_inquiry_fn(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *answer);

struct opcua_inquiry;

struct opcua_inquiry *opcua_inquire(struct opcua_thread *t, struct slice url,
                                    const struct slice *locales, size_t locale_count,
                                    opcua_inquiry_fn *fn, void *arg, uint32_t timeout_ms);

/* The endpoints alone, from the server itself. */
struct opcua_inquiry *opcua_inquire_endpoints(struct opcua_thread *t, struct slice url,
                                              opcua_inquiry_fn *fn, void *arg, uint32_t timeout_ms);

/* Before `fn` was called: it will not be. */
void opcua_inquiry_cancel(struct opcua_inquiry *q);

/* What opens its connection: see opcua_tcp_dial_fn. NULL: nothing yet. */
const void *opcua_inquiry_client(const struct opcua_inquiry *q);

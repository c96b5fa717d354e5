/*
 * OPC Twin: browse, read, write and call on OPC UA servers, as direct methods with the payload
 * {"endpoint":{…},"request":{…}}. A role of a module (client/module.h); it works on sessions that
 * it shares with the other roles of the process.
 */
#pragma once

#include "client/module.h"
#include "opcua/thread.h"

struct twin;

#define TWIN_REQUESTS_MAX                                                                          \
    512 /* under way, those included whose caller has given up; more are answered with 429 */
#define TWIN_REFERENCES_MAX 100 /* of one answer to a browse: IoT Hub takes 128 KB */
#define TWIN_HOLDS_MAX 32       /* sessions kept for continuation tokens; the oldest is let go */
#define TWIN_HOLD_MS 60000

/* Adds the role; before module_start(). Both outlive it. */
struct twin *twin_start(struct module *m, struct opcua_thread *t);

/* Lets go of what is kept on the OPC UA thread. Then stop the loops, module_free(),
 * opcua_thread_free(), and last: */
void twin_stop(struct twin *t);
void twin_free(struct twin **t);

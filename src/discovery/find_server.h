/*
 * One server, asked while the caller waits: the direct method FindServer (2.9). It answers with the server's
 * application and those of its endpoints that the query wants; nothing goes up the telemetry path. A query of one
 * url is no scan: no budget of packets is for it.
 */
#pragma once

#include "base/list.h"
#include "client/module.h"
#include "opcua/thread.h"

#define FIND_SERVER_MAX 32   /* at once; more are answered with 429 */
#define FIND_SERVER_MS 15000 /* for the server to answer */

struct find_server {
    struct module *module;
    struct loop *loop;
    struct opcua_thread *thread;
    struct list finds; /* on the module's loop */
    size_t count;
    struct list asked; /* on the OPC UA thread */
    bool dropped;      /* there */
};

void discovery_find_server_init(struct find_server *f, struct module *module,
                                struct opcua_thread *thread);

/* The handler: takes the call over. */
void discovery_find_server(struct find_server *f, struct module_call *c);

/* For the end of the program, in this order: on the OPC UA thread, and after both loops have ended. */
void discovery_find_server_drop(void *f);
void discovery_find_server_clear(struct find_server *f);

/* The module's inside, for the files that make it up: module.c (roles, connection, life),
 * module_calls.c (methods that are called) and module_twin.c. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "client/module.h"
#include "client/module_pieces.h"
#include "client/module_report.h"

#define MODULE_NAME_MAX 128 /* of a method */
#define MODULE_ROLES_MAX 16

struct module_role {
    struct module *module;
    const struct module_role_ops *ops;
    void *app;
    uint64_t index;
};

struct module {
    struct module_config config;
    struct device_client *client;
    struct module_role roles[MODULE_ROLES_MAX];
    size_t role_count;
    struct map methods; /* module_calls.c's, by their names on the wire in lower case */
    struct list calls;
    struct list answered; /* calls from within, whose answer is on its way */
    size_t call_count;
    struct module_pieces *pieces;
    char *site;
    char *version;
    char *device_id;
    char *module_id;
    struct module_report report;
    struct module_witness witness;
    module_check_fn *check; /* NULL: handlers alone look at payloads */
};

/* ---- module_calls.c ---- */

void module_calls_init(struct module *m);
void module_calls_add(struct module_role *r, const struct module_method *method);
/* Over the connection: device_client_events.on_method. */
void module_calls_on_method(void *module, uint64_t rid, struct slice name, struct slice payload);
/* What is under way ends: who waits is told. */
void module_calls_clear(struct module *m);

/* ---- module_twin.c ---- */

void module_twin_report_self(struct module *m);
/* After a connection: what changed meanwhile. */
void module_twin_read(struct module *m);
/* device_client_events.on_desired. */
void module_twin_on_desired(void *module, struct slice patch, uint64_t version);

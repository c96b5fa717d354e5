/*
 * Direct methods that are called over an MQTT broker, as OPC Publisher has them. Below the topic
 * for methods, "{RootTopic}/methods":
 *
 *   MQTT 5      {methods}/{method} with a response topic; the answer goes there, with the same
 *               correlation data, and its status as the user property StatusCode
 *   MQTT 3.1.1  {methods}/{method}/?$rid={id}; the answer goes to {methods}/res/{status}/?$rid={id}
 *
 * An answer waits for its turn with the broker, and is sent at least once. On the module's loop.
 *
 * Bounds: as many calls as the module runs at once, MODULE_CALLS_MAX; more are answered with 429.
 */
#pragma once

#include "client/broker.h"
#include "client/module.h"

#define BROKER_METHODS_TOKEN UINT64_MAX /* of answers, in broker_send() */

struct broker_methods;

struct broker_methods *broker_methods_new(struct module *m, struct slice topic, bool v5);
void broker_methods_free(struct broker_methods **b);

/* "{methods}/#" */
const char *broker_methods_filter(const struct broker_methods *b);

/* Anything that came for the filter; what is no call is passed over. */
void broker_methods_call(struct broker_methods *b, struct broker *broker,
                         const struct broker_incoming *m);
/* The broker may have room: answers that wait go first. */
void broker_methods_pump(struct broker_methods *b);

/* What a topic below the one for methods means. Pure. */
struct broker_method_name {
    struct slice method;
    struct slice rid; /* empty: there is none */
};
/* False: it is no call. */
bool broker_method_read(struct slice tail, struct broker_method_name *out);

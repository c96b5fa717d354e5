/*
 * The hub's one AMQP endpoint: whatever is served over AMQP is served on every connection, and a
 * token decides what of it a peer may use. Here is the list of what there is (serve_all() in
 * amqp.c), and who may by a shared access policy; what a link does is its part's:
 *
 *     events/events.h                applications that read the stream, or send into it
 *     service_links.h         services that send messages to devices
 *     heads/amqp_device.h     devices and modules
 *     dps/amqp.h              devices that want to be provisioned
 */
#pragma once

#include "heads/amqp.h"
#include "hub/hub.h"

struct hub_amqp;
struct events;

/* The hub's policies must be there. `hub` and the parts outlive it. */
struct hub_amqp *hub_amqp_new(struct hub *hub, struct events *events);
/* When no loop runs any more. */
void hub_amqp_free(struct hub_amqp **a);

/* On the stream's loop: serves AMQP on it from here on. */
void hub_amqp_accept(struct hub_amqp *a, struct stream *s);

/* Now; from any thread. */
uint64_t hub_amqp_connections(const struct hub_amqp *a);

/*
 * What services change and call through the hub, in its audit log (audit/audit.h): changes of
 * identities, twins, configurations, routing and jobs are on the disk before they are made; of
 * direct methods, messages to devices and enrollments, which are many and have their own answer, a
 * line follows. Who it was is the name of a policy, or a module's id. What devices send themselves
 * is none of this. Each piece of a call in pieces ($call) is a line: the first one's "operation" is the
 * method that it names.
 */
#pragma once

#include "hub/hub.h"
#include "rest/server.h"

/* For rest_server_config; the server's app is the hub. */
rest_admit_fn hub_audit_admit;
void hub_audit_on_answer(void *hub, const struct rest_request *r, int status);

/* The policy that made the token; empty when none did. It is not verified here. */
struct slice hub_audit_policy(struct slice token);

/* A message to a device, that a service with that token sends over AMQP; of its body the digest. */
void hub_audit_message(struct hub *hub, struct slice token, const struct iot_message *m);

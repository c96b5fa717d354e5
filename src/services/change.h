/*
 * What changes something, before it does: what was there is looked up where that is cheap, and who
 * asks for what is in the audit log, on the disk.
 */
#pragma once

#include "services/services.h"

/* The route may change something. */
bool services_change_is(const struct rest_request *r);

/* The request waits for the log, and goes on; `old` is what was there, JSON, or empty. */
void services_change_record(struct rest_request *r, struct slice old);

/* Asks what was there, and then has it recorded; false: for such a change nobody can say. */
bool services_change_ask_old(struct rest_request *r);

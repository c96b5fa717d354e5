/*
 * What changes something, before it does: what was there is looked up where that is cheap, and who
 * asks for what is in the audit log, on the disk.
 */
#pragma once

#include "services/services.h"

/* The route may change something. */
bool services_change_is(const struct rest_request *r);

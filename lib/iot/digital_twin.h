/*
 * A twin as IoT Plug and Play sees it, and changes of it: what a device reports are its properties,
 * what is desired stands beside them in "$metadata". A component is an object with "__t": "c" in
 * the twin. Pure. Models are not read: what a path means is told from the twin.
 */
#pragma once

#include "iot/twin.h"

/* The whole document. `model` is a DTMI, or empty. */
void iot_digital_twin_put(const struct iot_twin *t, struct slice id, struct slice model,
                          struct json_writer *w);

/*
 * A JSON Patch (RFC 6902: add, replace, remove) as the body of iot_twin_update(), in the arena. A
 * path is /property, /component, /component/property or what lies below. BAD_ARGUMENT: *why names
 * the operation and the rule.
 */
CHECKED enum status iot_digital_twin_patch(const struct iot_twin *t, struct arena *a,
                                           const struct json *operations, struct slice *body,
                                           const char **why);

/* The user name of a device's CONNECT: "{host}/{client id}/?api-version=…&DeviceClientType=…".
 * Pure. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

struct heads_mqtt_user {
    struct slice host; /* with the port, if the client wrote one */
    struct slice api_version;
    struct slice client_type;
    struct slice model_id;
    struct slice auth_chain;
};

/* The "?" may be missing, and so may all behind the client id. Values are decoded into the arena.
 * BAD_FORMAT: not this shape, or another client's id. UNSUPPORTED: an api-version that no hub had.
 */
CHECKED enum status heads_mqtt_user_parse(struct slice username, struct slice client_id,
                                          struct arena *a, struct heads_mqtt_user *out);

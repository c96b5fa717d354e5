/* MQTT user names and topics of provisioning. Pure; slices point into the text. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "dps/dps.h"

#define DPS_MQTT_FILTER "$dps/registrations/res/#"
#define DPS_MQTT_RID_MAX 256

/* "{idScope}/registrations/{registrationId}/api-version=…": the registration is the client's id. No
 * hub's user name has this shape, for there the client's id comes second. */
struct dps_mqtt_user {
    struct slice id_scope, registration_id;
};
bool dps_mqtt_user_parse(struct slice username, struct slice client_id, struct dps_mqtt_user *out);

/*
 *     $dps/registrations/PUT/iotdps-register/?$rid={rid}
 *     $dps/registrations/GET/iotdps-get-operationstatus/?$rid={rid}&operationId={id}
 */
struct dps_mqtt_topic {
    enum dps_device_what what;
    struct slice rid; /* as it was sent: it goes back */
    struct slice operation_id;
};

/* BAD_ARGUMENT: another topic, or parameters that are missing or too long. Decodes into the arena.
 */
CHECKED enum status dps_mqtt_topic_parse(struct slice topic, struct arena *a,
                                         struct dps_mqtt_topic *out);

/* "$dps/registrations/res/202/?$rid={rid}&retry-after=3"; retry_s 0: none. */
void dps_mqtt_topic_put(struct buffer *out, int status, struct slice rid, unsigned retry_s);

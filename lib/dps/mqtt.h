/*
 * Provisioning over MQTT 3.1.1: one topic to subscribe to, two to publish to. Sessions are not
 * kept; a last will is passed over; QoS 1 both ways. A connection stays on its loop.
 */
#pragma once

#include "dps/dps.h"
#include "io/stream.h"

#define DPS_MQTT_CONNECT_MS 30000   /* to CONNACK */
#define DPS_MQTT_SILENCE_S_MAX 1767 /* whatever keep-alive says; 1.5 times that otherwise */
#define DPS_MQTT_REQUESTS_MAX 8     /* under way: nothing is read before one is answered */
#define DPS_MQTT_PACKET_MAX (DPS_BODY_MAX + 4096)

/* Whether a CONNECT is one of provisioning, for who listens on the port. */
bool dps_mqtt_claims(struct slice username, struct slice client_id);

/* Takes over an open stream on its loop; `bytes` were read from it already, CONNECT first. */
void dps_mqtt_accept(struct dps *d, struct stream *s, struct slice bytes);

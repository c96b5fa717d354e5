/* Texts on the wire: UTF-8 without the zero character (MQTT 3.1.1 section 1.5.3), and topic filters
 * (4.7). */
#pragma once

#include "base/slice.h"

/* Well-formed UTF-8, no surrogates, no U+0000. [MQTT-1.5.3-1] [MQTT-1.5.3-2] */
bool mqtt_text_ok(struct slice text);

/* Wildcards where they may stand. [MQTT-4.7.1-2] [MQTT-4.7.1-3]; not empty [MQTT-4.7.3-1] */
bool mqtt_text_filter_ok(struct slice filter);

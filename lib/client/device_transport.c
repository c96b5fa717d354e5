/* The ways to a hub. */
#include "client/device_priv.h"

/* clang-format off */
static const struct device_transport table[] = { /* in the order in which they are tried */
    {DEVICE_MQTT,           "MqttOverTcp",        8883, 1883, false, &device_mqtt},
    {DEVICE_MQTT_WEBSOCKET, "MqttOverWebsocket",  443,  80,   true,  &device_mqtt},
    {DEVICE_AMQP,           "AmqpOverTcp",        5671, 5672, false, &device_amqp},
    {DEVICE_AMQP_WEBSOCKET, "AmqpOverWebsocket",  443,  80,   true,  &device_amqp},
    {DEVICE_HTTPS,          "Https",              443,  80,   false, &device_https},
};

static const struct {
    const char *word;
    unsigned ways;
} groups[] = {
    {"Any",       DEVICE_MQTT | DEVICE_MQTT_WEBSOCKET | DEVICE_AMQP | DEVICE_AMQP_WEBSOCKET},
    {"Mqtt",      DEVICE_MQTT | DEVICE_MQTT_WEBSOCKET},
    {"Amqp",      DEVICE_AMQP | DEVICE_AMQP_WEBSOCKET},
    {"Tcp",       DEVICE_MQTT | DEVICE_AMQP},
    {"Websocket", DEVICE_MQTT_WEBSOCKET | DEVICE_AMQP_WEBSOCKET},
};
/* clang-format on */

unsigned device_ways_of(struct slice word)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (slice_eq_nocase(word, slice_of(table[i].name)))
            return table[i].way;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (slice_eq_nocase(word, slice_of(groups[i].word)))
            return groups[i].ways;
    return 0;
}

size_t device_transports_of(unsigned ways, const struct device_transport *out[DEVICE_WAYS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (ways & table[i].way)
            out[count++] = &table[i];
    return count;
}

/* What a broker's client is subscribed to. */
#include "client/broker_priv.h"
#include "mqtt/subscribe.h"
#include "mqtt/v5.h"

#define SUBSCRIBE_ID (BROKER_WINDOW_ID_MAX + 1)

void broker_subscribe(struct broker *b)
{
    struct mqtt_filter filter = {slice_of(b->config.filter), MQTT_QOS_0};
    if (b->config.filter == NULL)
        return;
    if (b->config.v5)
        mqtt5_subscribe_encode(SUBSCRIBE_ID, &filter, stream_out(b->stream));
    else
        mqtt_subscribe_encode(SUBSCRIBE_ID, &filter, 1, stream_out(b->stream));
    stream_flush(b->stream);
}

enum status broker_suback(struct broker *b, const struct mqtt_packet *p)
{
    struct mqtt5_ack a = {0};
    struct slice codes;
    if (b->config.v5) {
        if (mqtt5_suback_decode(p->body, &a) != OK)
            return BAD_FORMAT;
    } else {
        if (mqtt_suback_decode(p->body, &a.packet_id, &codes) != OK || codes.len != 1)
            return BAD_FORMAT;
        a.reason = codes.at[0];
    }
    if (a.reason >= MQTT5_REASON_FAILED)
        broker_say(b, "refused a subscription", a.reason, a.reason_text);
    return OK;
}

/* Nothing above QoS 0 was asked for. */
enum status broker_down(struct broker *b, const struct mqtt_packet *p)
{
    struct mqtt5_publish m = {0};
    enum status s = b->config.v5 ? mqtt5_publish_decode(p->flags, p->body, &m)
                                 : mqtt_publish_decode(p->flags, p->body, &m.base);
    if (s != OK || m.base.qos != MQTT_QOS_0 || b->config.filter == NULL)
        return BAD_FORMAT;
    b->config.events->on_message(b->config.arg,
                                 &(struct broker_incoming){.topic = m.base.topic,
                                                           .payload = m.base.payload,
                                                           .response_topic = m.response_topic,
                                                           .correlation = m.correlation,
                                                           .retain = m.base.retain});
    return OK;
}

/* The device client over AMQP: device_amqp.c what flows, device_amqp_links.c the links and how they
 * come up. */
#pragma once

#include "base/encoding.h"
#include "base/list.h"
#include "client/device_amqp_messages.h"
#include "client/device_priv.h"
#include "client/uplink.h"

#define DEVICE_AMQP_DESIRED                                                                        \
    SLICE("desired") /* the id of the question for changes of desired properties */

enum device_amqp_which {
    TELEMETRY,
    METHODS_IN,
    METHODS_OUT,
    TWIN_IN,
    TWIN_OUT,
    MESSAGES,
    LINK_COUNT,
};

struct device_amqp_row {
    const char *name, *path; /* behind "/devices/d/modules/m/" */
    bool receiver;
    int settle;
    const char *channel; /* of com.microsoft:channel-correlation-id; NULL: none */
};
extern const struct device_amqp_row device_amqp_rows[LINK_COUNT];

struct device_amqp {
    struct uplink *hub;
    struct {
        struct amqp_link *link; /* NULL: not asked for, or gone */
        bool wanted, attached;
        struct list waiting;
    } links[LINK_COUNT];
    bool asked_desired, has_desired;
    struct loop_timer told; /* what was done without the hub is told on a later turn */
    char channel[UUID_TEXT_LEN + 1];
};

static inline struct device_amqp *device_amqp_of(const struct device_client *c)
{
    return c->link;
}

/* Says it on the link, as soon as there is credit; takes the memory over. */
void device_amqp_say(struct device_client *c, enum device_amqp_which which, struct buffer *message);

/* device_amqp_links.c: asks for all links that the client has use for. False: there is no place for
 * them. */
CHECKED bool device_amqp_attach(struct device_client *c);
/* A step further, when all links are there; the last one is device_up(). */
void device_amqp_advance(struct device_client *c);
/* LINK_COUNT: it is none of them. */
enum device_amqp_which device_amqp_which_of(const struct device_amqp *a, const struct amqp_link *l);

/*
 * Devices and modules over AMQP 1.0, in front of heads/backend.h: kinds of links for heads/amqp.h.
 *
 *     telemetry      the peer sends     /devices/{d}[/modules/{m}]/messages/events
 *     C2D            the peer receives  /devices/{d}/messages/devicebound
 *     inputs         the peer receives  /devices/{d}/modules/{m}/messages/events
 *     methods, twin  both               …/methods/devicebound, …/twin
 *
 * A connection may carry many devices. Each that attaches a link is one live session on the loop
 * that owns it, for as long as it has a link; what the connection's loop and the device's say to
 * each other goes through a mail each way:
 *
 *     connection's loop                        device's loop
 *     amqp_device.c       life                 amqp_device_session.c   the session
 *     amqp_device_link.c  links, telemetry
 *     amqp_device_down.c  C2D and inputs
 *     amqp_device_twin.c, amqp_device_method.c
 *     amqp_device_token.c tokens that a device signs in with, and newer ones
 *
 * A device signs in with the token on its connection that covers it, else with the peer's
 * certificate; what is true of either only the backend says. When the session is closed, the
 * device's links are detached with what happened, and other devices' are not.
 */
#pragma once

#include "heads/amqp.h"
#include "heads/backend.h"

#define HEADS_AMQP_DEVICES_MAX 1024      /* of a connection; FULL beyond */
#define HEADS_AMQP_DEVICE_LINKS_MAX 32   /* of a device */
#define HEADS_AMQP_TELEMETRY_WINDOW 1000 /* unsettled messages of a link: its credit */
#define HEADS_AMQP_DELIVERIES_MAX 64     /* C2D allowed to a link, whatever credit it has */
#define HEADS_AMQP_TWIN_REQUESTS_MAX 32  /* under way; more are answered 429 */
#define HEADS_AMQP_WAITING_MAX 512       /* messages that wait for a link's credit, and … */
#define HEADS_AMQP_WAITING_BYTES_MAX (4u << 20) /* … their bytes; beyond it the link is detached \
                                                 */

struct heads_amqp_devices;

/* One for a program. The backend must outlive it. */
struct heads_amqp_devices *heads_amqp_devices_new(struct heads_backend *backend);
void heads_amqp_devices_free(struct heads_amqp_devices **d); /* when no loop runs any more */

/* `arg` of each is the struct heads_amqp_devices. */
#define HEADS_AMQP_DEVICE_KINDS 12
extern const struct heads_amqp_kind heads_amqp_device_kinds[HEADS_AMQP_DEVICE_KINDS];

/* For `verify` of a config: a device's or module's token, by a visit to the backend. The path of
 * the grant is what the token is for. */
void heads_amqp_device_verify(struct heads_amqp_devices *d, struct heads_amqp_check *check,
                              const struct heads_amqp_token *token);

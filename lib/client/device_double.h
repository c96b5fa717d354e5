/*
 * A device client that goes nowhere, for tests of what stands on it: included in one file of a
 * test, it takes the place of client/device.c. The test plays the hub: it calls
 * device_double_method() and looks at what came.
 */
#pragma once

#include <stdlib.h>

#include "base/memory.h"
#include "client/device.h"

#define DEVICE_DOUBLE_KEPT 1024

struct device_client {
    struct device_client_config config;
    bool connected;
};

/* What the module did last, and all messages that it sent. */
static struct device_double {
    struct device_client *client;
    int status; /* of the last reply; 0: none yet */
    uint64_t rid;
    unsigned replies;
    struct buffer reply;
    struct buffer reported;
    const char *twin; /* answers twin_get; NULL: OFFLINE */
    struct buffer bodies[DEVICE_DOUBLE_KEPT];
    struct buffer properties[DEVICE_DOUBLE_KEPT];
    size_t sent;
    bool full; /* refuse to send */
    size_t refused;
    void (*on_reply)(void);
    void (*on_send)(void);
} device_double;

struct device_client *device_client_new(const struct device_client_config *config)
{
    struct device_client *c = MEMORY_NEW(struct device_client);
    c->config = *config;
    device_double.client = c;
    return c;
}

void device_client_free(struct device_client **c)
{
    free(*c);
    *c = NULL;
    device_double.client = NULL;
}

bool device_client_connected(const struct device_client *c)
{
    return c->connected;
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    (void)c, (void)token;
    if (device_double.full || device_double.sent == DEVICE_DOUBLE_KEPT) {
        device_double.refused++;
        return FULL;
    }
    buffer_put(&device_double.bodies[device_double.sent], m->body);
    buffer_put(&device_double.properties[device_double.sent++], m->properties);
    if (device_double.on_send)
        device_double.on_send();
    return OK;
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    (void)c;
    device_double.rid = rid;
    device_double.status = status;
    device_double.replies++;
    buffer_reset(&device_double.reply);
    buffer_put(&device_double.reply, payload);
    if (device_double.on_reply)
        device_double.on_reply();
}

void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg)
{
    (void)c;
    fn(arg, device_double.twin ? OK : OFFLINE, slice_of(device_double.twin));
}

void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg)
{
    (void)c;
    buffer_reset(&device_double.reported);
    buffer_put(&device_double.reported, patch);
    fn(arg, OK, 1);
}

static inline void device_double_connect(void)
{
    device_double.client->connected = true;
    device_double.client->config.events->on_connected(device_double.client->config.arg);
}

static inline void device_double_method(uint64_t rid, const char *name, const char *payload)
{
    device_double.status = 0;
    device_double.client->config.events->on_method(device_double.client->config.arg, rid,
                                                   slice_of(name), slice_of(payload));
}

static inline void device_double_desired(const char *patch)
{
    device_double.client->config.events->on_desired(device_double.client->config.arg,
                                                    slice_of(patch), 2);
}

/* The hub acknowledges, or does not. */
static inline void device_double_acknowledge(uint64_t token, enum status why)
{
    device_double.client->config.events->on_sent(device_double.client->config.arg, token, why);
}

static inline void device_double_reset(void)
{
    for (size_t i = 0; i < device_double.sent; i++) {
        buffer_clear(&device_double.bodies[i]);
        buffer_clear(&device_double.properties[i]);
    }
    buffer_clear(&device_double.reply);
    buffer_clear(&device_double.reported);
    device_double = (struct device_double){0};
}

/*
 * Where an AMQP link or token points to. Clients write paths ("/devices/d1/twin"), whole URIs
 * ("amqps://host:5671/devices/d1/twin") and mix the case of the fixed words. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"
#include "base/status.h"

#define HEADS_AMQP_SEGMENTS_MAX 8
#define HEADS_AMQP_PARAMS_MAX 3

struct heads_amqp_address {
    struct slice
        segments[HEADS_AMQP_SEGMENTS_MAX]; /* as sent, without scheme, host and empty ends */
    unsigned count;
};

/* BAD_ARGUMENT: more segments than anything here has. */
CHECKED enum status heads_amqp_address_read(struct slice text, struct heads_amqp_address *out);

/* `pattern` as "devices/{}/twin": words without regard to case, {} any one segment, which is
 * percent-decoded into the arena and put in params. */
bool heads_amqp_address_match(const struct heads_amqp_address *a, const char *pattern,
                              struct arena *arena, struct slice params[HEADS_AMQP_PARAMS_MAX]);

/* The path of a token's audience, decoded: "localhost%2Fdevices%2Fd" and "sb://localhost/devices/d"
 * are "devices/d", a host alone is "". */
struct slice heads_amqp_audience_path(struct arena *arena, struct slice audience);

/* Whether `path` names the address or something above it. Without regard to case. */
bool heads_amqp_path_covers(struct slice path, const struct heads_amqp_address *a);

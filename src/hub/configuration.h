/*
 * A configuration of automatic device management, as IoT Hub's REST has it: what is set in the
 * desired properties of whom. Pure: JSON in, fields out; the slices and values live as long as the
 * document and the arena.
 *
 * deviceContent and moduleContent name twin paths ("properties.desired.a.b"). modulesContent is a
 * deployment to an edge: for each of its modules the same paths, or "properties.desired" whole. A
 * deployment without a whole $edgeAgent is layered: it adds to one that has it.
 */
#pragma once

#include "base/arena.h"
#include "hub/limits.h"
#include "iot/query.h"
#include "json/json.h"

#define HUB_CONFIGURATION_ID_MAX 128
#define HUB_CONFIGURATION_TEXT_MAX (512u << 10)
#define HUB_CONFIGURATION_SETTINGS_MAX 1000

enum hub_configuration_kind {
    HUB_CONFIGURATION_EMPTY, /* no content: nothing is set */
    HUB_CONFIGURATION_DEVICE,
    HUB_CONFIGURATION_MODULE,
    HUB_CONFIGURATION_EDGE,
};

struct hub_setting {
    struct slice module; /* of an edge's content; else empty */
    struct slice path;   /* below desired, "a.b"; empty: all of it */
    const struct json *value;
};

struct hub_configuration {
    struct slice id;
    int64_t priority;
    uint64_t created_ms;
    struct slice target; /* as it was given; empty: nobody */
    struct iot_query query;
    enum hub_configuration_kind kind;
    bool layered;
    const struct hub_setting *settings;
    size_t setting_count;
};

/* Lower-case letters, digits and - : + % _ # * ? ! ( ) , = @ ; ' */
bool hub_configuration_id_ok(struct slice id);

/* The content alone: {"deviceContent":…}. BAD_ARGUMENT: *why, in the arena. */
CHECKED enum status hub_configuration_content(struct arena *a, const struct json *content,
                                              struct hub_configuration *out, const char **why);

/* What in a body is wrong: which of IoT Hub's codes it is. */
enum hub_configuration_part { HUB_CONFIGURATION_BODY, HUB_CONFIGURATION_TARGET, HUB_CONFIGURATION_METRIC };

/* A whole body; id and times are the caller's. BAD_ARGUMENT: *why, and in *part where. The target's
 * paths are not looked at: hub_query_target() does. */
CHECKED enum status hub_configuration_read(struct arena *a, const struct hub_limits *limits,
                                           const struct json *body, struct hub_configuration *out,
                                           const char **why, enum hub_configuration_part *part);

/* Sorts: higher priority first, among equals the newer. */
void hub_configuration_rank(const struct hub_configuration **list, size_t count);

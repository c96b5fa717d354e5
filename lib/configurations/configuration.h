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
#include "iot/limits.h"
#include "iot/query.h"
#include "json/json.h"

#define CONFIGURATION_ID_MAX 128
#define CONFIGURATION_TEXT_MAX (512u << 10)
#define CONFIGURATION_SETTINGS_MAX 1000

enum configuration_kind {
    CONFIGURATION_EMPTY, /* no content: nothing is set */
    CONFIGURATION_DEVICE,
    CONFIGURATION_MODULE,
    CONFIGURATION_EDGE,
};

struct configuration_setting {
    struct slice module; /* of an edge's content; else empty */
    struct slice path;   /* below desired, "a.b"; empty: all of it */
    const struct json *value;
};

struct configuration {
    struct slice id;
    int64_t priority;
    uint64_t created_ms;
    struct slice target; /* as it was given; empty: nobody */
    struct iot_query query;
    enum configuration_kind kind;
    bool layered;
    const struct configuration_setting *settings;
    size_t setting_count;
};

/* Lower-case letters, digits and - : + % _ # * ? ! ( ) , = @ ; ' */
bool configuration_id_ok(struct slice id);

/* The content alone: {"deviceContent":…}. BAD_ARGUMENT: *why, in the arena. */
CHECKED enum status configuration_content_read(struct arena *a, const struct json *content,
                                               struct configuration *out, const char **why);

/* What in a body is wrong: which of IoT Hub's codes it is. */
enum configuration_part { CONFIGURATION_BODY, CONFIGURATION_TARGET, CONFIGURATION_METRIC };

/* A whole body; id and times are the caller's. BAD_ARGUMENT: *why, and in *part where. The target's
 * paths are not looked at: query_target() does. */
CHECKED enum status configuration_read(struct arena *a, const struct iot_limits *limits,
                                       const struct json *body, struct configuration *out,
                                       const char **why, enum configuration_part *part);

/* Sorts: higher priority first, among equals the newer. */
void configuration_rank(const struct configuration **list, size_t count);

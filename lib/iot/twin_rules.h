/* What may stand in a section of a twin. */
#pragma once

#include "base/arena.h"
#include "iot/twin.h"
#include "json/json.h"

/* Checks names, strings, numbers and depth of a patch for the section named `path`. NULL when all
 * is well, else which rule is broken where. */
const char *iot_twin_check(const struct iot_twin_limits *limits, struct arena *a, const char *path,
                           const struct json *patch);

/* Whether a member at the top of a section is the twin's own: "$metadata", "$version". */
bool iot_twin_name_is_own(struct slice name);

/* Size of a section in IoT Hub's count. */
size_t iot_twin_size(const struct json *values);

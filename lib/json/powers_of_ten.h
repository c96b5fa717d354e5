/* Powers of ten with 128 significant bits, rounded up: what printing a double multiplies by. */
#pragma once

#include <stdint.h>

#define JSON_POWER_MIN (-292)
#define JSON_POWER_MAX 324

struct json_power {
    uint64_t high, low;
};

/* 10^e stands at e - JSON_POWER_MIN. */
extern const struct json_power json_powers_of_ten[JSON_POWER_MAX - JSON_POWER_MIN + 1];

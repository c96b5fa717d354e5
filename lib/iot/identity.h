/*
 * Names of devices and modules, as IoT Hub has them: case-sensitive, up to 128 ASCII characters out
 * of letters, digits and - . + % _ # * ? ! ( ) , = @ $ ' : ;
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "base/status.h"

#define IOT_ID_MAX 128

/* Who speaks or is spoken to. `module` is empty for the device itself. */
struct iot_id {
    struct slice device;
    struct slice module;
};

bool iot_id_name_ok(struct slice name); /* of a device or of a module */
bool iot_id_eq(struct iot_id a, struct iot_id b);
struct iot_id iot_id_copy(struct arena *a, struct iot_id id);

/* "device" or "device/module": the key in maps and the client id of MQTT. */
void iot_id_print(struct iot_id id, struct buffer *out);
bool iot_id_parse(struct slice text, struct iot_id *out);

/* Which of n equal parts (loops, partitions) a device belongs to; its modules belong to the same. */
unsigned iot_id_part(struct iot_id id, unsigned n);

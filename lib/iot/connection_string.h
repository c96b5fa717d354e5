/*
 * Connection strings: "HostName=hub;DeviceId=d;SharedAccessKey=…" and their kin for modules,
 * service policies and the Event-Hub-compatible endpoint. Slices point into the text that was
 * parsed.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define IOT_CONNECTION_STRING_MAX 8192

struct iot_connection_string {
    struct slice host_name; /* with a port when there is one */
    struct slice gateway_host_name;
    struct slice device_id;
    struct slice module_id;
    struct slice key_name;  /* SharedAccessKeyName: a policy */
    struct slice key;       /* SharedAccessKey, base64 */
    struct slice signature; /* SharedAccessSignature: a token ready to use */
    struct slice x509;      /* "true" */
    struct slice endpoint;  /* sb://host/ */
    struct slice entity_path;
    struct slice development_emulator; /* "true": plain TCP */
};

/* Unknown names are passed over, as the SDKs do. BAD_FORMAT: a part without '=', a name twice,
 * neither HostName nor Endpoint. */
CHECKED enum status iot_connection_string_parse(struct slice text,
                                                struct iot_connection_string *out);

/* The parts that are not empty. */
void iot_connection_string_print(const struct iot_connection_string *c, struct buffer *out);

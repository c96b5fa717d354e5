/*
 * Where a module connects to and as whom: out of a connection string, as IoT Hub and IoT Edge give
 * it to modules. Owns its texts and the TLS client that device_client_config points to.
 */
#pragma once

#include "client/device.h"
#include "crypto/tls.h"

struct module_access {
    struct device_client_config device; /* loop, events and arg are the user's to set */
    struct tls_client *tls;
    char *host, *hub_host, *device_id, *module_id, *key;
};

/* `text`: "HostName=hub;DeviceId=d;ModuleId=m;SharedAccessKey=…[;GatewayHostName=edge]". `ca_file`
 * NULL: the system's authorities. UseDevelopmentEmulator=true connects without TLS. BAD_ARGUMENT,
 * IO_FAILED: the log line says why; nothing is to be closed then. */
CHECKED enum status module_access_open(const char *text, const char *ca_file,
                                       struct module_access *out);
void module_access_close(struct module_access *a);

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
    char *host, *hub_host, *device_id, *module_id, *key, *signature;
    char *ca_file, *certificate_file, *key_file;
};

struct module_access_config {
    /* "HostName=hub;DeviceId=d;ModuleId=m;SharedAccessKey=…[;GatewayHostName=edge]"; in the place
     * of the key SharedAccessSignature=…, or x509=true. A port behind the host is that of the first
     * way. UseDevelopmentEmulator=true connects without TLS. */
    const char *connection;
    const char *ca_file;                     /* NULL: the system's authorities */
    const char *certificate_file, *key_file; /* PEM; NULL: none */
    unsigned ways;                           /* of enum device_way; 0: MQTT */
};

/* BAD_ARGUMENT, IO_FAILED: the log line says why; nothing is to be closed then. */
CHECKED enum status module_access_open(const struct module_access_config *config,
                                       struct module_access *out);
void module_access_close(struct module_access *a);

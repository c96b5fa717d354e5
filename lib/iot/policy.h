/* The hub's shared access policies (token/policies.h): who may do what on the service side. */
#pragma once

#include "token/policies.h"

enum iot_permission {
    IOT_REGISTRY_READ = 1,
    IOT_REGISTRY_WRITE = 2, /* implies read */
    IOT_SERVICE_CONNECT = 4,
    IOT_DEVICE_CONNECT = 8,
};

/* The five of IoT Hub: iothubowner, service, device, registryRead, registryReadWrite. */
extern const struct policies_kind iot_policies_kind;

static inline enum status iot_policies_load(const char *path, struct policies **out)
{
    return policies_load(&iot_policies_kind, path, out);
}

static inline struct policies *iot_policies_random(void)
{
    return policies_random(&iot_policies_kind);
}

/* The key of a policy that grants DeviceConnect, for heads_sign_in_check(); `policies` is the arg. */
struct slice iot_policy_device_key(void *policies, struct slice name, bool secondary);

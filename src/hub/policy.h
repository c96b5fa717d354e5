/* The hub's shared access policies (token/policies.h): who may do what on the service side. */
#pragma once

#include "token/policies.h"

enum hub_permission {
    HUB_REGISTRY_READ = 1,
    HUB_REGISTRY_WRITE = 2, /* implies read */
    HUB_SERVICE_CONNECT = 4,
    HUB_DEVICE_CONNECT = 8,
};

/* The five of IoT Hub: iothubowner, service, device, registryRead, registryReadWrite. */
extern const struct policies_kind hub_policies_kind;

static inline enum status hub_policies_load(const char *path, struct policies **out)
{
    return policies_load(&hub_policies_kind, path, out);
}

static inline struct policies *hub_policies_random(void)
{
    return policies_random(&hub_policies_kind);
}

/* The key of a policy that grants DeviceConnect, for heads_sign_in_check(); `policies` is the arg. */
struct slice hub_policy_device_key(void *policies, struct slice name, bool secondary);

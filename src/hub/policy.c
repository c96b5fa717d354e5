#include "hub/policy.h"

static const struct policies_right rights[] = {
    {"RegistryRead", HUB_REGISTRY_READ, 0},
    {"RegistryWrite", HUB_REGISTRY_WRITE, HUB_REGISTRY_READ},
    {"ServiceConnect", HUB_SERVICE_CONNECT, 0},
    {"DeviceConnect", HUB_DEVICE_CONNECT, 0},
    {NULL, 0, 0},
};

static const struct policies_default defaults[] = {
    {"iothubowner", HUB_REGISTRY_READ | HUB_REGISTRY_WRITE | HUB_SERVICE_CONNECT | HUB_DEVICE_CONNECT},
    {"service", HUB_SERVICE_CONNECT},
    {"device", HUB_DEVICE_CONNECT},
    {"registryRead", HUB_REGISTRY_READ},
    {"registryReadWrite", HUB_REGISTRY_READ | HUB_REGISTRY_WRITE},
    {NULL, 0},
};

const struct policies_kind hub_policies_kind = {rights, defaults};

struct slice hub_policy_device_key(void *policies, struct slice name, bool secondary)
{
    if (!(policies_rights(policies, name) & HUB_DEVICE_CONNECT))
        return (struct slice){0};
    return policies_key(policies, name, secondary);
}

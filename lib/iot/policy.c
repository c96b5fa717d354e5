#include "iot/policy.h"

static const struct policies_right rights[] = {
    {"RegistryRead", IOT_REGISTRY_READ, 0},
    {"RegistryWrite", IOT_REGISTRY_WRITE, IOT_REGISTRY_READ},
    {"ServiceConnect", IOT_SERVICE_CONNECT, 0},
    {"DeviceConnect", IOT_DEVICE_CONNECT, 0},
    {NULL, 0, 0},
};

static const struct policies_default defaults[] = {
    {"iothubowner", IOT_REGISTRY_READ | IOT_REGISTRY_WRITE | IOT_SERVICE_CONNECT | IOT_DEVICE_CONNECT},
    {"service", IOT_SERVICE_CONNECT},
    {"device", IOT_DEVICE_CONNECT},
    {"registryRead", IOT_REGISTRY_READ},
    {"registryReadWrite", IOT_REGISTRY_READ | IOT_REGISTRY_WRITE},
    {NULL, 0},
};

const struct policies_kind iot_policies_kind = {rights, defaults};

struct slice iot_policy_device_key(void *policies, struct slice name, bool secondary)
{
    if (!(policies_rights(policies, name) & IOT_DEVICE_CONNECT))
        return (struct slice){0};
    return policies_key(policies, name, secondary);
}

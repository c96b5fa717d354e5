/*
 * Shared access policies: names, permissions and keys of the service side. The keys are random, made
 * at first start, in a file that only the user can read. Immutable after load.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

enum hub_permission {
    HUB_REGISTRY_READ = 1,
    HUB_REGISTRY_WRITE = 2, /* implies read */
    HUB_SERVICE_CONNECT = 4,
    HUB_DEVICE_CONNECT = 8,
};

struct hub_policies;

/* Makes the five of IoT Hub (iothubowner, service, device, registryRead, registryReadWrite) when the file is absent. */
CHECKED enum status hub_policies_load(const char *path, struct hub_policies **out);
/* Random keys that are kept nowhere: for tests and the simulation. */
struct hub_policies *hub_policies_random(void);
void hub_policies_free(struct hub_policies **p);

/* The key as base64 text, primary or secondary; empty when there is no such policy. */
struct slice hub_policy_key(const struct hub_policies *p, struct slice name, bool secondary);
unsigned hub_policy_permissions(const struct hub_policies *p, struct slice name);

/* A service's SharedAccessSignature for a resource on this hub: OK when it verifies against its policy,
 * has not expired, covers `path` (as "/devices/d1", or "" for the hub), and grants all of `permissions`.
 * `hosts` ends with NULL. FORBIDDEN: verified, but lacks a permission. */
CHECKED enum status hub_policy_check(const struct hub_policies *p, const char *const *hosts,
                                     struct slice token, struct slice path, unsigned permissions,
                                     uint64_t now_ms);

/* The key of a policy that grants DeviceConnect, for heads_sign_in_check(); `policies` is the arg. */
struct slice hub_policy_device_key(void *policies, struct slice name, bool secondary);

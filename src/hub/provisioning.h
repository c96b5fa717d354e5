/*
 * The Device Provisioning Service that the hub program serves on its own three ports (lib/dps): its
 * settings, its files in the data folder, and the hubs that it is linked to, of which this one is
 * the first.
 *
 *     dps.db  dps-policies.json  dps-id-scope
 */
#pragma once

#include "dps/dps.h"
#include "hub/hub.h"
#include "settings/settings.h"

extern const struct setting hub_provisioning_settings[];
extern const size_t hub_provisioning_settings_count;

/* Rows for /metrics. */
void hub_provisioning_collect(const struct dps *d, struct buffer *out);

struct hub_provisioning {
    struct dps *dps; /* NULL: it is switched off */
    struct policies *policies;
    struct buffer scope;
};

/* On the hub's first loop, and once its policies are there. *out is {0} when it fails. */
CHECKED enum status hub_provisioning_open(const struct hub *hub, const struct settings *s,
                                          const char *own_ca_file, struct hub_provisioning *out);
void hub_provisioning_close(struct hub_provisioning *p);

/* Prints the service side's connection string, or the ID scope. The program's exit code. */
int hub_provisioning_print(const char *data, const char *name, const char *policy, bool id_scope);

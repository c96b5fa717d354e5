/*
 * Configurations in the registry: kept, listed, and brought to the twins that they are for. On the
 * table's thread; configurer.c is what goes round.
 *
 * Tables: configurations; configuration_work, those that have changed and are still to be brought to
 * all that they are for; configuration_dirty, identities that are to be looked at, filled by
 * triggers when a twin or identity changes while there are configurations; configuration_targets, for
 * whom each one is; configured, the paths that configurations have set on a twin. So nothing of it
 * is lost when the hub dies in between.
 */
#pragma once

#include "hub/configuration.h"
#include "hub/registry_tables.h"

/* All configurations, read once and kept until one changes; in order of their rank. */
CHECKED enum status registry_configurations(struct hub_registry *r, struct store_table *t,
                                            const struct hub_configuration *const **list,
                                            size_t *count);
void registry_configurations_forget(struct hub_registry *r); /* one has changed, or the end */

/* What is asked: registry_work[]. */
enum status registry_configuration_get(struct store_table *t, struct registry_errand *j);
enum status registry_configuration_put(struct store_table *t, struct registry_errand *j);
enum status registry_configuration_delete(struct store_table *t, struct registry_errand *j);
enum status registry_configuration_list(struct store_table *t, struct registry_errand *j);
enum status registry_configuration_content(struct store_table *t, struct registry_errand *j);
enum status registry_configuration_test(struct store_table *t, struct registry_errand *j);

/* One step of making twins as their configurations want them. All of it lives in the arena. */
struct registry_configuring {
    struct hub_registry *registry;
    struct arena *arena;
    uint64_t now_ms;
    struct registry_news *news;
    size_t count, size;
    struct registry_announcements announcements; /* of changed twins, for routes */
};

/* For one identity: which configurations are for it, and what they make of it; a device that is an
 * edge: of its modules. OK also when it is not there. */
CHECKED enum status registry_configure(struct store_table *t, struct registry_configuring *c,
                                       struct iot_id id);
/* Sets one content on a device, whatever is for it otherwise; modules that are not there are made. */
CHECKED enum status registry_configure_content(struct store_table *t,
                                               struct registry_configuring *c, struct iot_id id,
                                               const struct hub_configuration *content);

/* Some of what is to be done: finds up to `limit` identities that are to be looked
 * at. *more: there may be others already. */
CHECKED enum status registry_configure_next(struct store_table *t, struct registry_configuring *c,
                                            size_t limit, struct iot_id *out, size_t *count,
                                            bool *more);

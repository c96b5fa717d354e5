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

#include "configurations/configuration.h"
#include "registry/tables.h"

/* All configurations, read once and kept until one changes; in order of their rank. */
CHECKED enum status configurations_ranked(struct registry *r, struct store_table *t,
                                          const struct configuration *const **list, size_t *count);
void configurations_forget(struct registry *r); /* one has changed, or the end */

/* What is asked for with registry_ask(), by name. */
extern const struct registry_work configuration_list;
extern const struct registry_work configuration_get;
extern const struct registry_work configuration_put; /* create without if_match, update with it */
extern const struct registry_work configuration_delete;
extern const struct registry_work configuration_content; /* the body is set on device id once */
extern const struct registry_work configuration_test;    /* are the queries in the body right? */

/* One step of making twins as their configurations want them. All of it lives in the arena. */
struct configuring {
    struct registry *registry;
    struct arena *arena;
    uint64_t now_ms;
    struct registry_news *news;
    size_t count, size;
    struct registry_announcements announcements; /* of changed twins, for routes */
};

/* For one identity: which configurations are for it, and what they make of it; a device that is an
 * edge: of its modules. OK also when it is not there. */
CHECKED enum status configure_identity(struct store_table *t, struct configuring *c,
                                       struct iot_id id);
/* Sets one content on a device, whatever is for it otherwise; modules that are not there are made. */
CHECKED enum status configure_content(struct store_table *t, struct configuring *c,
                                      struct iot_id id, const struct configuration *content);

/* Some of what is to be done: finds up to `limit` identities that are to be looked
 * at. *more: there may be others already. */
CHECKED enum status configure_next(struct store_table *t, struct configuring *c, size_t limit,
                                   struct iot_id *out, size_t *count, bool *more);

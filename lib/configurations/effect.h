/*
 * What configurations that are for the same twin make of it together. Pure.
 *
 * For devices and modules every path belongs to the configuration of the highest rank that sets it,
 * or something above or below it. For edges the whole deployment of the highest rank counts, and the
 * layered ones of a higher rank than that are laid over it, the highest last.
 */
#pragma once

#include "base/buffer.h"
#include "configurations/configuration.h"

/* A setting that holds; `settings` of one twin are applied in their order. */
struct configuration_effect {
    const struct configuration_setting **settings;
    size_t count;
    bool *applied; /* one for each configuration: all that it sets holds */
};

/* `ranked` as configuration_rank() leaves it, all of one kind. All is made in the arena. */
struct configuration_effect
configuration_effect(struct arena *a, const struct configuration *const *ranked, size_t count);

/*
 * The desired properties as they become: `now` without what was set before and is not set any more
 * (`before`: a JSON array of paths, or empty), with the settings of `module`. A setting of all of
 * desired replaces what is there. Appends to `out`, and the paths that are set now, as such an array,
 * to `paths`.
 */
CHECKED enum status configuration_apply(const struct configuration_effect *e, struct slice module,
                                        struct slice now, struct slice before, struct buffer *out,
                                        struct buffer *paths);

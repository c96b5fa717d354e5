/*
 * What configurations that are for the same twin make of it together. Pure.
 *
 * For devices and modules every path belongs to the configuration of the highest rank that sets it,
 * or something above or below it. For edges the whole deployment of the highest rank counts, and the
 * layered ones of a higher rank than that are laid over it, the highest last.
 */
#pragma once

#include "hub/configuration.h"
#include "base/buffer.h"

/* A setting that holds; `settings` of one twin are applied in their order. */
struct hub_effect {
    const struct hub_setting **settings;
    size_t count;
    bool *applied; /* one for each configuration: all that it sets holds */
};

/* `ranked` as hub_configuration_rank() leaves it, all of one kind. All is made in the arena. */
struct hub_effect hub_configuration_effect(struct arena *a,
                                           const struct hub_configuration *const *ranked,
                                           size_t count);

/*
 * The desired properties as they become: `now` without what was set before and is not set any more
 * (`before`: a JSON array of paths, or empty), with the settings of `module`. A setting of all of
 * desired replaces what is there. Appends to `out`, and the paths that are set now, as such an array,
 * to `paths`.
 */
CHECKED enum status hub_configuration_apply(const struct hub_effect *e, struct slice module,
                                            struct slice now, struct slice before,
                                            struct buffer *out, struct buffer *paths);

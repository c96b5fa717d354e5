/*
 * Which of several hubs a registration goes to. Pure. Hashed: every hub gets its equal share, the
 * same registration the same hub as long as the hubs are the same, and when one is added or taken
 * away only those move that have to.
 */
#pragma once

#include "base/slice.h"

/* An index below `count`, which is not 0. `key` is the registration's id in lower case. */
size_t dps_allocate_hashed(const struct slice *hubs, size_t count, struct slice key);

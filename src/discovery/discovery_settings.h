/* Rows for the table of the program that hosts discovery. */
#pragma once

#include "discovery/scan.h"
#include "settings/settings.h"

extern const struct setting discovery_settings[];
extern const size_t discovery_settings_count;

struct scan_limits discovery_settings_read(const struct settings *s);

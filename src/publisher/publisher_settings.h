/* What the command line, the environment and the configuration file may say to the publisher: rows for the
 * table of the program that hosts it. */
#pragma once

#include "publisher/publisher.h"
#include "settings/settings.h"

extern const struct setting publisher_settings[];
extern const size_t publisher_settings_count;

/* `publisher_id` is what messages name when the settings do not. The texts belong to the settings. */
struct publisher_config publisher_settings_read(const struct settings *s, const char *publisher_id);

/* How sessions with OPC UA servers behave, for all roles of the process: rows for the table of the
 * program that hosts them. */
#pragma once

#include "opcua/thread.h"
#include "settings/settings.h"

extern const struct setting session_settings[];
extern const size_t session_settings_count;

void session_settings_read(const struct settings *s, struct opcua_thread_config *out);

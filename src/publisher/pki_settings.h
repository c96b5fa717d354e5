/* The settings of the OPC UA certificates, for the module of all roles. */
#pragma once

#include "opcua/pki.h"
#include "settings/settings.h"

extern const struct setting pki_settings[];
extern const size_t pki_settings_count;

/* Its texts belong to the settings. */
struct opcua_pki_config pki_settings_read(const struct settings *s);

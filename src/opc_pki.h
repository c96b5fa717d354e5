/* The settings of the OPC UA certificates, for the module of all roles. */
#pragma once

#include "opcua/pki.h"
#include "settings/settings.h"

extern const struct setting opc_pki_settings[];
extern const size_t opc_pki_setting_count;

/* Its texts belong to the settings. */
struct opcua_pki_config opc_pki_config(const struct settings *s);

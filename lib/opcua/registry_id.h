/*
 * The ids under which servers and their endpoints are registered, as Azure Industrial IoT makes
 * them: the same server found twice has the same id. Pure; the texts are appended.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/stack.h"

struct opcua_application_key {
    struct slice
        site_or_gateway; /* the site, or without one the gateway's device id; may be empty */
    UA_ApplicationType type;
    struct slice uri; /* ApplicationUri; its case does not count */
};

/* "uas…", or "uac…" for a client: forty hexadecimal digits behind it. */
void opcua_registry_application_id(const struct opcua_application_key *key, struct buffer *out);

struct opcua_endpoint_key {
    struct slice url; /* as the server reports it; its case does not count */
    struct slice application_id;
    UA_MessageSecurityMode mode;
    struct slice policy; /* URI; its case does not count */
};

/* "uat…". */
void opcua_registry_endpoint_id(const struct opcua_endpoint_key *key, struct buffer *out);

/* "Server", "Client", "ClientAndServer", "DiscoveryServer". */
const char *opcua_application_type_name(UA_ApplicationType type);
/* "None", "Sign", "SignAndEncrypt"; "Best" for none of them. */
const char *opcua_security_mode_name(UA_MessageSecurityMode mode);

/* SHA-1 of the first certificate of a chain (DER), in capitals; nothing when there is none. */
void opcua_registry_thumbprint(struct slice chain, struct buffer *out);

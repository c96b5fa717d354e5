/* Rows of the publisher's methods (publisher/methods.c): assets of servers with Web of Things
 * connectivity, and their entries in the configuration (publisher/asset.h). */
#pragma once

#include "client/module.h"

#define ASSET_CALLS_MAX 16                /* under way; more are answered with 429 */
#define ASSET_THING_BYTES_MAX (16u << 20) /* of a description; more is 413 */

/* {"entry", "configuration", "waitTime"}: makes the asset DataSetName, or describes anew the one
 * that the configuration has already, and keeps the entry with its variables. */
void methods_asset_put(struct module_call *c);       /* the configuration is JSON */
void methods_asset_put_bytes(struct module_call *c); /* the configuration is base64 */
void methods_asset_list(struct module_call *c);      /* {"entry"} */
void methods_asset_delete(struct module_call *c);    /* {"entry", "force"} */

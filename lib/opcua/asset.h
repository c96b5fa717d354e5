/*
 * Assets of a server with Web of Things connectivity (OPC 10100-1): a machine is an object below
 * WoTAssetConnectionManagement, made by name, with a file that describes it as a Thing. When the
 * file is written, the server gives the object a variable for each property.
 *
 * On the session's thread, of a session that is ready. Each function calls `fn` exactly once, after
 * it returned. A server without the namespace has BadNotSupported.
 */
#pragma once

#include "opcua/session.h"

#define OPCUA_ASSET_SPACE "http://opcfoundation.org/UA/WoT-Con/"
#define OPCUA_ASSETS_ID "nsu=" OPCUA_ASSET_SPACE ";i=31" /* WoTAssetConnectionManagement */

/* `asset` lives until the callback returns; NULL when there is none. */
typedef void opcua_asset_fn(void *arg, UA_StatusCode status, const UA_NodeId *asset);
typedef void opcua_asset_done_fn(void *arg, UA_StatusCode status);

/* BadBrowseNameDuplicated: there is one of that name. `name` is borrowed until this returns. */
void opcua_asset_create(struct opcua_session *s, struct slice name, opcua_asset_fn *fn, void *arg,
                        uint32_t timeout_ms);

/* Writes the asset's file anew; BadNotFound: it has none. `thing` is borrowed until `fn` is called.
 */
void opcua_asset_describe(struct opcua_session *s, const UA_NodeId *asset, struct slice thing,
                          opcua_asset_done_fn *fn, void *arg, uint32_t timeout_ms);

void opcua_asset_delete(struct opcua_session *s, const UA_NodeId *asset, opcua_asset_done_fn *fn,
                        void *arg, uint32_t timeout_ms);

struct opcua_asset {
    const UA_NodeId *id;
    struct slice name;
};

/* All of them. They live until the callback returns. */
typedef void opcua_asset_list_fn(void *arg, UA_StatusCode status, const struct opcua_asset *assets,
                                 size_t count);
void opcua_asset_list(struct opcua_session *s, opcua_asset_list_fn *fn, void *arg,
                      uint32_t timeout_ms);

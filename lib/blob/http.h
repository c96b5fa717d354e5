/*
 * The store's HTTP face: that part of Azure Blob Storage's REST which uploads, downloads and lists
 * block blobs. Whoever calls shows a shared access signature in the query (sas.h). A request
 * without one is refused as a path that is not there, so the store can stand beside other routes.
 *
 *     PUT    /{container}?restype=container             GET, HEAD the same, &comp=list; DELETE
 *     PUT    /{container}/{blob}                         ?comp=block&blockid=…, ?comp=blocklist
 *     GET    /{container}/{blob}                         HEAD; Range; ?comp=blocklist
 *     DELETE /{container}/{blob}
 */
#pragma once

#include "blob/store.h"

#define BLOB_PUT_MAX (5000ull << 20) /* bytes of one body, Azure's limit */

/* For a table whose app is the store. */
extern const struct rest_route blob_routes[];
extern const size_t blob_routes_count;

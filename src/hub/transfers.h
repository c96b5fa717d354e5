/*
 * Import and export jobs: identities with their twins between the registry and blobs, one JSON
 * object a line. One job runs at a time, the others wait in the registry, where all that is to be
 * known of them is kept (registry_transfers.c). Memory is bounded however many devices there are. After
 * a restart of the hub a job goes on where it was: each line of an import is carried out once.
 */
#pragma once

#include "hub/hub.h"

#define TRANSFER_BLOB_NAME "devices.txt" /* of the lines, when a job names none */
#define TRANSFER_ERRORS_NAME "importErrors.log"
#define TRANSFER_IMPORTS_MAX 500     /* lines under way in the registry: they share a commit */
#define TRANSFER_LINE_MAX (1u << 20) /* bytes; a longer one ends its job */

struct hub_transfers;

struct hub_transfers_config {
    struct hub *hub;
    struct loop *loop;
    const char *ca_file;     /* authorities of the storage's certificate; NULL: the machine's */
    const char *own_ca_file; /* of the hub's own: for its own store. NULL: as above */
};

/* Looks at once whether a job waits. */
struct hub_transfers *hub_transfers_new(const struct hub_transfers_config *config);
/* On its loop, or when that does not run any more. */
void hub_transfers_free(struct hub_transfers **t);

/* From any thread: a job was made. */
void hub_transfers_look(struct hub_transfers *t);

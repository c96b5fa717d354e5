/*
 * Import and export jobs: identities with their twins between the registry and blobs, one JSON
 * object a line. One runs at a time, the others wait in the registry, where all that is to be
 * known of them is kept (rows.c). Memory is bounded however many devices there are. After
 * a restart of the hub a transfer goes on where it was: each line of an import is carried out once.
 */
#pragma once

#include "registry/registry.h"

#define TRANSFER_BLOB_NAME "devices.txt" /* of the lines, when a transfer names none */
#define TRANSFER_ERRORS_NAME "importErrors.log"
#define TRANSFER_IMPORTS_MAX 500     /* lines under way in the registry: they share a commit */
#define TRANSFER_LINE_MAX (1u << 20) /* bytes; a longer one ends its transfer */

struct transfers;

struct transfers_config {
    struct registry *registry;
    const char *const *own_names; /* of the hub, ends with NULL: where its own store is */
    struct loop *loop;
    const char *ca_file;     /* authorities of the storage's certificate; NULL: the machine's */
    const char *own_ca_file; /* of the hub's own: for its own store. NULL: as above */
};

/* Looks at once whether a transfer waits. */
struct transfers *transfers_new(const struct transfers_config *config);
/* On its loop, or when that does not run any more. */
void transfers_free(struct transfers **t);

/* From any thread: a transfer was made. */
void transfers_look(struct transfers *t);

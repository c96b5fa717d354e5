/*
 * What publishers have announced of their data sets: the names that the fields of UADP messages do
 * not bring along, and nothing else of it. All modules together have UADP_NAMES_MAX and
 * UADP_NAMES_BYTES_MAX; beyond, the module that has most forgets what it used longest ago. On one
 * loop.
 */
#pragma once

#include "base/slice.h"
#include "opcua/stack.h"

#define UADP_NAMES_MAX 2000              /* data sets, each version for itself */
#define UADP_NAMES_BYTES_MAX (16u << 20) /* in memory */

struct uadp_names;

struct uadp_announced {
    UA_String name; /* of the data set */
    UA_String *fields, *namespaces;
    size_t field_count, namespace_count;
};

struct uadp_names *uadp_names_new(void);
void uadp_names_free(struct uadp_names **n);

/* `key`: of which data set of that module, in which version. Takes the names out of *data. */
void uadp_names_put(struct uadp_names *n, struct slice module, struct slice key,
                    UA_DataSetMetaDataType *data);

/* NULL: nothing was announced, or it is forgotten. Lives until the next uadp_names_put(). */
const struct uadp_announced *uadp_names_get(struct uadp_names *n, struct slice module,
                                            struct slice key);

size_t uadp_names_bytes(const struct uadp_names *n);

/*
 * What publishers have announced of their data sets: the names that the fields of UADP messages do
 * not bring along. Of writers whose announcement is the oldest nothing is known beyond
 * UADP_NAMES_MAX or UADP_NAMES_BYTES_MAX. On one loop.
 */
#pragma once

#include "base/slice.h"
#include "opcua/stack.h"

#define UADP_NAMES_MAX 2000              /* writers */
#define UADP_NAMES_BYTES_MAX (16u << 20) /* of their announcements, together */

struct uadp_names;

struct uadp_names *uadp_names_new(void);
void uadp_names_free(struct uadp_names **n);

/* Takes what is in *data over; `bytes` were announced. */
void uadp_names_put(struct uadp_names *n, struct slice writer, UA_DataSetMetaDataType *data,
                    size_t bytes);

/* NULL: nothing was announced. Until the next one is. */
const UA_DataSetMetaDataType *uadp_names_get(const struct uadp_names *n, struct slice writer);

/* Many attributes at once, cut to what the server takes in one call, some calls under way. */
#pragma once

#include "twin/request.h"

#define TWIN_READ_MAX 1000 /* in one call when the server names no limit */

#define TWIN_READS_MAX 4   /* calls of one reading at once */

/* `status` is a service's failure; then `values` is NULL. The values end with the request. */
typedef void twin_read_fn(void *arg, UA_StatusCode status, UA_DataValue *values);

/* `ids` live until then; count 0 is answered with no values. */
void twin_read(struct twin_request *r, UA_ReadValueId *ids, size_t count, twin_read_fn *fn,
               void *arg);

/* The same with values that end with `owned`. */
void twin_read_into(struct twin_request *r, struct arena *a, struct twin_owned **owned,
                    UA_ReadValueId *ids, size_t count, twin_read_fn *fn, void *arg);

/* The scalar of that type in it, or NULL. */
const void *twin_read_scalar(const UA_DataValue *v, size_t type);

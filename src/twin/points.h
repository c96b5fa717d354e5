/* Continuation points that nobody goes on with: the server need not keep them. What it says to that
 * is not waited for. */
#pragma once

#include "twin/request.h"

/* Of Browse; they are borrowed until this returns. */
void twin_points_release(struct twin_request *r, UA_ByteString *points, size_t count);

/* Of HistoryRead: `ask` is what it was the continuation of, and has it. */
void twin_points_release_history(struct twin_request *r, const UA_HistoryReadRequest *ask);

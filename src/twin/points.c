#include "twin/points.h"

static void ignore(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

void twin_points_release(struct twin_request *r, UA_ByteString *points, size_t count)
{
    UA_BrowseNextRequest request;
    UA_BrowseNextRequest_init(&request);
    if (count == 0)
        return;
    request.releaseContinuationPoints = true;
    request.continuationPoints = points;
    request.continuationPointsSize = count;
    TWIN_CALL(r, BROWSENEXT, &request, ignore, NULL);
}

void twin_points_release_history(struct twin_request *r, const UA_HistoryReadRequest *ask)
{
    UA_HistoryReadRequest request = *ask;
    request.releaseContinuationPoints = true;
    TWIN_CALL(r, HISTORYREAD, &request, ignore, NULL);
}

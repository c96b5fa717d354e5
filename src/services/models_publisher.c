/* Of publishing on an endpoint, and of its workers. The entries of publishednodes.json are the
 * module's to know. */
#include "services/models_parts.h"

/* clang-format off */
static const struct rest_model models[] = {
    {"PublishStartRequest",
     "item*:PublishedItem, header:RequestHeader",
     NULL},
    {"PublishedItem",
     "nodeId*:str, displayName:str, publishingInterval:timespan, "
     "samplingInterval:timespan, heartbeatInterval:timespan",
     NULL},
    {"PublishStartResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"PublishBulkRequest",
     "nodesToAdd:[PublishedItem], nodesToRemove:[str], header:RequestHeader",
     NULL},
    {"PublishBulkResponse",
     "nodesToAdd:[ServiceResult], nodesToRemove:[ServiceResult]",
     NULL},
    {"PublishStopRequest",
     "nodeId*:str, header:RequestHeader",
     NULL},
    {"PublishStopResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"PublishedItemListRequest",
     "continuationToken:str, header:RequestHeader",
     NULL},
    {"PublishedItemListResponse",
     "items:[PublishedItem], continuationToken:str",
     NULL},
    {"WorkerInfoList",
     "continuationToken:str, workers:[WorkerInfo]",
     NULL},
    {"WorkerInfo",
     "workerId:str, agentId:str, status:WorkerStatus, lastSeen:datetime",
     NULL},
    {"WorkerStatus", NULL,
     "Stopped|Stopping|WaitingForJob|ProcessingJob"},
};
/* clang-format on */

const struct rest_models services_models_publisher = {models, sizeof(models) / sizeof(models[0]),
                                                      NULL};

/* Of history. Insert, replace and upsert share what 2.8 has a name for each. */
#include "services/models_parts.h"

/* clang-format off */
static const struct rest_model models[] = {
    {"DeleteValuesAtTimesDetailsHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:DeleteValuesAtTimesDetails, "
     "header:RequestHeader",
     NULL},
    {"DeleteValuesAtTimesDetails",
     "reqTimes*:[datetime]",
     NULL},
    {"HistoryUpdateResponse",
     "results:[ServiceResult], errorInfo:ServiceResult",
     NULL},
    {"DeleteValuesDetailsHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:DeleteValuesDetails, header:RequestHeader",
     NULL},
    {"DeleteValuesDetails",
     "startTime:datetime, endTime:datetime",
     NULL},
    {"DeleteEventsDetailsHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:DeleteEventsDetails, header:RequestHeader",
     NULL},
    {"DeleteEventsDetails",
     "eventIds*:[base64]",
     NULL},
    {"VariantValueHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:any, indexRange:str, header:RequestHeader, "
     "timestampsToReturn:TimestampsToReturn",
     NULL},
    {"VariantValueHistoryReadResponse",
     "history:any, continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"HistoryReadNextRequest",
     "continuationToken*:str, abort:bool, header:RequestHeader",
     NULL},
    {"VariantValueHistoryReadNextResponse",
     "history:any, continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"VariantValueHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:any, header:RequestHeader",
     NULL},
    {"HistoricValue",
     "value:any, statusCode:i64, sourceTimestamp:datetime, sourcePicoseconds:i32, "
     "serverTimestamp:datetime, serverPicoseconds:i32, "
     "modificationInfo:ModificationInfo, dataType:str, status:ServiceResult, "
     "dataLocation:DataLocation, additionalData:AdditionalData",
     NULL},
    {"ModificationInfo",
     "modificationTime:datetime, updateType:HistoryUpdateOperation, userName:str",
     NULL},
    {"HistoryUpdateOperation", NULL,
     "Insert|Replace|Update|Delete"},
    {"DataLocation", NULL,
     "Raw|Calculated|Interpolated"},
    {"AdditionalData", NULL,
     "None|Partial|ExtraData|MultipleValues"},
    {"EventFilter",
     "selectClauses:[SimpleAttributeOperand], whereClause:ContentFilter, "
     "typeDefinitionId:str",
     NULL},
    {"SimpleAttributeOperand",
     "nodeId:str, browsePath:[str], attributeId:NodeAttribute, indexRange:str, "
     "typeDefinitionId:str, displayName:str, dataSetClassFieldId:str",
     NULL},
    {"ContentFilter",
     "elements:[ContentFilterElement]",
     NULL},
    {"ContentFilterElement",
     "filterOperator:FilterOperatorType, filterOperands:[FilterOperand]",
     NULL},
    {"FilterOperatorType", NULL,
     "Equals|IsNull|GreaterThan|LessThan|GreaterThanOrEqual|LessThanOrEqual|Like|Not|"
     "Between|InList|And|Or|Cast|InView|OfType|RelatedTo|BitwiseAnd|BitwiseOr"},
    {"FilterOperand",
     "index:i64, value:any, nodeId:str, browsePath:[str], attributeId:NodeAttribute, "
     "indexRange:str, alias:str, dataType:str",
     NULL},
    {"HistoricEvent",
     "eventFields:any",
     NULL},
    {"ReadEventsDetailsHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:ReadEventsDetails, indexRange:str, "
     "header:RequestHeader, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"ReadEventsDetails",
     "startTime:datetime, endTime:datetime, numEvents:i64, filter:EventFilter",
     NULL},
    {"HistoricEventArrayHistoryReadResponse",
     "history:[HistoricEvent], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"HistoricEventArrayHistoryReadNextResponse",
     "history:[HistoricEvent], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"ReadValuesDetailsHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:ReadValuesDetails, indexRange:str, "
     "header:RequestHeader, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"ReadValuesDetails",
     "startTime:datetime, endTime:datetime, numValues:i64, returnBounds:bool",
     NULL},
    {"HistoricValueArrayHistoryReadResponse",
     "history:[HistoricValue], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"ReadValuesAtTimesDetailsHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:ReadValuesAtTimesDetails, indexRange:str, "
     "header:RequestHeader, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"ReadValuesAtTimesDetails",
     "reqTimes*:[datetime], useSimpleBounds:bool",
     NULL},
    {"ReadProcessedValuesDetailsHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:ReadProcessedValuesDetails, "
     "indexRange:str, header:RequestHeader, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"ReadProcessedValuesDetails",
     "startTime:datetime, endTime:datetime, processingInterval:interval, "
     "aggregateTypeId:str, aggregateConfiguration:AggregateConfiguration, "
     "aggregateType:str",
     NULL},
    {"AggregateConfiguration",
     "useServerCapabilitiesDefaults:bool, treatUncertainAsBad:bool, "
     "percentDataBad:i32, percentDataGood:i32, useSlopedExtrapolation:bool",
     NULL},
    {"ReadModifiedValuesDetailsHistoryReadRequest",
     "nodeId:str, browsePath:[str], details:ReadModifiedValuesDetails, indexRange:str, "
     "header:RequestHeader, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"ReadModifiedValuesDetails",
     "startTime:datetime, endTime:datetime, numValues:i64",
     NULL},
    {"HistoricValueArrayHistoryReadNextResponse",
     "history:[HistoricValue], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"HistoryServerCapabilities",
     "supportsHistoricData:bool, supportsHistoricEvents:bool, maxReturnDataValues:i64, "
     "maxReturnEventValues:i64, insertDataCapability:bool, replaceDataCapability:bool, "
     "updateDataCapability:bool, deleteRawCapability:bool, "
     "deleteAtTimeCapability:bool, insertEventCapability:bool, "
     "replaceEventCapability:bool, updateEventCapability:bool, "
     "deleteEventCapability:bool, insertAnnotationCapability:bool, "
     "serverTimestampSupported:bool, aggregateFunctions:{str}",
     NULL},
    {"HistoryConfigurationRequest",
     "header:RequestHeader, nodeId*:str",
     NULL},
    {"HistoryConfigurationResponse",
     "configuration:HistoryConfiguration, errorInfo:ServiceResult",
     NULL},
    {"HistoryConfiguration",
     "stepped:bool, definition:str, maxTimeInterval:timespan, "
     "minTimeInterval:timespan, exceptionDeviation:f64, "
     "exceptionDeviationType:ExceptionDeviationType, startOfArchive:datetime, "
     "endOfArchive:datetime, startOfOnlineArchive:datetime, "
     "serverTimestampSupported:bool, aggregateConfiguration:AggregateConfiguration, "
     "aggregateFunctions:{str}",
     NULL},
    {"ExceptionDeviationType", NULL,
     "AbsoluteValue|PercentOfValue|PercentOfRange|PercentOfEURange"},
    {"UpdateValuesDetailsHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:UpdateValuesDetails, header:RequestHeader",
     NULL},
    {"UpdateValuesDetails",
     "values*:[HistoricValue]",
     NULL},
    {"UpdateEventsDetailsHistoryUpdateRequest",
     "nodeId:str, browsePath:[str], details*:UpdateEventsDetails, header:RequestHeader",
     NULL},
    {"UpdateEventsDetails",
     "filter:EventFilter, events*:[HistoricEvent]",
     NULL},
};
/* clang-format on */

const struct rest_models services_models_history = {models, sizeof(models) / sizeof(models[0]),
                                                    &services_models_publisher};

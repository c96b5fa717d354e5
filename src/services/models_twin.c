/* Of the twin: browse, read, write, call, metadata, capabilities. */
#include "services/models_parts.h"

/* clang-format off */
static const struct rest_model models[] = {
    {"BrowseRequest",
     "nodeId:str, direction:BrowseDirection, view:BrowseView, referenceTypeId:str, "
     "noSubtypes:bool, maxReferencesToReturn:i64, targetNodesOnly:bool, "
     "readVariableValues:bool, nodeClassFilter:NodeClass+, header:RequestHeader, "
     "nodeIdsOnly:bool",
     NULL},
    {"BrowseDirection", NULL,
     "Forward|Backward|Both"},
    {"BrowseView",
     "viewId*:str, version:i64, timestamp:datetime",
     NULL},
    {"NodeClass", NULL,
     "Object|Variable|Method|ObjectType|VariableType|ReferenceType|DataType|View"},
    {"RequestHeader",
     "elevation:Credential, locales:[str], diagnostics:Diagnostics, "
     "namespaceFormat:NamespaceFormat, operationTimeout:i32, serviceCallTimeout:i32, "
     "connectTimeout:i32",
     NULL},
    {"Credential",
     "type:CredentialType, value:any",
     NULL},
    {"CredentialType", NULL,
     "None|UserName|X509Certificate|JwtToken"},
    {"UserIdentity",
     "user:str, password:str, thumbprint:str",
     NULL},
    {"Diagnostics",
     "level:DiagnosticsLevel, auditId:str, timeStamp:datetime",
     NULL},
    {"DiagnosticsLevel", NULL,
     "None|Status|Operations|Diagnostics|Verbose|Information|Debug"},
    {"NamespaceFormat", NULL,
     "Uri|Index|Expanded"},
    {"BrowseResponse",
     "node:Node, references:[NodeReference], continuationToken:str, "
     "errorInfo:ServiceResult",
     NULL},
    {"Node",
     "nodeClass:NodeClass, displayName:str, nodeId*:str, description:str, "
     "browseName:str, value:any, sourcePicoseconds:i32, sourceTimestamp:datetime, "
     "serverPicoseconds:i32, serverTimestamp:datetime, errorInfo:ServiceResult, "
     "accessRestrictions:NodeAccessRestrictions+, writeMask:i64, userWriteMask:i64, "
     "isAbstract:bool, containsNoLoops:bool, eventNotifier:NodeEventNotifier+, "
     "executable:bool, userExecutable:bool, dataTypeDefinition:any, "
     "accessLevel:NodeAccessLevel+, userAccessLevel:NodeAccessLevel+, dataType:str, "
     "valueRank:NodeValueRank, arrayDimensions:[i64], historizing:bool, "
     "minimumSamplingInterval:f64, inverseName:str, symmetric:bool, "
     "rolePermissions:[RolePermission], userRolePermissions:[RolePermission], "
     "typeDefinitionId:str, children:bool",
     NULL},
    {"ServiceResult",
     "statusCode:i64, errorMessage:str, diagnostics:any, symbolicId:str, locale:str, "
     "additionalInfo:str, namespaceUri:str, inner:ServiceResult",
     NULL},
    {"NodeAccessRestrictions", NULL,
     "SigningRequired|EncryptionRequired|SessionRequired|None"},
    {"NodeEventNotifier", NULL,
     "SubscribeToEvents|HistoryRead|HistoryWrite"},
    {"NodeAccessLevel", NULL,
     "CurrentRead|CurrentWrite|HistoryRead|HistoryWrite|SemanticChange|StatusWrite|"
     "TimestampWrite|NonatomicRead|NonatomicWrite|WriteFullArrayOnly|None"},
    {"NodeValueRank", NULL,
     "OneOrMoreDimensions|OneDimension|TwoDimensions|ScalarOrOneDimension|Any|Scalar"},
    {"RolePermission",
     "roleId*:str, permissions:RolePermissions+",
     NULL},
    {"RolePermissions", NULL,
     "Browse|ReadRolePermissions|WriteAttribute|WriteRolePermissions|WriteHistorizing|"
     "Read|Write|ReadHistory|InsertHistory|ModifyHistory|DeleteHistory|ReceiveEvents|"
     "Call|AddReference|RemoveReference|DeleteNode|AddNode|None"},
    {"NodeReference",
     "referenceTypeId:str, direction:BrowseDirection, target*:Node, "
     "errorInfo:ServiceResult",
     NULL},
    {"BrowseNextRequest",
     "continuationToken*:str, abort:bool, targetNodesOnly:bool, "
     "readVariableValues:bool, header:RequestHeader, nodeIdsOnly:bool",
     NULL},
    {"BrowseNextResponse",
     "references:[NodeReference], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"BrowsePathRequest",
     "nodeId:str, browsePaths*:[[str]], readVariableValues:bool, header:RequestHeader, "
     "nodeIdsOnly:bool",
     NULL},
    {"BrowsePathResponse",
     "targets:[NodePathTarget], errorInfo:ServiceResult",
     NULL},
    {"NodePathTarget",
     "browsePath:[str], target:Node, remainingPathIndex:i32",
     NULL},
    {"MethodMetadataRequest",
     "methodId:str, methodBrowsePath:[str], header:RequestHeader",
     NULL},
    {"MethodMetadataResponse",
     "objectId:str, inputArguments:[MethodMetadataArgument], "
     "outputArguments:[MethodMetadataArgument], errorInfo:ServiceResult",
     NULL},
    {"MethodMetadataArgument",
     "name:str, description:str, type:Node, defaultValue:any, valueRank:NodeValueRank, "
     "arrayDimensions:[i64], errorInfo:ServiceResult",
     NULL},
    {"MethodCallRequest",
     "methodId:str, objectId:str, arguments:[MethodCallArgument], "
     "methodBrowsePath:[str], objectBrowsePath:[str], header:RequestHeader",
     NULL},
    {"MethodCallArgument",
     "value:any, dataType:str",
     NULL},
    {"MethodCallResponse",
     "results:[MethodCallArgument], errorInfo:ServiceResult",
     NULL},
    {"ValueReadRequest",
     "nodeId:str, browsePath:[str], indexRange:str, header:RequestHeader, "
     "maxAge:timespan, timestampsToReturn:TimestampsToReturn",
     NULL},
    {"TimestampsToReturn", NULL,
     "Both|Source|Server|None"},
    {"ValueReadResponse",
     "value:any, dataType:str, sourcePicoseconds:i32, sourceTimestamp:datetime, "
     "serverPicoseconds:i32, serverTimestamp:datetime, errorInfo:ServiceResult",
     NULL},
    {"ReadRequest",
     "attributes*:[AttributeReadRequest], header:RequestHeader",
     NULL},
    {"AttributeReadRequest",
     "nodeId*:str, attribute*:NodeAttribute",
     NULL},
    {"NodeAttribute", NULL,
     "NodeClass|BrowseName|DisplayName|Description|WriteMask|UserWriteMask|IsAbstract|"
     "Symmetric|InverseName|ContainsNoLoops|EventNotifier|Value|DataType|ValueRank|"
     "ArrayDimensions|AccessLevel|UserAccessLevel|MinimumSamplingInterval|Historizing|"
     "Executable|UserExecutable|DataTypeDefinition|RolePermissions|"
     "UserRolePermissions|AccessRestrictions|NodeId"},
    {"ReadResponse",
     "results:[AttributeReadResponse], errorInfo:ServiceResult",
     NULL},
    {"AttributeReadResponse",
     "value:any, errorInfo:ServiceResult",
     NULL},
    {"ValueWriteRequest",
     "nodeId:str, browsePath:[str], value*:any, dataType:str, indexRange:str, "
     "header:RequestHeader",
     NULL},
    {"ValueWriteResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"WriteRequest",
     "attributes*:[AttributeWriteRequest], header:RequestHeader",
     NULL},
    {"AttributeWriteRequest",
     "nodeId*:str, attribute*:NodeAttribute, value*:any",
     NULL},
    {"WriteResponse",
     "results:[AttributeWriteResponse], errorInfo:ServiceResult",
     NULL},
    {"AttributeWriteResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"ServerCapabilities",
     "operationLimits*:OperationLimits, supportedLocales:[str], "
     "serverProfileArray:[str], modellingRules:{str}, aggregateFunctions:{str}, "
     "MaxSessions:i64, MaxSubscriptions:i64, MaxMonitoredItems:i64, "
     "MaxSubscriptionsPerSession:i64, MaxMonitoredItemsPerSubscription:i64, "
     "MaxSelectClauseParameters:i64, MaxWhereClauseParameters:i64, "
     "MaxMonitoredItemsQueueSize:i64, conformanceUnits:[str]",
     NULL},
    {"OperationLimits",
     "minSupportedSampleRate:f64, maxBrowseContinuationPoints:i32, "
     "maxQueryContinuationPoints:i32, maxHistoryContinuationPoints:i32, "
     "maxArrayLength:i64, maxStringLength:i64, maxByteStringLength:i64, "
     "maxNodesPerBrowse:i64, maxNodesPerRead:i64, maxNodesPerWrite:i64, "
     "maxNodesPerMethodCall:i64, maxNodesPerHistoryReadData:i64, "
     "maxNodesPerHistoryReadEvents:i64, maxNodesPerHistoryUpdateData:i64, "
     "maxNodesPerHistoryUpdateEvents:i64, maxNodesPerRegisterNodes:i64, "
     "maxNodesPerTranslatePathsToNodeIds:i64, maxNodesPerNodeManagement:i64, "
     "maxMonitoredItemsPerCall:i64",
     NULL},
    {"NodeMetadataRequest",
     "header:RequestHeader, nodeId:str, browsePath:[str]",
     NULL},
    {"NodeMetadataResponse",
     "nodeId:str, nodeClass:NodeClass, displayName:str, description:str, "
     "variableMetadata:VariableMetadata, dataTypeMetadata:DataTypeMetadata, "
     "nethodMetadata:MethodMetadata, typeDefinition:TypeDefinition, "
     "errorInfo:ServiceResult",
     NULL},
    {"VariableMetadata",
     "dataType:DataTypeMetadata, valueRank:NodeValueRank, arrayDimensions:[i64]",
     NULL},
    {"DataTypeMetadata",
     "dataType:str",
     NULL},
    {"MethodMetadata",
     "objectId:str, inputArguments:[MethodMetadataArgument], "
     "outputArguments:[MethodMetadataArgument]",
     NULL},
    {"TypeDefinition",
     "typeDefinitionId*:str, nodeType:NodeType, displayName:str, browseName:str, "
     "description:str, typeHierarchy:[Node], typeMembers:[InstanceDeclaration]",
     NULL},
    {"NodeType", NULL,
     "Unknown|Variable|DataVariable|Property|DataType|View|Object|Event|Interface"},
    {"InstanceDeclaration",
     "rootTypeId:str, browsePath:[str], displayPath:str, modellingRule:str, "
     "nodeId:str, nodeClass:NodeClass, browseName:str, displayName:str, "
     "description:str, variable:VariableMetadata, method:MethodMetadata, "
     "overriddenDeclaration:InstanceDeclaration, modellingRuleId:str",
     NULL},
};
/* clang-format on */

const struct rest_models services_models_twin = {models, sizeof(models) / sizeof(models[0]),
                                                 &services_models_history};

#include "services/models.h"

/* clang-format off */
static const struct rest_model registry[] = {
    {"SecurityMode", NULL,
     "Best|Sign|SignAndEncrypt|None"},
    {"EndpointActivationFilter",
     "trustLists:[str], securityPolicies:[str], securityMode:SecurityMode",
     NULL},
    {"ServerRegistrationRequest",
     "discoveryUrl*:str, id:str, activationFilter:EndpointActivationFilter",
     NULL},
    {"ApplicationType", NULL,
     "Server|Client|ClientAndServer|DiscoveryServer"},
    {"ApplicationRegistrationRequest",
     "applicationUri*:str, applicationType:ApplicationType, productUri:str, "
     "applicationName:str, locale:str, siteId:str, localizedNames:{str}, "
     "capabilities:[str], discoveryUrls:[str], discoveryProfileUri:str, "
     "gatewayServerUri:str",
     NULL},
    {"ApplicationRegistrationResponse",
     "id:str",
     NULL},
    {"RegistryOperation",
     "authorityId*:str, time*:datetime",
     NULL},
    {"ApplicationInfo",
     "applicationId:str, applicationType:ApplicationType, applicationUri:str, "
     "productUri:str, applicationName:str, locale:str, localizedNames:{str}, "
     "capabilities:[str], discoveryUrls:[str], discoveryProfileUri:str, "
     "gatewayServerUri:str, hostAddresses:[str], siteId:str, discovererId:str, "
     "notSeenSince:datetime, created:RegistryOperation, updated:RegistryOperation",
     NULL},
    {"ApplicationInfoList",
     "items:[ApplicationInfo], continuationToken:str",
     NULL},
    {"DiscoveryMode", NULL,
     "Off|Local|Network|Fast|Scan"},
    {"DiscoveryConfig",
     "addressRangesToScan:str, networkProbeTimeout:timespan, maxNetworkProbes:i32, "
     "portRangesToScan:str, portProbeTimeout:timespan, maxPortProbes:i32, "
     "minPortProbesPercent:i32, idleTimeBetweenScans:timespan, discoveryUrls:[str], "
     "locales:[str], activationFilter:EndpointActivationFilter",
     NULL},
    {"DiscoveryRequest",
     "id:str, discovery:DiscoveryMode, configuration:DiscoveryConfig",
     NULL},
    {"Endpoint",
     "url:str, alternativeUrls:[str], securityMode:SecurityMode, "
     "securityPolicy:str, certificate:str",
     NULL},
    {"CredentialType", NULL,
     "None|UserName|X509Certificate|JwtToken"},
    {"AuthenticationMethod",
     "id*:str, credentialType:CredentialType, securityPolicy:str, configuration:any",
     NULL},
    {"EndpointRegistration",
     "id*:str, endpointUrl:str, siteId:str, supervisorId:str, discovererId:str, "
     "endpoint:Endpoint, securityLevel:i32, "
     "authenticationMethods:[AuthenticationMethod]",
     NULL},
    {"ApplicationRegistration",
     "application*:ApplicationInfo, endpoints:[EndpointRegistration]",
     NULL},
    {"ApplicationRegistrationUpdate",
     "productUri:str, applicationName:str, locale:str, localizedNames:{str}, "
     "capabilities:[str], discoveryUrls:[str], discoveryProfileUri:str, "
     "gatewayServerUri:str",
     NULL},
    {"ApplicationSiteList",
     "sites:[str], continuationToken:str",
     NULL},
    {"ApplicationRegistrationQuery",
     "applicationType:ApplicationType, applicationUri:str, productUri:str, "
     "applicationName:str, locale:str, capability:str, discoveryProfileUri:str, "
     "gatewayServerUri:str, siteOrGatewayId:str, includeNotSeenSince:bool, "
     "discovererId:str",
     NULL},
    {"TraceLogLevel", NULL,
     "Error|Information|Debug|Verbose"},
    {"Discoverer",
     "id*:str, siteId:str, discovery:DiscoveryMode, "
     "discoveryConfig:DiscoveryConfig, requestedMode:DiscoveryMode, "
     "requestedConfig:DiscoveryConfig, logLevel:TraceLogLevel, outOfSync:bool, "
     "connected:bool",
     NULL},
    {"DiscovererUpdate",
     "siteId:str, discovery:DiscoveryMode, discoveryConfig:DiscoveryConfig, "
     "logLevel:TraceLogLevel",
     NULL},
    {"DiscovererList",
     "items:[Discoverer], continuationToken:str",
     NULL},
    {"DiscovererQuery",
     "siteId:str, discovery:DiscoveryMode, connected:bool",
     NULL},
    {"X509Certificate",
     "subject:str, thumbprint:str, serialNumber:str, notBeforeUtc:datetime, "
     "notAfterUtc:datetime, selfSigned:bool, certificate:base64",
     NULL},
    {"X509ChainStatus", NULL,
     "NoError|NotTimeValid|Revoked|NotSignatureValid|NotValidForUsage|UntrustedRoot|"
     "RevocationStatusUnknown|Cyclic|InvalidExtension|InvalidPolicyConstraints|"
     "InvalidBasicConstraints|InvalidNameConstraints|HasNotSupportedNameConstraint|"
     "HasNotDefinedNameConstraint|HasNotPermittedNameConstraint|"
     "HasExcludedNameConstraint|PartialChain|CtlNotTimeValid|CtlNotSignatureValid|"
     "CtlNotValidForUsage|HasWeakSignature|OfflineRevocation|NoIssuanceChainPolicy|"
     "ExplicitDistrust|HasNotSupportedCriticalExtension"},
    {"X509CertificateChain",
     "chain:[X509Certificate], status:[X509ChainStatus]",
     NULL},
    {"EndpointActivationState", NULL,
     "Deactivated|Activated|ActivatedAndConnected"},
    {"EndpointConnectivityState", NULL,
     "Connecting|NotReachable|Busy|NoTrust|CertificateInvalid|Ready|Error|"
     "Disconnected|Unauthorized"},
    {"EndpointInfo",
     "registration*:EndpointRegistration, applicationId*:str, "
     "activationState:EndpointActivationState, "
     "endpointState:EndpointConnectivityState, outOfSync:bool, notSeenSince:datetime",
     NULL},
    {"EndpointInfoList",
     "items:[EndpointInfo], continuationToken:str",
     NULL},
    {"EndpointRegistrationQuery",
     "url:str, certificate:str, securityMode:SecurityMode, securityPolicy:str, "
     "activated:bool, connected:bool, endpointState:EndpointConnectivityState, "
     "includeNotSeenSince:bool, discovererId:str, applicationId:str, "
     "supervisorId:str, siteOrGatewayId:str",
     NULL},
    {"Gateway",
     "id*:str, siteId:str, connected:bool",
     NULL},
    {"Supervisor",
     "id*:str, siteId:str, logLevel:TraceLogLevel, outOfSync:bool, connected:bool",
     NULL},
    {"PublisherConfig",
     "capabilities:{str}, jobCheckInterval:timespan, heartbeatInterval:timespan, "
     "maxWorkers:i32, jobOrchestratorUrl:str",
     NULL},
    {"Publisher",
     "id*:str, siteId:str, logLevel:TraceLogLevel, configuration:PublisherConfig, "
     "outOfSync:bool, connected:bool",
     NULL},
    {"GatewayModules",
     "supervisor:Supervisor, publisher:Publisher, discoverer:Discoverer",
     NULL},
    {"GatewayInfo",
     "gateway*:Gateway, modules:GatewayModules",
     NULL},
    {"GatewayUpdate",
     "siteId:str",
     NULL},
    {"GatewayList",
     "items:[Gateway], continuationToken:str",
     NULL},
    {"GatewayQuery",
     "siteId:str, connected:bool",
     NULL},
    {"PublisherUpdate",
     "siteId:str, configuration:PublisherConfig, logLevel:TraceLogLevel",
     NULL},
    {"PublisherList",
     "items:[Publisher], continuationToken:str",
     NULL},
    {"PublisherQuery",
     "siteId:str, connected:bool",
     NULL},
    {"SupervisorUpdate",
     "siteId:str, logLevel:TraceLogLevel",
     NULL},
    {"EndpointActivationStatus",
     "id*:str, activationState:EndpointActivationState",
     NULL},
    {"SupervisorStatus",
     "deviceId*:str, moduleId:str, siteId:str, endpoints:[EndpointActivationStatus]",
     NULL},
    {"SupervisorList",
     "items:[Supervisor], continuationToken:str",
     NULL},
    {"SupervisorQuery",
     "siteId:str, endpointId:str, connected:bool",
     NULL},
};

static const struct rest_model twin[] = {
    {"CredentialType", NULL,
     "None|UserName|X509Certificate|JwtToken"},
    {"BrowseDirection", NULL,
     "Forward|Backward|Both"},
    {"BrowseView",
     "viewId*:str, version:i64, timestamp:datetime",
     NULL},
    {"NodeClass", NULL,
     "Object|Variable|Method|ObjectType|VariableType|ReferenceType|DataType|View"},
    {"Credential",
     "type:CredentialType, value:any",
     NULL},
    {"DiagnosticsLevel", NULL,
     "None|Status|Operations|Diagnostics|Verbose"},
    {"Diagnostics",
     "level:DiagnosticsLevel, auditId:str, timeStamp:datetime",
     NULL},
    {"RequestHeader",
     "elevation:Credential, locales:[str], diagnostics:Diagnostics",
     NULL},
    {"BrowseRequest",
     "nodeId:str, direction:BrowseDirection, view:BrowseView, referenceTypeId:str, "
     "noSubtypes:bool, maxReferencesToReturn:i64, targetNodesOnly:bool, "
     "readVariableValues:bool, nodeClassFilter:any, header:RequestHeader",
     NULL},
    {"ServiceResult",
     "statusCode:i64, errorMessage:str, diagnostics:any",
     NULL},
    {"NodeAccessRestrictions", NULL,
     "SigningRequired|EncryptionRequired|SessionRequired"},
    {"NodeEventNotifier", NULL,
     "SubscribeToEvents|HistoryRead|HistoryWrite"},
    {"NodeAccessLevel", NULL,
     "CurrentRead|CurrentWrite|HistoryRead|HistoryWrite|SemanticChange|StatusWrite|"
     "TimestampWrite|NonatomicRead|NonatomicWrite|WriteFullArrayOnly"},
    {"NodeValueRank", NULL,
     "OneOrMoreDimensions|OneDimension|TwoDimensions|ScalarOrOneDimension|Any|Scalar"},
    {"RolePermissions", NULL,
     "Browse|ReadRolePermissions|WriteAttribute|WriteRolePermissions|"
     "WriteHistorizing|Read|Write|ReadHistory|InsertHistory|ModifyHistory|"
     "DeleteHistory|ReceiveEvents|Call|AddReference|RemoveReference|DeleteNode|"
     "AddNode"},
    {"RolePermission",
     "roleId*:str, permissions:RolePermissions",
     NULL},
    {"Node",
     "nodeClass:NodeClass, displayName:str, nodeId*:str, description:str, "
     "browseName:str, value:any, sourcePicoseconds:i32, sourceTimestamp:datetime, "
     "serverPicoseconds:i32, serverTimestamp:datetime, errorInfo:ServiceResult, "
     "accessRestrictions:NodeAccessRestrictions, writeMask:i64, userWriteMask:i64, "
     "isAbstract:bool, containsNoLoops:bool, eventNotifier:NodeEventNotifier, "
     "executable:bool, userExecutable:bool, dataTypeDefinition:any, "
     "accessLevel:NodeAccessLevel, userAccessLevel:NodeAccessLevel, dataType:str, "
     "valueRank:NodeValueRank, arrayDimensions:[i64], historizing:bool, "
     "minimumSamplingInterval:f64, inverseName:str, symmetric:bool, "
     "rolePermissions:[RolePermission], userRolePermissions:[RolePermission], "
     "typeDefinitionId:str, children:bool",
     NULL},
    {"NodeReference",
     "referenceTypeId:str, direction:BrowseDirection, target*:Node",
     NULL},
    {"BrowseResponse",
     "node:Node, references:[NodeReference], continuationToken:str, "
     "errorInfo:ServiceResult",
     NULL},
    {"BrowseNextRequest",
     "continuationToken*:str, abort:bool, targetNodesOnly:bool, "
     "readVariableValues:bool, header:RequestHeader",
     NULL},
    {"BrowseNextResponse",
     "references:[NodeReference], continuationToken:str, errorInfo:ServiceResult",
     NULL},
    {"BrowsePathRequest",
     "nodeId:str, browsePaths*:[[str]], readVariableValues:bool, "
     "header:RequestHeader",
     NULL},
    {"NodePathTarget",
     "browsePath:[str], target:Node, remainingPathIndex:i32",
     NULL},
    {"BrowsePathResponse",
     "targets:[NodePathTarget], errorInfo:ServiceResult",
     NULL},
    {"MethodMetadataRequest",
     "methodId:str, methodBrowsePath:[str], header:RequestHeader",
     NULL},
    {"MethodMetadataArgument",
     "name:str, description:str, type:Node, defaultValue:any, "
     "valueRank:NodeValueRank, arrayDimensions:[i64]",
     NULL},
    {"MethodMetadataResponse",
     "objectId:str, inputArguments:[MethodMetadataArgument], "
     "outputArguments:[MethodMetadataArgument], errorInfo:ServiceResult",
     NULL},
    {"MethodCallArgument",
     "value:any, dataType:str",
     NULL},
    {"MethodCallRequest",
     "methodId:str, objectId:str, arguments:[MethodCallArgument], "
     "methodBrowsePath:[str], objectBrowsePath:[str], header:RequestHeader",
     NULL},
    {"MethodCallResponse",
     "results:[MethodCallArgument], errorInfo:ServiceResult",
     NULL},
    {"ValueReadRequest",
     "nodeId:str, browsePath:[str], indexRange:str, header:RequestHeader",
     NULL},
    {"ValueReadResponse",
     "value:any, dataType:str, sourcePicoseconds:i32, sourceTimestamp:datetime, "
     "serverPicoseconds:i32, serverTimestamp:datetime, errorInfo:ServiceResult",
     NULL},
    {"NodeAttribute", NULL,
     "NodeClass|BrowseName|DisplayName|Description|WriteMask|UserWriteMask|"
     "IsAbstract|Symmetric|InverseName|ContainsNoLoops|EventNotifier|Value|DataType|"
     "ValueRank|ArrayDimensions|AccessLevel|UserAccessLevel|MinimumSamplingInterval|"
     "Historizing|Executable|UserExecutable|DataTypeDefinition|RolePermissions|"
     "UserRolePermissions|AccessRestrictions"},
    {"AttributeReadRequest",
     "nodeId*:str, attribute*:NodeAttribute",
     NULL},
    {"ReadRequest",
     "attributes*:[AttributeReadRequest], header:RequestHeader",
     NULL},
    {"AttributeReadResponse",
     "value:any, errorInfo:ServiceResult",
     NULL},
    {"ReadResponse",
     "results:[AttributeReadResponse]",
     NULL},
    {"ValueWriteRequest",
     "nodeId:str, browsePath:[str], value*:any, dataType:str, indexRange:str, "
     "header:RequestHeader",
     NULL},
    {"ValueWriteResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"AttributeWriteRequest",
     "nodeId*:str, attribute*:NodeAttribute, value*:any",
     NULL},
    {"WriteRequest",
     "attributes*:[AttributeWriteRequest], header:RequestHeader",
     NULL},
    {"AttributeWriteResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"WriteResponse",
     "results:[AttributeWriteResponse]",
     NULL},
};
/* clang-format on */

#define MODELS(table)                                                                              \
    {                                                                                              \
        table, sizeof(table) / sizeof((table)[0])                                                  \
    }

const struct rest_models services_models_registry = MODELS(registry);
const struct rest_models services_models_twin = MODELS(twin);

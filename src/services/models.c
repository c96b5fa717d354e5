/* Of the registry. */
#include "services/models_parts.h"

/* clang-format off */
static const struct rest_model models[] = {
    {"SecurityMode", NULL,
     "Best|Sign|SignAndEncrypt|None|NotNone"},
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
     "connected:bool, version:str",
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
     "notAfterUtc:datetime, selfSigned:bool, certificate:base64, pfx:[i32], hasPrivateKey:bool",
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
     "chain:[X509Certificate], status:X509ChainStatus+",
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
     "id*:str, siteId:str, logLevel:TraceLogLevel, outOfSync:bool, connected:bool, "
     "version:str",
     NULL},
    {"PublisherConfig",
     "capabilities:{str}, jobCheckInterval:timespan, heartbeatInterval:timespan, "
     "maxWorkers:i32, jobOrchestratorUrl:str",
     NULL},
    {"Publisher",
     "id*:str, siteId:str, logLevel:TraceLogLevel, configuration:PublisherConfig, "
     "outOfSync:bool, connected:bool, version:str",
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
    {"ServerEndpointQuery",
     "discoveryUrl:str, url:str, securityMode:SecurityMode, securityPolicy:str, "
     "certificate:str",
     NULL},
    {"TestConnectionRequest",
     "header:RequestHeader",
     NULL},
    {"TestConnectionResponse",
     "errorInfo:ServiceResult",
     NULL},
    {"SetConfiguredEndpointsRequest",
     "endpoints:[any]",
     NULL},
};
/* clang-format on */

const struct rest_models services_models = {models, sizeof(models) / sizeof(models[0]),
                                            &services_models_twin};

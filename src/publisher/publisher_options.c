#include "publisher/publisher_options.h"

/* ---- values in other words ---- */

static bool is_number(struct slice v)
{
    uint64_t n;
    return slice_to_u64(v, &n);
}

/* A plain number of seconds; time spans stay as they are. */
static bool seconds(struct slice v, struct buffer *out)
{
    buffer_put(out, v);
    if (is_number(v))
        buffer_text(out, "s");
    return v.len > 0;
}

/* The same, but less than 0 is 0. */
static bool interval(struct slice v, struct buffer *out)
{
    return seconds(slice_starts(v, SLICE("-")) ? SLICE("0") : v, out);
}

/* 2.8 has milliseconds, 2.9 seconds: nobody means 1000 s and more, nor less than a second. */
static bool seconds_or_ms(struct slice v, struct buffer *out)
{
    uint64_t n;
    if (slice_to_u64(v, &n) && n >= 1000) {
        buffer_put(out, v);
        return true;
    }
    return seconds(v, out);
}

static bool negated(struct slice v, struct buffer *out)
{
    bool yes = slice_eq_nocase(v, SLICE("true")) || slice_eq(v, SLICE("1"));
    if (!yes && !slice_eq_nocase(v, SLICE("false")) && !slice_eq(v, SLICE("0")))
        return false;
    buffer_text(out, yes ? "false" : "true");
    return true;
}

static bool put_mapped(const char *const (*map)[2], struct slice v, struct buffer *out)
{
    for (; (*map)[0]; map++)
        if (slice_eq_nocase(slice_of((*map)[0]), v)) {
            buffer_text(out, (*map)[1]);
            return true;
        }
    return false;
}

/* What 2.5 and other programs with Azure's SDKs call them. */
static bool hub_transport(struct slice v, struct buffer *out)
{
    static const char *const names[][2] = {{"None", "Mqtt"},
                                           {"UnInitialized", "Mqtt"},
                                           {"Mqtt_Tcp_Only", "MqttOverTcp"},
                                           {"MqttTcp", "MqttOverTcp"},
                                           {"Mqtt_WebSocket_Only", "MqttOverWebsocket"},
                                           {"MqttWebSocket", "MqttOverWebsocket"},
                                           {"Amqp_Tcp_Only", "AmqpOverTcp"},
                                           {"AmqpTcp", "AmqpOverTcp"},
                                           {"Amqp_WebSocket_Only", "AmqpOverWebsocket"},
                                           {"AmqpWebSocket", "AmqpOverWebsocket"},
                                           {"Http1", "Https"},
                                           {"Http", "Https"},
                                           {NULL, NULL}};
    if (!put_mapped(names, v, out))
        buffer_put(out, v);
    return v.len > 0;
}

/* 0 is "no limit" there; here it is the transport's. */
static bool message_bytes(struct slice v, struct buffer *out)
{
    buffer_put(out, slice_eq(v, SLICE("0")) ? SLICE("250KiB") : v);
    return true;
}

static bool log_level(struct slice v, struct buffer *out)
{
    static const char *const levels[][2] = {
        {"Trace", "debug"}, {"Verbose", "debug"},   {"Debug", "debug"},   {"Information", "info"},
        {"Info", "info"},   {"Warning", "warn"},    {"Warn", "warn"},     {"Error", "error"},
        {"Critical", "error"}, {"Fatal", "error"},  {"None", "error"},    {NULL, NULL}};
    return put_mapped(levels, v, out);
}

static bool log_format(struct slice v, struct buffer *out)
{
    static const char *const formats[][2] = {
        {"simple", "text"}, {"syslog", "text"}, {"systemd", "text"}, {NULL, NULL}};
    return put_mapped(formats, v, out);
}

static bool flat(struct slice v, struct buffer *out)
{
    static const char *const types[][2] = {
        {"Directory", "false"}, {"FlatDirectory", "true"}, {NULL, NULL}};
    return put_mapped(types, v, out);
}

/* Templates with a default that the option alone does not change. */
#define ON "true"

/* clang-format off */
#define STACK "the library of OPC UA has limits of its own"
#define OTLP "metrics are read at /metrics, and logs go to standard error; nothing is pushed"
#define STORES "Directory or FlatDirectory; there are no stores of Windows here"
#define OLD "an option of 2.5 and before, without meaning since 2.8"
#define OWN_LAYER "the subscription layer sizes this by itself"

static const struct settings_option options[] = {
    /* general */
    {"f pf publishfile", "PublishedNodesFile", "file", NULL, NULL, NULL},
    {"cf createifnotexist", "CreatePublishFileIfNotExist", "file.create", NULL, ON, NULL},
    {"pol usepolling", "UseFileChangePolling", NULL, NULL, ON, "the file is always looked at once a second, which sees changes on every kind of mount"},
    {"fe forceencryptedcredentials", "ForceCredentialEncryption", "credentials.encrypted", NULL, ON, "what stands encrypted has to be opened, and with the first change by a method users and passwords of the whole file are written encrypted; without the workload API nothing is changed"},
    {"", "IOTEDGE_WORKLOADURI", "workload.uri", NULL, NULL, NULL},
    {"", "IOTEDGE_MODULEID", "workload.module", NULL, NULL, NULL},
    {"", "IOTEDGE_MODULEGENERATIONID", "workload.generation", NULL, NULL, NULL},
    {"id publisherid", "PublisherId", "publisher.id", NULL, NULL, NULL},
    {"s site", "SiteId", "site", NULL, NULL, NULL},
    {"pi initfile", "InitFilePath", "init.file", NULL, "publishednodes.init", NULL},
    {"il initlog", "InitLogFile", "init.log", NULL, NULL, NULL},
    {"rs runtimestatereporting", "RuntimeStateReporting", "runtime.state", NULL, ON, NULL},
    {"api-key", "ApiKey", "api.key", NULL, NULL, NULL},
    {"doa disableopenapi", "DisableOpenApiEndpoint", "api.openapi", negated, ON, NULL},
    {"p httpserverport", "HttpServerPort", "api.port", NULL, NULL, NULL},
    {"unsecurehttp", "UnsecureHttpServerPort", "api.port.plain", NULL, "9071", NULL},
    {"rtc renewtlscert", "RenewTlsCertificateOnStartup", "api.certificate.renew", NULL, ON, NULL},
    {"useopenapiv3", "UseOpenApiV3", "api.openapi.3", NULL, ON, NULL},

    /* messages */
    {"c strict", "UseStandardsCompliantEncoding", "strict", NULL, ON, "as there, mode, batching, metadata and names have other defaults then"},
    {"nf namespaceformat", "DefaultNamespaceFormat", "names", NULL, NULL, NULL},
    {"mm messagingmode", "MessagingMode", "mode", NULL, NULL, NULL},
    {"fm fullfeaturedmessage", "FullFeaturedMessage", "mode.full", NULL, ON, NULL},
    {"ode optimizeddatasetencoding", "WriteValueWhenDataSetHasSingleEntry", "lone.value", NULL, ON, NULL},
    {"me messageencoding", "MessageEncoding", "encoding", NULL, NULL, NULL},
    {"bi batchtriggerinterval", "BatchTriggerInterval", "batch.interval", NULL, NULL, NULL},
    {"si iothubsendinterval", NULL, "batch.interval", seconds, NULL, "in seconds, or a time span"},
    {"bs batchsize", "BatchSize", "batch.size", NULL, NULL, NULL},
    {"rdb removedupsinbatch", "RemoveDuplicatesFromBatch", "batch.last", NULL, ON, NULL},
    {"ms maxmessagesize iothubmessagesize", "IoTHubMaxMessageSize", "message.bytes", message_bytes, NULL, "250 KiB of the hub's 256 by default; 0 is that, too"},
    {"qos", "DefaultQualityOfService", "message.qos", NULL, NULL, NULL},
    {"ttl", "DefaultMessageTimeToLive", "message.ttl", NULL, NULL, NULL},
    {"retain", "DefaultMessageRetention", "message.retain", NULL, ON, NULL},
    {"mts messagetimestamp", "MessageTimestamp", "message.time", NULL, NULL, NULL},
    {"npd maxnodesperdataset", "MaxNodesPerDataSet", "writer.nodes", NULL, NULL, NULL},
    {"kfc keyframecount", "DefaultKeyFrameCount", "keyframe.count", NULL, NULL, NULL},
    {"ka sendkeepalives", "EnableDataSetKeepAlives", "keepalive.messages", NULL, ON, NULL},
    {"kaf keepalivesaskeyframe", "SendDataSetKeepAlivesAsKeyFrame", "keepalive.keyframes", NULL, ON, NULL},
    {"msi metadatasendinterval", "DefaultMetaDataUpdateTime", "metadata.interval", NULL, NULL, NULL},
    {"dm disablemetadata", "DisableDataSetMetaData", "metadata", negated, ON, NULL},
    {"amt asyncmetadataloadtimeout", "AsyncMetaDataLoadTimeout", NULL, NULL, NULL, "values wait for their types up to 5 s, always"},
    {"ps publishschemas", "PublishMessageSchema", "schemas", NULL, ON, NULL},
    {"asj preferavro", "PreferAvroOverJsonSchema", NULL, NULL, ON, "messages in Avro have Avro's schemas, those in JSON have JSON's: readers of the one cannot use the other"},
    {"daf disableavrofiles", "DisableAvroFileWriter", NULL, NULL, ON, "messages in Avro stand in container files, one for each schema"},
    {"lc legacycompatibility", "LegacyCompatibility", NULL, NULL, ON, "the content type application/opcua+uajson of 2.5 is not written"},
    {"om maxsendqueuesize", "MaxNetworkMessageSendQueueSize", NULL, NULL, NULL, "what waits to be sent is bounded in bytes: queue.bytes in memory, queue.disk on the disk"},
    {"wgp writergrouppartitions", "DefaultWriterGroupPartitionCount", "partitions", NULL, NULL, NULL},
    {"t dmt defaultmessagetransport", "DefaultTransport", "transport", NULL, NULL, NULL},

    /* transports */
    {"e ec edgehubconnectionstring dc deviceconnectionstring", "EdgeHubConnectionString", "connection", NULL, NULL, NULL},
    {"ht ih iothubprotocol", "Transport", "connection.transport", hub_transport, NULL, "None is the default; names of 2.5 are taken, too, and Https is one more"},
    {"", "EdgeModuleCACertificateFile", "ca", NULL, NULL, NULL},
    {"b mqc mqttclientconnectionstring", "MqttClientConnectionString", "mqtt.connection", NULL, NULL, NULL},
    {"eh eventhubnamespaceconnectionstring", "EventHubNamespaceConnectionString", "eventhub.connection", NULL, NULL, NULL},
    {"w hcs httpconnectionstring", "HttpConnectionString", "http.connection", NULL, NULL, NULL},
    {"o outdir", "OutputRoot", "output", NULL, NULL, "a folder; or stdout, stderr"},
    {"sg schemagroup", "SchemaGroupName", NULL, NULL, NULL, "a group of the schema registry of an event hub namespace, a service of Azure beside its protocols: schemas go to their topic, which is a hub there, and messages name them in dataschema"},
    {"d dcs daprconnectionstring", "DaprConnectionString", "dapr.connection", NULL, NULL, "over the side car's HTTP API; GrpcPort, CheckSideCarHealth and StateStore mean nothing here"},

    /* topics */
    {"rtt roottopictemplate", "RootTopicTemplate", "topic.root", NULL, "{PublisherId}", NULL},
    {"mtt methodtopictemplate", "MethodTopicTemplate", "topic.methods", NULL, NULL, NULL},
    {"ttt telemetrytopictemplate", "TelemetryTopicTemplate", "topic.telemetry", NULL, "{RootTopic}/messages/{WriterGroup}", NULL},
    {"ett eventstopictemplate", "EventsTopicTemplate", "topic.events", NULL, NULL, NULL},
    {"dtt diagnosticstopictemplate", "DiagnosticsTopicTemplate", "topic.diagnostics", NULL, NULL, NULL},
    {"mdt metadatatopictemplate", "DataSetMetaDataTopicTemplate", "topic.metadata", NULL, "{TelemetryTopic}/metadata", NULL},
    {"stt schematopictemplate", "SchemaTopicTemplate", "topic.schema", NULL, "{TelemetryTopic}/schema", NULL},
    {"uns datasetrouting", "DefaultDataSetRouting", "topic.routing", NULL, NULL, NULL},
    {"ri enableroutinginfo", "EnableRoutingInfo", "routing.info", NULL, ON, NULL},
    {"ce cloudevents", "EnableCloudEvents", "cloud.events", NULL, ON, NULL},

    /* subscriptions */
    {"oi opcsamplinginterval", "DefaultSamplingInterval", "sampling.interval", NULL, NULL, NULL},
    {"op opcpublishinginterval", "DefaultPublishingInterval", "publishing.interval", NULL, NULL, NULL},
    {"eip immediatepublishing", "EnableImmediatePublishing", NULL, NULL, ON, "always so: subscriptions are made with publishing on"},
    {"ska keepalivecount kt", "DefaultKeepAliveCount", "keepalive.count", NULL, NULL, NULL},
    {"", "MaxKeepAliveCount", "keepalive.count", NULL, NULL, NULL},
    {"slt lifetimecount", "DefaultLifetimeCount", "lifetime.count", NULL, NULL, NULL},
    {"", "MinSubscriptionLifetime", NULL, NULL, NULL, "the lifetime follows from the keep-alive count: lifetime.count"},
    {"fd fetchdisplayname", "FetchOpcNodeDisplayName", "display.names", NULL, ON, NULL},
    {"fp fetchpathfromroot", "FetchOpcBrowsePathFromRoot", NULL, NULL, ON, "paths are read where something is routed by them: topic.routing"},
    {"qs queuesize mq monitoreditemqueuecapacity", "DefaultQueueSize", "queue.size", NULL, NULL, NULL},
    {"aq autosetqueuesize", "AutoSetQueueSizes", "queue.auto", NULL, ON, NULL},
    {"ndo nodiscardold", "DiscardNew", "discard.new", NULL, ON, NULL},
    {"mc monitoreditemdatachangetrigger", "DefaultDataChangeTrigger", "trigger", NULL, NULL, NULL},
    {"mwt monitoreditemwatchdog", "DefaultMonitoredItemWatchdogSeconds", "watchdog.interval", seconds, NULL, "in seconds"},
    {"mwc monitoreditemwatchdogcondition", "DefaultMonitoredItemWatchdogCondition", "watchdog.condition", NULL, NULL, NULL},
    {"dwb watchdogbehavior", "DefaultWatchdogBehavior", "watchdog.behavior", NULL, NULL, NULL},
    {"sf skipfirst", "DefaultSkipFirst", "skip.first", NULL, ON, NULL},
    {"rat republishaftertransfer", "RepublishAfterTransfer", "republish", NULL, ON, NULL},
    {"hbb heartbeatbehavior", "DefaultHeartbeatBehavior", "heartbeat.behavior", NULL, NULL, NULL},
    {"hb heartbeatinterval", "DefaultHeartbeatInterval", "heartbeat.interval", seconds, NULL, "in seconds, or a time span"},
    {"ucr usecyclicreads", "DefaultSamplingUsingCyclicRead", "cyclic.reads", NULL, ON, NULL},
    {"xmi maxmonitoreditems", "MaxMonitoredItemPerSubscription", "subscription.items", NULL, NULL, NULL},
    {"da deferredacks", "UseDeferredAcknoledgements", NULL, NULL, ON, "always so where the queue is full: then acknowledgements are withheld"},
    {"rbp rebrowseperiod", "DefaultRebrowsePeriod", "rebrowse.interval", NULL, NULL, NULL},
    {"sqp sequentialpublishing", "EnableSequentialPublishing", NULL, NULL, ON, "always so: notifications are handled in the order of their sequence numbers"},
    {"smi subscriptionmanagementinterval", "SubscriptionManagementIntervalSeconds", NULL, NULL, NULL, OWN_LAYER},
    {"bnr badnoderetrydelay", "BadMonitoredItemRetryDelaySeconds", "retry.node", seconds, NULL, "in seconds; 10 s by default, doubled up to 5 min"},
    {"inr invalidnoderetrydelay", "InvalidMonitoredItemRetryDelaySeconds", "retry.invalid", seconds, NULL, "in seconds; 10 s by default, doubled up to 5 min"},
    {"bmd badnoderetrymaxdelay", "BadMonitoredItemRetryDelayMaxSeconds", "retry.node.max", seconds, NULL, "in seconds"},
    {"imd invalidnoderetrymaxdelay", "InvalidMonitoredItemRetryDelayMaxSeconds", "retry.invalid.max", seconds, NULL, "in seconds"},
    {"ser subscriptionerrorretrydelay", "SubscriptionErrorRetryDelaySeconds", "retry.subscription", seconds, NULL, "in seconds"},
    {"urc usereverseconnect", "DefaultUseReverseConnect", "reverse.connect", NULL, ON, NULL},
    {"dtr disabletransferonreconnect", "DisableSubscriptionTransfer", "transfer", negated, ON, NULL},
    {"dct disablecomplextypesystem", "DisableComplexTypeSystem", NULL, NULL, ON, "the server is asked for a type when a value has it, and what it does not tell is written as bytes"},
    {"dsg disablesessionpergroup", "DisableSessionPerWriterGroup", "group.sessions", negated, ON, "groups share a session unless that says otherwise: servers allow few"},
    {"ipi ignorepublishingintervals", "IgnoreConfiguredPublishingIntervals", "publishing.ignore", NULL, ON, NULL},

    /* OPC UA client */
    {"aa acceptuntrusted autoaccept", "AutoAcceptUntrustedCertificates", "pki.trust.all", NULL, ON, NULL},
    {"ct createsessiontimeout", "CreateSessionTimeout", "session.connect", seconds, NULL, "in seconds; of a whole try to connect, 15 by default"},
    {"mr reconnectperiod", "MinReconnectDelay", "reconnect.min", NULL, NULL, "100 ms by default"},
    {"xr maxreconnectperiod", "MaxReconnectDelay", "reconnect.max", NULL, NULL, "10 s by default"},
    {"sto sessiontimeout", "DefaultSessionTimeout", "session.timeout", seconds, NULL, "in seconds; 120 by default"},
    {"ki keepaliveinterval", "KeepAliveInterval", "session.keepalive", seconds_or_ms, NULL, "less than 1000 is seconds, as in 2.9 (10 there), 1000 and more milliseconds, as in 2.8 (10000 there); a line of the log says which; 5 s by default"},
    {"ot operationtimeout", "OperationTimeout", "session.call", NULL, NULL, "10 s by default"},
    {"sct servicecalltimeout", "DefaultServiceCallTimeout", NULL, NULL, NULL, "each call has the time of who asks, or session.call"},
    {"cto connecttimeout", "DefaultConnectTimeout", NULL, NULL, NULL, "part of session.connect"},
    {"rcp reverseconnectport", "ReverseConnectPort", "reverse.port", NULL, NULL, NULL},
    {"otl opctokenlifetime", "SecurityTokenLifetime", "session.token", NULL, NULL, NULL},
    {"dcp disablecomplextypepreloading", "DisableComplexTypePreloading", NULL, NULL, ON, "nothing is loaded before it is needed"},
    {"cl clientlinger", "LingerTimeoutSeconds", "session.linger", seconds, NULL, "in seconds; 10 by default"},
    {"mnr maxnodesperread", "MaxNodesPerReadOverride", "limits.read", NULL, NULL, NULL},
    {"mnb maxnodesperbrowse", "MaxNodesPerBrowseOverride", "limits.browse", NULL, NULL, NULL},
    {"ncc nodecachecapacity", "NodeCacheCapacity", NULL, NULL, NULL, "no nodes are cached"},
    {"nct nodecachetimeout", "NodeCacheTimeout", NULL, NULL, NULL, "no nodes are cached"},
    {"mpr minpublishrequests", "MinPublishRequests", "publish.requests.min", NULL, NULL, NULL},
    {"ppr percentpublishrequests", "PublishRequestsPerSubscriptionPercent", "publish.requests.percent", NULL, NULL, "300 by default"},
    {"xpr maxpublishrequests", "MaxPublishRequests", "publish.requests.max", NULL, NULL, "32 by default"},
    {"ocl opcchannellifetime", "ChannelLifetime", NULL, NULL, NULL, STACK},
    {"omb opcmaxbufferlen", "MaxBufferSize", NULL, NULL, NULL, STACK},
    {"oml opcmaxmessagelen", "MaxMessageSize", NULL, NULL, NULL, STACK},
    {"oal opcmaxarraylen", "MaxArrayLength", NULL, NULL, NULL, STACK},
    {"ol opcmaxstringlen", "MaxStringLength", NULL, NULL, NULL, STACK},
    {"obl opcmaxbytestringlen", "MaxByteStringLength", NULL, NULL, NULL, STACK},
    {"pu producturi", "ProductUri", NULL, NULL, NULL, "servers do not look at it"},
    {"au appuri", "ApplicationUri", "pki.uri", NULL, NULL, NULL},
    {"an appname", "ApplicationName", "pki.name", NULL, NULL, NULL},
    {"sn appcertsubjectname", "ApplicationCertificateSubjectName", NULL, NULL, NULL, "a certificate that is made here is called CN=<pki.name>, O=Millrace"},
    {"rur rejectunknownrevocationstatus", "RejectUnknownRevocationStatus", "pki.revocation", NULL, ON, NULL},
    {"rejectsha1", "RejectSha1SignedCertificates", "pki.sha1", negated, ON, NULL},
    {"mks minkeysize", "MinimumCertificateKeySize", "pki.key.bits", NULL, NULL, NULL},
    {"tm trustmyself", "AddAppCertToTrustedStore", "pki.trust.self", NULL, ON, NULL},
    {"pki pkirootpath", "PkiRootPath", "pki", NULL, NULL, NULL},
    {"ap appcertstorepath", "ApplicationCertificateStorePath", "pki.own", NULL, NULL, NULL},
    {"apt at appcertstoretype", "ApplicationCertificateStoreType", "pki.own.flat", flat, NULL, STORES},
    {"apw appcertstorepwd", "ApplicationCertificatePassword", "pki.password", NULL, NULL, NULL},
    {"cfa configurefromappcert", "TryConfigureFromExistingAppCert", "pki.adopt", NULL, ON, NULL},
    {"tp trustedcertstorepath", "TrustedPeerCertificatesPath", "pki.trusted", NULL, NULL, NULL},
    {"tpt", "TrustedPeerCertificatesType", "pki.trusted.flat", flat, NULL, STORES},
    {"rp rejectedcertstorepath", "RejectedCertificateStorePath", "pki.rejected", NULL, NULL, NULL},
    {"rpt", "RejectedCertificateStoreType", "pki.rejected.flat", flat, NULL, STORES},
    {"ip issuercertstorepath", "TrustedIssuerCertificatesPath", "pki.issuer", NULL, NULL, NULL},
    {"ipt", "TrustedIssuerCertificatesType", "pki.issuer.flat", flat, NULL, STORES},
    {"up usercertstorepath", "TrustedUserCertificatesPath", "pki.users", NULL, NULL, NULL},
    {"upt", "TrustedUserCertificatesType", "pki.users.flat", flat, NULL, STORES},
    {"uip userissuercertstorepath", "UserIssuerCertificatesPath", "pki.users.issuer", NULL, NULL, NULL},
    {"uit", "UserIssuerCertificatesType", "pki.users.issuer.flat", flat, NULL, STORES},

    /* diagnostics */
    {"ll loglevel", "LogLevel", "log.level", log_level, NULL, "Trace and Debug are debug, Critical and None are error"},
    {"lfm logformat", "LogFormat", "log.format", log_format, NULL, "simple, syslog and systemd are all lines of text"},
    {"di diagnosticsinterval", "DiagnosticsInterval", "diagnostics.interval", interval, NULL, "in seconds; 0 and less: never"},
    {"pd diagnosticstarget", "DiagnosticsTarget", "diagnostics.target", NULL, NULL, NULL},
    {"dr disableresourcemonitoring", "DisableResourceMonitoring", NULL, NULL, ON, "memory is watched by its bounds alone"},
    {"ln lognotifications", NULL, NULL, NULL, ON, "values are no log lines"},
    {"lnh lognotificationsandheartbeats", NULL, NULL, NULL, ON, "values are no log lines"},
    {"lnf lognotificationfilter", NULL, NULL, NULL, ON, "values are no log lines"},
    {"len logencodednotifications", NULL, NULL, NULL, ON, "payloads are no log lines"},
    {"sl opcstacklogging", "EnableOpcUaStackLogging", NULL, NULL, ON, "the library's warnings are always in the log; log.level debug shows more"},
    {"ksf keysetlogfolder", "OpcUaKeySetLogFolderName", NULL, NULL, ON, "keys of channels are not written to files"},
    {"ecw enableconsolewriter", "EnableConsoleWriter", NULL, NULL, ON, "output=stdout or stderr is a transport"},
    {"oc otlpcollector", "OtlpCollectorEndpoint", NULL, NULL, NULL, OTLP},
    {"eol enableotellogging", "EnableOtelLogging", NULL, NULL, ON, OTLP},
    {"eot enableoteltraces", "EnableOtelTraces", NULL, NULL, ON, OTLP},
    {"oxi otlpexportinterval", "OtlpExportIntervalMilliseconds", NULL, NULL, NULL, OTLP},
    {"mms maxmetricstreams", "OtlpMaxMetricStreams", NULL, NULL, NULL, OTLP},
    {"em enableprometheusendpoint", "EnableMetrics", NULL, NULL, ON, "/metrics is always there"},
    {"ari addruntimeinstrumentation", "OtlpRuntimeInstrumentation", NULL, NULL, ON, "there is no .NET runtime to measure"},
    {"ats addtotalsuffix", "OtlpTotalNameSuffixForCounters", NULL, NULL, ON, "the iiot_edge_ names are as published, ours end in _total"},
    {"sc scaletestcount", "ScaleTestCount", NULL, NULL, NULL, "load is made by the plant and by ./run bench"},

    /* 2.8 and before */
    {"pfs publishednodesschemafile", "PublishedNodesSchemaFile", NULL, NULL, NULL, "every entry is checked, without a schema: check.file says what is wrong"},
    {"l lf logfile logfilename", "LogFileName", NULL, NULL, NULL, "logs go to standard error, where containers and services expect them"},
    {"lt logflushtimespan", "LogFileFlushTimeSpan", NULL, NULL, NULL, "logs are not buffered"},
    {"", "BypassCertVerification", NULL, NULL, NULL, "the hub's certificate is always verified: ca"},
    {"", "JobOrchestratorUrl", NULL, NULL, NULL, "orchestrated publishing ended with 2.8"},
    {"", "MaxWorkers", NULL, NULL, NULL, "orchestrated publishing ended with 2.8"},
    {"tc telemetryconfigfile", NULL, NULL, NULL, NULL, OLD},
    {"ic iotcentral", NULL, NULL, NULL, ON, OLD},
    {"ns noshutdown", NULL, NULL, NULL, ON, OLD},
    {"rf runforever", NULL, NULL, NULL, ON, OLD},
    {"pn portnum", NULL, NULL, NULL, NULL, OLD},
    {"pa path", NULL, NULL, NULL, NULL, OLD},
    {"lr ldsreginterval", NULL, NULL, NULL, NULL, OLD},
    {"ss suppressedopcstatuscodes", NULL, NULL, NULL, NULL, OLD},
    {"csr createsigningrequest", NULL, NULL, NULL, ON, OLD},
    {"ab applicationcertbase64", NULL, NULL, NULL, NULL, OLD},
    {"af applicationcertfile", NULL, NULL, NULL, NULL, OLD},
    {"pk privatekeyfile", NULL, NULL, NULL, NULL, OLD},
    {"pb privatekeybase64", NULL, NULL, NULL, NULL, OLD},
    {"cp certpassword", NULL, NULL, NULL, NULL, OLD},
    {"tb addtrustedcertbase64", NULL, NULL, NULL, NULL, OLD},
    {"tf addtrustedcertfile", NULL, NULL, NULL, NULL, OLD},
    {"tt trustedcertstoretype", NULL, NULL, NULL, NULL, OLD},
    {"rt rejectedcertstoretype", NULL, NULL, NULL, NULL, OLD},
    {"it issuercertstoretype", NULL, NULL, NULL, NULL, OLD},
    {"ib addissuercertbase64", NULL, NULL, NULL, NULL, OLD},
    {"if addissuercertfile", NULL, NULL, NULL, NULL, OLD},
    {"rb updatecrlbase64", NULL, NULL, NULL, NULL, OLD},
    {"uc updatecrlfile", NULL, NULL, NULL, NULL, OLD},
    {"rc removecert", NULL, NULL, NULL, NULL, OLD},
    {"dt devicecertstoretype", NULL, NULL, NULL, NULL, OLD},
    {"dp devicecertstorepath", NULL, NULL, NULL, NULL, OLD},
    {"i install", NULL, NULL, NULL, ON, OLD},
    {"st opcstacktracemask", NULL, NULL, NULL, NULL, OLD},
    {"sd shopfloordomain", NULL, NULL, NULL, NULL, OLD},
    {"vc verboseconsole", NULL, NULL, NULL, ON, OLD},
    {"as autotrustservercerts", NULL, NULL, NULL, ON, OLD},
};
/* clang-format on */

const struct settings_dialect publisher_dialect = {
    .options = options,
    .count = sizeof options / sizeof options[0],
    .secrets_variable = "ADDITIONAL_CONFIGURATION",
    .secrets_file = "/run/secrets/.env",
};

/* ---- the page ---- */

static void print_names(const char *names, struct buffer *out)
{
    struct slice rest = slice_of(names), name;
    while (rest.len && slice_split(&rest, ' ', &name))
        buffer_printf(out, "%s`%s%.*s`", name.at == (const uint8_t *)names ? "" : " ",
                      name.len == 1 ? "-" : "--", SLICE_FMT(name));
}

static void print_option(const struct settings_option *o, struct buffer *out)
{
    buffer_text(out, "| ");
    print_names(o->names, out);
    buffer_printf(out, " | %s%s%s | ", o->variable ? "`" : "", o->variable ? o->variable : "",
                  o->variable ? "`" : "");
    if (o->setting)
        buffer_printf(out, "`%s`%s%s", o->setting, o->convert == negated ? ", the other way round" : "",
                      o->note ? ": " : "");
    else
        buffer_text(out, "none: ");
    buffer_printf(out, "%s |\n", o->note ? o->note : "");
}

void publisher_options_print(struct buffer *out)
{
    buffer_text(
        out,
        "# OPC Publisher's options\n\n"
        "<!-- Printed from src/publisher/publisher_options.c by publisher_options_test; do not edit. "
        "-->\n\n"
        "`millrace publisher` and `millrace opc` understand the command line and the environment of OPC\n"
        "Publisher 2.8 and 2.9: the `Cmd` of an IoT Edge deployment works as it is. Options have one or two\n"
        "dashes, and `=`, `:` or a blank before their value; a variable's name is an option, too. Variables\n"
        "may stand in the file that `ADDITIONAL_CONFIGURATION` names, or in `/run/secrets/.env`. The later\n"
        "wins: configuration file, that file, these variables, `MILLRACE_…` variables, command line.\n\n"
        "What is unknown is warned about and passed over, as OPC Publisher does, with the name that is\n"
        "nearest; `--check` takes it for a mistake. `millrace publisher --help` says more about each setting.\n\n"
        "| option | variable | what it is here |\n|---|---|---|\n");
    for (size_t i = 0; i < publisher_dialect.count; i++)
        print_option(&options[i], out);
}

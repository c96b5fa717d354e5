#!/usr/bin/env python3
"""Every option of OPC Publisher's command line, with the setting that it is here and the tests that show it, or why there
is none: the options' part of build/reports/publisher-options.json. docs/protocol/publisher-options.md is the table (a unit
test holds it to the code); here are the names that must be in it, and what shows the settings."""
import os
import re
import subprocess
import tempfile

from platform_of_tests import MILLRACE, ROOT, run_tests
from publisher_options_test import exists, write_report

PAGE = os.path.join(ROOT, "docs/protocol/publisher-options.md")

# One name of each option of 2.9, then those of 2.8 and before.
NAMES = """
PublishedNodesFile CreatePublishFileIfNotExist UseFileChangePolling ForceCredentialEncryption PublisherId SiteId
InitFilePath InitLogFile RuntimeStateReporting ApiKey DisableOpenApiEndpoint UseStandardsCompliantEncoding
DefaultNamespaceFormat MessagingMode WriteValueWhenDataSetHasSingleEntry MessageEncoding BatchTriggerInterval
BatchSize RemoveDuplicatesFromBatch IoTHubMaxMessageSize DefaultQualityOfService DefaultMessageTimeToLive
DefaultMessageRetention MessageTimestamp MaxNodesPerDataSet DefaultKeyFrameCount EnableDataSetKeepAlives
SendDataSetKeepAlivesAsKeyFrame DefaultMetaDataUpdateTime DisableDataSetMetaData AsyncMetaDataLoadTimeout
PublishMessageSchema PreferAvroOverJsonSchema DisableAvroFileWriter MaxNetworkMessageSendQueueSize
DefaultWriterGroupPartitionCount DefaultTransport MqttClientConnectionString EdgeHubConnectionString Transport
EventHubNamespaceConnectionString SchemaGroupName DaprConnectionString HttpConnectionString OutputRoot
HttpServerPort UnsecureHttpServerPort RenewTlsCertificateOnStartup UseOpenApiV3 RootTopicTemplate
MethodTopicTemplate TelemetryTopicTemplate EventsTopicTemplate DiagnosticsTopicTemplate DataSetMetaDataTopicTemplate
SchemaTopicTemplate DefaultDataSetRouting EnableRoutingInfo EnableCloudEvents DefaultSamplingInterval
DefaultPublishingInterval EnableImmediatePublishing DefaultKeepAliveCount DefaultLifetimeCount
FetchOpcNodeDisplayName FetchOpcBrowsePathFromRoot DefaultQueueSize AutoSetQueueSizes DiscardNew
DefaultDataChangeTrigger DefaultMonitoredItemWatchdogSeconds DefaultMonitoredItemWatchdogCondition
DefaultWatchdogBehavior DefaultSkipFirst RepublishAfterTransfer DefaultHeartbeatBehavior DefaultHeartbeatInterval
DefaultSamplingUsingCyclicRead MaxMonitoredItemPerSubscription UseDeferredAcknoledgements DefaultRebrowsePeriod
EnableSequentialPublishing SubscriptionManagementIntervalSeconds BadMonitoredItemRetryDelaySeconds
InvalidMonitoredItemRetryDelaySeconds BadMonitoredItemRetryDelayMaxSeconds InvalidMonitoredItemRetryDelayMaxSeconds
SubscriptionErrorRetryDelaySeconds DefaultUseReverseConnect DisableSubscriptionTransfer DisableComplexTypeSystem
DisableSessionPerWriterGroup IgnoreConfiguredPublishingIntervals AutoAcceptUntrustedCertificates
RejectUnknownRevocationStatus CreateSessionTimeout MinReconnectDelay MaxReconnectDelay DefaultSessionTimeout
KeepAliveInterval DefaultServiceCallTimeout DefaultConnectTimeout OperationTimeout LingerTimeoutSeconds
ReverseConnectPort MaxNodesPerReadOverride MaxNodesPerBrowseOverride NodeCacheCapacity NodeCacheTimeout
MinPublishRequests PublishRequestsPerSubscriptionPercent MaxPublishRequests DisableComplexTypePreloading
SecurityTokenLifetime ChannelLifetime MaxBufferSize MaxMessageSize MaxArrayLength MaxStringLength
MaxByteStringLength ApplicationUri ProductUri RejectSha1SignedCertificates MinimumCertificateKeySize
AddAppCertToTrustedStore ApplicationCertificateSubjectName ApplicationName PkiRootPath
ApplicationCertificateStorePath ApplicationCertificateStoreType TryConfigureFromExistingAppCert
ApplicationCertificatePassword TrustedPeerCertificatesPath TrustedPeerCertificatesType RejectedCertificateStorePath
RejectedCertificateStoreType TrustedIssuerCertificatesPath TrustedIssuerCertificatesType TrustedUserCertificatesPath
TrustedUserCertificatesType UserIssuerCertificatesPath UserIssuerCertificatesType LogLevel LogFormat
DiagnosticsInterval DiagnosticsTarget DisableResourceMonitoring ln lnh lnf len EnableOpcUaStackLogging
OpcUaKeySetLogFolderName EnableConsoleWriter OtlpCollectorEndpoint EnableOtelLogging EnableOtelTraces
OtlpExportIntervalMilliseconds OtlpMaxMetricStreams EnableMetrics OtlpRuntimeInstrumentation
OtlpTotalNameSuffixForCounters
""".split()
OLD = """
tc ic ns rf pn pa lr ss csr ab af pk pb cp tb tf tt rt it ib if rb uc rc dt dp i st sd vc as l lf lt mq fm si lc kt
sc MinSubscriptionLifetime MaxKeepAliveCount FullFeaturedMessage LegacyCompatibility ScaleTestCount LogFileName
LogFileFlushTimeSpan BypassCertVerification PublishedNodesSchemaFile
""".split()

READ = "publisher/publisher_options_test every_name_of_an_option_sets_what_the_table_says"
# That test fails when a setting of the publisher, of its sessions or of its certificates has no row in it.
EFFECT = "publisher/option_effects_test every_option_has_its_effect"
API = "tests/system/publisher_api_test.py "
# Of the program around the publisher: there is no row for these.
OF_THE_HOST = {
    "connection": ["client/module_access_test a_module_connects_to_its_gateway",
                   "publisher_runtime it says that it starts and runs, who it is, and the counts of its groups"],
    "connection.transport": ["client/module_access_test ways_have_the_names_of_opc_publisher"],
    "ca": ["publisher_runtime it says that it starts and runs, who it is, and the counts of its groups"],
    "site": ["publisher_runtime it says that it starts and runs, who it is, and the counts of its groups"],
    "api.port": [API + "a_certificate_is_kept_until_another_is_wanted"],
    "api.port.plain": [API + "what_is_no_key_opens_nothing"],
    "api.key": [API + "what_is_no_key_opens_nothing"],
    "api.certificate.renew": [API + "a_certificate_is_kept_until_another_is_wanted"],
    "api.openapi": [API + "the_openapi_document_is_served_as_asked_for"],
    "api.openapi.3": [API + "the_openapi_document_is_served_as_asked_for"],
    "log.level": ["tests/system/publisher_command_line_test.py logs_are_as_asked_for"],
    "log.format": ["tests/system/publisher_command_line_test.py logs_are_as_asked_for"],
}

ASKED = "node_opcua_publishing the options that say so for all nodes are what the server is asked for"
# What shows that a setting has its effect, beyond that the option sets it.
SHOWN = {
    **{name: [ASKED] for name in ("publishing.interval", "sampling.interval", "queue.size", "discard.new", "trigger", "keepalive.count",
                                  "lifetime.count")},
    "batch.interval": ["publisher/publisher_options_test times_are_in_the_units_of_opc_publisher"],
    "batch.size": ["publisher/publisher_options_test a_deployments_command_line_works_as_it_is"],
    "strict": ["publisher/publisher_options_test strict_has_other_defaults"],
    "mode": ["publisher/publisher_messages_test every_mode_makes_json_that_can_be_read"],
    "mode.full": ["publisher/publisher_options_test strict_has_other_defaults"],
    "credentials.encrypted": ["published/credentials_test when_forced_what_cannot_be_opened_is_left_out",
                              "published/credentials_test what_is_plain_is_encrypted_once",
                              "published/config_seal_test users_and_passwords_are_encrypted_and_all_else_stays"],
    "heartbeat.interval": ["publisher/publisher_messages_test heartbeats_repeat_what_does_not_change"],
    "skip.first": ["publisher/publisher_messages_test the_first_value_can_be_skipped"],
    "queue.auto": ["published/plan_test queues_can_hold_what_is_sampled_between_two_publishes"],
    "init.file": ["published/init_file_test requests_have_a_method_and_a_body"],
    "topic.telemetry": ["published/topic_test takes_the_nearest_template"],
    "diagnostics.interval": ["publisher/diagnostics_test rates_are_of_the_last_minute"],
    "display.names": ["published/plan_test options_hold_where_the_file_says_nothing"],
    "cyclic.reads": ["published/plan_test options_hold_where_the_file_says_nothing"],
}


def options():
    with open(PAGE, encoding="utf-8") as page:
        for line in page:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if not line.startswith("| ") or len(cells) != 3 or cells[0] == "option":
                continue
            names = [n.lstrip("-") for n in re.findall(r"`([^`]+)`", cells[0] + cells[1])]
            setting = re.match(r"`([^`]+)`", cells[2])
            row = {"option": names, "setting": setting[1] if setting else None}
            if setting:
                row["shown_by"] = [READ] + OF_THE_HOST.get(setting[1], [EFFECT]) + SHOWN.get(setting[1], [])
            else:
                row["why"] = cells[2].removeprefix("none: ")
            yield row


def every_option_has_a_setting_or_a_reason():
    rows = list(options())
    known = {name.lower() for row in rows for name in row["option"]}
    missing = [name for name in NAMES + OLD if name.lower() not in known]
    assert not missing, f"options that {PAGE} does not know: {missing}"
    assert all(row["setting"] or row["why"] for row in rows)
    gone = sorted({test for row in rows for test in row.get("shown_by", []) if not exists(test)})
    assert not gone, f"tests that do not exist: {gone}"
    strangers = set(OF_THE_HOST) - {row["setting"] for row in rows}
    assert not strangers, f"no option sets {strangers}"
    write_report("options", rows)


def run_for_a_moment(*words):
    """What it says until it ends: by itself, or because its start-up file says so."""
    with tempfile.TemporaryDirectory() as folder:
        init = os.path.join(folder, "start.init")
        with open(init, "w", encoding="utf-8") as f:
            f.write("Shutdown_V2\n\nfalse\n")
        line = [MILLRACE, "publisher", f"--pi={init}", "--health.port=0", "--api.port=-1", "--audit=none", f"--pki={folder}/pki",
                f"--queue.path={folder}/queue", f"--pf={folder}/none.json", *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr


def logs_are_as_asked_for():
    for level, least in (("Trace", "debug"), ("debug", "debug"), ("Information", "info"), ("WARNING", "warn"), ("Error", "error"), ("None", "error")):
        code, said = run_for_a_moment("-t=Null", f"--ll={level}")
        levels = {line.split()[1] for line in said.splitlines()}
        order = ["debug", "info", "warn", "error"]
        assert code == 0 and not levels & set(order[:order.index(least)]), (level, said)
        assert ("info" in levels) == (least in ("debug", "info")) and ("debug" in levels) == (least == "debug"), (level, said)
    for form in ("simple", "syslog", "systemd"):
        code, said = run_for_a_moment("-t=Null", "--lfm", form)
        assert code == 0 and re.search(r"^\S+Z info +publisher: ready ", said, re.M), (form, said)
    code, said = run_for_a_moment("-t=Null", "--log.format=json")
    assert code == 0 and all(line.startswith("{") for line in said.splitlines()), said
    code, said = run_for_a_moment("-t=Null", "--ll=Loud")
    assert code == 2 and "--ll: cannot be 'Loud'" in said, said


def a_transport_without_an_address_is_said():
    for transport, setting in (("Mqtt", "mqtt.connection"), ("EventHub", "eventhub.connection"), ("Dapr", "dapr.connection"),
                               ("Http", "http.connection"), ("FileSystem", "output"), ("Kafka", "kafka.connection")):
        code, said = run_for_a_moment("-t", transport)
        assert code == 1 and f"transport {transport} needs the setting '{setting}'" in said, said
    code, said = run_for_a_moment("-t=AioMqtt")
    assert code == 1 and "transport AioMqtt is not there: it belongs to the broker of Azure IoT Operations" in said, said
    code, said = run_for_a_moment()
    assert code == 1 and "the setting 'connection' is needed" in said, said


def a_deployments_command_line_is_accepted():
    with tempfile.TemporaryDirectory() as folder:
        nodes = os.path.join(folder, "pn.json")
        with open(nodes, "w", encoding="utf-8") as f:
            f.write('[{"EndpointUrl": "opc.tcp://plc:4840", "OpcNodes": [{"Id": "i=2258"}]}]')
        line = [MILLRACE, "publisher", f"--pf={nodes}", "--aa", "--mm=PubSub", "--bs=1", "--check.file"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "1 groups, 1 writers, 1 nodes" in done.stdout, done.stdout


def an_option_that_came_later_stops_nothing_but_a_check():
    line = [MILLRACE, "publisher", "--newoption=7", "--check"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "newoption" in done.stderr, done.stderr


def where_a_value_comes_from_is_shown_in_its_own_words():
    environment = {**os.environ, "BatchSize": "7", "DefaultQueueSize": "9"}
    line = [MILLRACE, "publisher", "--hb", "30", "--qs=3", "--show-origin"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    for want in (r"batch\.size +7 +BatchSize", r"heartbeat\.interval +30s +--hb", r"queue\.size +3 +--qs"):
        assert re.search(want, done.stdout), f"{want} is not in {done.stdout}"


if __name__ == "__main__":
    run_tests(every_option_has_a_setting_or_a_reason, logs_are_as_asked_for, a_transport_without_an_address_is_said, a_deployments_command_line_is_accepted,
              an_option_that_came_later_stops_nothing_but_a_check, where_a_value_comes_from_is_shown_in_its_own_words)

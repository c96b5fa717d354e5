#!/usr/bin/env python3
"""Every property of publishednodes.json that OPC Publisher has, and the tests that show it, or why it is not there:
build/reports/publisher-options.json. A property without a test, and a test that does not exist, fail."""
import json
import os
import re
import subprocess

from platform_of_tests import MILLRACE, ROOT, run_tests

REPORT = os.path.join(ROOT, "build/reports/publisher-options.json")

# As OPC Publisher's own models name them, 2.5 to 2.9.
ENTRY = """
EndpointUrl Version LastChangeDateTime LastChangeTimespan PublisherId DataSetWriterGroup DataSetWriterId DataSetName
DataSetDescription DataSetClassId DataSetType DataSetSubject DataSetSourceUri DataSetRootNodeId WriterGroupRootNodeId
WriterGroupType WriterGroupProperties DataSetPublishingInterval DataSetPublishingIntervalTimespan
DataSetSamplingInterval DataSetSamplingIntervalTimespan DataSetKeyFrameCount DataSetExtensionFields
DataSetFetchDisplayNames DataSetRouting MetaDataUpdateTime MetaDataUpdateTimeTimespan MetaDataQueueName
MetaDataRetention MetaDataTtlTimespan SendKeepAliveDataSetMessages SendKeepAliveAsKeyFrameMessages MaxKeepAliveCount
Priority RepublishAfterTransfer DisableSubscriptionTransfer OpcNodeWatchdogTimespan OpcNodeWatchdogCondition
DataSetWriterWatchdogBehavior DefaultHeartbeatInterval DefaultHeartbeatIntervalTimespan DefaultHeartbeatBehavior
UseSecurity EndpointSecurityMode EndpointSecurityPolicy OpcAuthenticationMode OpcAuthenticationUsername
OpcAuthenticationPassword EncryptedAuthUsername EncryptedAuthPassword UseReverseConnect DumpConnectionDiagnostics
MessagingMode MessageEncoding WriterGroupTransport WriterGroupTransportConfiguration WriterGroupQueueName
WriterGroupQualityOfService WriterGroupMessageTtlTimepan WriterGroupMessageRetention WriterGroupPartitions BatchSize
BatchTriggerInterval BatchTriggerIntervalTimespan QueueName QualityOfService MessageTtlTimespan MessageRetention NodeId
OpcNodes Tag
""".split()
NODE = """
Id ExpandedNodeId BrowsePath AttributeId IndexRange DataSetFieldId DataSetClassFieldId DisplayName FetchDisplayName
OpcSamplingInterval OpcSamplingIntervalTimespan OpcPublishingInterval OpcPublishingIntervalTimespan QueueSize DiscardNew
SkipFirst DataChangeTrigger DeadbandType DeadbandValue HeartbeatInterval HeartbeatIntervalTimespan HeartbeatBehavior
UseCyclicRead CyclicReadMaxAge CyclicReadMaxAgeTimespan RegisterNode EventFilter ConditionHandling ModelChangeHandling
TriggeredNodes Topic QualityOfService TypeDefinitionId MethodMetadata
""".split()

# How each is read, what comes of it, and what it refuses: a row of config_property_test.c, which itself fails when a
# property has none. Here is what shows it further: in messages, on servers, in the file.
READ = {"entry": ["published/config_property_test entry_properties_have_their_effect",
                  "published/config_property_test wrong_values_of_entries_are_refused_alone"],
        "node": ["published/config_property_test node_properties_have_their_effect",
                 "published/config_property_test wrong_values_of_nodes_are_refused_alone"]}

SHOWN = {
    "entry": {
        "Version": "published/config_edit_test versions_count_and_the_time_is_of_the_last_change",
        "LastChangeDateTime": "published/config_edit_test versions_count_and_the_time_is_of_the_last_change",
        "LastChangeTimespan": "published/config_edit_test versions_count_and_the_time_is_of_the_last_change",
        "PublisherId": "publisher/publisher_messages_test pubsub_messages_are_those_of_opc_publisher",
        "DataSetWriterGroup": "publisher/publisher_messages_test pubsub_messages_are_those_of_opc_publisher",
        "DataSetWriterId": "published/plan_test publishing_intervals_split_writers",
        "DataSetDescription": "published/plan_test what_is_told_is_the_first_entry_s",
        "DataSetPublishingInterval": "writers/engine_test another_publishing_interval_does_not_make_writers_anew",
        "DataSetSamplingInterval": "published/plan_test the_nearest_word_wins",
        "DataSetKeyFrameCount": "publisher/publisher_messages_test key_frames_have_all_values",
        "DataSetExtensionFields": "writers/golden_test extension_fields_are_fields_of_every_frame",
        "DataSetRouting": "published/plan_test each_node_is_a_writer_with_routing_by_browse_names",
        "OpcAuthenticationMode": "opcua/session_security_test a_user_name_is_accepted",
        "OpcAuthenticationUsername": "published/plan_test users_and_endpoints_are_different_writers_of_one_group",
        "EncryptedAuthUsername": "published/credentials_test what_is_encrypted_is_opened_once",
        "EncryptedAuthPassword": "published/credentials_test what_is_encrypted_is_opened_once",
        "EndpointSecurityPolicy": "opcua/session_security_test a_user_with_a_certificate_is_accepted_under_each_policy",
        "MetaDataUpdateTime": "publisher/publisher_messages_test metadata_comes_again_on_schedule",
        "DataSetClassId": "writers/golden_metadata_test metadata_is_as_in_the_files",
        "RepublishAfterTransfer": "opcua/subscription_test what_was_lost_on_the_way_is_republished",
        "DisableSubscriptionTransfer": "opcua/subscription_test a_new_session_takes_the_subscription_along",
        "MetaDataQueueName": "published/topic_test sends_metadata_where_its_template_says",
        "EndpointSecurityMode": "opcua/session_security_test signing_works",
        "UseSecurity": "opcua/session_security_test the_best_is_taken_from_what_there_is",
        "MessagingMode": "publisher/publisher_messages_test every_mode_makes_json_that_can_be_read",
        "MessageEncoding": "writers/golden_test uadp_is_as_in_the_files",
        "WriterGroupQueueName": "published/topic_test takes_the_nearest_template",
        "QueueName": "published/plan_test values_events_and_routes_part",
        "QualityOfService": "published/plan_test values_events_and_routes_part",
        "BatchSize": "publisher/publisher_messages_test a_batch_of_one_is_no_array",
        "NodeId": "published/config_test reads_the_spelling_of_2_5",
        "OpcNodes": "published/config_test one_bad_node_leaves_the_others",
    },
    "node": {
        "ExpandedNodeId": "published/config_test reads_the_spelling_of_2_8",
        "DataSetFieldId": "published/plan_test the_nearest_word_wins",
        "DisplayName": "publisher/publisher_messages_test samples_are_those_of_opc_publisher",
        "OpcSamplingIntervalTimespan": "published/config_test a_time_span_beats_the_number_beside_it",
        "OpcPublishingInterval": "published/plan_test publishing_intervals_split_writers",
        "QueueSize": "published/plan_test queues_can_hold_what_is_sampled_between_two_publishes",
        "SkipFirst": "publisher/publisher_messages_test the_first_value_can_be_skipped",
        "HeartbeatInterval": "publisher/publisher_messages_test heartbeats_repeat_what_does_not_change",
        "EventFilter": "publisher/publisher_messages_test events_are_sent_with_their_fields",
        "ConditionHandling": "published/plan_test conditions_and_model_changes_have_their_intervals",
        "ModelChangeHandling": "published/plan_test conditions_and_model_changes_have_their_intervals",
        "UseCyclicRead": "published/plan_test options_hold_where_the_file_says_nothing",
        "FetchDisplayName": "published/plan_test options_hold_where_the_file_says_nothing",
        "DataSetClassFieldId": "publisher/publisher_messages_test metadata_comes_before_the_first_values",
        "Topic": "published/plan_test values_events_and_routes_part",
        "QualityOfService": "published/plan_test values_events_and_routes_part",
    },
}

# On servers of other makes, from a file: a test of tests/interop.
PUBLISHING = "node_opcua_publishing "
NAMES = PUBLISHING + "display names are asked for, and are the names of samples and of fields"
PATHS = PUBLISHING + "a browse path leads to the node, from the writer\\'s root, a node, or Root; a wrong one fails alone"
CYCLIC = PUBLISHING + "nodes are read in cycles, registered before, and no item watches them"
TRIGGERED = PUBLISHING + "triggered nodes are told when their trigger is, and not else"
HEARTBEAT = PUBLISHING + "a value that does not change is told again, and as uncertain when the server is away"
LATE = PUBLISHING + "nodes that say nothing are late, and the subscription begins anew"
ASKED = PUBLISHING + "what nodes and entries say of sampling, queues, filters and subscriptions is what the server is asked for"
ROUTES = "transports what a writer and a node say of topic, quality, time to live, retention and themselves is what the broker gets"
ALIVE = PUBLISHING + "a subscription without news is a message, which may have all values"
BEATS = PUBLISHING + "an entry says for all its nodes how values are told again"
GROUPS = "transports mosquitto, MQTT 3.1.1 and exactly once; retained, and by partitions"
WAYS = "transports transports for each group, and those that are refused"
INTEROP = {
    "entry": {
        **{name: ASKED for name in ("DataSetPublishingInterval", "DataSetSamplingInterval", "MaxKeepAliveCount", "Priority")},
        **{name: ALIVE for name in ("SendKeepAliveDataSetMessages", "SendKeepAliveAsKeyFrameMessages")},
        **{name: BEATS for name in ("DefaultHeartbeatInterval", "DefaultHeartbeatBehavior")},
        "OpcAuthenticationPassword": "publisher_security every policy, signed and encrypted, with nobody and with a user name",
        **{name: ROUTES for name in (
            "PublisherId", "DataSetWriterId", "DataSetName", "DataSetType", "DataSetSubject", "DataSetSourceUri", "DataSetClassId",
            "WriterGroupQueueName", "QueueName", "QualityOfService", "MessageTtlTimespan", "MessageRetention", "MetaDataQueueName",
            "MetaDataRetention", "MetaDataTtlTimespan", "MetaDataUpdateTimeTimespan")},
        **{name: GROUPS for name in ("WriterGroupQualityOfService", "WriterGroupMessageRetention", "WriterGroupPartitions")},
        **{name: WAYS for name in ("WriterGroupTransport", "WriterGroupTransportConfiguration")},
        "WriterGroupMessageTtlTimepan": "transports mosquitto, MQTT 5: topics, user properties, content type, expiry; nothing lost when the broker goes",
        "EndpointUrl": "node_opcua_connections another server takes the place of one that died, and gives it back when it is not well itself",
        "UseReverseConnect": "node_opcua_connections a server that dials is published, and again after its connection broke",
        "DataSetFetchDisplayNames": NAMES,
        "DataSetRootNodeId": PATHS,
        "DumpConnectionDiagnostics": PUBLISHING + "what servers count about the session is said in the log",
        "OpcNodeWatchdogTimespan": LATE,
        "OpcNodeWatchdogCondition": LATE,
        "DataSetWriterWatchdogBehavior": LATE,
    },
    "node": {
        **{name: ASKED for name in ("Id", "AttributeId", "IndexRange", "OpcSamplingInterval", "QueueSize", "DiscardNew", "DataChangeTrigger",
                                    "DeadbandType", "DeadbandValue")},
        "Topic": ROUTES,
        "QualityOfService": ROUTES,
        "FetchDisplayName": NAMES,
        "BrowsePath": PATHS,
        "UseCyclicRead": CYCLIC,
        "CyclicReadMaxAge": CYCLIC,
        "RegisterNode": CYCLIC,
        "TriggeredNodes": TRIGGERED,
        "HeartbeatInterval": HEARTBEAT,
        "HeartbeatBehavior": HEARTBEAT,
        "ModelChangeHandling": PUBLISHING + "a node that comes is told as a change of the model",
    },
}

# Known, and of no effect or less than there.
WHY = {
    "entry": {
        "WriterGroupRootNodeId": "told alone, as in OPC Publisher; it parts writer groups",
        "WriterGroupType": "told alone, as in OPC Publisher; it parts writer groups",
        "WriterGroupProperties": "told alone, as in OPC Publisher",
        "EncryptedAuthUsername": "opened by the IoT Edge workload API; without it the entry goes on as Anonymous, as in OPC "
                                 "Publisher, and a finding says so. With --fe what methods add is encrypted there, too",
        "EncryptedAuthPassword": "see EncryptedAuthUsername",
        "MessageEncoding": "Xml is refused with its reason",
        "WriterGroupTransport": "AioMqtt and AioDss are refused with their reason",
        "Tag": "2.5's, without effect since 2.8",
    },
    "node": {
        "TypeDefinitionId": "told alone, as in OPC Publisher",
        "MethodMetadata": "told alone, as in OPC Publisher",
    },
}


def exists(test, seen={}):
    where, name = test.split(" ", 1)
    if where.endswith(".py"):
        with open(os.path.join(ROOT, where), encoding="utf-8") as f:
            return re.search(rf"^def {name}\(", f.read(), re.M) is not None
    path = os.path.join(ROOT, "tests/interop", where + ".test.mjs")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            return name in f.read()
    for folder in ("src", "lib"):
        path = os.path.join(ROOT, folder, where + ".c")
        if path not in seen and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                seen[path] = f.read()
        if re.search(rf"(cmocka_unit_test\w*|\bTEST)\({name}\b", seen.get(path, "")):
            return True
    return False


def properties():
    schema = json.loads(subprocess.run([MILLRACE, "publisher", "--schema"], check=True, stdout=subprocess.PIPE).stdout)
    for of, names in (("entry", ENTRY), ("node", NODE)):
        known = schema["definitions"][of]["properties"]
        for name in names + [n for n in known if n not in names]:
            row = {"property": name, "of": of, "of_opc_publisher": name in names, "known": name in known,
                   "shown_by": READ[of] + [table[of][name] for table in (SHOWN, INTEROP) if name in table[of]]}
            if name in WHY[of]:
                row["why"] = WHY[of][name]
            yield row


def write_report(part, rows):
    """The report has parts; each test of one writes its own."""
    os.makedirs(os.path.dirname(REPORT), exist_ok=True)
    try:
        with open(REPORT, encoding="utf-8") as f:
            report = json.load(f)
    except (OSError, ValueError):
        report = {}
    report[part] = rows
    with open(REPORT, "w", encoding="utf-8") as f:
        json.dump(report, f, indent=1)


def every_property_is_known_and_shown():
    rows = list(properties())
    unknown = [r["property"] for r in rows if not r["known"] and "why" not in r]
    assert not unknown, f"of OPC Publisher and not known: {unknown}"
    missing = sorted({test for r in rows for test in r["shown_by"] if not exists(test)})
    assert not missing, f"tests that do not exist: {missing}"
    write_report("properties", rows)


def no_row_is_about_a_property_that_is_not_there():
    for table in (SHOWN, INTEROP, WHY):
        for of, names in (("entry", ENTRY), ("node", NODE)):
            strangers = [name for name in table[of] if name not in names]
            assert not strangers, f"no property of {of}: {strangers}"


if __name__ == "__main__":
    run_tests(every_property_is_known_and_shown, no_row_is_about_a_property_that_is_not_there)

"""azure-iot-device over MQTT and over WebSocket, and azure-iot-hub, as they are; called by python_sdks.test.mjs."""
import json
import os
import threading
import time
import uuid

import certifi

authority = os.environ['NODE_EXTRA_CA_CERTS']
os.environ['REQUESTS_CA_BUNDLE'] = authority
certifi.where = lambda: authority  # uamqp, under azure-iot-hub, takes its authorities from there alone

from azure.eventhub import EventHubConsumerClient  # noqa: E402
from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message, MethodResponse, X509  # noqa: E402
from azure.iot.hub import DigitalTwinClient, IoTHubConfigurationManager, IoTHubJobManager, IoTHubRegistryManager  # noqa: E402
from azure.iot.hub.models import CloudToDeviceMethod, Configuration, ConfigurationContent, QuerySpecification, Twin, TwinProperties  # noqa: E402

hub = os.environ['MILLRACE_HUB']
owner = os.environ['MILLRACE_HUB_OWNER']
certificate = json.loads(os.environ['CERTIFICATE'])
trust = open(authority).read()
registry = IoTHubRegistryManager.from_connection_string(owner)


class Stream:
    """All events, by message id."""

    def __init__(self):
        self.events = {}
        self.client = EventHubConsumerClient.from_connection_string(
            os.environ['MILLRACE_HUB_EVENTS'], consumer_group='python', connection_verify=authority)
        self.thread = threading.Thread(target=lambda: self.client.receive(
            on_event=lambda p, e: e and self.events.__setitem__(e.message_id, e), starting_position='-1', max_wait_time=1))
        self.thread.start()

    def close(self):
        self.client.close()
        self.thread.join()


def until(what, condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError('waited %d s for %s' % (seconds, what))


def created(**more):
    name = 'py-%s' % uuid.uuid4()
    device = registry.create_device_with_sas(name, '', '', 'enabled', **more)
    return name, 'HostName=%s;DeviceId=%s;SharedAccessKey=%s' % (hub, name, device.authentication.symmetric_key.primary_key)


def telemetry(stream, client, device, module=None, send=None):
    message = Message(json.dumps({'at': 1}), message_id=str(uuid.uuid4()), content_type='application/json', content_encoding='utf-8')
    message.custom_properties['k ey'] = 'v&al'
    (send or client.send_message)(message)
    event = until('the event', lambda: stream.events.get(message.message_id))
    assert event.body_as_json() == {'at': 1}
    assert event.properties[b'k ey'] == b'v&al', event.properties
    assert event.system_properties[b'iothub-connection-device-id'] == device.encode()
    assert event.system_properties.get(b'iothub-connection-module-id') == (module and module.encode())


def twin(client, get, update):
    assert client.get_twin()['desired']['$version'] == 1
    client.patch_twin_reported_properties({'firmware': {'version': '1.2'}})
    assert get().properties.reported['firmware']['version'] == '1.2'
    patches = []
    client.on_twin_desired_properties_patch_received = patches.append
    update(Twin(properties=TwinProperties(desired={'rate': 5})))
    assert until('the patch', lambda: patches)[0] == {'rate': 5, '$version': 2}


def method(client, invoke):
    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, {'got': request.payload}))
    client.on_method_request_received = answer
    reply = invoke(CloudToDeviceMethod(method_name='echo', payload={'a': [1]}, response_timeout_in_seconds=10, connect_timeout_in_seconds=5))
    assert (reply.status, reply.payload) == (200, {'got': {'a': [1]}}), reply.as_dict()


def to_device(client, device):
    got = []
    client.on_message_received = got.append
    registry.send_c2d_message(device, 'hello', {'messageId': 'one', 'k ey': 'v&al'})
    message = until('the message', lambda: got)[0]
    assert message.data == b'hello' and message.message_id == 'one'
    assert message.custom_properties == {'k ey': 'v&al'}, message.custom_properties


def upload(client, device):
    place = client.get_storage_info_for_blob('a.txt')
    assert place['blobName'] == device + '/a.txt', place
    client.notify_blob_upload_status(place['correlationId'], False, 500, 'it was not sent')


def device_client(stream, websockets):
    name, text = created()
    client = IoTHubDeviceClient.create_from_connection_string(text, server_verification_cert=trust, websockets=websockets)
    client.connect()
    telemetry(stream, client, name)
    twin(client, lambda: registry.get_twin(name), lambda t: registry.update_twin(name, t, '*'))
    method(client, lambda m: registry.invoke_device_method(name, m))
    to_device(client, name)
    upload(client, name)
    client.shutdown()


def module_client(stream, websockets):
    name, _ = created()
    module = registry.create_module_with_sas(name, 'm', '', '', '')
    client = IoTHubModuleClient.create_from_connection_string(
        'HostName=%s;DeviceId=%s;ModuleId=m;SharedAccessKey=%s' % (hub, name, module.authentication.symmetric_key.primary_key),
        server_verification_cert=trust, websockets=websockets)
    client.connect()
    telemetry(stream, client, name, 'm')
    telemetry(stream, client, name, 'm', lambda m: client.send_message_to_output(m, 'out1'))
    twin(client, lambda: registry.get_module_twin(name, 'm'), lambda t: registry.update_module_twin(name, 'm', t, '*'))
    method(client, lambda m: registry.invoke_device_module_method(name, 'm', m))
    client.shutdown()


def certificate_client(stream, websockets):
    name = 'py-%s' % uuid.uuid4()
    registry.create_device_with_x509(name, certificate['sha1'], certificate['sha256'], 'enabled')
    client = IoTHubDeviceClient.create_from_x509_certificate(
        x509=X509(certificate['certFile'], certificate['keyFile']), hostname=hub, device_id=name,
        server_verification_cert=trust, websockets=websockets)
    client.connect()
    telemetry(stream, client, name)
    client.shutdown()


def registry_manager():
    name, _ = created(iot_edge=True)
    assert registry.get_device(name).capabilities.iot_edge
    updated = registry.update_device_with_sas(name, registry.get_device(name).etag, '', '', 'disabled', True)
    assert updated.status == 'disabled'
    registry.update_twin(name, Twin(tags={'site': 'python'}), '*')
    found = registry.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE tags.site='python'"))
    assert [t.device_id for t in found.items] == [name]
    assert any(d.device_id == name for d in registry.get_devices())
    assert registry.get_device_registry_statistics().total_device_count > 0
    assert registry.get_service_statistics().connected_device_count >= 0
    assert {m.module_id for m in registry.get_modules(name)} == {'$edgeAgent', '$edgeHub'}
    registry.delete_device(name)
    try:
        registry.get_device(name)
        raise AssertionError('it was deleted')
    except Exception as e:
        assert 'DeviceNotFound' in str(e) or '404' in str(e) or 'Not Found' in str(e), e


def other_managers():
    configurations = IoTHubConfigurationManager.from_connection_string(owner)
    made = configurations.create_configuration(Configuration(
        id='python', schema_version='1.0', priority=1, target_condition="tags.site='nowhere'",
        content=ConfigurationContent(device_content={'properties.desired.rate': 3})))
    assert configurations.get_configuration('python').content.device_content == {'properties.desired.rate': 3}
    configurations.delete_configuration('python', made.etag)
    jobs = IoTHubJobManager.from_connection_string(owner)
    assert isinstance(jobs.get_import_export_jobs(), list)
    name, _ = created()
    twins = DigitalTwinClient.from_connection_string(owner)
    assert twins.get_digital_twin(name)['$dtId'] == name


def main():
    stream = Stream()
    try:
        for websockets in (False, True):
            for check in (device_client, module_client, certificate_client):
                check(stream, websockets)
                print('%s%s' % (check.__name__, ' over WebSocket' if websockets else ''), flush=True)
        for check in (registry_manager, other_managers):
            check()
            print(check.__name__, flush=True)
    finally:
        stream.close()


main()

"""azure-eventhub (pyamqp) against the Event-Hub-compatible endpoint; called by amqp_python.test.mjs."""
import os
import sys
import threading
import time

from azure.eventhub import EventHubConsumerClient, TransportType

connection = os.environ['MILLRACE_HUB_EVENTS']
authority = os.environ['NODE_EXTRA_CA_CERTS']
device, count = sys.argv[1], int(sys.argv[2])


def client(text=connection, **options):
    return EventHubConsumerClient.from_connection_string(
        text, consumer_group='$Default', connection_verify=authority, **options)


def until(condition, seconds=20):
    end = time.time() + seconds
    while not condition() and time.time() < end:
        time.sleep(0.05)
    assert condition(), 'waited %d s' % seconds


def reads_all_in_order(transport):
    reader = client(transport_type=transport)
    properties = reader.get_eventhub_properties()
    assert properties['partition_ids'] == ['0', '1', '2', '3'], properties
    stands = [reader.get_partition_properties(p) for p in properties['partition_ids']]
    assert sum(s['last_enqueued_sequence_number'] - s['beginning_sequence_number'] + 1 for s in stands) >= count
    events = []

    def on_batch(partition, batch):
        for e in batch:
            if e.system_properties.get(b'iothub-connection-device-id') == device.encode():
                events.append((partition.last_enqueued_event_properties, e))

    thread = threading.Thread(target=lambda: reader.receive_batch(
        on_event_batch=on_batch, starting_position='-1', max_wait_time=1, track_last_enqueued_event_properties=True))
    thread.start()
    try:
        until(lambda: len(events) >= count)
    finally:
        reader.close()
        thread.join()
    assert [e.body_as_json()['i'] for _, e in events] == list(range(count))
    assert [e.message_id for _, e in events] == ['%s-%d' % (device, i) for i in range(count)]
    assert events[0][1].properties == {b'parity': b'even'}, events[0][1].properties
    last, e = events[-1]
    assert last['sequence_number'] >= e.sequence_number
    assert e.content_type == 'application/json'


def is_pushed_out():
    first, second = client(retry_total=0), client(retry_total=0)
    errors = []
    threads = [
        threading.Thread(target=lambda: first.receive(
            on_event=lambda p, e: None, on_error=lambda p, e: errors.append(e), partition_id='0', owner_level=1, max_wait_time=1)),
        threading.Thread(target=lambda: second.receive(
            on_event=lambda p, e: None, partition_id='0', owner_level=2, max_wait_time=1)),
    ]
    threads[0].start()
    time.sleep(2)  # no event tells that the first one reads
    threads[1].start()
    try:
        until(lambda: errors)
    finally:
        first.close()
        second.close()
        for t in threads:
            t.join()
    assert 'amqp:link:stolen' in str(errors[0]), errors


def is_refused():
    wrong = client(connection.replace('EntityPath=', 'EntityPath=no'), retry_total=0)
    try:
        wrong.get_eventhub_properties()
        raise AssertionError('there is no such entity')
    except AssertionError:
        raise
    except Exception as e:  # its type differs between versions
        assert '404' in str(e), e
    finally:
        wrong.close()


reads_all_in_order(TransportType.Amqp)
reads_all_in_order(TransportType.AmqpOverWebsocket)
is_pushed_out()
is_refused()

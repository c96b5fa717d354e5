"""A device by uamqp, the C library below Azure's C and older Python SDKs: MSSBCBS and $cbs, a batch of
Microsoft's format, C2D messages with outcomes, SASL PLAIN. Arguments: host, device, token, CA file."""
import sys
import time
import uamqp
from uamqp import authentication, constants

host, device, token, ca = sys.argv[1:5]
audience = f'{host}/devices/{device}'
events = f'amqps://{host}/devices/{device}/messages/events'
bound = f'amqps://{host}/devices/{device}/messages/deviceBound'


def by_token():
    return authentication.SASTokenAuth(audience, f'amqps://{audience}', token, expires_at=int(time.time()) + 600, verify=ca)


def send(auth, messages):
    client = uamqp.SendClient(events, auth=auth)
    for m in messages:
        client.queue_message(m)
    results = client.send_all_messages()
    assert all(r == constants.MessageState.SendComplete for r in results), results


def message(i):
    return uamqp.Message(b'%d' % i, properties=uamqp.message.MessageProperties(message_id=f'm{i}', content_type='application/json'),
                         application_properties={'n': i})


def batch():
    return uamqp.message.BatchMessage((b'%d' % i for i in range(3)), application_properties={'from': 'batch'})


send(by_token(), [batch(), message(3)])
send(authentication.SASLPlain(host, f'{device}@sas.{host.split(".")[0]}', token, verify=ca), [message(4)])

receiver = uamqp.ReceiveClient(bound, auth=by_token(), timeout=20000, prefetch=10, auto_complete=False)
got = []
for m in receiver.receive_messages_iter():
    text = b''.join(m.get_data()).decode()
    count = m.header.delivery_count or 0
    got.append((text, count))
    if text == 'again' and count == 0:
        m.release()
    elif text == 'never':
        m.reject(condition='amqp:internal-error', description='not this one')
    else:
        m.accept()
    if sorted(got) == [('again', 0), ('again', 1), ('never', 0), ('once', 0)]:
        break
receiver.close()
assert ('again', 1) in got, got

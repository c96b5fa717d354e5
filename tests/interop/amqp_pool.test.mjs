// Many devices on one AMQP connection, by rhea alone, with tokens on $cbs, SASL PLAIN, and a policy's token.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, randomUUID} from 'node:crypto';
import {once as onceEvent} from 'node:events';
import {mkdtempSync, readFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import rhea from 'rhea';
import {eventHubs, readUntil} from './events.mjs';

const hub = process.env.MILLRACE_HUB;
const owner = process.env.MILLRACE_HUB_OWNER;
const registry = iothub.Registry.fromConnectionString(owner);
const service = iothub.Client.fromConnectionString(owner);
const soon = () => Math.ceil(Date.now() / 1000) + 600;
const within = (promise, what, ms = 10000) => Promise.race(
    [promise, new Promise((_, no) => setTimeout(() => no(new Error(`no ${what} within ${ms} ms`)), ms).unref())]);
const once = (emitter, name) => within(onceEvent(emitter, name).then(a => a[0]), name);

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  return {id, key: responseBody.authentication.symmetricKey.primaryKey};
}

const sas = (path, key, policy) => common.SharedAccessSignature.create(hub + path, policy, key, soon()).toString();

async function connect(options = {}) {
  const container = rhea.create_container();
  const connection = container.connect({host: hub, port: 5671, transport: 'tls', ca: readFileSync(process.env.NODE_EXTRA_CA_CERTS),
                                        reconnect: false, ...options});
  await once(connection, 'connection_open');
  return connection;
}

// One pair of $cbs links; put(audience, token) resolves to the status code.
async function cbs(connection) {
  const sender = connection.open_sender('$cbs');
  const receiver = connection.open_receiver('$cbs');
  await once(sender, 'sendable');
  const waiting = new Map();
  receiver.on('message', ({message}) => waiting.get(message.correlation_id)?.(message.application_properties['status-code']));
  return (audience, token) => within(new Promise(resolve => {
    const id = randomUUID();
    waiting.set(id, resolve);
    sender.send({message_id: id, to: '$cbs', reply_to: 'cbs', body: token,
                 application_properties: {operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: audience}});
  }), 'answer of $cbs');
}

// The outcome's name.
async function send(sender, message, tag) {
  const delivery = sender.send(message, tag);
  return within(new Promise(resolve => {
    for (const outcome of ['accepted', 'rejected', 'released', 'modified'])
      sender.on(outcome, e => e.delivery === delivery && resolve(outcome === 'rejected' ? `rejected ${e.delivery.remote_state.error?.condition}` : outcome));
  }), 'outcome');
}

async function openSender(connection, address) {
  const sender = connection.open_sender({target: address, source: 'me'});
  await within(new Promise((resolve, reject) => {
    sender.on('sendable', resolve);
    sender.on('sender_error', e => reject(new Error(e.sender.error.condition)));
  }), 'credit');
  return sender;
}

test('rhea: twenty devices on one connection send, are called and have twins of their own', async () => {
  const devices = await Promise.all([...Array(20)].map((_, i) => create(`pool-${i}-${randomUUID()}`)));
  const connection = await connect();
  const put = await cbs(connection);
  for (const d of devices)
    assert.equal(await put(`${hub}/devices/${d.id}`, sas(`/devices/${d.id}`, d.key)), 200);
  await Promise.all(devices.map(async (d, i) => {
    const sender = await openSender(connection, `/devices/${d.id}/messages/events`);
    for (let n = 0; n < 5; n++)
      assert.equal(await send(sender, {body: rhea.message.data_section(Buffer.from(JSON.stringify({i, n}))), content_type: 'application/json'}), 'accepted');
    const properties = {'com.microsoft:channel-correlation-id': `methods:${d.id}`, 'com.microsoft:api-version': '2021-04-12'};
    const replies = await openSender(connection, `/devices/${d.id}/methods/devicebound`);
    const calls = connection.open_receiver({source: `/devices/${d.id}/methods/devicebound`, target: 'me', properties});
    calls.on('message', ({message}) => replies.send({correlation_id: rhea.types.wrap_uuid(message.correlation_id),
      application_properties: {'IoThub-status': rhea.types.wrap_int(200)}, body: rhea.message.data_section(Buffer.from(JSON.stringify({i})))}));
    await once(calls, 'receiver_open');
    const {result} = await service.invokeDeviceMethod(d.id, {methodName: 'who', payload: null, connectTimeoutInSeconds: 5, responseTimeoutInSeconds: 10});
    assert.deepEqual(result, {status: 200, payload: {i}});
    const answers = connection.open_receiver({source: `/devices/${d.id}/twin`, target: 'me'});
    const requests = await openSender(connection, `/devices/${d.id}/twin`);
    const answer = once(answers, 'message');
    requests.send({correlation_id: 'r', message_annotations: {operation: 'PATCH', resource: '/properties/reported'},
                   body: rhea.message.data_section(Buffer.from(JSON.stringify({i})))});
    const {message} = await answer;
    assert.equal(message.correlation_id, 'r');
    assert.equal(message.message_annotations.status, 200);
    assert.equal((await registry.getTwin(d.id)).responseBody.properties.reported.i, i);
  }));
  const ids = new Map(devices.map((d, i) => [d.id, i]));
  const of = all => all.filter(e => ids.has(e.systemProperties['iothub-connection-device-id']));
  const events = of(await readUntil(all => of(all).length >= 100, eventHubs.earliestEventPosition));
  for (const e of events)
    assert.equal(e.body.i, ids.get(e.systemProperties['iothub-connection-device-id']));
  assert.equal((await registry.getTwin(devices[7].id)).responseBody.connectionState, 'Connected');
  connection.close();
  await once(connection, 'connection_close');
});

test('rhea: another connection takes one device, and the others stay', async () => {
  const [a, b] = await Promise.all(['a', 'b'].map(x => create(`pool-${x}-${randomUUID()}`)));
  const first = await connect();
  const put = await cbs(first);
  const senders = [];
  for (const d of [a, b]) {
    await put(`${hub}/devices/${d.id}`, sas(`/devices/${d.id}`, d.key));
    senders.push(await openSender(first, `/devices/${d.id}/messages/events`));
  }
  const lost = once(senders[0], 'sender_error');
  const second = await connect();
  await (await cbs(second))(`${hub}/devices/${a.id}`, sas(`/devices/${a.id}`, a.key));
  const newer = await openSender(second, `/devices/${a.id}/messages/events`);
  assert.equal((await lost).sender.error.condition, 'amqp:link:stolen');
  assert.equal(await send(senders[1], {body: 'b'}), 'accepted');
  assert.equal(await send(newer, {body: 'a'}), 'accepted');
  first.close();
  second.close();
});

test('rhea: SASL PLAIN as a device, and as a policy that may be any device', async () => {
  const d = await create(`plain-${randomUUID()}`);
  const name = hub.split('.')[0];
  const one = await connect({username: `${d.id}@sas.${name}`, password: sas(`/devices/${d.id}`, d.key)});
  assert.equal(await send(await openSender(one, `/devices/${d.id}/messages/events`), {body: 'mine'}), 'accepted');
  await assert.rejects(openSender(one, '/devices/somebody-else/messages/events'), /amqp:unauthorized-access/);
  one.close();
  const [, policy, key] = /SharedAccessKeyName=([^;]+);SharedAccessKey=(.+)$/.exec(owner);
  const any = await connect({username: `${policy}@sas.root.${name}`, password: sas('', key, policy)});
  assert.equal(await send(await openSender(any, `/devices/${d.id}/messages/events`), {body: 'for it'}), 'accepted');
  await assert.rejects(openSender(any, '/devices/not-there/messages/events'), /amqp:/);
  any.close();
  const gateway = await connect(); /* and the same by $cbs, for the whole hub */
  assert.equal(await (await cbs(gateway))(hub, sas('', key, policy)), 200);
  assert.equal(await send(await openSender(gateway, `/devices/${d.id}/messages/events`), {body: 'by its gateway'}), 'accepted');
  gateway.close();
});

test('rhea: a certificate instead of a token, with SASL EXTERNAL, ANONYMOUS and none', async () => {
  const id = `external-${randomUUID()}`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-x509-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map(f => path.join(folder, f));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                           '-subj', `/CN=${id}`, '-keyout', key, '-out', cert], {stdio: 'ignore'});
  const thumbprint = createHash('sha1').update(execFileSync('openssl', ['x509', '-in', cert, '-outform', 'DER'])).digest('hex');
  await registry.create({deviceId: id, authentication: {type: 'selfSigned', x509Thumbprint: {primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint}}});
  for (const options of [{enable_sasl_external: true}, {username: 'anyone'}, {}]) {
    const connection = await connect({...options, key: readFileSync(key), cert: readFileSync(cert)});
    assert.equal(await send(await openSender(connection, `/devices/${id}/messages/events`), {body: 'x'}), 'accepted');
    await assert.rejects(openSender(connection, '/devices/another/messages/events'), /amqp:unauthorized-access/);
    connection.close();
  }
  const without = await connect();
  await assert.rejects(openSender(without, `/devices/${id}/messages/events`), /amqp:unauthorized-access/);
  without.close();
});

test('rhea: links of a device that is disabled are detached, and it cannot come back', async () => {
  const d = await create(`disabled-${randomUUID()}`);
  const connection = await connect();
  const put = await cbs(connection);
  await put(`${hub}/devices/${d.id}`, sas(`/devices/${d.id}`, d.key));
  const sender = await openSender(connection, `/devices/${d.id}/messages/events`);
  const lost = once(sender, 'sender_error');
  await registry.update({deviceId: d.id, status: 'disabled'});
  const {error} = (await lost).sender;
  assert.equal(error.condition, 'amqp:unauthorized-access');
  assert.match(error.info['com.microsoft:tracking-id'], /^[0-9a-f-]{36}$/);
  await assert.rejects(openSender(connection, `/devices/${d.id}/messages/events`), /amqp:unauthorized-access/);
  assert.equal(await put(`${hub}/devices/${d.id}`, sas(`/devices/${d.id}`, d.key)), 401);
  connection.close();
});

test('rhea: what is too large or no message is rejected, and the link lives', async () => {
  const d = await create(`large-${randomUUID()}`);
  const connection = await connect();
  await (await cbs(connection))(`${hub}/devices/${d.id}`, sas(`/devices/${d.id}`, d.key));
  const sender = await openSender(connection, `amqps://${hub}/Devices/${d.id}/messages/EVENTS`);
  assert.equal(await send(sender, {body: rhea.message.data_section(Buffer.alloc(300 * 1024))}), 'rejected amqp:link:message-size-exceeded');
  assert.equal(await send(sender, {body: {a: 1}}), 'rejected com.microsoft:argument-error');
  assert.equal(await send(sender, {body: rhea.message.data_section(Buffer.alloc(200 * 1024))}), 'accepted');
  connection.close();
});

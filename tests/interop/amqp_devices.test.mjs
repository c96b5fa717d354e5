// Devices and modules over AMQP and AMQP over WebSocket, with azure-iot-device-amqp; what they send is
// read with @azure/event-hubs.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, randomUUID} from 'node:crypto';
import {mkdtempSync, readFileSync} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import amqp from 'azure-iot-device-amqp';
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import iothub from 'azure-iothub';
import {eventHubs, readUntil} from './events.mjs';

const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  return {
    key: responseBody.authentication.symmetricKey.primaryKey,
    text: `HostName=${hub};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`,
  };
}

function once(emitter, name, ms = 10000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within ${ms} ms`)), ms);
    emitter.on(name, v => { clearTimeout(timer); resolve(v); });
  });
}

const mine = (events, id) => events.filter(e => e.systemProperties['iothub-connection-device-id'] === id);
const twinOf = client => client.getTwin();
const report = (twin, patch) =>
    new Promise((resolve, reject) => twin.properties.reported.update(patch, e => e ? reject(e) : resolve()));

async function until(what, condition, ms = 10000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await condition())
      return;
    await new Promise(r => setTimeout(r, 50));
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

for (const [name, transport] of [['AMQP', amqp.Amqp], ['AMQP over WebSocket', amqp.AmqpWs]]) {
  test(`azure-iot-device over ${name}: telemetry with properties arrives with all system properties`, async () => {
    const id = `amqp-telemetry-${randomUUID()}`;
    const client = device.Client.fromConnectionString((await create(id)).text, transport);
    await client.open();
    const uuid = randomUUID();
    for (let i = 0; i < 5; i++) {
      const m = new device.Message(JSON.stringify({i}));
      m.messageId = i === 4 ? uuid : `text-${i}`;
      m.correlationId = 'c & d';
      m.contentType = 'application/json';
      m.contentEncoding = 'utf-8';
      m.properties.add('alert', 'a&b=c');
      m.properties.add('täg', 'ü');
      m.properties.add('count', 7);
      m.properties.add('hot', true);
      await client.sendEvent(m);
    }
    await client.close();
    const events = mine(await readUntil(all => mine(all, id).length >= 5, eventHubs.earliestEventPosition), id);
    assert.deepEqual(events.map(e => e.body.i), [0, 1, 2, 3, 4]);
    const e = events[2];
    assert.equal(e.messageId, 'text-2');
    assert.equal(e.correlationId, 'c & d');
    assert.equal(e.contentType, 'application/json');
    assert.deepEqual(e.properties, {alert: 'a&b=c', 'täg': 'ü', count: '7', hot: 'true'});
    assert.equal(JSON.parse(e.systemProperties['iothub-connection-auth-method']).type, 'sas');
    assert.equal(e.systemProperties['iothub-message-source'], 'Telemetry');
    const id4 = events[4].messageId; /* a uuid on the wire, which the SDK gives as bytes */
    assert.equal(Buffer.isBuffer(id4) ? id4.toString('hex') : String(id4).replaceAll('-', ''), uuid.replaceAll('-', ''));
  });

  test(`azure-iot-device over ${name}: the twin is got, reported and desired`, async () => {
    const id = `amqp-twin-${randomUUID()}`;
    const client = device.Client.fromConnectionString((await create(id)).text, transport);
    await client.open();
    const twin = await twinOf(client);
    assert.equal(twin.properties.desired.$version, 1);
    const first = once(twin, 'properties.desired');
    await first;
    const changed = once(twin, 'properties.desired.rate');
    await registry.updateTwin(id, {properties: {desired: {rate: 5}}}, '*');
    assert.equal(await changed, 5);
    await report(twin, {firmware: {version: '1.2.3'}});
    const {responseBody: seen} = await registry.getTwin(id);
    assert.equal(seen.properties.reported.firmware.version, '1.2.3');
    assert.equal(seen.connectionState, 'Connected');
    await assert.rejects(report(twin, {bad: {deep: 'x'.repeat(5000)}}));
    await client.close();
    await until('the device to be gone', async () => (await registry.getTwin(id)).responseBody.connectionState === 'Disconnected');
  });

  test(`azure-iot-device over ${name}: direct methods`, async () => {
    const id = `amqp-method-${randomUUID()}`;
    const client = device.Client.fromConnectionString((await create(id)).text, transport);
    await client.open();
    await new Promise((resolve, reject) => {
      client.on('error', reject);
      client.onDeviceMethod('add', (request, response) => {
        const {a, b} = request.payload;
        response.send(200, {sum: a + b});
      });
      client.onDeviceMethod('nothing', (_, response) => response.send(201));
      setTimeout(resolve, 0);
    });
    const call = params => service.invokeDeviceMethod(id, {responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 10, ...params});
    const {result} = await call({methodName: 'add', payload: {a: 2, b: 3}});
    assert.deepEqual(result, {status: 200, payload: {sum: 5}});
    assert.equal((await call({methodName: 'nothing', payload: null})).result.status, 201);
    await client.close();
    await assert.rejects(service.invokeDeviceMethod(id, {methodName: 'add', payload: {}, responseTimeoutInSeconds: 5}),
                         /DeviceNotOnline|Not found|404/i);
  });
}

// Messages sent by azure-iothub, and what a device may do with one.
test('azure-iot-device over AMQP: messages are completed, rejected, or given back and come again', async () => {
  const id = `amqp-c2d-${randomUUID()}`;
  const {text} = await create(id);
  const client = device.Client.fromConnectionString(text, amqp.Amqp);
  await client.open();
  await service.open();
  const send = (text, messageId) => {
    const m = new common.Message(text);
    m.messageId = messageId;
    m.properties.add('k', 'v & w');
    m.ack = 'full';
    return service.send(id, m);
  };
  const got = [];
  client.on('message', async m => {
    const text = m.getData().toString();
    got.push(m);
    if (text === 'abandon' && got.filter(g => g.getData().toString() === text).length === 1)
      await client.abandon(m);
    else if (text === 'reject')
      await client.reject(m);
    else
      await client.complete(m);
  });
  // One after the other: rhea 1.0, below this SDK, settles the second of two in a turn as the first.
  await send('complete', 'm-1');
  await until('one delivery', () => got.length === 1);
  await send('abandon', 'm-2');
  await until('two more', () => got.length === 3);
  await send('reject', 'm-3');
  await until('the fourth', () => got.length === 4);
  const [first] = got;
  assert.equal(first.messageId, 'm-1');
  assert.equal(first.to, `/devices/${id}/messages/devicebound`);
  assert.deepEqual(first.properties.propertyList.find(p => p.key === 'k'), {key: 'k', value: 'v & w'});
  assert.deepEqual(got.filter(m => m.messageId === 'm-2').length, 2);
  await until('the queue to be empty', async () => (await registry.get(id)).responseBody.cloudToDeviceMessageCount === 0);
  await client.close();
  await send('later', 'm-4'); /* waits for the device */
  const again = device.Client.fromConnectionString(text, amqp.Amqp);
  const later = once(again, 'message');
  await again.open();
  await again.complete(await later);
  assert.equal((await later).messageId, 'm-4');
  await again.close();
  await service.close();
});

test('azure-iot-device over AMQP: a wrong key, and a device that is not there, are unauthorized', async () => {
  const id = `amqp-key-${randomUUID()}`;
  await create(id);
  for (const d of [id, 'amqp-nobody']) {
    const wrong = `HostName=${hub};DeviceId=${d};SharedAccessKey=${Buffer.from('wrong').toString('base64')}`;
    await assert.rejects(device.Client.fromConnectionString(wrong, amqp.Amqp).open(), {name: 'UnauthorizedError'});
  }
});

test('azure-iot-device over AMQP: a module sends to an output, and has a twin and methods of its own', async () => {
  const id = `amqp-module-${randomUUID()}`;
  await registry.create({deviceId: id});
  await registry.addModule({deviceId: id, moduleId: 'm 1'.replace(' ', '-')});
  const {responseBody: m} = await registry.getModule(id, 'm-1');
  const client = device.ModuleClient.fromConnectionString(
      `HostName=${hub};DeviceId=${id};ModuleId=m-1;SharedAccessKey=${m.authentication.symmetricKey.primaryKey}`, amqp.Amqp);
  await client.open();
  await client.sendOutputEvent('out1', new device.Message('"from a module"'));
  const twin = await client.getTwin();
  await report(twin, {state: 'up'});
  client.onMethod('hello', (request, response) => response.send(200, {hi: request.payload}));
  const {result} = await service.invokeDeviceMethod(id, 'm-1', {methodName: 'hello', payload: 'you', connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10});
  assert.deepEqual(result, {status: 200, payload: {hi: 'you'}});
  await client.close();
  const [e] = mine(await readUntil(all => mine(all, id).length >= 1, eventHubs.earliestEventPosition), id);
  assert.equal(e.systemProperties['iothub-connection-module-id'], 'm-1');
  assert.equal(e.systemProperties['iothub-outputname'], 'out1');
  assert.equal((await registry.getModuleTwin(id, 'm-1')).responseBody.properties.reported.state, 'up');
});

test('azure-iot-device over AMQP: a self-signed certificate by its thumbprint', async () => {
  const id = `amqp-x509-${randomUUID()}`;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-x509-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map(f => path.join(folder, f));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                           '-subj', `/CN=${id}`, '-keyout', key, '-out', cert], {stdio: 'ignore'});
  const der = execFileSync('openssl', ['x509', '-in', cert, '-outform', 'DER']);
  const thumbprint = createHash('sha256').update(der).digest('hex').toUpperCase();
  await registry.create({deviceId: id, authentication: {type: 'selfSigned', x509Thumbprint: {primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint}}});
  const client = device.Client.fromConnectionString(`HostName=${hub};DeviceId=${id};x509=true`, amqp.Amqp);
  await client.setOptions({cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8')});
  await client.open();
  await client.sendEvent(new device.Message('"signed"'));
  await client.close();
  const [e] = mine(await readUntil(all => mine(all, id).length >= 1, eventHubs.earliestEventPosition), id);
  assert.equal(JSON.parse(e.systemProperties['iothub-connection-auth-method']).type, 'x509Certificate');
});

test('azure-iot-device over AMQP: a newer token keeps links; without one the device is disconnected', async () => {
  const id = `amqp-renew-${randomUUID()}`;
  const {key} = await create(id);
  const token = seconds => common.SharedAccessSignature.create(`${hub}/devices/${id}`, undefined, key, Math.ceil(Date.now() / 1000) + seconds).toString();
  const client = device.Client.fromSharedAccessSignature(token(4), amqp.Amqp);
  await client.open();
  await client.sendEvent(new device.Message('1'));
  await new Promise((resolve, reject) => client.updateSharedAccessSignature(token(9), e => e ? reject(e) : resolve()));
  await new Promise(r => setTimeout(r, 5500));
  await client.sendEvent(new device.Message('2'));
  const twin = (await registry.getTwin(id)).responseBody;
  assert.equal(twin.connectionState, 'Connected');
  await until('the token to run out', async () => (await registry.getTwin(id)).responseBody.connectionState === 'Disconnected', 8000);
  await client.close();
});

test('azure-iot-device over AMQP: a second client of the same id takes the place of the first', async () => {
  const id = `amqp-two-${randomUUID()}`;
  const {text} = await create(id);
  const [first, second] = [0, 1].map(() => device.Client.fromConnectionString(text, amqp.Amqp));
  first.setRetryPolicy(new common.NoRetry());
  await first.open();
  const lost = once(first, 'disconnect');
  await first.sendEvent(new device.Message('1'));
  await first.getTwin();
  await second.open();
  await second.sendEvent(new device.Message('2'));
  await lost;
  await second.sendEvent(new device.Message('3'));
  await first.close().catch(() => {});
  await second.close();
  const events = mine(await readUntil(all => mine(all, id).length >= 3, eventHubs.earliestEventPosition), id);
  assert.deepEqual(events.map(e => e.body), [1, 2, 3]);
});

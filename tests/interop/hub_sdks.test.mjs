// A back end and a device that know nothing of Millrace: azure-iothub, azure-iot-device over MQTT on TCP
// and over WebSocket, @azure/event-hubs.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import {eventHubs, readUntil} from './events.mjs';

const owner = process.env.MILLRACE_HUB_OWNER;
const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(owner);
const service = iothub.Client.fromConnectionString(owner);

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  return `HostName=${hub};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`;
}

function once(emitter, name, ms = 10000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within ${ms} ms`)), ms);
    emitter.on(name, v => { clearTimeout(timer); resolve(v); });
  });
}

test('azure-iothub: a device is created, read, changed, listed and deleted', async () => {
  const id = `crud-${randomUUID()}`;
  const {responseBody: made} = await registry.create({deviceId: id});
  assert.equal(made.deviceId, id);
  assert.equal(made.status, 'enabled');
  assert.ok(made.authentication.symmetricKey.primaryKey);
  await assert.rejects(registry.create({deviceId: id}), {name: 'DeviceAlreadyExistsError'});
  const {responseBody: read} = await registry.get(id);
  assert.equal(read.etag, made.etag);
  const {responseBody: changed} = await registry.update({deviceId: id, status: 'disabled', statusReason: 'at rest'});
  assert.equal(changed.status, 'disabled');
  const {responseBody: all} = await registry.list();
  assert.ok(all.some(d => d.deviceId === id));
  await registry.delete(id);
  await assert.rejects(registry.get(id), {name: 'DeviceNotFoundError'});
});

test('azure-iothub: modules', async () => {
  const id = `modules-${randomUUID()}`;
  await registry.create({deviceId: id});
  await registry.addModule({deviceId: id, moduleId: 'm1'});
  const {responseBody: modules} = await registry.getModulesOnDevice(id);
  assert.deepEqual(modules.map(m => m.moduleId), ['m1']);
  const {responseBody: m} = await registry.getModule(id, 'm1');
  assert.ok(m.authentication.symmetricKey.primaryKey);
  await registry.removeModule(id, 'm1');
  await assert.rejects(registry.getModule(id, 'm1'));
});

test('azure-iothub: twins obey etags', async () => {
  const id = `twin-${randomUUID()}`;
  await registry.create({deviceId: id});
  const {responseBody: twin} = await registry.getTwin(id);
  const {responseBody: first} = await registry.updateTwin(id, {tags: {site: 'a'}}, twin.etag);
  assert.equal(first.tags.site, 'a');
  await assert.rejects(registry.updateTwin(id, {tags: {site: 'b'}}, twin.etag));
  const {responseBody: second} = await registry.updateTwin(id, {properties: {desired: {rate: 5}}}, '*');
  assert.equal(second.properties.desired.rate, 5);
  assert.equal(second.properties.desired.$version, 2);
  assert.ok(second.properties.desired.$metadata.rate.$lastUpdated);
});

for (const [name, transport] of [['MQTT', mqtt.Mqtt], ['MQTT over WebSocket', mqtt.MqttWs]]) {
  test(`azure-iot-device over ${name}: telemetry with properties arrives with all system properties`, async () => {
    const id = `telemetry-${randomUUID()}`;
    const client = device.Client.fromConnectionString(await create(id), transport);
    await client.open();
    const began = new Date(Date.now() - 1000);
    const unique = randomUUID();
    for (let i = 0; i < 5; i++) {
      const m = new device.Message(JSON.stringify({i}));
      m.messageId = `${unique}-${i}`;
      m.correlationId = 'c & d';
      m.contentType = 'application/json';
      m.contentEncoding = 'utf-8';
      m.properties.add('alert', 'a&b=c');
      m.properties.add('täg', 'ü');
      await client.sendEvent(m);
    }
    await client.close();
    const mine = events => events.filter(e => e.systemProperties['iothub-connection-device-id'] === id);
    const events = mine(await readUntil(all => mine(all).length >= 5, eventHubs.earliestEventPosition));
    assert.deepEqual(events.map(e => e.body.i), [0, 1, 2, 3, 4]);
    assert.equal(new Set(events.map(e => e.partitionId)).size, 1);
    const e = events[2];
    assert.equal(e.messageId, `${unique}-2`);
    assert.equal(e.correlationId, 'c & d');
    assert.equal(e.contentType, 'application/json');
    assert.deepEqual(e.properties, {alert: 'a&b=c', 'täg': 'ü'});
    assert.equal(JSON.parse(e.systemProperties['iothub-connection-auth-method']).type, 'sas');
    assert.ok(e.systemProperties['iothub-connection-auth-generation-id']);
    assert.equal(e.systemProperties['iothub-message-source'], 'Telemetry');
    assert.ok(e.systemProperties['iothub-enqueuedtime']);
    assert.ok(e.enqueuedTimeUtc >= began);

    const later = mine(await readUntil(all => mine(all).length >= 3, {enqueuedOn: began}));
    assert.ok(later.length >= 3);
    const position = {[e.partitionId]: {offset: e.offset}};
    for (const p of ['0', '1', '2', '3'])
      position[p] ??= eventHubs.latestEventPosition;
    const rest = mine(await readUntil(all => mine(all).length >= 2, position));
    assert.deepEqual(rest.map(x => x.body.i), [3, 4]);
  });

  test(`azure-iot-device over ${name}: twin, reported and desired properties`, async t => {
    const id = `twin-${randomUUID()}`;
    const client = device.Client.fromConnectionString(await create(id), transport);
    t.after(() => client.close().catch(() => {})); // closed below, unless something fails
    await client.open();
    const twin = await client.getTwin();
    assert.equal(twin.properties.desired.$version, 1);
    await new Promise((resolve, reject) => twin.properties.reported.update({firmware: {version: '1.2'}}, e => e ? reject(e) : resolve()));
    const {responseBody: seen} = await registry.getTwin(id);
    assert.equal(seen.properties.reported.firmware.version, '1.2');
    assert.equal(seen.connectionState, 'Connected');
    const patches = [];
    const told = new Promise(resolve => twin.on('properties.desired', p => {
      patches.push(p);
      if (p.interval === 7)
        resolve();
    }));
    // The SDK does not say when it has subscribed; what is changed before that is not told, by IoT Hub neither.
    for (let tries = 0; !patches.some(p => p.interval === 7); tries++) {
      assert.ok(tries < 10, 'no desired change');
      await registry.updateTwin(id, {properties: {desired: {interval: 7, gone: null}}}, '*');
      await Promise.race([told, new Promise(resolve => setTimeout(resolve, 1000))]);
    }
    assert.equal(twin.properties.desired.interval, 7);
    await client.close();
  });

  test(`azure-iot-device over ${name}: direct methods with all kinds of JSON`, async () => {
    const id = `method-${randomUUID()}`;
    const cs = await create(id);
    await assert.rejects(service.invokeDeviceMethod(id, {methodName: 'x'}), {name: 'DeviceNotFoundError'}).catch(async () => {
      await assert.rejects(service.invokeDeviceMethod(id, {methodName: 'x'}));
    });
    const client = device.Client.fromConnectionString(cs, transport);
    await client.open();
    client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload));
    client.onDeviceMethod('refuse', (request, response) => response.send(417, {why: 'no'}));
    const call = (methodName, payload) =>
        service.invokeDeviceMethod(id, {methodName, payload, responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 5});
    for (const payload of [null, '', 'foo', {}, {k1: 'v1'}, [1, 2], 3.5, true]) {
      const {result} = await call('echo', payload);
      assert.equal(result.status, 200);
      assert.deepEqual(result.payload, payload);
    }
    const {result} = await call('refuse', {});
    assert.deepEqual(result, {status: 417, payload: {why: 'no'}});
    await client.close();
  });
}

test('a wrong key is refused, and says so', async () => {
  const id = `wrong-${randomUUID()}`;
  await create(id);
  const client = device.Client.fromConnectionString(
      `HostName=${hub};DeviceId=${id};SharedAccessKey=${Buffer.from('not the key at all').toString('base64')}`, mqtt.Mqtt);
  await assert.rejects(client.open(), {name: 'UnauthorizedError'});
});

test('a disabled device is disconnected at once, and cannot come back', async () => {
  const id = `disabled-${randomUUID()}`;
  const cs = await create(id);
  const client = device.Client.fromConnectionString(cs, mqtt.Mqtt);
  client.setRetryPolicy({shouldRetry: () => false, nextRetryTimeout: () => 0});
  await client.open();
  const gone = once(client, 'disconnect');
  await registry.update({deviceId: id, status: 'disabled'});
  await gone;
  const again = device.Client.fromConnectionString(cs, mqtt.Mqtt);
  await assert.rejects(again.open(), {name: 'UnauthorizedError'});
});

test('a newer connection of the same device closes the older one', async () => {
  const id = `twice-${randomUUID()}`;
  const cs = await create(id);
  const never = {shouldRetry: () => false, nextRetryTimeout: () => 0};
  const first = device.Client.fromConnectionString(cs, mqtt.Mqtt);
  first.setRetryPolicy(never);
  await first.open();
  const gone = once(first, 'disconnect');
  const second = device.Client.fromConnectionString(cs, mqtt.Mqtt);
  await second.open();
  await gone;
  await second.sendEvent(new device.Message('still here'));
  await second.close();
});

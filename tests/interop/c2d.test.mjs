// Messages from the cloud to a device: azure-iothub sends over AMQP and over WebSocket and reads feedback,
// azure-iot-device receives over MQTT; mqtt.js, plain, shows what a session keeps.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceHttp from 'azure-iot-device-http';
import deviceMqtt from 'azure-iot-device-mqtt';
import mqtt from 'mqtt';

const owner = process.env.MILLRACE_HUB_OWNER;
const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(owner);
const {Message} = common;

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  const key = responseBody.authentication.symmetricKey.primaryKey;
  return {id, key, connectionString: `HostName=${hub};DeviceId=${id};SharedAccessKey=${key}`};
}

async function until(what, condition, ms = 60000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const value = await condition();
    if (value)
      return value;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

const waiting = async id => (await registry.get(id)).responseBody.cloudToDeviceMessageCount;

function call(method, path) {
  return new Promise((resolve, reject) => registry._restApiClient.executeApiCall(
      method, `${path}?api-version=2021-04-12`, {}, null, (e, body, response) => e ? reject(e) : resolve({body, response})));
}

// A device of the SDK that notes what it gets. mqtt.js acknowledges for it.
async function listen(d, transport = deviceMqtt.Mqtt) {
  const client = device.Client.fromConnectionString(d.connectionString, transport);
  const got = [];
  client.on('message', m => {
    got.push(m);
    client.complete(m, () => {});
  });
  await client.open();
  return {client, got};
}

// The same by mqtt.js alone; `acknowledge: false` keeps every PUBACK back.
async function plain(d, {clean = false, subscribe = true, acknowledge = true} = {}) {
  const sas = common.SharedAccessSignature.create(hub + '/devices/' + d.id, null, d.key, Math.floor(Date.now() / 1000) + 3600).toString();
  const client = mqtt.connect(`mqtts://${hub}`, {
    clientId: d.id, username: `${hub}/${d.id}/?api-version=2021-04-12`, password: sas, clean, reconnectPeriod: 0, protocolVersion: 4,
    resubscribe: false,
  });
  const got = [];
  client.handleMessage = (packet, done) => {
    got.push(packet);
    if (acknowledge)
      done();
  };
  const connack = await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  if (subscribe)
    await new Promise((resolve, reject) => client.subscribe(`devices/${d.id}/messages/devicebound/#`, {qos: 1}, e => e ? reject(e) : resolve()));
  return {client, got, sessionPresent: connack.sessionPresent, drop: () => new Promise(r => { client.once('close', r); client.stream.destroy(); }),
    end: () => new Promise(r => client.end(false, {}, r))};
}

const bodies = got => got.map(m => String(m.payload ?? m.getData()));

// Feedback of all messages, and what it is to be, by id. It takes 15 s, so the last test waits for all of it.
const feedback = new Map();
const expected = new Map();
async function readFeedback(client) {
  const receiver = await new Promise((resolve, reject) => client.getFeedbackReceiver((e, r) => e ? reject(e) : resolve(r)));
  receiver.on('message', m => {
    assert.equal(m.contentType, 'application/vnd.microsoft.iothub.feedback.json');
    for (const r of JSON.parse(m.getData()))
      feedback.set(r.originalMessageId, r);
    receiver.complete(m, () => {});
  });
  receiver.on('error', e => { throw e; });
}

const service = iothub.Client.fromConnectionString(owner, iothub.Amqp);
await service.open();
test.after(() => service.close());

function message(body, id, {ack, expiry, ...properties} = {}) {
  const m = new Message(body);
  if (id)
    m.messageId = id;
  if (ack)
    m.ack = ack;
  if (expiry)
    m.expiryTimeUtc = expiry;
  for (const [k, v] of Object.entries(properties))
    m.properties.add(k, v);
  return m;
}

for (const [name, transport, uplink] of [
  ['AMQP', iothub.Amqp, deviceMqtt.Mqtt],
  ['AMQP over WebSocket', iothub.AmqpWs, deviceMqtt.MqttWs],
]) {
  test(`azure-iothub over ${name}: a message arrives with all that it had`, async () => {
    const d = await create(`c2d-${randomUUID()}`);
    const {client, got} = await listen(d, uplink);
    const sender = iothub.Client.fromConnectionString(owner, transport);
    await sender.open();
    const uuid = randomUUID();
    const m = message('{"a":1}', uuid, {ack: 'full', 'k ey': 'v&al=ue', color: 'rot/grün'});
    m.correlationId = 'c 1';
    m.contentType = 'application/json';
    m.contentEncoding = 'utf-8';
    await sender.send(d.id, m);
    await until('the message', () => got.length === 1);
    const [r] = got;
    assert.equal(String(r.getData()), '{"a":1}');
    assert.equal(r.messageId, uuid);
    assert.equal(r.correlationId, 'c 1');
    assert.equal(r.contentType, 'application/json');
    assert.equal(r.contentEncoding, 'utf-8');
    assert.equal(r.to, `/devices/${d.id}/messages/devicebound`);
    assert.equal(r.properties.getValue('k ey'), 'v&al=ue');
    assert.equal(r.properties.getValue('color'), 'rot/grün');
    assert.equal(r.properties.getValue('iothub-ack') ?? r.ack, 'full');
    await until('its completion', async () => await waiting(d.id) === 0);
    await sender.close();
    await client.close();
  });
}

test('many messages arrive once, in the order in which they were sent', async () => {
  const d = await create(`order-${randomUUID()}`);
  const {client, got} = await listen(d);
  const sent = Array.from({length: 300}, (_, i) => String(i));
  for (let i = 0; i < sent.length; i += 50) {
    await Promise.all(sent.slice(i, i + 50).map(body => service.send(d.id, message(body))));
    await until('the queue to empty', async () => await waiting(d.id) === 0);
  }
  await until('all', () => got.length >= 300);
  assert.deepEqual(bodies(got), sent);
  await client.close();
});

test('what is sent while the device is away waits for it', async () => {
  const d = await create(`away-${randomUUID()}`);
  for (const body of ['1', '2', '3'])
    await service.send(d.id, message(body));
  assert.equal(await waiting(d.id), 3);
  assert.equal((await registry.getTwin(d.id)).responseBody.cloudToDeviceMessageCount, 3);
  const {client, got} = await listen(d);
  await until('three', () => got.length === 3);
  assert.deepEqual(bodies(got), ['1', '2', '3']);
  await client.close();
  await until('their completion', async () => await waiting(d.id) === 0);
});

test('a session that is not clean is found again, and gets what came meanwhile without subscribing', async () => {
  const d = await create(`session-${randomUUID()}`);
  const first = await plain(d);
  assert.equal(first.sessionPresent, false);
  await first.end();
  await service.send(d.id, message('meanwhile'));
  const second = await plain(d, {subscribe: false});
  assert.equal(second.sessionPresent, true);
  await until('the message', () => second.got.length === 1);
  assert.deepEqual(bodies(second.got), ['meanwhile']);
  await until('its completion', async () => await waiting(d.id) === 0);
  await second.end();
  const clean = await plain(d, {clean: true, subscribe: false});
  assert.equal(clean.sessionPresent, false);
  await service.send(d.id, message('not yet'));
  await clean.end();
  assert.equal(clean.got.length, 0);
  const last = await plain(d, {subscribe: false});
  assert.equal(last.sessionPresent, false);
  await last.end();
  assert.equal(await waiting(d.id), 1);
});

test('what is not acknowledged comes again, in order, to the next connection', async () => {
  const d = await create(`again-${randomUUID()}`);
  const mute = await plain(d, {acknowledge: false});
  await service.send(d.id, message('1'));
  await service.send(d.id, message('2'));
  await until('the first', () => mute.got.length === 1); // mqtt.js waits with the second
  await mute.drop();
  await service.send(d.id, message('3'));
  const next = await plain(d, {subscribe: false});
  await until('all', () => next.got.length === 3);
  assert.deepEqual(bodies(next.got), ['1', '2', '3']);
  await until('their completion', async () => await waiting(d.id) === 0);
  await next.end();
});

test('a message that cannot be sent is refused with the SDK\'s error', async () => {
  const d = await create(`refused-${randomUUID()}`);
  await assert.rejects(service.send(`nobody-${randomUUID()}`, message('x')), {name: 'DeviceNotFoundError'});
  await assert.rejects(service.send(d.id, message('x', 'i', {ack: 'loud'})), {name: 'ArgumentError'});
  await assert.rejects(service.send(d.id, message('x', 'i', {expiry: Date.now() - 60000})), {name: 'ArgumentError'});
  await assert.rejects(service.send(d.id, message('x', 'i', {expiry: Date.now() + 3 * 86400000})), {name: 'ArgumentError'});
  await assert.rejects(service.send(d.id, message(Buffer.alloc(65 * 1024))), {name: 'MessageTooLargeError'});
  await service.send(d.id, message(Buffer.alloc(60 * 1024)));
  assert.equal(await waiting(d.id), 1);
});

test('a queue is full with fifty, and can be purged', async () => {
  const d = await create(`full-${randomUUID()}`);
  const ids = Array.from({length: 50}, () => randomUUID());
  for (const id of ids)
    await service.send(d.id, message('x', id, {ack: id === ids[0] ? 'positive' : 'full'}));
  await assert.rejects(service.send(d.id, message('x')), {name: 'DeviceMaximumQueueDepthExceededError'});
  const {body, response} = await call('DELETE', `/devices/${d.id}/commands`);
  assert.equal(response.statusCode, 200);
  assert.deepEqual(typeof body === 'string' ? JSON.parse(body) : body, {totalMessagesPurged: 50, deviceId: d.id, moduleId: null});
  assert.equal(await waiting(d.id), 0);
  await assert.rejects(call('DELETE', `/devices/nobody-${randomUUID()}/commands`), {name: 'DeviceNotFoundError'});

  ids.forEach((id, i) => expected.set(id, {id: d.id, statusCode: i ? 'Purged' : undefined}));
});

test('a message whose time is over goes by itself', async () => {
  const e = await create(`short-${randomUUID()}`);
  const short = randomUUID();
  await service.send(e.id, message('x', short, {ack: 'negative', expiry: Date.now() + 1500}));
  await until('its expiry', async () => await waiting(e.id) === 0);
  expected.set(short, {id: e.id, statusCode: 'Expired'});
  const {client} = await listen(e);
  const done = randomUUID();
  await service.send(e.id, message('x', done, {ack: 'positive'}));
  await until('its completion', async () => await waiting(e.id) === 0);
  expected.set(done, {id: e.id, statusCode: 'Success'});
  await client.close();
});

for (const [name, transport] of [['AMQP', deviceAmqp.Amqp], ['HTTPS', deviceHttp.Http]]) {
  test(`azure-iot-device over ${name}: what it completes, rejects and abandons ends as it says`, async () => {
    const d = await create(`ends-${randomUUID()}`);
    const client = device.Client.fromConnectionString(d.connectionString, transport);
    const seen = [];
    await client.open();
    if (name === 'HTTPS')
      client.setOptions({http: {receivePolicy: {interval: 1}}});
    client.on('message', m => {
      const body = String(m.getData());
      seen.push(body);
      const last = seen.filter(s => s === body).length === 3;
      client[body === 'good' || last ? 'complete' : body === 'bad' ? 'reject' : 'abandon'](m, () => {});
    });
    const ids = {good: randomUUID(), bad: randomUUID(), slow: randomUUID()};
    for (const [body, id] of Object.entries(ids)) { // one by one: rhea says of two at once what it says of the first
      await service.send(d.id, message(body, id, {ack: 'full'}));
      await until('its end', async () => await waiting(d.id) === 0, 60000);
    }
    assert.deepEqual([...seen].sort(), ['bad', 'good', 'slow', 'slow', 'slow']);
    await client.close();
    for (const [body, id] of Object.entries(ids))
      expected.set(id, {id: d.id, statusCode: body === 'bad' ? 'Rejected' : 'Success'});
  });
}

test('a device that is deleted takes its queue with it', async () => {
  const d = await create(`deleted-${randomUUID()}`);
  await service.send(d.id, message('old'));
  await registry.delete(d.id);
  const again = await create(d.id);
  assert.equal(await waiting(d.id), 0);
  const {client, got} = await listen(again);
  await service.send(d.id, message('new'));
  await until('the new one', () => got.length === 1);
  assert.deepEqual(bodies(got), ['new']);
  await client.close();
});

test('feedback tells every end that its sender asked for, and no other', async () => {
  await readFeedback(service);
  const wanted = [...expected].filter(([, {statusCode}]) => statusCode);
  await until('feedback', () => wanted.every(([id]) => feedback.has(id)), 60000);
  for (const [id, {id: deviceId, statusCode}] of expected) {
    const told = feedback.get(id);
    assert.equal(told?.statusCode, statusCode, JSON.stringify({deviceId, id, told, statusCode}));
    if (told)
      assert.equal(told.deviceId, deviceId);
  }
  const [[id, {id: deviceId}]] = wanted;
  assert.equal(feedback.get(id).deviceGenerationId, (await registry.get(deviceId)).responseBody.generationId);
});

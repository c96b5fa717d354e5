// The rules of IoT Hub's MQTT, one test each, by mqtt.js where it obeys them and by bytes where it must not.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import test, {after} from 'node:test';
import tls from 'node:tls';
import mqtt from 'mqtt';
import {close as closeStream, event, hub, identity, message, openStream, registry, sas, service, stream, until} from './matrix/site.mjs';

const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS);
const ends = [];
openStream();
after(async () => {
  ends.forEach(end => end());
  await closeStream();
});

const userOf = (who, tail = '?api-version=2021-04-12') => `${hub}/${who.id}/${tail}`;

// A client that is signed in.
async function connect(who, more = {}) {
  const client = mqtt.connect(`mqtts://${hub}:8883`, {
    ca, clientId: who.id, username: userOf(who), password: sas(who), reconnectPeriod: 0, protocolVersion: 4, clean: false, ...more});
  ends.push(() => client.end(true));
  client.gone = new Promise(resolve => client.once('close', resolve));
  await new Promise((resolve, reject) => {
    client.once('connect', packet => { client.connack = packet; resolve(); });
    client.on('error', reject);
    client.gone.then(() => reject(new Error('closed')));
  });
  return client;
}

const within = (ms, what, promise) => {
  let timer;
  return Promise.race([promise, new Promise((_, no) => { timer = setTimeout(() => no(new Error(`no ${what} within ${ms} ms`)), ms); })])
      .finally(() => clearTimeout(timer));
};
const closes = client => within(10000, 'close', client.gone);
const events = who => `devices/${who.id}/messages/events/`;
const mine = (who, fits = () => true) =>
    event(`of ${who.id}`, e => e.systemProperties['iothub-connection-device-id'] === who.id && fits(e));
const fresh = () => identity('SAS key');

// ---- bytes ----

const text = s => {
  const b = Buffer.from(s);
  return Buffer.concat([Buffer.from([b.length >> 8, b.length & 255]), b]);
};
function packet(first, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  let left = body.length;
  do {
    length.push(left % 128 | (left > 127 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
const hello = (who, keepAlive, {name = 'MQTT', level = 4} = {}) => packet(
    0x10, text(name), Buffer.from([level, 0xc0, keepAlive >> 8, keepAlive & 255]), text(who.id), text(userOf(who)), text(sas(who)));
const publish = (flags, topic, id, body = '') =>
    packet(0x30 | flags, text(topic), flags & 6 ? Buffer.from([0, id]) : Buffer.alloc(0), Buffer.from(body));

// A connection that sends what it is told; read() gives the next packet {type, body}, null at the end.
async function raw(...first) {
  const socket = tls.connect({host: hub, port: 8883, ca});
  ends.push(() => socket.destroy());
  let bytes = Buffer.alloc(0), over = false, wake = () => {};
  socket.on('data', d => { bytes = Buffer.concat([bytes, d]); wake(); });
  socket.on('close', () => { over = true; wake(); });
  socket.on('error', () => {});
  await within(5000, 'handshake', new Promise(resolve => socket.once('secureConnect', resolve)));
  for (const p of first)
    socket.write(p);
  const next = async () => {
    for (;;) {
      if (bytes.length >= 2 && bytes.length >= 2 + bytes[1]) { // no test reads a longer one
        const p = {type: bytes[0] >> 4, body: bytes.subarray(2, 2 + bytes[1])};
        bytes = bytes.subarray(2 + p.body.length);
        return p;
      }
      if (over)
        return null;
      await new Promise(resolve => { wake = resolve; });
    }
  };
  return {socket, send: p => socket.write(p), read: () => within(10000, 'packet', next())};
}

// ---- 1.1 CONNECT ----

for (const tail of ['?api-version=2016-11-14', '?api-version=2018-06-30', '?api-version=2019-10-01', '?api-version=2020-09-30',
                    '?api-version=2021-04-12', '?api-version=2021-06-01-preview', '?DeviceClientType=c%2F1.15.0&api-version=2020-09-30',
                    'api-version=2018-06-30', '?api-version=2021-04-12&model-id=dtmi:com:example:T;1',
                    '?api-version=2021-04-12&model-id=dtmi%3Acom%3Aexample%3AT%3B1&DeviceClientType=py-azure-iot-device%2F2.14', ''])
  test(`the user name's tail may be "${tail}"`, async () => {
    const who = await fresh();
    const client = await connect(who, {username: userOf(who, tail)});
    await client.publishAsync(events(who), 'x', {qos: 1});
    await client.endAsync();
  });

test('the host in the user name may have a port, and letters of either case', async () => {
  const who = await fresh();
  const client = await connect(who, {username: `${hub.toUpperCase()}:8883/${who.id}/?api-version=2021-04-12`});
  await client.endAsync();
});

test('a second connection of the same device closes the first', async () => {
  const who = await fresh();
  const first = await connect(who);
  const second = await connect(who);
  await closes(first);
  await second.publishAsync(events(who), 'x', {qos: 1});
});

test('who is silent for 1.5 times the keep-alive is closed', async () => {
  const c = await raw(hello(await fresh(), 1));
  assert.equal((await c.read()).body[1], 0);
  const began = Date.now();
  assert.equal(await c.read(), null);
  const ms = Date.now() - began;
  assert.ok(ms > 1000 && ms < 4000, `${ms} ms`);
});

test('PINGREQ within the keep-alive keeps the connection', async () => {
  const c = await raw(hello(await fresh(), 2));
  await c.read();
  for (let i = 0; i < 3; i++) {
    await new Promise(r => setTimeout(r, 1200)); // what is tested is time
    c.send(packet(0xc0));
    assert.equal((await c.read()).type, 13);
  }
});

test('the will of a device that is lost becomes telemetry with iothub-MessageType: Will', async () => {
  const who = await fresh();
  const client = await connect(who, {will: {topic: `${events(who)}of=dying`, payload: 'gone', qos: 1, retain: false}});
  client.stream.destroy();
  const e = await mine(who);
  assert.equal(e.properties['iothub-MessageType'], 'Will');
  assert.equal(e.properties.of, 'dying');
  assert.equal(Buffer.from(e.body).toString(), 'gone');
});

test('the will of who says goodbye is forgotten', async () => {
  const who = await fresh();
  const client = await connect(who, {will: {topic: events(who), payload: 'gone', qos: 1, retain: false}});
  await client.publishAsync(events(who), 'last', {qos: 1});
  await client.endAsync();
  const other = await connect(who);
  await other.publishAsync(events(who), 'after', {qos: 1});
  await mine(who, e => Buffer.from(e.body).toString() === 'after');
  assert.equal(stream.list.filter(e => e.properties?.['iothub-MessageType'] && e.systemProperties['iothub-connection-device-id'] === who.id).length, 0);
});

test('a will with another topic is refused', async () => {
  const who = await fresh();
  await assert.rejects(connect(who, {will: {topic: 'devices/other/messages/events/', payload: 'x', qos: 0, retain: false}}));
});

test('a session that was kept is told as present', async () => {
  const who = await fresh();
  const first = await connect(who);
  await first.subscribeAsync(`devices/${who.id}/messages/devicebound/#`, {qos: 1});
  await first.endAsync();
  assert.equal((await connect(who)).connack.sessionPresent, true);
  assert.equal((await connect(who, {clean: true})).connack.sessionPresent, false);
});

test('a first packet that is not CONNECT, and another protocol, are closed', async () => {
  const who = await fresh();
  assert.equal(await (await raw(publish(0, events(who), 0))).read(), null);
  const old = await raw(hello(who, 60, {name: 'MQIsdp', level: 3}));
  const answer = await old.read();
  assert.ok(answer === null || answer.body[1] === 1);
});

// ---- 1.2 general ----

test('PUBLISH with QoS 2 closes the connection', async () => {
  const who = await fresh();
  const c = await raw(hello(who, 60));
  await c.read();
  c.send(publish(4, events(who), 7, 'x'));
  assert.equal(await c.read(), null);
});

test('SUBSCRIBE with QoS 2 is granted 1', async () => {
  const who = await fresh();
  const client = await connect(who);
  const [granted] = await client.subscribeAsync(`devices/${who.id}/messages/devicebound/#`, {qos: 2});
  assert.equal(granted.qos, 1);
});

test('RETAIN becomes the property mqtt-retain, and nothing is retained', async () => {
  const who = await fresh();
  const client = await connect(who);
  await client.publishAsync(events(who), 'x', {qos: 1, retain: true});
  assert.equal((await mine(who)).properties['mqtt-retain'], 'true');
});

for (const topic of ['nothing', 'devices/someone-else/messages/events/', '$iothub/nothing/?$rid=1', '$SYS/x'])
  test(`PUBLISH to "${topic}" closes the connection`, async () => {
    const client = await connect(await fresh());
    client.publish(topic, 'x', {qos: 0});
    await closes(client);
  });

for (const filter of ['#', 'devices/+/messages/events/#', '$iothub/#', 'devices/someone-else/messages/devicebound/#'])
  test(`SUBSCRIBE to "${filter}" is refused`, async () => {
    const client = await connect(await fresh());
    const granted = await Promise.race([client.subscribeAsync(filter).catch(() => null), client.gone.then(() => null)]);
    assert.ok(granted === null || granted.every(g => g.qos === 128));
  });

test('one SUBSCRIBE with several filters, as the C SDK sends', async () => {
  const who = await fresh();
  const client = await connect(who);
  const granted = await client.subscribeAsync({'$iothub/twin/res/#': {qos: 0}, '$iothub/methods/POST/#': {qos: 0},
                                               [`devices/${who.id}/messages/devicebound/#`]: {qos: 1}});
  assert.deepEqual(granted.map(g => g.qos), [0, 0, 1]);
});

test('telemetry of more than 256 KB closes the connection', async () => {
  const who = await fresh();
  const client = await connect(who);
  client.publish(events(who), Buffer.alloc(257 * 1024), {qos: 1}, () => {});
  await closes(client);
});

test('a token that ends while connected closes the connection', async () => {
  const who = await fresh();
  await closes(await connect(who, {password: sas(who, 3)}));
});

test("what goes to $iothub with QoS 1 is acknowledged, as Python's SDK waits for it", async () => {
  const client = await connect(await fresh());
  await client.subscribeAsync('$iothub/twin/res/#', {qos: 1});
  await within(5000, 'PUBACK', client.publishAsync('$iothub/twin/GET/?$rid=a', ' ', {qos: 1}));
  await within(5000, 'PUBACK', client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=b', '{"a":1}', {qos: 1}));
});

// ---- 1.3 topics ----

const nextMessage = client => within(10000, 'message', new Promise(resolve => client.once('message', (topic, body) => resolve({topic, body: body.toString()}))));

for (const rid of ['3', 'd5b3a6b0-2f0c-4f5b-9e0a-0d9a5b0f7c11', 'a%20b'])
  test(`twins: $rid ${rid} comes back as it was`, async () => {
    const client = await connect(await fresh());
    await client.subscribeAsync('$iothub/twin/res/#');
    const answer = nextMessage(client);
    client.publish(`$iothub/twin/GET/?$rid=${rid}`, '');
    const {topic, body} = await answer;
    assert.equal(topic.split('&')[0], `$iothub/twin/res/200/?$rid=${rid}`);
    assert.deepEqual(JSON.parse(body), {desired: {$version: 1}, reported: {$version: 1}});
  });

test('twins: a reported patch is answered 204 with the version and no body', async () => {
  const client = await connect(await fresh());
  await client.subscribeAsync('$iothub/twin/res/#');
  const answer = nextMessage(client);
  client.publish('$iothub/twin/PATCH/properties/reported/?$rid=1', '{"a":{"b":1}}');
  assert.deepEqual(await answer, {topic: '$iothub/twin/res/204/?$rid=1&$version=2', body: ''});
});

test('twins: desired properties come with their version, and with null for what went', async () => {
  const who = await fresh();
  await registry.updateTwin(who.id, {properties: {desired: {gone: 1}}}, '*');
  const client = await connect(who);
  await client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#');
  const told = nextMessage(client);
  await registry.updateTwin(who.id, {properties: {desired: {gone: null, here: [1]}}}, '*');
  const {topic, body} = await told;
  assert.equal(topic, '$iothub/twin/PATCH/properties/desired/?$version=3');
  assert.deepEqual(JSON.parse(body), {gone: null, here: [1], $version: 3});
});

test('methods: $rid is short and plain, and an answer without a body is null', async () => {
  const who = await fresh();
  const client = await connect(who);
  await client.subscribeAsync('$iothub/methods/POST/#');
  client.on('message', topic => {
    const [, name, rid] = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=([0-9a-zA-Z]{1,20})$/.exec(topic) ?? assert.fail(topic);
    client.publish(`$iothub/methods/res/${name === 'odd' ? 599 : 200}/?$rid=${rid}`, '');
  });
  const call = methodName => service.invokeDeviceMethod(who.id, {methodName, payload: {}, responseTimeoutInSeconds: 10});
  assert.deepEqual((await call('plain')).result, {status: 200, payload: null});
  assert.equal((await call('odd')).result.status, 599);
});

// ---- 1.4 property bag ----

const bags = [
  // what, bag, what the event must have
  ['raw, as the C SDK sends it', 'al ert=a&b=c&$.mid=mid 1&$.ct=application/json&$.ce=utf-8',
   {properties: {'al ert': 'a', b: 'c'}, messageId: 'mid 1', contentType: 'application/json'}],
  ['encoded, as the others send it', '%24.mid=mid%201&%24.cid=c%26d&%24.uid=me&alert=a%26b%3Dc&t%C3%A4g=%C3%BC',
   {properties: {alert: 'a&b=c', täg: 'ü'}, messageId: 'mid 1', correlationId: 'c&d'}],
  ['with raw slashes and colons', 'path=/a/b:c&k=v', {properties: {path: '/a/b:c', k: 'v'}}],
  ["with Node's trailing slash", '%24.on=out1&k=v/', {properties: {k: 'v'}}],
  ['with a leading ?', '?k=v', {properties: {k: 'v'}}],
  ['with an empty value', 'empty=&k=v', {properties: {empty: '', k: 'v'}}],
  ['of nothing', '', {properties: undefined}],
  ['with a component and an interface', '%24.sub=thermostat1&%24.ifid=urn:x:1', {systemProperties: {'dt-subject': 'thermostat1', 'iothub-interface-id': 'urn:x:1'}}],
];
for (const [what, bag, wanted] of bags)
  test(`a property bag ${what}`, async () => {
    const who = await fresh();
    const client = await connect(who);
    await client.publishAsync(events(who) + bag, '{"x":1}', {qos: 1});
    const e = await mine(who);
    const {properties, systemProperties, ...rest} = wanted;
    if ('properties' in wanted)
      assert.deepEqual(Object.fromEntries(Object.entries(e.properties ?? {}).filter(([k]) => !k.startsWith('iothub-'))), properties ?? {});
    for (const [k, value] of Object.entries(systemProperties ?? {}))
      assert.equal(e.systemProperties[k], value);
    for (const [k, value] of Object.entries(rest))
      assert.equal(e[k], value, k);
  });

test('a key without a value is null, or empty', async () => {
  const who = await fresh();
  const client = await connect(who);
  await client.publishAsync(`${events(who)}bare&k=v`, 'x', {qos: 1});
  const {properties} = await mine(who);
  assert.ok('bare' in properties && !properties.bare);
  assert.equal(properties.k, 'v');
});

test('the topic of telemetry may do without its last slash', async () => {
  const who = await fresh();
  const client = await connect(who);
  await client.publishAsync(`devices/${who.id}/messages/events`, 'x', {qos: 1});
  await mine(who);
});

test('a message to a device has its properties encoded in the topic, in their order', async () => {
  const who = await fresh();
  const client = await connect(who);
  await client.subscribeAsync(`devices/${who.id}/messages/devicebound/#`, {qos: 1});
  const got = nextMessage(client);
  const m = message();
  m.messageId = 'one two';
  m.ack = 'full';
  m.properties.add('k ey', 'v&al');
  await service.send(who.id, m);
  const {topic} = await got;
  const base = `devices/${who.id}/messages/devicebound/`;
  assert.ok(topic.startsWith(base), topic);
  const bag = topic.slice(base.length).split('&');
  for (const pair of ['%24.mid=one%20two', `%24.to=%2Fdevices%2F${who.id}%2Fmessages%2Fdevicebound`, 'iothub-ack=full', 'k%20ey=v%26al'])
    assert.ok(bag.some(b => b.toLowerCase() === pair.toLowerCase()), `${pair} is not in ${topic}`);
  await until('completion', async () => (await registry.get(who.id)).responseBody.cloudToDeviceMessageCount === 0);
});

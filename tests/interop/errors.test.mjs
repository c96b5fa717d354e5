// Errors, as clients see them, in IoT Hub's shapes: over REST with name and header, JSON in JSON for direct methods,
// a code in JSON over MQTT, a condition over AMQP. One table for each.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test, {after} from 'node:test';
import common from 'azure-iot-common';
import mqtt from 'mqtt';
import rhea from 'rhea';
import {call, inSeconds} from './matrix/rest.mjs';
import {hub, identity, registry, sas, until} from './matrix/site.mjs';

const reader = common.ConnectionString.parse(execFileSync(process.env.MILLRACE, [
  'hub', 'connection-string', '--data', path.join(process.env.MILLRACE_FOLDER, 'hub'), '--name', hub, '--policy', 'registryRead'],
                                                          {encoding: 'utf8'}).trim());
const mayRead = common.SharedAccessSignature.create(hub, 'registryRead', reader.SharedAccessKey, inSeconds(600)).toString();
const expired = common.SharedAccessSignature.create(hub, 'registryRead', reader.SharedAccessKey, inSeconds(-3600)).toString();
const known = await identity('SAS key');
const withModule = await identity('SAS key', {module: true});
const nobody = `nobody-${randomUUID()}`;
const asDevice = {authorization: sas(known)};
const configuration = {id: 'there', schemaVersion: '1.0', priority: 1, targetCondition: "tags.of='nothing'",
                       content: {deviceContent: {'properties.desired.rate': 1}}};
await call('PUT', '/configurations/there', {body: configuration});
const {id: edge} = await identity('SAS key', {capabilities: {iotEdge: true}});
const {id: crowded} = await identity('SAS key');
for (let i = 1; i <= 50; i++)
  await call('PUT', `/devices/${crowded}/modules/m${i}`, {body: {deviceId: crowded, moduleId: `m${i}`}});

// ---- REST: {"Message": "ErrorCode:NAME;text", "ExceptionMessage": "Tracking ID:…"} and iothub-errorcode ----

const large = Buffer.alloc(300 * 1024, 'x');
const twin = `/twins/${known.id}`;
const rest = [
  // name, status, request
  ['ArgumentInvalid', 400, ['PUT', '/devices/a%2Fb', {body: {deviceId: 'a/b'}}]],
  ['ArgumentInvalid', 400, ['PUT', `/devices/${nobody}`, {body: {deviceId: nobody, status: 'asleep'}}]],
  ['ArgumentInvalid', 400, ['PATCH', twin, {body: {tags: {'a.b': 1}}}]],
  ['ArgumentInvalid', 400, ['PATCH', twin, {body: {properties: {desired: {deep: 'x'.repeat(5000)}}}}]],
  ['ArgumentInvalid', 400, ['POST', '/devices/query', {body: {query: 'SELECT * FROM everything'}}]],
  ['IotHubFormatError', 400, ['PUT', `/devices/${nobody}`, {body: '{"deviceId":'}]],
  ['IotHubUnauthorized', 401, ['GET', `/devices/${known.id}`, {authorization: ''}]],
  ['IotHubUnauthorized', 401, ['GET', `/devices/${known.id}`, {authorization: expired}]],
  ['IotHubUnauthorized', 401, ['GET', `/devices/${known.id}`, {authorization: mayRead.replace(/sig=./, 'sig=%2B')}]],
  ['IotHubUnauthorizedAccess', 401, ['DELETE', `/devices/${known.id}`, {authorization: mayRead, headers: {'If-Match': '"*"'}}]],
  ['DeviceNotFound', 404, ['GET', `/devices/${nobody}`]],
  ['DeviceNotFound', 404, ['GET', `/twins/${nobody}`]],
  ['DeviceNotFound', 404, ['GET', `/digitaltwins/${nobody}`]],
  ['ModuleNotFound', 404, ['GET', `/devices/${known.id}/modules/m`]],
  ['JobNotFound', 404, ['GET', `/jobs/${nobody}`]],
  ['JobNotFound', 404, ['GET', `/jobs/v2/${nobody}`]],
  ['DeviceAlreadyExists', 409, ['PUT', `/devices/${known.id}`, {body: {deviceId: known.id}}]],
  ['ModuleAlreadyExistsOnDevice', 409, ['PUT', `/devices/${withModule.id}/modules/machine`, {body: {deviceId: withModule.id, moduleId: 'machine'}}]],
  ['PreconditionFailed', 412, ['PATCH', twin, {body: {tags: {a: 1}}, headers: {'If-Match': '"AAAAAAAAAAA="'}}]],
  ['PreconditionFailed', 412, ['DELETE', `/devices/${known.id}`, {headers: {'If-Match': '"bm90IHRoaXM="'}}]],
  ['DeviceMessageLockLost', 412, ['DELETE', `/devices/${known.id}/messages/devicebound/${randomUUID()}`, asDevice]],
  ['MessageTooLarge', 413, ['POST', `/devices/${known.id}/messages/events`, {...asDevice, body: large}]],
  ['ArgumentInvalid', 400, ['POST', `/devices/${known.id}/messages/events`, {...asDevice, body: 'x', headers: {'iothub-messageid': 'm'.repeat(129)}}]],
  ['IotHubUnauthorized', 401, ['POST', `/devices/${nobody}/messages/events`, {...asDevice, body: 'x'}]],
  ['CertificateNotFound', 404, ['GET', '/certificates/none']],
  ['ConfigurationNotFound', 404, ['GET', '/configurations/none']],
  ['ConfigurationAlreadyExists', 409, ['PUT', '/configurations/there', {body: configuration}]],
  ['PreconditionFailed', 412, ['PUT', '/configurations/there', {body: configuration, headers: {'If-Match': '"bm90IHRoaXM="'}}]],
  ['SystemModuleModifyUnauthorizedAccess', 401, ['DELETE', `/devices/${edge}/modules/%24edgeAgent`, {headers: {'If-Match': '"*"'}}]],
  ['TooManyModulesOnDevice', 413, ['PUT', `/devices/${crowded}/modules/m51`, {body: {deviceId: crowded, moduleId: 'm51'}}]],
  ['ArgumentInvalid', 400, ['POST', `/twins/${known.id}/methods`, {body: {methodName: 'x', responseTimeoutInSeconds: 1000}}]],
  ['ArgumentInvalid', 400, ['PUT', `/jobs/v2/j-${randomUUID()}`, {body: {type: 'scheduleNothing'}}]],
];

for (const [name, status, [method, where, options]] of rest)
  test(`REST: ${method} ${where.replaceAll(known.id, 'known').replaceAll(withModule.id, 'known').replaceAll(edge, 'edge').replaceAll(crowded, 'crowded').replace(/(nobody|j)-[-\w]{36}/, '$1')}: ${status} ${name}`, async () => {
    const a = await call(method, where, options);
    assert.equal(a.status, status, a.text);
    assert.match(a.body.Message, new RegExp(`^ErrorCode:${name};.+`));
    assert.match(a.body.ExceptionMessage, /^Tracking ID:.+-TimeStamp:\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/);
    assert.equal(a.headers['iothub-errorcode'], name);
    assert.match(a.headers['content-type'], /^application\/json/);
  });

test('REST: bulk items say which one, and why', async () => {
  const a = await call('POST', '/devices', {body: [{id: known.id, importMode: 'create'}, {id: `ok-${randomUUID()}`, importMode: 'create'}]});
  assert.equal(a.status, 400);
  assert.equal(a.headers['iothub-errorcode'], 'BulkRegistryOperationFailure');
  assert.equal(a.body.isSuccessful, false);
  const [e] = a.body.errors;
  assert.equal(e.deviceId, known.id);
  assert.match(String(e.errorCode), /DeviceAlreadyExists|409001/);
});

test('REST: what is not there, and a method that is not allowed, have the shape too', async () => {
  for (const [method, where, status] of [['GET', '/nothing/of/this', 404], ['PATCH', '/statistics/devices', 405]]) {
    const a = await call(method, where);
    assert.equal(a.status, status);
    assert.match(a.body.Message, /^ErrorCode:\w+;/, a.text);
    assert.match(a.body.ExceptionMessage, /^Tracking ID:/);
  }
});

// ---- provisioning: {"errorCode":404…,"trackingId":…,"message":…,"timestampUtc":…} ----

const provisioning = common.ConnectionString.parse(process.env.MILLRACE_PROVISIONING, []);
const enroller = common.SharedAccessSignature.create(provisioning.HostName, provisioning.SharedAccessKeyName, provisioning.SharedAccessKey, inSeconds(600)).toString();
for (const [code, what, method, where, options] of [
  [404, 'an enrollment that is not there', 'GET', `/enrollments/${nobody}`],
  [404, 'a group that is not there', 'GET', `/enrollmentGroups/${nobody}`],
  [404, 'a registration that is not there', 'GET', `/registrations/${nobody}`],
  [401, 'nobody who asks', 'GET', `/enrollments/${nobody}`, {authorization: ''}],
  [400, 'an enrollment that cannot be', 'PUT', `/enrollments/${nobody}`, {body: {registrationId: nobody, attestation: {type: 'magic'}}}],
])
  test(`provisioning: ${what}: ${code}, with its code in JSON`, async () => {
    const a = await call(method, where, {version: '2021-10-01', authorization: enroller, ...options});
    assert.equal(a.status, code, a.text);
    assert.equal(Math.floor(a.body.errorCode / 1000), code, a.text);
    assert.ok(a.body.trackingId && a.body.message && Date.parse(a.body.timestampUtc), a.text);
  });

// ---- direct methods: {"Message": "{\"errorCode\":404103,…}", "ExceptionMessage": ""} ----

const invoke = (id, more) => call('POST', `/twins/${id}/methods`, {body: {methodName: 'x', payload: null, ...more}});

function inner(a, code) {
  const e = JSON.parse(a.body.Message);
  assert.equal(e.errorCode, code);
  assert.ok(e.trackingId && e.message && Date.parse(e.timestampUtc));
  assert.equal(a.body.ExceptionMessage, '');
  return e;
}

test('direct methods: 404103, JSON in JSON, when the device is not there, with the time that was waited', async () => {
  const a = await invoke(known.id);
  assert.equal(a.status, 404);
  assert.equal(inner(a, 404103).info.timeout, '00:00:00');
});

test('direct methods: 504101, JSON in JSON, when it does not answer', async () => {
  const mute = await identity('SAS key');
  const client = await signIn(mute);
  await client.subscribeAsync('$iothub/methods/POST/#');
  const a = await invoke(mute.id, {responseTimeoutInSeconds: 5});
  assert.equal(a.status, 504);
  inner(a, 504101);
  await client.endAsync(true);
});

test('direct methods: of nobody, 404001', async () => {
  const a = await invoke(nobody);
  assert.equal(a.status, 404);
  assert.match(a.text, /404001|DeviceNotFound/);
});

// ---- MQTT: {"errorCode":400004,…} with the status in the topic ----

const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS);
const open = [];
after(() => open.forEach(c => c.end(true)));

async function signIn(who, {password = sas(who), clientId = who.id, username = `${hub}/${clientId}/?api-version=2021-04-12`, ...more} = {}) {
  const client = mqtt.connect(`mqtts://${hub}:8883`, {ca, clientId, username, password, reconnectPeriod: 0, protocolVersion: 4, ...more});
  open.push(client);
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.on('error', reject);
    client.once('close', () => reject(new Error('closed')));
  });
  return client;
}

async function twinAnswer(client, topic, body) {
  await client.subscribeAsync('$iothub/twin/res/#');
  const answer = new Promise(resolve => client.once('message', (t, payload) => resolve({topic: t, body: payload.length ? JSON.parse(payload) : null})));
  await client.publishAsync(topic, body);
  return answer;
}

for (const [what, patch] of [['a name with a dot', '{"a.b":1}'], ['a name with a dollar', '{"$a":1}'], ['no JSON', '{"a":'], ['an array', '[1]'],
                             ['more than 32 KB', JSON.stringify(Object.fromEntries(Array.from({length: 12}, (_, i) => [`k${i}`, 'x'.repeat(3000)])))]])
  test(`MQTT: reported properties with ${what}: status in the topic, errorCode in JSON`, async () => {
    const client = await signIn(await identity('SAS key'));
    const {topic, body} = await twinAnswer(client, '$iothub/twin/PATCH/properties/reported/?$rid=17', patch);
    const [, status] = /^\$iothub\/twin\/res\/(4\d\d)\/\?\$rid=17$/.exec(topic) ?? assert.fail(topic);
    assert.equal(String(body.errorCode).slice(0, 3), status);
    assert.ok(body.trackingId && body.message && Date.parse(body.timestampUtc));
    await client.endAsync(true);
  });

const codes = [
  // what, CONNACK's code, options
  ['a wrong key', 5, {password: sas(known, 600, Buffer.alloc(32).toString('base64'))}],
  ['a token that has expired', 5, {password: sas(known, -3600)}],
  ['a device that is not there', 5, {clientId: nobody}],
  ['a user name for somebody else', 5, {username: `${hub}/${nobody}/?api-version=2021-04-12`}],
  ['no password and no certificate', 5, {password: null}],
];
for (const [what, code, options] of codes)
  test(`MQTT: CONNECT with ${what}: return code ${code}, or 4`, async () => {
    await assert.rejects(signIn(known, options), e => {
      assert.ok([code, 4].includes(e.code), `${e.code}: ${e.message}`);
      return true;
    });
  });

test('MQTT: CONNECT with another protocol level: return code 1', async () => {
  await assert.rejects(signIn(known, {protocolVersion: 5}), e => {
    assert.ok([1, 132].includes(e.code) || e.message === 'closed', `${e.code}: ${e.message}`);
    return true;
  });
});

// ---- AMQP: conditions ----

async function connection(who) {
  const c = rhea.create_container().connect({host: hub, port: 5671, transport: 'tls', ca, reconnect: false, username: undefined});
  c.on('error', () => {});
  c.on('connection_error', () => {});
  open.push({end: () => c.close()});
  await once(c, 'connection_open');
  if (who) {
    const sender = c.open_sender('$cbs');
    const receiver = c.open_receiver('$cbs');
    await once(sender, 'sendable');
    const answer = once(receiver, 'message');
    sender.send({message_id: 'one', to: '$cbs', reply_to: 'cbs', body: who.token ?? sas(who),
                 application_properties: {operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: who.audience ?? `${hub}/devices/${who.id}`}});
    c.tokenStatus = (await answer).message.application_properties['status-code'];
  }
  return c;
}

function once(emitter, name, ms = 10000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within ${ms} ms`)), ms);
    emitter.once(name, v => { clearTimeout(timer); resolve(v); });
  });
}

async function attachError(c, kind, address) {
  const link = kind === 'sender' ? c.open_sender({target: address, source: 'x'}) : c.open_receiver({source: address, target: 'x'});
  await once(link, `${kind}_error`);
  return link.error.condition;
}

async function outcomeOf(sender, message) {
  const ended = Promise.race([once(sender, 'rejected').then(e => e.delivery.remote_state.error?.condition),
                              once(sender, 'accepted').then(() => 'accepted'), once(sender, 'sender_error').then(() => sender.error.condition)]);
  sender.send(message);
  return ended;
}

test('AMQP: put-token with a wrong signature: 401', async () => {
  const c = await connection({...known, token: sas(known, 600, Buffer.alloc(32).toString('base64'))});
  assert.equal(c.tokenStatus, 401);
});

test('AMQP: a link without a token: amqp:unauthorized-access', async () => {
  assert.equal(await attachError(await connection(), 'sender', `/devices/${known.id}/messages/events`), 'amqp:unauthorized-access');
});

test("AMQP: a link of another device: amqp:unauthorized-access", async () => {
  assert.equal(await attachError(await connection(known), 'sender', `/devices/${withModule.id}/messages/events`), 'amqp:unauthorized-access');
});

test('AMQP: a link to what is not there: amqp:not-found', async () => {
  assert.equal(await attachError(await connection(known), 'sender', '/nothing/of/this'), 'amqp:not-found');
});

test('AMQP: telemetry that is too large: amqp:link:message-size-exceeded', async () => {
  const c = await connection(known);
  const sender = c.open_sender({target: `/devices/${known.id}/messages/events`, source: 'x'});
  await once(sender, 'sendable');
  assert.equal(await outcomeOf(sender, {body: rhea.message.data_section(large)}), 'amqp:link:message-size-exceeded');
});

const service = {...known, audience: hub, get token() {
  return common.SharedAccessSignature.create(hub, 'iothubowner', common.ConnectionString.parse(process.env.MILLRACE_HUB_OWNER).SharedAccessKey,
                                             inSeconds(600)).toString();
}};

test('AMQP: a message to nobody: amqp:not-found; to a queue that is full: amqp:resource-limit-exceeded', async () => {
  const c = await connection(service);
  const sender = c.open_sender({target: '/messages/devicebound', source: 'x'});
  await once(sender, 'sendable');
  const to = id => ({to: `/devices/${id}/messages/devicebound`, body: rhea.message.data_section(Buffer.from('x'))});
  assert.equal(await outcomeOf(sender, to(nobody)), 'amqp:not-found');
  const full = await identity('SAS key');
  for (let i = 0; i < 50; i++)
    assert.equal(await outcomeOf(sender, to(full.id)), 'accepted');
  assert.equal(await outcomeOf(sender, to(full.id)), 'amqp:resource-limit-exceeded');
});

test('AMQP: a message to a device that cannot be: com.microsoft:argument-error', async () => {
  const c = await connection(service);
  const sender = c.open_sender({target: '/messages/devicebound', source: 'x'});
  await once(sender, 'sendable');
  assert.match(await outcomeOf(sender, {to: `/devices/${known.id}/messages/devicebound`, application_properties: {'iothub-ack': 'loud'},
                                        body: rhea.message.data_section(Buffer.from('x'))}), /^com.microsoft:argument-/);
});

test('AMQP: an operation on $cbs that is none: 400, and the link stays', async () => {
  const c = await connection();
  const sender = c.open_sender('$cbs');
  const receiver = c.open_receiver('$cbs');
  await once(sender, 'sendable');
  const answer = once(receiver, 'message');
  sender.send({message_id: 'm', to: '$cbs', reply_to: 'cbs', body: 'x', application_properties: {operation: 'take-token', type: 'servicebus.windows.net:sastoken', name: hub}});
  assert.equal((await answer).message.application_properties['status-code'], 400);
  assert.ok(sender.is_open());
});

test('AMQP: a service may not without ServiceConnect: amqp:unauthorized-access', async () => {
  const c = await connection({...known, audience: hub, token: mayRead});
  assert.equal(await attachError(c, 'sender', '/messages/devicebound'), 'amqp:unauthorized-access');
});

test('AMQP: a newer connection of the same device takes its links: the older one is told amqp:link:stolen', async () => {
  const who = await identity('SAS key');
  const first = await connection(who);
  const sender = first.open_sender({target: `/devices/${who.id}/messages/events`, source: 'x'});
  await once(sender, 'sendable');
  const ended = Promise.race([once(sender, 'sender_error').then(() => sender.error.condition),
                              once(first, 'connection_error').then(() => first.error.condition)]);
  const second = await connection(who);
  const newer = second.open_sender({target: `/devices/${who.id}/messages/events`, source: 'x'});
  await once(newer, 'sendable');
  assert.equal(await ended, 'amqp:link:stolen');
});

test('AMQP: a twin request that cannot be: status in the annotations', async () => {
  const who = await identity('SAS key');
  const c = await connection(who);
  const properties = {'com.microsoft:api-version': '2021-04-12', 'com.microsoft:channel-correlation-id': `twin:${randomUUID()}`};
  const receiver = c.open_receiver({source: `/devices/${who.id}/twin`, target: 'x', properties});
  const sender = c.open_sender({target: `/devices/${who.id}/twin`, source: 'x', properties});
  await once(sender, 'sendable');
  const answer = once(receiver, 'message');
  sender.send({correlation_id: 'seven', message_annotations: {operation: 'PATCH', resource: '/properties/reported'},
               body: rhea.message.data_section(Buffer.from('{"a.b":1}'))});
  const {message} = await answer;
  assert.equal(message.correlation_id, 'seven');
  assert.equal(message.message_annotations.status, 400);
  await until('the connection', () => c.is_open());
});

// Devices over HTTPS: azure-iot-device with azure-iot-device-http, and plain requests with a device policy's token, a
// module's and a certificate.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, randomUUID} from 'node:crypto';
import {mkdtempSync, readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import http from 'azure-iot-device-http';
import mqtt from 'azure-iot-device-mqtt';
import {readUntil} from './events.mjs';

const started = Date.now() - 1000;
const owner = process.env.MILLRACE_HUB_OWNER;
const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(owner);

async function create(id, more = {}) {
  const {responseBody} = await registry.create({deviceId: id, ...more});
  return responseBody.authentication.symmetricKey.primaryKey;
}

const client = (id, key) =>
    device.Client.fromConnectionString(`HostName=${hub};DeviceId=${id};SharedAccessKey=${key}`, http.Http);

const soon = () => Math.floor(Date.now() / 1000) + 600;
const token = (resource, key, policy) =>
    common.SharedAccessSignature.create(resource, policy, key, soon()).toString();

function call(method, target, {headers = {}, body, ...more} = {}) {
  return new Promise((resolve, reject) => {
    https.request({host: hub, method, path: target, headers, agent: false, ...more}, r => {
      const pieces = [];
      r.on('data', p => pieces.push(p));
      r.on('end', () => resolve({status: r.statusCode, headers: r.headers, text: Buffer.concat(pieces).toString()}));
    }).on('error', reject).end(body);
  });
}

// What the stream has of a device, `count` events at least, in order.
async function eventsOf(id, count) {
  const own = events => events.filter(e => e.systemProperties['iothub-connection-device-id'] === id);
  const since = {enqueuedOn: new Date(started)};
  return own(await readUntil(events => own(events).length >= count, since));
}

const version = 'api-version=2021-04-12';

test('azure-iot-device-http: one message, a batch, and options', async () => {
  const id = `http-${randomUUID()}`;
  const c = client(id, await create(id));
  await c.open();
  await c.setOptions({http: {receivePolicy: {interval: 1}}});
  const one = new device.Message(JSON.stringify({v: 1}));
  one.messageId = randomUUID();
  one.correlationId = 'c 1';
  one.contentType = 'application/json';
  one.contentEncoding = 'utf-8';
  one.properties.add('color', 'red & blue');
  await c.sendEvent(one);
  const many = ['a', 'b', 'c'].map(text => {
    const m = new device.Message(text);
    m.properties.add('n', text);
    return m;
  });
  await c.sendEventBatch(many);
  await c.close();
  const events = await eventsOf(id, 4);
  const [first, ...rest] = events;
  assert.deepEqual(first.body, {v: 1});
  assert.equal(first.messageId, one.messageId);
  assert.equal(first.correlationId, 'c 1');
  assert.equal(first.contentType, 'application/json');
  assert.equal(first.properties.color, 'red & blue');
  assert.match(first.systemProperties['iothub-connection-auth-method'], /"type":"sas"/);
  assert.deepEqual(rest.map(e => e.properties.n), ['a', 'b', 'c']);
});

test('azure-iot-device-http: a wrong key and a message that is too large are told as such', async () => {
  const id = `http-${randomUUID()}`;
  const key = await create(id);
  const wrong = client(id, Buffer.from('another key').toString('base64'));
  await assert.rejects(wrong.sendEvent(new device.Message('x')), {name: 'UnauthorizedError'});
  await assert.rejects(client(id, key).sendEvent(new device.Message(Buffer.alloc(300 << 10))),
                       {name: 'MessageTooLargeError'});
});

test('a device that speaks over HTTPS alone does not count as connected', async () => {
  const id = `http-${randomUUID()}`;
  await client(id, await create(id)).sendEvent(new device.Message('x'));
  assert.equal((await registry.get(id)).responseBody.connectionState, 'Disconnected');
});

test('a device policy speaks for any device, a module for itself, a disabled device for nobody', async () => {
  const id = `http-${randomUUID()}`;
  const key = await create(id);
  await registry.addModule({deviceId: id, moduleId: 'm'});
  const moduleKey = (await registry.getModule(id, 'm')).responseBody.authentication.symmetricKey.primaryKey;
  const policy = /SharedAccessKey=(.*)$/.exec(
      execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', path.join(process.env.MILLRACE_FOLDER, 'hub'),
        '--name', hub, '--policy', 'device'], {encoding: 'utf8'}).trim())[1];
  const events = `/devices/${id}/messages/events?${version}`;
  const moduleEvents = `/devices/${id}/modules/m/messages/events?${version}`;
  const post = (target, authorization) => call('POST', target, {headers: {Authorization: authorization}, body: 'x'});
  assert.equal((await post(events, token(hub, policy, 'device'))).status, 204);
  assert.equal((await post(moduleEvents, token(`${hub}/devices/${id}/modules/m`, moduleKey))).status, 204);
  assert.equal((await post(events, token(`${hub}/devices/${id}`, moduleKey))).status, 401);
  const refused = await call('POST', events, {body: 'x'});
  assert.equal(refused.status, 401);
  assert.match(JSON.parse(refused.text).Message, /^ErrorCode:IotHubUnauthorized;/);
  await registry.update({deviceId: id, status: 'disabled'});
  assert.equal((await post(events, token(`${hub}/devices/${id}`, key))).status, 401);
});

test('a certificate is as good as a token', async () => {
  const id = `http-${randomUUID()}`;
  const folder = mkdtempSync(path.join(process.env.MILLRACE_FOLDER, 'cert-'));
  const [keyFile, certFile] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile,
    '-out', certFile, '-days', '2', '-subj', `/CN=${id}`], {stdio: 'ignore'});
  const cert = readFileSync(certFile, 'utf8');
  const der = Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  await registry.create({deviceId: id, authentication: {type: 'selfSigned',
    x509Thumbprint: {primaryThumbprint: createHash('sha256').update(der).digest('hex'), secondaryThumbprint: null}}});
  const c = device.Client.fromConnectionString(`HostName=${hub};DeviceId=${id};x509=true`, http.Http);
  c.setOptions({cert, key: readFileSync(keyFile, 'utf8')}); // this transport does not say when it is done
  await c.sendEvent(new device.Message('with a certificate'));
  const [event] = await eventsOf(id, 1);
  assert.match(event.systemProperties['iothub-connection-auth-method'], /"type":"x509Certificate"/);
});

test('none waits for a device to which nothing was sent', async () => {
  const id = `http-${randomUUID()}`;
  const headers = {Authorization: token(`${hub}/devices/${id}`, await create(id))};
  const bound = `/devices/${id}/messages/devicebound`;
  assert.equal((await call('GET', `${bound}?${version}`, {headers})).status, 204);
  const lost = await call('DELETE', `${bound}/${randomUUID()}?${version}`, {headers});
  assert.equal(lost.status, 412);
  assert.match(JSON.parse(lost.text).Message, /^ErrorCode:DeviceMessageLockLost;/);
});

test('ModuleClient.invokeMethod: a module calls a method as itself, over HTTPS', async () => {
  const id = `caller-${randomUUID()}`;
  const key = await create(id);
  await registry.addModule({deviceId: id, moduleId: 'm'});
  const moduleKey = (await registry.getModule(id, 'm')).responseBody.authentication.symmetricKey.primaryKey;
  const target = device.Client.fromConnectionString(`HostName=${hub};DeviceId=${id};SharedAccessKey=${key}`, mqtt.Mqtt);
  await target.open();
  target.onDeviceMethod('add', (request, response) => response.send(200, {sum: request.payload.a + request.payload.b}));
  const caller = device.ModuleClient.fromConnectionString(
      `HostName=${hub};DeviceId=${id};ModuleId=m;SharedAccessKey=${moduleKey};GatewayHostName=${hub}`, mqtt.Mqtt);
  const {status, payload} = await caller.invokeMethod(id, {methodName: 'add', payload: {a: 1, b: 2}, connectTimeoutInSeconds: 5});
  assert.equal(status, 200);
  assert.deepEqual(payload, {sum: 3});
  const stranger = `stranger-${randomUUID()}`;
  await create(stranger);
  await assert.rejects(caller.invokeMethod(stranger, {methodName: 'add'}), {name: 'UnauthorizedError'});
  await target.close();
});

const service = iothub.Client.fromConnectionString(owner);

async function send(id, text, more = {}) {
  const m = new common.Message(text);
  Object.assign(m, {messageId: randomUUID(), ...more});
  m.properties.add('color', 'blue & green');
  await service.open();
  await service.send(id, m);
  return m;
}

// The next message that the client's polling brings.
function next(client, ms = 15000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no message within ${ms} ms`)), ms);
    client.once('message', m => { clearTimeout(timer); resolve(m); });
  });
}

test('azure-iot-device-http: messages to a device are completed, rejected and abandoned', async () => {
  const id = `down-${randomUUID()}`;
  const c = client(id, await create(id));
  c.setOptions({http: {receivePolicy: {interval: 1}}});
  const sent = await send(id, 'one', {correlationId: 'c', expiryTimeUtc: Date.now() + 600_000});
  await send(id, 'two');
  let coming = next(c);
  const one = await coming;
  assert.equal(one.data.toString(), 'one');
  assert.equal(one.messageId, sent.messageId);
  assert.equal(one.correlationId, 'c');
  assert.equal(one.to, `/devices/${id}/messages/devicebound`);
  assert.equal(one.properties.propertyList.find(p => /color$/.test(p.key)).value, 'blue & green');
  coming = next(c);
  await c.abandon(one);
  const again = await coming;
  assert.equal(again.data.toString(), 'one'); // in order
  coming = next(c);
  await c.complete(again);
  const two = await coming;
  assert.equal(two.data.toString(), 'two');
  await c.reject(two);
  await assert.rejects(c.complete(two)); // its lock has gone with it
  await c.close();
  assert.equal((await registry.get(id)).responseBody.cloudToDeviceMessageCount, 0);
});

test('a lock lasts as long as its taker says', async () => {
  const id = `down-${randomUUID()}`;
  const headers = {Authorization: token(`${hub}/devices/${id}`, await create(id))};
  const bound = `/devices/${id}/messages/devicebound`;
  await send(id, 'x');
  const take = more => call('GET', `${bound}?${version}`, {headers: {...headers, ...more}});
  const first = await take({'iothub-messagelocktimeout': '5'});
  assert.equal(first.status, 200);
  assert.equal(first.headers['iothub-deliverycount'], '0');
  assert.equal(first.headers['iothub-app-color'], 'blue & green');
  assert.equal((await take()).status, 204); // the one there is is locked
  let second;
  for (const end = Date.now() + 15000; Date.now() < end && second?.status !== 200; await new Promise(r => setTimeout(r, 100)))
    second = await take();
  assert.equal(second.headers['iothub-deliverycount'], '1');
  const lock = r => r.headers.etag.replaceAll('"', '');
  assert.equal((await call('DELETE', `${bound}/${lock(first)}?${version}`, {headers})).status, 412);
  assert.equal((await call('DELETE', `${bound}/${lock(second)}?${version}`, {headers})).status, 204);
});

test('the end', async () => {
  await service.close();
});

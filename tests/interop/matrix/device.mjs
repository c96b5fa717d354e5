// azure-iot-device, Client: what a device does, over each transport, with each authentication.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import https from 'node:https';
import {Readable} from 'node:stream';
import device from 'azure-iot-device';
import {AUTHS} from './cells.mjs';
import {connectionState, eventOf, feedback, message, never, next, proves, provider, registry, sas, service, stream, transports,
        until, updateReported, uploads} from './site.mjs';

export const MQTT = ['Mqtt', 'MqttWs'];
export const AMQP = ['Amqp', 'AmqpWs'];
export const X509 = AUTHS.slice(1);
export const authorities = () => readFileSync(process.env.NODE_EXTRA_CA_CERTS, 'utf8');

export const noSasWithX509 = {auths: X509, error: 'UnauthorizedError', why: 'a token does not open what shows a certificate'};
export const noTokenToRenew = {auths: X509, error: 'TypeError', why: 'there is no token to renew where a certificate is shown'};
const noTwin = {transports: ['Http'], error: 'NotImplementedError', why: 'the SDK has no twins over HTTP'};
const noMethods = {transports: ['Http'], error: 'NotImplementedError', why: 'the SDK has no direct methods over HTTP'};
const noBatch = {transports: [...MQTT, ...AMQP], error: 'NotImplementedError', why: 'the SDK sends batches over HTTP alone'};
const noSettle = {transports: MQTT, error: 'NotImplementedError', why: 'MQTT can only complete a message, by its PUBACK'};

// Sends a message to the device and gives what it got.
export async function deliver(v, who, {ack = 'full'} = {}) {
  const m = message({to: who.id});
  m.ack = ack;
  const [name, seen] = v.http ? ['k-ey', 'iothub-app-k-ey'] : ['k ey', 'k ey']; // the SDK shows the header
  m.properties.add(name, 'v&al');
  const arrived = next(who.client, 'message', 25000);
  v.stage = 'sending to the device';
  await service.send(who.id, m);
  v.stage = 'waiting for the message';
  const got = await arrived;
  assert.equal(got.messageId, m.messageId);
  assert.deepEqual(JSON.parse(got.data.toString()), {to: who.id});
  assert.equal(got.properties.getValue(seen), 'v&al');
  return got;
}

const waitingFor = async id => (await registry.get(id)).responseBody.cloudToDeviceMessageCount;
const gone = id => until('an empty queue', async () => await waitingFor(id) === 0);

async function told(v, messageId, statusCode) {
  v.stage = `waiting for feedback ${statusCode}`;
  const record = await v.idle(feedback.find(`feedback ${statusCode}`, r => r.originalMessageId === messageId, 25000));
  assert.equal(record.statusCode, statusCode);
}

// Puts bytes where the hub said, as curl would.
export function put({hostName, containerName, blobName, sasToken}, body) {
  return new Promise((resolve, reject) => {
    const at = `https://${hostName}/${containerName}/${blobName.split('/').map(encodeURIComponent).join('/')}${sasToken}`;
    const r = https.request(at, {method: 'PUT', headers: {'x-ms-blob-type': 'BlockBlob', 'content-length': body.length}}, a => {
      a.resume();
      resolve(a.statusCode);
    });
    r.on('error', reject);
    r.end(body);
  });
}

export async function refusesWithOwnPolicy(v, make) {
  const asked = [];
  const {client, id} = await make();
  await registry.update({...(await registry.get(id)).responseBody, status: 'disabled'});
  client.setRetryPolicy({shouldRetry: e => { asked.push(e); return false; }, nextRetryTimeout: () => 0});
  await assert.rejects(async () => {
    await client.open(); // over HTTP, and over AMQP with a certificate, nobody is asked yet
    await client.sendEvent(message());
  });
  assert.ok(asked.length > 0, 'the policy was not asked');
}

export const callOf = (id, module) => async (methodName, payload) => {
  const params = {methodName, payload, connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 15};
  const {result} = module ? await service.invokeDeviceMethod(id, module, params) : await service.invokeDeviceMethod(id, params);
  return result;
};

export const desiredOf = async (who, patch) => {
  const body = {properties: {desired: patch}};
  return who.moduleId ? registry.updateModuleTwin(who.id, who.moduleId, body, '*') : registry.updateTwin(who.id, body, '*');
};
export const twinOf = async who =>
    (who.moduleId ? await registry.getModuleTwin(who.id, who.moduleId) : await registry.getTwin(who.id)).responseBody;

export async function seesDesired(twin, who) {
  const told = new Promise(resolve => twin.on('properties.desired', d => { if (d.interval === 7) resolve(d); }));
  await new Promise((resolve, reject) => twin.enableTwinDesiredPropertiesUpdates(e => e ? reject(e) : resolve())); // it listens now
  await desiredOf(who, {interval: 7, gone: null, deep: {er: [1, 2]}});
  const d = await told;
  assert.equal(d.$version, 2);
  assert.deepEqual(d.deep, {er: [1, 2]});
  assert.deepEqual(twin.properties.desired.deep, {er: [1, 2]});
}

// The rows that Client and ModuleClient share.
export function sharedRows(options) {
  const make = (v, more = {}) => v.client({...options, ...more});
  return [
    {method: 'fromSharedAccessSignature', cannot: [noSasWithX509], async run(v) {
      const who = await make(v, {make: (w, Type, Transport) =>
          Type.fromSharedAccessSignature(sas(w, 3600, w.key ?? Buffer.from('x'.repeat(32)).toString('base64')), Transport)});
      await proves({...who, x509: false});
    }},
    {method: 'fromAuthenticationProvider', async run(v) {
      await proves(await make(v, {make: (w, Type, Transport) => Type.fromAuthenticationProvider(provider(w), Transport)}));
    }},
    {method: 'open', async run(v) {
      const who = await make(v);
      if (!MQTT.includes(v.transport))
        await proves(who); // AMQP opens links when they are needed, HTTP none
      if (!v.http)
        assert.equal(await connectionState(who.id, who.moduleId), 'Connected');
    }},
    {method: 'close', async run(v) {
      const who = await make(v);
      await who.client.close();
      await until('Disconnected', async () => await connectionState(who.id, who.moduleId) === 'Disconnected');
    }},
    {method: 'sendEvent', async run(v) {
      const who = await make(v);
      const m = message({täg: 'ü', list: [1, null]});
      m.correlationId = 'c & d';
      m.properties.add('alert', 'a&b=c');
      await who.client.sendEvent(m);
      const e = await eventOf(who, m.messageId);
      assert.deepEqual(e.body, {täg: 'ü', list: [1, null]});
      assert.equal(e.correlationId, 'c & d');
      assert.equal(e.contentType, 'application/json');
      assert.equal(e.properties.alert, 'a&b=c');
    }},
    {method: 'setOptions', async run(v) {
      const who = await make(v, {open: false});
      await who.client.setOptions({ca: authorities(), productInfo: 'matrix', ...(who.x509 && {cert: who.cert, key: who.certKey}),
                                   ...(v.http && {http: {receivePolicy: {interval: 1}}})});
      await who.client.open();
      await proves(who);
    }},
    {method: 'setTransportOptions', async run(v) {
      const who = await make(v, {open: false});
      assert.equal((await who.client.setTransportOptions({interval: 2})).constructor.name, 'TransportConfigured');
      await who.client.open();
      await proves(who);
    }},
    {method: 'getTwin', cannot: [noTwin], async run(v) {
      const who = await make(v);
      await desiredOf(who, {rate: 5, deep: {er: true}});
      const twin = await who.client.getTwin();
      const {rate, deep, $version, $metadata} = twin.properties.desired;
      assert.deepEqual({rate, deep, $version, $metadata}, {rate: 5, deep: {er: true}, $version: 2, $metadata: undefined});
    }},
    {method: 'getTwin, Twin.properties.reported.update', cannot: [noTwin], async run(v) {
      const who = await make(v);
      const twin = await who.client.getTwin();
      await updateReported(twin, {firmware: {version: '1.2'}, gone: 1});
      await updateReported(twin, {gone: null});
      const {reported} = (await twinOf(who)).properties;
      assert.deepEqual(reported.firmware, {version: '1.2'});
      assert.equal(reported.gone, undefined);
      assert.equal(reported.$version, 3);
    }},
    {method: "getTwin, Twin.on('properties.desired')", cannot: [noTwin], async run(v) {
      const who = await make(v);
      await seesDesired(await who.client.getTwin(), who);
    }},
    {method: 'getTwin, Twin.enableTwinDesiredPropertiesUpdates', cannot: [noTwin], async run(v) {
      const who = await make(v);
      const twin = await who.client.getTwin();
      await new Promise((resolve, reject) => twin.enableTwinDesiredPropertiesUpdates(e => e ? reject(e) : resolve()));
      await desiredOf(who, {rate: 3});
      await until('the desired property', () => twin.properties.desired.rate === 3);
    }},
    {method: 'getTwin, Twin.get', cannot: [noTwin], async run(v) {
      const who = await make(v);
      const twin = await who.client.getTwin();
      await desiredOf(who, {rate: 6});
      await new Promise((resolve, reject) => twin.get(e => e ? reject(e) : resolve()));
      assert.equal(twin.properties.desired.rate, 6);
    }},
    {method: 'getTwin, Twin.setRetryPolicy', cannot: [noTwin], async run(v) {
      const who = await make(v);
      const twin = await who.client.getTwin();
      twin.setRetryPolicy(never);
      await updateReported(twin, {a: 1});
      assert.equal((await twinOf(who)).properties.reported.a, 1);
    }},
    {method: 'setRetryPolicy', async run(v) {
      await refusesWithOwnPolicy(v, () => make(v, {open: false}));
    }},
    {method: 'updateSharedAccessSignature', cannot: [noTokenToRenew], async run(v) {
      const bySas = (w, Type, Transport) => Type.fromSharedAccessSignature(sas(w, 1800), Transport);
      const who = await make(v, {make: v.x509 ? undefined : bySas});
      const next = v.x509 ? 'SharedAccessSignature sr=a&sig=b&se=1' : sas(who, 3600);
      await new Promise((resolve, reject) => { who.client.updateSharedAccessSignature(next, e => e ? reject(e) : resolve()); });
      await proves(who);
    }},
    {method: "on('disconnect')", cannot: [{transports: ['Http'], error: 'UnauthorizedError', why: 'HTTP holds no connection; the next request is refused'}],
     async run(v) {
       const who = await make(v);
       if (!v.http)
         await proves(who);
       const end = next(who.client, 'disconnect');
       await registry.update({...(await registry.get(who.id)).responseBody, status: 'disabled'});
       if (v.http)
         await who.client.sendEvent(message());
       await end;
     }},
  ];
}

// Method rows, whose name differs between Client and ModuleClient.
export function methodRows(method, options) {
  return [
    {method, cannot: [noMethods], async run(v) {
      const who = await v.client(options);
      who.client[method]('echo', (request, response) => response.send(200, request.payload));
      const call = callOf(who.id, who.moduleId);
      for (const payload of [null, '', 'foo', {}, {k1: 'v1'}, [1, {a: null}], 3.5, true])
        assert.deepEqual(await call('echo', payload), {status: 200, payload});
    }},
    {method: `${method}, DeviceMethodResponse.send`, cannot: [noMethods], async run(v) {
      const who = await v.client(options);
      let sent;
      who.client[method]('refuse', (request, response) => { sent = response.send(417, {why: request.payload}); });
      assert.deepEqual(await callOf(who.id, who.moduleId)('refuse', 'no'), {status: 417, payload: {why: 'no'}});
      await sent;
    }},
  ];
}

const rows = [
  {method: 'fromConnectionString', async run(v) {
    await proves(await v.client());
  }},
  ...sharedRows({}),
  {method: 'sendEventBatch', cannot: [noBatch], async run(v) {
    const who = await v.client();
    const batch = [1, 2, 3].map(i => message({i}));
    batch.forEach((m, i) => m.properties.add('place', String(i)));
    await who.client.sendEventBatch(batch);
    const found = await until('the batch', () => {
      const mine = stream.list.filter(e => e.systemProperties['iothub-connection-device-id'] === who.id);
      return mine.length === 3 && mine;
    });
    assert.deepEqual(found.map(e => e.body.i ?? JSON.parse(e.body).i), [1, 2, 3]);
    assert.deepEqual(found.map(e => e.properties.place), ['0', '1', '2']);
  }},
  {method: 'sendEvent, Message.setAsSecurityMessage', async run(v) {
    const who = await v.client();
    const m = message();
    m.setAsSecurityMessage();
    await who.client.sendEvent(m);
    assert.equal((await eventOf(who, m.messageId)).systemProperties['iothub-interface-id'], 'urn:azureiot:Security:SecurityAgent:1');
  }},
  {method: "on('message')", async run(v) {
    const got = await deliver(v, await v.client(), {ack: 'none'});
    assert.ok(got.getData().length);
  }},
  {method: 'complete', async run(v) {
    const who = await v.client();
    const got = await deliver(v, who);
    await who.client.complete(got);
    await gone(who.id);
    await told(v, got.messageId, 'Success');
  }},
  {method: 'reject', cannot: [{...noSettle, run: async v => (await v.client()).client.reject(message())}], async run(v) {
    const who = await v.client();
    const got = await deliver(v, who);
    await who.client.reject(got);
    await gone(who.id);
    await told(v, got.messageId, 'Rejected');
  }},
  {method: 'abandon', cannot: [{...noSettle, run: async v => (await v.client()).client.abandon(message())}], async run(v) {
    const who = await v.client();
    const got = await deliver(v, who);
    const again = next(who.client, 'message', 20000);
    await who.client.abandon(got);
    const second = await again;
    assert.equal(second.messageId, got.messageId);
    await who.client.complete(second);
    await gone(who.id);
  }},
  ...methodRows('onDeviceMethod', {}),
  {method: 'uploadToBlob', async run(v) {
    const who = await v.client();
    const body = Buffer.alloc(70000, 'abc');
    await who.client.uploadToBlob('a folder/b.bin', Readable.from([body]), body.length);
    const n = await uploads.find('notification of the file', x => x.deviceId === who.id);
    assert.equal(n.blobName, `${who.id}/a folder/b.bin`);
    assert.equal(n.blobSizeInBytes, body.length);
  }},
  {method: 'getBlobSharedAccessSignature', async run(v) {
    const who = await v.client();
    const place = await who.client.getBlobSharedAccessSignature('x.txt');
    assert.equal(place.blobName, `${who.id}/x.txt`);
    assert.equal(await put(place, Buffer.from('text')), 201);
    assert.ok(place.correlationId);
  }},
  {method: 'notifyBlobUploadStatus', async run(v) {
    const who = await v.client();
    const place = await who.client.getBlobSharedAccessSignature('y.txt');
    assert.equal(await put(place, Buffer.from('texts')), 201);
    await who.client.notifyBlobUploadStatus(place.correlationId, true, 201, 'Created');
    const n = await uploads.find('notification of the file', x => x.deviceId === who.id);
    assert.equal(n.blobSizeInBytes, 5);
    await assert.rejects(who.client.notifyBlobUploadStatus(place.correlationId, true, 201, 'twice'));
  }},
];

export const tables = [
  {pack: 'azure-iot-device', type: 'Client', transports: Object.keys(transports), auths: AUTHS, rows, covers: [device.Client]},
];

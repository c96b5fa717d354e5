// azure-iothub, Client: what a back end does over AMQP and AMQP over WebSocket, and its receivers.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {Readable} from 'node:stream';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import {hub, identity, message, never, next, owner, registry, service, serviceSas, serviceTransports, until} from './site.mjs';

export const noDirectory = {error: 'UnauthorizedError', why: 'tokens of Entra ID are for the cloud; the hub knows its own policies'};
export const credential = {getToken: async () => ({token: 'from.a.directory', expiresOnTimestamp: Date.now() + 3600000})};

async function open(v, make) {
  const client = make ? make(serviceTransports[v.transport]) : iothub.Client.fromConnectionString(owner, serviceTransports[v.transport]);
  client.setRetryPolicy(never);
  await client.open();
  v.defer(() => client.close());
  return client;
}

async function waitingDevice(v, Transport = mqtt.Mqtt) {
  const who = await identity('SAS key');
  const client = v.keep(device.Client.fromConnectionString(who.connectionString, Transport));
  await client.open();
  return {...who, client};
}

async function sends(v, client) {
  const who = await waitingDevice(v);
  const got = next(who.client, 'message');
  const m = message({to: 'you'});
  m.expiryTimeUtc = Date.now() + 60000;
  await client.send(who.id, m);
  assert.equal((await got).messageId, m.messageId);
  return m.messageId;
}

const unwrap = r => r.result ?? r.message ?? r;

async function receiverOf(client, get) {
  return unwrap(await client[get]());
}

const rows = [
  {method: 'fromConnectionString', async run(v) {
    await sends(v, await open(v));
  }},
  {method: 'fromSharedAccessSignature', async run(v) {
    await sends(v, await open(v, T => iothub.Client.fromSharedAccessSignature(serviceSas(), T)));
  }},
  {method: 'fromTokenCredential', cannot: [noDirectory], async run(v) {
    await open(v, T => iothub.Client.fromTokenCredential(hub, credential, T)).catch(e => { throw e.amqpError; });
  }},
  {method: 'open', async run(v) {
    const client = await open(v);
    await client.open();
  }},
  {method: 'close', async run(v) {
    const client = await open(v);
    await client.close();
    await client.open();
    await sends(v, client);
  }},
  {method: 'send', async run(v) {
    const client = await open(v);
    const who = await identity('SAS key');
    for (let i = 0; i < 3; i++)
      await client.send(who.id, message({i}));
    assert.equal((await registry.get(who.id)).responseBody.cloudToDeviceMessageCount, 3);
    const got = [];
    const device1 = v.keep(device.Client.fromConnectionString(who.connectionString, mqtt.Mqtt));
    await device1.open();
    device1.on('message', m => got.push(JSON.parse(m.data.toString()).i));
    await until('three messages', () => got.length === 3);
    assert.deepEqual(got, [0, 1, 2]);
    await assert.rejects(client.send(`nobody-${randomUUID()}`, message()), {name: 'DeviceNotFoundError'});
  }},
  {method: 'invokeDeviceMethod', async run(v) {
    const client = await open(v);
    const who = await waitingDevice(v);
    who.client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload));
    const params = {methodName: 'echo', payload: {a: [1]}, connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10};
    assert.deepEqual((await client.invokeDeviceMethod(who.id, params)).result, {status: 200, payload: {a: [1]}});
  }},
  {method: 'setRetryPolicy', async run(v) {
    const client = await open(v);
    const asked = [];
    client.setRetryPolicy({shouldRetry: e => { asked.push(e); return false; }, nextRetryTimeout: () => 0});
    await assert.rejects(client.send(`nobody-${randomUUID()}`, message()));
    assert.equal(asked.length, 1);
  }},
  {method: 'getFeedbackReceiver', async run(v) {
    await receiverOf(await open(v), 'getFeedbackReceiver');
  }},
  {method: 'getFileNotificationReceiver', async run(v) {
    await receiverOf(await open(v), 'getFileNotificationReceiver');
  }},
  {method: "on('disconnect')", async run(v) {
    const client = await open(v, T => iothub.Client.fromSharedAccessSignature(serviceSas(4), T));
    await receiverOf(client, 'getFileNotificationReceiver');
    await v.idle(next(client, 'disconnect', 20000)); // its token ends
  }},
];

// One of several receivers gets what comes, so these cells run one after the other, when nobody else listens.
async function settles(v, get, cause, how) {
  const client = await open(v);
  const receiver = await receiverOf(client, get);
  const came = [];
  let settled;
  const arrived = new Promise((resolve, reject) => {
    receiver.on('errorReceived', reject);
    receiver.on('message', m => {
      came.push(m);
      settled = receiver[came.length === 1 ? how : 'complete'](m); // at once: what a handler leaves is taken as accepted
      resolve(m);
    });
  });
  const id = await cause(v);
  v.stage = 'waiting for something to settle';
  const first = await arrived;
  await settled;
  assert.ok(first.data.toString().includes(id));
  if (how === 'abandon') {
    await until('it again', () => came.length > 1);
    assert.equal(came[1].data.toString(), first.data.toString());
    await settled;
  } else {
    await new Promise(r => setTimeout(r, 300)); // long enough for it to come again, if it would
    assert.equal(came.length, 1);
  }
}

// 64 records make a batch at once, and a device's queue has room for 50 messages.
async function causeFeedback(v) {
  const ids = [];
  for (const n of [32, 32]) {
    const who = await waitingDevice(v);
    who.client.on('message', () => {});
    for (let i = 0; i < n; i++) {
      const m = message();
      m.ack = 'full';
      ids.push(m.messageId);
      await service.send(who.id, m);
    }
  }
  return ids[0];
}

async function causeNotification(v) {
  const who = await waitingDevice(v);
  await who.client.uploadToBlob('n.txt', Readable.from([Buffer.from('abc')]), 3);
  return who.id;
}

const receiverRows = [['getFeedbackReceiver', causeFeedback], ['getFileNotificationReceiver', causeNotification]].flatMap(([get, cause]) => [
  ...['complete', 'abandon', 'reject'].map(how => ({method: `${how} (${get})`, async run(v) {
    await settles(v, get, cause, how);
  }})),
  {method: `detach (${get})`, async run(v) {
    const receiver = await receiverOf(await open(v), get);
    await receiver.detach();
  }},
  {method: `forceDetach (${get})`, async run(v) {
    const receiver = await receiverOf(await open(v), get);
    receiver.forceDetach(new Error('enough'));
  }},
]);

export const tables = [
  {pack: 'azure-iothub', type: 'Client', transports: ['Amqp', 'AmqpWs'], rows, covers: [iothub.Client]},
  {pack: 'azure-iothub', type: 'ServiceReceiver', transports: ['Amqp', 'AmqpWs'], rows: receiverRows, covers: [], alone: true},
];

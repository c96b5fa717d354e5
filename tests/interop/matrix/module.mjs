// azure-iot-device, ModuleClient: what a module does that is connected to the hub itself.
import assert from 'node:assert/strict';
import device from 'azure-iot-device';
import {AUTHS} from './cells.mjs';
import {MQTT, AMQP, X509, authorities, methodRows, noSasWithX509, noTokenToRenew, sharedRows} from './device.mjs';
import {eventOf, identity, message, proves, registry, transports, until} from './site.mjs';

const asDevice = {transports: ['Http'], error: 'UnauthorizedError',
                  why: "the SDK knows no modules over HTTP: it speaks to the device's address as the module, which the hub refuses"};
const sends = new Set(['fromSharedAccessSignature', 'fromAuthenticationProvider', 'open', 'sendEvent', 'setOptions', 'setTransportOptions',
                       'updateSharedAccessSignature']);
const sasOnly = {auths: X509, error: 'NotImplementedError', why: "the SDK's modules take connection strings with a key alone"};
const noOutputs = {transports: ['Http'], error: 'NotImplementedError', why: 'the SDK has no outputs over HTTP'};
const noBatch = {error: 'NotImplementedError', why: 'the SDK has no batches of outputs over any transport'};
const noModuleBatch = {...noBatch, transports: [...MQTT, ...AMQP], why: 'the SDK sends batches over HTTP alone'};
const noReject = {transports: MQTT, error: 'NotImplementedError', why: 'MQTT can only complete a message, by its PUBACK'};

const noInput = {transports: AMQP, error: 'DeviceMessageLockLostError',
                 why: "an input has messages where an edge routes them; from the hub itself a module gets none"};
const noMessages = {transports: ['Http'], error: 'TypeError', why: 'the SDK has no messages for modules over HTTP, and its request is none'};
const shared = sharedRows({module: true}).map(row => sends.has(row.method)
    ? {...row, cannot: [...(row.cannot ?? []), asDevice]} : row);

// The environment is read when the function is called, so nobody else sees it.
function fromEnvironment(variables, Transport) {
  const before = {...process.env};
  Object.assign(process.env, variables);
  try {
    return device.ModuleClient.fromEnvironment(Transport);
  } finally {
    for (const name of Object.keys(variables))
      before[name] === undefined ? delete process.env[name] : process.env[name] = before[name];
  }
}

// An input's messages come from an edge's routes. The hub lets a module listen, as the cloud does.
async function listens(v) {
  const who = await v.client({module: true});
  who.client.on('inputMessage', () => v.fail(new Error('the hub sends nothing to inputs')));
  await proves(who);
  return who;
}

const rows = [
  {method: 'fromConnectionString', cannot: [sasOnly, asDevice], async run(v) {
    const who = await identity(v.auth, {module: true});
    const client = device.ModuleClient.fromConnectionString(who.connectionString, transports[v.transport]);
    v.keep(client);
    await client.open();
    await proves(who, client);
  }},
  {method: 'fromEnvironment', cannot: [sasOnly, asDevice], async run(v) {
    const who = await identity(v.auth, {module: true});
    const client = await fromEnvironment({EdgeHubConnectionString: who.connectionString}, transports[v.transport]);
    v.keep(client);
    await client.open();
    await proves(who, client);
  }},
  {method: 'validateEnvironment', transports: ['Mqtt'], auths: ['SAS key'], run() {
    assert.match(device.ModuleClient.validateEnvironment().message, /IOTEDGE_WORKLOADURI/);
  }},
  ...shared,
  {method: 'sendEventBatch', cannot: [noModuleBatch, asDevice], async run(v) {
    const {client} = await v.client({module: true});
    await client.sendEventBatch([message()]);
  }},
  {method: 'sendOutputEvent', cannot: [noOutputs], async run(v) {
    const who = await v.client({module: true});
    await proves(who, who.client, m => who.client.sendOutputEvent('out 1', m));
  }},
  {method: 'sendOutputEventBatch', cannot: [noBatch], async run(v) {
    const {client} = await v.client({module: true});
    await client.sendOutputEventBatch('out1', [message()]);
  }},
  {method: "on('inputMessage')", cannot: [{transports: ['Http'], error: 'NotImplementedError', why: 'the SDK has no inputs over HTTP'}],
   async run(v) {
     await listens(v);
   }},
  {method: 'complete', cannot: [noInput, noMessages], run: async v => {
    const who = await v.client({module: true});
    await who.client.complete(message()); // over MQTT, a PUBACK has done it, and the SDK has no more to do
    await proves(who);
  }},
  {method: 'reject', cannot: [noReject, noInput, noMessages], run: async v => {
    const {client} = await v.client({module: true});
    await client.reject(message());
  }},
  {method: 'abandon', cannot: [noReject, noInput, noMessages], run: async v => {
    const {client} = await v.client({module: true});
    await client.abandon(message());
  }},
  ...methodRows('onMethod', {module: true}),
  {method: 'invokeMethod', cannot: [{auths: X509, error: 'UnauthorizedError', why: 'the SDK calls methods with a token alone'}], async run(v) {
    const who = await v.client({module: true});
    const {symmetricKey} = (await registry.get(who.id)).responseBody.authentication;
    const own = v.keep(device.Client.fromConnectionString(`HostName=${who.host};DeviceId=${who.id};SharedAccessKey=${symmetricKey.primaryKey}`,
                                                          transports.Mqtt));
    await own.open();
    own.onDeviceMethod('echo', (request, response) => response.send(200, request.payload));
    const params = {methodName: 'echo', payload: {a: 1}, connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 15};
    const {status, payload} = await who.client.invokeMethod(who.id, params);
    assert.deepEqual({status, payload}, {status: 200, payload: {a: 1}});
  }},
];

export const tables = [
  {pack: 'azure-iot-device', type: 'ModuleClient', transports: Object.keys(transports), auths: AUTHS, rows, covers: [device.ModuleClient]},
];

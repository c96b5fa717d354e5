// Modules below an edge: azure-iot-device connects to the edge (GatewayHostName), the back end talks to the hub.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {openSync, readFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import amqp from 'azure-iot-device-amqp';
import mqtt from 'azure-iot-device-mqtt';
import {eventHubs, readUntil} from './events.mjs';

const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const address = hub.replace(/\d+$/, n => String((Number(n) % 250) + 1)); // the ports are fixed, so another address
const data = path.join(process.env.MILLRACE_FOLDER, 'edge');
const edgeId = `edge-${randomUUID().slice(0, 8)}`;
let edge, edgeKey;

function startEdge() {
  const log = openSync(path.join(process.env.MILLRACE_FOLDER, 'edge.log'), 'a');
  edge = spawn(process.env.MILLRACE, [
    'edge', '--data', data, '--device', edgeId, '--hub.host', hub, '--hub.ca', process.env.NODE_EXTRA_CA_CERTS,
    '--name', address, '--listen', address, '--health.port', '0', '--amqp.port', '5671',
  ], {stdio: ['ignore', log, log], env: {...process.env, MILLRACE_EDGE_KEY: edgeKey}});
}

async function until(what, condition, ms = 15000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const value = await condition();
    if (value)
      return value;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

const answers = (host, port) => new Promise(resolve => {
  const s = net.connect(port, host, () => { s.destroy(); resolve(true); });
  s.on('error', () => resolve(false));
});

before(async () => {
  await registry.create({deviceId: edgeId, capabilities: {iotEdge: true}});
  const {responseBody} = await registry.getModule(edgeId, '$edgeHub');
  edgeKey = responseBody.authentication.symmetricKey.primaryKey;
  startEdge();
  await until('the edge', () => answers(address, 8883));
});

after(async () => {
  edge.kill('SIGTERM');
  await new Promise(resolve => edge.on('exit', resolve));
});

async function moduleClient(name, transport = mqtt.Mqtt) {
  await registry.addModule({deviceId: edgeId, moduleId: name});
  const {responseBody} = await registry.getModule(edgeId, name);
  const client = device.ModuleClient.fromConnectionString(
      `HostName=${hub};DeviceId=${edgeId};ModuleId=${name};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey};GatewayHostName=${address}`,
      transport);
  await client.setOptions({ca: readFileSync(path.join(data, 'tls/ca.pem'), 'utf8')});
  return client;
}

const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);

for (const [protocol, transport] of [['MQTT', mqtt.Mqtt], ['AMQP', amqp.Amqp]]) {
  test(`${protocol}: what a module sends to the edge arrives at the hub as the module's`, async () => {
    const client = await moduleClient(`sender-${protocol}`, transport);
    await client.open();
    for (let i = 0; i < 10; i++) {
      const m = new device.Message(JSON.stringify({i}));
      m.properties.add('n', String(i));
      await client.sendOutputEvent('values', m);
    }
    const events = of(`sender-${protocol}`, await readUntil(all => of(`sender-${protocol}`, all).length >= 10, eventHubs.earliestEventPosition));
    assert.deepEqual(events.map(e => e.properties.n), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    assert.equal(events[0].systemProperties['iothub-connection-device-id'], edgeId);
    await client.close();
  });

  test(`${protocol}: methods and twins pass the edge both ways`, async () => {
    const client = await moduleClient(`worker-${protocol}`, transport);
    await client.open();
    client.onMethod('echo', (request, response) => response.send(200, request.payload));
    const twin = await client.getTwin();
    await new Promise((resolve, reject) => twin.properties.reported.update({state: 'on'}, e => e ? reject(e) : resolve()));
    const told = new Promise(resolve => twin.on('properties.desired', p => { if (p.speed) resolve(p); }));
    const {result} = await until('the module to be reachable', async () => {
      try {
        return await service.invokeDeviceMethod(edgeId, `worker-${protocol}`, {methodName: 'echo', payload: {a: 1}, responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 10});
      } catch {
        return null;
      }
    });
    assert.deepEqual(result, {status: 200, payload: {a: 1}});
    const {responseBody: seen} = await registry.getModuleTwin(edgeId, `worker-${protocol}`);
    assert.equal(seen.properties.reported.state, 'on');
    await registry.updateModuleTwin(edgeId, `worker-${protocol}`, {properties: {desired: {speed: 3}}}, '*');
    assert.equal((await told).speed, 3);
    await client.close();
  });

  test(`${protocol}: a stranger is refused by the edge`, async () => {
    const client = device.ModuleClient.fromConnectionString(
        `HostName=${hub};DeviceId=${edgeId};ModuleId=nobody;SharedAccessKey=${Buffer.from('wrong key here').toString('base64')};GatewayHostName=${address}`,
        transport);
    await client.setOptions({ca: readFileSync(path.join(data, 'tls/ca.pem'), 'utf8')});
    await assert.rejects(client.open(), {name: 'UnauthorizedError'});
  });
}

test('what was acknowledged before the edge was killed arrives after its start', async () => {
  const client = await moduleClient('survivor');
  await client.open();
  for (let i = 0; i < 200; i++)
    await client.sendEvent(new device.Message(String(i)));
  edge.kill('SIGKILL');
  await new Promise(resolve => edge.on('exit', resolve));
  client.removeAllListeners();
  startEdge();
  await until('the edge again', () => answers(address, 8883));
  const seen = events => new Set(of('survivor', events).map(e => String(e.body)));
  const events = await readUntil(all => seen(all).size >= 200, eventHubs.earliestEventPosition);
  assert.equal(seen(events).size, 200);
  await client.close().catch(() => {});
});

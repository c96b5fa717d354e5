// A Plug and Play device with the device SDK, and DigitalTwinClient of azure-iothub on the other side.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import iotDevice from 'azure-iot-device';
import mqttDevice from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';

const hub = process.env.MILLRACE_HUB;
const model = 'dtmi:com:example:TemperatureController;1';
const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const twins = new iothub.DigitalTwinClient(new iothub.IoTHubTokenCredentials(process.env.MILLRACE_HUB_OWNER));

async function device(deviceId) {
  const identity = (await registry.create({deviceId})).responseBody;
  const client = iotDevice.Client.fromConnectionString(
      `HostName=${hub};DeviceId=${deviceId};SharedAccessKey=${identity.authentication.symmetricKey.primaryKey}`, mqttDevice.Mqtt);
  await client.setOptions({modelId: model});
  await client.open();
  return client;
}

const report = (twin, patch) => new Promise((resolve, reject) => twin.properties.reported.update(patch, e => e ? reject(e) : resolve()));

test('a digital twin has the model, the properties and what is desired of them', async t => {
  const client = await device('pnp-1');
  t.after(() => client.close());
  const twin = await client.getTwin();
  await report(twin, {serial: 'a1', thermostat1: {__t: 'c', highest: 25.5}});
  const {response: _, ...first} = await twins.getDigitalTwin('pnp-1');
  assert.equal(first.$dtId, 'pnp-1');
  assert.equal(first.$metadata.$model, model);
  assert.equal(first.serial, 'a1');
  assert.equal(first.thermostat1.highest, 25.5);
  assert.equal((await registry.getTwin('pnp-1')).responseBody.modelId, model);

  const desired = new Promise(resolve => twin.on('properties.desired.thermostat1', v => v.target && resolve(v)));
  const response = await new Promise((resolve, reject) => {
    twins.updateDigitalTwin('pnp-1', [{op: 'add', path: '/thermostat1/target', value: 21}], first.eTag ?? '*',
                            (e, _result, answer) => e ? reject(e) : resolve(answer));
  });
  assert.equal(response.status, 202);
  assert.match(response.headers.get('etag'), /^".+"$/);
  assert.match(response.headers.get('location'), /\/digitaltwins\/pnp-1$/);
  assert.equal((await desired).target, 21);
  await report(twin, {thermostat1: {__t: 'c', target: {value: 21, ac: 200, av: 2, ad: 'done'}}});
  const now = await twins.getDigitalTwin('pnp-1');
  assert.equal(now.thermostat1.target, 21);
  const {desiredValue, ackCode, ackVersion, ackDescription} = now.thermostat1.$metadata.target;
  assert.deepEqual({desiredValue, ackCode, ackVersion, ackDescription}, {desiredValue: 21, ackCode: 200, ackVersion: 2, ackDescription: 'done'});
  await assert.rejects(twins.updateDigitalTwin('pnp-1', [{op: 'add', path: '/x', value: 1}], '"bm9uZQ=="'), e => e.statusCode === 412);
  await assert.rejects(twins.updateDigitalTwin('pnp-1', [{op: 'move', path: '/x', from: '/y'}]), e => e.statusCode === 400);
  await assert.rejects(twins.getDigitalTwin('nobody'), e => e.statusCode === 404);
});

test('commands go to the device and to its components', async t => {
  const client = await device('pnp-2');
  t.after(() => client.close());
  client.onDeviceMethod('reboot', (request, response) => response.send(202, {after: request.payload.delay}));
  client.onDeviceMethod('thermostat1*getMaxMinReport', (request, response) => response.send(200, request.payload));
  const root = await twins.invokeCommand('pnp-2', 'reboot', {delay: 3}, {connectTimeoutInSeconds: 5, responseTimeoutInSeconds: 10});
  assert.deepEqual(root.body ?? root.parsedResponse ?? JSON.parse(root._response.bodyAsText), {after: 3});
  assert.equal(root._response.headers.get('x-ms-command-statuscode'), '202');
  assert.ok(root._response.headers.get('x-ms-request-id'));
  const component = await twins.invokeComponentCommand('pnp-2', 'thermostat1', 'getMaxMinReport', '2026-01-01T00:00:00Z',
                                                       {connectTimeoutInSeconds: 5});
  assert.equal(JSON.parse(component._response.bodyAsText), '2026-01-01T00:00:00Z');
  await assert.rejects(twins.invokeCommand('pnp-2', 'reboot', {}, {responseTimeoutInSeconds: 1}), e => e.statusCode === 400);
  await client.close();
  await assert.rejects(twins.invokeCommand('pnp-2', 'reboot', {}), e => e.statusCode === 404);
});

// The registry through azure-iothub: every public method of Registry that is about identities, and what
// a change does to a device that is connected.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import common from 'azure-iot-common';
import iotDevice from 'azure-iot-device';
import mqttDevice from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';

const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const of = r => r.responseBody ?? r;
const fails = (promise, name) => assert.rejects(promise, e => e.name === name || assert.fail(`${e.name}: ${e.message}`));

async function connected(deviceId, moduleId) {
  const identity = of(moduleId ? await registry.getModule(deviceId, moduleId) : await registry.get(deviceId));
  const key = identity.authentication.symmetricKey.primaryKey;
  const where = moduleId ? `;ModuleId=${moduleId}` : '';
  const client = (moduleId ? iotDevice.ModuleClient : iotDevice.Client)
      .fromConnectionString(`HostName=${hub};DeviceId=${deviceId}${where};SharedAccessKey=${key}`, mqttDevice.Mqtt);
  client.setRetryPolicy(new common.NoRetry());
  client.gone = new Promise(resolve => client.on('disconnect', resolve));
  client.on('error', () => {});
  await client.open();
  return client;
}

test('a device is created, read, updated, listed and deleted', async () => {
  const made = of(await registry.create({deviceId: 'r-1', status: 'disabled', statusReason: 'not yet'}));
  assert.equal(made.authentication.type, 'sas');
  assert.equal(Buffer.from(made.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  await fails(registry.create({deviceId: 'r-1'}), 'DeviceAlreadyExistsError');
  const key = Buffer.alloc(64, 1).toString('base64');
  const changed = of(await registry.update({...made, status: 'enabled', statusReason: '',
    authentication: {type: 'sas', symmetricKey: {primaryKey: key, secondaryKey: key}}}));
  assert.equal(changed.status, 'enabled');
  assert.equal(changed.generationId, made.generationId);
  const read = of(await registry.get('r-1'));
  assert.deepEqual(read, changed);
  assert.ok(of(await registry.list()).some(d => d.deviceId === 'r-1'));
  await registry.delete('r-1');
  await fails(registry.get('r-1'), 'DeviceNotFoundError');
  await fails(registry.delete('r-1'), 'DeviceNotFoundError');
  await fails(registry.update({deviceId: 'r-1'}), 'DeviceNotFoundError');
  await fails(registry.create({deviceId: 'invalid/name'}), 'ArgumentError');
});

test('statistics count devices', async () => {
  const before = of(await registry.getRegistryStatistics());
  await registry.create({deviceId: 'r-2', status: 'disabled'});
  const after = of(await registry.getRegistryStatistics());
  assert.equal(after.totalDeviceCount, before.totalDeviceCount + 1);
  assert.equal(after.disabledDeviceCount, before.disabledDeviceCount + 1);
});

test('authentication changes its kind', async () => {
  const thumbprint = 'AB'.repeat(20);
  const made = of(await registry.create({deviceId: 'r-3', authentication: {x509Thumbprint: {primaryThumbprint: thumbprint}}}));
  assert.equal(made.authentication.type, 'selfSigned');
  const ca = of(await registry.update({deviceId: 'r-3', authentication: {type: 'certificateAuthority'}}));
  assert.deepEqual(ca.authentication, {symmetricKey: {primaryKey: null, secondaryKey: null},
    x509Thumbprint: {primaryThumbprint: null, secondaryThumbprint: null}, type: 'certificateAuthority'});
  const sas = of(await registry.update({deviceId: 'r-3'}));
  assert.equal(sas.authentication.type, 'sas');
  await fails(registry.create({deviceId: 'r-3b', authentication: {type: 'sas', symmetricKey: {primaryKey: 'x', secondaryKey: 'y'}}}),
              'ArgumentError');
});

test('modules', async () => {
  await registry.create({deviceId: 'r-4'});
  const made = of(await registry.addModule({deviceId: 'r-4', moduleId: 'm', managedBy: 'me'}));
  assert.equal(made.managedBy, 'me');
  await fails(registry.addModule({deviceId: 'r-4', moduleId: 'm'}), 'DeviceAlreadyExistsError');
  const changed = of(await registry.updateModule({...made, managedBy: 'you'}));
  assert.equal(changed.managedBy, 'you');
  await fails(registry.updateModule(made), 'InvalidEtagError');
  assert.deepEqual(of(await registry.getModulesOnDevice('r-4')).map(m => m.moduleId), ['m']);
  assert.equal(of(await registry.getModule('r-4', 'm')).managedBy, 'you');
  await registry.removeModule('r-4', 'm');
  await assert.rejects(registry.getModule('r-4', 'm'));
  await fails(registry.addModule({deviceId: 'nobody', moduleId: 'm'}), 'DeviceNotFoundError');
});

test('edges have scopes, and others belong to them', async () => {
  const edge = of(await registry.create({deviceId: 'r-edge', capabilities: {iotEdge: true}}));
  assert.match(edge.deviceScope, /^ms-azure-iot-edge:\/\/r-edge-/);
  assert.deepEqual(of(await registry.getModulesOnDevice('r-edge')).map(m => m.moduleId).sort(), ['$edgeAgent', '$edgeHub']);
  const leaf = of(await registry.create({deviceId: 'r-leaf', deviceScope: edge.deviceScope}));
  assert.deepEqual(leaf.parentScopes, [edge.deviceScope]);
  await fails(registry.update({...leaf, deviceScope: 'ms-azure-iot-edge://elsewhere-1'}), 'ArgumentError');
  const below = of(await registry.create({deviceId: 'r-below', capabilities: {iotEdge: true}, parentScopes: [edge.deviceScope]}));
  assert.deepEqual(below.parentScopes, [edge.deviceScope]);
  assert.notEqual(below.deviceScope, edge.deviceScope);
  await assert.rejects(registry.removeModule('r-edge', '$edgeHub'));
});

test('twins', async () => {
  await registry.create({deviceId: 'r-5'});
  await registry.addModule({deviceId: 'r-5', moduleId: 'm'});
  const twin = of(await registry.getTwin('r-5'));
  const changed = of(await registry.updateTwin('r-5', {tags: {site: 'a'}, properties: {desired: {x: 1}}}, twin.etag));
  assert.equal(changed.tags.site, 'a');
  await fails(registry.updateTwin('r-5', {tags: {site: 'b'}}, twin.etag), 'InvalidEtagError');
  const module = of(await registry.getModuleTwin('r-5', 'm'));
  const next = of(await registry.updateModuleTwin('r-5', 'm', {properties: {desired: {y: 2}}}, module.etag));
  assert.equal(next.properties.desired.y, 2);
});

test('devices are added, updated and removed in bulk', async () => {
  const devices = [...Array(100).keys()].map(n => ({deviceId: `bulk-${n}`}));
  assert.deepEqual(of(await registry.addDevices(devices)), {isSuccessful: true, errors: [], warnings: []});
  const again = of(await registry.addDevices(devices.slice(0, 2)).catch(e => JSON.parse(e.responseBody)));
  assert.equal(again.isSuccessful, false);
  assert.deepEqual(again.errors.map(e => [e.deviceId, e.errorCode]),
                   [['bulk-0', 'DeviceAlreadyExists'], ['bulk-1', 'DeviceAlreadyExists']]);
  const one = of(await registry.get('bulk-1'));
  assert.equal(of(await registry.updateDevices([{deviceId: 'bulk-1', status: 'disabled', etag: one.etag}], false)).isSuccessful, true);
  assert.equal(of(await registry.get('bulk-1')).status, 'disabled');
  const stale = of(await registry.updateDevices([{deviceId: 'bulk-1', status: 'enabled', etag: one.etag}], false)
      .catch(e => JSON.parse(e.responseBody)));
  assert.equal(stale.errors[0].errorCode, 'PreconditionFailed');
  assert.equal(of(await registry.updateDevices([{deviceId: 'bulk-1', status: 'enabled', etag: one.etag}], true)).isSuccessful, true);
  assert.equal(of(await registry.removeDevices(devices, true)).isSuccessful, true);
  assert.equal(of(await registry.list()).filter(d => d.deviceId.startsWith('bulk-')).length, 0);
  await assert.rejects(registry.addDevices([...Array(101).keys()].map(n => ({deviceId: `many-${n}`}))));
});

test('who is disabled, deleted or given another key is disconnected, and so are his modules', async () => {
  await registry.create({deviceId: 'r-6'});
  await registry.addModule({deviceId: 'r-6', moduleId: 'm'});
  const device = await connected('r-6'), module = await connected('r-6', 'm');
  assert.equal(of(await registry.get('r-6')).connectionState, 'Connected');
  await registry.updateDevices([{deviceId: 'r-6', status: 'disabled'}], true);
  await Promise.all([device.gone, module.gone]);
  await fails(connected('r-6'), 'UnauthorizedError');
  await fails(connected('r-6', 'm'), 'UnauthorizedError');
  await registry.updateDevices([{deviceId: 'r-6', status: 'enabled'}], true);
  const again = await connected('r-6'), key = Buffer.alloc(32, 7).toString('base64');
  const same = await connected('r-6', 'm');
  await registry.update({deviceId: 'r-6', authentication: {type: 'sas', symmetricKey: {primaryKey: key, secondaryKey: key}}});
  await again.gone;
  await registry.delete('r-6');
  await same.gone;
  await assert.rejects(registry.getModule('r-6', 'm'));
});

// azure-iothub, Registry, Twin and Query: identities, twins, configurations and queries of the back end.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import {blobs} from './blobs.mjs';
import {credential, noDirectory} from './service.mjs';
import {hub, identity, owner, registry, serviceSas, until} from './site.mjs';

const fresh = () => `r-${randomUUID()}`;
const body = async promise => (await promise).responseBody;
const made = async (more = {}) => body(registry.create({deviceId: fresh(), ...more}));

async function madeModule() {
  const {deviceId} = await made();
  return body(registry.addModule({deviceId, moduleId: 'm1'}));
}

const crud = async r => {
  const {responseBody} = await r.create({deviceId: fresh()});
  await r.delete(responseBody.deviceId);
};

export const configuration = (id = `c-${randomUUID()}`) => ({
  id, schemaVersion: '1.0', labels: {of: 'matrix'}, priority: 10, targetCondition: `tags.of='${id}'`,
  content: {deviceContent: {'properties.desired.rate': {every: 5}}},
  metrics: {queries: {waiting: `SELECT deviceId FROM devices WHERE tags.of='${id}'`}},
});

async function configured() {
  const c = configuration();
  return body(registry.addConfiguration(c));
}

const ended = id => until('the end of the job', async () => {
  const job = await registry.getJob(id);
  assert.notEqual(job.status, 'failed', job.failureReason);
  return job.status === 'completed' && job;
}, 20000);

async function exports(v, call) {
  const {deviceId} = await made();
  const container = await blobs.container();
  const job = await call(container.uri);
  assert.equal(job.type, 'export');
  await ended(job.jobId);
  const lines = (await container.read('devices.txt')).split(/\r?\n/).filter(Boolean).map(l => JSON.parse(l));
  return lines.find(l => l.id === deviceId);
}

async function imports(v, call) {
  const id = fresh();
  const container = await blobs.container();
  await container.write('devices.txt', `${JSON.stringify({id, importMode: 'create', status: 'enabled', tags: {of: 'import'}})}\r\n`);
  const job = await call(container.uri, container.uri);
  assert.equal(job.type, 'import');
  await ended(job.jobId);
  assert.equal((await body(registry.getTwin(id))).tags.of, 'import');
}

const noIdentity = {error: 'ArgumentError', why: 'there are no managed identities to open a storage with; containers are opened by a signature'};

const rows = [
  {method: 'fromConnectionString', async run() { await crud(iothub.Registry.fromConnectionString(owner)); }},
  {method: 'fromSharedAccessSignature', async run() { await crud(iothub.Registry.fromSharedAccessSignature(serviceSas())); }},
  {method: 'fromTokenCredential', cannot: [noDirectory], async run() { await crud(iothub.Registry.fromTokenCredential(hub, credential)); }},
  {method: 'create', async run() {
    const d = await made({status: 'disabled', statusReason: 'at rest', capabilities: {iotEdge: true}});
    assert.equal(d.status, 'disabled');
    assert.equal(d.statusReason, 'at rest');
    assert.equal(d.capabilities.iotEdge, true);
    assert.match(d.deviceScope, /^ms-azure-iot-edge:\/\//);
    assert.ok(d.authentication.symmetricKey.primaryKey);
    await assert.rejects(registry.create({deviceId: d.deviceId}), {name: 'DeviceAlreadyExistsError'});
    await assert.rejects(registry.create({deviceId: 'invalid/name'}), {name: 'ArgumentError'});
  }},
  {method: 'update', async run() {
    const d = await made();
    const changed = await body(registry.update({deviceId: d.deviceId, status: 'disabled'}));
    assert.equal(changed.status, 'disabled');
    assert.notEqual(changed.etag, d.etag);
    await assert.rejects(registry.update({deviceId: fresh()}), {name: 'DeviceNotFoundError'});
  }},
  {method: 'get', async run() {
    const d = await made();
    const read = await body(registry.get(d.deviceId));
    assert.equal(read.generationId, d.generationId);
    assert.deepEqual(read.authentication, d.authentication);
    await assert.rejects(registry.get(fresh()), {name: 'DeviceNotFoundError'});
  }},
  {method: 'list', async run() {
    const all = await body(registry.list());
    assert.ok(all.length > 0 && all.length <= 1000);
    assert.ok(all.every(d => d.deviceId && d.authentication));
  }},
  {method: 'delete', async run() {
    const d = await made();
    await registry.delete(d.deviceId);
    await assert.rejects(registry.get(d.deviceId), {name: 'DeviceNotFoundError'});
  }},
  {method: 'addDevices', async run() {
    const ids = [fresh(), fresh()];
    const {isSuccessful, errors} = await body(registry.addDevices(ids.map(deviceId => ({deviceId}))));
    assert.equal(isSuccessful, true);
    assert.equal(errors?.length ?? 0, 0);
    for (const id of ids)
      assert.equal((await body(registry.get(id))).deviceId, id);
  }},
  {method: 'updateDevices', async run() {
    const d = await made();
    await registry.updateDevices([{deviceId: d.deviceId, status: 'disabled'}], true);
    assert.equal((await body(registry.get(d.deviceId))).status, 'disabled');
  }},
  {method: 'removeDevices', async run() {
    const d = await made();
    await registry.removeDevices([{deviceId: d.deviceId}], true);
    await assert.rejects(registry.get(d.deviceId), {name: 'DeviceNotFoundError'});
  }},
  {method: 'importDevicesFromBlob', async run(v) { await imports(v, (i, o) => registry.importDevicesFromBlob(i, o)); }},
  {method: 'importDevicesFromBlobByIdentity', cannot: [noIdentity], async run(v) { await imports(v, (i, o) => registry.importDevicesFromBlobByIdentity(i, o)); }},
  {method: 'exportDevicesToBlob', async run(v) {
    const line = await exports(v, uri => registry.exportDevicesToBlob(uri, true));
    assert.ok(line);
    assert.ok(!line.authentication?.symmetricKey?.primaryKey);
    assert.ok((await exports(v, uri => registry.exportDevicesToBlob(uri, false))).authentication.symmetricKey.primaryKey);
  }},
  {method: 'exportDevicesToBlobByIdentity', cannot: [noIdentity], async run(v) {
    assert.ok(await exports(v, uri => registry.exportDevicesToBlobByIdentity(uri, false)));
  }},
  {method: 'listJobs', async run() {
    const container = await blobs.container();
    const job = await registry.exportDevicesToBlob(container.uri, true);
    const answer = await registry.listJobs();
    assert.ok([answer.responseBody ?? answer].flat().some(j => j.jobId === job.jobId));
  }},
  {method: 'getJob', async run() {
    const container = await blobs.container();
    const job = await registry.exportDevicesToBlob(container.uri, true);
    assert.equal((await ended(job.jobId)).jobId, job.jobId);
    await assert.rejects(registry.getJob(fresh()));
  }},
  {method: 'cancelJob', async run() {
    const container = await blobs.container();
    const job = await registry.exportDevicesToBlob(container.uri, true);
    const refused = await registry.cancelJob(job.jobId).then(() => null, e => e);
    const {status} = await registry.getJob(job.jobId);
    assert.ok(['cancelled', 'completed'].includes(status), status); // it may have been faster
    if (refused)
      assert.deepEqual([refused.name, status], ['ArgumentError', 'completed']);
  }},
  {method: 'getTwin', async run() {
    const {deviceId} = await made();
    const twin = await body(registry.getTwin(deviceId));
    assert.equal(twin.deviceId, deviceId);
    assert.equal(twin.properties.desired.$version, 1);
    await assert.rejects(registry.getTwin(fresh()), {name: 'DeviceNotFoundError'});
  }},
  {method: 'getModuleTwin', async run() {
    const m = await madeModule();
    assert.equal((await body(registry.getModuleTwin(m.deviceId, 'm1'))).moduleId, 'm1');
  }},
  {method: 'updateTwin', async run() {
    const {deviceId} = await made();
    const {etag} = await body(registry.getTwin(deviceId));
    const twin = await body(registry.updateTwin(deviceId, {tags: {a: 1}, properties: {desired: {b: {c: 2}}}}, etag));
    assert.deepEqual(twin.tags, {a: 1});
    assert.equal(twin.properties.desired.b.c, 2);
    assert.ok(twin.properties.desired.$metadata.b.c.$lastUpdated);
    await assert.rejects(registry.updateTwin(deviceId, {tags: {a: 2}}, etag), {name: 'InvalidEtagError'});
  }},
  {method: 'updateModuleTwin', async run() {
    const m = await madeModule();
    const twin = await body(registry.updateModuleTwin(m.deviceId, 'm1', {tags: {a: 1}}, '*'));
    assert.deepEqual(twin.tags, {a: 1});
  }},
  {method: 'createQuery', async run() {
    const d = await made();
    const {result} = await registry.createQuery(`SELECT * FROM devices WHERE deviceId='${d.deviceId}'`, 10).next();
    assert.deepEqual(result.map(t => t.deviceId), [d.deviceId]);
    await assert.rejects(registry.createQuery('SELEC * FROM devices').next(), {name: 'ArgumentError'});
  }},
  {method: 'getRegistryStatistics', async run() {
    await made();
    const s = await body(registry.getRegistryStatistics());
    assert.ok(s.totalDeviceCount >= 1);
    assert.equal(s.totalDeviceCount, s.enabledDeviceCount + s.disabledDeviceCount);
  }},
  {method: 'addConfiguration', async run() {
    const wanted = configuration();
    const c = await body(registry.addConfiguration(structuredClone(wanted)));
    assert.equal(c.id, wanted.id);
    assert.deepEqual(c.content, wanted.content);
    assert.ok(c.etag && c.createdTimeUtc);
    const {deviceId} = await made();
    await registry.updateTwin(deviceId, {tags: {of: c.id}}, '*');
    await until('the configuration in the twin', async () =>
        (await body(registry.getTwin(deviceId))).properties.desired.rate?.every === 5);
  }},
  {method: 'getConfiguration', async run() {
    const c = await configured();
    assert.deepEqual((await body(registry.getConfiguration(c.id))).content, c.content);
    await assert.rejects(registry.getConfiguration('no-such-one'));
  }},
  {method: 'getConfigurations', async run() {
    const c = await configured();
    assert.ok((await body(registry.getConfigurations())).some(x => x.id === c.id));
  }},
  {method: 'updateConfiguration', async run() {
    const c = await configured();
    const next = await body(registry.updateConfiguration({...c, priority: 20}));
    assert.equal(next.priority, 20);
    await assert.rejects(registry.updateConfiguration({...c, priority: 30}), {name: 'InvalidEtagError'});
    assert.equal((await body(registry.updateConfiguration({...c, priority: 40}, true))).priority, 40);
  }},
  {method: 'removeConfiguration', async run() {
    const c = await configured();
    await registry.removeConfiguration(c.id);
    await assert.rejects(registry.getConfiguration(c.id));
  }},
  {method: 'applyConfigurationContentOnDevice', async run() {
    const {deviceId} = await made({capabilities: {iotEdge: true}});
    const content = {modulesContent: {$edgeAgent: {'properties.desired': {schemaVersion: '1.1', modules: {}}}, $edgeHub: {'properties.desired': {routes: {}}}}};
    await registry.applyConfigurationContentOnDevice(deviceId, content);
    const twin = await body(registry.getModuleTwin(deviceId, '$edgeAgent'));
    assert.equal(twin.properties.desired.schemaVersion, '1.1');
  }},
  {method: 'addModule', async run() {
    const m = await madeModule();
    assert.ok(m.authentication.symmetricKey.primaryKey);
    await assert.rejects(registry.addModule({deviceId: m.deviceId, moduleId: 'm1'}), {name: 'DeviceAlreadyExistsError'});
  }},
  {method: 'getModulesOnDevice', async run() {
    const m = await madeModule();
    await registry.addModule({deviceId: m.deviceId, moduleId: 'm2'});
    assert.deepEqual((await body(registry.getModulesOnDevice(m.deviceId))).map(x => x.moduleId).sort(), ['m1', 'm2']);
  }},
  {method: 'getModule', async run() {
    const m = await madeModule();
    assert.equal((await body(registry.getModule(m.deviceId, 'm1'))).generationId, m.generationId);
    await assert.rejects(registry.getModule(m.deviceId, 'm9'));
  }},
  {method: 'updateModule', async run() {
    const m = await madeModule();
    const changed = await body(registry.updateModule({...m, managedBy: 'matrix'}, true));
    assert.equal(changed.managedBy, 'matrix');
  }},
  {method: 'removeModule', async run() {
    const m = await madeModule();
    await registry.removeModule(m.deviceId, 'm1');
    await assert.rejects(registry.getModule(m.deviceId, 'm1'));
  }},
];

// What the SDK gives on a service's side.
const twinRows = [
  {method: 'get', async run() {
    const {deviceId} = await made();
    const twin = await body(registry.getTwin(deviceId));
    await registry.updateTwin(deviceId, {tags: {late: true}}, '*');
    await twin.get();
    assert.equal(twin.tags.late, true);
  }},
  {method: 'update', async run() {
    const {deviceId} = await made();
    const twin = await body(registry.getTwin(deviceId));
    await twin.update({properties: {desired: {n: 1}}});
    await twin.update({properties: {desired: {n: 2}}}); // with the etag that the first one gave
    assert.equal((await body(registry.getTwin(deviceId))).properties.desired.n, 2);
  }},
  {method: 'toJSON', async run() {
    const {deviceId} = await made();
    const twin = await body(registry.getTwin(deviceId));
    assert.equal(JSON.parse(JSON.stringify(twin)).deviceId, deviceId);
  }},
];

const queryRows = [
  {method: 'next', async run() {
    const tag = randomUUID();
    for (let i = 0; i < 5; i++) {
      const {deviceId} = await made();
      await registry.updateTwin(deviceId, {tags: {of: tag, i}}, '*');
    }
    const query = registry.createQuery(`SELECT deviceId, tags.i AS i FROM devices WHERE tags.of='${tag}'`, 2);
    const sizes = [];
    const seen = [];
    while (query.hasMoreResults) {
      const {result} = await query.next(query.continuationToken);
      sizes.push(result.length);
      seen.push(...result.map(r => r.i));
    }
    assert.deepEqual(seen.sort(), [0, 1, 2, 3, 4]);
    assert.deepEqual(sizes.slice(0, 2), [2, 2]);
    const {result: [counted]} = await registry.createQuery(`SELECT COUNT() AS n FROM devices WHERE tags.of='${tag}'`).next();
    assert.deepEqual(counted, {n: 5});
  }},
  {method: 'nextAsTwin', async run() {
    const {deviceId} = await made();
    const {result: [twin]} = await registry.createQuery(`SELECT * FROM devices WHERE deviceId='${deviceId}'`).nextAsTwin();
    await twin.update({tags: {from: 'query'}});
    assert.equal((await body(registry.getTwin(deviceId))).tags.from, 'query');
  }},
];

const dtOf = () => new iothub.DigitalTwinClient(new iothub.IoTHubTokenCredentials(owner));

async function plugAndPlay(v) {
  const who = await identity('SAS key');
  const client = v.keep(device.Client.fromConnectionString(who.connectionString, mqtt.Mqtt));
  await client.setOptions({modelId: 'dtmi:com:example:TemperatureController;1'});
  await client.open();
  return {...who, client};
}

const twinClientRows = [
  {method: 'getDigitalTwin', async run(v) {
    const who = await plugAndPlay(v);
    const answer = await dtOf().getDigitalTwin(who.id);
    const twin = answer.dtwin ?? answer.responseBody ?? answer;
    assert.equal(twin.$dtId, who.id);
    assert.equal(twin.$metadata.$model, 'dtmi:com:example:TemperatureController;1');
  }},
  {method: 'updateDigitalTwin', async run(v) {
    const who = await plugAndPlay(v);
    const client = dtOf();
    await client.updateDigitalTwin(who.id, [{op: 'add', path: '/targetTemperature', value: 21.5}], '*');
    assert.equal((await body(registry.getTwin(who.id))).properties.desired.targetTemperature, 21.5);
  }},
  {method: 'invokeCommand', async run(v) {
    const who = await plugAndPlay(v);
    who.client.onDeviceMethod('reboot', (request, response) => response.send(200, {after: request.payload}));
    const answer = await dtOf().invokeCommand(who.id, 'reboot', 5, {connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10});
    assert.deepEqual(answer.body?.after ?? answer.after, 5);
    assert.equal(answer.xMsCommandStatuscode ?? answer.statusCode, 200);
  }},
  {method: 'invokeComponentCommand', async run(v) {
    const who = await plugAndPlay(v);
    who.client.onDeviceMethod('thermostat1*getMaxMinReport', (request, response) => response.send(200, {since: request.payload}));
    const answer = await dtOf().invokeComponentCommand(who.id, 'thermostat1', 'getMaxMinReport', 'now',
                                                       {connectTimeoutInSeconds: 10, responseTimeoutInSeconds: 10});
    assert.deepEqual(answer.body?.since ?? answer.since, 'now');
  }},
];

const https = {transports: ['HTTPS']};
const Query = registry.createQuery('SELECT * FROM devices').constructor; // the package does not export it

export const tables = [
  {pack: 'azure-iothub', type: 'Registry', ...https, rows, covers: [iothub.Registry]},
  {pack: 'azure-iothub', type: 'Twin', ...https, rows: twinRows, covers: [iothub.Twin]},
  {pack: 'azure-iothub', type: 'Query', ...https, rows: queryRows, covers: [Query]},
  {pack: 'azure-iothub', type: 'DigitalTwinClient', ...https, rows: twinClientRows, covers: [iothub.DigitalTwinClient]},
];

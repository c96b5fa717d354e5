// Import and export jobs by azure-iothub, between the registry and the hub's own blob store.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {BlobServiceClient} from '@azure/storage-blob';
import iothub from 'azure-iothub';

const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const blobs = BlobServiceClient.fromConnectionString(process.env.MILLRACE_HUB_BLOBS);
const of = r => r.responseBody ?? r;

async function container(name) {
  const c = blobs.getContainerClient(name);
  await c.createIfNotExists();
  return c;
}

const upload = (c, name, text) => c.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
const download = async (c, name) => (await c.getBlobClient(name).downloadToBuffer()).toString('utf8');

async function ended(jobId) {
  for (const end = Date.now() + 60000; Date.now() < end;) {
    const job = of(await registry.getJob(jobId));
    if (!['enqueued', 'running'].includes(job.status))
      return job;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error('the job did not end');
}

test('devices are exported, and imported again into an empty registry', async () => {
  const c = await container('round-trip');
  const made = of(await registry.create({deviceId: 't-1', status: 'disabled', statusReason: 'spare'}));
  await registry.addModule({deviceId: 't-1', moduleId: 'm', managedBy: 'me'});
  await registry.updateTwin('t-1', {tags: {site: 'north'}, properties: {desired: {speed: 3}}}, '*');
  const started = of(await registry.exportDevicesToBlob(c.url, false));
  assert.equal(started.type, 'export');
  const exported = await ended(started.jobId);
  assert.equal(exported.status, 'completed', exported.failureReason);
  assert.equal(exported.progress, 100);
  const lines = (await download(c, 'devices.txt')).trim().split('\r\n').map(l => JSON.parse(l));
  const device = lines.find(l => l.id === 't-1' && !l.moduleId);
  assert.equal(device.authentication.symmetricKey.primaryKey, made.authentication.symmetricKey.primaryKey);
  assert.equal(device.tags.site, 'north');

  await registry.delete('t-1');
  const job = await ended(of(await registry.importDevicesFromBlob(c.url, c.url)).jobId);
  assert.equal(job.status, 'completed', job.failureReason);
  const again = of(await registry.get('t-1'));
  assert.equal(again.statusReason, 'spare');
  assert.deepEqual(again.authentication, made.authentication);
  assert.equal(of(await registry.getModule('t-1', 'm')).managedBy, 'me');
  assert.equal(of(await registry.getTwin('t-1')).properties.desired.speed, 3);

  const without = await ended(of(await registry.exportDevicesToBlob(c.url, true)).jobId);
  assert.equal(without.status, 'completed');
  for (const line of (await download(c, 'devices.txt')).trim().split('\r\n'))
    assert.equal(JSON.parse(line).authentication.symmetricKey.primaryKey, null);
  const all = of(await registry.listJobs());
  assert.ok(all.some(j => j.jobId === job.jobId && j.type === 'import'));
});

test('every importMode, and the log of what was refused', async () => {
  const c = await container('modes');
  await registry.create({deviceId: 't-2'});
  await registry.create({deviceId: 't-3'});
  await upload(c, 'devices.txt', [
    {id: 't-4', importMode: 'create', tags: {a: 1}},
    {id: 't-2', importMode: 'create'},
    {id: 't-2', importMode: 'update', status: 'disabled'},
    {id: 't-3', importMode: 'delete'},
    {id: 't-4', importMode: 'updateTwin', tags: {b: 2}},
    {id: 't-5', importMode: 'updateTwinIfMatchETag', twinETag: 'x', tags: {}},
  ].map(l => JSON.stringify(l)).join('\n'));
  const job = await ended(of(await registry.importDevicesFromBlob(c.url, c.url)).jobId);
  assert.equal(job.status, 'completed', job.failureReason);
  assert.equal(of(await registry.get('t-2')).status, 'disabled');
  await assert.rejects(registry.get('t-3'));
  assert.deepEqual(of(await registry.getTwin('t-4')).tags, {a: 1, b: 2});
  const errors = (await download(c, 'importErrors.log')).trim().split('\r\n').map(l => JSON.parse(l));
  assert.deepEqual(errors.map(e => [e.id, e.errorCode]), [['t-2', 'DeviceAlreadyExists'], ['t-5', 'DeviceNotFound']]);
});

test('a job fails with a reason, and one that waits is cancelled', async () => {
  const nowhere = blobs.getContainerClient('nowhere');
  const job = await ended(of(await registry.importDevicesFromBlob(nowhere.url, nowhere.url)).jobId);
  assert.equal(job.status, 'failed');
  assert.match(job.failureReason, /404 ContainerNotFound/);
  await assert.rejects(registry.cancelJob(job.jobId));
  await assert.rejects(registry.getJob('none'));
});

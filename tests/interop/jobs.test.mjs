// Scheduled jobs by azure-iothub's JobClient, on devices of azure-iot-device.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';

const owner = process.env.MILLRACE_HUB_OWNER;
const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(owner);
const jobs = iothub.JobClient.fromConnectionString(owner);

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  return `HostName=${hub};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`;
}

async function ended(id) {
  for (const end = Date.now() + 20000; Date.now() < end;) {
    const {jobStatus} = await jobs.getJob(id);
    if (['completed', 'failed', 'cancelled'].includes(jobStatus.status))
      return jobStatus;
  }
  throw new Error(`job ${id} does not end`);
}

async function all(query) {
  const rows = [];
  while (query.hasMoreResults)
    rows.push(...(await query.next(query.continuationToken)).result);
  return rows;
}

test('scheduleTwinUpdate changes the twins, and the device is told', async t => {
  const id = `twin-${randomUUID()}`, job = randomUUID();
  const client = device.Client.fromConnectionString(await create(id), mqtt.Mqtt);
  await client.open();
  t.after(() => client.close());
  const twin = await client.getTwin();
  const told = new Promise(resolve => twin.on('properties.desired.level', resolve));
  const {jobStatus} = await jobs.scheduleTwinUpdate(job, `deviceId IN ['${id}']`,
      {etag: '*', tags: {floor: 3}, properties: {desired: {level: 42}}}, new Date(), 60);
  assert.equal(jobStatus.jobId, job);
  assert.equal(jobStatus.type, 'scheduleUpdateTwin');
  assert.equal((await ended(job)).status, 'completed');
  assert.equal(await told, 42);
  assert.equal((await registry.getTwin(id)).responseBody.tags.floor, 3);
  const rows = await all(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = '${id}'`));
  assert.equal(rows.length, 1);
  assert.deepEqual([rows[0].jobId, rows[0].jobType, rows[0].status], [job, 'scheduleUpdateTwin', 'completed']);
});

test('scheduleDeviceMethod calls those who are there, and says who was not', async t => {
  const there = `there-${randomUUID()}`, away = `away-${randomUUID()}`, job = randomUUID();
  const client = device.Client.fromConnectionString(await create(there), mqtt.Mqtt);
  await create(away);
  await client.open();
  t.after(() => client.close());
  const seen = [];
  await new Promise((resolve, reject) => {
    client.onDeviceMethod('lock', (request, response) => {
      seen.push(request.payload);
      response.send(201, {locked: true});
    });
    client.getTwin(e => e ? reject(e) : resolve()); // a round trip behind the subscription
  });
  await jobs.scheduleDeviceMethod(job, `deviceId IN ['${there}', '${away}']`,
      {methodName: 'lock', payload: {door: 1}, responseTimeoutInSeconds: 10}, new Date(), 60);
  const status = await ended(job);
  assert.equal(status.status, 'completed');
  assert.deepEqual(status.deviceJobStatistics,
                   {deviceCount: 2, failedCount: 1, succeededCount: 1, runningCount: 0, pendingCount: 0});
  assert.deepEqual(seen, [{door: 1}]);
  const rows = await all(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${job}'`));
  const of = id => rows.find(r => r.deviceId === id);
  assert.deepEqual(of(there).outcome.deviceMethodResponse, {status: 201, payload: {locked: true}});
  assert.equal(of(away).status, 'failed');
  assert.equal(of(away).error.code, 'DeviceNotOnline');
});

test('a job of the future is queued, can be read, listed and cancelled', async () => {
  const id = `later-${randomUUID()}`, job = randomUUID();
  await create(id);
  const start = new Date(Date.now() + 3600000);
  const {jobStatus: made} = await jobs.scheduleTwinUpdate(job, `deviceId = '${id}'`, {tags: {x: 1}}, start, 120);
  assert.equal(made.status, 'queued');
  assert.equal(new Date(made.startTime).getTime(), start.getTime());
  assert.equal((await jobs.getJob(job)).jobStatus.status, 'queued');
  assert.ok((await all(jobs.createQuery('scheduleUpdateTwin', 'queued', 5))).some(j => j.jobId === job));
  const {jobStatus: gone} = await jobs.cancelJob(job);
  assert.equal(gone.status, 'cancelled');
  assert.ok((await all(jobs.createQuery('scheduleUpdateTwin', 'cancelled'))).some(j => j.jobId === job));
  assert.ok(!(await all(jobs.createQuery('scheduleUpdateTwin', 'queued'))).some(j => j.jobId === job));
});

test('a job for nobody fails; a name is taken once; what cannot be read is refused', async () => {
  const job = randomUUID();
  await jobs.scheduleTwinUpdate(job, "deviceId = 'nobody-at-all'", {tags: {x: 1}}, new Date(), 60);
  const status = await ended(job);
  assert.equal(status.status, 'failed');
  assert.equal(status.failureReason, 'JobRunPreconditionFailed');
  await assert.rejects(jobs.scheduleTwinUpdate(job, '*', {tags: {}}, new Date(), 60), {name: 'DeviceAlreadyExistsError'});
  await assert.rejects(jobs.scheduleTwinUpdate(randomUUID(), 'deviceId =', {tags: {}}, new Date(), 60), {name: 'ArgumentError'});
  await assert.rejects(jobs.getJob(randomUUID()));
});

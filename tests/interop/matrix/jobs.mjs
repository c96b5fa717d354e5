// azure-iothub, JobClient: scheduled jobs.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import {credential, noDirectory} from './service.mjs';
import {hub, identity, owner, registry, serviceSas, until} from './site.mjs';

const jobs = iothub.JobClient.fromConnectionString(owner);
const soon = () => new Date();
const tomorrow = () => new Date(Date.now() + 86400000);
const condition = id => `deviceId='${id}'`;

async function twinJob(client = jobs, start = soon(), id) {
  const deviceId = id ?? (await identity('SAS key')).id;
  const jobId = randomUUID();
  const {jobStatus} = await client.scheduleTwinUpdate(jobId, condition(deviceId), {etag: '*', tags: {job: jobId}}, start, 60);
  assert.equal(jobStatus.jobId, jobId);
  return {jobId, deviceId, status: jobStatus.status};
}

const done = id => until('the end of the job', async () => {
  const {jobStatus} = await jobs.getJob(id);
  assert.notEqual(jobStatus.status, 'failed', jobStatus.failureReason);
  return jobStatus.status === 'completed' && jobStatus;
}, 20000);

const rows = [
  {method: 'fromConnectionString', async run() { await done((await twinJob(iothub.JobClient.fromConnectionString(owner))).jobId); }},
  {method: 'fromSharedAccessSignature', async run() { await done((await twinJob(iothub.JobClient.fromSharedAccessSignature(serviceSas()))).jobId); }},
  {method: 'fromTokenCredential', cannot: [noDirectory], async run() {
    await twinJob(iothub.JobClient.fromTokenCredential(hub, credential), soon(), 'x');
  }},
  {method: 'getJob', async run() {
    const {jobId} = await twinJob();
    const job = await done(jobId);
    assert.equal(job.type, 'scheduleUpdateTwin');
    assert.deepEqual({...job.deviceJobStatistics}, {deviceCount: 1, failedCount: 0, succeededCount: 1, runningCount: 0, pendingCount: 0});
    await assert.rejects(jobs.getJob(randomUUID()));
  }},
  {method: 'createQuery', async run() {
    const {jobId} = await twinJob();
    await done(jobId);
    const query = jobs.createQuery('scheduleUpdateTwin', 'completed');
    let found = false;
    while (query.hasMoreResults && !found) {
      const {result} = await query.next(query.continuationToken);
      found = result.some(j => j.jobId === jobId);
    }
    assert.ok(found);
    const {result: [row]} = await registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId='${jobId}'`).next();
    assert.equal(row.status, 'completed');
  }},
  {method: 'cancelJob', async run() {
    const {jobId, status} = await twinJob(jobs, tomorrow());
    assert.equal(status, 'queued');
    await jobs.cancelJob(jobId);
    const {jobStatus} = await jobs.getJob(jobId);
    assert.equal(jobStatus.status, 'cancelled');
  }},
  {method: 'scheduleDeviceMethod', async run(v) {
    const who = await identity('SAS key');
    const client = v.keep(device.Client.fromConnectionString(who.connectionString, mqtt.Mqtt));
    await client.open();
    const got = [];
    client.onDeviceMethod('reboot', (request, response) => { got.push(request.payload); response.send(200, {ok: true}); });
    const jobId = randomUUID();
    await jobs.scheduleDeviceMethod(jobId, condition(who.id), {methodName: 'reboot', payload: {in: 5}, responseTimeoutInSeconds: 10}, soon(), 60);
    await done(jobId);
    assert.deepEqual(got, [{in: 5}]);
    const {result: [row]} = await registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId='${jobId}'`).next();
    assert.equal(row.outcome.deviceMethodResponse.status, 200);
  }},
  {method: 'scheduleTwinUpdate', async run() {
    const {jobId, deviceId} = await twinJob();
    await done(jobId);
    assert.equal((await registry.getTwin(deviceId)).responseBody.tags.job, jobId);
  }},
];

export const tables = [
  {pack: 'azure-iothub', type: 'JobClient', transports: ['HTTPS'], rows, covers: [iothub.JobClient]},
];

// Files from devices: azure-iot-device's uploadToBlob and its two halves over MQTT and over HTTPS, azure-iothub's
// receiver of notifications, and the forms that other SDKs write.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomBytes, randomUUID} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import {Readable} from 'node:stream';
import test from 'node:test';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import http from 'azure-iot-device-http';
import mqtt from 'azure-iot-device-mqtt';
import storage from '@azure/storage-blob';

const owner = process.env.MILLRACE_HUB_OWNER;
const hub = process.env.MILLRACE_HUB;
const registry = iothub.Registry.fromConnectionString(owner);
const service = iothub.Client.fromConnectionString(owner);
const version = 'api-version=2021-04-12';

async function create(id) {
  const {responseBody} = await registry.create({deviceId: id});
  return responseBody.authentication.symmetricKey.primaryKey;
}

const connectionString = (id, key) => `HostName=${hub};DeviceId=${id};SharedAccessKey=${key}`;

function call(method, target, {id, key, body}) {
  const se = Math.floor(Date.now() / 1000) + 600;
  const headers = {Authorization: common.SharedAccessSignature.create(`${hub}/devices/${id}`, null, key, se).toString()};
  return new Promise((resolve, reject) => {
    https.request({host: hub, method, path: target, headers, agent: false}, r => {
      const pieces = [];
      r.on('data', p => pieces.push(p));
      r.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        resolve({status: r.statusCode, text, json: text && JSON.parse(text)});
      });
    }).on('error', reject).end(body && JSON.stringify(body));
  });
}

// Notifications as they come, each settled with `how`.
async function notifications(how = 'complete') {
  const receiver = await new Promise((resolve, reject) =>
      service.getFileNotificationReceiver((e, r) => e ? reject(e) : resolve(r)));
  const all = [];
  const waiting = new Set();
  receiver.on('message', m => {
    receiver[how](m, () => {});
    all.push(JSON.parse(m.data.toString()));
    waiting.forEach(f => f());
  });
  const of = (blobName, ms = 10000) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no notification of ${blobName}`)), ms);
    const look = () => {
      const found = all.find(n => n.blobName === blobName);
      if (!found)
        return;
      clearTimeout(timer);
      waiting.delete(look);
      resolve(found);
    };
    waiting.add(look);
    look();
  });
  return {all, of};
}

await service.open();
const told = await notifications();

async function download(blobName) {
  const container = storage.BlobServiceClient.fromConnectionString(process.env.MILLRACE_HUB_BLOBS).getContainerClient('uploads');
  return container.getBlobClient(blobName).downloadToBuffer();
}

for (const [name, transport] of [['mqtt', mqtt.Mqtt], ['http', http.Http]]) {
  test(`uploadToBlob over ${name}, and what services are told`, async () => {
    const id = `up-${randomUUID()}`;
    const client = device.Client.fromConnectionString(connectionString(id, await create(id)), transport);
    await client.open();
    const body = randomBytes(9_000_000);
    const before = Date.now();
    await client.uploadToBlob('folder/a file & more.bin', Readable.from([body]), body.length);
    await client.close();
    const blobName = `${id}/folder/a file & more.bin`;
    const n = await told.of(blobName);
    assert.equal(n.deviceId, id);
    assert.equal(n.blobSizeInBytes, body.length);
    assert.equal(n.blobUri, `https://${hub}/uploads/${blobName}`);
    assert.ok(Math.abs(new Date(n.lastUpdatedTime) - before) < 60_000);
    assert.ok(Math.abs(new Date(n.enqueuedTimeUtc) - before) < 60_000);
    assert.deepEqual(await download(blobName), body);
  });
}

test('getBlobSharedAccessSignature, an upload of one piece, notifyBlobUploadStatus', async () => {
  const id = `up-${randomUUID()}`;
  const client = device.Client.fromConnectionString(connectionString(id, await create(id)), mqtt.Mqtt);
  const info = await client.getBlobSharedAccessSignature('one.txt');
  assert.equal(info.hostName, hub);
  assert.equal(info.containerName, 'uploads');
  assert.equal(info.blobName, `${id}/one.txt`);
  assert.match(info.sasToken, /^\?sv=/);
  const url = `https://${info.hostName}/${info.containerName}/${encodeURI(info.blobName)}`;
  const blob = new storage.BlockBlobClient(url + info.sasToken);
  await blob.upload('one', 3);
  await assert.rejects(new storage.BlockBlobClient(url.replace('one', 'two') + info.sasToken).upload('two', 3), {statusCode: 403});
  await assert.rejects(blob.delete(), {statusCode: 403});
  await client.notifyBlobUploadStatus(info.correlationId, true, 200, 'it went well');
  assert.equal((await told.of(info.blobName)).blobSizeInBytes, 3);
  await client.close();
});

test('curl uploads with the signature', async () => {
  const id = `up-${randomUUID()}`;
  const key = await create(id);
  const {json: info} = await call('POST', `/devices/${id}/files?${version}`, {id, key, body: {blobName: 'curl.bin'}});
  const file = path.join(process.env.MILLRACE_FOLDER, 'curl.bin');
  writeFileSync(file, randomBytes(3_000_000));
  const out = execFileSync('curl', ['-sS', '--cacert', process.env.NODE_EXTRA_CA_CERTS, '-T', file, '-H', 'x-ms-blob-type: BlockBlob',
    '-w', '%{http_code}', `https://${info.hostName}/${info.containerName}/${info.blobName}${info.sasToken}`], {encoding: 'utf8'});
  assert.equal(out, '201');
  assert.equal((await call('POST', `/devices/${id}/files/notifications/${info.correlationId}?${version}`,
                           {id, key, body: {isSuccess: true, statusCode: 200, statusDescription: ''}})).status, 204);
  assert.equal((await told.of(info.blobName)).blobSizeInBytes, 3_000_000);
});

test('the forms of the C and Python SDKs, and the old one', async () => {
  const id = `up-${randomUUID()}`;
  const key = await create(id);
  const begun = await call('POST', `/devices/${id}/files/?${version}`, {id, key, body: {blobName: 'c.bin'}});
  assert.equal(begun.status, 200);
  assert.equal(begun.json.blobName, `${id}/c.bin`);
  const old = await call('GET', `/devices/${id}/files/sub/old.bin?api-version=2016-11-14`, {id, key});
  assert.equal(old.status, 200);
  assert.equal(old.json.blobName, `${id}/sub/old.bin`);
  const url = ({hostName, containerName, blobName, sasToken}) => `https://${hostName}/${containerName}/${blobName}${sasToken}`;
  await new storage.BlockBlobClient(url(begun.json)).upload('c', 1);
  const notify = body => call('POST', `/devices/${id}/files/notifications?${version}`, {id, key, body});
  assert.equal((await notify({correlationId: begun.json.correlationId, isSuccess: true, statusCode: 200})).status, 204);
  assert.equal((await told.of(`${id}/c.bin`)).blobSizeInBytes, 1);
  assert.equal((await notify({correlationId: old.json.correlationId, isSuccess: false, statusCode: 500})).status, 204);
  assert.equal((await notify({correlationId: old.json.correlationId, isSuccess: false})).status, 400); // it is over
  assert.ok(!told.all.some(n => n.blobName === `${id}/sub/old.bin`)); // a failure is nobody's news
});

test('what is refused', async () => {
  const id = `up-${randomUUID()}`;
  const key = await create(id);
  const other = `up-${randomUUID()}`;
  const otherKey = await create(other);
  const begin = body => call('POST', `/devices/${id}/files?${version}`, {id, key, body});
  assert.equal((await call('POST', `/devices/${id}/files?${version}`, {id, key: otherKey, body: {blobName: 'x'}})).status, 401);
  assert.equal((await begin({})).status, 400);
  assert.equal((await begin({blobName: 'a\u0001b'})).status, 400);
  assert.equal((await begin({blobName: 'x'.repeat(1100)})).status, 400);
  const {json: {correlationId}} = await begin({blobName: 'never written'});
  const notify = (who, whoseKey, body) =>
      call('POST', `/devices/${who}/files/notifications?${version}`, {id: who, key: whoseKey, body});
  assert.equal((await notify(other, otherKey, {correlationId, isSuccess: true})).status, 400);
  const lie = await notify(id, key, {correlationId, isSuccess: true});
  assert.equal(lie.status, 400);
  assert.match(lie.text, /its blob is not there/);
  assert.equal((await notify(id, key, {correlationId})).status, 400);
  assert.equal((await notify(id, key, {correlationId, isSuccess: false})).status, 204);
});

test('ten uploads at once, and no more', async () => {
  const id = `up-${randomUUID()}`;
  const key = await create(id);
  const begin = n => call('POST', `/devices/${id}/files?${version}`, {id, key, body: {blobName: `f${n}`}});
  const first = await begin(0);
  for (let n = 1; n < 10; n++)
    assert.equal((await begin(n)).status, 200);
  const refused = await begin(10);
  assert.equal(refused.status, 403);
  assert.match(refused.json.Message, /^ErrorCode:DeviceMaximumActiveFileUploadLimitExceeded;/);
  await call('POST', `/devices/${id}/files/notifications?${version}`,
             {id, key, body: {correlationId: first.json.correlationId, isSuccess: false}});
  assert.equal((await begin(10)).status, 200);
});

test('the end', async () => {
  await service.close();
});

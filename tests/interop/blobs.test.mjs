// The blob store, used by @azure/storage-blob with a signature of the account. The large upload has 200 MB, and 1 GB in the
// long form.
import assert from 'node:assert/strict';
import {createHash, randomBytes, randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {Readable} from 'node:stream';
import test from 'node:test';
import storage from '@azure/storage-blob';

const service = storage.BlobServiceClient.fromConnectionString(process.env.MILLRACE_HUB_BLOBS);
const containerName = `c-${randomUUID()}`;
const container = service.getContainerClient(containerName);

async function text(response) {
  const pieces = [];
  for await (const piece of response.readableStreamBody)
    pieces.push(piece);
  return Buffer.concat(pieces);
}

const rss = () => {
  const status = readFileSync(`/proc/${process.env.MILLRACE_HUB_PID}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1024;
};

test('a container is made once', async () => {
  await container.create();
  assert.equal(await container.exists(), true);
  await assert.rejects(container.create(), {statusCode: 409, code: 'ContainerAlreadyExists'});
});

test('a single upload, its properties, and downloads of it and of its parts', async () => {
  const blob = container.getBlockBlobClient('folder/name with blanks & äöü.txt');
  const body = randomBytes(100_000);
  const up = await blob.upload(body, body.length,
      {blobHTTPHeaders: {blobContentType: 'text/x', blobCacheControl: 'no-cache'}, metadata: {line: '7'}});
  assert.ok(up.etag && up.lastModified && up.requestId);
  const properties = await blob.getProperties();
  assert.equal(properties.contentLength, body.length);
  assert.equal(properties.contentType, 'text/x');
  assert.equal(properties.cacheControl, 'no-cache');
  assert.equal(properties.blobType, 'BlockBlob');
  assert.deepEqual(properties.metadata, {line: '7'});
  assert.equal(properties.etag, up.etag);
  assert.deepEqual(await text(await blob.download()), body);
  const part = await blob.download(1000, 500);
  assert.equal(part.contentRange, `bytes 1000-1499/${body.length}`);
  assert.deepEqual(await text(part), body.subarray(1000, 1500));
  assert.deepEqual(await blob.downloadToBuffer(5, 60_000, {blockSize: 10_000}), body.subarray(5, 60_005));
  await assert.rejects(blob.download(body.length), {statusCode: 416});
});

test('blocks: staged, listed, committed in another order', async () => {
  const blob = container.getBlockBlobClient('blocks');
  const id = n => Buffer.from(`block-${n}`).toString('base64');
  for (const n of [1, 2, 3])
    await blob.stageBlock(id(n), `part ${n};`, 7);
  await assert.rejects(blob.download(), {statusCode: 404, code: 'BlobNotFound'});
  const before = await blob.getBlockList('all');
  assert.equal(before.uncommittedBlocks.length, 3);
  await blob.commitBlockList([id(3), id(1)]);
  assert.equal((await text(await blob.download())).toString(), 'part 3;part 1;');
  const after = await blob.getBlockList('all');
  assert.deepEqual(after.committedBlocks.map(b => b.name), [id(3), id(1)]);
  assert.equal(after.uncommittedBlocks?.length ?? 0, 0);
  await assert.rejects(blob.commitBlockList([id(2)]), {statusCode: 400, code: 'InvalidBlockList'});
});

test('conditions', async () => {
  const blob = container.getBlockBlobClient('conditions');
  const {etag} = await blob.upload('1', 1, {conditions: {ifNoneMatch: '*'}});
  await assert.rejects(blob.upload('2', 1, {conditions: {ifNoneMatch: '*'}}), {code: 'BlobAlreadyExists'});
  await blob.upload('2', 1, {conditions: {ifMatch: etag}});
  await assert.rejects(blob.upload('3', 1, {conditions: {ifMatch: etag}}), {code: 'ConditionNotMet'});
  await assert.rejects(blob.download(0, undefined, {conditions: {ifMatch: etag}}), {statusCode: 412});
});

test('lists: flat in pages, and by folder', async () => {
  for (const name of ['list/a', 'list/b', 'list/sub/c', 'list/sub/d'])
    await container.getBlockBlobClient(name).upload(name, name.length);
  const names = [];
  for await (const page of container.listBlobsFlat({prefix: 'list/'}).byPage({maxPageSize: 3}))
    names.push(page.segment.blobItems.map(b => b.name));
  assert.deepEqual(names, [['list/a', 'list/b', 'list/sub/c'], ['list/sub/d']]);
  const folder = [];
  for await (const item of container.listBlobsByHierarchy('/', {prefix: 'list/'}))
    folder.push(`${item.kind} ${item.name}`);
  assert.deepEqual(folder.sort(), ['blob list/a', 'blob list/b', 'prefix list/sub/']);
});

test('without a right signature there is nothing', async () => {
  const {url} = container.getBlockBlobClient('list/a');
  const bare = url.split('?')[0];
  await assert.rejects(new storage.BlockBlobClient(bare).download(), {statusCode: 404});
  await assert.rejects(new storage.BlockBlobClient(url.replace(/sig=../, 'sig=AA')).download(),
                       {statusCode: 403, code: 'AuthenticationFailed'});
});

test('a large upload leaves the hub small, and comes back whole', async () => {
  const megabytes = Number(process.env.MILLRACE_UPLOAD_MB ?? (process.env.MILLRACE_TEST_FORM === 'long' ? 1024 : 200));
  const blob = container.getBlockBlobClient('large');
  const piece = randomBytes(1 << 20);
  const pieces = function* () {
    for (let i = 0; i < megabytes; i++) {
      piece.writeUInt32BE(i);
      yield Buffer.from(piece);
    }
  };
  const wanted = createHash('sha256');
  for (const p of pieces())
    wanted.update(p);
  const before = rss();
  let most = before;
  const watch = setInterval(() => { most = Math.max(most, rss()); }, 20);
  await blob.uploadStream(Readable.from(pieces()), 4 << 20, 5);
  const got = createHash('sha256');
  const {readableStreamBody} = await blob.download();
  for await (const p of readableStreamBody)
    got.update(p);
  clearInterval(watch);
  assert.equal(got.digest('hex'), wanted.digest('hex'));
  console.log(`${megabytes} MB up and down: the hub grew by ${((most - before) / 1048576).toFixed(1)} MB`);
  assert.ok(most - before < 64 << 20, `the hub grew by ${most - before} bytes`);
});

test('blobs and the container go', async () => {
  await container.getBlockBlobClient('large').delete();
  await assert.rejects(container.getBlockBlobClient('large').getProperties(), {statusCode: 404});
  await container.delete();
  await assert.rejects(container.getProperties(), {statusCode: 404});
});

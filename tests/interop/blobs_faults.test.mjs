// The hub is killed while blobs are written and deleted: what was answered is so afterwards, and nothing half is.
import assert from 'node:assert/strict';
import {createHash, randomBytes, randomInt} from 'node:crypto';
import https from 'node:https';
import test from 'node:test';
import {FaultyHub} from './faulty_hub.mjs';
import {until} from './site.mjs';

const LONG = process.env.MILLRACE_TEST_FORM === 'long';
const KILLS = LONG ? 60 : 6;
const WRITERS = 4;

const digest = bytes => createHash('sha256').update(bytes).digest('hex');

class Store {
  constructor(hub) {
    this.hub = hub;
    this.sas = /SharedAccessSignature=(.+)$/.exec(hub.connectionString('--blobs'))[1];
  }

  // Rejects when the connection ends before the answer: then nobody knows.
  call(method, what, {headers = {}, body} = {}) {
    return new Promise((resolve, reject) => {
      const r = https.request({host: this.hub.address, method, path: `/c-one/${what}${what.includes('?') ? '&' : '?'}${this.sas}`,
        ca: this.hub.ca(), agent: false, timeout: 20000, headers: {...headers, 'Content-Length': body?.length ?? 0}}, answer => {
        const pieces = [];
        answer.on('data', p => pieces.push(p));
        answer.on('error', reject);
        answer.on('aborted', () => reject(new Error('cut off')));
        answer.on('end', () => resolve({status: answer.statusCode, body: Buffer.concat(pieces)}));
      });
      r.on('timeout', () => r.destroy(new Error('no answer')));
      r.on('error', reject);
      r.end(body);
    });
  }

  async put(name, bytes) {
    return (await this.call('PUT', name, {headers: {'x-ms-blob-type': 'BlockBlob'}, body: bytes})).status === 201;
  }

  async putInBlocks(name, bytes) {
    const ids = ['MQ==', 'Mg==', 'Mw=='];
    const size = Math.ceil(bytes.length / 3);
    for (const [n, id] of ids.entries())
      if ((await this.call('PUT', `${name}?comp=block&blockid=${encodeURIComponent(id)}`,
                           {body: bytes.subarray(n * size, (n + 1) * size)})).status !== 201)
        return false;
    const list = Buffer.from(`<BlockList>${ids.map(id => `<Latest>${id}</Latest>`).join('')}</BlockList>`);
    return (await this.call('PUT', `${name}?comp=blocklist`, {body: list})).status === 201;
  }

  async delete(name) {
    return (await this.call('DELETE', name)).status === 202;
  }
}

test(`killed ${KILLS} times while blobs come and go`, {timeout: LONG ? 900000 : 180000}, async () => {
  const hub = await new FaultyHub('blobs').up();
  const store = new Store(hub);
  assert.equal((await store.call('PUT', '?restype=container')).status, 201);
  const there = new Map(); // name to digest
  const gone = new Set();
  const tried = new Map(); // name to digest: written, and nobody knows
  let names = 0;
  let acknowledged = 0;
  let over = false;

  async function step() {
    const old = [...there.keys()];
    if (old.length > 5 && randomInt(4) === 0) {
      const name = old[randomInt(old.length)];
      const was = there.get(name);
      there.delete(name);
      tried.set(name, was);
      if (await store.delete(name)) {
        tried.delete(name);
        gone.add(name);
        acknowledged++;
      }
      return;
    }
    const name = `b${names++}`;
    const bytes = randomBytes(randomInt(1, 800_000));
    tried.set(name, digest(bytes));
    if (await (randomInt(2) ? store.put(name, bytes) : store.putInBlocks(name, bytes))) {
      tried.delete(name);
      there.set(name, digest(bytes));
      acknowledged++;
    }
  }

  async function write() {
    while (!over)
      await step().catch(() => new Promise(r => setTimeout(r, 50)));
  }

  const writers = Array.from({length: WRITERS}, write);
  for (let n = 0; n < KILLS; n++) {
    const wanted = acknowledged + randomInt(1, 40);
    await until('the work to go on', () => acknowledged >= wanted, 60000);
    await hub.end('SIGKILL');
    await hub.up();
  }
  over = true;
  await Promise.all(writers);
  const wrong = [];
  for (const [name, want] of there) {
    const {status, body} = await store.call('GET', name);
    if (status !== 200 || digest(body) !== want)
      wrong.push(`${name}: ${status}`);
  }
  for (const name of gone)
    if ((await store.call('GET', name)).status !== 404)
      wrong.push(`${name} is back`);
  for (const [name, want] of tried) {
    const {status, body} = await store.call('GET', name);
    if (status !== 404 && digest(body) !== want)
      wrong.push(`${name} is half: ${status}`);
  }
  console.log(`${KILLS} kills: ${there.size} blobs there, ${gone.size} gone, ${tried.size} that nobody knows of`);
  assert.deepEqual(wrong, []);
  assert.equal(await hub.end(), 0);
});

// The publisher while its servers are restarted, killed, paused, cut off, and come back with another certificate: 200 nodes at
// 10 Hz from the plant, from node-opcua, and from the stack's own server, each through a wire that can be cut. Publishing
// goes on by itself, nothing is missing that was not counted as a gap, and no message is sent twice.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomInt, randomUUID} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, rmSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {eventHubs} from './events.mjs';
import {answers, edge, folder, freePort, nodeOpcua, opc, plantAt, Program, until} from './site.mjs';

const LONG = process.env.MILLRACE_TEST_FORM === 'long';
const ROUNDS = LONG ? 20 : 1; // of five faults each
const NODES = 200;
const EVERY_MS = 100;
const KEEP_ALIVE_MS = 10000; // OPC Publisher's --ki
const sleep = ms => new Promise(r => setTimeout(r, ms));
let site, consumer;
const running = [];

// ---- servers ----

function newCertificate(at) {
  mkdirSync(at, {recursive: true});
  const of = name => path.join(at, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=stack', '-keyout', of('key.pem'), '-out', of('own.pem'),
    '-addext', 'subjectAltName=URI:urn:tests:stack,IP:127.0.0.1', '-addext', 'keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment',
    '-addext', 'basicConstraints=critical,CA:FALSE'], {stdio: 'pipe'});
  execFileSync('openssl', ['x509', '-in', of('own.pem'), '-outform', 'der', '-out', of('own.der')], {stdio: 'pipe'});
  execFileSync('openssl', ['pkcs8', '-topk8', '-nocrypt', '-in', of('key.pem'), '-outform', 'der', '-out', of('key.der')], {stdio: 'pipe'});
}

async function stackServer() {
  const at = path.join(folder, 'stack');
  newCertificate(at);
  const port = await freePort();
  const binary = path.join(path.dirname(process.env.MILLRACE), 'tests/open62541_server');
  const p = new Program('stack', [port, NODES, path.join(at, 'own.der'), path.join(at, 'key.der')], {command: [binary]}).start();
  Object.assign(p, {port, url: `opc.tcp://127.0.0.1:${port}`});
  await until('the stack\'s server', () => answers('127.0.0.1', port));
  return p;
}

// Where node-opcua keeps its own ones depends on its version.
function forgetNodeOpcua() {
  const own = path.join(folder, 'node-opcua/pki/own/certs');
  for (const file of existsSync(own) ? readdirSync(own) : [])
    rmSync(path.join(own, file));
}

const makes = {
  plant: {
    start: () => plantAt({more: ['--nodes', NODES, '--interval', `${EVERY_MS}ms`, '--trust.all', 'true']}),
    node: i => `nsu=http://microsoft.com/Opc/OpcPlc/;s=Load${i}`,
    forget: server => rmSync(path.join(folder, `plant-${server.port}`, 'own'), {recursive: true}),
  },
  stack: {
    start: stackServer,
    node: i => `nsu=urn:tests:stack;s=Load${i}`,
    forget: () => newCertificate(path.join(folder, 'stack')),
  },
  'node-opcua': {
    start: () => nodeOpcua({more: ['--counters', NODES, '--interval', EVERY_MS]}),
    node: i => `nsu=urn:tests:factory;s=Load${i}`,
    sampling: 0, // it tells every change
    forget: forgetNodeOpcua,
  },
};

// ---- the wire between ----

async function wire(port) {
  const pairs = new Set();
  let refused = false;
  const listener = net.createServer(near => {
    if (refused) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(port, '127.0.0.1');
    const pair = {near, far};
    pairs.add(pair);
    for (const [a, b] of [[near, far], [far, near]]) {
      a.on('data', d => { if (!pair.dead) b.write(d); }); // a dead wire swallows
      a.on('error', () => {});
      a.on('close', () => { b.destroy(); pairs.delete(pair); });
    }
  });
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve));
  const cut = () => pairs.forEach(({near, far}) => { near.resetAndDestroy(); far.destroy(); });
  return {
    url: `opc.tcp://127.0.0.1:${listener.address().port}`,
    async away(ms, {silent}) { // no word of it, or a reset at once
      refused = true;
      if (silent)
        pairs.forEach(p => { p.dead = true; });
      else
        cut();
      await sleep(ms);
      cut();
      refused = false;
    },
    end: () => new Promise(resolve => { listener.close(resolve); cut(); }),
  };
}

// ---- what arrives ----

class Watch {
  fields = new Map();
  sequences = new Map();
  messages = new Set();
  lives = [];
  values = 0;
  missing = 0;
  twice = [];
  holes = [];
  marked = null;

  mark(time) {
    this.marked = {time, fields: new Set(), done: null};
  }

  life(time) {
    return this.lives.filter(l => l <= time).length;
  }

  take(message) {
    if (this.messages.has(message.MessageId))
      this.twice.push(`message ${message.MessageId}`);
    this.messages.add(message.MessageId);
    for (const d of message.Messages)
      this.takeDataSet(d);
  }

  takeDataSet(d) {
    const last = this.sequences.get(d.DataSetWriterId);
    if (last !== undefined && d.SequenceNumber <= last)
      this.twice.push(`${d.DataSetWriterId} ${d.SequenceNumber} after ${last}`);
    if (last !== undefined && d.SequenceNumber > last + 1)
      this.holes.push(`${d.DataSetWriterId} ${d.SequenceNumber} after ${last}`);
    this.sequences.set(d.DataSetWriterId, d.SequenceNumber);
    for (const [field, v] of Object.entries(d.Payload))
      if (typeof v.Value === 'number')
        this.takeValue(field, v.Value, Date.parse(v.SourceTimestamp));
  }

  takeValue(field, value, time) {
    const last = this.fields.get(field);
    this.values++;
    if (last && this.life(last.time) === this.life(time) && value > last.value + 1)
      this.missing += value - last.value - 1;
    this.fields.set(field, {value, time});
    if (!this.marked || this.marked.done || time < this.marked.time)
      return;
    this.marked.fields.add(field);
    if (this.marked.fields.size === NODES)
      this.marked.done = Date.now();
  }
}

const watches = {};

before(async () => {
  site = await edge(`edge-${randomUUID().slice(0, 8)}`);
  consumer = new eventHubs.EventHubConsumerClient('$Default', process.env.MILLRACE_HUB_EVENTS);
  consumer.subscribe({
    processEvents: async batch => {
      for (const e of batch) {
        const w = watches[e.systemProperties['iothub-connection-module-id']];
        if (w && e.properties['$$MessageSchema'] === 'application/x-network-message-json-v1')
          [e.body].flat().forEach(m => w.take(m));
      }
    },
    processError: async e => { throw e; },
  }, {startPosition: eventHubs.earliestEventPosition, maxWaitTimeInSeconds: 1, maxBatchSize: 1000});
});

after(async () => {
  await consumer.close();
  for (const p of running.reverse())
    await p.end();
  assert.equal(await site.end(), 0);
});

// ---- faults: each ends when the server may be reached again, and says when that was ----

const back = async (watch, server) => {
  const now = Date.now();
  server.start();
  watch.lives.push(now);
  await until('the server', () => answers('127.0.0.1', server.port), 90000);
  return Date.now();
};

const faults = {
  async restart({server, watch}) {
    assert.equal(await server.end(), 0);
    return back(watch, server);
  },
  async kill({server, watch}) {
    await server.end('SIGKILL');
    return back(watch, server);
  },
  async pause({server}) {
    server.child.kill('SIGSTOP');
    await sleep(LONG ? randomInt(500, 12000) : 3000);
    server.child.kill('SIGCONT');
    return Date.now();
  },
  async cut({line}) {
    await line.away(LONG ? randomInt(10, 8000) : 2000, {silent: randomInt(2) === 1});
    return Date.now();
  },
  async certificate({server, watch, make}) {
    assert.equal(await server.end(), 0);
    make.forget(server);
    return back(watch, server);
  },
};

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

async function course(name, make) {
  const server = await make.start();
  const line = await wire(server.port);
  const watch = watches[name] = new Watch();
  watch.lives.push(Date.now() - 600000);
  const o = await opc(site, [{
    EndpointUrl: line.url, EndpointSecurityMode: 'SignAndEncrypt', EndpointSecurityPolicy: 'Basic256Sha256', DataSetWriterGroup: 'group',
    DataSetWriterId: name, MessagingMode: 'PubSub', DataSetPublishingInterval: 500, DataSetSamplingInterval: make.sampling ?? EVERY_MS, BatchTriggerInterval: 500,
    OpcNodes: Array.from({length: NODES}, (_, i) => ({Id: make.node(i + 1), DataSetFieldId: `Load${i + 1}`, QueueSize: 1000})),
  }], {module: name, roles: 'publisher', more: ['--pki.trust.all', 'true']});
  running.push(o, line, server);
  watch.mark(Date.now());
  await until(`values of ${name}`, () => watch.marked.done, 90000);
  const gapsOf = async () => await o.metric('millrace_publisher_gaps_total') + await o.metric('millrace_publisher_unknown_gaps_total');
  const took = {};
  let away = 0; // the longest
  for (let round = 0; round < ROUNDS; round++) {
    for (const [fault, make_it] of Object.entries(faults)) {
      await sleep(randomInt(500, 1500)); // at any point of the publishing interval
      const [begun, gaps, missing] = [Date.now(), await gapsOf(), watch.missing];
      const since = await make_it({server, line, watch, make});
      away = Math.max(away, since - begun);
      watch.mark(since);
      await until(`${name} to go on after: ${fault}`, () => watch.marked.done, 90000);
      (took[fault] ??= []).push(watch.marked.done - since);
      if (fault === 'pause' || fault === 'cut') // the server kept its subscriptions: all of it comes
        assert.deepEqual([await gapsOf(), watch.missing], [gaps, missing], fault);
    }
  }
  const gaps = await gapsOf();
  const all = Object.values(took).flat().sort((a, b) => a - b);
  const each = Object.entries(took).map(([f, ms]) => `${f} ${Math.max(...ms)}`).join(', ');
  console.log(`${name}: ${all.length} faults, ${watch.values} values, ${watch.missing} missing, ${gaps} gaps counted; away for up to ${away} ms; went on within ` +
              `${percentile(all, 0.5)} ms (median), ${all.at(-1)} ms (worst); the worst of each in ms: ${each}`);
  assert.deepEqual(watch.twice, []);
  assert.deepEqual(watch.holes, []);
  assert.ok(watch.missing === 0 || gaps > 0, `${watch.missing} values are missing, and no gap was counted`);
  assert.ok(all.at(-1) <= 2 * KEEP_ALIVE_MS, `the worst took ${all.at(-1)} ms`);
}

for (const [name, make] of Object.entries(makes))
  test(`${name}: ${5 * ROUNDS} faults`, {timeout: LONG ? 7200000 : 400000}, () => course(name, make));

// A server of another make (node-opcua) → publisher → edge → hub → @azure/event-hubs: without security, with it,
// and over a restart of the server.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {mkdirSync, readdirSync, renameSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {eventHubs, readUntil} from './events.mjs';
import {edge, folder, nodeOpcua, opc, until} from './site.mjs';

const COUNTERS = 10;
const AGAIN = 1000000; // what the counters begin with after the restart
const user = 'operator';
const password = `pass-${randomUUID()}`;
const name = i => `nsu=urn:tests:factory;s=Load${i + 1}`;
let site, server;
const running = [];

before(async () => {
  [site, server] = await Promise.all([
    edge(`edge-${randomUUID().slice(0, 8)}`),
    nodeOpcua({more: ['--counters', COUNTERS, '--interval', 50, '--user', user, '--password', password]}),
  ]);
});

after(async () => {
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  assert.equal(await server.end(), 0);
  assert.equal(await site.end(), 0);
});

// Between the publisher and the server: cut() breaks all connections.
async function wire(port) {
  const pairs = new Set();
  const listener = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1');
    const pair = {near, far};
    pairs.add(pair);
    for (const [a, b] of [[near, far], [far, near]]) {
      a.pipe(b);
      a.on('error', () => {});
      a.on('close', () => { b.destroy(); pairs.delete(pair); });
    }
  });
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const {near, far} of pairs) {
      near.resetAndDestroy();
      far.destroy();
    }
  };
  return {url: `opc.tcp://127.0.0.1:${listener.address().port}`, cut, end: () => new Promise(resolve => { listener.close(resolve); cut(); })};
}

const entry = more => [{
  EndpointUrl: server.url, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'PubSub',
  DataSetPublishingInterval: 200, DataSetSamplingInterval: 0, BatchTriggerInterval: 200, // 0: the server tells every change
  OpcNodes: Array.from({length: COUNTERS}, (_, i) => ({Id: name(i), DataSetFieldId: `Load${i + 1}`, QueueSize: 1000})), ...more,
}];

const security = {
  without: {UseSecurity: false},
  with: {EndpointSecurityMode: 'SignAndEncrypt', EndpointSecurityPolicy: 'Basic256Sha256',
    OpcAuthenticationMode: 'UsernamePassword', OpcAuthenticationUsername: user, OpcAuthenticationPassword: password},
};

const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);
const networkMessages = e => Array.isArray(e.body) ? e.body : [e.body];
const dataSets = events => events.flatMap(networkMessages).flatMap(m => m.Messages);
const arrived = (module, enough) => readUntil(all => enough(of(module, all)), eventHubs.earliestEventPosition, {ms: 90000})
    .then(events => of(module, events));

// Of every field its values in the order of arrival.
function series(events) {
  const all = {};
  for (const d of dataSets(events))
    for (const [field, v] of Object.entries(d.Payload))
      (all[field] ??= []).push(v.Value);
  return all;
}

function assertNoGap(what, values) {
  for (let i = 1; i < values.length; i++)
    assert.equal(values[i], values[i - 1] + 1, `${what} goes from ${values[i - 1]} to ${values[i]}`);
}

// All counters have at least so many values for which `which` holds.
const have = (count, which = () => true) => events => {
  const all = Object.values(series(events));
  return all.length === COUNTERS && all.every(values => values.filter(which).length >= count);
};

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

function assertPubSub(events) {
  for (const e of events) {
    assert.equal(e.contentType, 'application/json');
    assert.equal(e.properties['$$MessageSchema'], 'application/x-network-message-json-v1');
    for (const m of networkMessages(e)) {
      assert.equal(m.MessageType, 'ua-data');
      assert.ok(m.MessageId);
      assert.ok(m.PublisherId);
      assert.equal(m.DataSetWriterGroup, 'group');
      assert.ok(m.Messages.length > 0);
    }
  }
  const ids = events.flatMap(networkMessages).map(m => m.MessageId);
  assert.equal(new Set(ids).size, ids.length, 'a message id stands for one message');
  for (const d of dataSets(events)) {
    assert.ok(Object.keys(d.Payload).length > 0);
    for (const v of Object.values(d.Payload)) {
      assert.equal(typeof v.Value, 'number');
      assert.match(v.SourceTimestamp, TIME);
    }
  }
}

test('without security: counters arrive as PubSub JSON, in order and none missing', async () => {
  const o = await opc(site, entry(security.without), {module: 'plain', roles: 'publisher'});
  running.push(o);
  const events = await arrived('plain', have(100));
  assertPubSub(events);
  for (const [field, values] of Object.entries(series(events)))
    assertNoGap(field, values);
});

// Its own files in the module's folder of certificates.
const certificates = (module, where) => {
  const at = path.join(folder, `${module}-pki`, where, 'certs');
  mkdirSync(at, {recursive: true});
  return at;
};

test('Basic256Sha256 with a user: refused until somebody trusts the server, then it works by itself', async () => {
  const o = await opc(site, entry(security.with), {module: 'secret', roles: 'publisher'});
  running.push(o);
  const rejected = certificates('secret', 'rejected');
  const [file, ...others] = await until('the rejected certificate', () => {
    const files = readdirSync(rejected).filter(f => f.endsWith('.der')); // whole ones
    return files.length > 0 ? files : null;
  });
  assert.deepEqual(others, []);
  const told = await until('a line about trust', () => o.text().split('\n').find(l => l.includes(file)));
  assert.match(told, /rejected\/certs/);
  assert.match(told, /trusted\/certs/);
  assert.equal(o.text().includes(password), false);
  renameSync(path.join(rejected, file), path.join(certificates('secret', 'trusted'), file));
  const events = await arrived('secret', have(40));
  assertPubSub(events);
  for (const [field, values] of Object.entries(series(events)))
    assertNoGap(field, values);
});

test('a wrong password is refused, and said without the password', async () => {
  const wrong = `wrong-${randomUUID()}`;
  const o = await opc(site, entry({
    UseSecurity: false, OpcAuthenticationMode: 'UsernamePassword', OpcAuthenticationUsername: user, OpcAuthenticationPassword: wrong,
  }), {module: 'stranger', roles: 'publisher', more: ['--pki.trust.all', 'true']});
  running.push(o);
  await until('the refusal', () => /BadUserAccessDenied|BadIdentityToken/.test(o.text()));
  assert.equal(o.text().includes(wrong), false);
});

for (const [name, how] of Object.entries(security)) {
  test(`the connection ${name} security breaks again and again: none is missing`, async () => {
    const w = await wire(server.port);
    const module = `broken-${name}`;
    const o = await opc(site, entry({EndpointUrl: w.url, ...how}), {module, roles: 'publisher', more: ['--pki.trust.all', 'true']});
    running.push(o, w);
    let last = 0;
    for (let breaks = 0; breaks < 5; breaks++) {
      const events = await arrived(module, have(15, v => v > last));
      last = Math.max(...series(events).Load1);
      w.cut();
    }
    const events = await arrived(module, have(15, v => v > last));
    assertPubSub(events);
    for (const [field, values] of Object.entries(series(events))) // node-opcua tells the last one again to a session that came back
      assertNoGap(field, values.filter((v, i) => v !== values[i - 1]));
    assert.doesNotMatch(o.text(), /begins anew/);
  });
}

test('the server is restarted: publishing goes on by itself', async () => {
  assert.equal(await server.end(), 0);
  server.args.push('--first', AGAIN);
  server.start();
  const after = v => v >= AGAIN;
  for (const module of ['plain', 'secret']) {
    const events = await arrived(module, have(40, after));
    assertPubSub(events);
    for (const [field, values] of Object.entries(series(events))) {
      const at = values.findIndex(after);
      assertNoGap(`${field} before the restart`, values.slice(0, at));
      assertNoGap(`${field} after the restart`, values.slice(at));
    }
  }
});

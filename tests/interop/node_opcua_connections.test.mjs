// How the publisher comes to servers of another make (node-opcua): the server dials (reverse connect), and two servers of
// which one stands in for the other (non-transparent redundancy).
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import net from 'node:net';
import test, {after, before} from 'node:test';
import {AttributeIds, DataType, OPCUAClient, StatusCodes} from 'node-opcua-client';
import {eventHubs, readUntil} from './events.mjs';
import {edge, freePort, nodeOpcua, opc, until} from './site.mjs';

const FACTORY = 'urn:tests:factory';
let site;
const running = [];

before(async () => {
  site = await edge(`edge-${randomUUID().slice(0, 8)}`);
});

after(async () => {
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  assert.equal(await site.end(), 0);
});

const entry = (url, more) => [{
  EndpointUrl: url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'FullSamples',
  DataSetPublishingInterval: 100, DataSetSamplingInterval: 100, BatchTriggerInterval: 100,
  OpcNodes: [{Id: `nsu=${FACTORY};s=Load1`}], ...more,
}];

async function arrived(module, enough, ms = 60000) {
  const of = events => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module).flatMap(e => e.body);
  return of(await readUntil(all => enough(of(all)), eventHubs.earliestEventPosition, {ms}));
}

// Passes on to `port`, and counts; the only way by which the server can come to the publisher.
async function turnstile(port) {
  const pairs = new Set();
  const gate = {bytes: 0, passed: 0};
  const listener = net.createServer(near => {
    const far = net.connect(port, '127.0.0.1');
    const pair = [near, far];
    pairs.add(pair);
    gate.passed++;
    near.on('data', d => { gate.bytes += d.length; far.write(d); });
    far.on('data', d => near.write(d));
    for (const [a, b] of [pair, [far, near]]) {
      a.on('error', () => {});
      a.on('close', () => { b.destroy(); pairs.delete(pair); });
    }
  });
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve));
  gate.cut = () => pairs.forEach(([near]) => near.resetAndDestroy());
  gate.url = `opc.tcp://127.0.0.1:${listener.address().port}`;
  gate.end = () => new Promise(resolve => { listener.close(() => resolve(0)); gate.cut(); });
  return gate;
}

test('a server that dials is published, and again after its connection broke', async () => {
  const reverse = await freePort();
  const gate = await turnstile(reverse);
  const server = await nodeOpcua({name: 'reverse', more: ['--reverse', gate.url]});
  running.push(gate, server);
  const o = await opc(site, entry(server.url, {UseReverseConnect: true}), {module: 'reverse', roles: 'publisher', more: ['--reverse.port', reverse]});
  running.push(o);
  const first = await arrived('reverse', all => all.length >= 10);
  assert.ok(gate.passed >= 1 && gate.bytes > 1000, `${gate.bytes} bytes came through the server's own connection`);
  const [passed, bytes] = [gate.passed, gate.bytes];
  gate.cut();
  const all = await arrived('reverse', messages => messages.length >= first.length + 20, 60000);
  assert.ok(gate.passed > passed && gate.bytes > bytes);
  assert.ok(all.every(m => m.ApplicationUri === 'urn:tests:node-opcua'));
});

async function tellWellness(url, value) {
  const client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(url);
  const session = await client.createSession();
  const nodeId = `ns=${(await session.readNamespaceArray()).indexOf(FACTORY)};s=Wellness`;
  assert.equal(await session.write({nodeId, attributeId: AttributeIds.Value, value: {value: {dataType: DataType.Byte, value}}}), StatusCodes.Good);
  await client.disconnect();
}

test('another server takes the place of one that died, and gives it back when it is not well itself', async () => {
  const [a, b] = [await freePort(), await freePort()];
  const at = port => `opc.tcp://127.0.0.1:${port}`;
  const [first, second] = await Promise.all([
    nodeOpcua({name: 'first', port: a, more: ['--uri', 'urn:tests:first', '--partner', `urn:tests:second=${at(b)}`]}),
    nodeOpcua({name: 'second', port: b, more: ['--uri', 'urn:tests:second', '--partner', `urn:tests:first=${at(a)}`, '--first', 1000000]}),
  ]);
  running.push(first, second);
  const o = await opc(site, entry(first.url), {module: 'redundant', roles: 'publisher', more: ['--session.keepalive', '2s', '--session.connect', '5s']});
  running.push(o);
  const from = uri => all => all.filter(m => m.ApplicationUri === uri).length;
  await arrived('redundant', all => from('urn:tests:first')(all) >= 5);
  await until('the other server', () => /opcua redundant servers url=\S+ count=2/.test(o.text()));
  await first.end('SIGKILL');
  const all = await arrived('redundant', messages => from('urn:tests:second')(messages) >= 5, 60000);
  assert.ok(all.filter(m => m.ApplicationUri === 'urn:tests:second').every(m => m.Value.Value >= 1000000), 'its own values');
  first.start();
  await until('the first server', async () => /^opc.tcp/m.test(first.text()) && await new Promise(resolve => {
    const s = net.connect(a, '127.0.0.1', () => { s.destroy(); resolve(true); }).on('error', () => resolve(false));
  }), 90000);
  const before = from('urn:tests:first')(all);
  await tellWellness(second.url, 10);
  await arrived('redundant', messages => from('urn:tests:first')(messages) >= before + 5, 90000);
  assert.equal(o.text().split('opcua session changes servers').length, 3, 'there and back');
});

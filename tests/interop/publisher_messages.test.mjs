// What the publisher says of the fields of another make's server (node-opcua), with types of the server's own: as JSON in
// files and as UADP over a broker; and that data set messages name the version of it.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import mqtt from 'mqtt';
import {readUadp} from '../golden/uadp.mjs';
import {folder, freePort, nodeOpcua, Program, until} from './site.mjs';

const NAMESPACE = 'urn:tests:factory';
let server;
const running = [];

before(async () => {
  server = await nodeOpcua({more: ['--counters', 1, '--interval', 50]});
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await server.end();
});

const node = name => ({Id: `nsu=${NAMESPACE};s=${name}`, DisplayName: name});

async function publisher(name, entry, ...more) {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify([{EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'line', DataSetWriterId: 'writer',
    DataSetPublishingInterval: 100, DataSetSamplingInterval: 50, OpcNodes: ['Phase', 'Recipe', 'Pressure', 'Load1'].map(node), ...entry}]));
  const health = await freePort();
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, `${name}-pki`), '--queue.path', path.join(folder, `${name}-queue`), '--audit', path.join(folder, `${name}-audit`),
    '--health.port', health, '--publisher.id', name, '--strict', 'true', '--batch.interval', '100ms', ...more], {health, name}).start();
  running.push(p);
  return p;
}

const linesIn = dir => existsSync(dir) ? readdirSync(dir, {recursive: true, withFileTypes: true}).filter(f => f.isFile())
    .flatMap(f => readFileSync(path.join(f.parentPath ?? f.path, f.name), 'utf8').split('\n').filter(l => l.endsWith('}'))) : [];

test('JSON: metadata comes first, with the server\'s own types, and its version is in what follows', async () => {
  const out = path.join(folder, 'messages');
  await publisher('json', {}, '--output', out);
  const messages = await until('messages', () => { const l = linesIn(out); return l.length > 5 && l.map(t => JSON.parse(t)); });
  const [first, ...others] = messages;
  assert.equal(first.MessageType, 'ua-metadata');
  const m = first.MetaData;
  const fields = Object.fromEntries(m.Fields.map(f => [f.Name, f]));
  assert.deepEqual(m.Fields.map(f => f.Name), ['Phase', 'Recipe', 'Pressure', 'Load1']);
  assert.deepEqual(m.Fields.map(f => f.BuiltInType), [6, 22, 11, 7]);
  assert.equal(fields.Phase.Description, 'what it is at');
  assert.equal(fields.Recipe.DataType.Namespace, NAMESPACE);
  assert.deepEqual(m.StructureDataTypes.map(t => t.Name.Name), ['Recipe']);
  assert.deepEqual(m.StructureDataTypes[0].StructureDefinition.Fields.map(f => f.Name), ['Temperature', 'Phase']);
  assert.deepEqual(m.EnumDataTypes.map(t => t.Name.Name), ['Phase']);
  assert.deepEqual(m.EnumDataTypes[0].EnumDefinition.Fields.map(f => f.Name), ['Idle', 'Heating', 'Done']);
  assert.deepEqual(m.SimpleDataTypes.map(t => [t.Name.Name, t.BuiltInType]), [['Bar', 11]]);
  assert.ok(m.ConfigurationVersion.MinorVersion > 0);
  for (const o of others.flatMap(n => n.Messages ?? []))
    assert.deepEqual(o.MetaDataVersion, m.ConfigurationVersion);
  assert.ok(others.some(n => n.Messages?.some(d => d.Payload?.Load1)));
});

test('UADP: the same as an announcement, and data set messages that a reader with it understands', async () => {
  const port = await freePort();
  const conf = path.join(folder, 'uadp.conf');
  writeFileSync(conf, `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const broker = spawn('mosquitto', ['-c', conf], {stdio: 'ignore'});
  running.push({end: async () => broker.kill('SIGKILL')});
  await until('mosquitto', () => new Promise(r => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); r(true); }); s.on('error', () => r(false)); }));
  const seen = [];
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {protocolVersion: 5});
  client.on('message', (topic, payload, packet) => seen.push({payload, packet}));
  await client.subscribeAsync('#', {qos: 1});
  await publisher('uadp', {DataSetKeyFrameCount: 3}, '--mqtt.connection', `HostName=127.0.0.1;Port=${port};UseTls=false`, '--encoding', 'Uadp');
  await until('messages', () => seen.length > 8);
  await client.endAsync(true);
  assert.equal(seen[0].packet.properties.contentType, 'application/opcua+uadp');
  const namespaces = ['http://opcfoundation.org/UA/', 'urn:tests:node-opcua', ...Array(8).fill(NAMESPACE)];
  const [first, ...others] = seen.map(s => readUadp(s.payload, {namespaces}));
  const m = first.announcement.metadata;
  assert.deepEqual(m.fields.map(f => [f.name, f.builtin]), [['Phase', 6], ['Recipe', 22], ['Pressure', 11], ['Load1', 7]]);
  assert.deepEqual(m.enums[0].fields.map(f => f[1]), ['Idle', 'Heating', 'Done']);
  const sets = others.flatMap(o => o.dataSets);
  const keys = sets.filter(s => s.kind === 'ua-keyframe');
  assert.ok(keys.length >= 2);
  for (const s of sets)
    assert.deepEqual([s.major, s.minor], [m.major, m.minor]);
  for (const k of keys)
    assert.equal(k.fields.length, 4);
  assert.equal(keys.at(-1).fields[0].value, 1);
  assert.equal(keys.at(-1).fields[2].value, 1.5);
  for (const d of sets.filter(s => s.kind === 'ua-deltaframe'))
    assert.equal(m.fields[d.fields[0].index].name, 'Load1');
});

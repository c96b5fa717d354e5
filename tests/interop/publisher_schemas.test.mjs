// Schemas beside messages, judged by readers of other makes: Ajv checks every JSON message against the schema that its
// broker keeps, avsc reads every Avro message with it, and the values are those of the server (node-opcua).
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import Ajv from 'ajv';
import avro from 'avsc';
import mqtt from 'mqtt';
import {python, withPython} from './python.mjs';
import {answers, folder, freePort, Program, until} from './site.mjs';

const TYPES = 'urn:tests:types:data';
const CONFORMANCE = 'urn://node-opcua-simulator';
const JSON_MODES = ['PubSub', 'FullNetworkMessages', 'DataSetMessages', 'SingleDataSetMessage', 'DataSets', 'SingleDataSet', 'RawDataSets', 'SingleRawDataSet'];
const running = [];
let server, broker;

async function types() {
  const at = path.join(folder, 'types');
  mkdirSync(at, {recursive: true});
  const port = await freePort();
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_opcua_types.mjs');
  const p = new Program('types', [at, '--port', port], {command: [process.execPath, script]}).start();
  await until('node-opcua', () => answers('127.0.0.1', port), 90000);
  return Object.assign(p, {url: `opc.tcp://127.0.0.1:${port}`});
}

before(async () => {
  server = await types();
  broker = await freePort();
  const conf = path.join(folder, 'broker.conf');
  writeFileSync(conf, `listener ${broker} 127.0.0.1\nallow_anonymous true\nmax_packet_size 10000000\n`);
  const child = spawn('mosquitto', ['-c', conf], {stdio: 'ignore'});
  running.push({end: async () => child.kill('SIGKILL')});
  await until('mosquitto', () => new Promise(r => { const s = net.connect(broker, '127.0.0.1', () => { s.destroy(); r(true); }); s.on('error', () => r(false)); }));
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await server.end('SIGKILL');
});

const own = name => ({Id: `nsu=${TYPES};s=${name}`, DataSetFieldId: name});
const scalar = name => ({Id: `nsu=${CONFORMANCE};s=Static_Scalar_${name}`, DataSetFieldId: name});
const scalars = ['Boolean', 'SByte', 'Byte', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Float', 'Double', 'String', 'DateTime', 'Guid', 'ByteString',
                 'NodeId', 'QualifiedName', 'LocalizedText'].map(scalar);
const clock = {Id: 'i=2258', DataSetFieldId: 'Clock'};
const nodes = [...['Phase', 'Point', 'Recipe', 'Points', 'Matrix', 'Cube', 'Choice', 'Note', 'Drawing', 'Grid'].map(own), ...scalars, clock];

const entry = (group, more) => ({EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: group, DataSetWriterId: `${group}-writer`,
  DataSetPublishingInterval: 200, DataSetSamplingInterval: 200, BatchSize: 3, BatchTriggerInterval: 200, OpcNodes: nodes, ...more});

async function publisher(name, entries, ...more) {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(entries));
  const health = await freePort();
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, `${name}-pki`), '--queue.path', path.join(folder, `${name}-queue`), '--audit', path.join(folder, `${name}-audit`),
    '--health.port', health, '--publisher.id', name, ...more], {health, name}).start();
  running.push(p);
  return p;
}

// By group: the schemas of its topic by their id, and the messages with the id that they name.
async function listen(name) {
  const groups = {};
  const client = mqtt.connect(`mqtt://127.0.0.1:${broker}`, {protocolVersion: 5});
  client.on('message', (topic, payload, packet) => {
    const [, , group, schema] = topic.split('/');
    const g = groups[group] ??= {schemas: {}, messages: []};
    const {userProperties: user, contentType} = packet.properties;
    if (schema === 'schema')
      g.schemas[user.dataschema] = {text: payload.toString(), contentType};
    else
      g.messages.push({payload, contentType, id: user.dataschema, known: user.dataschema in g.schemas, schema: user['$$MessageSchema']});
  });
  await client.subscribeAsync(`${name}/#`, {qos: 1});
  running.push({end: async () => client.end(true)});
  return groups;
}

async function kept(topic) { // what one who comes later gets
  const client = mqtt.connect(`mqtt://127.0.0.1:${broker}`, {protocolVersion: 5});
  const got = new Promise(resolve => client.once('message', (_topic, payload, packet) => resolve({payload, packet})));
  await client.subscribeAsync(topic, {qos: 1});
  const m = await got;
  await client.endAsync(true);
  return m;
}

const body = m => m.contentType.endsWith('+gzip') ? gunzipSync(m.payload) : m.payload;

// ---- JSON ----

const JSON_FORMS = [
  ...JSON_MODES.flatMap(m => ['Json', 'JsonReversible'].map(e => [m, e])),
  ...['Samples', 'FullSamples'].flatMap(m => ['Json', 'JsonReversible'].map(e => [m, e])),
  ...['JsonCompact', 'JsonVerboseGzip', 'JsonGzip'].map(e => ['PubSub', e]), ['RawDataSets', 'JsonVerbose'],
];

for (const strict of [false, true])
  test(`JSON, ${strict ? 'strict' : 'compatible'}: every message is as its schema says`, {timeout: 120000}, async () => {
    const name = `json-${strict ? 'strict' : 'compatible'}`;
    const groups = await listen(name);
    await publisher(name, JSON_FORMS.map(([m, e]) => entry(`${m}-${e}`, {MessagingMode: m, MessageEncoding: e, DataSetKeyFrameCount: 4, SendKeepAliveDataSetMessages: true,
      DataSetExtensionFields: {AssetId: 5, Place: 'hall'}})), '--mqtt.connection', `HostName=127.0.0.1;Port=${broker};UseTls=false`, '--ps', '--strict', String(strict));
    const ajv = new Ajv({strict: false, validateFormats: false, allErrors: true});
    for (const [m, e] of JSON_FORMS) {
      const group = `${m}-${e}`;
      const g = await until(`messages of ${group}`, () => groups[group]?.messages.filter(x => x.id).length > 5 && groups[group], 60000);
      const compiled = Object.fromEntries(Object.entries(g.schemas).map(([id, s]) => [id, ajv.compile(JSON.parse(s.text))]));
      const named = g.messages.filter(x => x.id); // not metadata, nor what came before the server said what it has
      for (const message of named) {
        assert.ok(message.known, `${group}: a message before its schema`);
        const value = JSON.parse(body(message));
        assert.ok(compiled[message.id](value), `${group}: ${JSON.stringify(compiled[message.id].errors)?.slice(0, 1000)}\n${JSON.stringify(value).slice(0, 2000)}`);
      }
      assert.equal(Object.values(g.schemas)[0].contentType, 'application/schema+json');
      // It is not a schema that takes anything.
      const one = JSON.parse(body(named[0]));
      const inside = Array.isArray(one) ? one[0] : one;
      inside.Unheard = {Value: 1};
      assert.ok(!compiled[named[0].id](one), `${group}: takes what is not there`);
    }
    const k = await kept(`${name}/messages/PubSub-Json/schema`);
    assert.ok(k.packet.retain);
    assert.equal(k.payload.toString(), groups['PubSub-Json'].schemas[k.packet.properties.userProperties.dataschema].text);
  });

// ---- Avro ----

const AVRO_FORMS = [...JSON_MODES.map(m => [m, 'Avro']), ['PubSub', 'AvroGzip']];

// Records of one value are the value, and unions the one that is there.
function plain(v) {
  if (Array.isArray(v))
    return v.map(plain);
  if (v === null || typeof v !== 'object' || Buffer.isBuffer(v))
    return v;
  const names = Object.keys(v);
  if (names.length === 1 && (names[0] === 'Value' || names[0] === 'ulong' || names[0] === 'long' || names[0].includes('.')))
    return plain(Object.values(v)[0]);
  return Object.fromEntries(names.map(n => [n, plain(v[n])]));
}

const long = avro.types.LongType.__with({
  fromBuffer: b => b.readBigInt64LE(), toBuffer: n => { const b = Buffer.alloc(8); b.writeBigInt64LE(BigInt(n)); return b; },
  fromJSON: BigInt, toJSON: Number, isValid: n => typeof n === 'bigint', compare: (a, b) => a < b ? -1 : a > b ? 1 : 0,
});

const reader = text => avro.Type.forSchema(JSON.parse(text), {registry: {long}, wrapUnions: true});

const dataSets = (m, v) => (m.startsWith('Single') ? [v] : v.Messages);

test('Avro: avsc reads every message with the schema that it names, and the values are the server\'s', {timeout: 120000}, async () => {
  const groups = await listen('avro');
  await publisher('avro', AVRO_FORMS.map(([m, e]) => entry(`${m}-${e}`, {MessagingMode: m, MessageEncoding: e, DataSetKeyFrameCount: 4, SendKeepAliveDataSetMessages: true,
    DataSetExtensionFields: {AssetId: 5, Place: 'hall'}})), '--mqtt.connection', `HostName=127.0.0.1;Port=${broker};UseTls=false`);
  for (const [m, e] of AVRO_FORMS) {
    const group = `${m}-${e}`;
    const g = await until(`messages of ${group}`, () => groups[group]?.messages.length > 5 && groups[group], 60000);
    const readers = Object.fromEntries(Object.entries(g.schemas).map(([id, s]) => [id, reader(s.text)]));
    const all = g.messages.flatMap(message => {
      assert.ok(message.id && message.known, `${group}: a message before its schema`);
      assert.equal(message.contentType, e === 'Avro' ? 'application/avro' : 'application/avro+gzip');
      assert.equal(message.schema, 'application/x-network-message-avro-v0');
      return dataSets(m, plain(readers[message.id].fromBuffer(body(message)))); // and no byte is left
    });
    assert.equal(Object.values(g.schemas)[0].contentType, 'application/vnd.apache.avro+json');
    const headed = m.includes('Message') || m === 'PubSub';
    const fields = all.map(d => headed ? d.Payload : d);
    const raw = m.includes('Raw');
    const value = v => raw ? v : v.Value;
    const first = fields.find(f => f.Recipe !== null && f.Boolean !== null);
    assert.ok(first, `${group}: no message with all values`);
    assert.deepEqual(value(first.Recipe).Origin, {X: 1, Y: 2});
    assert.deepEqual(value(first.Recipe).Path, [{X: 3, Y: 4}, {X: 5, Y: 6}]);
    assert.equal(value(first.Recipe).Name, 'steel');
    assert.deepEqual(value(first.Point), {X: 1.5, Y: -2});
    assert.deepEqual(value(first.Points), [{X: 1, Y: 2}, {X: 3, Y: 4}]);
    assert.deepEqual(value(first.Choice), {Number: null, Text: null, Where: {X: 1, Y: 2}});
    assert.deepEqual(value(first.Note), {Id: 7, Text: null, Where: {X: 3, Y: 4}});
    assert.deepEqual(value(first.Drawing).Choices, [{Number: 5, Text: null, Where: null}, {Number: null, Text: 'five', Where: null}]);
    assert.ok(Buffer.isBuffer(value(first.Drawing).First.Body), 'it says itself what it is');
    assert.deepEqual(value(first.Grid), {Dimensions: [2, 2], Value: [{X: 1, Y: 2}, {X: 3, Y: 4}, {X: 5, Y: 6}, {X: 7, Y: 8}]});
    assert.deepEqual(value(first.Matrix), {Dimensions: [2, 3], Value: [1, 2, 3, 4, 5, 6]});
    assert.deepEqual(value(first.Cube), {Dimensions: [2, 2, 2], Value: [1, 2, 3, 4, 5, 6, 7, 8]});
    assert.equal(typeof value(first.Boolean), 'boolean');
    assert.equal(typeof value(first.Float), 'number');
    assert.equal(typeof value(first.Int64), 'bigint');
    assert.match(value(first.Guid), /^[0-9a-f]{8}-[0-9a-f]{4}-/i);
    assert.equal(value(first.AssetId), 5);
    assert.equal(value(first.Place), 'hall');
    assert.ok(fields.some(f => f.Clock !== null && f.Recipe === null), `${group}: no message of what changed alone`);
    if (headed) {
      assert.ok(all.some(d => d.MessageType === 'ua-keyframe'));
      assert.equal(all[0].DataSetWriterName, `${group}-writer`);
      assert.ok(all[0].Timestamp > 130000000000000000n);
      const numbers = all.map(d => Number(d.SequenceNumber));
      assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
    }
  }
});

test('Avro: two writers of a group are one schema', {timeout: 120000}, async () => {
  const groups = await listen('two');
  await publisher('two', [
    entry('line', {MessagingMode: 'PubSub', MessageEncoding: 'Avro', DataSetWriterId: 'a', OpcNodes: [own('Phase'), clock]}),
    entry('line', {MessagingMode: 'PubSub', MessageEncoding: 'Avro', DataSetWriterId: 'b', OpcNodes: [scalar('Double'), clock]}),
  ], '--mqtt.connection', `HostName=127.0.0.1;Port=${broker};UseTls=false`);
  const g = await until('messages of both', () => {
    const of = groups.line;
    const ids = new Set(of?.messages.map(m => m.id));
    return ids.size && of.messages.filter(m => m.id === [...ids].at(-1)).length > 6 && of;
  }, 60000);
  const names = new Set();
  for (const m of g.messages) {
    assert.ok(m.known);
    for (const d of reader(g.schemas[m.id].text).fromBuffer(body(m)).Messages.map(plain)) {
      names.add(d.DataSetWriterName);
      assert.deepEqual(Object.keys(d.Payload), d.DataSetWriterName === 'a' ? ['Phase', 'Clock'] : ['Double', 'Clock']);
    }
  }
  assert.deepEqual([...names].sort(), ['a', 'b']);
});

test('files: Avro stands in container files that avsc reads, gone on with after a restart; JSON beside its schema', {timeout: 120000}, async () => {
  const out = path.join(folder, 'files');
  const entries = [['avro', 'Avro'], ['small', 'AvroGzip'], ['json', 'Json']].map(([g, e]) =>
      entry(g, {MessagingMode: 'PubSub', MessageEncoding: e, OpcNodes: [own('Recipe'), clock]}));
  const files = end => existsSync(out) ? readdirSync(out, {recursive: true, withFileTypes: true}).filter(f => f.isFile() && f.name.endsWith(end))
      .map(f => path.join(f.parentPath ?? f.path, f.name)) : [];
  const records = file => new Promise((resolve, reject) => {
    const all = [];
    avro.createFileDecoder(file, {parseHook: s => avro.Type.forSchema(s, {registry: {long}, wrapUnions: true})})
        .on('data', d => all.push(plain(d))).on('error', reject).on('end', () => resolve(all));
  });
  const enough = n => until('messages in files', async () => {
    const of = files('.avro');
    return of.length === 2 && (await Promise.all(of.map(records))).every(r => r.length >= n);
  }, 60000);
  const p = await publisher('files', entries, '--output', out, '--ps');
  await enough(3);
  assert.equal(await p.end(), 0);
  const before = (await Promise.all(files('.avro').map(records))).map(r => r.length);
  p.start();
  await enough(Math.max(...before) + 2);
  for (const r of await Promise.all(files('.avro').map(records)))
    assert.ok(r.flatMap(m => m.Messages).every(d => d.Payload.Recipe === null || d.Payload.Recipe.Value.Origin.Y === 2));
  const [schema] = files('schema.json').filter(f => f.includes('json/schema'));
  assert.ok(JSON.parse(readFileSync(schema, 'utf8').split('\n')[0]).definitions);
  const told = readFileSync(files('json.json')[0], 'utf8').split('\n').find(l => l.includes('"Recipe"'));
  assert.match(told, /"Recipe":\{"Value":\{"Name":"steel"/); // member by member, not in its bytes
});

test('structures of the server\'s own are written member by member from the first value on, in any mode', {timeout: 60000}, async () => {
  const out = path.join(folder, 'plain');
  const p = await publisher('plain', [entry('samples', {OpcNodes: ['Point', 'Recipe', 'Points'].map(own)}),
    entry('raw', {MessagingMode: 'RawDataSets', OpcNodes: [own('Recipe')]}),
    entry('cycle', {OpcNodes: [{...own('Point'), UseCyclicRead: true, OpcSamplingInterval: 200}]})], '--output', out);
  const text = of => { const file = path.join(out, 'plain/messages', `${of}.json`); return existsSync(file) ? readFileSync(file, 'utf8') : ''; };
  await until('messages', () => text('samples').includes('Points') && text('raw') && /"Value":\{"X":1.5,"Y":-2\}/.test(text('cycle'))); // a cycle does not wait for types
  const values = text('samples').split('\n').filter(Boolean).flatMap(l => JSON.parse(l));
  const of = name => values.find(v => v.NodeId.endsWith(name)).Value.Value;
  assert.deepEqual(of('s=Point'), {X: 1.5, Y: -2});
  assert.deepEqual(of('s=Points'), [{X: 1, Y: 2}, {X: 3, Y: 4}]);
  assert.equal(of('s=Recipe').Origin.Y, 2);
  assert.ok(!/"Encoding":"Binary"/.test(text('samples') + text('raw')));
  assert.equal(await p.end(), 0);
});

test('structures in events are written member by member from the first event on', {timeout: 60000}, async () => {
  const out = path.join(folder, 'events');
  const filter = {SelectClauses: [{TypeDefinitionId: `nsu=${TYPES};s=FoundEventType`, BrowsePath: [`nsu=${TYPES};Where`]}, {TypeDefinitionId: 'i=2041', BrowsePath: ['Severity']}],
    WhereClause: {Elements: [{FilterOperator: 'OfType', FilterOperands: [{Value: `nsu=${TYPES};s=FoundEventType`}]}]}};
  const p = await publisher('events', [entry('found', {OpcNodes: [{Id: 'i=2253', EventFilter: filter, DataSetFieldId: 'Found'}]})], '--output', out);
  const text = () => { const file = path.join(out, 'events/messages/found.json'); return existsSync(file) ? readFileSync(file, 'utf8') : ''; };
  await until('an event', () => text().includes('Where'));
  assert.equal(await p.end(), 0);
  assert.match(text(), /"X":7,"Y":8/);
  assert.ok(!/"Encoding":"Binary"/.test(text()), text().slice(0, 1000));
});

test('a server of before 1.04: its dictionary says what values are, in messages and in schemas', {timeout: 120000, ...withPython}, async () => {
  const at = await freePort(), out = path.join(folder, 'old');
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'asyncua_dictionary.py');
  const old = new Program('asyncua', [at], {command: [python, script]}).start();
  running.push(old);
  await until('asyncua', () => /ready/.test(old.text()), 90000);
  const nodes = {EndpointUrl: `opc.tcp://127.0.0.1:${at}`, MessagingMode: 'PubSub', OpcNodes: [{Id: 'nsu=urn:tests:dictionary;s=Recipe', DataSetFieldId: 'Recipe'}]};
  const p = await publisher('old', [entry('avro', {...nodes, MessageEncoding: 'Avro'}), entry('json', {...nodes, MessageEncoding: 'Json'})], '--output', out, '--ps');
  const files = end => existsSync(out) ? readdirSync(out, {recursive: true}).filter(f => f.endsWith(end)).map(f => path.join(out, f)) : [];
  await until('messages', () => files('.avro').length > 0 && files('json.json').length > 0, 60000);
  assert.equal(await p.end(), 0);
  const recipe = {Name: 'steel', Steps: [1, -2, 3], Origin: {X: 1, Y: 2}, Path: [{X: 3, Y: 4}, {X: 5, Y: 6}]};
  const records = await new Promise((resolve, reject) => {
    const all = [];
    avro.createFileDecoder(files('.avro')[0], {parseHook: s => avro.Type.forSchema(s, {registry: {long}, wrapUnions: true})})
        .on('data', d => all.push(plain(d))).on('error', reject).on('end', () => resolve(all));
  });
  assert.deepEqual(records[0].Messages[0].Payload.Recipe.Value, recipe);
  const told = JSON.parse(readFileSync(files('json.json').find(f => !f.includes('schema')), 'utf8').split('\n')[0]);
  assert.deepEqual((Array.isArray(told) ? told[0] : told).Messages[0].Payload.Recipe.Value, recipe);
});

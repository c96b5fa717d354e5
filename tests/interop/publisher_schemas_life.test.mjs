// Every message can be read with the schema that it names, whatever happens to those who make and carry it: late values,
// alarms, changes of the model, groups that are too large for one schema, a broker that is away for longer than messages are
// kept, kills. Readers are of other makes: avsc, Ajv.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import Ajv from 'ajv';
import avro from 'avsc';
import mqtt from 'mqtt';
import {AttributeIds, DataType, OPCUAClient, StatusCodes} from 'node-opcua-client';
import {folder, freePort, nodeOpcua, Program, until} from './site.mjs';

const FACTORY = 'urn:tests:factory';
const COUNTERS = 5;
const WRITERS = 10;
const running = [];
let server, client, session, space;

before(async () => {
  server = await nodeOpcua({more: ['--counters', COUNTERS, '--interval', 100]});
  client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(server.url);
  session = await client.createSession();
  space = (await session.readNamespaceArray()).indexOf(FACTORY);
});

after(async () => {
  await client.disconnect().catch(() => {});
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await server.end('SIGKILL');
});

async function startBroker(port) {
  const conf = path.join(folder, `broker-${port}.conf`);
  writeFileSync(conf, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_packet_size 10000000\nmax_queued_messages 100000\n`);
  const child = spawn('mosquitto', ['-c', conf], {stdio: 'ignore'});
  const broker = {port, end: async () => { child.kill('SIGKILL'); await new Promise(r => child.exitCode === null && child.signalCode === null ? child.once('exit', r) : r()); }};
  running.push(broker);
  await until('mosquitto', () => new Promise(r => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); r(true); }); s.on('error', () => r(false)); }));
  return broker;
}

const counter = (i, field = `Load${i}`) => ({Id: `nsu=${FACTORY};s=Load${i}`, DataSetFieldId: field, QueueSize: 100});
const counters = Array.from({length: COUNTERS}, (_, i) => counter(i + 1));
const entry = (group, OpcNodes, more) => ({EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: group, DataSetWriterId: `${group}-writer`,
  MessagingMode: 'PubSub', DataSetPublishingInterval: 200, DataSetSamplingInterval: 0, BatchTriggerInterval: 200, OpcNodes, ...more});

async function publisher(name, port, entries, ...more) {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(entries));
  const health = await freePort();
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, `${name}-pki`), '--queue.path', path.join(folder, `${name}-queue`), '--audit', path.join(folder, `${name}-audit`),
    '--health.port', health, '--publisher.id', name, '--ps', '--mqtt.connection', `HostName=127.0.0.1;Port=${port};UseTls=false`, ...more], {health, name}).start();
  running.push(p);
  return p;
}

const long = avro.types.LongType.__with({
  fromBuffer: b => b.readBigInt64LE(), toBuffer: n => { const b = Buffer.alloc(8); b.writeBigInt64LE(BigInt(n)); return b; },
  fromJSON: BigInt, toJSON: Number, isValid: n => typeof n === 'bigint', compare: (a, b) => a < b ? -1 : a > b ? 1 : 0,
});

// What a message holds: read with its schema, or checked against it.
function readers(contentType, text) {
  if (contentType.includes('avro')) {
    const type = avro.Type.forSchema(JSON.parse(text), {registry: {long}, wrapUnions: true});
    return body => Object.values(type.fromBuffer(body).Messages).map(m => Object.values(m).length === 1 ? Object.values(m)[0] : m);
  }
  const check = new Ajv({strict: false, validateFormats: false}).compile(JSON.parse(text));
  return body => {
    const value = JSON.parse(body);
    assert.ok(check(value), `${JSON.stringify(check.errors).slice(0, 500)}\n${JSON.stringify(value).slice(0, 1000)}`);
    return [value].flat().flatMap(m => m.Messages);
  };
}

// All that arrives, by group: read at once, with a schema that was there before it.
async function listen(name, port) {
  const groups = {}, schemas = {}, failures = [];
  const c = mqtt.connect(`mqtt://127.0.0.1:${port}`, {protocolVersion: 5, clientId: `reader-${name}`, clean: false, properties: {sessionExpiryInterval: 3600}, reconnectPeriod: 100});
  c.on('message', (topic, payload, packet) => {
    const [, , group, schema] = topic.split('/');
    const {userProperties: user = {}, contentType} = packet.properties;
    if (schema === 'schema' || /metadata$/.test(topic)) {
      if (schema === 'schema' && payload.length)
        schemas[user.dataschema] ??= readers(contentType, payload.toString());
      return;
    }
    const g = groups[group] ??= {messages: [], dataSets: [], late: [], ids: new Set()};
    try {
      assert.ok(user.dataschema, `${group}: names no schema`);
      assert.ok(schemas[user.dataschema], `${group}: a message before its schema`);
      const dataSets = schemas[user.dataschema](payload);
      g.messages.push(user);
      g.ids.add(user.dataschema);
      g.dataSets.push(...dataSets);
      if (user['millrace-late'])
        g.late.push(...dataSets);
    } catch (e) {
      failures.push(e);
    }
  });
  await c.subscribeAsync(`${name}/#`, {qos: 1});
  running.push({end: async () => c.end(true)});
  return {groups, failures, schemas};
}

function assertRead(l) {
  assert.deepEqual(l.failures.slice(0, 3), []);
}

const ENCODINGS = ['Avro', 'Json'];

test('late values, alarms and changes of the model', {timeout: 180000}, async () => {
  const broker = await startBroker(await freePort());
  const l = await listen('life', broker.port);
  const p = await publisher('life', broker.port, ENCODINGS.flatMap(e => [
    entry(`late-${e}`, counters, {MessageEncoding: e}),
    entry(`alarms-${e}`, [{Id: 'i=2253', QueueSize: 1000, EventFilter: {TypeDefinitionId: 'i=2915'}}], {MessageEncoding: e}),
    entry(`model-${e}`, [{Id: 'i=2253', ModelChangeHandling: {RebrowseIntervalTimespan: '01:00:00'}}], {MessageEncoding: e}),
  ]), '--backfill', 'true');
  const seen = group => l.groups[group]?.dataSets ?? [];
  const text = group => JSON.stringify(seen(group), (_, v) => typeof v === 'bigint' ? String(v) : v);
  await until('values', () => ENCODINGS.every(e => seen(`late-${e}`).length > 5), 60000);
  await until('the first walks', () => p.text().split('publisher model changes: followed').length > 2, 60000);
  server.child.kill('SIGUSR2'); // it forgets its sessions
  await until('a new subscription', async () => await p.metric('millrace_publisher_unknown_gaps_total') >= 1);
  await until('late values', () => ENCODINGS.every(e => l.groups[`late-${e}`]?.late.length), 60000);
  const {statusCode} = await session.call({objectId: `ns=${space};s=Methods`, methodId: `ns=${space};s=Grow`, inputArguments: [{dataType: DataType.String, value: 'Tulip'}]});
  assert.equal(statusCode, StatusCodes.Good);
  let high = false;
  await until('alarms and changes', async () => {
    high = !high;
    assert.equal(await session.write({nodeId: `ns=${space};s=Level`, attributeId: AttributeIds.Value, value: {value: {dataType: DataType.Double, value: high ? 150 : 75}}}), StatusCodes.Good);
    return ENCODINGS.every(e => seen(`alarms-${e}`).length && /Tulip/.test(text(`model-${e}`)) && /NodeChange/.test(text(`model-${e}`)));
  }, 60000);
  assertRead(l);
  for (const e of ENCODINGS) {
    assert.match(text(`model-${e}`), /Tulip/);
    assert.match(text(`model-${e}`), /NodeChange/);
    assert.match(text(`alarms-${e}`), /"ConditionName":[^}]*"Level"/);
  }
  assert.equal(await p.metric('millrace_publisher_undescribed_total'), 0);
  assert.equal(await p.end(), 0);
  await broker.end();
});

test('a group that is too large for one schema', {timeout: 180000}, async () => {
  const broker = await startBroker(await freePort());
  const l = await listen('large', broker.port);
  const many = Array.from({length: 40}, (_, i) => counter(i % COUNTERS + 1, `Field ${i}`));
  const p = await publisher('large', broker.port, ENCODINGS.flatMap(e =>
    Array.from({length: WRITERS}, (_, i) => entry(`large-${e}`, many, {MessageEncoding: e, DataSetWriterId: `writer-${i}`}))), '--message.bytes', '16KiB');
  const writers = e => new Set((l.groups[`large-${e}`]?.dataSets ?? []).map(d => d.DataSetWriterName?.Value ?? d.DataSetWriterId));
  await until('all writers', () => ENCODINGS.every(e => writers(e).size === WRITERS), 60000);
  assertRead(l);
  assert.ok(ENCODINGS.every(e => l.groups[`large-${e}`].ids.size >= WRITERS));
  assert.equal(await p.metric('millrace_publisher_undescribed_total'), 0);
  assert.equal(await p.metric('millrace_publisher_too_large_total'), 0);
  assert.equal(await p.end(), 0);
  await broker.end();
});

test('a broker that was away for longer than messages are kept, and kills meanwhile', {timeout: 180000}, async () => {
  const port = await freePort(); // nobody is there yet
  const p = await publisher('outage', port, ENCODINGS.flatMap(e => counters.map((c, i) =>
    entry(`outage-${e}`, [c], {MessageEncoding: e, DataSetWriterId: `writer-${i}`, DataSetPublishingInterval: 100, BatchSize: 1}))), '--queue.age', '3s');
  await until('messages that grew too old', async () => await p.metric('millrace_publisher_dropped_age_total') > 10, 90000); // more than are under way
  for (let i = 0; i < 2; i++) {
    assert.equal(await p.end('SIGKILL'), 'SIGKILL');
    p.start();
    await until('it is there again', async () => (await p.metric('millrace_publisher_values_total').catch(() => 0)) > 20, 60000);
  }
  const broker = await startBroker(port);
  const l = await listen('outage', port);
  await until('messages', () => ENCODINGS.every(e => l.groups[`outage-${e}`]?.dataSets.length > 20), 60000);
  assertRead(l);
  assert.equal(await p.end(), 0);
  await broker.end();
});

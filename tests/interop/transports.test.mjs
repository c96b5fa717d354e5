// The publisher's transports against other makes: mosquitto (MQTT 3.1.1 and 5, plain and TLS), a Node web server, files, the
// hub's Event-Hub-compatible endpoint read by @azure/event-hubs, and librdkafka's mock brokers. No edge, no hub connection.
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {EventHubConsumerClient, earliestEventPosition} from '@azure/event-hubs';
import mqtt from 'mqtt';
import {folder, freePort, plant, Program, until} from './site.mjs';

const LOAD = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=Load';
let machine;
const running = [];

before(async () => {
  machine = await plant('--nodes', 5, '--interval', '50ms');
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await machine.end();
});

const names = new Set();
// A publisher of its own; the same name is the same queue.
async function publisher(name, entry, ...more) {
  assert.ok(!names.has(name));
  names.add(name);
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify([{EndpointUrl: machine.url, UseSecurity: false, DataSetWriterGroup: 'line', BatchSize: 1,
    DataSetPublishingInterval: 100, OpcNodes: [1].map(i => ({Id: `${LOAD}${i}`, OpcSamplingInterval: 50, QueueSize: 20})), ...entry}]));
  const health = await freePort();
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, `${name}-pki`), '--queue.path', path.join(folder, `${name}-queue`), '--audit', path.join(folder, `${name}-audit`),
    '--health.port', health, '--publisher.id', name, '--mode', 'PubSub', '--batch.size', 1, '--batch.interval', '100ms', ...more], {health, name}).start();
  running.push(p);
  return p;
}

async function mosquitto(name, lines) {
  const file = path.join(folder, `${name}.conf`);
  const port = await freePort();
  writeFileSync(file, `listener ${port} 127.0.0.1\n${lines.join('\n')}\n`);
  let said = '';
  const start = async () => {
    const child = spawn('mosquitto', ['-c', file], {stdio: ['ignore', 'ignore', 'pipe']});
    child.stderr.setEncoding('utf8').on('data', text => { said += text; });
    await until('mosquitto', () => new Promise(r => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); r(true); }); s.on('error', () => r(false)); }));
    return child;
  };
  const m = {port, text: () => said, child: await start(), end: async signal => { const gone = new Promise(r => m.child.once('exit', r)); m.child.kill(signal ?? 'SIGTERM'); await gone; },
             again: async () => { m.child = await start(); }};
  running.push({end: async () => m.child.kill('SIGKILL')});
  return m;
}

// What arrives at the broker on any topic.
async function listen(url, options = {}) {
  const seen = [];
  const client = mqtt.connect(url, {protocolVersion: 5, reconnectPeriod: 50, ...options});
  client.on('message', (topic, payload, packet) => seen.push({topic, body: JSON.parse(payload || 'null'), packet}));
  await new Promise((resolve, reject) => { client.once('connect', resolve); client.once('error', reject); });
  await client.subscribeAsync('#', {qos: 2});
  return {seen, client};
}

const user = m => m.packet.properties?.userProperties ?? {};
const sequence = m => Number(user(m)['millrace-sequence']);

// From the numbers that came: all from 1 on, each, whatever came twice.
function assertWhole(numbers) {
  const all = new Set(numbers);
  const last = Math.max(...all);
  assert.equal(all.size, last, `${last - all.size} of ${last} are missing`);
}

test('mosquitto, MQTT 5: topics, user properties, content type, expiry; nothing lost when the broker goes', async () => {
  const m = await mosquitto('five', ['allow_anonymous true', 'persistence false', 'max_queued_messages 0']);
  const reader = await listen(`mqtt://127.0.0.1:${m.port}`, {clean: true});
  const p = await publisher('five', {WriterGroupMessageTtlTimepan: '00:01:00'},
                            '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};UseTls=false`);
  await until('messages', () => reader.seen.length > 10);
  const first = reader.seen[0];
  assert.equal(first.topic, 'five/messages/line');
  assert.equal(user(first)['millrace-source'], 'five/line');
  assert.equal(user(first)['$$MessageSchema'], 'application/x-network-message-json-v1');
  assert.match(first.packet.properties.contentType, /json/);
  assert.ok(first.packet.properties.payloadFormatIndicator);
  assert.ok(first.packet.properties.messageExpiryInterval <= 60 && first.packet.properties.messageExpiryInterval > 50);
  assert.equal(first.packet.qos, 1);
  const epoch = user(first)['millrace-epoch'];
  for (let i = 0; i < 3; i++) {
    await m.end('SIGKILL');
    await until('it is noticed', () => (p.text().match(/broker disconnected/g) ?? []).length > i);
    await m.again();
    const before = await p.metric('millrace_publisher_sent_total');
    await until('the publisher is back', async () => await p.metric('millrace_publisher_sent_total') > before + 5);
  }
  assert.ok(reader.seen.every(s => user(s)['millrace-epoch'] === epoch));
  assert.match(p.text(), /broker disconnected|broker could not be connected/);
  // What the killed broker had acknowledged and not delivered is gone with it; what it had not comes again.
  assert.equal(await p.metric('millrace_publisher_dropped_bytes_total'), 0);
  await reader.client.endAsync(true);
});

test('mosquitto, MQTT 3.1.1 and exactly once; retained, and by partitions', async () => {
  const m = await mosquitto('three', ['allow_anonymous true', 'max_queued_messages 0']);
  const reader = await listen(`mqtt://127.0.0.1:${m.port}`, {protocolVersion: 4});
  await publisher('three', {WriterGroupQualityOfService: 'ExactlyOnce', WriterGroupMessageRetention: true, WriterGroupPartitions: 3},
                  '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};UseTls=false;Protocol=v311;ClientId=three`);
  await until('messages', () => reader.seen.length > 20);
  assert.equal(reader.seen[0].topic, 'three/messages/line');
  assert.equal(reader.seen[0].packet.qos, 2);
  const numbers = reader.seen.flatMap(s => [s.body].flat()).flatMap(s => s.Messages).map(d => d.SequenceNumber);
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), 'each once, in order');
  const late = await listen(`mqtt://127.0.0.1:${m.port}`, {protocolVersion: 4});
  await until('the retained message', () => late.seen.length > 0);
  assert.ok(late.seen[0].packet.retain);
  await reader.client.endAsync(true);
  await late.client.endAsync(true);
});

test('what a writer and a node say of topic, quality, time to live, retention and themselves is what the broker gets', async () => {
  const m = await mosquitto('routes', ['allow_anonymous true', 'max_queued_messages 0']);
  const reader = await listen(`mqtt://127.0.0.1:${m.port}`);
  const data = i => ({Id: `${LOAD}${i}`, OpcSamplingInterval: 50, QueueSize: 20, DataSetFieldId: `f${i}`});
  await publisher('routes', {
    DataSetWriterId: 'w', DataSetName: 'press.1', DataSetType: 'press', DataSetSubject: 'hall 1', DataSetSourceUri: 'urn:hall', PublisherId: 'me',
    DataSetClassId: '7d1a4b2c-0000-4000-8000-00805f9b34fb',
    WriterGroupQueueName: 'group', QueueName: 'plant/{DataSetTopicPath}/{DataSetWriterName}', QualityOfService: 'ExactlyOnce', MessageTtlTimespan: '00:00:40', MessageRetention: true,
    MetaDataQueueName: 'meta/{DataSetWriterName}', MetaDataRetention: false, MetaDataTtlTimespan: '00:00:20', MetaDataUpdateTimeTimespan: '00:00:02',
    OpcNodes: [data(1), {...data(2), Topic: 'own/node', QualityOfService: 'AtMostOnce'}],
  }, '-c', '--cloudevents', '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};UseTls=false`);
  const on = topic => reader.seen.filter(s => s.topic === topic);
  await until('all of it', () => on('own/node').length && on('plant/press/1/w').length && on('meta/w').length > 1);
  assert.deepEqual([...new Set(reader.seen.map(s => s.topic))].sort(), ['meta/w', 'meta/w1', 'own/node', 'plant/press/1/w']); // another route is another writer
  const [writer, own, meta] = ['plant/press/1/w', 'own/node', 'meta/w'].map(t => on(t)[0]);
  const expiry = s => s.packet.properties.messageExpiryInterval;
  assert.deepEqual([writer.packet.qos, own.packet.qos, meta.packet.qos], [2, 0, 2]);
  assert.ok(expiry(writer) > 30 && expiry(writer) <= 40 && expiry(meta) > 10 && expiry(meta) <= 20);
  assert.deepEqual([writer.body.Messages[0].Payload.f2, own.body.Messages[0].Payload.f1], [undefined, undefined]);
  assert.deepEqual([writer.body.PublisherId, writer.body.DataSetClassId], ['me', '7d1a4b2c-0000-4000-8000-00805f9b34fb']);
  assert.deepEqual([meta.body.MessageType, meta.body.MetaData.Name, meta.body.MetaData.DataSetClassId], ['ua-metadata', 'press.1', '7d1a4b2c-0000-4000-8000-00805f9b34fb']);
  assert.deepEqual([user(writer).type, user(writer).subject, user(writer).source, user(meta).type], ['Dataset/press', 'hall 1', 'urn:hall', 'Metadata/press']);
  const late = await listen(`mqtt://127.0.0.1:${m.port}`);
  await until('what is retained', () => late.seen.some(s => s.packet.retain));
  assert.ok(late.seen.filter(s => s.packet.retain).every(s => s.topic !== 'meta/w'));
  await reader.client.endAsync(true);
  await late.client.endAsync(true);
});

test('mosquitto over TLS with a password; a wrong one is named in the log', async () => {
  const tls = path.join(folder, 'broker-tls');
  mkdirSync(tls);
  const openssl = (...args) => execFileSync('openssl', args, {cwd: tls, stdio: 'pipe'});
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test authority');
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key.pem', '-out', 'req.pem', '-subj', '/CN=127.0.0.1');
  writeFileSync(path.join(tls, 'ext'), 'subjectAltName=IP:127.0.0.1');
  openssl('x509', '-req', '-in', 'req.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'cert.pem', '-days', '2', '-extfile', 'ext');
  writeFileSync(path.join(tls, 'users'), 'press:secret\n', {mode: 0o600});
  execFileSync('mosquitto_passwd', ['-U', path.join(tls, 'users')]);
  execFileSync('chmod', ['-R', 'a+rX', tls]);
  execFileSync('chmod', ['a+x', folder]);
  const m = await mosquitto('tls', ['user root', 'allow_anonymous false', `password_file ${tls}/users`, `cafile ${tls}/ca.pem`, `certfile ${tls}/cert.pem`, `keyfile ${tls}/key.pem`]);
  const ca = readFileSync(path.join(tls, 'ca.pem'));
  const reader = await listen(`mqtts://127.0.0.1:${m.port}`, {ca, username: 'press', password: 'secret'});
  await publisher('tls', {}, '--transport.ca', path.join(tls, 'ca.pem'),
                  '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};Username=press;Password=secret`);
  await until('messages', () => reader.seen.length > 5);
  assertWhole(reader.seen.map(sequence));
  const wrong = await publisher('wrong', {}, '--transport.ca', path.join(tls, 'ca.pem'),
                                '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};Username=press;Password=other`);
  await until('the reason', () => /broker refused the connection .*reason="not authorized"|reason="bad user name or password"/.test(wrong.text()));
  await until('it has tried again', () => (m.text().match(/not authori[sz]ed/gi) ?? []).length >= 3);
  assert.equal(wrong.text().match(/broker refused the connection/g).length, 1, 'said once');
  const distrusts = await publisher('distrusts', {}, '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};Username=press;Password=secret`);
  await until('the reason', () => /certificate/.test(distrusts.text()));
  assert.ok(!/Password|secret/.test(distrusts.text()));
  await reader.client.endAsync(true);
});

test('kill -9 of the publisher while the broker is away: all that entered the queue arrives', async () => {
  const m = await mosquitto('kill', ['allow_anonymous true', 'max_queued_messages 0']);
  let p = await publisher('kill', {}, '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};UseTls=false`);
  await until('first messages', async () => await p.metric('millrace_publisher_sent_total') > 3);
  await m.end('SIGKILL');
  const stored = [];
  const kills = process.env.MILLRACE_TEST_FORM === 'long' ? 100 : 5;
  for (let i = 0; i < kills; i++) {
    const before = await p.metric('millrace_publisher_queue_stored_total');
    await until('more on the disk', async () => await p.metric('millrace_publisher_queue_stored_total') > before + 2, 60000);
    stored.push(await p.metric('millrace_publisher_queue_stored_total'));
    await p.end('SIGKILL');
    p.start();
    await until('the publisher', async () => await p.metric('millrace_publisher_queue_stored_total') !== undefined, 60000);
  }
  await p.end('SIGKILL');
  await m.again();
  const reader = await listen(`mqtt://127.0.0.1:${m.port}`);
  p.start();
  await until('an empty queue', async () => reader.seen.length > stored.at(-1) / 2 && await p.metric('millrace_publisher_queue_messages') < 3, 60000);
  const epochs = new Map();
  for (const s of reader.seen)
    epochs.set(user(s)['millrace-epoch'], [...epochs.get(user(s)['millrace-epoch']) ?? [], s]);
  assert.ok(epochs.size >= kills, `${epochs.size} starts`);
  const first = [...epochs.keys()].sort()[0];
  for (const [epoch, messages] of epochs)
    if (epoch !== first) // of the first some went to the broker that was killed
      assertWhole(messages.map(sequence));
  const order = [...epochs.keys()];
  assert.deepEqual(order, [...order].sort(), 'older starts come first');
  await reader.client.endAsync(true);
});

test('a webhook: paths, headers, in order; what it cannot take now comes again, what it never takes is a gap', async () => {
  const seen = [];
  let answer = () => 204;
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', d => { body += d; });
    request.on('end', () => {
      const code = answer(request);
      if (code < 300)
        seen.push({method: request.method, url: request.url, headers: request.headers, body: JSON.parse(body)});
      response.writeHead(code).end();
    });
  });
  await new Promise(r => server.listen(0, '127.0.0.1', r));
  const {port} = server.address();
  const p = await publisher('hook', {WriterGroupQueueName: 'halls/{DataSetWriterGroup}/press 1'},
                            '--http.connection', `HostName=127.0.0.1;Port=${port};Scheme=http;ApiKey=k1;Put=true`);
  await until('requests', () => seen.length > 5);
  assert.equal(seen[0].method, 'PUT');
  assert.equal(seen[0].url, '/halls/line/press%201');
  assert.equal(seen[0].headers.authorization, 'ApiKey k1');
  assert.match(seen[0].headers['content-type'], /json/);
  assert.equal(seen[0].headers['$$messageschema'], 'application/x-network-message-json-v1');
  let busy = 3;
  answer = () => busy-- > 0 ? 503 : 204;
  await until('more requests', () => seen.length > 15);
  assert.ok(busy < 0);
  const numbers = () => seen.map(s => Number(s.headers['millrace-sequence']));
  assert.deepEqual(numbers(), numbers().map((_, i) => i + 1));
  let refused = 2;
  answer = () => refused-- > 0 ? 400 : 204;
  await until('the gap', () => seen.some(s => s.headers['millrace-gap-first']));
  const told = seen.filter(s => s.headers['millrace-gap-first']);
  const missing = [...Array(Math.max(...numbers())).keys()].map(i => i + 1).filter(n => !numbers().includes(n));
  assert.equal(missing.length, 2);
  const covered = told.flatMap(s => missing.filter(n => n >= Number(s.headers['millrace-gap-first']) && n <= Number(s.headers['millrace-gap-last'])));
  await until('both are told', () => seen.filter(s => s.headers['millrace-gap-first']).length >= told.length && covered.length > 0);
  assert.equal(told[0].headers['millrace-gap-reason'], 'refused');
  assert.equal(told[0].headers['millrace-gap-epoch'], seen[0].headers['millrace-epoch']);
  assert.equal(await p.metric('millrace_publisher_dropped_refused_total'), 2);
  await p.end('SIGKILL');
  server.close();
});

test('files: one for each topic', async () => {
  const out = path.join(folder, 'out');
  await publisher('files', {WriterGroupQueueName: '{RootTopic}/../a+b/{WriterGroup}'}, '--output', out);
  const file = path.join(out, 'files/%../a%2Bb/line.json');
  await until('lines', () => existsSync(file) && readFileSync(file, 'utf8').split('\n').length > 5);
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1).map(l => JSON.parse(l));
  const numbers = lines.flat().flatMap(l => l.Messages).map(d => d.SequenceNumber);
  assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
  assert.deepEqual(readdirSync(out), ['files']);
});

test('an event hub: the endpoint of a Millrace hub, read by @azure/event-hubs', async () => {
  const connection = process.env.MILLRACE_HUB_EVENTS;
  const mark = `eh-${randomUUID().slice(0, 8)}`;
  const ca = process.env.NODE_EXTRA_CA_CERTS;
  const p = await publisher(mark, {}, '--transport.ca', ca, '--eventhub.connection', connection);
  const events = [];
  const client = new EventHubConsumerClient('$Default', connection);
  const subscription = client.subscribe({
    processEvents: async (batch, context) => events.push(...batch.filter(e => e.properties?.['millrace-source'] === `${mark}/line`).map(e => Object.assign(e, {partition: context.partitionId}))),
    processError: async () => {},
  }, {startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1});
  await until('events', () => events.length > 10, 60000);
  await subscription.close();
  await client.close();
  assert.equal(new Set(events.map(e => e.partition)).size, 1, 'a topic is in one partition');
  assert.deepEqual(events.map(e => Number(e.properties['millrace-sequence'])), events.map((_, i) => i + 1));
  assert.match(events[0].contentType, /json/);
  assert.ok(Array.isArray(events[0].body.Messages ?? events[0].body[0].Messages));
  assert.equal(events[0].partitionKey, `${mark}/messages/line`);
  assert.match(p.text(), /event hub connected/);
  const wrong = await publisher(`${mark}-wrong`, {}, '--transport.ca', ca, '--eventhub.connection', connection.replace(/SharedAccessKey=[^;]*/, 'SharedAccessKey=AAAA'));
  await until('the reason', () => /event hub could not be connected .*UNAUTHORIZED/.test(wrong.text()));
});

test("Kafka: librdkafka's mock brokers take all, once", async () => {
  const p = await publisher('kafka', {}, '--kafka.connection', 'bootstrap.servers=mock;topic=machines;test.mock.num.brokers=3');
  await until('acknowledged messages', async () => await p.metric('millrace_publisher_sent_total') > 20, 60000);
  assert.equal(await p.metric('millrace_publisher_dropped_refused_total'), 0);
  assert.ok(await p.metric('millrace_publisher_queue_messages') < 20);
});

test('transports for each group, and those that are refused', async () => {
  const m = await mosquitto('groups', ['allow_anonymous true']);
  const reader = await listen(`mqtt://127.0.0.1:${m.port}`);
  const out = path.join(folder, 'groups-out');
  const health = await freePort();
  const file = path.join(folder, 'groups.json');
  const entry = (group, more) => ({EndpointUrl: machine.url, UseSecurity: false, DataSetWriterGroup: group, BatchSize: 1, OpcNodes: [{Id: `${LOAD}1`}], ...more});
  writeFileSync(file, JSON.stringify([
    entry('own', {}), entry('files', {WriterGroupTransport: 'FileSystem'}), entry('nowhere', {WriterGroupTransport: 'Null'}),
    entry('other', {WriterGroupTransport: 'Mqtt', WriterGroupTransportConfiguration: `HostName=127.0.0.1;Port=${m.port};UseTls=false;ClientId=second`}),
  ]));
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, 'groups-pki'), '--queue.path', path.join(folder, 'groups-queue'), '--audit', path.join(folder, 'groups-audit'), '--health.port', health,
    '--publisher.id', 'groups', '--mode', 'PubSub', '--batch.size', 1, '--output', out, '--mqtt.connection', `HostName=127.0.0.1;Port=${m.port};UseTls=false;ClientId=first`], {health, name: 'groups'}).start();
  running.push(p);
  await until('both groups at the broker', () => new Set(reader.seen.map(s => s.topic)).size === 2);
  assert.deepEqual([...new Set(reader.seen.map(s => s.topic))].sort(), ['groups/messages/other', 'groups/messages/own']);
  await until('files', () => existsSync(path.join(out, 'groups/messages/files.json')));
  assert.ok(!existsSync(path.join(out, 'groups/messages/nowhere.json')));
  assert.deepEqual(readdirSync(path.join(folder, 'groups-queue', readdirSync(path.join(folder, 'groups-queue'))[0])).map(n => n.replace(/-.*/, '')).sort(), ['FileSystem', 'Mqtt', 'Mqtt', 'Null']);
  for (const [word, reason] of [['AioDss', /state store/], ['AioMqtt', /any broker/]]) {
    const refused = new Program('publisher', ['--file', file, '--pki', path.join(folder, 'r-pki'), '--transport', word, '--output', out], {name: `refused-${word}`}).start();
    assert.equal(await refused.ended, 1);
    assert.match(refused.text(), reason);
  }
  await reader.client.endAsync(true);
});

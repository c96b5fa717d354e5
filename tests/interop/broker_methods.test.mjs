// Direct methods over an MQTT broker (mosquitto), as OPC Publisher has them: MQTT 5 with a response topic and correlation data, MQTT 3.1.1
// with the request's id in the topic. The caller is the npm package mqtt.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {after, before} from 'node:test';
import mqtt from 'mqtt';
import {answers, folder, freePort, plant, Program, until} from './site.mjs';

const LOAD = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=Load';
const running = [];
let machine, port;

before(async () => {
  machine = await plant('--nodes', 5, '--interval', '50ms');
  port = await freePort();
  const conf = path.join(folder, 'methods.conf');
  writeFileSync(conf, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`);
  const broker = spawn('mosquitto', ['-c', conf], {stdio: 'ignore'});
  running.push({end: async () => broker.kill('SIGKILL')});
  await until('mosquitto', () => answers('127.0.0.1', port));
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await machine.end();
});

async function publisher(name, connection, ...more) {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify([{EndpointUrl: machine.url, UseSecurity: false, DataSetWriterGroup: 'line', DataSetWriterId: 'press',
    OpcNodes: [{Id: `${LOAD}1`, OpcSamplingInterval: 50}]}]));
  const health = await freePort();
  const p = new Program('opc', ['--roles', 'publisher,twin', '--file', file, '--pki', path.join(folder, `${name}-pki`), '--queue.path', path.join(folder, `${name}-queue`),
    '--health.port', health, '--api.port', -1, '--publisher.id', name, '--batch.size', 1, '--mqtt.connection', `HostName=127.0.0.1;Port=${port};UseTls=false;${connection}`, ...more],
  {health, name}).start();
  running.push(p);
  await until('the broker', () => /broker connected/.test(p.text()));
  return p;
}

async function client(options) {
  const c = mqtt.connect(`mqtt://127.0.0.1:${port}`, options);
  await new Promise((resolve, reject) => { c.once('connect', resolve); c.once('error', reject); });
  return c;
}

// Calls as MQTT 5 has it; asks again until the publisher has subscribed.
async function call5(root, method, payload) {
  const c = await client({protocolVersion: 5});
  const responseTopic = `callers/${randomUUID()}`;
  await c.subscribeAsync(responseTopic, {qos: 1});
  const correlationData = Buffer.from(randomUUID());
  let answer;
  c.on('message', (_, body, packet) => { answer ??= {body, packet}; });
  for (let i = 0; i < 50 && !answer; i++) {
    await c.publishAsync(`${root}/${method}`, payload, {qos: 1, properties: {responseTopic, correlationData, contentType: 'application/json'}});
    await new Promise(r => setTimeout(r, 200));
  }
  await c.endAsync(true);
  assert.ok(answer, `${method} was not answered`);
  assert.deepEqual(answer.packet.properties.correlationData, correlationData);
  return {status: Number(answer.packet.properties.userProperties.StatusCode), body: answer.body.toString(), contentType: answer.packet.properties.contentType};
}

async function call311(root, method, payload) {
  const c = await client({protocolVersion: 4});
  const id = randomUUID();
  await c.subscribeAsync(`${root}/res/+/+`, {qos: 1});
  let answer;
  c.on('message', (topic, body) => { answer ??= {topic, body: body.toString()}; });
  for (let i = 0; i < 50 && !answer; i++) {
    await c.publishAsync(`${root}/${method}/?$rid=${id}`, payload, {qos: 1});
    await new Promise(r => setTimeout(r, 200));
  }
  await c.endAsync(true);
  assert.ok(answer, `${method} was not answered`);
  const [status, rid] = answer.topic.slice(root.length + '/res/'.length).split('/');
  assert.equal(rid, `?$rid=${id}`);
  return {status: Number(status), body: answer.body};
}

for (const [name, call, protocol] of [['five', call5, 'v5'], ['three', call311, 'v311']]) {
  test(`methods of publisher and twin are called over a broker, MQTT ${name}`, async () => {
    await publisher(name, `Protocol=${protocol}`);
    const root = `${name}/methods`;
    const endpoints = await call(root, 'GetConfiguredEndpoints_V1', '{}');
    assert.equal(endpoints.status, 200);
    assert.equal(JSON.parse(endpoints.body).endpoints[0].EndpointUrl ?? JSON.parse(endpoints.body).endpoints[0].endpointUrl, machine.url);
    const value = await call(root, 'valueread_v2', JSON.stringify({endpoint: {url: machine.url}, connection: {endpoint: {url: machine.url, securityMode: 'None'}}, request: {nodeId: `${LOAD}1`}}));
    assert.equal(value.status, 200, value.body);
    assert.equal(typeof JSON.parse(value.body).value, 'number');
    const none = await call(root, 'Nonsense', '{}');
    assert.equal(none.status, 405);
    assert.equal(JSON.parse(none.body).title, 'no such method');
    const bad = await call(root, 'GetConfiguredEndpoints_V1', '{');
    assert.equal(bad.status, 400);
  });
}

test('the topic of methods is a template; many calls at once are each answered, while values flow', async () => {
  const p = await publisher('many', 'Protocol=v5', '--topic.root', 'plant/{PublisherId}', '--topic.methods', '{RootTopic}/ask');
  assert.equal((await call5('plant/many/ask', 'GetConfiguredEndpoints_V1', '{}')).status, 200);
  const c = await client({protocolVersion: 5});
  const responseTopic = `callers/${randomUUID()}`;
  await c.subscribeAsync(responseTopic, {qos: 1});
  const seen = new Set();
  c.on('message', (_, body, packet) => seen.add(packet.properties.correlationData.toString()));
  for (let i = 0; i < 200; i++)
    c.publish('plant/many/ask/GetConfiguredEndpoints_V1', '{}', {qos: 0, properties: {responseTopic, correlationData: Buffer.from(String(i))}});
  await until('200 answers', () => seen.size === 200);
  await until('values', async () => await p.metric('millrace_publisher_sent_total') > 5);
  await c.endAsync(true);
});

test('methods are called over the broker, too, when messages go elsewhere', async () => {
  const p = await publisher('elsewhere', 'Protocol=v5', '--transport', 'FileSystem', '--output', path.join(folder, 'elsewhere-out'));
  assert.equal((await call5('elsewhere/methods', 'GetConfiguredEndpoints_V1', '{}')).status, 200);
  await until('values', async () => await p.metric('millrace_publisher_sent_total') > 5);
});

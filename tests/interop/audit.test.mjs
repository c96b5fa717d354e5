// Who changed what: one call through services, hub and module stands in the audit log of each, under one id.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import {newToken, startIssuer, startServices} from './rest_call.mjs';
import {edge, folder, opc, plant, registry, until} from './site.mjs';

const NODE = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=WritableInt32';
const device = `edge-${randomUUID().slice(0, 8)}`;
const logs = {services: path.join(folder, 'services'), hub: path.join(folder, 'hub'), module: path.join(folder, 'opc-audit', `${device}_module_opc`)};
const running = [];
let services, token, endpoint;

const run = async what => { const p = await what; running.push(p); return p; };
const ask = (method, what, body, headers) => services.call(method, what, {bearer: token, body, headers});
const lines = log => readFileSync(path.join(logs[log], 'audit.log'), 'utf8').trim().split('\n').filter(Boolean).map(JSON.parse);
const found = (log, condition) => until(`a line in the log of ${log}`, () => lines(log).find(condition));

before(async () => {
  const [site, issuer, machine] = await Promise.all([run(edge(device)), run(startIssuer()), run(plant())]);
  services = await run(startServices(['--hub.ca', process.env.NODE_EXTRA_CA_CERTS, '--auth.authority', issuer.url, '--auth.ca', issuer.ca,
    '--discovery.module', 'opc', '--twin.module', 'opc', '--publisher.module', 'opc'], {environment: {MILLRACE_SERVICES_HUB_CONNECTION: process.env.MILLRACE_HUB_OWNER}}));
  token = await newToken(issuer, 'anna', 'Admin');
  await run(opc(site, []));
  await until('the module', async () => (await ask('POST', '/registry/v2/applications', {discoveryUrl: machine.url})).status === 200);
  endpoint = await until('the endpoint', async () =>
    (await ask('GET', '/registry/v2/endpoints')).json.items.find(e => e.registration.endpoint.securityMode === 'None')?.registration.id);
});

after(async () => {
  for (const p of running.reverse())
    assert.ok([null, 0].includes(await p.end()), `${p.name} ends in order`);
});

test('a write: who, what, the value before, what came of it; under one id from the caller to the machine', async () => {
  const {json: was} = await ask('POST', `/twin/v2/read/${endpoint}`, {nodeId: NODE});
  const id = randomUUID();
  const answer = await ask('POST', `/twin/v2/write/${endpoint}`, {nodeId: NODE, value: 4711}, {'x-ms-client-request-id': id});
  assert.equal(answer.status, 200, answer.text);
  const asked = await found('services', l => l.call === id && l.event === 'asked');
  assert.equal(asked.who, 'anna');
  assert.equal(asked.operation, 'WriteValue');
  assert.equal(asked.request.value, 4711);
  assert.equal(asked.old.value, was.value);
  assert.equal((await found('services', l => l.call === id && l.event === 'answered')).status, 200);
  const called = await found('hub', l => l.call === id && l.request?.methodName === 'ValueWrite_V2');
  assert.equal(called.who, 'iothubowner');
  assert.equal(called.status, 200);
  const inside = await found('module', l => l.call === id && l.event === 'asked');
  assert.equal(inside.operation, 'ValueWrite_V2');
  assert.equal(inside.who, 'hub');
  assert.equal((await found('module', l => l.call === id && l.event === 'answered')).status, 200);
});

test('what services do at the hub without us: identities, twins, direct methods', async () => {
  const name = `audited-${randomUUID().slice(0, 8)}`;
  const {responseBody} = await registry.create({deviceId: name});
  await registry.updateTwin(name, {tags: {site: 'here'}}, '*');
  await registry.delete(name);
  for (const [method, target] of [['PUT', `/devices/${name}`], ['PATCH', `/twins/${name}`], ['DELETE', `/devices/${name}`]]) {
    const asked = await found('hub', l => l.event === 'asked' && l.method === method && l.target.startsWith(target));
    assert.equal(asked.who, 'iothubowner');
    assert.ok((await found('hub', l => l.event === 'answered' && l.call === asked.call)).status < 300);
  }
  const client = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  await client.invokeDeviceMethod(device, 'opc', {methodName: 'GetConfiguredEndpoints_V1', payload: null, responseTimeoutInSeconds: 20});
  await found('hub', l => l.event === 'called' && l.request?.methodName === 'GetConfiguredEndpoints_V1');
  const question = zlib.gzipSync('{}');
  const call = payload => client.invokeDeviceMethod(device, 'opc', {methodName: '$call', payload, responseTimeoutInSeconds: 20});
  const {result} = await call({method: 'GetConfiguredEndpoints_V2', contentType: 'application/json', length: question.length, acceptedSize: 10, payload: question.toString('base64')});
  await call({handle: result.payload.handle});
  const inPieces = await found('hub', l => l.event === 'called' && l.operation === 'GetConfiguredEndpoints_V2');
  assert.equal(inPieces.request.methodName, '$call');
  const text = readFileSync(path.join(logs.hub, 'audit.log'), 'utf8');
  assert.ok(!text.includes(responseBody.authentication.symmetricKey.primaryKey), 'no key is in it');
});

test('a change of what is published: the file before and after', async () => {
  const body = {item: {nodeId: 'i=2258'}};
  assert.equal((await ask('POST', `/publisher/v2/publish/${endpoint}/start`, body)).status, 200);
  const changed = await found('module', l => l.event === 'changed');
  assert.deepEqual(changed.old, []);
  assert.equal(changed.request[0].OpcNodes[0].Id, 'i=2258');
});

test('every chain holds', () => {
  for (const log of Object.keys(logs))
    assert.match(execFileSync(process.env.MILLRACE, ['audit', logs[log]], {encoding: 'utf8'}), /\d+ lines, the chain holds/);
});

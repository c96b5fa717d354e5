// Values of a machine to programs and browsers: plant → publisher → edge → hub → services → SignalR, EventSource, WebSocket.
import assert from 'node:assert/strict';
import http from 'node:http';
import {randomUUID} from 'node:crypto';
import test, {after, before} from 'node:test';
import {HttpTransportType, HubConnectionBuilder, LogLevel} from '@microsoft/signalr';
import {EventSource} from 'eventsource';
import WebSocket from 'ws';
import {newToken, startIssuer, startServices} from './rest_call.mjs';
import {edge, opc, plant, until} from './site.mjs';

const LOAD = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=Load';
const COUNTERS = 200;
const running = [];
let site, issuer, services, machine, endpoint, base;
const tokens = {};

const run = async what => { const p = await what; running.push(p); return p; };
const ask = (method, what, body) => services.call(method, what, {bearer: tokens.Admin, body});

before(async () => {
  [site, issuer, machine] = await Promise.all([run(edge(`edge-${randomUUID().slice(0, 8)}`)), run(startIssuer()), run(plant('--nodes', COUNTERS, '--interval', '100ms'))]);
  services = await run(startServices(['--hub.ca', process.env.NODE_EXTRA_CA_CERTS, '--http.plain', '127.0.0.1:0', '--auth.authority', issuer.url, '--auth.ca', issuer.ca,
    '--discovery.module', 'opc', '--twin.module', 'opc', '--publisher.module', 'opc'], {environment: {MILLRACE_SERVICES_HUB_CONNECTION: process.env.MILLRACE_HUB_OWNER}}));
  base = `http://127.0.0.1:${await services.plain()}/events/v2`;
  for (const role of ['Read', 'Write', 'Admin'])
    tokens[role] = await newToken(issuer, role.toLowerCase(), role);
  await run(opc(site, [{
    EndpointUrl: machine.url, UseSecurity: false, MessagingMode: 'Samples', BatchTriggerInterval: 100, DataSetPublishingInterval: 100, DataSetSamplingInterval: 100,
    OpcNodes: Array.from({length: COUNTERS}, (_, i) => ({Id: `${LOAD}${i + 1}`, DisplayName: `counter ${i + 1}`})),
  }, {
    EndpointUrl: machine.url, UseSecurity: false, MessagingMode: 'FullNetworkMessages', MessageEncoding: 'Uadp', DataSetWriterGroup: 'packed', DataSetWriterId: 'packed',
    BatchTriggerInterval: 100, DataSetPublishingInterval: 100, DataSetSamplingInterval: 100,
    OpcNodes: [{Id: LOAD.replace('Load', 'StepUp'), DisplayName: 'step', DataSetFieldId: 'step'}, {Id: LOAD.replace('Load', 'AlternatingBoolean'), DisplayName: 'flag', DataSetFieldId: 'flag'}],
  }, { // its writer has the same number
    EndpointUrl: machine.url, UseSecurity: false, MessagingMode: 'FullNetworkMessages', MessageEncoding: 'Uadp', DataSetWriterGroup: 'packed too', DataSetWriterId: 'packed too',
    BatchTriggerInterval: 100, DataSetPublishingInterval: 100, DataSetSamplingInterval: 100,
    OpcNodes: [{Id: LOAD.replace('Load', 'AlternatingBoolean'), DisplayName: 'other flag', DataSetFieldId: 'other flag'}, {Id: LOAD.replace('Load', 'StepUp'), DisplayName: 'other step', DataSetFieldId: 'other step'}],
  }], {more: ['--metadata', 'true']}));
  await until('the module', async () => (await ask('POST', '/registry/v2/applications', {discoveryUrl: machine.url})).status === 200);
  endpoint = await until('the endpoint', async () => {
    const {json} = await ask('GET', '/registry/v2/endpoints');
    return json.items.find(e => e.registration.endpoint.securityMode === 'None')?.registration.id;
  });
});

after(async () => {
  for (const p of running.reverse())
    assert.ok([null, 0].includes(await p.end()), `${p.name} ends in order`);
});

async function metric(name) {
  const {text} = await services.call('GET', '/metrics');
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)[1]);
}

// Over a plain WebSocket; resolves to the first `count` values of a node.
async function valuesOf(node, count, id = `${LOAD}${node}`) {
  const query = new URLSearchParams([['endpointId', endpoint], ['nodeId', id], ['access_token', tokens.Read]]);
  const ws = new WebSocket(`${base.replace('http', 'ws')}/publishers/stream?${query}`);
  const got = [];
  ws.on('message', text => got.push(JSON.parse(text)));
  await until('values', () => got.length >= count);
  ws.terminate();
  return got;
}

for (const transport of [HttpTransportType.WebSockets, HttpTransportType.ServerSentEvents])
  test(`SignalR over ${HttpTransportType[transport]}: from when its endpoint is followed until it is not`, async () => {
    const got = [];
    const connection = new HubConnectionBuilder()
        .withUrl(`${base}/publishers/events`, {accessTokenFactory: () => tokens.Read, transport}).configureLogging(LogLevel.None).build();
    connection.on('PublisherMessage', message => got.push(message));
    await connection.start();
    const where = `/events/v2/telemetry/${endpoint}/samples`;
    assert.equal((await services.call('PUT', where, {bearer: tokens.Read, body: connection.connectionId})).status, 403);
    assert.equal(got.length, 0);
    assert.equal((await services.call('PUT', where, {bearer: tokens.Write, body: connection.connectionId})).status, 200);
    await until('values', () => got.length > 2 * COUNTERS);
    const one = got.find(m => m.nodeId === `${LOAD}7`);
    assert.equal(one.endpointId, endpoint);
    assert.equal(one.displayName, 'counter 7');
    assert.equal(typeof one.value, 'number');
    assert.match(one.sourceTimestamp, /^20\d\d-.*Z$/);
    const series = got.filter(m => m.nodeId === `${LOAD}7`).map(m => m.value);
    series.forEach((v, i) => assert.ok(i === 0 || v === series[i - 1] + 1, String(series)));
    assert.equal((await services.call('DELETE', `${where}/${connection.connectionId}`, {bearer: tokens.Write})).status, 200);
    await until('nothing more comes', async () => {
      const before = got.length;
      await valuesOf(9, 4); // as many of each node would have come
      return got.length === before;
    });
    await connection.stop();
  });

test('an EventSource gets the nodes that it chose, and no others', async () => {
  const query = new URLSearchParams([['endpointId', endpoint], ['nodeId', `${LOAD}3`], ['nodeId', `${LOAD}5`], ['access_token', tokens.Read]]);
  const source = new EventSource(`${base}/publishers/stream?${query}`);
  const got = [];
  source.addEventListener('PublisherMessage', e => got.push(JSON.parse(e.data)));
  await until('values of both', () => new Set(got.map(m => m.nodeId)).size === 2 && got.length > 8);
  source.close();
  assert.deepEqual([...new Set(got.map(m => m.nodeId))].sort(), [`${LOAD}3`, `${LOAD}5`]);
});

test('so does a plain WebSocket', async () => {
  const got = await valuesOf(9, 5);
  assert.ok(got.every(m => m.event === 'PublisherMessage' && m.data.nodeId === `${LOAD}9`));
});

// Which are bytes without names: those come with the publisher's announcement, and the endpoint is in a field of its own.
test('values out of UADP messages', async () => {
  const steps = (await valuesOf(0, 5, 'step')).map(m => m.data);
  for (const one of steps) {
    assert.equal(one.endpointId, endpoint);
    assert.equal(one.nodeId, 'step');
    assert.equal(one.dataType, 'UInt32');
    assert.match(one.sourceTimestamp, /^20\d\d-.*Z$/);
    assert.ok(one.publisherId && one.dataSetWriterId === 'packed', JSON.stringify(one));
  }
  steps.forEach((m, i) => assert.ok(i === 0 || m.value > steps[i - 1].value, JSON.stringify(steps.map(s => s.value))));
  assert.equal(typeof (await valuesOf(0, 1, 'flag'))[0].data.value, 'boolean');
  const other = (await valuesOf(0, 5, 'other step')).map(m => m.data);
  assert.ok(other.every(m => m.dataType === 'UInt32' && m.dataSetWriterId === 'packed too'), JSON.stringify(other));
  assert.ok((await valuesOf(0, 5, 'other flag')).every(m => typeof m.data.value === 'boolean'));
});

test('who does not read costs nobody else anything: values are left out, counted, and it is told how many', async () => {
  const query = new URLSearchParams([['endpointId', endpoint], ['access_token', tokens.Read]]);
  const slow = await new Promise((resolve, reject) => http.get(`${base}/publishers/stream?${query}`, {agent: false, headers: {Accept: 'text/event-stream'}}, resolve).on('error', reject));
  slow.pause();
  const quick = new EventSource(`${base}/publishers/stream?${query}`);
  let count = 0;
  quick.addEventListener('PublisherMessage', () => { count++; });
  await until('values that are left out', async () => await metric('millrace_services_live_dropped_total') > 0, 120000);
  const before = count;
  await until('values for the other', () => count > before + COUNTERS);
  quick.close();
  let text = '';
  slow.on('data', d => { text += d; });
  slow.resume();
  await until('it is told', () => /event: Dropped\ndata: {"count":[1-9]\d*}/.test(text));
  slow.destroy();
  await until('both have gone', async () => await metric('millrace_services_live_connections') === 0);
});

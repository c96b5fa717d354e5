// Live events over SignalR: Microsoft's own client at the services, with the published hub and method names.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {HttpTransportType, HubConnectionBuilder, HubConnectionState, LogLevel} from '@microsoft/signalr';
import {MessagePackHubProtocol} from '@microsoft/signalr-protocol-msgpack';
import {EventSource} from 'eventsource';
import WebSocket from 'ws';
import {newToken, startIssuer, startServices} from './rest_call.mjs';
import {until} from './site.mjs';

let issuer, services, base;
const tokens = {};

before(async () => {
  issuer = await startIssuer();
  services = await startServices(['--auth.authority', issuer.url, '--auth.ca', issuer.ca, '--http.plain', '127.0.0.1:0'], {ready: 503});
  base = `http://127.0.0.1:${await services.plain()}/events/v2`;
  for (const role of ['Read', 'Write', 'Admin'])
    tokens[role] = await newToken(issuer, role.toLowerCase(), role);
});

after(async () => {
  await services.end();
  await issuer.end();
});

const transports = [HttpTransportType.WebSockets, HttpTransportType.ServerSentEvents];

function connect(hub, {token = tokens.Read, transport = HttpTransportType.WebSockets, packed = false, ...more} = {}) {
  const builder = new HubConnectionBuilder()
      .withUrl(`${base}/${hub}/events`, {accessTokenFactory: () => token, transport, ...more})
      .configureLogging(LogLevel.None);
  if (packed)
    builder.withHubProtocol(new MessagePackHubProtocol());
  return builder.build();
}

const admin = (method, what, body) => services.call(method, what, {bearer: tokens.Admin, body});

// An application from its beginning to its end; resolves to its id.
async function lifeOf(uri) {
  const {json} = await admin('PUT', '/registry/v2/applications', {applicationUri: uri, applicationType: 'Server', productUri: 'urn:p'});
  await admin('PATCH', `/registry/v2/applications/${json.id}`, {productUri: 'urn:q'});
  await admin('POST', `/registry/v2/applications/${json.id}/enable`);
  await admin('POST', `/registry/v2/applications/${json.id}/disable`);
  await admin('DELETE', `/registry/v2/applications/${json.id}`);
  return json.id;
}

function isLife(events, id) {
  assert.deepEqual(events.map(e => e.eventType), ['New', 'Updated', 'Enabled', 'Disabled', 'Deleted']);
  assert.ok(events.every(e => e.id === id));
  assert.equal(events[1].application.productUri, 'urn:q');
  assert.equal(events[4].application, undefined);
}

for (const [transport, packed] of [...transports.map(t => [t, false]), [HttpTransportType.WebSockets, true]])
  test(`what happens to applications is told to who listens: SignalR over ${HttpTransportType[transport]}${packed ? ' in MessagePack' : ''}`, async () => {
    const connection = connect('applications', {transport, packed});
    const got = [];
    connection.on('ApplicationEvent', event => got.push(event));
    await connection.start();
    const id = await lifeOf('urn:live');
    await until('five events', () => got.length === 5);
    isLife(got, id);
    await assert.rejects(connection.invoke('Anything', 1), /no such method/);
    await connection.stop();
  });

test('the same without SignalR: an EventSource, as browsers have it', async () => {
  const source = new EventSource(`${base}/applications/stream?access_token=${tokens.Read}`);
  const got = [];
  source.addEventListener('ApplicationEvent', e => got.push(JSON.parse(e.data)));
  await new Promise((resolve, reject) => Object.assign(source, {onopen: resolve, onerror: reject}));
  const id = await lifeOf('urn:source');
  await until('five events', () => got.length === 5);
  isLife(got, id);
  source.close();
  const header = new EventSource(`${base}/applications/stream`, {
    fetch: (url, init) => fetch(url, {...init, headers: {...init.headers, Authorization: `Bearer ${tokens.Read}`}}),
  });
  await new Promise((resolve, reject) => Object.assign(header, {onopen: resolve, onerror: reject}));
  header.close();
});

test('and a plain WebSocket: a message an event', async () => {
  const ws = new WebSocket(`${base.replace('http', 'ws')}/applications/stream?access_token=${tokens.Read}`);
  const got = [];
  ws.on('message', text => got.push(JSON.parse(text)));
  await new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject));
  const id = await lifeOf('urn:websocket');
  await until('five events', () => got.length === 5);
  assert.ok(got.every(e => e.event === 'ApplicationEvent'));
  isLife(got.map(e => e.data), id);
  ws.terminate();
});

test('a plain stream that does not say what it follows, where it must, learns it', async () => {
  const {status, json} = await services.call('GET', '/events/v2/publishers/stream', {bearer: tokens.Read});
  assert.equal(status, 400);
  assert.match(json.detail, /endpointId/);
  assert.equal((await services.call('GET', '/events/v2/nothing/stream', {bearer: tokens.Read})).status, 404);
  const ws = new WebSocket(`${base.replace('http', 'ws')}/discovery/stream?access_token=${tokens.Read}`);
  const said = await new Promise(resolve => ws.on('message', resolve).on('error', () => {}));
  assert.match(JSON.parse(said).data.detail, /discovererId or requestId/);
});

test('a token is needed, and who has none gets nothing', async () => {
  for (const token of ['', 'nonsense'])
    await assert.rejects(connect('applications', {token}).start(), /401/);
  const quiet = connect('applications', {token: 'nonsense', skipNegotiation: true});
  await assert.rejects(quiet.start());
  const {status} = await services.call('POST', '/events/v2/nothing/events/negotiate', {bearer: tokens.Read});
  assert.equal(status, 404);
});

test('without negotiation it connects as well', async () => {
  const connection = connect('endpoints', {skipNegotiation: true});
  await connection.start();
  assert.equal(connection.state, HubConnectionState.Connected);
  await connection.stop();
});

test('MessagePack needs a transport that carries bytes, and has more than one connection at a time', async () => {
  await assert.rejects(connect('applications', {transport: HttpTransportType.ServerSentEvents, packed: true}).start(), /does not support Binary/);
  const got = {json: [], packed: []};
  const connections = [connect('applications'), connect('applications', {packed: true}), connect('applications', {packed: true, skipNegotiation: true})];
  connections[0].on('ApplicationEvent', event => got.json.push(event));
  connections.slice(1).forEach(c => c.on('ApplicationEvent', event => got.packed.push(event)));
  await Promise.all(connections.map(c => c.start()));
  await lifeOf('urn:both');
  await until('all events', () => got.json.length === 5 && got.packed.length === 10);
  assert.deepEqual(got.packed.filter((e, n) => n % 2 === 0), got.json);
  await Promise.all(connections.map(c => c.stop()));
});

test('following a discovery: by the connection\'s id, with the role for it', async () => {
  const connection = connect('discovery');
  await connection.start();
  const follow = (what, bearer, body = connection.connectionId) => services.call('PUT', `/events/v2/discovery/${what}/events`, {bearer, body});
  assert.equal((await follow('d_module_m', tokens.Read)).status, 403);
  assert.equal((await follow('d_module_m', tokens.Write)).status, 200);
  assert.equal((await follow('requests/r1', tokens.Write)).status, 200);
  assert.equal((await follow('d_module_m', tokens.Write, 'nobody')).status, 404);
  assert.equal((await follow('d_module_m', tokens.Write, {})).status, 400);
  const leave = what => services.call('DELETE', `/events/v2/discovery/${what}/events/${connection.connectionId}`, {bearer: tokens.Write});
  assert.equal((await leave('requests/r1')).status, 200);
  await connection.stop();
  await until('the connection is gone', async () => (await leave('d_module_m')).status === 404);
});

test('what is no SignalR is turned away', async () => {
  const url = `${base.replace('http', 'ws')}/applications/events?access_token=${tokens.Read}`;
  const closed = (first, binary) => new Promise(resolve => {
    const ws = new WebSocket(url);
    let text = '';
    ws.on('open', () => ws.send(first, {binary}));
    ws.on('message', data => { text += data; });
    ws.on('close', code => resolve({code, text}));
    ws.on('error', () => {});
  });
  assert.match((await closed('hello\x1e', false)).text, /error/);
  assert.match((await closed(Buffer.from('hello\x1e'), true)).text, /error/);
  assert.match((await closed('{"protocol":"protobuf","version":1}\x1e', false)).text, /use json or messagepack/);
  assert.match((await closed('{"protocol":"messagepack","version":1}\x1e\x02\x91', false)).text, /no array/);
});

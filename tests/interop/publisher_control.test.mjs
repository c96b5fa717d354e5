// The publisher's control as others reach it: azure-iothub calls its direct methods through hub and edge, Node's HTTP
// client the module's own API, a start-up file and the runtime state. The API is held to what was published in
// openapi_coverage_module.test.mjs.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import zlib from 'node:zlib';
import {decode, encode} from '@msgpack/msgpack';
import iothub from 'azure-iothub';
import {edge, folder, opc, plant, registry, until} from './site.mjs';

const client = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const PLC = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=';
const running = [];
const key = 'a key of the test';
let site, machine, module, port;

before(async () => {
  site = await edge('control-site');
  machine = await plant();
  const init = path.join(folder, 'start.init');
  writeFileSync(init, `# the first configuration
POST PublishNodes_V1 HTTP/1.1
Content-Type: application/json

${JSON.stringify({EndpointUrl: machine.url, DataSetWriterGroup: 'from init', OpcNodes: [{Id: `${PLC}SlowUInt1`}]})}
###
// @on-error
GetInfo
###
NoSuchMethod
###
// @on-error
GetConfiguredEndpoints_V1
`);
  // OPC Publisher's own options stand beside ours
  module = await opc(site, [], {module: 'publisher', roles: 'publisher',
    more: ['--api-key', key, '-p', '0', '--api.listen', '127.0.0.1', `--pi=${init}`, '--rs', '--di=1', '--aa', '--mm=PubSub', '--bs=1']});
  running.push(machine, module, site);
  port = await until('the API', () => Number(/api served https=(\d+)/.exec(module.text())?.[1]));
});

after(async () => {
  for (const p of [module, machine, site])
    await p?.end();
});

async function call(methodName, payload, {code = 200} = {}) {
  const {result} = await client.invokeDeviceMethod('control-site', 'publisher',
    {methodName, payload, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 20});
  assert.equal(result.status, code, `${methodName}: ${JSON.stringify(result.payload)}`);
  return result.payload;
}

function ask(method, target, {body, headers = {}, authorization = `ApiKey ${key}`} = {}) {
  return new Promise((resolve, reject) => {
    const text = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const r = https.request({host: '127.0.0.1', port, path: target, method, agent: false, rejectUnauthorized: false, headers: {
      ...(authorization ? {Authorization: authorization} : {}), ...(text ? {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text)} : {}), ...headers}},
    answer => {
      const parts = [];
      answer.on('data', d => parts.push(d));
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        const plain = answer.headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(bytes) : bytes;
        const type = answer.headers['content-type'] ?? '';
        resolve({status: answer.statusCode, headers: answer.headers, bytes: plain, text: plain.toString(), json: type.includes('json') ? JSON.parse(plain) : undefined});
      });
    });
    r.on('error', reject);
    r.end(text);
  });
}

const entry = (more = {}) => ({EndpointUrl: machine.url, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', ...more});
const file = () => JSON.parse(readFileSync(module.file, 'utf8'));

test('the start-up file was run: its log has each request, its status and what was left out', async () => {
  const log = path.join(folder, 'start.init.log');
  await until('the log', () => existsSync(log));
  const text = readFileSync(log, 'utf8');
  assert.match(text, /PublishNodes_V1[\s\S]*# HTTP\/1.1 200/);
  assert.match(text, /@skipped reason = success[\s\S]*GetInfo/);
  assert.match(text, /NoSuchMethod[\s\S]*# HTTP\/1.1 405/);
  assert.match(text, /GetConfiguredEndpoints_V1[\s\S]*"from init"/);
  assert.equal(file()[0].DataSetWriterGroup, 'from init');
});

test('PublishNodes adds, UnpublishNodes removes, and the file has it', async () => {
  await call('PublishNodes_V1', entry({OpcNodes: [{Id: `${PLC}FastUInt1`}, {Id: `${PLC}FastUInt2`}]}));
  const listed = await call('GetConfiguredNodesOnEndpoint_V1', entry());
  assert.deepEqual(listed.opcNodes.map(n => n.Id ?? n.id).sort(), [`${PLC}FastUInt1`, `${PLC}FastUInt2`]);
  const {endpoints} = await call('getconfiguredendpoints', {});
  assert.ok(endpoints.some(e => (e.DataSetWriterGroup ?? e.dataSetWriterGroup) === 'group'));
  assert.ok(endpoints.every(e => !(e.OpcNodes ?? e.opcNodes)?.length));
  await call('UnpublishNodes_V1', entry({OpcNodes: [{Id: `${PLC}FastUInt2`}]}));
  assert.deepEqual(file().find(e => e.DataSetWriterGroup === 'group').OpcNodes.map(n => n.Id), [`${PLC}FastUInt1`]);
  await until('the node', () => module.metric('millrace_publisher_items_live').then(n => n === 2));
});

test('errors have the published status, and problem details', async () => {
  const missing = await call('UnpublishNodes_V1', {...entry(), EndpointUrl: 'opc.tcp://nowhere:4840'}, {code: 404});
  assert.match(JSON.stringify(missing), /Endpoint not found: opc.tcp:\/\/nowhere:4840/);
  assert.equal(missing.status, 404);
  await call('PublishNodes_V1', {EndpointUrl: machine.url}, {code: 400});
  await call('PublishNodes_V1', {}, {code: 400});
  await call('NoSuchMethod_V1', {}, {code: 405});
  await call('GetInfo_V2', {}, {code: 405});
});

test('AddOrUpdateEndpoints replaces a data set, SetConfiguredEndpoints everything', async () => {
  await call('AddOrUpdateEndpoints_V1', [entry({OpcNodes: [{Id: `${PLC}FastUInt3`}]})]);
  assert.deepEqual(file().find(e => e.DataSetWriterGroup === 'group').OpcNodes.map(n => n.Id), [`${PLC}FastUInt3`]);
  await call('AddOrUpdateEndpoints_V1', [entry({OpcNodes: [{Id: 'i=1'}]}), entry({OpcNodes: [{Id: 'i=2'}]})], {code: 400});
  await call('SetConfiguredEndpoints_V1', {endpoints: [entry({OpcNodes: [{Id: `${PLC}FastUInt1`}]})]});
  assert.equal(file().length, 1);
  await call('UnpublishAllNodes_V1', {});
  assert.equal(file().length, 0);
});

test('PublishStart, List, Bulk and Stop work on a connection', async () => {
  const connection = {endpoint: {url: machine.url, securityMode: 'None'}};
  await call('PublishStart_V2', {connection, request: {item: {nodeId: `${PLC}FastUInt1`, publishingInterval: '00:00:01'}}});
  const list = await call('PublishList_V2', {connection, request: {}});
  assert.deepEqual(list.items.map(i => i.nodeId), [`${PLC}FastUInt1`]);
  await call('PublishBulk_V2', {connection, request: {nodesToAdd: [{nodeId: `${PLC}FastUInt2`}], nodesToRemove: [`${PLC}FastUInt1`]}});
  await call('PublishStop_V2', {connection, request: {nodeId: `${PLC}FastUInt2`}});
  assert.equal(((await call('PublishList_V2', {connection, request: {}})).items ?? []).length, 0);
  await call('PublishStart_V2', {connection, request: {item: {}}}, {code: 400});
});

test('the module API serves the same under its paths, and writers by their fields', async () => {
  const nodes = n => Array.from({length: n}, (_, i) => ({Id: `${PLC}FastUInt${i + 1}`, DataSetFieldId: `f${i + 1}`}));
  assert.equal((await ask('PUT', '/v2/configuration', {body: {endpoints: [entry({OpcNodes: nodes(2)})]}})).status, 200);
  const all = await ask('GET', '/v2/configuration?IncludeNodes=true');
  assert.equal(all.status, 200);
  assert.equal(all.json.endpoints[0].OpcNodes.length, 2);
  assert.equal((await ask('POST', '/v2/writer/group/writer/add?insertAfterFieldId=f1', {body: [{Id: `${PLC}SlowUInt1`, DataSetFieldId: 'between'}]})).status, 200);
  const page = await ask('GET', '/v2/writer/group/writer/nodes?pageSize=2');
  assert.deepEqual(page.json.map(n => n.DataSetFieldId), ['f1', 'between']);
  assert.equal((await ask('GET', '/v2/writer/group/writer/f2')).json.Id, `${PLC}FastUInt2`);
  assert.equal((await ask('DELETE', '/v2/writer/group/writer/f2')).status, 200);
  assert.equal((await ask('GET', '/v2/writer/group/writer/f2')).status, 404);
  const written = await ask('GET', '/v2/writer/group/writer');
  assert.equal(written.json.EndpointUrl, machine.url);
  assert.equal((await ask('POST', '/v2/writer/group/writer/remove', {body: ['between']})).status, 200);
  assert.equal((await ask('PUT', '/v2/writer/group/writer', {body: {Id: `${PLC}FastUInt3`, DataSetFieldId: 'f3'}})).status, 200);
  assert.deepEqual(file()[0].OpcNodes.map(n => n.DataSetFieldId), ['f1', 'f3']);
});

test('the module API in MessagePack', async () => {
  const packed = {'Content-Type': 'application/x-msgpack', Accept: 'application/x-msgpack'};
  const pack = value => Buffer.from(encode(value));
  const wanted = entry({OpcNodes: Array.from({length: 60}, (_, i) => ({Id: `${PLC}FastUInt${i + 1}`, OpcPublishingInterval: 100}))});
  assert.equal((await ask('PUT', '/v2/configuration', {body: pack({endpoints: [wanted]}), headers: packed})).status, 200);
  const got = await ask('GET', '/v2/configuration?IncludeNodes=true', {headers: packed});
  assert.equal(got.headers['content-type'], 'application/x-msgpack');
  assert.deepEqual(decode(got.bytes), (await ask('GET', '/v2/configuration?IncludeNodes=true')).json);
  const zipped = await ask('GET', '/v2/configuration?IncludeNodes=true', {headers: {...packed, 'Accept-Encoding': 'gzip'}});
  assert.equal(zipped.headers['content-type'], 'application/x-msgpack');
  assert.deepEqual(decode(zipped.bytes), decode(got.bytes));
  const bad = await ask('PUT', '/v2/configuration', {body: Buffer.from([0x81, 1, 1]), headers: packed});
  assert.equal(bad.status, 400);
  assert.match(bad.json.detail, /MessagePack/);
});

test('without the key there is nothing; errors are problem details', async () => {
  for (const authorization of [undefined, '', 'ApiKey', 'ApiKey wrong', `apikey ${key}`, `Bearer ${key}`])
    assert.equal((await ask('GET', '/v2/configuration', {authorization: authorization ?? null})).status, 401, authorization);
  for (const open of ['/healthz', '/metrics', '/swagger/v2/openapi.json'])
    assert.equal((await ask('GET', open, {authorization: null})).status, 200, open);
  const bad = await ask('POST', '/v2/configuration/nodes', {body: {EndpointUrl: machine.url}});
  assert.equal(bad.status, 400);
  assert.match(bad.headers['content-type'], /problem\+json/);
  assert.equal(bad.json.status, 400);
  assert.ok(bad.json.title && bad.json.detail);
  assert.equal((await ask('GET', '/v2/nothing')).status, 404);
  const twin = (await registry.getModuleTwin('control-site', 'publisher')).responseBody;
  assert.equal(twin.properties.reported.__apikey__, key);
  assert.equal(twin.properties.reported.__port__, port);
  assert.equal(await call('GetApiKey_V2', null), key);
  assert.match(await call('GetServerCertificate_V2', null), /BEGIN CERTIFICATE/);
});

test('diagnostics: for each group, which nodes failed, connections, the log, the published metrics', async () => {
  await call('SetConfiguredEndpoints_V1', {endpoints: [entry({MessagingMode: 'PubSub', DataSetKeyFrameCount: 1000,
    OpcNodes: [{Id: `${PLC}FastUInt1`, OpcSamplingInterval: 100, OpcPublishingInterval: 100}, {Id: `${PLC}NoSuchNode`, OpcPublishingInterval: 100}]})]});
  const [info] = await until('a group with values', async () => {
    const found = await call('GetDiagnosticInfo_V1', null);
    return found.length === 1 && found[0].monitoredOpcNodesSucceededCount === 1 && found[0].ingressValueChanges > 0 && found[0].monitoredOpcNodesFailedCount === 1 && found;
  });
  assert.equal(info.endpoints[0].EndpointUrl, machine.url);
  assert.match(info.ingestionDuration, /^\d\d:\d\d:\d\d\.\d{7}$/);
  assert.equal(info.opcEndpointConnected, true);
  const {json: states} = await ask('GET', '/v2/diagnostics/writergroups');
  const [error] = states[0].dataSetWriters.flatMap(w => w.source.errors);
  assert.equal(error.nodeId, `${PLC}NoSuchNode`);
  assert.equal(error.errorInfo.symbolicId, 'BadNodeIdUnknown');
  assert.equal((await ask('GET', '/v2/diagnostics/writergroups/group')).json.writerGroupName, 'group');
  assert.equal((await ask('GET', '/v2/diagnostics/writergroups/other')).status, 404);
  assert.equal((await ask('POST', '/v2/diagnostics/writergroups/group/keyframe')).status, 200);
  assert.equal((await ask('POST', '/v2/diagnostics/writergroups/other/keyframe')).status, 404);
  assert.deepEqual((await ask('GET', '/v2/connections')).json.map(c => c.endpoint.url), [machine.url]);
  const [counted] = (await ask('GET', '/v2/diagnostics/connections')).json;
  assert.equal(counted.connection.endpoint.url, machine.url);
  assert.equal(counted.server.currentSubscriptionsCount, counted.server.subscriptions.length);
  assert.ok(counted.server.currentMonitoredItemsCount >= 1 && counted.server.createMonitoredItemsCount.totalCount >= 1);
  const [channel] = await call('GetChannelDiagnostics_V2');
  assert.equal(channel.remotePort, machine.port);
  assert.ok(channel.channelId > 0 && channel.tokenId > 0);
  assert.equal((await ask('GET', '/v2/reset')).status, 200);
  await until('the session to be closed', () => /opcua session lost .*BadConnectionClosed/.test(module.text()));
  await until('the node to be live again', async () => (await call('GetDiagnosticInfo_V1', null))[0].monitoredOpcNodesSucceededCount === 1);
  await until('a line in the log', () => /publisher diagnostics group="group".* live=1 failed=1/.test(module.text()));
  const metrics = await until('the metrics', async () => {
    const {text} = await ask('GET', '/metrics');
    return /iiot_edge_publisher_value_changes\{[^}]*writerGroupName="group"\} [1-9]/.test(text) && text;
  });
  for (const name of ['monitored_items', 'good_nodes', 'bad_nodes', 'is_connection_ok', 'sent_iot_messages', 'module_start'])
    assert.match(metrics, new RegExp(`^iiot_edge_publisher_${name}\\{`, 'm'));
});

test('certificate stores have their paths', async () => {
  const own = await ask('GET', '/v2/pki/Application/certs');
  assert.equal(own.status, 200, own.text);
  assert.match(own.json[0].thumbprint, /^[0-9A-Fa-f]{40}$/);
  assert.equal((await ask('PATCH', '/v2/pki/Trusted/certs', {body: 'bm8gY2VydGlmaWNhdGU='})).status, 400);
  assert.equal((await ask('DELETE', '/v2/pki/Trusted/certs/0000000000000000000000000000000000000000')).status, 404);
  assert.equal((await ask('POST', '/v2/pki/rejected/certs/0000000000000000000000000000000000000000/approve')).status, 404);
  assert.deepEqual((await ask('GET', '/v2/pki/Trusted/crls')).json, []);
});

test('an entry of objects and types is expanded to the variables that the server has', async () => {
  const template = entry({DataSetWriterId: undefined, OpcNodes: [{Id: 'i=2253'}, {Id: `${PLC}NoSuchNode`}]});
  const found = await call('ExpandWriter', {entry: template, request: {maxDepth: 1, maxLevelsToExpand: 1}});
  const status = found.find(f => f.result.OpcNodes.some(n => n.Id === 'i=2256')); // Server's own variables
  assert.equal(status.result.DataSetWriterId, 'Server');
  assert.equal(status.result.EndpointUrl, machine.url);
  assert.ok(found.some(f => f.result.DataSetWriterId === 'Server/ServerCapabilities' && f.result.OpcNodes.length > 3));
  const [bad] = found.filter(f => f.errorInfo);
  assert.equal(bad.errorInfo.symbolicId, 'BadNodeIdUnknown');
  assert.equal(bad.result.OpcNodes[0].Id, `${PLC}NoSuchNode`);
  const whole = await call('ExpandWriter', {entry: template, request: {maxDepth: 0, discardErrors: true}});
  assert.equal(whole.length, 1);
  assert.ok(whole[0].result.OpcNodes.some(n => n.DataSetFieldId === 'ServerCapabilities.OperationLimits.MaxNodesPerRead'), JSON.stringify(whole).slice(0, 500));
  const type = await call('ExpandWriter', {entry: entry({OpcNodes: [{Id: 'i=2013'}]}), request: {}}); // ServerCapabilitiesType
  assert.ok(type.some(f => f.result.DataSetWriterId === 'writer/Server/ServerCapabilities'), JSON.stringify(type).slice(0, 500));
  const saved = await ask('POST', '/v2/writer', {body: {entry: entry({DataSetWriterGroup: 'expanded', OpcNodes: [{Id: 'i=2253'}]}), request: {createSingleWriter: true, maxDepth: 0}}});
  assert.equal(saved.status, 200, saved.text);
  assert.equal(saved.json.length, 1);
  assert.equal(file().filter(e => e.DataSetWriterGroup === 'expanded').length, 1);
  assert.equal((await ask('POST', '/v2/writer/expand', {body: {entry: {EndpointUrl: machine.url}}})).status, 400);
});

test('a configuration that is larger than a direct method comes in pieces', async () => {
  const count = 5000;
  const endpoints = [entry({OpcNodes: Array.from({length: count}, (_, i) => ({Id: `${PLC}NoNode${i}-${Math.random()}`, DisplayName: `node ${Math.random()}`}))})];
  const packed = zlib.gzipSync(JSON.stringify({endpoints}));
  assert.ok(packed.length > 100000);
  const size = 80000;
  let answer;
  for (let at = 0; at < packed.length; at += size)
    answer = await call('$call', {...(at ? {handle: answer.handle} : {method: 'SetConfiguredEndpoints_V1', contentType: 'application/json', length: packed.length, acceptedSize: 30000}),
      payload: packed.subarray(at, at + size).toString('base64')});
  assert.equal(answer.status ?? 200, 200);
  const question = zlib.gzipSync(JSON.stringify({includeNodes: true}));
  answer = await call('$call', {method: 'GetConfiguredEndpoints_V1', length: question.length, acceptedSize: 30000, payload: question.toString('base64')});
  const {length} = answer;
  const pieces = [Buffer.from(answer.payload, 'base64')];
  while (answer.handle) {
    answer = await call('$call', {handle: answer.handle});
    pieces.push(Buffer.from(answer.payload, 'base64'));
  }
  assert.ok(pieces.length > 3);
  assert.equal(Buffer.concat(pieces).length, length);
  const back = JSON.parse(zlib.gunzipSync(Buffer.concat(pieces)));
  assert.equal(back.endpoints.flatMap(e => e.OpcNodes).length, count);
});

test('Shutdown ends the module', async () => {
  await call('Shutdown_V2', false);
  assert.equal(await module.ended, 0);
  module.child = null;
});

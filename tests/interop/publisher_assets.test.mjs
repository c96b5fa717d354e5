// Assets of a server with Web of Things connectivity (OPC 10100-1), as those reach them who manage OPC Publisher: direct
// methods by azure-iothub through hub and edge, and the module's own API. A node-opcua server has them
// (node_opcua_assets.mjs); what its assets have to say arrives at the hub.
import assert from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {after, before, test} from 'node:test';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import zlib from 'node:zlib';
import iothub from 'azure-iothub';
import {eventHubs, readUntil} from './events.mjs';
import {edge, folder, nodeOpcua, opc, until} from './site.mjs';

const client = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const KEY = 'a key of the test';
const FROM_THE_START = 'from-the-start';
const MORE = ['--api-key', KEY, '-p', '0', '--api.listen', '127.0.0.1', '--mm=PubSub', '--bs=1'];
let site, server, module, port;

const thing = (properties, more = {}) => ({'@context': ['https://www.w3.org/2022/wot/td/v1.1'], id: 'urn:pump', title: 'a pump', name: 'pump',
  securityDefinitions: {nosec_sc: {scheme: 'nosec'}}, security: ['nosec_sc'], base: 'sim://pump',
  properties: Object.fromEntries(properties.map(p => [p, {type: 'number', readOnly: true, forms: [{href: p, op: ['readproperty']}]}])), ...more});
const entry = (name, more = {}) => ({EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'assets', DataSetName: name,
  DataSetPublishingInterval: 100, ...more});
const base64 = text => Buffer.from(typeof text === 'string' ? text : JSON.stringify(text)).toString('base64');
const file = () => JSON.parse(readFileSync(module.file, 'utf8'));
const published = name => file().filter(e => e.DataSetName === name);

before(async () => {
  [site, server] = await Promise.all([edge('asset-site'), nodeOpcua({name: 'assets', more: ['--assets']})]);
  const init = path.join(folder, 'assets.init');
  writeFileSync(init, `CreateOrUpdateAsset
Content-Type: application/json

${JSON.stringify({entry: entry(FROM_THE_START), configuration: thing(['flow'])})}
`);
  module = await opc(site, [], {module: 'publisher', roles: 'publisher', more: [...MORE, `--pi=${init}`]});
  port = await until('the API', () => Number(/api served https=(\d+)/.exec(module.text())?.[1]));
});

after(async () => {
  for (const p of [module, server, site])
    await p?.end();
});

async function call(methodName, payload, {code = 200} = {}) {
  const {result} = await client.invokeDeviceMethod('asset-site', 'publisher',
    {methodName, payload, responseTimeoutInSeconds: 60, connectTimeoutInSeconds: 20});
  assert.equal(result.status, code, `${methodName}: ${JSON.stringify(result.payload)}`);
  return result.payload;
}

function ask(target, body, code = 200) {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const r = https.request({host: '127.0.0.1', port, path: target, method: 'POST', agent: false, rejectUnauthorized: false,
      headers: {Authorization: `ApiKey ${KEY}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text)}}, answer => {
      const parts = [];
      answer.on('data', d => parts.push(d));
      answer.on('end', () => {
        const got = Buffer.concat(parts).toString();
        try {
          assert.equal(answer.statusCode, code, got);
          resolve(JSON.parse(got));
        } catch (e) {
          reject(e);
        }
      });
    });
    r.on('error', reject);
    r.end(text);
  });
}

const create = (name, properties, more) => call('CreateOrUpdateAsset_V2', {entry: entry(name, more), configuration: thing(properties)});
const remove = (e, more = {}) => call('DeleteAsset_V2', {entry: e, ...more});
const names = list => list.map(e => e.result.DataSetName).sort();
const tags = e => e.OpcNodes.map(n => n.DisplayName).sort();

// Until each of these properties has said something that arrived.
async function values(asset, properties) {
  const sets = events => events.flatMap(e => e.body).flatMap(m => m.Messages ?? []);
  await readUntil(events => properties.every(p => sets(events).some(d => d.Payload?.[`${asset}/${p}`]?.Value > 0)),
    eventHubs.earliestEventPosition, {ms: 90000});
}

test('the start-up file made an asset', async () => {
  const log = path.join(folder, 'assets.init.log');
  await until('the log', () => existsSync(log));
  assert.match(readFileSync(log, 'utf8'), /CreateOrUpdateAsset[\s\S]*# HTTP\/1.1 200/);
  assert.equal(published(FROM_THE_START).length, 1);
});

test('an asset of a description in JSON is made, and what its properties say arrives', async () => {
  const {result, errorInfo} = await create('pump', ['speed', 'pressure']);
  assert.equal(errorInfo, undefined);
  assert.match(result.DataSetWriterId, /^nsu=urn:.*;s=pump$/);
  assert.equal(result.DataSetName, 'pump');
  assert.equal(result.DataSetWriterGroup, 'assets');
  assert.equal(result.EndpointUrl, server.url);
  assert.deepEqual(tags(result), ['pressure', 'speed']);
  for (const n of result.OpcNodes)
    assert.equal(n.Id, `nsu=http://opcfoundation.org/UA/pump/;s=${n.DisplayName}`); // a namespace that came with the asset
  const [kept] = published('pump');
  assert.equal(kept.DataSetWriterId, result.DataSetWriterId);
  assert.deepEqual(kept.OpcNodes, result.OpcNodes);
  await values('pump', ['speed', 'pressure']);
});

test('an asset of a description in bytes is made over HTTPS; any text is a description', async () => {
  const {result} = await ask('/v2/writer/assets/create', {entry: entry('press'), configuration: base64(thing(['force']))});
  assert.deepEqual(tags(result), ['force']);
  await values('press', ['force']);
  const other = await ask('/v2/writer/assets', {entry: entry('oven'), configuration: JSON.stringify(thing(['heat']))});
  assert.deepEqual(tags(other.result), ['heat']);
  assert.deepEqual(await remove(other.result), {statusCode: 0, symbolicId: 'Good'});
});

test('a property more, and one less: the same asset is described anew', async () => {
  const [before] = published('pump');
  const {result, errorInfo} = await create('pump', ['speed', 'temperature']);
  assert.equal(errorInfo, undefined);
  assert.equal(result.DataSetWriterId, before.DataSetWriterId);
  assert.deepEqual(tags(result), ['speed', 'temperature']);
  assert.equal(published('pump').length, 1);
  await values('pump', ['temperature']);
});

test('an asset that is not ours is left alone, unless its id is told', async () => {
  const [pump] = published('pump');
  const refused = await create('pump', ['x'], {DataSetWriterGroup: 'others'});
  assert.equal(refused.errorInfo.symbolicId, 'BadBrowseNameDuplicated');
  assert.deepEqual(tags(published('pump')[0]), ['speed', 'temperature']);
  const {result, errorInfo} = await create('pump', ['speed'], {DataSetWriterGroup: 'others', DataSetWriterId: pump.DataSetWriterId});
  assert.equal(errorInfo, undefined);
  assert.deepEqual(tags(result), ['speed']);
  await call('RemoveDataSetWriterEntry', {dataSetWriterGroup: 'others', dataSetWriterId: pump.DataSetWriterId});
  assert.deepEqual(tags((await create('pump', ['speed'])).result), ['speed']);
});

test('all assets of the server are listed, over both ways; a server without any has none', async () => {
  const list = await call('GetAllAssets_V2', {entry: entry(undefined)});
  assert.deepEqual(names(list), [FROM_THE_START, 'press', 'pump'].sort());
  const press = list.find(e => e.result.DataSetName === 'press').result;
  const [kept] = published('press');
  assert.equal(press.DataSetWriterId, kept.DataSetWriterId);
  assert.deepEqual(press.OpcNodes, kept.OpcNodes);
  assert.deepEqual(await ask('/v2/writer/assets/list', {entry: entry(undefined), request: {}}), list);
  const other = await nodeOpcua({name: 'without'});
  try {
    const e = {...entry('pump'), EndpointUrl: other.url};
    assert.deepEqual(await call('GetAllAssets', {entry: e}), []);
    const none = await call('CreateOrUpdateAsset', {entry: e, configuration: thing(['a'])});
    assert.equal(none.errorInfo.symbolicId, 'BadNotSupported');
    assert.equal(file().filter(f => f.EndpointUrl === other.url).length, 0);
  } finally {
    await other.end();
  }
});

test('what the server does not take is taken back; what is asked wrongly is not asked', async () => {
  const bad = await call('CreateOrUpdateAsset2', {entry: entry('bad'), configuration: base64('no description')});
  assert.equal(bad.errorInfo.symbolicId, 'BadDecodingError');
  assert.equal(bad.result.DataSetName, 'bad');
  const empty = await create('bad', []);
  assert.equal(empty.errorInfo.symbolicId, 'BadNotFound');
  assert.equal(published('bad').length, 0);
  assert.ok(!names(await call('GetAllAssets', {entry: entry(undefined)})).includes('bad'));
  const broken = await call('CreateOrUpdateAsset2', {entry: entry('pump'), configuration: base64('no description')});
  assert.equal(broken.errorInfo.symbolicId, 'BadDecodingError');
  assert.ok(names(await call('GetAllAssets', {entry: entry(undefined)})).includes('pump')); // an update takes nothing back
  for (const [wrong, why] of [
    [{entry: entry(undefined), configuration: thing(['a'])}, /DataSetName/],
    [{entry: entry('x', {DataSetWriterGroup: undefined}), configuration: thing(['a'])}, /DataSetWriterGroup/],
    [{entry: entry('x')}, /configuration/],
    [{configuration: thing(['a'])}, /entry/],
    [{entry: {...entry('x'), EndpointUrl: undefined}, configuration: thing(['a'])}, /EndpointUrl/],
    [{entry: entry('x'), configuration: thing(['a']), waitTime: 'soon'}, /waitTime/],
    [{entry: entry('x'), configuration: thing(['a']), waitTime: '01:00:00'}, /waitTime/],
  ]) {
    const problem = await call('CreateOrUpdateAsset', wrong, {code: 400});
    assert.match(JSON.stringify(problem), why);
  }
  await call('CreateOrUpdateAsset2', {entry: entry('x'), configuration: '*'}, {code: 400});
  await call('DeleteAsset', {entry: entry('x')}, {code: 400});
  assert.equal((await ask('/v2/writer/assets', {entry: entry(undefined), configuration: {}}, 400)).status, 400);
  assert.equal(published('x').length, 0);
});

test('a server that needs time is given it', async () => {
  const slow = thing(['level'], {base: 'slow://tank'});
  const hasty = await call('CreateOrUpdateAsset', {entry: entry('tank'), configuration: slow});
  assert.equal(hasty.errorInfo.symbolicId, 'BadNotFound');
  const {result, errorInfo} = await call('CreateOrUpdateAsset', {entry: entry('tank'), configuration: slow, waitTime: '00:00:02'});
  assert.equal(errorInfo, undefined);
  assert.deepEqual(tags(result), ['level']);
  assert.equal((await remove(result)).statusCode, 0);
});

test('several at the same time: each name once', async () => {
  const many = Array.from({length: 8}, (_, i) => `m${i}`);
  const made = await Promise.all(many.map(n => create(n, [`of-${n}`])));
  assert.deepEqual(made.map(m => [m.errorInfo, tags(m.result)]), many.map(n => [undefined, [`of-${n}`]]));
  const twins = await Promise.all([create('twin', ['a']), create('twin', ['b'], {DataSetWriterGroup: 'others'})]);
  assert.equal(twins.filter(t => t.errorInfo?.symbolicId === 'BadBrowseNameDuplicated').length, 1);
  const twin = twins.find(t => !t.errorInfo).result;
  const gone = await Promise.all([...made.map(m => m.result), twin].map(e => remove(e)));
  assert.ok(gone.every(g => g.statusCode === 0), JSON.stringify(gone));
  assert.deepEqual(names(await call('GetAllAssets', {entry: entry(undefined)})), [FROM_THE_START, 'press', 'pump'].sort());
});

test('a description that is larger than a direct method comes in pieces', async () => {
  const properties = Array.from({length: 50}, (_, i) => `p${i}-${Math.random()}`);
  const packed = zlib.gzipSync(JSON.stringify({entry: entry('large'), configuration: thing(properties, {description: randomBytes(100000).toString('base64')})}));
  assert.ok(packed.length > 100000);
  const size = 80000;
  let answer;
  for (let at = 0; at < packed.length; at += size)
    answer = await call('$call', {...(at ? {handle: answer.handle} : {method: 'CreateOrUpdateAsset_V2', contentType: 'application/json', length: packed.length, acceptedSize: 1000}),
      payload: packed.subarray(at, at + size).toString('base64')});
  assert.equal(answer.status ?? 200, 200);
  const pieces = [Buffer.from(answer.payload, 'base64')];
  while (answer.handle) {
    answer = await call('$call', {handle: answer.handle});
    pieces.push(Buffer.from(answer.payload, 'base64'));
  }
  assert.ok(pieces.length > 1);
  const {result, errorInfo} = JSON.parse(zlib.gunzipSync(Buffer.concat(pieces)));
  assert.equal(errorInfo, undefined);
  assert.equal(result.OpcNodes.length, properties.length);
  await remove({...result, OpcNodes: []});
});

test('entry and asset outlive the module and the server', async () => {
  const [press] = published('press');
  await module.end();
  await server.end();
  server.start();
  await until('the server', () => server.text().match(/^opc.tcp:/gm).length === 2, 90000);
  module.start();
  await until('the module', () => module.ready());
  port = await until('the API', () => Number([...module.text().matchAll(/api served https=(\d+)/g)].at(-1)?.[1]));
  assert.deepEqual(published('press'), [press]);
  await until('all nodes', async () => await module.metric('millrace_publisher_items_live') === file().flatMap(e => e.OpcNodes).length, 60000);
});

test('an asset goes with its entry; without the entry by force alone', async () => {
  const [press] = published('press');
  assert.equal((await ask('/v2/writer/assets/delete', {entry: press})).statusCode, 0);
  assert.equal(published('press').length, 0);
  const again = await remove(press);
  assert.equal(again.symbolicId, 'BadNotFound');
  await call('RemoveDataSetWriterEntry', {dataSetWriterGroup: 'assets', dataSetWriterId: published('pump')[0].DataSetWriterId});
  const {result: pump} = (await call('GetAllAssets', {entry: entry(undefined)})).find(e => e.result.DataSetName === 'pump');
  assert.equal((await remove(pump)).symbolicId, 'BadNotFound');
  assert.equal((await remove(pump, {force: true})).statusCode, 0);
  assert.equal((await remove(pump, {force: true})).symbolicId, 'BadNodeIdUnknown');
  assert.equal((await remove({...pump, DataSetWriterId: 'no node id'}, {force: true})).symbolicId, 'BadNodeIdInvalid');
  assert.deepEqual(names(await call('GetAllAssets', {entry: entry(undefined)})), [FROM_THE_START]);
});

test('without the server the entry goes, and the call says what is left', async () => {
  const [rest] = published(FROM_THE_START);
  await server.end();
  const problem = await call('DeleteAsset', {entry: rest}, {code: 502});
  assert.match(JSON.stringify(problem), /The entry is deleted, the asset is not/);
  assert.equal(file().length, 0);
  await call('CreateOrUpdateAsset', {entry: entry('late'), configuration: thing(['a'])}, {code: 502});
  await call('GetAllAssets', {entry: entry(undefined)}, {code: 502});
  assert.equal(file().length, 0);
});

test('what changed something is in the audit log', () => {
  const text = readFileSync(path.join(folder, 'publisher-audit', 'asset-site_module_publisher', 'audit.log'), 'utf8');
  for (const method of ['CreateOrUpdateAsset', 'CreateOrUpdateAsset2', 'DeleteAsset'])
    assert.match(text, new RegExp(`"${method}(_V2)?"`));
  assert.doesNotMatch(text, /GetAllAssets/);
});

// The twin's methods through the module's HTTPS API against a server of another make, judged by node-opcua's own client: what is
// browsed, every type of value read and written back, structures, matrices, histories, files.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import test, {after, before} from 'node:test';
import {AttributeIds, BrowseDirection, DataType, OPCUAClient, Variant, VariantArrayType} from 'node-opcua-client';
import {good, startModule, startServer} from './twin_module.mjs';

const SPACE = 'urn:tests:types:data';
const name = id => `${SPACE}#s=${id}`;
let server, twin, client, session, spaces;
let send, call, connection;

before(async () => {
  server = await startServer('node_opcua_types');
  twin = await startModule(server);
  ({send, call, connection} = twin);
  client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(server.url);
  session = await client.createSession();
  spaces = (await session.read({nodeId: 'i=2255'})).value.value;
});

after(async () => {
  await session?.close();
  await client?.disconnect();
  for (const p of [twin, server])
    await p?.end();
});

// ns=2;s=x as the API has it: uri#s=x, the id in percent where it must be.
const uri = text => {
  const ns = Number(/^ns=(\d+);/.exec(text)?.[1] ?? 0);
  const id = text.replace(/^ns=\d+;/, '');
  return ns ? `nsu=${spaces[ns]};${id}` : id;
};

async function browseAll(root) {
  const all = new Map();
  const queue = [root];
  const seen = new Set(queue);
  while (queue.length) {
    const nodeId = queue.shift();
    let result = await session.browse({nodeId, browseDirection: BrowseDirection.Forward, referenceTypeId: 'i=33', includeSubtypes: true, nodeClassMask: 0, resultMask: 63});
    let {references} = result;
    while (result.continuationPoint?.length) {
      result = await session.browseNext(result.continuationPoint, false);
      references = [...references, ...result.references];
    }
    for (const r of references) {
      all.set(`${nodeId} ${r.referenceTypeId} ${r.nodeId}`, true);
      if (!seen.has(r.nodeId.toString())) {
        seen.add(r.nodeId.toString());
        queue.push(r.nodeId.toString());
      }
    }
  }
  return {all, seen};
}

test('what is below a node is what node-opcua\'s client sees', async () => {
  const {references} = await session.browse('i=85');
  const simulation = references.find(x => x.browseName.name === 'Simulation').nodeId.toString();
  for (const start of [`ns=${spaces.indexOf(SPACE)};s=Own`, 'i=2268', simulation]) {
    const theirs = await browseAll(start);
    const chunks = await call('/browse', {nodeId: [uri(start)], header: {namespaceFormat: 'Index'}});
    const ours = new Set(chunks.filter(c => c.reference).map(c => `${c.sourceId} ${c.reference.referenceTypeId} ${c.reference.target.nodeId}`));
    const nodes = chunks.filter(c => c.attributes);
    assert.equal(nodes.length, theirs.seen.size, `nodes below ${start}`);
    const id = text => text.replace(/^ns=0;/, '');
    const expected = new Set([...theirs.all.keys()].map(k => k.split(' ').map(id).join(' ')));
    assert.deepEqual([...ours].sort(), [...expected].sort(), `references below ${start}`);
  }
});

test('every variable of the conformance address space reads as its value, and what is read can be written back', async () => {
  const chunks = await call('/browse', {nodeId: ['i=85'], nodeClassFilter: ['Object', 'Variable'], header: {namespaceFormat: 'Index'}});
  const space = chunks.map(c => c.attributes?.nodeId).find(id => id?.endsWith(';s=Static_Scalar_Double')).split(';')[0];
  const variables = chunks.map(c => c.attributes).filter(a => a?.nodeClass === 'Variable' && a.accessLevel?.includes('CurrentWrite') &&
    a.userAccessLevel?.includes('CurrentWrite') && a.nodeId.startsWith(`${space};`) && !/Simulation|Dynamic|Alarms and Conditions/.test(a.nodeId)); // those change by themselves; a write to an alarm's input fails in the server
  const text = d => JSON.stringify(d.value.toJSON?.() ?? d.value, (_, x) => typeof x === 'bigint' ? String(x) : ArrayBuffer.isView(x) ? [...x] : x);
  const failed = [], types = new Set();
  for (const v of variables) {
    const before = await session.read({nodeId: v.nodeId, attributeId: AttributeIds.Value});
    const {dataType, arrayType} = before.value;
    if (before.statusCode.isBad() || [DataType.Null, DataType.DiagnosticInfo].includes(dataType))
      continue; // diagnostics come from servers alone
    if (dataType === DataType.Variant)
      continue; // alone OPC UA forbids it (Part 6, 5.2.2.16), and an array of one type is told as an array of that type
    if (v.valueRank === 'Scalar' && arrayType !== VariantArrayType.Scalar)
      continue; // the node contradicts itself
    types.add(`${DataType[dataType]} ${VariantArrayType[arrayType]}`);
    for (const encoding of dataType === DataType.DataValue ? ['Reversible'] /* plain JSON does not say what is in it */ : ['NonReversible', 'Reversible']) {
      const read = await call('/read', {nodeId: v.nodeId, encoding});
      const {json: written, bytes} = await send('POST', '/v2/write', {body: {connection: connection(), request: {nodeId: v.nodeId, value: read.value ?? null}}});
      const after = await session.read({nodeId: v.nodeId, attributeId: AttributeIds.Value});
      if (written.errorInfo || written.detail || text(before) !== text(after))
        failed.push(`${v.nodeId} ${v.dataType} ${encoding}: ${bytes} ${read.errorInfo?.symbolicId ?? ''} ${text(before).slice(0, 200)} → ${JSON.stringify(read.value)?.slice(0, 200)} → ${text(after).slice(0, 200)}`);
    }
  }
  console.log(`${variables.length} variables, ${types.size} types and shapes: ${[...types].sort().join(', ')}`);
  assert.ok(types.size >= 45, `${types.size} types and shapes`);
  assert.deepEqual(failed, []);
});

test('numbers at their ends, NaN and infinities, empty arrays', async () => {
  const find = async (dataType, rank) => {
    const chunks = await call('/browse', {nodeId: ['i=85'], nodeClassFilter: ['Object', 'Variable'], header: {namespaceFormat: 'Index'}});
    return chunks.map(c => c.attributes).find(a => a?.nodeClass === 'Variable' && a.dataType === `i=${DataType[dataType]}` && a.valueRank === rank &&
      a.accessLevel?.includes('CurrentWrite') && /^ns=/.test(a.nodeId) && /Static/i.test(a.nodeId))?.nodeId;
  };
  const cases = [
    ['Double', 'NaN', v => Number.isNaN(v)], ['Double', 'Infinity', v => v === Infinity], ['Double', '-Infinity', v => v === -Infinity],
    ['Double', 1.7976931348623157e308, v => v === Number.MAX_VALUE], ['Float', 'NaN', v => Number.isNaN(v)],
    ['Int64', '-9223372036854775808', v => v[0] === 0x80000000 && v[1] === 0], ['UInt64', '18446744073709551615', v => v[0] === 0xffffffff && v[1] === 0xffffffff],
    ['Byte', 255, v => v === 255], ['SByte', -128, v => v === -128], ['UInt32', 4294967295, v => v === 4294967295],
  ];
  for (const [type, value, is] of cases) {
    const node = await find(type, 'Scalar');
    assert.ok(node, `a ${type} that may be written`);
    good(await call('/write', {nodeId: node, value}));
    const theirs = (await session.read({nodeId: node})).value.value;
    assert.ok(is(theirs), `${type} ${value}: ${theirs}`);
    const read = good(await call('/read', {nodeId: node}));
    assert.equal(String(read.value), type.endsWith('64') ? String(Number(value)) : String(value), type);
    assert.equal(read.dataType, type);
  }
  const array = await find('Int32', 'OneDimension');
  good(await call('/write', {nodeId: array, value: []}));
  assert.deepEqual(good(await call('/read', {nodeId: array})).value, []);
  assert.equal((await session.read({nodeId: array})).value.arrayType, VariantArrayType.Array);
  const refused = await call('/write', {nodeId: await find('Byte', 'Scalar'), value: 256}, {status: 400});
  assert.match(refused.detail, /256/);
});

test('structures and enumerations of the server\'s own, alone, nested and in arrays', async () => {
  assert.deepEqual(good(await call('/read', {nodeId: name('Point')})).value, {X: 1.5, Y: -2});
  assert.equal(good(await call('/read', {nodeId: name('Phase')})).value, 1);
  const recipe = good(await call('/read', {nodeId: name('Recipe')})).value;
  assert.deepEqual(recipe, {Name: 'steel', Phase: 2, Ticks: 4294967298, Flags: 7, Steps: [1, -2, 3], Origin: {X: 1, Y: 2}, Path: [{X: 3, Y: 4}, {X: 5, Y: 6}]});
  assert.deepEqual(good(await call('/read', {nodeId: name('Points')})).value, [{X: 1, Y: 2}, {X: 3, Y: 4}]);

  const changed = {...recipe, Name: 'glass', Steps: [], Path: [{X: '7.5', Y: 8}]};
  good(await call('/write', {nodeId: name('Recipe'), value: changed}));
  assert.deepEqual(good(await call('/read', {nodeId: name('Recipe')})).value, {...changed, Path: [{X: 7.5, Y: 8}]});
  const theirs = (await session.read({nodeId: `ns=${spaces.indexOf(SPACE)};s=Recipe`})).value.value;
  assert.equal(theirs.name, 'glass');
  assert.equal(theirs.path[0].x, 7.5);
  good(await call('/write', {nodeId: name('Points'), value: [{X: 9, Y: 9}]}));
  assert.deepEqual(good(await call('/read', {nodeId: name('Points')})).value, [{X: 9, Y: 9}]);
  good(await call('/write', {nodeId: name('Phase'), value: 2}));
  const refused = await call('/write', {nodeId: name('Point'), value: {X: 'wide', Y: 1}}, {status: 400});
  assert.match(refused.detail, /wide/);

  const read = await call('/read/attributes', {attributes: [{nodeId: name('Point'), attribute: 'Value'}, {nodeId: name('None'), attribute: 'Value'}]});
  assert.deepEqual(read.results[0].value, {X: 1.5, Y: -2});
  assert.equal(read.results[1].errorInfo.symbolicId, 'BadNodeIdUnknown');
  const wrote = await call('/write/attributes', {attributes: [{nodeId: name('Point'), attribute: 'Value', value: {X: 3, Y: 4}}, {nodeId: name('Point'), attribute: 'Value', value: 'no'}]});
  assert.equal(wrote.results[0].errorInfo, undefined, JSON.stringify(wrote));
  assert.equal(wrote.results[1].errorInfo.symbolicId, 'BadTypeMismatch');
  assert.deepEqual(good(await call('/read', {nodeId: name('Point')})).value, {X: 3, Y: 4});
});

test('matrices', async () => {
  assert.deepEqual(good(await call('/read', {nodeId: name('Matrix')})).value, [[1, 2, 3], [4, 5, 6]]);
  good(await call('/write', {nodeId: name('Matrix'), value: [[6, 5, 4], [3, 2, '1']]}));
  assert.deepEqual(good(await call('/read', {nodeId: name('Matrix')})).value, [[6, 5, 4], [3, 2, 1]]);
  const cube = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]];
  assert.deepEqual(good(await call('/read', {nodeId: name('Cube')})).value, cube);
  good(await call('/write', {nodeId: name('Cube'), value: [[[8, 7], [6, 5]], [[4, 3], [2, 1]]]}));
  const theirs = (await session.read({nodeId: `ns=${spaces.indexOf(SPACE)};s=Cube`})).value;
  assert.deepEqual([...theirs.value], [8, 7, 6, 5, 4, 3, 2, 1]);
  assert.deepEqual([...theirs.dimensions], [2, 2, 2]);
});

const minute = {startTime: '2100-01-01T00:00:00Z', endTime: '2100-01-01T00:01:00Z'};

test('histories: pages, all at once, at times', async () => {
  const first = good(await call('/history/values/read/first', {nodeId: name('Kept'), details: {...minute, numValues: 25}}));
  assert.deepEqual(first.history.map(h => h.value), Array.from({length: 25}, (_, i) => i));
  assert.equal(first.history[1].dataType, 'Double');
  assert.match(first.history[1].sourceTimestamp, /^2100-01-01T00:00:01/);
  const values = [...first.history];
  for (let page = first; page.continuationToken;) {
    page = good(await call('/history/values/read/next', {continuationToken: page.continuationToken}));
    values.push(...page.history);
  }
  assert.deepEqual(values.map(h => h.value), Array.from({length: 60}, (_, i) => i));
  const all = await call('/history/values/read', {nodeId: name('Kept'), details: minute});
  assert.equal(all.length, 60);
  const raw = good(await call('/historyread/first', {nodeId: name('Kept'), details: {TypeId: 'i=647', Body: {...minute, NumValuesPerNode: 2}}}));
  assert.equal(raw.history.TypeId, 'i=656');
  assert.equal(raw.history.Body.DataValues.length, 2);
  const bad = await call('/history/values/read/first', {nodeId: name('Kept'), details: {numValues: 1}}, {status: 400});
  assert.match(bad.detail, /startTime/);
});

test('histories: aggregates are node-opcua\'s own', async () => {
  const result = await session.readAggregateValue({nodeId: `ns=${spaces.indexOf(SPACE)};s=Kept`}, new Date(minute.startTime), new Date(minute.endTime), 2342, 20000);
  const theirs = result.statusCode.isGood() ? result.historyData.dataValues : null;
  const ours = await call('/history/values/read/first/processed', {nodeId: name('Kept'), details: {...minute, processingInterval: '00:00:20', aggregateType: 'Average'}});
  if (!theirs) {
    assert.equal(ours.errorInfo.statusCode, result.statusCode.value);
    return;
  }
  assert.deepEqual(ours.history.map(h => h.value ?? null), theirs.map(v => v.value?.value ?? null));
});

test('files: listed, read, written', async () => {
  const systems = (await send('POST', '/v2/filesystem/list', {body: connection()})).json;
  assert.ok(systems.some(s => s.result?.name?.endsWith('Files')), JSON.stringify(systems));
  const target = {nodeId: name('Files')};
  const files = good(await call('/filesystem/list/files', target)).result;
  assert.deepEqual(files.map(f => f.name.replace(/^.*[#:]/, '')).sort(), ['log.txt', 'shelved.txt']);
  files.sort((a, b) => a.name.localeCompare(b.name));
  const info = good(await call('/filesystem/info/file', {nodeId: files[0].nodeId})).result;
  assert.equal(info.size, 250000);
  assert.equal(info.writable, true);
  assert.equal(good(await call('/filesystem/parent', {nodeId: files[0].nodeId})).result.nodeId, name('Files'));
  const headers = {'x-ms-connection': JSON.stringify(connection()), 'x-ms-target': JSON.stringify(files[0])};
  const download = await send('GET', '/v2/filesystem/download', {headers});
  assert.equal(download.status, 200);
  assert.equal(download.bytes.toString(), 'line\n'.repeat(50000));
  const content = Buffer.from(Array.from({length: 200000}, (_, i) => i % 251));
  const upload = await send('POST', '/v2/filesystem/upload', {headers: {...headers, 'x-ms-options': '{}'}, body: content});
  assert.equal(upload.status, 200, `${upload.bytes}`);
  assert.equal(upload.headers['x-ms-error'], undefined);
  assert.deepEqual((await send('GET', '/v2/filesystem/download', {headers})).bytes, content);
  const {answered: changed} = await twin.audited('Upload');
  const sha256 = bytes => ({bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex')});
  assert.deepEqual([changed.old, changed.response], [sha256(Buffer.from('line\n'.repeat(50000))), sha256(content)]);
  const none = await send('GET', '/v2/filesystem/download', {headers: {...headers, 'x-ms-target': JSON.stringify({nodeId: name('Own')})}});
  assert.match(none.headers['x-ms-error'], /BadMethodInvalid/);
  assert.equal((await send('GET', '/v2/filesystem/download', {headers: {'x-ms-connection': '{'}})).status, 400);
});

test('files: made, and directories; each name once', async () => {
  const target = {nodeId: name('Files')};
  const make = async (kind, what) => (await send('POST', `/v2/filesystem/create/${kind}/${what}`, {body: {connection: connection(), request: target}})).json;
  const list = async kind => good(await call(`/filesystem/list/${kind}`, target)).result.map(f => f.nodeId);
  const file = good(await make('file', 'made.txt')).result, directory = good(await make('directory', 'made')).result;
  assert.ok((await list('files')).includes(file.nodeId));
  assert.ok((await list('directories')).includes(directory.nodeId));
  const headers = {'x-ms-connection': JSON.stringify(connection()), 'x-ms-target': JSON.stringify({nodeId: file.nodeId})};
  assert.equal((await send('POST', '/v2/filesystem/upload', {headers: {...headers, 'x-ms-options': '{}'}, body: Buffer.from('made')})).status, 200);
  assert.equal((await send('GET', '/v2/filesystem/download', {headers})).bytes.toString(), 'made');
  assert.equal((await make('file', 'made.txt')).errorInfo.symbolicId, 'BadBrowseNameDuplicated');
  for (const made of [file, directory])
    assert.equal((await send('POST', `/v2/filesystem/delete/${encodeURIComponent(made.nodeId)}`, {body: {connection: connection(), request: target}})).status, 200);
  assert.equal((await list('files')).includes(file.nodeId), false);
  assert.equal((await list('directories')).includes(directory.nodeId), false);
});

test('files: one that hangs elsewhere, too, is deleted by the directory that it is in', async () => {
  const file = {nodeId: name('File-shelved.txt')};
  const {references} = await call('/browse/first', {...file, direction: 'Backward'});
  assert.equal(references[0].target.nodeId, name('Shelf'), 'the first parent is no directory');
  assert.equal(good(await call('/filesystem/parent', file)).result.nodeId, name('Files'));
  assert.equal((await call('/filesystem/delete', file)).statusCode, 0);
  assert.equal((await twin.audited()).answered.old.bytes, 'shelved'.length);
  const gone = await call('/filesystem/delete', file);
  assert.notEqual(gone.statusCode ?? gone.errorInfo.statusCode, 0);
  assert.equal((await call('/filesystem/delete', {nodeId: name('Own')})).symbolicId, 'BadNotFound', 'it is in no directory');
});

test('what the server can, its certificate, a test of the connection', async () => {
  const capabilities = good(await call('/capabilities', {}));
  assert.ok(capabilities.operationLimits);
  assert.equal(capabilities.aggregateFunctions?.Average ?? 'i=2342', 'i=2342');
  good(await call('/history/capabilities', {}));
  good(await call('/test', {}));
  const r = await send('POST', '/v2/test', {body: {connection: {endpoint: {url: 'opc.tcp://127.0.0.1:1'}}, request: {}}});
  assert.equal(r.status, 200);
  assert.ok(r.json.errorInfo.statusCode);
  const {chain} = (await send('POST', '/v2/certificate', {body: {url: server.url}})).json;
  assert.match(chain[0].subject, /NodeOPCUA|CN=/);
  assert.match(chain[0].thumbprint, /^[0-9A-F]{40}$/);
  const metadata = good(await call('/metadata', {nodeId: name('Kept')}));
  assert.equal(metadata.variableMetadata.dataType.dataType, 'Double');
  assert.equal(metadata.typeDefinition.nodeType, 'DataVariable');
});

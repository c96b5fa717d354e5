// Every operation of the module's own API that OPC Publisher 2.9 published: called with the key, and the answer held against the
// published schema. openapi_report.mjs says where the documents and the table are.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {call, close, connection, factory, open, plant, raw, types} from './module_site.mjs';
import {bad, coverAll, print, published, skip, unshown} from './openapi_report.mjs';
import {folder} from './site.mjs';
import {startServer} from './twin_module.mjs';

let archive; // a historian: node-opcua has the wire, its histories are the tests' own

before(async () => {
  if (!skip)
    [archive] = await Promise.all([startServer('node_opcua_historian', ['--page', 2]), open()]);
});
after(async () => {
  if (skip)
    return;
  await close();
  await archive.end();
});

// ---- what is asked ----

const machine = s => `urn:tests:factory#s=${s}`;
const files = {nodeId: 'urn:tests:types:data#s=Files'}, aFile = {nodeId: 'urn:tests:types:data#s=File-log.txt'};
const past = minutes => new Date(Date.now() - minutes * 60000).toISOString();
const span = () => ({startTime: past(10), endTime: past(0)});
const eventFilter = {selectClauses: [{typeDefinitionId: 'i=2041', browsePath: ['Message']}]};

const of = (server, request) => ({body: {connection: connection(server), request}});
const ofFactory = request => async () => of(factory, request);
const line = {nodeId: 'urn:tests:archive#s=Line'}, cell = {nodeId: 'urn:tests:archive#s=Cell'};
const fields = ['EventId', 'EventType', 'Time', 'Message', 'Severity'].map(browsePath => ({browsePath: [browsePath]}));
const eventId = n => Buffer.from(`event ${n}`).toString('base64');
const event = n => ({eventFields: [eventId(n), 'i=2041', past(n), `message ${n}`, n]});
const events = (...list) => ({filter: {selectClauses: fields}, events: list.map(event)});
const values = (...list) => ({values: list.map(n => ({value: n, dataType: 'Double', sourceTimestamp: past(n)}))});

async function good(method, what, body) {
  const answer = await call(method, what, {body});
  assert.equal(answer.status, 200, `${method} ${what}: ${answer.status} ${answer.text}`);
  return answer.json;
}

// A request about the archive, in which there are five values and five events before.
const ofArchive = (node, details) => async () => {
  const some = values(1, 2, 3, 4, 5);
  for (const how of ['upsert', 'replace'])
    await good('POST', `/v2/history/values/${how}`, of(archive, {...line, details: some}).body);
  await good('POST', '/v2/history/events/upsert', of(archive, {...cell, details: events(1, 2, 3, 4, 5)}).body);
  return of(archive, {...node, details: details()});
};
const raw647 = () => ({TypeId: 'i=647', Body: {IsReadModified: false, StartTime: past(10), EndTime: past(0), NumValuesPerNode: 5, ReturnBounds: false}});

async function nextOf(server, what, request) {
  const {continuationToken} = await good('POST', what, of(server, request).body);
  assert.ok(continuationToken, `${what} has no second page`);
  return of(server, {continuationToken});
}

const nextOfArchive = (what, node, details) => async () => {
  const {request} = (await ofArchive(node, details)()).body;
  return nextOf(archive, what, request);
};

const entry = more => ({EndpointUrl: factory.url, UseSecurity: false, DataSetWriterGroup: 'coverage', DataSetWriterId: 'writer', ...more});
const nodes = (...ids) => ({OpcNodes: ids.map(n => ({Id: machine(n), DataSetFieldId: n}))});
const configure = (...entries) => good('PUT', '/v2/configuration', {endpoints: entries});

async function aWriter() {
  await configure(entry(nodes('Load1', 'Load2', 'Load3')));
  return {dataSetWriterGroup: 'coverage', dataSetWriterId: 'writer'};
}

const assetEntry = name => ({EndpointUrl: factory.url, UseSecurity: false, DataSetWriterGroup: 'assets', DataSetName: name});
const thing = {'@context': ['https://www.w3.org/2022/wot/td/v1.1'], id: 'urn:pump', title: 'a pump', name: 'pump', base: 'sim://pump',
  securityDefinitions: {nosec_sc: {scheme: 'nosec'}}, security: ['nosec_sc'],
  properties: {flow: {type: 'number', readOnly: true, forms: [{href: 'flow', op: ['readproperty']}]}}};

const someFile = () => ({'x-ms-connection': JSON.stringify(connection(types)), 'x-ms-target': JSON.stringify(aFile)});

// A certificate of its own: {der, crl, thumbprint}.
function certificate() {
  const at = path.join(folder, `coverage-${randomUUID()}`);
  const openssl = (...args) => execFileSync('openssl', args, {stdio: 'pipe'});
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', `/CN=${path.basename(at)}`, '-keyout', `${at}.key`, '-out', `${at}.pem`);
  openssl('x509', '-in', `${at}.pem`, '-outform', 'der', '-out', `${at}.der`);
  const der = readFileSync(`${at}.der`);
  const thumbprint = openssl('x509', '-in', `${at}.pem`, '-noout', '-fingerprint', '-sha1').toString().split('=')[1].replaceAll(':', '').trim();
  return {at, der, thumbprint};
}

function revocationList() {
  const {at} = certificate();
  execFileSync('sh', ['-c', `
    : > ${at}.index && echo 01 > ${at}.number &&
    printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=${at}.index\\ncrlnumber=${at}.number\\ndefault_md=sha256\\ndefault_crl_days=30\\n' > ${at}.conf &&
    openssl ca -gencrl -config ${at}.conf -keyfile ${at}.key -cert ${at}.pem -out ${at}.crl.pem &&
    openssl crl -in ${at}.crl.pem -outform der -out ${at}.crl`], {stdio: 'pipe'});
  return readFileSync(`${at}.crl`);
}

async function trusted() {
  const {der, thumbprint} = certificate();
  await good('PATCH', '/v2/pki/Trusted/certs', der.toString('base64'));
  return thumbprint;
}

// By operation: what it is called with. What needs nothing is not here.
const requests = {
  ListCertificates: async () => ({params: {store: 'Application'}}),
  AddCertificate: async () => ({params: {store: 'Trusted'}, body: certificate().der.toString('base64')}),
  ListCertificateRevocationLists: async () => {
    await good('PATCH', '/v2/pki/Trusted/crls', revocationList().toString('base64'));
    return {params: {store: 'Trusted'}};
  },
  AddCertificateRevocationList: async () => ({params: {store: 'Trusted'}, body: revocationList().toString('base64')}),
  RemoveCertificateRevocationList: async () => ({params: {store: 'Trusted'}}),
  AddCertificateChain: async () => ({body: certificate().der.toString('base64')}),
  ApproveRejectedCertificate: async () => {
    const {der, thumbprint} = certificate();
    await good('PATCH', '/v2/pki/Rejected/certs', der.toString('base64'));
    return {params: {thumbprint}};
  },
  AddTrustedHttpsCertificate: async () => ({body: certificate().der.toString('base64')}),
  RemoveCertificate: async () => ({params: {store: 'Trusted', thumbprint: await trusted()}}),
  RemoveAll: async () => ({params: {store: 'Rejected'}}),

  PublishStart: ofFactory({item: {nodeId: machine('Load1'), publishingInterval: '00:00:01'}}),
  PublishStop: async () => {
    await good('POST', '/v2/configuration/start', of(factory, {item: {nodeId: machine('Load2')}}).body);
    return of(factory, {nodeId: machine('Load2')});
  },
  PublishBulk: ofFactory({nodesToAdd: [{nodeId: machine('Load3')}], nodesToRemove: [machine('Load1')]}),
  PublishList: ofFactory({}),
  PublishNodes: async () => ({body: entry(nodes('Load1', 'Load2'))}),
  UnpublishNodes: async () => {
    await aWriter();
    return {body: entry(nodes('Load2'))};
  },
  UnpublishAllNodes: async () => ({body: {}}),
  AddOrUpdateEndpoints: async () => ({body: [entry(nodes('Load4'))]}),
  GetConfiguredEndpoints: async () => {
    await aWriter();
    return {query: {IncludeNodes: true}};
  },
  SetConfiguredEndpoints: async () => ({body: {endpoints: [entry(nodes('Load1'))]}}),
  GetConfiguredNodesOnEndpoint: async () => {
    await aWriter();
    return {body: entry()};
  },

  FindServer: async () => ({body: {discoveryUrl: factory.url, securityMode: 'None'}}),
  Register: async () => ({body: {discoveryUrl: factory.url, id: randomUUID()}}),
  Discover: async () => ({body: {id: randomUUID(), discovery: 'Off', configuration: {discoveryUrls: [factory.url]}}}),
  Cancel: async () => {
    const id = randomUUID();
    await good('POST', '/v2/discovery', {id, discovery: 'Fast', configuration: {addressRangesToScan: '127.77.0.0/16', portRangesToScan: '1-65535'}});
    return {body: {id}};
  },

  GetFileSystems: async () => ({body: connection(types)}),
  GetDirectories: async () => of(types, files),
  GetFiles: async () => of(types, files),
  GetParent: async () => of(types, aFile),
  GetFileInfo: async () => of(types, aFile),
  CreateFile: async () => ({params: {name: `${randomUUID()}.txt`}, ...of(types, files)}),
  CreateDirectory: async () => ({params: {name: randomUUID()}, ...of(types, files)}),
  DeleteFileSystemObject: async () => of(types, aFile),
  DeleteFileOrDirectory: async () => ({params: {fileOrDirectoryNodeId: aFile.nodeId}, ...of(types, files)}),
  Download: async () => ({headers: someFile()}),
  Upload: async () => ({headers: {...someFile(), 'x-ms-options': '{}'}, bytes: Buffer.from('text')}),

  GetServerCapabilities: ofFactory({}),
  Browse: ofFactory({nodeId: machine('Load')}),
  BrowseNext: async () => nextOf(factory, '/v2/browse/first', {nodeId: machine('Load'), maxReferencesToReturn: 3}),
  BrowseStream: ofFactory({nodeId: [machine('Load')]}),
  BrowsePath: ofFactory({nodeId: 'i=85', browsePaths: [['urn:tests:factory#Factory', 'urn:tests:factory#Load']]}),
  ValueRead: ofFactory({nodeId: machine('Int32')}),
  ValueWrite: ofFactory({nodeId: machine('Int32'), value: 5}),
  GetMetadata: ofFactory({nodeId: machine('Int32')}),
  CompileQuery: ofFactory({query: 'SELECT /Message FROM BaseEventType', queryType: 'Event'}),
  MethodMetadata: ofFactory({methodId: machine('Add')}),
  MethodCall: ofFactory({methodId: machine('Add'), objectId: machine('Methods'), arguments: [{value: 1}, {value: 2}, {value: 'kg'}]}),
  NodeRead: ofFactory({attributes: [{nodeId: machine('Int32'), attribute: 'DisplayName'}, {nodeId: machine('Nothing'), attribute: 'Value'}]}),
  NodeWrite: ofFactory({attributes: [{nodeId: machine('Int32'), attribute: 'Value', value: 6}]}),
  GetEndpointCertificate: async () => ({body: {url: factory.url, securityMode: 'Sign'}}),
  TestConnection: ofFactory({}),

  HistoryRead: ofArchive(line, raw647),
  HistoryReadNext: nextOfArchive('/v2/historyread/first', line, raw647),
  HistoryUpdate: ofArchive(line, () => ({TypeId: 'i=686', Body: {IsDeleteModified: false, StartTime: past(10), EndTime: past(0)}})),
  HistoryGetServerCapabilities: ofFactory({}),
  HistoryGetConfiguration: async () => of(types, {nodeId: 'urn:tests:types:data#s=Kept'}),
  HistoryReplaceEvents: ofArchive(cell, () => events(1)),
  HistoryInsertEvents: async () => of(archive, {...cell, details: events(900)}),
  HistoryUpsertEvents: ofArchive(cell, () => events(2)),
  HistoryDeleteEvents: ofArchive(cell, () => ({eventIds: [eventId(3)]})),
  HistoryDeleteValuesAtTimes: async () => {
    const details = values(6);
    await good('POST', '/v2/history/values/upsert', of(archive, {...line, details}).body);
    return of(archive, {...line, details: {reqTimes: details.values.map(v => v.sourceTimestamp)}});
  },
  HistoryDeleteModifiedValues: ofArchive(line, span),
  HistoryDeleteValues: ofArchive(line, span),
  HistoryReplaceValues: async () => {
    const details = values(7);
    await good('POST', '/v2/history/values/upsert', of(archive, {...line, details}).body);
    return of(archive, {...line, details});
  },
  HistoryInsertValues: async () => of(archive, {...line, details: values(100 + Math.random())}),
  HistoryUpsertValues: ofArchive(line, () => values(2)),
  HistoryReadEvents: ofArchive(cell, () => ({...span(), numEvents: 10, filter: eventFilter})),
  HistoryReadEventsNext: nextOfArchive('/v2/history/events/read/first', cell, () => ({...span(), filter: eventFilter})),
  HistoryReadValues: ofArchive(line, () => ({...span(), numValues: 10})),
  HistoryReadValuesAtTimes: ofArchive(line, () => ({reqTimes: [past(0.05)]})),
  HistoryReadProcessedValues: ofArchive(line, () => ({...span(), processingInterval: '00:01:00', aggregateType: 'Average'})),
  HistoryReadModifiedValues: ofArchive(line, () => ({...span(), numValues: 10})),
  HistoryReadValuesNext: nextOfArchive('/v2/history/values/read/first', line, span),
  HistoryStreamValues: ofArchive(line, span),
  HistoryStreamModifiedValues: ofArchive(line, span),
  HistoryStreamValuesAtTimes: ofArchive(line, () => ({reqTimes: [past(0.05), past(0.06), past(0.07)]})),
  HistoryStreamProcessedValues: ofArchive(line, () => ({...span(), processingInterval: '00:01:00', aggregateType: 'Average'})),
  HistoryStreamEvents: ofArchive(cell, () => ({...span(), filter: eventFilter})),

  CreateOrUpdateDataSetWriterEntry: async () => ({body: entry(nodes('Load1'))}),
  ExpandAndCreateOrUpdateDataSetWriterEntries: async () => ({body: {entry: entry({DataSetWriterId: 'expanded', OpcNodes: [{Id: machine('Load')}]}), request: {}}}),
  ExpandWriter: async () => ({body: {entry: entry({OpcNodes: [{Id: machine('Load')}]}), request: {}}}),
  GetDataSetWriterEntry: async () => ({params: await aWriter()}),
  AddOrUpdateNode: async () => ({params: await aWriter(), body: {Id: machine('Load4'), DataSetFieldId: 'Load4'}}),
  AddOrUpdateNodes: async () => ({params: await aWriter(), query: {insertAfterFieldId: 'Load1'}, body: [{Id: machine('Load4'), DataSetFieldId: 'Load4'}]}),
  RemoveDataSetWriterEntry: async () => ({params: await aWriter(), query: {force: true}}),
  RemoveNodes: async () => ({params: await aWriter(), body: ['Load1']}),
  RemoveNode: async () => ({params: {...await aWriter(), dataSetFieldId: 'Load1'}}),
  GetNode: async () => ({params: {...await aWriter(), dataSetFieldId: 'Load1'}}),
  GetNodes: async () => ({params: await aWriter(), query: {pageSize: 2, lastDataSetFieldId: 'Load1'}}),

  CreateOrUpdateAsset: async () => ({body: {entry: assetEntry('pump'), configuration: thing}}),
  CreateOrUpdateAsset2: async () => ({body: {entry: assetEntry('fan'), configuration: Buffer.from(JSON.stringify(thing)).toString('base64')}}),
  GetAllAssets: async () => ({body: {entry: assetEntry('pump'), request: {}}}),
  DeleteAsset: async () => {
    const {result} = await good('POST', '/v2/writer/assets', {entry: assetEntry('valve'), configuration: thing});
    return {body: {entry: result}};
  },
};

async function send(o) {
  const {params = {}, query, body, bytes, headers} = await (requests[o.id] ?? (async () => ({})))();
  const what = o.path.replace(/{(\w+)}/g, (_, n) => encodeURIComponent(params[n] ?? assert.fail(`no ${n}`)));
  const all = query ? `${what}?${new URLSearchParams(query)}` : what;
  const answer = await (bytes ? raw(o.method, all, {headers, text: bytes}) : call(o.method, all, {headers, body}));
  return {answer};
}

test('every published operation answers as published, or is left out with a reason', {skip}, async () => {
  const [module] = published(/^module-2\.9/);
  assert.ok(module, 'the document of the module');
  const rows = await coverAll(module, {call: send});
  print(rows);
  assert.deepEqual(bad(rows), []);
  assert.deepEqual(unshown(rows), [], 'each is shown at work');
  assert.equal(rows.length, 99);
});

// Not in that document: four that came after it, and one of our own.
const more = ['GetAllWriterGroupStates', 'GetWriterGroupState', 'SendWriterGroupKeyFrame', 'SendDataSetWriterKeyFrame', 'ExportNodeSet'];

const kind = s => s.$ref ?? (s.items ? `[${kind(s.items)}]` : s.additionalProperties ? `{${kind(s.additionalProperties)}}` : s.type ?? 'object');

test('the description that is served is the published one', {skip}, async () => {
  const [{document}] = published(/^module-2\.9/);
  const {json: ours} = await call('GET', '/swagger/v2/openapi.json');
  assert.equal(ours.swagger, document.swagger);
  const model = o => o?.schema?.$ref ?? o?.schema?.items?.$ref ?? o?.schema?.items?.type;
  for (const [where, methods] of Object.entries(ours.paths))
    for (const [verb, operation] of Object.entries(methods)) {
      if (more.includes(operation.operationId))
        continue;
      const theirs = document.paths[where]?.[verb];
      assert.ok(theirs, `${verb} ${where} is not published`);
      assert.equal(operation.operationId, theirs.operationId);
      const query = o => (o.parameters ?? []).filter(p => p.in === 'query').map(p => `${p.name} ${p.type}`);
      assert.deepEqual(query(operation), query(theirs), `${verb} ${where}: parameters`);
      const body = o => (o.parameters ?? []).find(p => p.in === 'body');
      assert.equal(!body(operation)?.required, !body(theirs)?.required, `${verb} ${where}: whether there is a body`);
      assert.equal(model(body(operation)), model(body(theirs)), `${verb} ${where}: request`);
      assert.equal(model(operation.responses['200']), model(theirs.responses['200']), `${verb} ${where}: answer`);
    }
  const others = [];
  for (const [name, definition] of Object.entries(ours.definitions)) {
    const theirs = document.definitions[name];
    if (!theirs || !definition.properties)
      continue;
    assert.deepEqual(Object.keys(definition.properties).sort(), Object.keys(theirs.properties ?? {}).sort(), `members of ${name}`);
    assert.deepEqual((definition.required ?? []).sort(), (theirs.required ?? []).sort(), `what ${name} requires`);
    for (const [property, schema] of Object.entries(definition.properties))
      if (kind(schema) !== kind(theirs.properties[property]))
        others.push(`${name}.${property}: ${kind(schema)}, not ${kind(theirs.properties[property])}`);
  }
  assert.deepEqual(others, []);
});

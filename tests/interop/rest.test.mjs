// REST with tokens: issuer, services, hub, edge and the OPC UA module find two servers of two makes, and browse, read,
// write and call them.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {readdirSync, readFileSync, renameSync} from 'node:fs';
import path from 'node:path';
import test, {after, before, describe} from 'node:test';
import {HubConnectionBuilder, LogLevel} from '@microsoft/signalr';
import {
  applicationId, applicationOf, ask, close, device, discover, discoverer, endpointId, endpointOf, factory, good, makes, module, MODULE, open, password, plant,
  refused, services, tokens, twin, user,
} from './rest_site.mjs';
import {folder, until} from './site.mjs';

const POLICY = 'http://opcfoundation.org/UA/SecurityPolicy#';
const ids = references => references.map(r => r.target.nodeId);
const names = references => references.map(r => r.target.displayName);

before(open);
after(close);

// What SignalR's own client is told meanwhile.
async function follow() {
  const base = `http://127.0.0.1:${await services.plain()}/events/v2`;
  const connect = hub => new HubConnectionBuilder().withUrl(`${base}/${hub}/events`, {accessTokenFactory: () => tokens.writer}).configureLogging(LogLevel.None).build();
  const discovery = connect('discovery'), endpoints = connect('endpoints');
  const told = {progress: [], endpoints: [], stop: () => Promise.all([discovery.stop(), endpoints.stop()])};
  discovery.on('DiscoveryProgress', p => told.progress.push(p.eventType));
  endpoints.on('EndpointEvent', e => told.endpoints.push(e));
  await Promise.all([discovery.start(), endpoints.start()]);
  await ask('PUT', `/events/v2/discovery/${discoverer}/events`, {as: 'writer', body: discovery.connectionId});
  return told;
}

test('two servers are found in a network of silent addresses, and have the ids that they must have', async () => {
  assert.ok(factory.endpoints.length >= 3 && plant.endpoints.length >= 2);
  const live = await follow();
  const applications = await discover('both applications', items => items.length >= 2);
  const {items: endpoints} = await ask('GET', '/registry/v2/endpoints', {as: 'reader'});
  const all = [...factory.endpoints, ...plant.endpoints];
  await until('the end of the discovery, live', () => live.progress.includes('Finished'));
  assert.ok(live.progress.includes('Started') && live.progress.includes('PortScanStarted'), live.progress.join(' '));
  await until('all endpoints, live', () => live.endpoints.filter(e => e.eventType === 'New').length === all.length);
  await live.stop();
  const uris = [...new Set(all.map(e => e.application))];
  assert.deepEqual(applications.map(a => a.applicationId).sort(), uris.map(applicationId).sort());
  for (const a of applications) {
    assert.equal(a.applicationId, applicationId(a.applicationUri));
    assert.equal(a.applicationType, 'Server');
    assert.equal(a.discovererId, discoverer);
    assert.ok(a.discoveryUrls.length > 0);
  }
  assert.deepEqual(endpoints.map(e => e.registration.id).sort(),
                   all.map(e => endpointId(applicationId(e.application), e.url, e.mode, e.policy)).sort());
  for (const {registration: r, applicationId: application} of endpoints) {
    assert.equal(r.id, endpointId(application, r.endpointUrl, r.endpoint.securityMode, r.endpoint.securityPolicy));
    assert.equal(r.supervisorId, discoverer);
    assert.ok(r.endpoint.securityPolicy.startsWith(POLICY));
    assert.ok(r.authenticationMethods.length > 0);
  }
});

test('lists come in pages, queries choose, one is read by its id', async () => {
  const pages = [];
  for (let token; ;) {
    const headers = {'x-ms-max-item-count': '1', ...(token && {'x-ms-continuation': token})};
    const page = await ask('GET', '/registry/v2/endpoints', {as: 'reader', headers});
    assert.ok(page.items.length <= 1);
    pages.push(...page.items);
    token = page.continuationToken;
    if (!token)
      break;
  }
  const {items} = await ask('GET', '/registry/v2/endpoints', {as: 'reader'});
  assert.deepEqual(pages.map(e => e.registration.id).sort(), items.map(e => e.registration.id).sort());
  const {items: secret} = await ask('POST', '/registry/v2/endpoints/query', {as: 'reader', body: {securityMode: 'SignAndEncrypt'}});
  assert.deepEqual(new Set(secret.map(e => e.registration.endpoint.securityMode)), new Set(['SignAndEncrypt']));
  const id = applicationOf(factory);
  const {application, endpoints} = await ask('GET', `/registry/v2/applications/${id}`, {as: 'reader'});
  assert.equal(application.applicationName, 'node-opcua');
  assert.equal(endpoints.length, factory.endpoints.length);
  assert.equal((await ask('GET', `/registry/v2/endpoints/${endpointOf(factory)}`, {as: 'reader'})).applicationId, id);
  await ask('GET', `/registry/v2/endpoints/uat${'0'.repeat(40)}`, {as: 'reader', status: 404});
  await ask('GET', `/registry/v2/applications/uas${'0'.repeat(40)}`, {as: 'reader', status: 404});
});

// ---- the twin ----

for (const [name, make] of Object.entries(makes)) {
  describe(`the twin and ${name}`, () => {
    test('browse: the root, its children, and a node alone', async () => {
      const root = await good('browse', make.server, {});
      assert.equal(root.node.nodeId, 'i=84');
      assert.equal(root.node.nodeClass, 'Object');
      assert.deepEqual(names(root.references).sort(), ['Objects', 'Types', 'Views']);
      for (const r of root.references) {
        assert.equal(r.direction, 'Forward');
        assert.equal(r.referenceTypeId, 'i=35');
        assert.equal(r.target.nodeClass, 'Object');
        assert.equal(typeof r.target.children, 'boolean');
      }
      const objects = root.references.find(r => r.target.displayName === 'Objects').target.nodeId;
      const children = await good('browse', make.server, {nodeId: objects, targetNodesOnly: true});
      assert.ok(names(children.references).includes('Server'));
      const top = children.references.find(r => r.target.displayName === make.top).target;
      assert.equal(top.nodeId, make.uri(make.top));
      const alone = await good('browse', make.server, {nodeId: top.nodeId, maxReferencesToReturn: 0});
      assert.equal(alone.node.displayName, make.top);
      assert.deepEqual(alone.references ?? [], []);
    });

    test('browse: what does not come at once comes with the continuation', async () => {
      const all = [];
      let page = await good('browse', make.server, {nodeId: make.id(make.folder), maxReferencesToReturn: 3, targetNodesOnly: true});
      for (let pages = 1; ; pages++) {
        assert.ok(page.references.length <= 3);
        all.push(...names(page.references));
        if (!page.continuationToken)
          break;
        assert.ok(pages < 20);
        page = await good('browse', make.server, {continuationToken: page.continuationToken, targetNodesOnly: true},
                          {then: '/next'});
      }
      assert.deepEqual(all.sort(), [...make.children].sort());
    });

    test('browse: with values, with a query string, and by path', async () => {
      const {references} = await good('browse', make.server, {nodeId: make.id(make.folder), readVariableValues: true, targetNodesOnly: true});
      for (const {target} of references) {
        assert.equal(typeof target.value, 'number');
        assert.equal(target.dataType, 'UInt32');
      }
      const same = await ask('GET', `/twin/v2/browse/${endpointOf(make.server)}?nodeId=${encodeURIComponent(make.id(make.folder))}`, {as: 'reader'});
      assert.deepEqual(ids(same.references), ids(references));
      const element = name => `${make.space}#${name}`;
      const {targets} = await good('browse', make.server, {nodeId: 'i=85', browsePaths: [[element(make.top)]]}, {then: '/path'});
      assert.equal(targets[0].target.nodeId, make.uri(make.top));
      const none = await twin('browse', make.server, {nodeId: 'i=85', browsePaths: [[element('NoSuchName')]]}, {then: '/path'});
      assert.equal(none.errorInfo?.symbolicId ?? none.targets?.[0]?.errorInfo?.symbolicId, 'BadNoMatch', JSON.stringify(none));
    });

    test('read: a value with its type and times, in all forms of node id; attributes', async () => {
      for (const nodeId of [make.id('Load1'), make.uri('Load1')]) {
        const v = await good('read', make.server, {nodeId}, {as: 'reader'});
        assert.equal(v.dataType, 'UInt32');
        assert.equal(typeof v.value, 'number');
        assert.ok(Math.abs(new Date(v.sourceTimestamp) - Date.now()) < 60000, v.sourceTimestamp);
      }
      const v = await ask('GET', `/twin/v2/read/${endpointOf(make.server)}?nodeId=${encodeURIComponent(make.id('Load1'))}`, {as: 'reader'});
      assert.equal(v.dataType, 'UInt32');
      const {results} = await twin('read', make.server, {attributes: [
        {nodeId: make.id('Load1'), attribute: 'DisplayName'}, {nodeId: make.id('Load1'), attribute: 'NodeClass'},
        {nodeId: make.id('Load1'), attribute: 'Executable'}, {nodeId: make.id('NoSuchNode'), attribute: 'Value'},
      ]}, {then: '/attributes'});
      assert.equal(results.length, 4);
      assert.match(JSON.stringify(results[0].value), /Load1/);
      assert.equal(results[0].errorInfo, undefined);
      assert.equal(results[2].errorInfo.symbolicId, 'BadAttributeIdInvalid');
      assert.equal(results[3].errorInfo.symbolicId, 'BadNodeIdUnknown');
    });

    test('write: what was written is read', async () => {
      for (const value of [17, -5, 2147483647, -2147483648]) {
        await good('write', make.server, {nodeId: make.id(make.writable), value});
        const read = await good('read', make.server, {nodeId: make.id(make.writable)});
        assert.deepEqual([read.value, read.dataType], [value, 'Int32']);
      }
    });

    test('what the server refuses comes with errorInfo and status 200', async () => {
      const {server} = make;
      await refused('read', server, {nodeId: make.id('NoSuchNode')}, 'BadNodeIdUnknown');
      await refused('browse', server, {nodeId: make.id('NoSuchNode')}, 'BadNodeIdUnknown');
      await refused('write', server, {nodeId: make.id('NoSuchNode'), value: 1}, 'BadNodeIdUnknown');
      await refused('read', server, {nodeId: 'nsu=urn:no:such:space;s=x'}, 'BadNodeIdUnknown');
      await refused('write', server, {nodeId: make.id(make.readOnly), value: 1}, 'BadNotWritable');
      await refused('write', server, {nodeId: make.id(make.writable), value: 'text', dataType: 'String'}, 'BadTypeMismatch');
      await refused('call', server, {methodId: make.id('NoSuchNode'), objectId: make.id('Methods'), arguments: []}, 'BadNodeIdUnknown');
    });

    test('what cannot be meant is refused with 400', async () => {
      const {server} = make;
      const say = (verb, body, then) => twin(verb, server, body, {status: 400, ...(then && {then})});
      await say('read', {nodeId: 'this is no node id'});
      await say('read', {nodeId: 7});
      await say('read', {});
      await say('write', {nodeId: make.id(make.writable)});
      await say('write', {nodeId: make.id(make.writable), value: 'no number'});
      await say('write', {nodeId: make.id(make.writable), value: 2147483648});
      await say('browse', {continuationToken: '@@'}, '/next');
      await say('browse', {direction: 'Sideways'});
      const empty = {bearer: tokens.reader, headers: {'Content-Type': 'application/json'}};
      const answer = await services.call('POST', `/twin/v2/read/${endpointOf(server)}`, empty);
      assert.equal(answer.status, 400);
    });
  });
}

// ---- what only the other make's server has ----

const id = makes['node-opcua'].id;

test('write: each scalar type is written and read back', async () => {
  const types = {
    Boolean: [true, false], SByte: [-128, 127], Byte: [0, 255], Int16: [-32768, 32767], UInt16: [0, 65535], Int32: [-2147483648, 2147483647],
    UInt32: [0, 4294967295], Int64: [-9007199254740991], UInt64: [0, 9007199254740991],
    Float: [0.5, -1.25], Double: [1e300, -0.1], String: ['', 'Grüße, "Welt"\n'], DateTime: ['2024-02-29T12:34:56.7890000Z'],
    Guid: ['09087e75-8e5e-499b-954f-f2a9603db28a'], ByteString: ['AAEC/w=='],
  };
  for (const [dataType, values] of Object.entries(types))
    for (const value of values)
      for (const given of [{}, {dataType}]) {
        await good('write', factory, {nodeId: id(dataType), value, ...given});
        const read = await good('read', factory, {nodeId: id(dataType)});
        assert.equal(read.dataType, dataType);
        assert.equal(dataType === 'Guid' ? read.value.toLowerCase() : read.value, value, `${dataType} ${JSON.stringify(read)}`);
      }
  for (const [dataType, value] of [['Int64', '-9223372036854775808'], ['Int64', '9223372036854775807'], ['UInt64', '18446744073709551615']]) {
    await good('write', factory, {nodeId: id(dataType), value}); // a text keeps what a number of JavaScript cannot
    const {text} = await services.call('POST', `/twin/v2/read/${endpointOf(factory)}`, {bearer: tokens.reader, body: {nodeId: id(dataType)}});
    assert.ok(text.includes(`"value":${value},`), text);
  }
  const others = [['LocalizedText', {Text: 'Hallo', Locale: 'de'}, 'Hallo'], ['LocalizedText', 'Hello', 'Hello'],
    ['QualifiedName', 'urn:tests:factory#Name', 'urn:tests:factory#Name']];
  for (const [dataType, value, seen] of others) {
    await good('write', factory, {nodeId: id(dataType), value});
    const read = await good('read', factory, {nodeId: id(dataType)});
    assert.deepEqual([read.value, read.dataType], [seen, dataType]);
  }
});

test('write: an array, and a part of it', async () => {
  await good('write', factory, {nodeId: id('Array'), value: [5, 6, 7, 8]});
  assert.deepEqual((await good('read', factory, {nodeId: id('Array')})).value, [5, 6, 7, 8]);
  await good('write', factory, {nodeId: id('Array'), value: [60, 70], indexRange: '1:2'});
  assert.deepEqual((await good('read', factory, {nodeId: id('Array')})).value, [5, 60, 70, 8]);
  assert.deepEqual((await good('read', factory, {nodeId: id('Array'), indexRange: '2:3'})).value, [70, 8]);
  await refused('read', factory, {nodeId: id('Array'), indexRange: '9:10'}, 'BadIndexRangeNoData');
});

test('call: a method says what it wants, takes it and answers', async () => {
  const described = await good('call', factory, {methodId: id('Add')}, {then: '/metadata'});
  assert.equal(described.objectId, makes['node-opcua'].uri('Methods'));
  assert.deepEqual(described.inputArguments.map(a => a.name), ['a', 'b', 'unit']);
  assert.deepEqual(described.inputArguments.map(a => a.type.displayName), ['Int32', 'Int32', 'String']);
  assert.deepEqual(described.outputArguments.map(a => a.name), ['sum', 'text']);
  const add = {methodId: id('Add'), objectId: id('Methods')};
  const typed = [{value: 40, dataType: 'Int32'}, {value: 2, dataType: 'Int32'}, {value: 'kg', dataType: 'String'}];
  const {results} = await good('call', factory, {...add, arguments: typed});
  assert.deepEqual(results, [{value: 42, dataType: 'Int32'}, {value: '42 kg', dataType: 'String'}]);
  const untyped = await good('call', factory, {...add, arguments: [{value: -1}, {value: 1}, {value: ''}]});
  assert.deepEqual(untyped.results.map(r => r.value), [0, '0 ']);
  await refused('call', factory, {...add, arguments: [1, 2, 3, 4].map(value => ({value}))}, 'BadTooManyArguments');
  await twin('call', factory, {...add, arguments: [{value: 'no number'}]}, {status: 400});
});

test('call: a method without arguments', async () => {
  const {id: of} = makes.plant;
  const {results} = await good('call', plant, {methodId: of('ResetStepUp'), objectId: of('Methods'), arguments: []});
  assert.deepEqual(results ?? [], []);
});

test('an endpoint with security works when both sides trust, and the credential is the caller\'s', async () => {
  const what = `/twin/v2/read/${endpointOf(factory, 'SignAndEncrypt')}`;
  const body = {nodeId: id('Int32')};
  const first = await services.call('POST', what, {bearer: tokens.writer, body});
  assert.ok(first.status >= 400 && first.status < 500, first.text);
  assert.match(first.json.detail, /trust/i);
  const secure = endpointOf(factory, 'SignAndEncrypt');
  const stateOf = async (more = '') => (await ask('GET', `/registry/v2/endpoints/${secure}${more}`, {as: 'reader'})).endpointState;
  await until('the state', async () => await stateOf() === 'NoTrust');
  const pki = path.join(folder, `${MODULE}-pki`);
  for (const file of readdirSync(path.join(pki, 'rejected/certs')))
    renameSync(path.join(pki, 'rejected/certs', file), path.join(pki, 'trusted/certs', file));
  assert.equal((await ask('POST', what, {body})).dataType, 'Int32');
  const elevation = (name, secret) => ({header: {elevation: {type: 'UserName', value: {user: name, password: secret}}}});
  assert.equal((await ask('POST', what, {body: {...body, ...elevation(user, password)}})).dataType, 'Int32');
  const wrong = await services.call('POST', what, {bearer: tokens.writer, body: {...body, ...elevation(user, 'wrong')}});
  assert.ok(wrong.status >= 400 && wrong.status < 500, wrong.text);
  await until('the state', async () => await stateOf() === 'Ready');
  assert.equal(await stateOf('?onlyServerState=true'), undefined);
  const ready = await ask('GET', '/registry/v2/endpoints/query?endpointState=Ready', {as: 'reader'});
  assert.ok(ready.items.some(e => e.registration.id === secure) && ready.items.every(e => e.endpointState === 'Ready'));
  for (const p of [services, module])
    assert.equal(p.text().includes(password), false, `the password is in the log of ${p.name}`);
});

// Its machine is stopped in between: the module connects, nobody answers it, and then somebody does.
test('an endpoint that is activated is connected to by its module, and says how that goes', async () => {
  const one = endpointOf(plant, 'Sign');
  const state = async () => (await ask('GET', `/registry/v2/endpoints/${one}`, {as: 'reader'})).endpointState;
  plant.child.kill('SIGSTOP');
  try {
    await ask('POST', `/registry/v2/endpoints/${one}/activate`, {as: 'writer'});
    await until('Connecting', async () => await state() === 'Connecting');
    const {items} = await ask('GET', '/registry/v2/endpoints/query?endpointState=Connecting', {as: 'reader'});
    assert.deepEqual(items.map(e => e.registration.id), [one]);
    await until('NotReachable', async () => await state() === 'NotReachable');
  } finally {
    plant.child.kill('SIGCONT');
  }
  await ask('POST', `/registry/v2/endpoints/${one}/deactivate`, {as: 'writer'});
  await ask('POST', `/registry/v2/endpoints/${one}/activate`, {as: 'writer'});
  await until('it is there, and not trusted', async () => await state() === 'NoTrust');
  await ask('POST', `/registry/v2/endpoints/${one}/deactivate`, {as: 'writer'});
});

// ---- who may do what ----

test('publishing more than a direct method can carry, in and out', async () => {
  const at = `/publisher/v2/publish/${endpointOf(plant)}`;
  const nodes = Array.from({length: 3000}, (_, n) => ({nodeId: `nsu=http://nowhere.example/a/long/name/of/a/namespace/;s=Area${n % 7}.Machine${n % 31}.Signal${n}`}));
  assert.ok(JSON.stringify(nodes).length > 200_000);
  await ask('POST', `${at}/bulk`, {body: {nodesToAdd: nodes}});
  const got = [];
  for (let continuationToken; ;) {
    const page = await ask('POST', at, {body: {continuationToken}});
    got.push(...page.items.map(i => i.nodeId));
    if (!(continuationToken = page.continuationToken))
      break;
  }
  assert.deepEqual(new Set(got), new Set(nodes.map(n => n.nodeId)));
  const entries = await ask('GET', `/registry/v2/publishers/${discoverer}/endpoints?IncludeNodes=true`);
  assert.ok(JSON.stringify(entries).length > 200_000);
  await ask('PUT', `/registry/v2/publishers/${discoverer}/endpoints`, {body: {endpoints: entries}});
  await ask('POST', `${at}/bulk`, {body: {nodesToRemove: nodes.map(n => n.nodeId)}});
  assert.deepEqual((await ask('POST', at, {body: {}})).items ?? [], []);
});

test('what happens to a gateway is told to who listens', async () => {
  const base = `http://127.0.0.1:${await services.plain()}/events/v2`;
  const connection = new HubConnectionBuilder().withUrl(`${base}/gateways/events`, {accessTokenFactory: () => tokens.reader}).configureLogging(LogLevel.None).build();
  const told = [];
  connection.on('GatewayEvent', event => told.push(event));
  await connection.start();
  let n = 0; // what was there at the first look is no news, so it changes until one change is told
  const event = await until('a change', async () => {
    await ask('PATCH', `/registry/v2/gateways/${device}`, {as: 'writer', body: {siteId: `hall-${n++}`}});
    return told.find(e => e.id === device);
  });
  assert.equal(event.eventType, 'Updated');
  assert.match(event.gateway.siteId, /^hall-/);
  await ask('PATCH', `/registry/v2/gateways/${device}`, {as: 'writer', body: {siteId: ''}});
  await connection.stop();
});

test('without a token 401, and with one that lacks the role 403', async () => {
  const value = {nodeId: id('Int32'), value: 1};
  const requests = [
    ['GET', '/registry/v2/applications', undefined, 'reader'],
    ['POST', `/twin/v2/browse/${endpointOf(factory)}`, {}, 'reader'],
    ['POST', `/twin/v2/read/${endpointOf(factory)}`, {nodeId: id('Int32')}, 'reader'],
    ['POST', `/twin/v2/write/${endpointOf(factory)}`, value, 'writer'],
    ['POST', `/twin/v2/write/${endpointOf(factory)}/attributes`, {attributes: [{...value, attribute: 'Value'}]}, 'writer'],
    ['POST', `/twin/v2/call/${endpointOf(factory)}`, {methodId: id('Add'), objectId: id('Methods'), arguments: []}, 'writer'],
    ['DELETE', `/registry/v2/applications/discover/${randomUUID()}`, undefined, 'admin'],
    ['POST', '/registry/v2/applications/discover', {discovery: 'Off'}, 'admin'],
  ];
  const order = ['reader', 'writer', 'admin'];
  for (const [method, what, body, least] of requests) {
    for (const bearer of [undefined, 'x', 'x.y.z', `${tokens.admin}x`]) {
      const answer = await services.call(method, what, {body, bearer});
      assert.equal(answer.status, 401, `${what} with ${bearer}`);
      assert.match(answer.headers['www-authenticate'], /^Bearer/);
    }
    for (const who of order) {
      const {status, text} = await services.call(method, what, {body, bearer: tokens[who]});
      if (order.indexOf(who) < order.indexOf(least))
        assert.equal(status, 403, `${what} as ${who}: ${text}`);
      else
        assert.ok(status === 200 || status === 404 && method === 'DELETE', `${what} as ${who}: ${status} ${text}`);
    }
  }
});

test('one id names a call in the log lines of services, hub and module', async () => {
  const call = `call-${randomUUID().slice(0, 8)}`;
  await ask('POST', `/twin/v2/read/${endpointOf(plant)}`, {body: {nodeId: makes.plant.id('Load1')}, headers: {'x-ms-client-request-id': call}});
  const hubLog = () => readFileSync(path.join(folder, 'hub.log'), 'utf8');
  for (const [name, text] of [['services', () => services.text()], ['hub', hubLog], ['module', () => module.text()]])
    await until(`the id in the log of ${name}`, () => text().split('\n').some(l => l.includes(call)), 2000);
});

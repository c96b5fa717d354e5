// REST when parts are gone and come back: servers, module, edge, services; and what the registry keeps.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {answers, until} from './site.mjs';
import {
  applicationOf, ask, close, discover, endpointOf, factory, good, makes, module, open, plant, services, site, tokens, twin,
} from './rest_site.mjs';

before(open);
after(close);

const read = server => services.call('POST', `/twin/v2/read/${endpointOf(server)}`, {
  bearer: tokens.reader, body: {nodeId: (server === plant ? makes.plant : makes['node-opcua']).id('Load1')},
});
const works = server => until('the twin to answer', async () => {
  const {status, json} = await read(server);
  return status === 200 && !json.errorInfo;
});

async function timed(what) {
  const began = Date.now();
  return [await what, Date.now() - began];
}

async function restart(server) {
  server.start();
  await until(server.name, () => answers(...server.url.slice('opc.tcp://'.length).split(':')));
}

test('a server is registered by its URL, and no other is disabled by that', async () => {
  for (const server of [factory, plant]) {
    await ask('POST', '/registry/v2/applications', {body: {discoveryUrl: server.url}});
    const id = applicationOf(server);
    const {application, endpoints} = await until('the application', async () =>
      (await services.call('GET', `/registry/v2/applications/${id}`, {bearer: tokens.reader})).json?.application
          && ask('GET', `/registry/v2/applications/${id}`, {as: 'reader'}));
    assert.equal(application.applicationId, id);
    assert.equal(endpoints.length, server.endpoints.length);
  }
  const {items} = await ask('GET', '/registry/v2/applications', {as: 'reader'});
  assert.equal(items.length, 2);
  assert.deepEqual(items.map(a => a.notSeenSince), [undefined, undefined]);
});

test('a discovery that cannot be read is refused', async () => {
  const configurations = [
    {addressRangesToScan: '10.0.0.0/99'}, {addressRangesToScan: 'everywhere'}, {portRangesToScan: '1-70000'}, {portRangesToScan: 'x'},
  ];
  for (const configuration of configurations)
    await ask('POST', '/registry/v2/applications/discover', {body: {discovery: 'Fast', configuration}, status: 400});
  await ask('POST', '/registry/v2/applications/discover', {body: {discovery: 'Slow'}, status: 400});
  await ask('POST', '/registry/v2/applications/discover', {body: [], status: 400});
});

test('many calls at once are all answered', async () => {
  const all = await Promise.all(Array.from({length: 200}, (_, i) => read(i % 2 ? plant : factory)));
  assert.deepEqual(all.map(a => a.status).filter(s => s !== 200), []);
  assert.deepEqual(all.map(a => a.json.errorInfo).filter(e => e), []);
});

test('a server that is gone: said soon, and reached again when it is back', async () => {
  for (const [server, make] of [[factory, makes['node-opcua']], [plant, makes.plant]]) {
    const {continuationToken} = await good('browse', server, {nodeId: make.id('Load'), maxReferencesToReturn: 1});
    assert.ok(continuationToken);
    assert.equal(await server.end(), 0);
    const [{status, json}, ms] = await timed(read(server));
    assert.equal(status, 502, JSON.stringify(json));
    assert.ok(ms < 12000, `after ${ms} ms`);
    await restart(server);
    await works(server);
    const {errorInfo} = await twin('browse', server, {continuationToken}, {then: '/next'});
    assert.equal(errorInfo.symbolicId, 'BadContinuationPointInvalid');
  }
});

test('what a scan does not find any more is disabled, and enabled when it is found again', async () => {
  const id = applicationOf(plant);
  assert.equal(await plant.end(), 0);
  const gone = await discover('the plant to be missed', items => items.some(a => a.notSeenSince));
  assert.deepEqual(gone.filter(a => a.notSeenSince).map(a => a.applicationId), [id]);
  const query = body => ask('POST', '/registry/v2/applications/query', {as: 'reader', body});
  assert.deepEqual((await query({})).items.map(a => a.applicationId), [applicationOf(factory)]);
  assert.equal((await query({includeNotSeenSince: true})).items.length, 2);
  await restart(plant);
  const back = await discover('the plant to be found', items => items.every(a => !a.notSeenSince));
  assert.deepEqual(back.map(a => a.applicationId).sort(), [id, applicationOf(factory)].sort());
  await works(plant);
});

test('the services keep the registry over a restart', async () => {
  const before = await ask('GET', '/registry/v2/endpoints', {as: 'reader'});
  assert.equal(await services.end(), 0);
  services.start();
  await until('the services', async () => (await services.call('GET', '/readyz').catch(() => ({}))).status === 200);
  assert.deepEqual(await ask('GET', '/registry/v2/endpoints', {as: 'reader'}), before);
  await works(factory);
});

test('an application is changed, disabled, deleted, and comes back with a scan', async () => {
  const what = `/registry/v2/applications/${applicationOf(factory)}`;
  await ask('PATCH', what, {as: 'writer', body: {applicationName: 'the factory'}});
  assert.equal((await ask('GET', what)).application.applicationName, 'the factory');
  await ask('POST', `${what}/disable`);
  assert.ok((await ask('GET', what)).application.notSeenSince);
  await ask('POST', `${what}/enable`);
  assert.equal((await ask('GET', what)).application.notSeenSince, undefined);
  await ask('DELETE', what);
  await ask('GET', what, {status: 404});
  const {status} = await read(factory);
  assert.equal(status, 404);
  await discover('the factory again', items => items.some(a => a.applicationId === applicationOf(factory)));
  await works(factory);
});

for (const [name, part] of [['module', () => module], ['edge', () => site]]) {
  test(`the ${name} is gone: said at once, and reached again when it is back`, async () => {
    assert.equal(await part().end(), 0);
    const [{status, json}, ms] = await timed(read(plant));
    const {status: discovery} = await services.call('POST', '/registry/v2/applications/discover', {bearer: tokens.admin, body: {}});
    part().start();
    await works(plant);
    await works(factory);
    assert.ok([404, 502].includes(status), String(status)); // 404: the edge's word for it
    assert.match(json.detail, /not connected/);
    assert.ok(ms < 5000, `after ${ms} ms`);
    assert.ok([404, 502].includes(discovery), String(discovery));
  });
}

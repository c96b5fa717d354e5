// Requests of many nodes are cut as the server wants them: one node in a call, a few, or as many as we like.
import assert from 'node:assert/strict';
import test, {after} from 'node:test';
import {good, startModule, startServer} from './twin_module.mjs';

const name = id => `urn:tests:tree#s=${id}`;
const numbers = n => Array.from({length: n}, (_, i) => i);
const running = [];

after(async () => {
  for (const p of running)
    await p.end();
});

for (const limit of [1, 7, 0])
  test(`a server that takes ${limit || 'any number of'} node${limit === 1 ? '' : 's'} in a call`, async () => {
    const server = await startServer('node_opcua_browse', ['--limit', limit, '--wide', 40]);
    running.unshift(server);
    const twin = await startModule(server, [], `limits-${limit}`);
    running.unshift(twin);
    const {call} = twin;
    const wide = numbers(40).map(i => name(`Wide${i}`));

    // What there is is not refused by either side, in order, each with its own result.
    const attributes = wide.map(nodeId => ({nodeId, attribute: 'Value'}));
    attributes.splice(20, 0, {nodeId: name('None'), attribute: 'Value'});
    const read = (await call('/read/attributes', {attributes})).results;
    assert.equal(read.splice(20, 1)[0].errorInfo.symbolicId, 'BadNodeIdUnknown');
    assert.deepEqual(read.map(r => r.value), numbers(40));
    const written = (await call('/write/attributes', {attributes: wide.map((nodeId, i) => ({nodeId, attribute: 'Value', value: i === 3 ? 'no number' : 100 + i}))})).results;
    assert.deepEqual(written.map(r => r.errorInfo?.symbolicId), numbers(40).map(i => i === 3 ? 'BadTypeMismatch' : undefined));
    assert.equal(good(await call('/read', {nodeId: wide[39]})).value, 139);

    const browsed = good(await call('/browse/first', {nodeId: name('Wide'), readVariableValues: true}));
    assert.deepEqual(browsed.references.map(r => r.target.value), numbers(40).map(i => i === 3 ? 3 : 100 + i));
    assert.ok(browsed.references.every(r => r.target.children === false));
    const stream = await call('/browse', {nodeId: [name('Wide')]});
    assert.equal(stream.filter(c => c.attributes).length, 41);
    assert.equal(stream.filter(c => c.errorInfo).length, 0);
    const paths = good(await call('/browse/path', {browsePaths: wide.map((_, i) => ['Objects', 'urn:tests:tree#Wide', `urn:tests:tree#Wide${i}`])}));
    assert.deepEqual(paths.targets.map(t => t.target.nodeId), wide);
    const run = good(await call('/call', {objectId: name('Pump'), methodId: name('Run'), arguments: [{value: 21}]}));
    assert.equal(run.results[0].value, 42);
    good(await call('/metadata', {nodeId: name('Oil')}));

    good(await call('/capabilities', {}));
    good(await call('/metadata', {nodeId: name('Pump')}));

    const most = JSON.parse(good(await call('/read', {nodeId: name('Most')})).value);
    for (const service of ['ReadRequest', 'WriteRequest', 'CallRequest', 'BrowseRequest', 'TranslateBrowsePathsToNodeIdsRequest'])
      assert.ok(most[service] > 0, service);
    delete most.ReadRequest; // the first one asks for the limits
    if (limit)
      assert.ok(Object.values(most).every(n => n <= limit), JSON.stringify(most));
    else
      assert.equal(most.WriteRequest, 39, 'not cut without need');
  });

// What was told is not told from the beginning again; what is missing is said.
test('a server that forgets where it was', async () => {
  const wide = 6000; // more than is asked for at once
  const server = await startServer('node_opcua_browse', ['--wide', wide, '--forgets']);
  running.unshift(server);
  const twin = await startModule(server, [], 'limits-forgets');
  running.unshift(twin);
  const told = await twin.call('/browse', {nodeId: [name('Wide')], noRecurse: true});
  const references = told.filter(c => c.reference).map(c => c.reference.target.nodeId);
  assert.ok(references.length > 0 && references.length < wide, `${references.length}`);
  assert.equal(new Set(references).size, references.length);
  assert.deepEqual(told.filter(c => c.errorInfo).map(c => c.errorInfo.symbolicId), ['BadNoContinuationPoints']);
});

// Every member of the browse requests does what it says, against an address space in which each reference is there for one of them.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {until} from './site.mjs';
import {good, startModule, startServer} from './twin_module.mjs';

const WIDE = 12000;
const name = id => `urn:tests:tree#s=${id}`;
const top = {nodeId: name('Top')};
const wide = {nodeId: name('Wide')};
let server, twin, call;

before(async () => {
  server = await startServer('node_opcua_browse', ['--wide', WIDE]);
  twin = await startModule(server);
  ({call} = twin);
});

after(async () => {
  for (const p of [twin, server])
    await p?.end();
});

const asked = async () => JSON.parse(good(await call('/read', {nodeId: name('Asked')})).value);
const short = id => id.replace(/^urn:tests:tree#s=/, '');
const targets = answer => good(answer).references.map(r => short(r.target.nodeId)).sort();
const first = (request, options) => call('/browse/first', {...top, ...request}, options);

test('without a node it is the root; all that is hierarchical, forward', async () => {
  const root = good(await call('/browse/first', {}));
  assert.equal(root.node.nodeId, 'i=84');
  assert.deepEqual(root.references.map(r => r.target.nodeId).sort(), ['i=85', 'i=86', 'i=87']);
  const answer = await first({});
  assert.equal(answer.node.browseName, 'urn:tests:tree#Top');
  assert.deepEqual(targets(answer), ['Gas', 'Oil', 'Oil', 'Pump', 'Unit']);
  assert.ok(answer.references.every(r => r.direction === 'Forward' && r.referenceTypeId && r.target.displayName));
  assert.equal(answer.references.find(r => r.target.nodeId === name('Pump')).target.children, true);
  assert.equal(answer.references.find(r => r.target.nodeId === name('Gas')).target.children, false);
});

test('direction', async () => {
  const back = await first({direction: 'Backward'});
  assert.deepEqual(targets(back), ['i=85']);
  assert.equal(back.references[0].direction, 'Backward');
  assert.deepEqual(targets(await first({direction: 'both'})), ['Gas', 'Oil', 'Oil', 'Pump', 'Unit', 'i=85']);
  assert.match((await first({direction: 'Up'}, {status: 400})).detail, /direction/);
});

test('referenceTypeId, by name and by id, and noSubtypes', async () => {
  assert.deepEqual(targets(await first({referenceTypeId: 'Organizes'})), ['Gas', 'Oil', 'Oil']);
  assert.deepEqual(targets(await first({referenceTypeId: 'i=35'})), ['Gas', 'Oil', 'Oil']);
  assert.deepEqual(targets(await first({referenceTypeId: 'i=35', noSubtypes: true})), ['Oil']);
  assert.deepEqual(targets(await first({noSubtypes: true})), [], 'no reference is of the abstract type itself');
  assert.ok(targets(await first({referenceTypeId: 'References'})).includes('i=61'), 'its type, which is not below it');
  assert.match((await first({referenceTypeId: 'Nonsense'}, {status: 400})).detail, /referenceTypeId/);
});

test('nodeClassFilter', async () => {
  assert.deepEqual(targets(await first({nodeClassFilter: ['Object']})), ['Pump']);
  assert.deepEqual(targets(await first({nodeClassFilter: ['Object', 'Variable']})), ['Gas', 'Oil', 'Oil', 'Pump', 'Unit']);
  assert.deepEqual(targets(await call('/browse/first', {nodeId: name('Pump'), nodeClassFilter: ['Method']})), ['Run']);
  assert.match((await first({nodeClassFilter: ['Robot']}, {status: 400})).detail, /nodeClassFilter/);
});

test('targetNodesOnly: each target once, and nothing of the references', async () => {
  const answer = await first({targetNodesOnly: true});
  assert.deepEqual(targets(answer), ['Gas', 'Oil', 'Pump', 'Unit']);
  assert.ok(answer.references.every(r => !('referenceTypeId' in r) && !('direction' in r)));
});

test('readVariableValues: of targets and of the node', async () => {
  const plain = await first({});
  assert.ok(plain.references.every(r => !('value' in r.target)));
  const answer = await first({readVariableValues: true});
  const values = Object.fromEntries(answer.references.map(r => [short(r.target.nodeId), r.target.value]));
  assert.deepEqual(values, {Oil: 1.5, Gas: 2.5, Unit: 4.5, Pump: undefined});
  assert.ok(answer.references.find(r => r.target.nodeId === name('Oil')).target.sourceTimestamp);
  const node = good(await call('/browse/first', {nodeId: name('Oil'), readVariableValues: true, maxReferencesToReturn: 0})).node;
  assert.equal(node.value, 1.5);
});

test('nodeIdsOnly: ids, and nothing is read for more', async () => {
  const answer = await first({nodeIdsOnly: true});
  assert.deepEqual(targets(answer), ['Gas', 'Oil', 'Oil', 'Pump', 'Unit']);
  for (const r of answer.references)
    assert.deepEqual(Object.keys(r.target).filter(k => !['nodeId', 'typeDefinitionId'].includes(k)), []);
});

test('maxReferencesToReturn: the node alone, or pages, of which none is missing', async () => {
  const none = good(await first({maxReferencesToReturn: 0}));
  assert.deepEqual([none.references, none.continuationToken, none.node.nodeId], [[], undefined, name('Top')]);
  const found = [];
  let page = good(await first({maxReferencesToReturn: 2}));
  for (;;) {
    assert.ok(page.references.length <= 2);
    found.push(...targets(page));
    if (!page.continuationToken)
      break;
    page = good(await call('/browse/next', {continuationToken: page.continuationToken}));
    assert.equal(page.node, undefined);
  }
  assert.deepEqual(found.sort(), ['Gas', 'Oil', 'Oil', 'Pump', 'Unit']);
});

test('view: which, in which version, as of when', async () => {
  await first({view: {viewId: name('View'), version: 7, timestamp: '2024-05-06T07:08:09Z'}});
  const views = (await asked()).filter(r => r.view && r.view.id !== 'ns=0;i=0').map(r => r.view);
  assert.equal(views.length, 1);
  assert.match(views[0].id, /s=View$/);
  assert.equal(views[0].version, 7);
  assert.equal(new Date(views[0].timestamp).toISOString(), '2024-05-06T07:08:09.000Z');
  assert.match((await first({view: {version: 7}}, {status: 400})).detail, /./);
  assert.match((await first({view: {viewId: name('View'), timestamp: 'soon'}}, {status: 400})).detail, /timestamp/);
  assert.match((await first({view: {viewId: name('View'), version: -1}}, {status: 400})).detail, /version/);
});

test('next: its own flags, and abort, after which there is no more', async () => {
  const page = async () => good(await call('/browse/first', {...wide, maxReferencesToReturn: 3})).continuationToken;
  const plain = good(await call('/browse/next', {continuationToken: await page()}));
  assert.equal(plain.references.length, 3);
  assert.ok(plain.references.every(r => r.direction === 'Forward' && !('value' in r.target) && r.target.browseName));
  const only = good(await call('/browse/next', {continuationToken: await page(), targetNodesOnly: true}));
  assert.ok(only.references.length === 3 && only.references.every(r => !('direction' in r)));
  const values = good(await call('/browse/next', {continuationToken: await page(), readVariableValues: true}));
  assert.deepEqual(values.references.map(r => r.target.value), [3, 4, 5]);
  const ids = good(await call('/browse/next', {continuationToken: await page(), nodeIdsOnly: true}));
  assert.ok(ids.references.length === 3 && ids.references.every(r => !('browseName' in r.target)));

  const token = await page();
  const before = (await asked()).length;
  const aborted = good(await call('/browse/next', {continuationToken: token, abort: true}));
  assert.deepEqual([aborted.references, aborted.continuationToken], [[], undefined]);
  assert.ok((await asked()).slice(before - 200).some(r => r.name === 'BrowseNextRequest' && r.release));
  assert.equal((await call('/browse/next', {continuationToken: token})).errorInfo.symbolicId, 'BadContinuationPointInvalid');
  assert.match((await call('/browse/next', {continuationToken: '%'}, {status: 400})).detail, /continuationToken/);
});

test('path: elements with each prefix, what is left of a path, values, ids only', async () => {
  const path = async (elements, more = {}) => (await call('/browse/path', {...top, browsePaths: [elements], ...more}));
  const end = async elements => good(await path(elements)).targets.map(t => [short(t.target.nodeId), t.remainingPathIndex]);
  const q = id => `urn:tests:tree#${id}`;
  assert.deepEqual(await end([q('Pump'), q('Motor')]), [['Motor', -1]]);
  assert.deepEqual(await end([`/${q('Pump')}`, `/${q('Motor')}`]), [['Motor', -1]]);
  assert.deepEqual(await end([`.${q('Pump')}`, `.${q('Motor')}`]), [['Motor', -1]], 'components are aggregates');
  assert.equal((await path([`.${q('Gas')}`])).errorInfo.symbolicId, 'BadNoMatch', 'what is organized is none');
  assert.deepEqual(await end([`<Organizes>${q('Gas')}`]), [['Gas', -1]], 'by a subtype');
  assert.equal((await path([`<#Organizes>${q('Gas')}`])).errorInfo.symbolicId, 'BadNoMatch', 'not without subtypes');
  assert.deepEqual(await end([q('Pump'), `<!HasComponent>${q('Top')}`]), [['Top', -1]], 'the other way round');
  const both = good(await call('/browse/path', {...top, browsePaths: [[q('Oil')], [q('Pump'), q('Motor')]]}));
  assert.deepEqual(both.targets.map(t => t.browsePath), [[q('Oil')], [q('Pump'), q('Motor')]]);
  const root = good(await call('/browse/path', {browsePaths: [['Objects', q('Top')]]}));
  assert.equal(root.targets[0].target.nodeId, name('Top'));
  assert.ok(both.targets.every(t => !('value' in t.target) && t.target.browseName));
  const values = good(await path([q('Oil')], {readVariableValues: true}));
  assert.equal(values.targets[0].target.value, 1.5);
  const ids = good(await path([q('Oil')], {nodeIdsOnly: true}));
  assert.deepEqual(ids.targets, [{browsePath: [q('Oil')], target: {nodeId: name('Oil')}, remainingPathIndex: -1}]);
  const refused = await call('/browse/path', {...top, browsePaths: [[`<Organizes${q('Oil')}`]]}, {status: 400});
  assert.match(refused.detail, /lacks its '>'/);
});

const stream = async request => {
  const chunks = await call('/browse', request);
  return {
    chunks,
    nodes: chunks.filter(c => c.attributes).map(c => short(c.attributes.nodeId)).sort(),
    references: chunks.filter(c => c.reference).map(c => `${short(c.sourceId)} ${short(c.reference.target.nodeId)}`).sort(),
  };
};

test('stream: all below, or one level; several nodes', async () => {
  const all = await stream({nodeId: [name('Top')]});
  assert.ok(all.references.includes('Pump Motor') && all.nodes.includes('Motor'));
  const flat = await stream({nodeId: [name('Top')], noRecurse: true});
  assert.deepEqual(flat.references, ['Top Gas', 'Top Oil', 'Top Oil', 'Top Pump', 'Top Unit']);
  assert.deepEqual(flat.nodes, ['Top']);
  const two = await stream({nodeId: [name('Top'), name('Pump')], noRecurse: true});
  assert.deepEqual(two.nodes, ['Pump', 'Top']);
  const root = await stream({noRecurse: true});
  assert.deepEqual(root.nodes, ['i=84']);
});

test('stream: direction, referenceTypeId, noSubtypes, nodeClassFilter', async () => {
  const one = more => stream({nodeId: [name('Top')], noRecurse: true, ...more});
  assert.deepEqual((await one({direction: 'Backward'})).references, ['Top i=85']);
  assert.deepEqual((await one({referenceTypeId: 'Organizes'})).references, ['Top Gas', 'Top Oil', 'Top Oil']);
  assert.deepEqual((await one({referenceTypeId: 'Organizes', noSubtypes: true})).references, ['Top Oil']);
  assert.deepEqual((await one({nodeClassFilter: ['Object']})).references, ['Top Pump']);
});

test('stream: readVariableValues, view', async () => {
  const values = async more => Object.fromEntries((await stream({nodeId: [name('Oil'), name('Gas')], ...more})).chunks
      .filter(c => c.attributes).map(c => [short(c.attributes.nodeId), c.attributes.value]));
  assert.deepEqual(await values({readVariableValues: true}), {Oil: 1.5, Gas: 2.5});
  assert.deepEqual(await values({}), {Oil: undefined, Gas: undefined});
  await stream({nodeId: [name('Top')], noRecurse: true, view: {viewId: name('View'), version: 9}});
  assert.ok((await asked()).some(r => r.view?.version === 9 && /s=View$/.test(r.view.id)));
});

test('a stream that its caller leaves gives the server its continuation points back', async () => {
  const released = async () => (await asked()).findLast(r => r.release)?.number ?? 0; // only the last 200 requests are there
  const all = await stream({nodeId: [name('Wide')]});
  assert.equal(all.references.length, WIDE);
  const before = await released();
  await until('the points are given back', async () => { // unless all had been read before the server knew that the caller has left
    await twin.abandon('/browse', {nodeId: [name('Wide')], readVariableValues: true});
    return await released() > before;
  });
});

test('header.locales are those of the session; other languages, another session', async () => {
  const activated = async () => (await asked()).filter(r => r.name === 'ActivateSessionRequest').map(r => r.locales);
  const read = (locales, options) => call('/read', {nodeId: name('Oil'), header: {locales}}, options);
  good(await read(['de-DE', 'en']));
  assert.deepEqual((await activated()).filter(l => l?.length), [['de-DE', 'en']]);
  good(await first({header: {locales: ['de-DE', 'en']}}));
  good(await read([]));
  assert.deepEqual((await activated()).filter(l => l?.length), [['de-DE', 'en']], 'no further session');
  good(await read(['fr-FR']));
  assert.deepEqual((await activated()).filter(l => l?.length).at(-1), ['fr-FR']);
  assert.match((await read('de', {status: 400})).detail, /locales/);
  assert.match((await read(['de,en'], {status: 400})).detail, /locales/);
});

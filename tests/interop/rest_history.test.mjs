// Histories through the services, of 2.8 and 2.9, with a historian at the other end: from HTTPS over hub and edge to the server and
// back. node-opcua has the wire there; what it keeps and how it judges filters is told from ours.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {ask, close, open, register, services, tokens} from './rest_site.mjs';
import {until} from './site.mjs';
import {startServer} from './twin_module.mjs';

const PAGE = 10;
const line = {nodeId: 'nsu=urn:tests:archive;s=Line'}, cell = {nodeId: 'nsu=urn:tests:archive;s=Cell'};
const at = n => new Date(Date.UTC(2020, 0, 1) + 1000 * n).toISOString();
const id = n => Buffer.from(`event ${n}`).toString('base64');
const select = {selectClauses: ['EventId', 'EventType', 'Time', 'Message', 'Severity'].map(browsePath => ({browsePath: [browsePath]}))};
const severity = {selectClauses: [{browsePath: ['Severity']}]};
const event = (n, more = n) => ({eventFields: [id(n), 'i=2041', at(n), `message ${n}`, more]});
const value = (n, more = n) => ({value: more, dataType: 'Double', sourceTimestamp: at(n)});
const numbers = (from, to) => Array.from({length: to - from}, (_, i) => from + i);
const span = {startTime: at(0), endTime: at(1000)};
let archive, endpoint;

before(async () => {
  archive = await startServer('node_opcua_historian', ['--page', PAGE]);
  await open();
  endpoint = await until('the endpoint', () => register(archive));
});
after(async () => {
  await close();
  await archive.end();
});

const call = (what, body, more) => ask('POST', `/history/v2/${what.replace('{}', endpoint)}`, {body, ...more});
const put = (how, list) => call(`${how}/{}/events`, {...cell, details: {filter: select, events: list}});
const store = (how, list) => call(`${how}/{}/values`, {...line, details: {values: list}});
const symbols = answer => answer.results.map(r => r.symbolicId ?? r.errorInfo?.symbolicId ?? 'Good');

// All pages, each with the token of the one before.
async function pages(what, body, more) {
  const all = [await call(what, body, more)];
  while (all.at(-1).continuationToken)
    all.push(await call(`${what}/next`, {continuationToken: all.at(-1).continuationToken}, more));
  return all.map(p => p.history);
}
const read = async (details = {}) => (await pages('read/{}/events', {...cell, details: {...span, filter: severity, ...details}})).flat().map(e => e.eventFields[0]);

test('events: inserted, replaced, upserted, deleted, each with a result of its own', async () => {
  assert.deepEqual(symbols(await put('insert', [event(1), event(2)])), ['GoodEntryInserted', 'GoodEntryInserted']);
  assert.deepEqual(symbols(await put('insert', [event(2), event(3)])), ['BadEntryExists', 'GoodEntryInserted']);
  assert.deepEqual(symbols(await put('replace', [event(3, 300), event(4)])), ['GoodEntryReplaced', 'BadNoEntryExists']);
  assert.deepEqual(symbols(await put('upsert', [event(3, 333), event(4)])), ['GoodEntryReplaced', 'GoodEntryInserted']);
  assert.deepEqual(await read(), [1, 2, 333, 4]);
  assert.deepEqual(symbols(await call('delete/{}/events', {...cell, details: {eventIds: [id(1), id(77), id(3)]}})), ['Good', 'BadNoEntryExists', 'Good']);
  assert.deepEqual(await read(), [2, 4]);
  await call('delete/{}/events', {...cell, details: {eventIds: [id(2), id(4)]}});
  assert.deepEqual(await read(), []);
});

test('events: filtered, in pages, backwards', async () => {
  await put('insert', numbers(0, 35).map(n => event(n)));
  const all = await pages('read/{}/events', {...cell, details: {...span, filter: severity}});
  assert.deepEqual(all.map(p => p.length), [10, 10, 10, 5]);
  assert.deepEqual(all.flat().map(e => e.eventFields[0]), numbers(0, 35));
  assert.deepEqual(await read({startTime: at(20), endTime: at(10)}), numbers(11, 21).reverse());
  assert.deepEqual(await read({filter: {...severity, whereClause: {elements: [
    {filterOperator: 'GreaterThan', filterOperands: [{browsePath: ['Severity']}, {value: 31, dataType: 'UInt16'}]}]}}}), [32, 33, 34]);
  await call('delete/{}/events', {...cell, details: {eventIds: numbers(0, 35).map(id)}});
});

test('values: raw, modified, at times, processed as 2.8 and as 2.9 ask for it', async () => {
  await store('insert', numbers(0, 45).map(n => value(n)));
  await store('replace', numbers(0, 23).map(n => value(n, n + 1000)));
  const now = numbers(0, 45).map(n => n < 23 ? n + 1000 : n);
  const means = numbers(0, 15).map(n => (now[3 * n] + now[3 * n + 1] + now[3 * n + 2]) / 3);
  const cases = [
    ['', span, now],
    ['/modified', span, numbers(0, 23)],
    ['/pick', {reqTimes: numbers(10, 44).map(at)}, now.slice(10, 44)],
    ['/processed', {startTime: at(0), endTime: at(45), processingInterval: 3000, aggregateTypeId: 'i=2342'}, means],
    ['/processed', {startTime: at(0), endTime: at(45), processingInterval: '00:00:03', aggregateType: 'Average'}, means],
  ];
  for (const [kind, details, expected] of cases) {
    const got = [];
    for (let body = {...line, details}, what = `read/{}/values${kind}`; body;) {
      const {history, continuationToken} = await call(what, body);
      got.push(...history.map(v => v.value));
      [body, what] = [continuationToken && {continuationToken}, 'read/{}/values/next'];
    }
    assert.deepEqual(got, expected, `${kind} ${JSON.stringify(details).slice(0, 80)}`);
  }
  await call('delete/{}/values', {...line, details: span});
});

test('what is asked for wrongly is said, and whose token it is does not matter to who made it up', async () => {
  const status = async (what, body, more) => services.call('POST', `/history/v2/${what.replace('{}', endpoint)}`, {bearer: tokens.admin, body, ...more});
  for (const [what, body, member] of [
    ['read/{}/events', {...cell, details: {...span, filter: {selectClauses: 'all'}}}, 'details.filter.selectClauses'],
    ['read/{}/events', {...cell, details: {startTime: 'yesterday'}}, 'details.startTime'],
    ['insert/{}/events', {...cell, details: {filter: select}}, 'details.events'],
    ['delete/{}/events', {...cell, details: {eventIds: 7}}, 'details.eventIds'],
  ]) {
    const answer = await status(what, body);
    assert.equal(answer.status, 400, answer.text);
    assert.ok(Object.keys(answer.json.errors ?? {}).some(m => m.startsWith(member)), `${member}: ${answer.text}`);
  }
  const wrongCount = await status('insert/{}/events', {...cell, details: {filter: select, events: [{eventFields: [id(1)]}]}});
  assert.equal(wrongCount.status, 400);
  assert.match(wrongCount.json.detail, /eventFields is an array of 5/);
  await put('insert', numbers(0, 15).map(n => event(n)));
  const {continuationToken} = await call('read/{}/events', {...cell, details: {...span, filter: severity}});
  for (const token of ['none', '', `${continuationToken}x`, continuationToken.slice(1), 'A'.repeat(5000)]) {
    const answer = await status('read/{}/events/next', {continuationToken: token});
    assert.ok(answer.status === 400 || answer.json.errorInfo?.symbolicId === 'BadContinuationPointInvalid', `${token.slice(0, 20)}: ${answer.status} ${answer.text}`);
  }
  assert.equal((await call('read/{}/events/next', {continuationToken})).history.length, 5);
  const again = await status('read/{}/events/next', {continuationToken});
  assert.equal(again.json.errorInfo?.symbolicId, 'BadContinuationPointInvalid', again.text);
  await call('delete/{}/events', {...cell, details: {eventIds: numbers(0, 15).map(id)}});
});

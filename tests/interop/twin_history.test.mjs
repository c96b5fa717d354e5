// Histories with a real historian at the other end: events and values, read piece by piece in both orders, changed in every way.
// What the server keeps of a reading is given back, however the reading ends.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {until} from './site.mjs';
import {good, startModule, startServer} from './twin_module.mjs';

const PAGE = 10;
const name = id => `urn:tests:archive#s=${id}`;
const at = n => new Date(Date.UTC(2020, 0, 1) + 1000 * n).toISOString();
const id = n => Buffer.from(`event ${n}`).toString('base64');
const select = ['EventId', 'EventType', 'Time', 'SourceName', 'Message', 'Severity'].map(browsePath => ({browsePath: [browsePath]}));
const event = (n, more = {}) => ({eventFields: [id(n), 'i=2041', at(n), n % 2 ? 'odd' : 'even', `message ${n}`, more.severity ?? n]});
const cell = name('Cell');
const line = name('Line');
let server, twin, call, send, connection;

before(async () => {
  server = await startServer('node_opcua_historian', ['--page', PAGE]);
  twin = await startModule(server);
  ({call, send, connection} = twin);
});

after(async () => {
  for (const p of [twin, server])
    await p?.end();
});

const count = async what => good(await call('/read', {nodeId: name(what)})).value;
const symbols = answer => [...new Set(good(answer).results.map(r => r.symbolicId ?? r.statusCode))];
const messages = list => list.map(e => e.eventFields.at(-1) ?? null);
const numbers = (from, to) => Array.from({length: Math.abs(to - from)}, (_, i) => from < to ? from + i : from - i - 1);

// The first answer and all that its tokens lead to.
async function pages(kind, first, request) {
  const all = [good(await call(first, request))];
  while (all.at(-1).continuationToken)
    all.push(good(await call(`/history/${kind}/read/next`, {continuationToken: all.at(-1).continuationToken})));
  return all.map(p => p.history);
}

test('events are inserted, replaced, put and deleted, each with a result of its own', async () => {
  const filter = {selectClauses: select};
  const change = (how, ...list) => call(`/history/events/${how}`, {nodeId: cell, details: {filter, events: list}});
  assert.deepEqual(symbols(await change('insert', ...numbers(0, 5).map(n => event(n)))), ['GoodEntryInserted']);
  const again = good(await change('insert', event(4), event(5)));
  assert.deepEqual(again.results.map(r => r.symbolicId), ['BadEntryExists', 'GoodEntryInserted']);
  assert.deepEqual(good(await change('replace', event(5, {severity: 500}), event(6))).results.map(r => r.symbolicId), ['GoodEntryReplaced', 'BadNoEntryExists']);
  assert.deepEqual(good(await change('upsert', event(5, {severity: 600}), event(6))).results.map(r => r.symbolicId), ['GoodEntryReplaced', 'GoodEntryInserted']);
  const read = async () => (await call('/history/events/read/first', {nodeId: cell, details: {startTime: at(0), endTime: at(100),
    filter: {selectClauses: [{browsePath: ['EventId']}, {browsePath: ['Severity']}]}}})).history.map(e => e.eventFields);
  assert.deepEqual(await read(), [0, 1, 2, 3, 4, 600, 6].map((severity, n) => [id(n), severity]));
  const gone = good(await call('/history/events/delete', {nodeId: cell, details: {eventIds: [id(0), id(77), id(6)]}}));
  assert.deepEqual(gone.results.map(r => r.symbolicId ?? 'Good'), ['Good', 'BadNoEntryExists', 'Good']);
  assert.deepEqual((await read()).map(e => e[0]), [1, 2, 3, 4, 5].map(id));
  good(await call('/history/events/delete', {nodeId: cell, details: {eventIds: [1, 2, 3, 4, 5].map(id)}}));
  assert.deepEqual(await read(), []);
});

const keepEvents = async n => symbols(await call('/history/events/upsert', {nodeId: cell, details: {filter: {selectClauses: select}, events: numbers(0, n).map(i => event(i))}}));
const told = {selectClauses: [{browsePath: ['Severity']}]};

test('events are read from, until, and so many; forwards and backwards; piece by piece', async () => {
  await keepEvents(35);
  const read = details => pages('events', '/history/events/read/first', {nodeId: cell, details: {filter: told, ...details}});
  const all = await read({startTime: at(0), endTime: at(100)});
  assert.deepEqual(all.map(p => p.length), [10, 10, 10, 5]);
  assert.deepEqual(messages(all.flat()), numbers(0, 35));
  assert.deepEqual(messages((await read({startTime: at(100), endTime: at(0)})).flat()), numbers(35, 1), 'backwards; the end is not in it');
  assert.deepEqual(messages((await read({startTime: at(30), numEvents: 3})).flat()), [30, 31, 32]);
  assert.deepEqual(messages((await read({endTime: at(3), numEvents: 3})).flat()), [3, 2, 1], 'the last ones, backwards');
  const few = await read({startTime: at(0), endTime: at(8), numEvents: 4});
  assert.deepEqual(few.map(messages), [numbers(0, 4), numbers(4, 8)], 'numEvents are those of an answer');
  assert.equal(await count('Points'), 0);
});

test('filters of events: what is selected, and which events', async () => {
  await keepEvents(35);
  const read = async filter => (await pages('events', '/history/events/read/first', {nodeId: cell, details: {startTime: at(0), endTime: at(100), filter}})).flat();
  const [first] = await read({selectClauses: [{browsePath: ['Message']}, {browsePath: ['Nothing']}, {browsePath: ['Time']}, {browsePath: ['EventType']}]});
  assert.deepEqual(first.eventFields, ['message 0', null, at(0).replace('.000Z', '.0000000Z'), 'i=2041']);
  const severe = await read({selectClauses: told.selectClauses, whereClause: {elements: [
    {filterOperator: 'And', filterOperands: [{index: 1}, {index: 2}]},
    {filterOperator: 'GreaterThan', filterOperands: [{browsePath: ['Severity']}, {value: 25, dataType: 'UInt16'}]},
    {filterOperator: 'Equals', filterOperands: [{browsePath: ['SourceName']}, {value: 'odd', dataType: 'String'}]}]}});
  assert.deepEqual(messages(severe), [27, 29, 31, 33]);
  assert.deepEqual(messages(await read('SELECT /Severity FROM BaseEventType WHERE /Severity BETWEEN(3, 5)')), [3, 4, 5]);
  const whole = (await read(undefined))[7].eventFields;
  assert.equal(whole.length, 8, 'without a filter: what all events have');
  assert.deepEqual([whole[0], whole[3], whole[6], whole[7]], [id(7), 'odd', 'message 7', 7]);
});

test('streams of events: all pieces as one array', async () => {
  await keepEvents(35);
  const all = await call('/history/events/read', {nodeId: cell, details: {startTime: at(0), endTime: at(100), filter: told}});
  assert.deepEqual(messages(all), numbers(0, 35));
  assert.equal(await count('Points'), 0);
});

const value = (n, more = {}) => ({value: n, dataType: 'Double', sourceTimestamp: at(n), ...more});
const change = (how, ...list) => call(`/history/values/${how}`, {nodeId: line, details: {values: list}});
const span = {startTime: at(0), endTime: at(1000)};
const forget = async () => {
  good(await call('/history/values/delete', {nodeId: line, details: span}));
  good(await call('/history/values/delete/modified', {nodeId: line, details: span}));
};

test('values of several pieces: raw, modified, at times, processed; page by page and as one stream', async () => {
  await forget();
  assert.deepEqual(symbols(await change('insert', ...numbers(0, 45).map(n => value(n)))), ['GoodEntryInserted']);
  assert.deepEqual(symbols(await change('replace', ...numbers(0, 23).map(n => value(n, {value: n + 1000})))), ['GoodEntryReplaced']);
  const now = numbers(0, 45).map(n => n < 23 ? n + 1000 : n);
  const cases = [
    ['', {...span}, now],
    ['/modified', {...span}, numbers(0, 23)],
    ['/attimes', {reqTimes: numbers(10, 44).map(at)}, now.slice(10, 44)],
    ['/processed', {startTime: at(0), endTime: at(45), processingInterval: '00:00:03', aggregateType: 'Average'}, numbers(0, 15).map(n => (now[3 * n] + now[3 * n + 1] + now[3 * n + 2]) / 3)],
  ];
  for (const [kind, details, expected] of cases) {
    const all = await pages('values', `/history/values/read/first${kind}`, {nodeId: line, details});
    assert.equal(all.length, Math.ceil(expected.length / PAGE), kind);
    assert.deepEqual(all.flat().map(v => v.value), expected, kind);
    const stream = await call(`/history/values/read${kind}`, {nodeId: line, details});
    assert.deepEqual(stream.map(v => v.value), expected, `stream of ${kind}`);
    if (kind === '/modified')
      assert.deepEqual([stream[0].modificationInfo.updateType, stream[0].modificationInfo.userName], ['Replace', 'somebody']);
  }
  assert.equal(await count('Points'), 0);
});

test('what is read next is raw, too', async () => {
  const first = good(await call('/historyread/first', {nodeId: line, details: {TypeId: 'i=647', Body: {StartTime: at(0), EndTime: at(1000)}}}));
  assert.equal(first.history.Body.DataValues.length, PAGE);
  const next = good(await call('/historyread/next', {continuationToken: first.continuationToken}));
  assert.equal(next.history.TypeId, 'i=656');
  assert.equal(next.history.Body.DataValues.length, PAGE);
  good(await call('/historyread/next', {continuationToken: next.continuationToken, abort: true}));
});

test('values: each way of changing them says what came of each', async () => {
  await forget();
  assert.deepEqual(symbols(await change('insert', value(1), value(2))), ['GoodEntryInserted']);
  assert.deepEqual(good(await change('insert', value(2), value(3))).results.map(r => r.symbolicId), ['BadEntryExists', 'GoodEntryInserted']);
  assert.deepEqual(good(await change('replace', value(2), value(4))).results.map(r => r.symbolicId), ['GoodEntryReplaced', 'BadNoEntryExists']);
  assert.deepEqual(good(await change('upsert', value(2), value(4))).results.map(r => r.symbolicId), ['GoodEntryReplaced', 'GoodEntryInserted']);
  const gone = good(await call('/history/values/delete/attimes', {nodeId: line, details: {reqTimes: [at(1), at(9)]}}));
  assert.deepEqual(gone.results.map(r => r.symbolicId ?? 'Good'), ['Good', 'BadNoEntryExists']);
  assert.deepEqual((await call('/history/values/read', {nodeId: line, details: span})).map(v => v.value), [2, 3, 4]);
  const deleted = (await call('/history/values/read/modified', {nodeId: line, details: span})).map(v => v.modificationInfo.updateType);
  assert.deepEqual(deleted.sort(), ['Delete', 'Replace', 'Replace']);
  await forget();
  assert.deepEqual(await call('/history/values/read/modified', {nodeId: line, details: span}), []);
});

test('a caller who has enough gives the server its continuation point back', async () => {
  await forget();
  await change('insert', ...numbers(0, 45).map(n => value(n)));
  await keepEvents(35);
  const before = await count('Released');
  for (const [kind, target, details] of [['values', line, span], ['events', cell, {...span, filter: told}]]) {
    const first = good(await call(`/history/${kind}/read/first`, {nodeId: target, details}));
    assert.equal(await count('Points'), 1);
    const aborted = good(await call(`/history/${kind}/read/next`, {continuationToken: first.continuationToken, abort: true}));
    assert.deepEqual([aborted.history, aborted.continuationToken], [[], undefined]);
    assert.equal(await count('Points'), 0);
    const late = await call(`/history/${kind}/read/next`, {continuationToken: first.continuationToken});
    assert.equal(late.errorInfo.symbolicId, 'BadContinuationPointInvalid');
  }
  assert.equal(await count('Released'), before + 2);
});

test('a stream that its caller leaves gives the server its continuation point back', async () => {
  await forget();
  for (let n = 0; n < 20000; n += 10000)
    await change('insert', ...numbers(n, n + 10000).map(i => value(i)));
  const before = await count('Released');
  await twin.abandon('/history/values/read', {nodeId: line, details: {startTime: at(0), endTime: at(1000000)}});
  await until('the point is given back', async () => await count('Released') > before);
  assert.equal(await count('Points'), 0);
  await call('/history/values/delete', {nodeId: line, details: {startTime: at(0), endTime: at(1000000)}});
});

test('the audit log has what was in a history before it was changed', async () => {
  await forget();
  await keepEvents(5);
  await change('insert', value(1), value(2), value(3));
  const old = async () => (await twin.audited()).answered.old.history;
  await change('replace', value(2, {value: 20}));
  assert.deepEqual((await old()).map(v => v.value), [2]);
  const {asked, answered} = await twin.audited();
  assert.equal(asked.request.request.details.values[0].value, 20);
  assert.equal(answered.response.results[0].symbolicId, 'GoodEntryReplaced');
  await call('/history/values/delete/attimes', {nodeId: line, details: {reqTimes: [at(1)]}});
  assert.deepEqual((await old()).map(v => v.value), [1]);
  await call('/history/values/delete', {nodeId: line, details: span});
  assert.deepEqual((await old()).map(v => v.value), [20, 3]);
  await call('/history/values/delete/modified', {nodeId: line, details: span});
  assert.ok((await old()).length > 0);
  const filter = {selectClauses: select};
  await call('/history/events/replace', {nodeId: cell, details: {filter, events: [event(2, {severity: 900})]}});
  assert.deepEqual((await old()).map(e => e.eventFields), [event(2).eventFields.with(2, at(2).replace('.000Z', '.0000000Z'))]);
  await call('/history/events/delete', {nodeId: cell, details: {eventIds: [id(2), id(4)]}});
  assert.deepEqual((await old()).map(e => e.eventFields[0]).sort(), [id(2), id(4)]);
  assert.equal(await count('Points'), 0);
});

test('a history that is not there, and a service that there is not, are answers', async () => {
  const none = await call('/history/events/read/first', {nodeId: line, details: {...span, filter: told}});
  assert.equal(none.errorInfo.symbolicId, 'BadHistoryOperationUnsupported');
  const update = await call('/history/events/delete', {nodeId: line, details: {eventIds: [id(1)]}});
  assert.equal(update.errorInfo.symbolicId, 'BadHistoryOperationUnsupported');
});

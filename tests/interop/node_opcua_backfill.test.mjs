// What was missed is read from the history of a server of another make (node-opcua) and arrives marked as late: the
// server forgets its sessions again and again while its counters go on, and its connections break while history is read.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {eventHubs, readUntil} from './events.mjs';
import {edge, folder, nodeOpcua, opc, until} from './site.mjs';

const COUNTERS = 10;
let site, server;
const running = [];

before(async () => {
  [site, server] = await Promise.all([edge(`edge-${randomUUID().slice(0, 8)}`), nodeOpcua({more: ['--counters', COUNTERS, '--interval', 50]})]);
});

after(async () => {
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  assert.equal(await server.end(), 0);
  assert.equal(await site.end(), 0);
});

const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);
const networkMessages = e => Array.isArray(e.body) ? e.body : [e.body];

// Of each field its values in the order of arrival, with what is said of them.
function series(events) {
  const all = {};
  for (const e of events)
    for (const d of networkMessages(e).flatMap(m => m.Messages)) {
      assert.equal(d.Late === true, e.properties['millrace-late'] === 'true', 'message and data set say the same');
      for (const [field, v] of Object.entries(d.Payload))
        (all[field] ??= []).push({value: v.Value, late: d.Late === true, time: v.SourceTimestamp, status: v.StatusCode?.Symbol});
    }
  return all;
}

const arrived = (module, enough) => readUntil(all => enough(series(of(module, all))), eventHubs.earliestEventPosition, {ms: 60000})
    .then(events => of(module, events));

// Nothing is missing up to the last live value that was there when late ones had all come.
function whole(all) {
  const fields = Object.values(all);
  return fields.length === COUNTERS && fields.every(values => {
    const seen = new Set(values.map(v => v.value));
    const live = values.filter(v => !v.late).map(v => v.value);
    for (let n = live[0]; n <= live.at(-1); n++)
      if (!seen.has(n))
        return false;
    return values.some(v => v.late);
  });
}

function assertRight(all) {
  for (const [field, values] of Object.entries(all)) {
    const live = values.filter(v => !v.late).map(v => v.value), late = values.filter(v => v.late).map(v => v.value);
    const again = values.length - new Set(values.map(v => v.value)).size; // node-opcua tells the last one again to who comes back
    assert.ok(again <= 5, `${field}: ${again} came twice`);
    assert.equal(late.length, new Set(late).size, `${field}: late values come once`);
    assert.deepEqual(live, [...live].sort((a, b) => a - b), `${field}: live values are in order`);
    assert.deepEqual(late, [...late].sort((a, b) => a - b), `${field}: late values are in order`);
    assert.ok(values.every(v => v.status === undefined), `${field}: nothing is lost`);
  }
}

test('sessions that the server forgets leave no gap', async () => {
  const o = await opc(site, [{
    EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'PubSub',
    DataSetPublishingInterval: 500, DataSetSamplingInterval: 0, BatchTriggerInterval: 200,
    OpcNodes: Array.from({length: COUNTERS}, (_, i) => ({Id: `nsu=urn:tests:factory;s=Load${i + 1}`, DataSetFieldId: `Load${i + 1}`, QueueSize: 1000})),
  }], {module: 'late', roles: 'publisher', more: ['--backfill', 'true']});
  running.push(o);
  await arrived('late', all => Object.keys(all).length === COUNTERS && all.Load1.length > 20);
  for (let times = 1; times <= 3; times++) {
    server.child.kill('SIGUSR2');
    await until('a new subscription', async () => await o.metric('millrace_publisher_unknown_gaps_total') >= times);
    await until('the items', async () => await o.metric('millrace_publisher_items_live') === COUNTERS);
    await until('history', async () => await o.metric('millrace_publisher_backfill_values_total') >= times * COUNTERS);
    await until('all of it', async () => await o.metric('millrace_publisher_backfill_waiting') === 0);
  }
  const events = await arrived('late', whole);
  assertRight(series(events));
  assert.ok(events.some(e => e.properties['millrace-source'].endsWith('/late')));
  assert.equal(await o.metric('millrace_publisher_backfill_lost_total'), 0);
});

// A kill leaves what was kept a moment before: values of that moment come again, as late ones.
test('what happened while the publisher was killed comes from history, of a node that is known by its path, too', async () => {
  const o = await opc(site, [{
    EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'PubSub',
    DataSetPublishingInterval: 500, DataSetSamplingInterval: 0, BatchTriggerInterval: 200,
    OpcNodes: Array.from({length: COUNTERS}, (_, i) => ({DataSetFieldId: `Load${i + 1}`, QueueSize: 1000, ...i % 2
      ? {Id: `nsu=urn:tests:factory;s=Load${i + 1}`} : {Id: 'nsu=urn:tests:factory;s=Load', BrowsePath: [`/nsu=urn:tests:factory;Load${i + 1}`]}})),
  }], {module: 'killed', roles: 'publisher', more: ['--backfill', 'true', '--backfill.keep', '1s']});
  running.push(o);
  await until('something kept', () => readdirSync(path.join(folder, 'killed-queue'), {recursive: true}).some(f => /told-/.test(f)));
  const before = await arrived('killed', all => Object.keys(all).length === COUNTERS && all.Load1.length > 40);
  const last = series(before).Load1.at(-1).value;
  await o.end('SIGKILL');
  o.start();
  await until('the items', async () => await o.metric('millrace_publisher_items_live') === COUNTERS, 60000);
  await until('history', async () => await o.metric('millrace_publisher_backfill_values_total') >= COUNTERS);
  await until('all of it', async () => await o.metric('millrace_publisher_backfill_waiting') === 0);
  const missed = values => values.some(v => v.late && v.value > last); // from the time when it was down
  const all = series(await arrived('killed', all => whole(all) && Object.values(all).every(missed)));
  for (const [field, values] of Object.entries(all)) {
    assert.deepEqual(values.filter(v => v.status !== undefined), [], `${field}: nothing is lost`);
  }
});

test('a node without history says that something may be missing', async () => {
  const o = await opc(site, [{
    EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'PubSub',
    DataSetPublishingInterval: 100, BatchTriggerInterval: 100, OpcNodes: [{Id: 'i=2258', DataSetFieldId: 'Now', OpcSamplingInterval: 100}],
  }], {module: 'lost', roles: 'publisher', more: ['--backfill', 'true']});
  running.push(o);
  await arrived('lost', all => all.Now?.length > 5);
  server.child.kill('SIGUSR2');
  const lost = all => all.Now?.find(v => v.late && v.status === 'BadDataLost');
  const found = lost(series(await arrived('lost', lost)));
  assert.ok(found.time, 'with the time of the last value before');
  assert.equal(found.value, undefined);
});

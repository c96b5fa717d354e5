// From the shop floor to an application: plant → publisher → edge → hub → @azure/event-hubs.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test, {after, before} from 'node:test';
import {eventHubs, readUntil} from './events.mjs';
import {edge, opc, plant} from './site.mjs';

const PLC = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=';
let site;
const running = [];

before(async () => {
  site = await edge(`edge-${randomUUID().slice(0, 8)}`);
});

after(async () => {
  for (const p of running.reverse())
    await p.end();
  assert.equal(await site.end(), 0);
});

const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);
const networkMessages = e => Array.isArray(e.body) ? e.body : [e.body];
const dataSets = events => events.flatMap(networkMessages).flatMap(m => m.Messages);

// Of every field its values in the order of arrival.
function series(events) {
  const all = {};
  for (const d of dataSets(events))
    for (const [name, v] of Object.entries(d.Payload))
      (all[name] ??= []).push(v.Value);
  return all;
}

function assertNoGap(name, values) {
  for (let i = 1; i < values.length; i++)
    assert.equal(values[i], values[i - 1] + 1, `${name} goes from ${values[i - 1]} to ${values[i]}`);
}

test('counters of the plant arrive as PubSub JSON, in order and without a gap', async () => {
  const p = await plant('--nodes', '50', '--interval', '100ms');
  running.push(p);
  const o = await opc(site, [{
    EndpointUrl: p.url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'PubSub',
    DataSetPublishingInterval: 100, DataSetSamplingInterval: 50, BatchTriggerInterval: 200,
    OpcNodes: Array.from({length: 50}, (_, i) => ({Id: `${PLC}Load${i + 1}`, DataSetFieldId: `Load${i + 1}`, QueueSize: 100})),
  }], {module: 'counters'});
  running.push(o);
  const events = of('counters', await readUntil(all => dataSets(of('counters', all)).length >= 60, eventHubs.earliestEventPosition, {ms: 90000}));
  for (const e of events) {
    assert.equal(e.contentType, 'application/json');
    assert.equal(e.properties['$$MessageSchema'], 'application/x-network-message-json-v1');
    for (const m of networkMessages(e)) {
      assert.equal(m.MessageType, 'ua-data');
      assert.match(m.MessageId, /./);
      assert.ok(m.PublisherId);
      for (const d of m.Messages)
        assert.ok(d.Payload && typeof d.Payload === 'object');
    }
  }
  const all = series(events);
  assert.equal(Object.keys(all).length, 50);
  for (const [name, values] of Object.entries(all))
    assertNoGap(name, values);
  const numbers = events.map(e => Number(e.properties['millrace-sequence']));
  assertNoGap('millrace-sequence', numbers);
});

test('the Samples shape, and a node that does not exist stops no other', async () => {
  const p = await plant();
  running.push(p);
  const o = await opc(site, [{
    EndpointUrl: p.url, UseSecurity: false, MessagingMode: 'Samples', BatchSize: 1,
    OpcNodes: [
      {Id: `${PLC}NoSuchNode`},
      {Id: 'nsu=http://microsoft.com/Opc/OpcPlc/;s=FastUInt1', DisplayName: 'fast', OpcSamplingInterval: 100, OpcPublishingInterval: 200},
      {Id: 'this is no node id'},
    ],
  }], {module: 'samples'});
  running.push(o);
  const events = of('samples', await readUntil(all => of('samples', all).length >= 5, eventHubs.earliestEventPosition, {ms: 90000}));
  const samples = events.flatMap(e => Array.isArray(e.body) ? e.body : [e.body]);
  const s = samples.find(x => x.DisplayName === 'fast');
  assert.ok(s, JSON.stringify(samples[0]));
  assert.equal(s.NodeId, 'nsu=http://microsoft.com/Opc/OpcPlc/;s=FastUInt1');
  assert.equal(typeof s.Value.Value, 'number');
  assert.ok(s.Value.SourceTimestamp);
  assert.match(o.text(), /NoSuchNode/);
  assert.match(o.text(), /this is no node id/);
});

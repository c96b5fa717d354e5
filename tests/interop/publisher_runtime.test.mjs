// What the publisher tells of itself, as its consumers see it at the hub: that it starts, runs and ends (--rs), and the
// diagnostics of each writer group (--pd=Events), beside the values.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {eventHubs, readUntil} from './events.mjs';
import {edge, opc, plant} from './site.mjs';

const STATE = 'application/x-runtimestate-message-v2-json';
const DIAGNOSTICS = 'application/x-writergroup-diagnostics-message-v2-json';
let site, machine, module;

before(async () => {
  site = await edge('runtime-site');
  machine = await plant();
  module = await opc(site, [{EndpointUrl: machine.url, DataSetWriterGroup: 'group', MessagingMode: 'PubSub', BatchSize: 1,
    OpcNodes: [{Id: 'nsu=http://microsoft.com/Opc/OpcPlc/;s=FastUInt1', OpcSamplingInterval: 100, OpcPublishingInterval: 100}]}],
  {module: 'publisher', roles: 'publisher', more: ['--rs', '--pd=Events', '--di=1', '--site=hall 3', '--api.port', '-1']});
});

after(async () => {
  for (const p of [module, machine, site])
    await p?.end();
});

const schema = e => e.properties['$$MessageSchema'];
const states = all => all.filter(e => schema(e) === STATE).map(e => e.body);

test('it says that it starts and runs, who it is, and the counts of its groups', async () => {
  const all = await readUntil(got => states(got).length >= 2 && got.some(e => schema(e) === DIAGNOSTICS && e.body.IngressValueChanges > 0),
                              eventHubs.earliestEventPosition, {ms: 90000});
  assert.deepEqual(states(all).map(s => s.MessageType), ['RestartAnnouncement', 'Running']);
  const [first] = states(all);
  assert.equal(first.MessageVersion, 1);
  assert.equal(first.DeviceId, 'runtime-site');
  assert.equal(first.ModuleId, 'publisher');
  assert.equal(first.Site, 'hall 3');
  assert.equal(first.PublisherId, 'runtime-site_module_publisher');
  assert.match(first.Version, /^\d+\.\d+\.\d+/);
  assert.ok(Date.parse(first.TimestampUtc));
  assert.equal(all.find(e => schema(e) === STATE).properties['$$RoutingInfo'], 'runtimeinfo');
  const {body} = all.findLast(e => schema(e) === DIAGNOSTICS);
  assert.equal(body.WriterGroupName, 'group');
  assert.equal(body.MonitoredOpcNodesSucceededCount, 1);
  assert.equal(body.NumberOfConnectedEndpoints, 1);
  assert.match(body.IngestionDuration, /^\d\d:\d\d:\d\d\.\d{7}$/);
  assert.ok(all.some(e => schema(e) === 'application/x-network-message-json-v1'));
});

test('it says that it ends', async () => {
  await module.end();
  module = null;
  const all = await readUntil(got => states(got).some(s => s.MessageType === 'ShutdownAnnouncement'), eventHubs.earliestEventPosition, {ms: 90000});
  assert.equal(states(all).at(-1).MessageType, 'ShutdownAnnouncement');
});

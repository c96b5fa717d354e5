// What entries and nodes of a file ask of a server, on servers of other makes (node-opcua; where named, the plant): names
// and paths that only the server knows, reads in cycles, triggering, heartbeats, watchdogs, changes of the model.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import test, {after, before} from 'node:test';
import {AttributeIds, DataType, OPCUAClient, StatusCodes} from 'node-opcua-client';
import {eventHubs, readUntil} from './events.mjs';
import {edge, nodeOpcua, opc, plant, until} from './site.mjs';

const PLC = 'http://microsoft.com/Opc/OpcPlc/';
const FACTORY = 'urn:tests:factory';
let site, server, machine, client, session, space;
const running = [];

before(async () => {
  [site, server, machine] = await Promise.all([edge(`edge-${randomUUID().slice(0, 8)}`), nodeOpcua(), plant('--trust.all', 'true')]);
  client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(server.url);
  session = await client.createSession();
  space = (await session.readNamespaceArray()).indexOf(FACTORY);
});

after(async () => {
  await client.disconnect().catch(() => {});
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  assert.equal(await server.end(), 0);
  assert.equal(await machine.end(), 0);
  assert.equal(await site.end(), 0);
});

const node = name => `nsu=${FACTORY};s=${name}`;
const asked = async service => (await session.read({nodeId: `ns=${space};s=${service}`, attributeId: AttributeIds.Value})).value.value;

async function write(name, dataType, value) {
  assert.equal(await session.write({nodeId: `ns=${space};s=${name}`, attributeId: AttributeIds.Value, value: {value: {dataType, value}}}), StatusCodes.Good);
}

const entry = (OpcNodes, more = {}) => [{
  EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'group', DataSetWriterId: 'writer', MessagingMode: 'FullSamples',
  DataSetPublishingInterval: 100, DataSetSamplingInterval: 100, BatchTriggerInterval: 100, OpcNodes, ...more,
}];

async function start(module, published, {live, more = []}) {
  const o = await opc(site, published, {module, roles: 'publisher', more});
  running.push(o);
  await until(`${live} items of ${module}`, async () => await o.metric('millrace_publisher_items_live') === live, 60000);
  return o;
}

const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);

// What came for the module until `enough(its messages)`.
async function arrived(module, enough) {
  const events = await readUntil(all => enough(of(module, all).flatMap(e => e.body)), eventHubs.earliestEventPosition, {ms: 90000});
  return of(module, events).flatMap(e => e.body);
}

test('what nodes and entries say of sampling, queues, filters and subscriptions is what the server is asked for', async () => {
  const plain = {node: 'Int16', attribute: AttributeIds.Value, range: '', sampling: 250, queue: 7, discardOldest: true};
  const cases = [
    [{Id: node('Int16'), OpcSamplingInterval: 250, QueueSize: 7}, plain],
    [{Id: node('UInt16'), OpcSamplingInterval: 0, DiscardNew: true}, {...plain, node: 'UInt16', sampling: 0, queue: 1, discardOldest: false}],
    [{Id: node('Double'), DeadbandType: 'Absolute', DeadbandValue: 1.5, QueueSize: 2}, {...plain, node: 'Double', sampling: 100, queue: 2, trigger: 1, deadband: [1, 1.5]}],
    [{Id: node('Float'), DataChangeTrigger: 'Status'}, {...plain, node: 'Float', sampling: 100, queue: 1, trigger: 0, deadband: [0, 0]}],
    [{Id: node('Int32'), DataChangeTrigger: 'StatusValueTimestamp'}, {...plain, node: 'Int32', sampling: 100, queue: 1, trigger: 2, deadband: [0, 0]}],
    [{Id: node('Array'), IndexRange: '1:2'}, {...plain, node: 'Array', range: '1:2', sampling: 100, queue: 1}],
    [{Id: node('String'), AttributeId: 'DisplayName'}, {...plain, node: 'String', attribute: AttributeIds.DisplayName, sampling: 100, queue: 1}],
  ];
  await start('asked', entry(cases.map(c => c[0]), {DataSetPublishingInterval: 170, MaxKeepAliveCount: 23, Priority: 77}), {live: cases.length});
  const items = JSON.parse(await asked('Items'));
  for (const [, want] of cases)
    assert.deepEqual(items.filter(i => i.node === want.node), [want]);
  const subscription = JSON.parse(await asked('Subscriptions')).filter(s => s.interval === 170);
  assert.equal(subscription.length, 1);
  assert.deepEqual([subscription[0].keepAlive, subscription[0].priority], [23, 77]);
  assert.ok(subscription[0].lifetime >= 3 * 23); // Part 4, 5.14.2.2
  const messages = (await arrived('asked', all => ['Array', 'String'].every(n => all.some(m => m.NodeId === node(n))))).flat();
  assert.deepEqual(messages.find(m => m.NodeId === node('Array')).Value.Value, [2, 3]);
  assert.equal(messages.find(m => m.NodeId === node('String')).Value.Value.Text ?? messages.find(m => m.NodeId === node('String')).Value.Value, 'String');
});

test('the options that say so for all nodes are what the server is asked for', async () => {
  await start('all', entry([{Id: node('SByte')}], {DataSetPublishingInterval: undefined, DataSetSamplingInterval: undefined}), {live: 1,
    more: ['--op=190', '--oi=380', '--qs=5', '--ndo', '--mc=StatusValueTimestamp', '--ska=31', '--slt=200']});
  assert.deepEqual(JSON.parse(await asked('Items')).filter(i => i.node === 'SByte'),
                   [{node: 'SByte', attribute: AttributeIds.Value, range: '', sampling: 380, queue: 5, discardOldest: false, trigger: 2, deadband: [0, 0]}]);
  const [subscription] = JSON.parse(await asked('Subscriptions')).filter(s => s.interval === 190);
  assert.deepEqual([subscription.keepAlive, subscription.lifetime], [31, 200]);
});

test('a node that is changed in the file is modified at the server, not made anew', async () => {
  const changed = more => entry([{Id: node('Int64'), OpcSamplingInterval: 300, QueueSize: 3, ...more}]);
  const o = await start('changed', changed({}), {live: 1});
  const made = () => asked('Items').then(text => JSON.parse(text).filter(i => i.node === 'Int64').length);
  assert.equal(await made(), 1);
  writeFileSync(o.file, JSON.stringify(changed({OpcSamplingInterval: 350, QueueSize: 9, DiscardNew: true, DataChangeTrigger: 'StatusValueTimestamp'})));
  const want = {sampling: 350, queue: 9, discardOldest: false, trigger: 2, deadband: [0, 0]};
  const modified = await until('the change at the server', async () => JSON.parse(await asked('Modified')).find(i => i.sampling === 350) ?? (await made() > 1 && 'made anew'));
  assert.deepEqual(modified, want);
});

test('a subscription without news is a message, which may have all values', async () => {
  const still = (more, name) => entry([{Id: node('Constant'), DataSetFieldId: 'still'}],
    {MessagingMode: 'PubSub', DataSetPublishingInterval: 100, MaxKeepAliveCount: 2, SendKeepAliveDataSetMessages: true, DataSetWriterId: name, ...more})[0];
  await start('alive', [still({}, 'says'), still({SendKeepAliveAsKeyFrameMessages: true, DataSetSamplingInterval: 130}, 'repeats')], {live: 2, more: ['--fm']});
  const told = all => all.flat().flatMap(m => m.Messages);
  const of = (all, writer, type) => told(all).filter(d => d.DataSetWriterId === writer && d.MessageType === type);
  const messages = await arrived('alive', all => of(all, 'says', 'ua-keepalive').length > 1 && of(all, 'repeats', 'ua-keyframe').length > 1);
  const alive = of(messages, 'says', 'ua-keepalive'), again = of(messages, 'repeats', 'ua-keyframe');
  assert.ok(alive.every(d => d.Payload === undefined || Object.keys(d.Payload).length === 0));
  assert.ok(again.every(d => 'Value' in d.Payload.still));
  assert.equal(of(messages, 'says', 'ua-keyframe').length, 0);
  assert.equal(of(messages, 'repeats', 'ua-keepalive').length, 0);
});

test('an entry says for all its nodes how values are told again', async () => {
  const beats = (OpcNodes, more) => entry(OpcNodes, {DefaultHeartbeatInterval: 1, ...more})[0];
  await start('beats', [
    beats([{Id: node('Constant')}], {DataSetWriterId: 'all'}),
    beats([{Id: node('Byte'), HeartbeatInterval: 0}], {DataSetWriterId: 'none', DataSetSamplingInterval: 110}),
    beats([{Id: node('Boolean')}], {DataSetWriterId: 'counted', DataSetSamplingInterval: 120, DefaultHeartbeatBehavior: 'WatchdogLKVDiagnosticsOnly'}),
  ], {live: 3});
  const told = (all, name) => all.flat().filter(m => m.NodeId === node(name));
  const messages = await arrived('beats', all => told(all, 'Constant').length > 3);
  assert.ok(told(messages, 'Constant').slice(1).every(m => m.Heartbeat === true));
  assert.deepEqual([told(messages, 'Byte').length, told(messages, 'Boolean').length], [1, 1]);
});

test('display names are asked for, and are the names of samples and of fields', async () => {
  await start('names', [
    ...entry([{Id: node('Speed')}], {DataSetFetchDisplayNames: true}),
    ...entry([{Id: node('Pressure'), FetchDisplayName: true}], {DataSetWriterGroup: 'fields', MessagingMode: 'DataSets'}),
    ...entry([{Id: node('Phase')}], {DataSetWriterGroup: 'neither'}),
  ], {live: 3});
  const all = await arrived('names', messages => messages.length >= 3);
  assert.equal(all.find(m => m.NodeId === node('Speed')).DisplayName, 'Speed of the belt');
  assert.equal(all.find(m => m.Pressure !== undefined).Pressure.Value, 1.5);
  assert.equal(all.find(m => m.NodeId === node('Phase')).DisplayName, undefined);
});

test('a browse path leads to the node, from the writer\'s root, a node, or Root; a wrong one fails alone', async () => {
  const before = await asked('TranslateBrowsePathsToNodeIds');
  const name = n => `nsu=${FACTORY};${n}`;
  const o = await start('paths', [
    ...entry([{BrowsePath: [`/${name('Factory')}`, `/${name('Speed')}`], DisplayName: 'from the writer\'s root'},
      {Id: node('Load'), BrowsePath: [`/${name('Load2')}`], DisplayName: 'from a node'}], {DataSetRootNodeId: 'i=85'}),
    ...entry([{BrowsePath: ['/Objects', `/${name('Factory')}`, `/${name('Pressure')}`], DisplayName: 'from Root'},
      {BrowsePath: ['/Objects', `/${name('Nonsense')}`], DisplayName: 'nowhere'}], {DataSetWriterGroup: 'other'}),
    ...entry([{BrowsePath: ['/Objects', `/nsu=${PLC};OpcPlc`, `/nsu=${PLC};Telemetry`, `/nsu=${PLC};Basic`, `/nsu=${PLC};StepUp`], DisplayName: 'of the plant'}],
             {EndpointUrl: machine.url, DataSetWriterGroup: 'plant'}),
  ], {live: 4});
  const found = ['from the writer\'s root', 'from a node', 'from Root', 'of the plant'];
  const all = await arrived('paths', messages => found.every(n => messages.some(m => m.DisplayName === n)));
  const value = n => all.find(m => m.DisplayName === n).Value.Value;
  assert.equal(value('from the writer\'s root'), 2.5);
  assert.equal(value('from Root'), 1.5);
  assert.equal(typeof value('from a node'), 'number');
  assert.match(o.text(), /publisher node not found at the server .*Nonsense.* status=Bad/);
  assert.ok(await asked('TranslateBrowsePathsToNodeIds') > before);
});

test('nodes are read in cycles, registered before, and no item watches them', async () => {
  const [reads, registered, items] = [await asked('Read'), await asked('RegisterNodes'), await asked('CreateMonitoredItems')];
  const nodes = [1, 2, 3].map(n => ({Id: node(`Load${n}`), UseCyclicRead: true, RegisterNode: true, OpcSamplingInterval: 100, CyclicReadMaxAge: 50}));
  const o = await start('cyclic', entry(nodes), {live: 3});
  const all = await arrived('cyclic', messages => messages.length >= 30);
  assert.deepEqual([...new Set(all.map(m => m.NodeId))].sort(), nodes.map(n => n.Id)); // as configured, not the short ids
  assert.ok(await asked('Read') - reads >= 10, 'a Read for each cycle');
  assert.ok(await asked('RegisterNodes') > registered);
  assert.equal(await asked('CreateMonitoredItems'), items);
  await until('the count of it', async () => await o.metric('millrace_publisher_cyclic_reads_total') >= 30); // once a second
});

const triggers = {
  'node-opcua': {url: () => server.url, trigger: node('Int32'), triggered: node('Load4'), beside: node('Load3'), most: 1, pull: value => write('Int32', DataType.Int32, value)},
  plant: {url: () => machine.url, trigger: `nsu=${PLC};s=WritableInt32`, triggered: `nsu=${PLC};s=StepUp`, beside: 'i=2258', most: 3, // its stack reports for half a publishing interval more
    pull: async value => {
    const c = OPCUAClient.create({endpointMustExist: false});
    await c.connect(machine.url);
    const s = await c.createSession();
    const nodeId = `ns=${(await s.readNamespaceArray()).indexOf(PLC)};s=WritableInt32`;
    assert.equal(await s.write({nodeId, attributeId: AttributeIds.Value, value: {value: {dataType: DataType.Int32, value}}}), StatusCodes.Good);
    await c.disconnect();
  }},
};

for (const [make, t] of Object.entries(triggers))
  test(`${make}: triggered nodes are told when their trigger is, and not else`, async () => {
    const module = `trigger-${make}`;
    await start(module, entry([{Id: t.trigger, TriggeredNodes: [{Id: t.triggered, QueueSize: 1}]}, {Id: t.beside}], {EndpointUrl: t.url()}), {live: 3});
    const count = (all, id) => all.filter(m => m.NodeId === id).length;
    const first = await arrived(module, all => count(all, t.trigger) >= 1 && count(all, t.beside) >= 1);
    const [told, times] = [count(first, t.triggered), count(first, t.beside)];
    // It changes all the time, and what is reported beside it goes on.
    const later = await arrived(module, all => count(all, t.beside) >= times + 15);
    assert.ok(count(later, t.triggered) <= Math.max(told, 1), 'at most what came with the first value of the trigger');
    let had = count(later, t.triggered);
    for (const value of [7001, 7002]) {
      await t.pull(value);
      const all = await arrived(module, messages => messages.some(m => m.NodeId === t.trigger && m.Value.Value === value) && count(messages, t.triggered) > had);
      const came = count(all, t.triggered) - had;
      assert.ok(came >= 1 && came <= t.most, `${came} values for one of the trigger`);
      had += came;
    }
  });

test('a value that does not change is told again, and as uncertain when the server is away', async () => {
  const other = await nodeOpcua({name: 'heartbeats'});
  running.push(other);
  await start('heartbeat', entry([
    {Id: node('Pressure'), HeartbeatInterval: 1},
    {Id: node('Speed'), HeartbeatInterval: 1, HeartbeatBehavior: 'WatchdogLKG'},
  ], {EndpointUrl: other.url}), {live: 2});
  const ofNode = (all, name) => all.filter(m => m.NodeId === node(name));
  const beats = (all, name) => ofNode(all, name).filter(m => m.Heartbeat === true);
  const all = await arrived('heartbeat', messages => beats(messages, 'Pressure').length >= 3 && beats(messages, 'Speed').length >= 3);
  assert.equal(ofNode(all, 'Pressure').filter(m => !m.Heartbeat).length, 1);
  assert.equal(new Set(ofNode(all, 'Pressure').map(m => m.Value.SourceTimestamp)).size, 1);
  assert.ok(beats(all, 'Pressure').every(m => m.Value.Value === 1.5 && m.Value.StatusCode === undefined));
  assert.equal(await other.end(), 0);
  const uncertain = m => m.Value.StatusCode?.Symbol === 'UncertainNoCommunicationLastUsableValue';
  const away = await arrived('heartbeat', messages => beats(messages, 'Pressure').filter(uncertain).length >= 3);
  assert.ok(beats(away, 'Pressure').filter(uncertain).every(m => m.Value.Value === 1.5));
});

test('nodes that say nothing are late, and the subscription begins anew', async () => {
  const before = await asked('CreateSubscription');
  const o = await start('watchdog', entry([{Id: node('Constant')}, {Id: node('Load5')}], {
    OpcNodeWatchdogTimespan: '00:00:02', OpcNodeWatchdogCondition: 'WhenAnyIsLate', DataSetWriterWatchdogBehavior: 'Reset'}), {live: 2});
  await until('a late node', async () => await o.metric('millrace_publisher_items_late') === 1);
  assert.match(o.text(), /publisher nodes are late writer="writer[^"]*" late=1 of=2/);
  const constant = all => all.filter(m => m.NodeId === node('Constant'));
  const all = await arrived('watchdog', messages => constant(messages).length >= 2); // a new subscription tells it again
  assert.ok(constant(all).every(m => m.Value.Value === 42));
  assert.ok(await asked('CreateSubscription') >= before + 2);
});

test('what servers count about the session is said in the log', async () => {
  const o = await start('counted', [
    ...entry([{Id: node('Speed')}], {DumpConnectionDiagnostics: true}),
    ...entry([{Id: `nsu=${PLC};s=StepUp`}], {EndpointUrl: machine.url, DataSetWriterGroup: 'plant', DumpConnectionDiagnostics: true}),
  ], {live: 2});
  for (const {url} of [server, machine])
    await until(`the counts of ${url}`, () => o.text().split('\n').some(l => l.includes(`counted by its server url=${url}`) && /createMonitoredItemsCount/.test(l)));
});

test('a node that comes is told as a change of the model', async () => {
  const o = await start('model', entry([{Id: 'i=2253', ModelChangeHandling: {RebrowseIntervalTimespan: '01:00:00'}}], {MessagingMode: 'PubSub'}), {live: 1});
  await until('the first walk', () => /publisher model changes: followed/.test(o.text()), 60000);
  const {statusCode} = await session.call({objectId: `ns=${space};s=Methods`, methodId: `ns=${space};s=Grow`,
    inputArguments: [{dataType: DataType.String, value: 'Rose'}]});
  assert.equal(statusCode, StatusCodes.Good);
  assert.match(o.text(), /publisher model changes/);
  const changes = all => all.flatMap(m => m.Messages ?? []).map(d => d.Payload).filter(p => p.Change);
  const all = changes(await arrived('model', messages => changes(messages).length >= 2));
  assert.ok(all.some(p => /s=NodeChange$/.test(p.EventType.Value) && JSON.stringify(p.Change.Value).includes('Rose')));
  assert.ok(all.some(p => /s=ReferenceChange$/.test(p.EventType.Value) && JSON.stringify(p.SourceNode.Value).includes('Garden')));
});

// Alarms of a server of another make (node-opcua): events by a filter, snapshots of conditions, what is retained told
// again after the server forgot the session, filters as queries, changes of its model.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test, {after, before} from 'node:test';
import {AttributeIds, DataType, OPCUAClient, StatusCodes} from 'node-opcua-client';
import {eventHubs, readUntil} from './events.mjs';
import {edge, nodeOpcua, opc, until} from './site.mjs';

let site, server, client, session, level;
const running = [];

before(async () => {
  [site, server] = await Promise.all([edge(`edge-${randomUUID().slice(0, 8)}`), nodeOpcua()]);
  client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(server.url);
  session = await client.createSession();
  level = `ns=${(await session.readNamespaceArray()).indexOf('urn:tests:factory')};s=Level`;
});

after(async () => {
  await client.disconnect().catch(() => {});
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  assert.equal(await server.end(), 0);
  assert.equal(await site.end(), 0);
});

async function setLevel(value) {
  const status = await session.write({nodeId: level, attributeId: AttributeIds.Value,
    value: {value: {dataType: DataType.Double, value}}});
  assert.equal(status, StatusCodes.Good);
}

const entry = (writer, node) => [{
  EndpointUrl: server.url, UseSecurity: false, DataSetWriterGroup: 'alarms', DataSetWriterId: writer, MessagingMode: 'PubSub',
  DataSetPublishingInterval: 100, BatchTriggerInterval: 100, OpcNodes: [{Id: 'i=2253', QueueSize: 1000, ...node}],
}];

const networkMessages = e => Array.isArray(e.body) ? e.body : [e.body];
const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);
const dataSets = events => events.flatMap(networkMessages).flatMap(m => m.Messages);

// What came for the module until `enough(its data sets)`.
async function arrived(module, enough) {
  const events = await readUntil(all => enough(dataSets(of(module, all))), eventHubs.earliestEventPosition, {ms: 90000});
  return dataSets(of(module, events));
}

async function start(module, writer, node) {
  const o = await opc(site, entry(writer, node), {module, roles: 'publisher'});
  running.push(o);
  await until('the item', async () => await o.metric('millrace_publisher_items_live') === 1, 60000);
  return o;
}

test('the simple filter tells all fields of an alarm, by its type', async () => {
  await start('simple', 'w', {EventFilter: {TypeDefinitionId: 'i=2915'}});
  const active = d => d.Payload['ActiveState/Id']?.Value === true && d.Payload.ConditionName?.Value === 'Level';
  await setLevel(75);
  await setLevel(150);
  const [alarm] = (await arrived('simple', all => all.some(active))).filter(active);
  assert.equal(alarm.MessageType, 'ua-event');
  assert.equal(alarm.DataSetWriterId, 'w|NonExclusiveLimitAlarmType');
  for (const field of ['EventId', 'EventType', 'SourceNode', 'SourceName', 'Time', 'ReceiveTime', 'Message', 'Severity',
    'ConditionName', 'Retain', 'EnabledState', 'EnabledState/Id', 'AckedState', 'AckedState/Id', 'ActiveState'])
    assert.ok(alarm.Payload[field]?.Value !== undefined, `${field} is there`);
  assert.equal(alarm.Payload.ConditionId, undefined); // selected for the publisher alone, and not here
});

test('snapshots have every retained condition, and none that is gone; a lost session changes nothing', async () => {
  await setLevel(150);
  const o = await start('snapshot', 'w', {
    EventFilter: {SelectClauses: [
      {TypeDefinitionId: 'i=2041', BrowsePath: ['EventId']}, {TypeDefinitionId: 'i=2782', BrowsePath: ['ConditionName']},
      {TypeDefinitionId: 'i=2782', BrowsePath: [], AttributeId: 'NodeId', DisplayName: 'Id'},
      {TypeDefinitionId: 'i=2915', BrowsePath: ['ActiveState', 'Id']}]},
    ConditionHandling: {SnapshotInterval: 2, UpdateInterval: 1},
  });
  const count = all => all.filter(d => d.MessageType === 'ua-condition').length;
  const all = await arrived('snapshot', d => count(d) >= 2); // the alarm was active before: a refresh told it
  assert.ok(all.every(d => d.MessageType === 'ua-condition'));
  const last = all.at(-1);
  assert.equal(last.Payload.ConditionName.Value, 'Level');
  assert.equal(last.Payload['ActiveState/Id'].Value, true);
  assert.ok(last.Payload.Id.SourceTimestamp);
  assert.equal(last.Payload.Retain, undefined); // selected for the publisher alone

  server.child.kill('SIGUSR2'); // forgets all sessions
  await until('a new session', () => o.text().split('opcua session ready').length > 2);
  await client.disconnect().catch(() => {});
  await client.connect(server.url);
  session = await client.createSession();
  const again = count(await arrived('snapshot', () => true));
  const then = await arrived('snapshot', d => count(d) >= again + 2);
  assert.equal(then.at(-1).Payload.ConditionName.Value, 'Level');

  await setLevel(75);
  const inactive = d => d.Payload['ActiveState/Id']?.Value === false;
  const waits = (await arrived('snapshot', all => all.some(inactive))).filter(inactive).at(-1); // not acknowledged: retained
  const acknowledged = await session.call({objectId: waits.Payload.Id.Value.replace('urn:tests:factory#', 'ns=2;') , methodId: 'i=9111',
    inputArguments: [{dataType: DataType.ByteString, value: Buffer.from(waits.Payload.EventId.Value, 'base64')},
      {dataType: DataType.LocalizedText, value: {text: 'seen'}}]});
  assert.equal(acknowledged.statusCode, StatusCodes.Good);
  // Gone: snapshots are empty, which is no message; an alarm that comes back is told at once.
  await setLevel(20);
  const back = d => d.Payload['ActiveState/Id']?.Value === true;
  await arrived('snapshot', all => all.slice(all.findIndex(inactive)).some(back));
});

test('RefreshRetainedConditionsOnStart tells as events what is retained', async () => {
  await setLevel(150);
  await start('refresh', 'w', {EventFilter: {TypeDefinitionId: 'i=2915'}, ConditionHandling: {RefreshRetainedConditionsOnStart: true}});
  const all = await arrived('refresh', d => d.length > 0);
  assert.ok(all.every(d => d.MessageType === 'ua-event'));
  assert.ok(all.some(d => d.Payload.ConditionName.Value === 'Level'));
});

test('a query is a filter', async () => {
  await start('query', 'w', {EventFilter: "SELECT ConditionName AS Name, Severity FROM AlarmConditionType WHERE OFTYPE AlarmConditionType AND Severity > 0"});
  await setLevel(75);
  await setLevel(150);
  const [first] = await arrived('query', d => d.length > 0);
  assert.deepEqual(Object.keys(first.Payload), ['Name', 'Severity']);
});

test('clauses that the server does not know are said in the log, and the others go on', async () => {
  const o = await start('unknown', 'w', {EventFilter: {SelectClauses: [
    {TypeDefinitionId: 'i=2041', BrowsePath: ['EventId']}, {TypeDefinitionId: 'i=2041', BrowsePath: ['Nonsense']}]}});
  await until('the line', () => /publisher event filter node=i=2253.*SelectClauses\[1\] "Nonsense": Bad/.test(o.text()));
});

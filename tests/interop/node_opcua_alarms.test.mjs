// Alarms of a server of another make (node-opcua): events by the simple filter and by a query, and clauses that it does not know.
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
  DataSetPublishingInterval: 100, OpcNodes: [{Id: 'i=2253', QueueSize: 1000, ...node}],
}];

const networkMessages = e => Array.isArray(e.body) ? e.body : [e.body];
const of = (module, events) => events.filter(e => e.systemProperties['iothub-connection-module-id'] === module);
const dataSets = events => events.flatMap(networkMessages).flatMap(m => m.Messages);

// What came for the module until `enough(its data sets)`.
async function arrived(module, enough) {
  const events = await readUntil(all => enough(dataSets(of(module, all))), eventHubs.earliestEventPosition, {ms: 40000});
  return dataSets(of(module, events));
}

async function start(module, writer, node) {
  const o = await opc(site, entry(writer, node), {module, roles: 'publisher'});
  running.push(o);
  await until('the item', async () => await o.metric('millrace_publisher_items_live') === 1, 40000);
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

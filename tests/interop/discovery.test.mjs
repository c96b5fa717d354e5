// Discovery by what servers say of others: one URL is given, a server of another make (node-opcua) that plays the local
// discovery server names a second in FindServers and a third in FindServersOnNetwork. What comes out of the hub's stream
// is what Azure Industrial IoT's onboarding reads.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import {eventHubs, readUntil} from './events.mjs';
import {edge, nodeOpcua, opc, plantAt} from './site.mjs';

const EVENT = 'application/x-discovery-event-v2-json';
const PROGRESS = 'application/x-discovery-message-v2-json';
const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const device = `edge-${randomUUID().slice(0, 8)}`;
const running = [];
let site, lds, registered, neighbour;

async function run(what) {
  const p = await what;
  running.push(p);
  return p;
}

before(async () => {
  [site, registered, neighbour] = await Promise.all([run(edge(device)), run(plantAt({})), run(nodeOpcua({name: 'neighbour'}))]);
  lds = await run(nodeOpcua({name: 'lds', more: ['--knows', registered.url, '--neighbour', neighbour.url]}));
  await run(opc(site, [], {module: 'discovery', roles: 'discovery'}));
});

after(async () => {
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
});

const schemaOf = e => e.properties['$$MessageSchema'];
const of = (events, schema) => events.filter(e => schemaOf(e) === schema && e.systemProperties['iothub-connection-device-id'] === device).map(e => e.body);

test('a server names others, and they are asked themselves', async () => {
  const id = randomUUID();
  const {result} = await service.invokeDeviceMethod(device, 'discovery', {methodName: 'Discover_V2', connectTimeoutInSeconds: 20,
    responseTimeoutInSeconds: 20, payload: {id, discovery: 'Off', configuration: {discoveryUrls: [lds.url], locales: ['en']}}});
  assert.equal(result.status, 200);
  const whole = all => of(all, EVENT).some(e => e.result?.id === id) && of(all, PROGRESS).some(e => e.requestId === id && e.eventType === 'Finished');
  const events = await readUntil(whole, eventHubs.earliestEventPosition, {ms: 60000});
  const found = of(events, EVENT);
  const {index, result: end, timeStamp} = found.find(e => e.result);
  assert.equal(end.registerOnly, true, 'what is not found so is not gone');
  const endpoints = found.filter(e => e.registration);
  assert.equal(endpoints.length, index);
  assert.deepEqual(endpoints.map(e => e.index).sort((a, b) => a - b), [...Array(index).keys()]);
  assert.ok(endpoints.every(e => e.timeStamp === timeStamp && e.registration.discovererId === `${device}_module_discovery`));
  const urls = new Set(endpoints.map(e => e.registration.endpointUrl));
  assert.deepEqual(urls, new Set([lds.url, registered.url, neighbour.url]));
  const applications = new Map(endpoints.map(e => [e.registration.endpointUrl, e.application]));
  assert.deepEqual(applications.get(neighbour.url).capabilities, ['DA', 'HD']);
  assert.equal(applications.get(lds.url).applicationUri, 'urn:tests:node-opcua');
});

test('its progress has the published form', async () => {
  const events = await readUntil(all => of(all, PROGRESS).some(e => e.eventType === 'Finished'), eventHubs.earliestEventPosition);
  const progress = of(events, PROGRESS);
  for (const e of progress) {
    assert.match(e.timeStamp, /^\d{4}-\d\d-\d\dT/);
    assert.equal(e.discovererId, `${device}_module_discovery`);
    assert.deepEqual([typeof e.workers, typeof e.progress, typeof e.total, typeof e.discovered, typeof e.request], ['number', 'number', 'number', 'number', 'object']);
  }
  const types = progress.map(e => e.eventType);
  for (const type of ['Started', 'ServerDiscoveryStarted', 'EndpointsDiscoveryStarted', 'EndpointsDiscoveryFinished', 'ServerDiscoveryFinished', 'Finished'])
    assert.ok(types.includes(type), type);
});

// Routes as their users see them: set over REST while the hub runs, events of devices and of the hub itself
// read with @azure/event-hubs from the built-in stream and from a stream of its own, webhooks that fail.
import assert from 'node:assert/strict';
import {createHmac, randomUUID} from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import test from 'node:test';
import {EventHubConsumerClient, earliestEventPosition} from '@azure/event-hubs';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';

const hub = process.env.MILLRACE_HUB, owner = process.env.MILLRACE_HUB_OWNER;
const builtIn = process.env.MILLRACE_HUB_EVENTS;
const registry = iothub.Registry.fromConnectionString(owner);
const run = randomUUID();

const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`no ${what} within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

// ---- REST, signed as the SDKs sign ----

function token() {
  const field = name => new RegExp(`${name}=([^;]*)`).exec(owner)[1];
  const se = Math.floor(Date.now() / 1000) + 3600;
  const sig = createHmac('sha256', Buffer.from(field('SharedAccessKey'), 'base64')).update(`${hub}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${hub}&sig=${encodeURIComponent(sig)}&se=${se}&skn=${field('SharedAccessKeyName')}`;
}

function call(method, path, body, headers = {}) {
  return within(10000, 'answer', new Promise((resolve, reject) => {
    const r = https.request({host: hub, path, method, agent: false, headers: {Authorization: token(), ...headers}}, answer => {
      let text = '';
      answer.on('data', d => { text += d; });
      answer.on('end', () => resolve({status: answer.statusCode, body: text && JSON.parse(text), etag: answer.headers.etag}));
    });
    r.on('error', reject);
    r.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
  }));
}

const route = async config => {
  const answer = await call('PUT', '/routing', config);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer;
};

async function collect(connection, enough, ours) {
  const client = new EventHubConsumerClient('$Default', connection);
  const events = [];
  await within(60000, `events (${events.length})`, new Promise((resolve, reject) => client.subscribe({
    processEvents: async batch => {
      events.push(...batch.filter(ours));
      if (enough(events))
        resolve();
    },
    processError: async e => reject(e),
  }, {startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1})));
  await client.close();
  return events;
}

async function connect(id) {
  const {responseBody} = await registry.create({deviceId: id});
  const client = device.Client.fromConnectionString(
      `HostName=${hub};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`, mqtt.Mqtt);
  await client.open();
  return client;
}

function message(value, properties = {}) {
  const m = new device.Message(JSON.stringify(value));
  m.contentType = 'application/json';
  m.contentEncoding = 'utf-8';
  for (const [name, v] of Object.entries(properties))
    m.properties.add(name, v);
  return m;
}

const of = id => e => e.systemProperties['iothub-connection-device-id'] === id;

test('a hub without routes says what that means', async () => {
  const {status, body} = await call('GET', '/routing');
  assert.equal(status, 200);
  assert.deepEqual(body.routes, []);
  assert.deepEqual(body.fallbackRoute.endpointNames, ['events']);
});

test('a stream of its own has what its route takes, with enrichments; the rest goes to the built-in one', async () => {
  const id = `${run}-a`;
  await route({
    endpoints: {eventStreams: [{name: 'alarms', partitionCount: 2}]},
    routes: [{name: 'high', condition: '$body.level > 3 AND $twin.tags.site = \'north\'', endpointNames: ['alarms']}],
    enrichments: [{key: 'site', value: '$twin.tags.site', endpointNames: ['alarms']}, {key: 'hub', value: '$iothubname', endpointNames: ['alarms']}],
  });
  const client = await connect(id);
  await registry.updateTwin(id, {tags: {site: 'north'}}, '*');
  for (let level = 0; level < 8; level++)
    await client.sendEvent(message({level}, {own: 'yes'}));
  await client.close();
  const high = await collect(builtIn.replace(/EntityPath=[^;]*/, 'EntityPath=alarms'), e => e.length >= 4, of(id));
  assert.deepEqual(high.map(e => e.body.level), [4, 5, 6, 7]);
  assert.ok(high.every(e => e.properties.site === 'north' && e.properties.hub === hub && e.properties.own === 'yes'));
  assert.ok(high.every(e => e.systemProperties['iothub-enqueuedtime']));
  const low = await collect(builtIn, e => e.length >= 4, of(id));
  assert.deepEqual(low.map(e => e.body.level), [0, 1, 2, 3]);
  assert.ok(low.every(e => e.properties.site === undefined));
});

test('who reads the built-in stream up to its newest arrives, wherever the last ones went', async () => {
  const client = new EventHubConsumerClient('$Default', builtIn);
  for (const id of await client.getPartitionIds()) {
    const p = await client.getPartitionProperties(id);
    if (p.isEmpty)
      continue;
    await within(10000, `the newest of partition ${id}`, new Promise((resolve, reject) => {
      const s = client.subscribe(id, {
        processEvents: async batch => {
          if (batch.some(e => e.sequenceNumber >= p.lastEnqueuedSequenceNumber)) {
            resolve();
            s.close();
          }
        },
        processError: async e => reject(e),
      }, {startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1});
    }));
  }
  await client.close();
});

test('the hub tells of life cycles, twins and connections', async () => {
  const id = `${run}-b`;
  const source = (name, more = {}) => ({name, source: name, endpointNames: ['events'], ...more});
  await route({routes: [source('DeviceLifecycleEvents'), source('TwinChangeEvents'), source('DeviceConnectionStateEvents')]});
  const client = await connect(id);
  const twin = await client.getTwin();
  await within(10000, 'report', new Promise((resolve, reject) => twin.properties.reported.update({t: 21.5}, e => e ? reject(e) : resolve())));
  await client.close();
  await registry.delete(id);
  const events = await collect(builtIn, e => e.some(x => x.properties.opType === 'deleteDeviceIdentity'), of(id));
  const told = events.map(e => `${e.systemProperties['iothub-message-source']} ${e.properties.opType}`);
  assert.deepEqual(told, [
    'deviceLifecycleEvents createDeviceIdentity', 'deviceConnectionStateEvents deviceConnected', 'twinChangeEvents updateTwin',
    'deviceConnectionStateEvents deviceDisconnected', 'deviceLifecycleEvents deleteDeviceIdentity']);
  for (const e of events) {
    assert.equal(e.contentType, 'application/json');
    assert.equal(e.properties.hubName, hub);
    assert.equal(e.properties.deviceId, id);
    assert.ok(!Number.isNaN(Date.parse(e.properties.operationTimestamp)));
  }
  assert.equal(events[0].body.deviceId, id);
  assert.match(events[1].body.sequenceNumber, /^[0-9A-F]{64}$/);
  assert.ok(events[3].body.sequenceNumber > events[1].body.sequenceNumber);
  assert.equal(events[2].body.properties.reported.t, 21.5);
  assert.equal(events[2].body.properties.reported.$version, 2);
});

test('the hub tells what became of a job on a device', async () => {
  const id = `${run}-j`, jobId = `job-${run}`;
  await registry.create({deviceId: id});
  await route({routes: [{name: 'jobs', source: 'DeviceJobLifecycleEvents', endpointNames: ['events']}]});
  const jobs = iothub.JobClient.fromConnectionString(owner);
  await jobs.scheduleTwinUpdate(jobId, `deviceId = '${id}'`, {etag: '*', tags: {done: true}}, new Date(), 60);
  const [e] = await collect(builtIn, x => x.length >= 1, x => x.properties.jobId === jobId);
  assert.equal(e.systemProperties['iothub-message-source'], 'deviceJobLifecycleEvents');
  assert.equal(e.properties['iothub-message-schema'], 'deviceJobLifecycleNotification');
  assert.equal(e.body.deviceId, id);
  assert.equal(e.body.status, 'completed');
});

test('a webhook that fails and comes back gets all, in order', async () => {
  const id = `${run}-c`, got = [];
  let down = true, failures = 0;
  const server = http.createServer((request, answer) => {
    let text = '';
    request.on('data', d => { text += d; });
    request.on('end', () => {
      if (down) {
        failures++;
        answer.writeHead(503).end();
        return;
      }
      got.push(...JSON.parse(text));
      answer.writeHead(200).end();
    });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  await route({
    endpoints: {webhooks: [{name: 'hook', endpointUrl: `http://127.0.0.1:${server.address().port}/`}]},
    routes: [{name: 'all', condition: `$connectionDeviceId = '${id}'`, endpointNames: ['hook', 'events']}],
  });
  const client = await connect(id);
  for (let i = 0; i < 20; i++)
    await client.sendEvent(message({i})); // acknowledged while the hook is down
  await collect(builtIn, e => e.length >= 20, of(id));
  await within(10000, 'failures', (async () => { while (failures < 2) await new Promise(r => setTimeout(r, 50)); })());
  const sick = await call('GET', '/routing/endpointsHealth');
  assert.equal(sick.body.value.find(e => e.endpointId === 'hook').healthStatus, 'unhealthy');
  down = false;
  await within(60000, 'events', (async () => { while (got.length < 20) await new Promise(r => setTimeout(r, 50)); })());
  assert.deepEqual(got.map(e => e.data.body.i), [...Array(20).keys()]);
  assert.ok(got.every(e => e.eventType === 'Microsoft.Devices.DeviceTelemetry' && e.subject === `devices/${id}`));
  const well = await call('GET', '/routing/endpointsHealth');
  assert.equal(well.body.value.find(e => e.endpointId === 'hook').healthStatus, 'healthy');
  await client.close();
  await route({});
  server.closeAllConnections();
  server.close();
});

// As Event Grid asks: of its own schema with a code that is sent back, of CloudEvents with OPTIONS and an origin.
for (const schema of ['EventGridSchema', 'CloudEventSchemaV1_0']) {
  test(`a webhook that is to agree first gets nothing before: ${schema}`, async () => {
    const id = `${run}-v-${schema.slice(0, 5)}`, got = [];
    let asked = 0, before = 0;
    const agrees = () => ++asked > 1; // the first answer is none
    const server = http.createServer((request, answer) => {
      let text = '';
      request.on('data', d => { text += d; });
      request.on('end', () => {
        if (request.method === 'OPTIONS') {
          answer.writeHead(200, {'WebHook-Allowed-Origin': agrees() ? request.headers['webhook-request-origin'] : 'elsewhere.example'}).end();
        } else if (request.headers['aeg-event-type'] === 'SubscriptionValidation') {
          const [event] = JSON.parse(text);
          assert.equal(event.eventType, 'Microsoft.EventGrid.SubscriptionValidationEvent');
          answer.writeHead(200).end(JSON.stringify({validationResponse: agrees() ? event.data.validationCode : 'another'}));
        } else {
          before += asked < 2;
          got.push(...JSON.parse(text));
          answer.writeHead(200).end();
        }
      });
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    await route({
      endpoints: {webhooks: [{name: 'asked', endpointUrl: `http://127.0.0.1:${server.address().port}/`, deliverySchema: schema, validateEndpoint: true}]},
      routes: [{name: 'all', condition: `$connectionDeviceId = '${id}'`, endpointNames: ['asked']}],
    });
    const client = await connect(id);
    for (let i = 0; i < 3; i++)
      await client.sendEvent(message({i}));
    await within(60000, 'events', (async () => { while (got.length < 3) await new Promise(r => setTimeout(r, 50)); })());
    assert.deepEqual(got.map(e => e.data.body.i), [0, 1, 2]);
    assert.equal(before, 0);
    assert.equal(asked, 2); // once it has agreed it is not asked again
    await client.close();
    await route({});
    server.closeAllConnections();
    server.close();
  });
}

// Nobody there, a server that hangs up, one that never answers, a name that is none: the others go on, and nothing is lost.
test('webhooks to nowhere do not disturb the others', async () => {
  const id = `${run}-nowhere`, got = [];
  const good = http.createServer((request, answer) => {
    let text = '';
    request.on('data', d => { text += d; });
    request.on('end', () => { got.push(...JSON.parse(text)); answer.writeHead(200).end(); });
  });
  const rude = http.createServer((request) => request.socket.destroy());
  const mute = http.createServer(() => {});
  const ports = [];
  for (const server of [good, rude, mute]) {
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    ports.push(server.address().port);
  }
  const urls = {refused: 'http://127.0.0.1:1/', rude: `http://127.0.0.1:${ports[1]}/`, mute: `http://127.0.0.1:${ports[2]}/`, unnamed: 'http://no-such-host.invalid/'};
  const bad = Object.entries(urls).map(([name, endpointUrl]) => ({name, endpointUrl, timeoutInSeconds: 1}));
  await route({
    endpoints: {webhooks: [...bad, {name: 'good', endpointUrl: `http://127.0.0.1:${ports[0]}/`}]},
    routes: [{name: 'all', condition: `$connectionDeviceId = '${id}'`, endpointNames: [...Object.keys(urls), 'good', 'events']}],
  });
  const client = await connect(id);
  for (let i = 0; i < 10; i++)
    await client.sendEvent(message({i}));
  await within(60000, 'events', (async () => { while (got.length < 10) await new Promise(r => setTimeout(r, 50)); })());
  await collect(builtIn, e => e.length >= 10, of(id));
  await within(60000, 'their health', (async () => {
    for (;;) {
      const health = await call('GET', '/routing/endpointsHealth');
      if (Object.keys(urls).every(name => health.body.value.find(e => e.endpointId === name).healthStatus === 'unhealthy'))
        break;
      await new Promise(r => setTimeout(r, 100));
    }
  })());
  await client.close();
  await route({});
  for (const server of [good, rude, mute]) {
    server.closeAllConnections();
    server.close();
  }
});

test('bad configurations are refused with their place, and change nothing', async () => {
  const before = await call('GET', '/routing');
  const bad = await call('PUT', '/routing', '{\n  "routes": [\n    {"name": "r", "endpointNames": ["nobody"]}\n  ]\n}');
  assert.equal(bad.status, 400);
  assert.match(bad.body.Message, /line 3, column \d+: routes\[0\].endpointNames: there is no endpoint "nobody"/);
  const stale = await call('PUT', '/routing', {}, {'If-Match': '"0000"'});
  assert.equal(stale.status, 412);
  assert.equal((await call('GET', '/routing')).etag, before.etag);
});

test('routes can be tried out', async () => {
  await route({routes: [{name: 'hot', condition: 'level = \'high\'', endpointNames: ['events']}]});
  const all = await call('POST', '/routing/routes/$testall', {routingSource: 'DeviceMessages', message: {body: '{}', appProperties: {level: 'high'}}});
  assert.deepEqual(all.body.routes.map(r => r.properties.name), ['hot']);
  const none = await call('POST', '/routing/routes/$testall', {message: {body: '{}', appProperties: {level: 'low'}}});
  assert.deepEqual(none.body.routes.map(r => r.properties.name), ['$fallback']);
  const trial = condition => call('POST', '/routing/routes/$testnew', {
    message: {body: '{"t":5}', appProperties: {}}, twin: {tags: {a: 1}}, route: {name: 'x', source: 'DeviceMessages', condition, endpointNames: ['events'], isEnabled: true}});
  assert.equal((await trial('$body.t > 4 AND $twin.tags.a = 1')).body.result, 'true');
  assert.equal((await trial('$body.t > 6')).body.result, 'false');
  assert.equal((await trial('$body.x > 6')).body.result, 'undefined');
  const broken = (await trial('$body.t >')).body;
  assert.equal(broken.result, 'undefined');
  assert.equal(broken.details.compilationErrors.length, 1);
  assert.ok(broken.details.compilationErrors[0].location.start.column > 1);
  await route({});
});

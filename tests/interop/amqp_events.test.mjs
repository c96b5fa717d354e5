// The Event-Hub-compatible endpoint as its clients see it: @azure/event-hubs of two generations, over TLS
// and over WebSocket, and rhea, a plain AMQP 1.0 client that knows nothing of Event Hubs.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import * as eventHubs5 from 'event-hubs-5';
import rhea from 'rhea';
import WebSocket from 'ws';

const major = Number(process.versions.node.split('.')[0]);
const generations = {'5.12': eventHubs5};
if (major >= 20)
  generations['6.0'] = await import('@azure/event-hubs');

const connection = process.env.MILLRACE_HUB_EVENTS;
const fields = Object.fromEntries(connection.split(';').filter(Boolean).map(f => {
  const at = f.indexOf('=');
  return [f.slice(0, at), f.slice(at + 1)];
}));
const entity = fields.EntityPath;
const hub = process.env.MILLRACE_HUB;
const run = randomUUID();
const count = 40;
let partition; // where our device's events are

const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`no ${what} within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

// One device sends `count` numbered events.
test.before(async () => {
  const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {responseBody} = await registry.create({deviceId: run});
  const client = device.Client.fromConnectionString(
      `HostName=${hub};DeviceId=${run};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`, mqtt.Mqtt);
  await client.open();
  for (let i = 0; i < count; i++) {
    const m = new device.Message(JSON.stringify({i}));
    m.messageId = `${run}-${i}`;
    m.properties.add('parity', i % 2 ? 'odd' : 'even');
    await client.sendEvent(m);
  }
  await client.close();
});

const ours = e => e.systemProperties['iothub-connection-device-id'] === run;

async function collect(client, position, enough, options = {}) {
  const events = [];
  let subscription;
  await within(60000, 'events', new Promise((resolve, reject) => {
    const handlers = {
      processEvents: async (batch, context) => {
        for (const e of batch.filter(ours))
          events.push(Object.assign(e, {partitionId: context.partitionId, last: context.lastEnqueuedEventProperties}));
        if (enough(events))
          resolve();
      },
      processError: async e => reject(e),
    };
    const all = {startPosition: position, maxWaitTimeInSeconds: 1, ...options};
    subscription = options.partition === undefined ? client.subscribe(handlers, all)
                                                   : client.subscribe(options.partition, handlers, all);
  }));
  await subscription.close();
  return events;
}

for (const [version, lib] of Object.entries(generations)) {
  const named = text => `@azure/event-hubs ${version}: ${text}`;
  const reader = (group = '$Default', options = {}) => new lib.EventHubConsumerClient(group, connection, options);

  test(named('what the stream is'), async () => {
    const client = reader();
    const properties = await client.getEventHubProperties();
    assert.equal(properties.name, entity);
    assert.ok(properties.createdOn instanceof Date);
    assert.deepEqual(properties.partitionIds, ['0', '1', '2', '3']);
    let events = 0;
    for (const id of properties.partitionIds) {
      const p = await client.getPartitionProperties(id);
      assert.equal(p.partitionId, id);
      assert.equal(p.isEmpty, p.lastEnqueuedSequenceNumber < p.beginningSequenceNumber);
      events += p.lastEnqueuedSequenceNumber - p.beginningSequenceNumber + 1;
    }
    assert.ok(events >= count);
    await assert.rejects(client.getPartitionProperties('99'));
    await client.close();
  });

  test(named('all from the start, in order, in two consumer groups'), async () => {
    for (const group of ['$Default', 'second']) {
      const client = reader(group);
      const events = await collect(client, lib.earliestEventPosition, all => all.length >= count);
      assert.deepEqual(events.map(e => e.body.i), [...Array(count).keys()]);
      assert.deepEqual(events.map(e => e.messageId), [...Array(count).keys()].map(i => `${run}-${i}`));
      assert.ok(events.every(e => e.properties.parity === (e.body.i % 2 ? 'odd' : 'even')));
      partition = events[0].partitionId;
      await client.close();
    }
  });

  test(named('from a sequence number, an offset, a time'), async () => {
    const client = reader();
    const all = await collect(client, lib.earliestEventPosition, x => x.length >= count);
    const middle = all[count / 2];
    for (const position of [{sequenceNumber: middle.sequenceNumber}, {offset: middle.offset}]) {
      const rest = await collect(client, position, x => x.length >= count / 2 - 1, {partition});
      assert.deepEqual(rest.map(e => e.body.i), all.slice(count / 2 + 1).map(e => e.body.i));
      const inclusive = await collect(client, {...position, isInclusive: true}, x => x.length >= count / 2, {partition});
      assert.equal(inclusive[0].body.i, count / 2);
    }
    const later = await collect(client, {enqueuedOn: middle.enqueuedTimeUtc}, x => x.some(e => e.body.i === count - 1), {partition});
    assert.ok(later.every(e => e.enqueuedTimeUtc > middle.enqueuedTimeUtc));
    await client.close();
  });

  test(named('the newest is told with every event'), async () => {
    const client = reader();
    const events = await collect(client, lib.earliestEventPosition, x => x.length >= count,
                                 {partition, trackLastEnqueuedEventProperties: true});
    const {last} = events.at(-1);
    const p = await client.getPartitionProperties(partition);
    assert.equal(last.sequenceNumber, p.lastEnqueuedSequenceNumber);
    assert.equal(String(last.offset), String(p.lastEnqueuedOffset));
    assert.ok(last.enqueuedOn instanceof Date);
    await client.close();
  });

  test(named('over WebSocket'), async () => {
    const client = reader('$Default', {webSocketOptions: {webSocket: WebSocket}});
    const events = await collect(client, lib.earliestEventPosition, all => all.length >= count);
    assert.equal(events.length, count);
    await client.close();
  });

  test(named('a higher owner level takes the partition'), async () => {
    const first = reader(), second = reader();
    const stolen = within(60000, 'theft', new Promise(resolve => first.subscribe(partition, {
      processEvents: async () => {}, processError: async e => resolve(e)}, {ownerLevel: 1, startPosition: lib.latestEventPosition})));
    await new Promise(r => first.getPartitionIds().then(r));
    const events = await collect(second, lib.earliestEventPosition, x => x.length >= count, {partition, ownerLevel: 2});
    assert.equal(events.length, count);
    assert.equal((await stolen).code, 'ReceiverDisconnectedError');
    await first.close();
    await second.close();
  });

  test(named('what is wrong is said'), async () => {
    // Without this the SDK goes on trying behind our back, and the process does not end.
    const once = {retryOptions: {maxRetries: 0, timeoutInMs: 5000}};
    const wrongKey = new lib.EventHubConsumerClient('$Default', connection.replace(/SharedAccessKey=[^;]*/, 'SharedAccessKey=bm8='), once);
    await assert.rejects(within(60000, 'refusal', wrongKey.getEventHubProperties()));
    await wrongKey.close();
    const wrongName = new lib.EventHubConsumerClient('$Default', connection.replace(/EntityPath=[^;]*/, 'EntityPath=none'),
                                                     once);
    await assert.rejects(within(60000, 'refusal', wrongName.getEventHubProperties()), {code: 'MessagingEntityNotFoundError'});
    await wrongName.close();
  });
}

// ---- rhea: SASL PLAIN with the policy's name and key, as Event Hubs takes it from any AMQP client ----

function connect(options = {}) {
  const container = rhea.create_container();
  return container.connect({
    host: hub, port: 5671, transport: 'tls', reconnect: false, servername: undefined,
    username: fields.SharedAccessKeyName, password: fields.SharedAccessKey, ...options,
  });
}

const event = (emitter, name, ms = 10000) => within(ms, name, new Promise(resolve => emitter.once(name, resolve)));

function source(n, selector) {
  const s = {address: `${entity}/ConsumerGroups/$Default/Partitions/${n}`};
  if (selector)
    s.filter = {'apache.org:selector-filter:string': rhea.types.wrap_described(selector, 0x468C00000004)};
  return s;
}

test('rhea: credit, one message at a time, and drain', async () => {
  const c = connect();
  await event(c, 'connection_open');
  const r = c.open_receiver({source: source(partition), credit_window: 0, autoaccept: true});
  await event(r, 'receiver_open');
  const got = [];
  r.on('message', m => got.push(m.message));
  for (let i = 1; i <= 5; i++) {
    r.add_credit(1);
    await event(r, 'message');
    assert.equal(got.length, i);
  }
  assert.equal(got[4].message_annotations['x-opt-sequence-number'], got[0].message_annotations['x-opt-sequence-number'] + 4);
  r.drain = true;
  r.add_credit(5000);
  await event(r, 'receiver_drained');
  assert.ok(got.length >= count);
  assert.equal(r.credit, 0);
  c.close();
  await event(c, 'connection_close');
});

test('rhea: unsettled deliveries are settled by the reader', async () => {
  const c = connect();
  const r = c.open_receiver({source: source(partition), snd_settle_mode: 0, credit_window: 100});
  let n = 0;
  await within(10000, 'events', new Promise(resolve => r.on('message', m => {
    assert.equal(m.delivery.remote_settled, false);
    if (++n === count)
      resolve();
  })));
  c.close();
  await event(c, 'connection_close');
});

test('rhea: small frames are enough', async () => {
  const c = connect({max_frame_size: 512});
  const r = c.open_receiver({source: source(partition), credit_window: 10});
  let n = 0;
  await within(10000, 'events', new Promise(resolve => r.on('message', () => ++n === count && resolve())));
  c.close();
  await event(c, 'connection_close');
});

test('rhea: errors have the conditions of Event Hubs', async () => {
  const c = connect();
  await event(c, 'connection_open');
  const refused = async s => {
    const r = c.open_receiver({source: s});
    await event(r, 'receiver_error');
    return r.error.condition;
  };
  assert.equal(await refused({address: 'nothing'}), 'amqp:not-found');
  assert.equal(await refused(source(77)), 'com.microsoft:argument-out-of-range');
  assert.equal(await refused(source(0, 'nonsense')), 'com.microsoft:argument-error');
  c.close();
  await event(c, 'connection_close');
  const anonymous = connect({username: 'anonymous', password: undefined});
  await event(anonymous, 'connection_open');
  const r = anonymous.open_receiver({source: source(0)});
  await event(r, 'receiver_error');
  assert.equal(r.error.condition, 'amqp:unauthorized-access');
  anonymous.close();
  await event(anonymous, 'connection_close');
  const wrong = connect({password: 'bm8='});
  wrong.on('connection_error', () => {});
  wrong.on('error', () => {});
  await event(wrong, 'disconnected');
});

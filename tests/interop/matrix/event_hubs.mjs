// @azure/event-hubs over TCP and WebSocket. The buffered producer is left out: it sends by the same clients.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import WebSocket from 'ws';
import {eventHubs} from '../events.mjs';
import {until} from './site.mjs';

const events = process.env.MILLRACE_HUB_EVENTS;
const {EventHubConsumerClient, EventHubProducerClient} = eventHubs;
const retryOptions = {maxRetries: 0, timeoutInMs: 20000};
const optionsOf = v => v.transport === 'WebSocket' ? {retryOptions, webSocketOptions: {webSocket: WebSocket}} : {retryOptions};

// Of a group of its own: a group has room for few readers of a partition.
function consumer(v, group = `of-${randomUUID()}`) {
  const client = new EventHubConsumerClient(group, events, optionsOf(v));
  v.defer(() => client.close());
  return client;
}

function producer(v) {
  const client = new EventHubProducerClient(events, optionsOf(v));
  v.defer(() => client.close());
  return client;
}

// The events that this subscription sees whose property `of` is this mark, until `count` of them came.
function hears(client, mark, count, partition) {
  const got = [];
  const arrived = new Promise((resolve, reject) => {
    const handlers = {
      processEvents: async batch => {
        got.push(...batch.filter(e => e.properties?.of === mark));
        if (got.length >= count)
          resolve(got);
      },
      processError: async e => { reject(e); },
    };
    const options = {startPosition: eventHubs.earliestEventPosition, maxWaitTimeInSeconds: 1};
    partition === undefined ? client.subscribe(handlers, options) : client.subscribe(partition, handlers, options);
  });
  return arrived;
}

const eventsOf = (mark, n) => Array.from({length: n}, (_, i) => ({body: {i}, properties: {of: mark}, messageId: `${mark}-${i}`}));

const shared = make => [
  {method: 'close', async run(v) {
    const client = make(v);
    await client.getPartitionIds();
    await client.close();
    await assert.rejects(client.getPartitionIds());
  }},
  {method: 'getEventHubProperties', async run(v) {
    const p = await make(v).getEventHubProperties();
    assert.equal(p.name, 'millrace');
    assert.deepEqual(p.partitionIds, ['0', '1', '2', '3']);
    assert.ok(p.createdOn instanceof Date);
  }},
  {method: 'getPartitionIds', async run(v) {
    assert.deepEqual(await make(v).getPartitionIds(), ['0', '1', '2', '3']);
  }},
  {method: 'getPartitionProperties', async run(v) {
    const p = await make(v).getPartitionProperties('1');
    assert.equal(p.partitionId, '1');
    assert.ok(p.lastEnqueuedSequenceNumber >= p.beginningSequenceNumber - 1);
    await assert.rejects(make(v).getPartitionProperties('77'));
  }},
];

const consumerRows = [
  ...shared(consumer),
  {method: 'subscribe', async run(v) {
    const mark = randomUUID();
    const heard = hears(consumer(v), mark, 3);
    await producer(v).sendBatch(eventsOf(mark, 3), {partitionKey: mark});
    const got = await heard;
    assert.deepEqual(got.map(e => e.body.i), [0, 1, 2]);
    assert.ok(got.every(e => e.partitionKey === mark));
  }},
  {method: 'subscribe (one partition, owner level)', async run(v) {
    const mark = randomUUID();
    await producer(v).sendBatch(eventsOf(mark, 2), {partitionId: '2'});
    assert.deepEqual((await hears(consumer(v), mark, 2, '2')).map(e => e.body.i), [0, 1]);
    let pushed = null;
    const group = `owned-${mark}`;
    const low = consumer(v, group).subscribe('3', {processEvents: async () => {}, processError: async e => { pushed = e; }}, {ownerLevel: 1});
    v.defer(() => low.close());
    await new Promise(r => setTimeout(r, 1000)); // nothing tells that it reads
    const high = consumer(v, group).subscribe('3', {processEvents: async () => {}, processError: async () => {}}, {ownerLevel: 2});
    v.defer(() => high.close());
    await until('the lower owner', () => pushed);
    assert.equal(pushed.code, 'ReceiverDisconnectedError');
  }},
];

const producerRows = [
  ...shared(producer),
  {method: 'createBatch', async run(v) {
    const client = producer(v);
    const batch = await client.createBatch({partitionId: '0'});
    assert.ok(batch.maxSizeInBytes >= 256 * 1024);
    const mark = randomUUID();
    for (const e of eventsOf(mark, 10))
      assert.ok(batch.tryAdd(e));
    assert.ok(!batch.tryAdd({body: 'x'.repeat(batch.maxSizeInBytes)}));
    await client.sendBatch(batch);
    assert.equal((await hears(consumer(v), mark, 10, '0')).length, 10);
  }},
  {method: 'sendBatch', async run(v) {
    const mark = randomUUID();
    await producer(v).sendBatch(eventsOf(mark, 1));
    const [e] = await hears(consumer(v), mark, 1);
    assert.equal(e.messageId, `${mark}-0`);
  }},
  {method: 'getPartitionPublishingProperties', async run(v) {
    const p = await producer(v).getPartitionPublishingProperties('0');
    assert.equal(p.isIdempotentPublishingEnabled, false);
  }},
];

const text = [
  {method: 'parseEventHubConnectionString', run() {
    const parsed = eventHubs.parseEventHubConnectionString(events);
    assert.equal(parsed.eventHubName, 'millrace');
    assert.ok(parsed.sharedAccessKey);
  }},
];

// Of @azure/event-hubs 6 these are private by their types alone.
const internal = ['createEventProcessorForAllPartitions', 'createEventProcessorForSinglePartition'];
const transports = ['TCP', 'WebSocket'];

export const tables = [
  {pack: '@azure/event-hubs', type: 'EventHubConsumerClient', transports, rows: consumerRows, covers: [EventHubConsumerClient], internal},
  {pack: '@azure/event-hubs', type: 'EventHubProducerClient', transports, rows: producerRows, covers: [EventHubProducerClient]},
  {pack: '@azure/event-hubs', type: 'functions', rows: text, covers: []},
];

// Sending into the stream with @azure/event-hubs: what a producer sends, a reader gets as it was.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import {EventHubConsumerClient, EventHubProducerClient, EventHubBufferedProducerClient, earliestEventPosition} from '@azure/event-hubs';
import WebSocket from 'ws';

const connection = process.env.MILLRACE_HUB_EVENTS;
const run = randomUUID();

const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error(`no ${what} within ${ms} ms`)), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

async function collect(mark, count) {
  const client = new EventHubConsumerClient('$Default', connection);
  const events = [];
  await within(60000, 'events', new Promise((resolve, reject) => client.subscribe({
    processEvents: async (batch, context) => {
      for (const e of batch.filter(e => e.properties?.mark === mark))
        events.push(Object.assign(e, {partitionId: context.partitionId}));
      if (events.length >= count)
        resolve();
    },
    processError: async e => reject(e),
  }, {startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1})));
  await client.close();
  return events;
}

for (const [name, options] of Object.entries({TCP: {}, WebSocket: {webSocketOptions: {webSocket: WebSocket}}})) {
  test(`a batch with a partition key over ${name}: one partition, in order`, async () => {
    const mark = `${run}-key-${name}`;
    const producer = new EventHubProducerClient(connection, options);
    const batch = await producer.createBatch({partitionKey: 'line 7'});
    for (let i = 0; i < 20; i++)
      assert.ok(batch.tryAdd({body: {i}, messageId: `m${i}`, correlationId: 'c', contentType: 'application/json',
                              properties: {mark, n: i, half: i / 2, even: i % 2 === 0}}));
    await producer.sendBatch(batch);
    const events = await collect(mark, 20);
    assert.deepEqual(events.map(e => e.body.i), [...Array(20).keys()]);
    assert.equal(new Set(events.map(e => e.partitionId)).size, 1);
    assert.ok(events.every(e => e.partitionKey === 'line 7' && e.correlationId === 'c' && e.contentType === 'application/json'));
    assert.deepEqual(events.map(e => e.messageId), [...Array(20).keys()].map(i => `m${i}`));
    assert.deepEqual(events[5].properties, {mark, n: 5, half: 2.5, even: false});
    assert.ok(events[0].enqueuedTimeUtc instanceof Date);
    await producer.close();
  });
}

test('into a named partition, and what the stream then says of it', async () => {
  const mark = `${run}-partition`;
  const producer = new EventHubProducerClient(connection);
  assert.deepEqual(await producer.getPartitionIds(), ['0', '1', '2', '3']);
  const before = await producer.getPartitionProperties('2');
  const batch = await producer.createBatch({partitionId: '2'});
  batch.tryAdd({body: 'text', properties: {mark}});
  await producer.sendBatch(batch);
  const after = await producer.getPartitionProperties('2');
  assert.equal(after.lastEnqueuedSequenceNumber, before.lastEnqueuedSequenceNumber + 1);
  const [e] = await collect(mark, 1);
  assert.equal(e.partitionId, '2');
  assert.equal(e.sequenceNumber, after.lastEnqueuedSequenceNumber);
  await producer.close();
});

test('bodies keep their kind: data, value, sequence', async () => {
  const mark = `${run}-kinds`;
  const producer = new EventHubProducerClient(connection);
  const kinds = [
    {bodyType: 'data', body: Buffer.from([0, 1, 255])},
    {bodyType: 'value', body: 42},
    {bodyType: 'value', body: {a: [1, 'x']}},
    {bodyType: 'sequence', body: [[1, 2], ['three']]},
  ];
  await producer.sendBatch(kinds.map(k => ({...k, applicationProperties: {mark}})), {partitionId: '1'});
  const events = await collect(mark, kinds.length);
  const raw = events.map(e => e.getRawAmqpMessage());
  assert.deepEqual(raw.map(r => r.bodyType), kinds.map(k => k.bodyType));
  assert.deepEqual(Buffer.from(events[0].body), kinds[0].body);
  assert.deepEqual(events.slice(1).map(e => e.body), kinds.slice(1).map(k => k.body));
  await producer.close();
});

test('a buffered producer, many events, spread over the partitions', async () => {
  const mark = `${run}-many`, count = 5000;
  const errors = [];
  const producer = new EventHubBufferedProducerClient(connection, {onSendEventsErrorHandler: async c => errors.push(c.error), maxWaitTimeInMs: 100});
  for (let i = 0; i < count; i++)
    await producer.enqueueEvent({body: {i}, properties: {mark}});
  await producer.flush();
  await producer.close();
  assert.deepEqual(errors, []);
  const events = await collect(mark, count);
  assert.equal(new Set(events.map(e => e.body.i)).size, count);
  assert.equal(events.length, count);
  assert.ok(new Set(events.map(e => e.partitionId)).size > 1);
});

test('who may not send is told so', async () => {
  const producer = new EventHubProducerClient(connection.replace(/EntityPath=[^;]*/, 'EntityPath=none'),
                                              {retryOptions: {maxRetries: 0, timeoutInMs: 5000}});
  await assert.rejects(within(60000, 'refusal', producer.sendBatch([{body: 1}])), {code: 'MessagingEntityNotFoundError'});
  await producer.close();
});

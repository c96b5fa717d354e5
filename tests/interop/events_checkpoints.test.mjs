// Consumers that share the partitions among them, as @azure/event-hubs does it with a checkpoint store:
// each partition has one owner, a new consumer takes its share, and who comes back goes on where it was.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import {EventHubConsumerClient, EventHubProducerClient, earliestEventPosition} from '@azure/event-hubs';

const connection = process.env.MILLRACE_HUB_EVENTS;
const run = randomUUID();

const until = async (ms, what, condition) => {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (condition())
      return;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`no ${what} within ${ms} ms`);
};

// The SDK's interface, over maps.
class MemoryStore {
  ownerships = new Map();
  checkpoints = new Map();
  async listOwnership() { return [...this.ownerships.values()]; }
  async claimOwnership(wanted) {
    return wanted.filter(o => {
      const now = this.ownerships.get(o.partitionId);
      return !now || now.etag === o.etag;
    }).map(o => {
      const mine = {...o, etag: randomUUID(), lastModifiedTimeInMs: Date.now()};
      this.ownerships.set(o.partitionId, mine);
      return mine;
    });
  }
  async updateCheckpoint(c) { this.checkpoints.set(c.partitionId, c); }
  async listCheckpoints() { return [...this.checkpoints.values()]; }
}

async function send(first, count) {
  const producer = new EventHubProducerClient(connection);
  for (const partitionId of await producer.getPartitionIds()) {
    const batch = await producer.createBatch({partitionId});
    for (let i = first; i < first + count; i++)
      batch.tryAdd({body: i, properties: {run}});
    await producer.sendBatch(batch);
  }
  await producer.close();
}

const options = {loadBalancingOptions: {strategy: 'greedy', updateIntervalInMs: 300, partitionOwnershipExpirationIntervalInMs: 5000}};

function consume(store, got) {
  const client = new EventHubConsumerClient('$Default', connection, store, options);
  const partitions = new Set();
  const subscription = client.subscribe({
    processInitialize: async context => { partitions.add(context.partitionId); },
    processClose: async (reason, context) => { partitions.delete(context.partitionId); },
    processEvents: async (events, context) => {
      for (const e of events.filter(e => e.properties?.run === run))
        got.push(`${context.partitionId}:${e.body}`);
      if (events.length)
        await context.updateCheckpoint(events.at(-1));
    },
    processError: async () => {}, // a partition that another took
  }, {startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1});
  return {partitions, close: async () => { await subscription.close(); await client.close(); }};
}

const all = (first, count) => ['0', '1', '2', '3'].flatMap(p => [...Array(count).keys()].map(i => `${p}:${first + i}`)).sort();

test('partitions are shared, and who comes back goes on where it was', async () => {
  const store = new MemoryStore(), one = [], two = [], three = [];
  await send(0, 5);
  const a = consume(store, one);
  await until(60000, 'events', () => one.length >= 20);
  assert.equal(a.partitions.size, 4);
  assert.deepEqual(one.sort(), all(0, 5));
  const b = consume(store, two);
  await until(60000, 'share', () => a.partitions.size === 2 && b.partitions.size === 2);
  const before = one.length;
  await send(5, 5);
  await until(60000, 'events', () => new Set([...one.slice(before), ...two]).size >= 20);
  await a.close();
  await b.close();
  await send(10, 5);
  const c = consume(store, three);
  await until(60000, 'events', () => new Set(three.filter(x => Number(x.split(':')[1]) >= 10)).size >= 20);
  assert.deepEqual([...new Set(three)].sort(), all(10, 5)); // nothing that was checkpointed
  await c.close();
});

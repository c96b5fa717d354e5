// Prints every event of the hub as a JSON line, read with @azure/event-hubs from the start to the end that each
// partition had when it began; an end when nothing came for QUIET ms before is a failure:
//   node read_all.mjs CONNECTION_STRING [QUIET]
import {once} from 'node:events';
import {eventHubs} from './events.mjs';

const [connectionString, quiet = '20000'] = process.argv.slice(2);
const client = new eventHubs.EventHubConsumerClient('$Default', connectionString);
const ends = new Map(); // partition: the last sequence number that is to come
for (const id of await client.getPartitionIds()) {
  const p = await client.getPartitionProperties(id);
  if (!p.isEmpty)
    ends.set(id, p.lastEnqueuedSequenceNumber);
}
let last = Date.now();
let failed = null;
const subscription = client.subscribe({
  processEvents: async (batch, context) => {
    if (batch.length === 0)
      return;
    last = Date.now();
    const lines = batch.map(e => JSON.stringify({
      device: e.systemProperties['iothub-connection-device-id'],
      module: e.systemProperties['iothub-connection-module-id'],
      partition: context.partitionId,
      sequence: e.sequenceNumber,
      properties: e.properties,
      contentType: e.contentType,
      body: Buffer.isBuffer(e.body) ? e.body.toString() : e.body,
    })).join('\n') + '\n';
    if (!process.stdout.write(lines))
      await once(process.stdout, 'drain');
    if (batch.at(-1).sequenceNumber >= ends.get(context.partitionId))
      ends.delete(context.partitionId);
  },
  processError: async e => { failed = e; },
}, {startPosition: eventHubs.earliestEventPosition, maxBatchSize: 500, maxWaitTimeInSeconds: 1});
while (ends.size && !failed) {
  if (Date.now() - last > Number(quiet))
    failed = new Error(`nothing more came, and the end of partitions ${[...ends.keys()]} did not`);
  await new Promise(r => setTimeout(r, 20));
}
await subscription.close();
await client.close();
if (failed)
  console.error(failed.message || failed);
process.exitCode = failed ? 1 : 0;

// Prints every event of the hub as a JSON line, read with @azure/event-hubs from the start, until COUNT events
// came or none came for QUIET ms:  node read_all.mjs CONNECTION_STRING [QUIET] [PREFIX of the module id]
import {once} from 'node:events';
import {eventHubs} from './events.mjs';

const [connectionString, quiet = '3000'] = process.argv.slice(2);
const client = new eventHubs.EventHubConsumerClient('$Default', connectionString);
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
  },
  processError: async e => { failed = e; },
}, {startPosition: eventHubs.earliestEventPosition, maxBatchSize: 500, maxWaitTimeInSeconds: 1});
while (Date.now() - last < Number(quiet) && !failed)
  await new Promise(r => setTimeout(r, 100));
await subscription.close();
await client.close();
if (failed)
  console.error(failed.message);
process.exitCode = failed ? 1 : 0;

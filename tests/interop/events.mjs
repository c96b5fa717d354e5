// @azure/event-hubs of a version that this Node runs, and reading with it until a condition holds.
const major = Number(process.versions.node.split('.')[0]);
export const eventHubs = await import(major >= 20 ? '@azure/event-hubs' : 'event-hubs-5');

// Reads all partitions from `position` until enough(events) is true; the events in order of arrival.
export async function readUntil(enough, position, {group = '$Default', ms = 60000} = {}) {
  const {EventHubConsumerClient} = eventHubs;
  const client = new EventHubConsumerClient(group, process.env.MILLRACE_HUB_EVENTS);
  const events = [];
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`after ${ms} ms only ${events.length} events`)), ms);
      client.subscribe({
        processEvents: async (batch, context) => {
          for (const e of batch)
            events.push(Object.assign(e, {partitionId: context.partitionId}));
          if (enough(events)) {
            clearTimeout(timer);
            resolve();
          }
        },
        processError: async e => { clearTimeout(timer); reject(e); },
      }, {startPosition: position, maxWaitTimeInSeconds: 1, maxBatchSize: 1000}); // one by one they take 8 ms each
    });
  } finally {
    await client.close();
  }
  return events;
}

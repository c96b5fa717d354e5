// node gateway_node.mjs OPC-UA-URL MQTT-URL NODES INTERVAL-MS [secure]: the publisher's peer, a gateway as one
// writes it in an afternoon. Subscribes to Load1 to Load<NODES> of `millrace plant` and sends what
// changes as JSON arrays, MQTT QoS 1.
import {createRequire} from 'node:module';
const require = createRequire(new URL('../tests/interop/package.json', import.meta.url));
const {AttributeIds, MessageSecurityMode, OPCUAClient, SecurityPolicy, TimestampsToReturn} = require('node-opcua-client');
const {connectAsync} = require('mqtt');

const [url, broker, count, interval, secure] = process.argv.slice(2);
const PER_SUBSCRIPTION = 5000, PER_CALL = 1000, PER_MESSAGE = 1000;
const mqtt = await connectAsync(broker, {clientId: 'gateway'});
let batch = [];

function flush() {
  if (batch.length > 0)
    mqtt.publish('gateway/values', JSON.stringify(batch), {qos: 1});
  batch = [];
}

function on(name, {value, sourceTimestamp}) {
  batch.push({name, value: value.value, sourceTimestamp});
  if (batch.length >= PER_MESSAGE)
    flush();
}

const security = {securityMode: MessageSecurityMode.SignAndEncrypt, securityPolicy: SecurityPolicy.Basic256Sha256};
const client = OPCUAClient.create({endpointMustExist: false, ...secure ? security : {}});
await client.connect(url);
const session = await client.createSession();
const space = (await session.readNamespaceArray()).indexOf('http://microsoft.com/Opc/OpcPlc/');
const names = Array.from({length: Number(count)}, (_, i) => `Load${i + 1}`);

for (let first = 0; first < names.length; first += PER_SUBSCRIPTION) {
  const subscription = await session.createSubscription2({
    requestedPublishingInterval: Number(interval), requestedLifetimeCount: 1000, requestedMaxKeepAliveCount: 10,
    maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 1,
  });
  const mine = names.slice(first, first + PER_SUBSCRIPTION);
  for (let at = 0; at < mine.length; at += PER_CALL) {
    const part = mine.slice(at, at + PER_CALL);
    const items = part.map(name => ({nodeId: `ns=${space};s=${name}`, attributeId: AttributeIds.Value}));
    const parameters = {samplingInterval: Number(interval), queueSize: 10, discardOldest: true};
    const group = await subscription.monitorItems(items, parameters, TimestampsToReturn.Source);
    group.on('changed', (item, value, index) => on(part[index], value));
  }
}
setInterval(flush, 100);

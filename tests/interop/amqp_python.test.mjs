// The Event-Hub-compatible endpoint against Azure's Python SDK, which has an AMQP stack of its own: Debian's
// python3-azure and python3-websocket, which ./setup --tests installs, or a virtual environment named in PYTHON.
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';

const python = process.env.PYTHON ?? '/usr/bin/python3';
const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'amqp_python.py');
const count = 20;

test('azure-eventhub: order, properties, WebSocket, owner level, errors', async () => {
  const id = randomUUID();
  const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {responseBody} = await registry.create({deviceId: id});
  const client = device.Client.fromConnectionString(
      `HostName=${process.env.MILLRACE_HUB};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`, mqtt.Mqtt);
  await client.open();
  for (let i = 0; i < count; i++) {
    const m = new device.Message(JSON.stringify({i}));
    m.messageId = `${id}-${i}`;
    m.contentType = 'application/json';
    m.properties.add('parity', i % 2 ? 'odd' : 'even');
    await client.sendEvent(m);
  }
  await client.close();
  const child = spawn(python, [script, id, String(count)], {stdio: 'inherit', timeout: 120000});
  const code = await new Promise(resolve => child.on('exit', resolve));
  if (code !== 0)
    throw new Error(`amqp_python.py ended with ${code}`);
});

// Devices by uamqp, which is what Azure's C SDK has below it, in the version of python_sdks.txt, which ./run test installs
// into build/python.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import common from 'azure-iot-common';
import iothub from 'azure-iothub';
import {eventHubs, readUntil} from './events.mjs';
import {python, withPython} from './python.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const script = path.join(here, 'amqp_uamqp.py');
const hub = process.env.MILLRACE_HUB;

test('uamqp: batches, MSSBCBS, SASL PLAIN, messages with outcomes', withPython, async () => {
  const id = `uamqp-${randomUUID()}`;
  const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {responseBody} = await registry.create({deviceId: id});
  await service.open();
  for (const text of ['once', 'again', 'never'])
    await service.send(id, new common.Message(text));
  const token = common.SharedAccessSignature.create(`${hub}/devices/${id}`, undefined, responseBody.authentication.symmetricKey.primaryKey,
                                                    Math.ceil(Date.now() / 1000) + 600).toString();
  const child = spawn(python, [script, hub, id, token, process.env.NODE_EXTRA_CA_CERTS], {stdio: 'inherit', timeout: 60000});
  assert.equal(await new Promise(resolve => child.on('exit', resolve)), 0);
  await service.close();
  assert.equal((await registry.get(id)).responseBody.cloudToDeviceMessageCount, 0);
  const mine = all => all.filter(e => e.systemProperties['iothub-connection-device-id'] === id);
  const events = mine(await readUntil(all => mine(all).length >= 5, eventHubs.earliestEventPosition));
  assert.deepEqual(events.map(e => Number(String(e.body))), [0, 1, 2, 3, 4]);
  assert.equal(events[1].properties.from, 'batch');
  assert.deepEqual(events[3].properties, {n: '3'});
  assert.equal(events[3].messageId, 'm3');
});

// The blob store against Azure's Python SDKs, in the versions of python_sdks.txt, which ./run test installs into build/python.
import {spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import iothub from 'azure-iothub';
import {python, withPython} from './python.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const script = path.join(here, 'blobs_python.py');

test('azure-storage-blob: digests, blocks, lists; azure-iot-device: an upload', withPython, async () => {
  const id = `py-${randomUUID()}`;
  const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {responseBody} = await registry.create({deviceId: id});
  const device = `HostName=${process.env.MILLRACE_HUB};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`;
  const child = spawn(python, [script, id, device], {stdio: 'inherit', timeout: 120000});
  const code = await new Promise(resolve => child.on('exit', resolve));
  if (code !== 0)
    throw new Error(`blobs_python.py ended with ${code}`);
});

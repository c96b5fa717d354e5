// The blob store against Azure's Python SDKs. Skipped where azure-storage-blob is not installed: Debian's python3-azure, or a
// virtual environment named in PYTHON.
import {spawn, spawnSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import iothub from 'azure-iothub';

const python = process.env.PYTHON ?? '/usr/bin/python3';
const there = spawnSync(python, ['-c', 'import azure.storage.blob']).status === 0;
const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'blobs_python.py');

test('azure-storage-blob: digests, blocks, lists; azure-iot-device: an upload', {skip: !there && `${python} has no azure-storage-blob`}, async () => {
  const id = `py-${randomUUID()}`;
  const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {responseBody} = await registry.create({deviceId: id});
  const device = `HostName=${process.env.MILLRACE_HUB};DeviceId=${id};SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey}`;
  const child = spawn(python, [script, id, device], {stdio: 'inherit', timeout: 120000});
  const code = await new Promise(resolve => child.on('exit', resolve));
  if (code !== 0)
    throw new Error(`blobs_python.py ended with ${code}`);
});

// Azure's Python SDKs for devices and services, in the versions of python_sdks.txt, which ./run test installs into
// build/python.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import {selfSigned} from './matrix/certificates.mjs';
import {python, withPython} from './python.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

test('azure-iot-device and azure-iot-hub: telemetry, twins, methods, messages, files, registry', withPython, async () => {
  const {cert, key, sha1, sha256} = selfSigned('python');
  const file = name => path.join(process.env.MILLRACE_FOLDER, name);
  writeFileSync(file('python.pem'), cert);
  writeFileSync(file('python.key'), key);
  const certificate = {sha1, sha256, certFile: file('python.pem'), keyFile: file('python.key')};
  const child = spawn(python, [path.join(here, 'python_sdks.py')],
                      {stdio: 'inherit', timeout: 200000, env: {...process.env, CERTIFICATE: JSON.stringify(certificate)}});
  assert.equal(await new Promise((resolve, reject) => child.on('exit', resolve).on('error', reject)), 0);
});

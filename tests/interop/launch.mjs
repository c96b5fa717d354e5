// node launch.mjs SCRIPT: starts a hub on a loopback address of its own with the ports that the SDKs
// fix (443, 5671, 8883) and the options in MILLRACE_HUB_OPTIONS, lets Node trust its authority, runs SCRIPT with node --test, and ends the hub.
import {spawn, execFileSync} from 'node:child_process';
import {mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const millrace = process.env.MILLRACE ?? path.join(here, '../../build/release/millrace');
const random = n => 1 + Math.floor(Math.random() * n);
const address = `127.${15 + random(230)}.${random(250)}.${1 + random(250)}`;
const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-interop-'));
const data = path.join(folder, 'hub');
const log = openSync(path.join(folder, 'hub.log'), 'a');
const hub = spawn(millrace, ['hub', '--data', data, '--name', address, '--listen', address, '--log.level', 'debug', ...(process.env.MILLRACE_HUB_OPTIONS ?? '').split(' ').filter(Boolean)],
                  {stdio: ['ignore', log, log]});
let ended = null;
hub.on('exit', code => { ended = code ?? -1; });

function ready() {
  return new Promise(resolve => {
    let ca;
    try {
      ca = readFileSync(path.join(data, 'tls/ca.pem'));
    } catch {
      resolve(false);
      return;
    }
    https.get({host: address, path: '/readyz', ca, agent: false}, r => { r.resume(); resolve(r.statusCode === 200); })
        .on('error', () => resolve(false));
  });
}

async function until(what, condition, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (ended !== null)
      throw new Error(`the hub ended with ${ended}:\n${readFileSync(path.join(folder, 'hub.log'), 'utf8')}`);
    if (await condition())
      return;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

const connectionString = (...more) =>
    execFileSync(millrace, ['hub', 'connection-string', '--data', data, '--name', address, ...more], {encoding: 'utf8'}).trim();

let code = 1;
try {
  await until('the hub', ready, 20000);
  const test = spawn(process.execPath, ['--test', process.argv[2]], {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_EXTRA_CA_CERTS: path.join(data, 'tls/ca.pem'),
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${path.join(here, 'long_timers.cjs')}`,
      MILLRACE: millrace,
      MILLRACE_HUB: address,
      MILLRACE_HUB_OWNER: connectionString(),
      MILLRACE_HUB_EVENTS: connectionString('--events'),
      MILLRACE_HUB_BLOBS: connectionString('--blobs'),
      MILLRACE_HUB_PID: String(hub.pid),
      MILLRACE_PROVISIONING: connectionString('--provisioning'),
      MILLRACE_ID_SCOPE: connectionString('--id-scope'),
      MILLRACE_FOLDER: folder,
    },
  });
  code = await new Promise(resolve => test.on('exit', c => resolve(c ?? 1)));
} catch (e) {
  console.error(e.message);
} finally {
  hub.kill('SIGTERM');
  const late = setTimeout(() => hub.kill('SIGKILL'), 5000);
  if (ended === null)
    await new Promise(resolve => hub.on('exit', resolve));
  clearTimeout(late);
  if (ended !== 0) {
    console.error(`the hub ended with ${ended}`);
    code = code || 1;
  }
  if (code)
    console.error(`the hub's log, its end:\n${readFileSync(path.join(folder, 'hub.log'), 'utf8').slice(-6000)}`);
  else
    rmSync(folder, {recursive: true, force: true});
}
process.exit(code);

// The hub dies at random moments under a mix of work: killed, and with the power cut. Nothing that was acknowledged is lost,
// versions never go back, and no message to a device is delivered after it was completed.
import assert from 'node:assert';
import {execFileSync} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {mkdirSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {Backend, Device, FaultyHub, pause, verify} from './faulty_hub.mjs';
import {folder, until} from './site.mjs';

const LONG = process.env.MILLRACE_TEST_FORM === 'long';
const KILLS = LONG ? 100 : 12;
const CUTS = LONG ? 30 : 5;

async function mix(t, hub, times, fault) {
  const devices = [];
  for (let n = 0; n < 3; n++)
    devices.push(await new Device(hub, `d${n}`).create());
  const backend = new Backend(hub, devices).begin();
  devices.forEach(d => d.begin());
  const done = () => devices.reduce((sum, d) => sum + d.acknowledged.size, 0);
  t.after(async () => {
    backend.stopped = true;
    backend.close();
    devices.forEach(d => {
      d.stopped = true;
      d.client.end(true);
    });
    await hub.end('SIGKILL');
  });
  for (let n = 0; n < times; n++) {
    const [events, messages] = [done() + randomInt(1, 2000), backend.accepted.size + randomInt(1, 10)];
    const stands = () => `${done()} of ${events} events, ${backend.accepted.size} of ${messages} messages`;
    await until({toString: () => `the work to go on: ${stands()}`}, () => done() >= events && backend.accepted.size >= messages, 60000);
    await pause(randomInt(0, 50));
    await fault();
  }
  await backend.stop();
  await Promise.all(devices.map(d => d.stop()));
  const {wrong, events} = await verify(hub, devices, backend);
  console.log(`${times} faults: ${done()} events acknowledged and ${events} there, ${backend.accepted.size} messages to devices accepted, ` +
              `${backend.completed.size} told as completed, ${backend.jobs.length} jobs, versions up to ${devices[0].reported.version} and ${devices[0].desired.version}`);
  assert.deepStrictEqual(wrong, []);
  assert.ok(backend.completed.size > 0 && backend.jobs.length > 0);
}

test(`killed ${KILLS} times`, {timeout: LONG ? 900000 : 180000}, async t => {
  const hub = await new FaultyHub('killed').up();
  await mix(t, hub, KILLS, async () => {
    await hub.end('SIGKILL');
    await hub.up();
  });
  assert.strictEqual(await hub.end(), 0);
});

// A file system in a file: what the hub has not brought to the disk is in the memory of the file system alone, so a copy of the
// file, made while the hub stands still, is what a disk has after the power went.
const run = (...words) => execFileSync(words[0], words.slice(1), {stdio: ['ignore', 'pipe', 'pipe']}).toString().trim();

function canMount() {
  if (process.getuid() !== 0)
    return 'only root may mount';
  try {
    run('losetup', '-f');
    return false;
  } catch {
    return 'this machine has no loop devices';
  }
}

test(`the power is cut ${CUTS} times`, {timeout: LONG ? 900000 : 180000, skip: canMount()}, async t => {
  const mount = path.join(folder, 'disk');
  let image = path.join(folder, 'disk0.img');
  mkdirSync(mount);
  run('truncate', '-s', '768M', image);
  run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=1', image);
  run('mount', '-o', 'loop', image, mount);
  t.after(() => run('sh', '-c', `umount -l ${mount} || true`));
  const hub = await new FaultyHub('cut', {data: path.join(mount, 'hub')}).up();
  let n = 0;
  await mix(t, hub, CUTS, async () => {
    const next = path.join(folder, `disk${++n}.img`);
    hub.child.kill('SIGSTOP');
    run('cp', '--sparse=always', image, next);
    await hub.end('SIGKILL');
    run('umount', mount);
    run('rm', image);
    image = next;
    run('mount', '-o', 'loop', image, mount);
    await hub.up();
  });
  assert.strictEqual(await hub.end(), 0);
});

// The n-th open, write or sync of the hub fails while a script of 200 operations runs: each is acknowledged or it is not, and
// what was acknowledged is there after a restart. All n in the long form, a spread of them in the short one.
import assert from 'node:assert';
import {execFileSync} from 'node:child_process';
import {readFileSync, rmSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import mqtt from 'mqtt';
import rhea from 'rhea';
import {FaultyHub, pause, sas} from './faulty_hub.mjs';
import {folder} from './site.mjs';

const LONG = process.env.MILLRACE_TEST_FORM === 'long';
const EACH = Number(process.env.MILLRACE_NTH_EACH ?? (LONG ? Infinity : 5));
const API = 'api-version=2021-04-12';
const shim = path.join(folder, 'nth_call.so');
const source = path.join(path.dirname(fileURLToPath(import.meta.url)), '../faults/nth_call.c');
execFileSync('cc', ['-shared', '-fPIC', '-O1', '-D_GNU_SOURCE', '-o', shim, source, '-ldl']);

const within = (promise, ms) => {
  let timer;
  return Promise.race([promise, new Promise((_, reject) => { timer = setTimeout(reject, ms, new Error('no answer')); })])
      .finally(() => clearTimeout(timer));
};

// ---- one client that does one thing after the other ----

class Script {
  constructor(hub) {
    Object.assign(this, {hub, events: [], reported: {n: 0, version: 0}, desired: {n: 0, version: 0}, devices: [], messages: [],
      completed: new Set(), got: new Map(), failed: 0, rid: 0});
  }

  async connected() {
    if (this.client?.connected)
      return;
    this.client?.end(true);
    this.client = mqtt.connect({protocol: 'mqtts', host: this.hub.address, port: 8883, ca: this.hub.ca(), clientId: 'd', clean: false,
      protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 3000, username: `${this.hub.address}/d/?${API}`,
      password: sas(`${this.hub.address}/devices/d`, this.key)});
    this.client.on('error', () => {});
    this.client.on('message', (topic, payload) => {
      const twin = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=(\d+)(?:&\$version=(\d+))?/.exec(topic);
      if (twin)
        this.answer?.({status: Number(twin[1]), rid: Number(twin[2]), version: Number(twin[3])});
      else
        this.got.set(payload.toString(), (this.got.get(payload.toString()) ?? 0) + 1);
    });
    await within(new Promise((resolve, reject) => { this.client.once('connect', resolve); this.client.once('close', () => reject(new Error('closed'))); }), 4000);
    await within(this.client.subscribeAsync({'$iothub/twin/res/#': {qos: 0}, 'devices/d/messages/devicebound/#': {qos: 1}}), 4000);
  }

  // The promise, or a failure when the connection goes: no answer will come.
  async orLost(promise) {
    let lost;
    try {
      return await within(Promise.race([promise, new Promise((_, reject) => {
        lost = () => reject(new Error('closed'));
        this.client.once('close', lost);
      })]), 4000);
    } finally {
      this.client.off('close', lost);
    }
  }

  async telemetry(n) {
    await this.connected();
    await this.orLost(this.client.publishAsync('devices/d/messages/events/', String(n), {qos: 1}));
    this.events.push(n);
  }

  async report(n) {
    await this.connected();
    const rid = ++this.rid;
    const answer = new Promise(resolve => { this.answer = a => { if (a.rid === rid) resolve(a); }; });
    this.client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, JSON.stringify({n}), {qos: 0});
    const {status, version} = await this.orLost(answer);
    assert.ok(status < 300, `report ${status}`);
    assert.ok(version > this.reported.version, `reported version ${version} after ${this.reported.version}`);
    this.reported = {n, version};
  }

  async desire(n) {
    const {status, body} = await within(this.hub.request('PATCH', '/twins/d', {properties: {desired: {n}}}), 4000);
    assert.strictEqual(status, 200);
    assert.ok(body.properties.desired.$version > this.desired.version);
    this.desired = {n, version: body.properties.desired.$version};
  }

  async create(id) {
    const {status, body} = await within(this.hub.request('PUT', `/devices/${id}`, {deviceId: id}), 4000);
    assert.strictEqual(status, 200);
    this.devices.push(id);
    return body;
  }

  async message(id) {
    this.back ??= rhea.create_container().connect({host: this.hub.address, port: 5671, transport: 'tls', ca: this.hub.ca(), servername: '',
      username: 'iothubowner@sas.root.hub', password: this.hub.owner, reconnect: false});
    const c = this.back;
    const sender = this.sender ??= c.open_sender('/messages/devicebound');
    const heard = [];
    const on = (who, event, fn) => {
      who.on(event, fn);
      heard.push(() => who.off(event, fn));
    };
    try {
      await within(new Promise((resolve, reject) => {
        const send = () => sender.send({to: '/devices/d/messages/devicebound', message_id: id, body: rhea.message.data_section(Buffer.from(id))});
        on(sender, 'accepted', resolve);
        for (const bad of ['rejected', 'released', 'sender_error', 'sender_close'])
          on(sender, bad, () => reject(new Error(bad)));
        on(c, 'disconnected', () => reject(new Error('disconnected')));
        on(c, 'connection_error', () => reject(new Error('connection error')));
        if (sender.sendable())
          send();
        else
          sender.once('sendable', send);
      }), 4000);
    } catch (e) {
      this.sender = null;
      await this.close(); // the next message begins anew
      throw e;
    } finally {
      heard.forEach(off => off());
    }
    this.messages.push(id);
  }

  async run() {
    const steps = [() => this.telemetry(this.at), () => this.report(this.at), () => this.desire(this.at), () => this.telemetry(this.at),
      () => this.message(`m${this.at}`)];
    this.key = null;
    for (this.at = 1; this.at <= 200; this.at++) {
      if (this.hub.child.exitCode !== null || this.hub.child.signalCode !== null)
        return;
      try {
        if (this.key === null)
          this.key = (await this.create('d')).authentication.symmetricKey.primaryKey;
        else if (this.at % 40 === 0)
          await this.create(`d${this.at}`);
        else
          await steps[this.at % steps.length]();
      } catch (e) {
        this.failed++;
        this.why = e;
      }
    }
  }

  async close() {
    this.client?.end(true);
    if (this.back) { // in order: rhea keeps a timer otherwise
      const {back} = this;
      this.back = null;
      const closed = new Promise(resolve => ['connection_close', 'disconnected'].forEach(event => back.once(event, resolve)));
      back.close();
      await within(closed, 1000).catch(() => back.socket?.destroy());
    }
  }
}

// ---- what is there afterwards ----

async function check(hub, s) {
  for (const id of s.devices)
    assert.strictEqual((await hub.request('GET', `/devices/${id}`)).status, 200, `device ${id} was made, and is gone`);
  if (!s.key)
    return;
  const {status, body: {properties, ...rest}} = await hub.request('GET', '/twins/d');
  assert.strictEqual(status, 200, JSON.stringify(rest));
  for (const part of ['reported', 'desired']) {
    assert.ok(properties[part].$version >= s[part].version, `${part} went back: ${JSON.stringify(properties[part])}, ${JSON.stringify(s[part])}`);
    assert.ok((properties[part].n ?? 0) >= s[part].n, `${part}: ${JSON.stringify(properties[part])}, ${JSON.stringify(s[part])}`);
  }
  await s.connected();
  for (const end = Date.now() + 5000; Date.now() < end && s.messages.some(id => !s.got.has(id));)
    await pause(20);
  assert.deepStrictEqual(s.messages.filter(id => !s.got.has(id)), [], 'messages to the device were accepted and never came');
  const seen = new Set(hub.events().map(e => Number(e.body)));
  assert.deepStrictEqual(s.events.filter(n => !seen.has(n)), [], 'events were acknowledged and are gone');
}

async function once(kind, n, errno) {
  const name = `nth-${kind}-${n}`;
  const data = path.join(folder, name);
  const count = path.join(folder, `${name}.count`);
  const environment = {LD_PRELOAD: shim, NTH_CALL_BELOW: data, NTH_CALL_KIND: kind, NTH_CALL_N: String(n), NTH_CALL_ERRNO: String(errno), NTH_CALL_COUNT: count};
  const hub = new FaultyHub(name, {data, environment, more: ['--loops', '1']});
  const s = new Script(hub);
  try {
    let started = true;
    try {
      await hub.up();
    } catch (e) {
      started = false; // it said why, and ended
      assert.match(hub.text(), / error /, `the hub did not start and said nothing: ${e.message}`);
    }
    if (started)
      await s.run();
    const ended = hub.child.exitCode ?? hub.child.signalCode;
    assert.ok(ended === null || typeof ended === 'number', `the hub crashed: ${ended}: ${hub.text().slice(-1500)}`);
    await s.close();
    await hub.end(n === 0 ? 'SIGTERM' : 'SIGKILL');
    hub.environment = {};
    await hub.up();
    await check(hub, s);
    await s.close();
    assert.strictEqual(await hub.end(), 0);
  } finally {
    await s.close();
    await hub.end('SIGKILL');
  }
  const counts = n === 0 ? Object.fromEntries(readFileSync(count, 'utf8').trim().split(' ').reduce((all, w, i, words) => (i % 2 ? [...all, [words[i - 1], Number(w)]] : all), [])) : null;
  rmSync(data, {recursive: true, force: true});
  return {counts, failed: s.failed, why: s.why};
}

let counts;
test('without a fault every operation is acknowledged', {timeout: LONG ? 600000 : 60000}, async () => {
  const whole = await once('open', 0, 5);
  assert.strictEqual(whole.failed, 0, String(whole.why));
  counts = whole.counts;
  console.log(`the script makes ${JSON.stringify(counts)} calls`);
});

const EIO = 5;
const ENOSPC = 28;
for (const [kind, errno] of [['open', EIO], ['write', ENOSPC], ['sync', EIO]]) {
  test(`the n-th ${kind} fails`, {timeout: LONG ? 7200000 : 240000}, async () => {
    const step = Math.max(1, Math.floor(counts[kind] / EACH));
    const wrong = [];
    let runs = 0;
    // "sync 17": one alone, to look at it; "write 500 999": a part of them, all
    const [only, first, last = first] = (process.env.MILLRACE_NTH ?? '').split(' ');
    const from = only ? Number(first) : 1, to = only ? Math.min(Number(last), counts[kind]) : counts[kind];
    if (only && only !== kind)
      return;
    for (let n = from; n <= to; n += only ? 1 : step, runs++) {
      try {
        await once(kind, n, errno);
      } catch (e) {
        wrong.push(`${kind} ${n}: ${e.message}`);
      }
    }
    console.log(`${kind}: ${runs} of ${counts[kind]} tried`);
    assert.deepStrictEqual(wrong, []);
  });
}

// A hub that is made to die, and a mix of work on it that remembers what was acknowledged: telemetry and reported
// properties over MQTT, desired properties over REST, scheduled jobs, messages to devices over AMQP with their feedback.
import {execFileSync} from 'node:child_process';
import {createHmac, randomInt} from 'node:crypto';
import {readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import mqtt from 'mqtt';
import rhea from 'rhea';
import {Program, folder, until} from './site.mjs';

const API = 'api-version=2021-04-12';
export const pause = ms => new Promise(r => setTimeout(r, ms));

export function sas(resource, key, policy) {
  const expiry = Math.floor(Date.now() / 1000) + 7200;
  const uri = encodeURIComponent(resource);
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${uri}\n${expiry}`).digest('base64');
  return `SharedAccessSignature sr=${uri}&sig=${encodeURIComponent(signature)}&se=${expiry}${policy ? `&skn=${policy}` : ''}`;
}

export class FaultyHub extends Program {
  constructor(name, {data = path.join(folder, name), more = [], ...options} = {}) {
    const address = `127.${randomInt(16, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`;
    super('hub', ['--data', data, '--name', address, '--listen', address, ...more], {name, ...options});
    Object.assign(this, {address, data});
  }

  ca() {
    return readFileSync(path.join(this.data, 'tls/ca.pem'));
  }

  request(method, what, body, headers = {}) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const r = https.request({host: this.address, method, path: `${what}${what.includes('?') ? '&' : '?'}${API}`, ca: this.ca(), agent: false,
        timeout: 15000, headers: {...headers, ...(this.owner && {Authorization: sas(this.address, this.owner, 'iothubowner')}),
          ...(text && {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text)})}}, answer => {
        let all = '';
        answer.on('data', d => { all += d; });
        answer.on('error', reject);
        answer.on('end', () => resolve({status: answer.statusCode, headers: answer.headers, body: all && all[0] !== 'o' ? JSON.parse(all) : all}));
      });
      r.on('timeout', () => r.destroy(new Error('no answer')));
      r.on('error', reject);
      r.end(text);
    });
  }

  async answers() {
    if (this.child.exitCode !== null)
      throw new Error(`the hub ended with ${this.child.exitCode}: ${this.text().slice(-2000)}`);
    try {
      return (await this.request('GET', '/readyz')).status === 200;
    } catch {
      return false;
    }
  }

  async up() {
    this.start();
    await until('the hub', () => this.answers(), 60000);
    this.owner ??= /SharedAccessKey=(.+)$/.exec(this.connectionString())[1];
    return this;
  }

  connectionString(...more) {
    return execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', this.data, '--name', this.address, ...more],
                        {encoding: 'utf8'}).trim();
  }

  // Every event of the stream, from the start; ends when none came for `quiet` ms.
  events() {
    const lines = execFileSync(process.execPath, [path.join(import.meta.dirname, 'read_all.mjs'), this.connectionString('--events')],
                               {encoding: 'utf8', maxBuffer: 1 << 30, env: {...process.env, NODE_EXTRA_CA_CERTS: path.join(this.data, 'tls/ca.pem')}});
    return lines.trim().split('\n').filter(Boolean).map(l => JSON.parse(l));
  }
}

// ---- a device ----

export class Device {
  constructor(hub, id) {
    Object.assign(this, {hub, id, sent: 0, acknowledged: new Set(), reports: 0, reported: {n: 0, version: 0},
      received: new Map(), asked: new Map(), stopped: false, wrong: []});
  }

  async create() {
    const {status, body} = await this.hub.request('PUT', `/devices/${this.id}`, {deviceId: this.id});
    if (status !== 200)
      throw new Error(JSON.stringify(body));
    this.key = body.authentication.symmetricKey.primaryKey;
    return this;
  }

  connect() {
    this.client = mqtt.connect({protocol: 'mqtts', host: this.hub.address, port: 8883, ca: this.hub.ca(), clientId: this.id, clean: false,
      protocolVersion: 4, reconnectPeriod: 40, connectTimeout: 10000, resubscribe: false, queueQoSZero: false,
      username: `${this.hub.address}/${this.id}/?${API}`, password: sas(`${this.hub.address}/devices/${this.id}`, this.key)});
    this.client.on('error', () => {});
    this.client.on('connect', () => {
      this.client.subscribe({'$iothub/twin/res/#': {qos: 0}, [`devices/${this.id}/messages/devicebound/#`]: {qos: 1}}, () => {});
    });
    this.client.on('close', () => this.forget());
    this.client.on('message', (topic, payload) => this.take(topic, payload.toString()));
    return this;
  }

  take(topic, text) {
    const twin = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=(\d+)(?:&\$version=(\d+))?/.exec(topic);
    if (twin) {
      this.asked.get(twin[2])?.({status: Number(twin[1]), version: Number(twin[3])});
      return;
    }
    if (this.completed?.has(text))
      this.wrong.push(`${this.id}: ${text} was delivered after it was completed`);
    this.received.set(text, (this.received.get(text) ?? 0) + 1);
  }

  forget() {
    for (const done of this.asked.values())
      done(null);
    this.asked.clear();
  }

  async telemetry(window) {
    const under = new Set();
    while (!this.stopped) {
      const n = ++this.sent;
      const one = this.client.publishAsync(`devices/${this.id}/messages/events/`, String(n), {qos: 1})
          .then(() => this.acknowledged.add(n), () => {}).finally(() => under.delete(one));
      under.add(one);
      if (under.size >= window)
        await Promise.race(under);
    }
    await Promise.all(under);
  }

  // One patch at a time, each on the connection that is there: one that waited for the next connection would be made after a newer one.
  async report() {
    for (let rid = 1; !this.stopped; rid++) {
      const n = ++this.reports;
      const answer = await new Promise(resolve => {
        this.asked.set(String(rid), resolve);
        this.client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, JSON.stringify({n}), {qos: 0}, error => error && resolve(null));
        setTimeout(resolve, 3000, null);
      });
      this.asked.delete(String(rid));
      if (answer?.status === 204) {
        if (answer.version <= this.reported.version)
          this.wrong.push(`${this.id}: reported version ${answer.version} after ${this.reported.version}`);
        this.reported = {n, version: answer.version};
      }
      await pause(answer ? 5 : 50);
    }
  }

  async desire() {
    this.desired = {n: 0, version: 0};
    for (let n = 1; !this.stopped; n++) {
      try {
        const {status, body} = await this.hub.request('PATCH', `/twins/${this.id}`, {properties: {desired: {n}}});
        if (status === 200) {
          const version = body.properties.desired.$version;
          if (version <= this.desired.version)
            this.wrong.push(`${this.id}: desired version ${version} after ${this.desired.version}`);
          this.desired = {n, version};
        }
      } catch {
        // it died: that change is not known to be there
      }
      await pause(20);
    }
  }

  begin() {
    this.connect();
    this.work = [this.telemetry(20), this.report(), this.desire()];
    return this;
  }

  async stop() {
    this.stopped = true;
    await Promise.all(this.work);
  }

  async twin() {
    return (await this.hub.request('GET', `/twins/${this.id}`)).body;
  }
}

// ---- the back end: messages to devices, and what became of them ----

export class Backend {
  constructor(hub, devices) {
    Object.assign(this, {hub, devices, sent: 0, accepted: new Set(), completed: new Set(), jobs: [], stopped: false, waiting: new Map()});
    for (const d of devices)
      d.completed = this.completed;
  }

  // Scheduled jobs, one after the other: each counts a tag of every device up.
  async schedule() {
    const ids = this.devices.map(d => `'${d.id}'`).join(',');
    for (let n = 1; !this.stopped; n++) {
      const jobId = `job${n}`;
      try {
        const {status} = await this.hub.request('PUT', `/jobs/v2/${jobId}`, {jobId, type: 'scheduleUpdateTwin', updateTwin: {etag: '*', tags: {job: n}},
          queryCondition: `deviceId IN [${ids}]`, maxExecutionTimeInSeconds: 300});
        if (status === 200)
          this.jobs.push(n);
        else if (status < 500 && status !== 409)
          throw new Error(`job refused with ${status}`);
        if (status === 200 || status === 409)
          for (let state; !this.stopped && !['completed', 'failed', 'cancelled'].includes(state); await pause(30))
            state = await this.hub.request('GET', `/jobs/v2/${jobId}`).then(a => a.body.status, () => undefined);
      } catch (e) { // it died: that job is not known to be there
        if (/refused with/.test(e.message))
          throw e;
      }
      await pause(50);
    }
  }

  begin() {
    const container = rhea.create_container();
    this.connection = container.connect({host: this.hub.address, port: 5671, transport: 'tls', ca: this.hub.ca(), servername: '',
      username: 'iothubowner@sas.root.hub', password: this.hub.owner, reconnect: true, initial_reconnect_delay: 40, max_reconnect_delay: 100,
      idle_time_out: 10000});
    const sender = this.sender = this.connection.open_sender('/messages/devicebound');
    this.connection.open_receiver({source: '/messages/serviceBound/feedback', credit_window: 10});
    container.on('message', ({message}) => {
      const body = message.body?.content ?? message.body;
      for (const r of JSON.parse(Buffer.from(body).toString()))
        if (r.statusCode === 'Success')
          this.completed.add(r.originalMessageId);
    });
    const settle = good => context => {
      const id = this.waiting.get(context.delivery.id);
      this.waiting.delete(context.delivery.id);
      if (good && id)
        this.accepted.add(id);
    };
    sender.on('accepted', settle(true));
    sender.on('rejected', settle(false));
    sender.on('released', settle(false));
    // What rhea is given without a connection never goes out, and its number is given again.
    const connected = is => () => {
      this.connected = is;
      this.waiting.clear();
    };
    container.on('sender_open', connected(true));
    for (const event of ['disconnected', 'connection_error', 'receiver_error', 'sender_error', 'error'])
      container.on(event, connected(false));
    this.work = Promise.all([this.send(), this.schedule()]);
    return this;
  }

  async send() {
    while (!this.stopped) {
      if (this.connected && this.sender.sendable() && this.waiting.size < 4) {
        const d = this.devices[this.sent % this.devices.length];
        const id = `m${++this.sent}`;
        const delivery = this.sender.send({to: `/devices/${d.id}/messages/devicebound`, message_id: id,
          application_properties: {'iothub-ack': 'full'}, body: rhea.message.data_section(Buffer.from(id))});
        this.waiting.set(delivery.id, id);
      }
      await pause(8);
    }
  }

  async stop() {
    this.stopped = true;
    await this.work;
  }

  close() {
    this.connection.options.reconnect = false;
    this.connection.close();
    this.connection.socket?.destroy();
  }
}

// ---- what must be true in the end ----

export async function verify(hub, devices, backend) {
  const wrong = devices.flatMap(d => d.wrong);
  const missing = () => [...backend.accepted].filter(id => !devices.some(d => d.received.has(id)));
  try {
    await until('accepted messages to arrive', () => missing().length === 0, 60000);
  } catch {
    wrong.push(`messages to devices that were accepted and never came: ${missing().slice(0, 5)} of ${backend.accepted.size}`);
  }
  const states = {};
  const unfinished = async () => {
    for (const n of backend.jobs)
      if (states[n] !== 'completed')
        states[n] = (await hub.request('GET', `/jobs/v2/job${n}`)).body.status;
    return backend.jobs.filter(n => states[n] !== 'completed');
  };
  try {
    await until('jobs to be completed', async () => (await unfinished()).length === 0, 60000);
  } catch {
    wrong.push(`jobs that were accepted and not completed: ${(await unfinished()).map(n => `${n} ${states[n]}`)}`);
  }
  for (const d of devices) {
    const twin = await d.twin();
    if (backend.jobs.length && !(twin.tags.job >= backend.jobs.at(-1)))
      wrong.push(`${d.id}: job ${backend.jobs.at(-1)} was completed, and its tags are ${JSON.stringify(twin.tags)}`);
    if (twin.properties.reported.$version < d.reported.version || twin.properties.reported.n < d.reported.n)
      wrong.push(`${d.id}: reported is ${JSON.stringify(twin.properties.reported)}, acknowledged was ${JSON.stringify(d.reported)}`);
    if (twin.properties.desired.$version < d.desired.version || twin.properties.desired.n < d.desired.n)
      wrong.push(`${d.id}: desired is ${JSON.stringify(twin.properties.desired)}, acknowledged was ${JSON.stringify(d.desired)}`);
  }
  const events = hub.events();
  for (const d of devices) {
    const seen = new Set();
    let newest = 0;
    for (const e of events.filter(e => e.device === d.id)) {
      const n = Number(e.body);
      if (!seen.has(n) && n < newest)
        wrong.push(`${d.id}: ${n} came for the first time after ${newest}`);
      seen.add(n);
      newest = Math.max(newest, n);
    }
    const lost = [...d.acknowledged].filter(n => !seen.has(n));
    if (lost.length)
      wrong.push(`${d.id}: ${lost.length} events acknowledged and lost, such as ${lost.slice(0, 5)}`);
  }
  return {wrong, events: events.length};
}

// A hub of its own is killed (-9) again and again while a service sends messages to a device and the device takes
// them: what was accepted arrives, in order; what is known to be completed never comes again.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import common from 'azure-iot-common';
import mqtt from 'mqtt';
import rhea from 'rhea';
import {Program, folder, freePort, until} from './site.mjs';

const KILLS = Number(process.env.MILLRACE_LONG ? 100 : 12);
const address = '127.0.0.1';
const name = 'hub.example';
const data = path.join(folder, 'killed');
const ports = {mqtt: await freePort(), amqp: await freePort(), https: await freePort()};
const program = new Program('hub', ['--data', data, '--name', name, '--listen', address, '--mqtt.port', ports.mqtt,
  '--amqp.port', ports.amqp, '--https.port', ports.https], {name: 'killed'});
const ca = () => readFileSync(path.join(data, 'tls/ca.pem'));
const pause = ms => new Promise(r => setTimeout(r, ms));

function owner() {
  const text = execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', data, '--name', name], {encoding: 'utf8'});
  return common.ConnectionString.parse(text.trim());
}

function request(method, where, {token, body} = {}) {
  return new Promise(resolve => {
    const headers = {...token && {authorization: token}, ...body && {'content-type': 'application/json'}};
    const r = https.request({host: address, port: ports.https, servername: name, path: where, method, ca: ca(), headers, agent: false}, a => {
      let text = '';
      a.on('data', d => { text += d; });
      a.on('end', () => resolve({status: a.statusCode, text}));
    });
    r.on('error', () => resolve({status: 0, text: ''}));
    r.end(body);
  });
}

async function start() {
  program.start();
  await until('the hub', async () => {
    try {
      return (await request('GET', '/readyz')).status === 200;
    } catch {
      return false; // no authority yet
    }
  });
}

function sas(resource, key, policy) {
  return common.SharedAccessSignature.create(resource, policy, key, Math.floor(Date.now() / 1000) + 3600).toString();
}

// Sends 1, 2, 3 …, each once, a few at a time. What was under way when the hub died may have been stored or not.
class Service {
  constructor(key) {
    Object.assign(this, {key, next: 1, under: new Map(), accepted: new Set(), quiet: false});
    this.connect();
  }

  connect() {
    const container = rhea.create_container();
    this.connection = container.connect({host: address, port: ports.amqp, servername: name, transport: 'tls', ca: ca(),
      username: 'iothubowner', password: this.key, reconnect: false});
    const sender = this.connection.open_sender({target: {address: '/messages/devicebound'}});
    const pump = this.pump = () => {
      while (!this.quiet && sender.sendable() && this.under.size < 8) {
        const n = this.next++;
        const delivery = sender.send({to: '/devices/d/messages/devicebound', body: rhea.message.data_section(Buffer.from(String(n)))});
        this.under.set(delivery.id, n);
      }
    };
    const again = () => setTimeout(pump, 5);
    container.on('sendable', pump);
    container.on('accepted', e => { this.accepted.add(this.under.get(e.delivery.id)); this.under.delete(e.delivery.id); pump(); });
    container.on('rejected', e => { this.under.delete(e.delivery.id); again(); }); // the queue is full
    for (const event of ['disconnected', 'connection_error', 'error'])
      container.on(event, () => {});
    container.on('disconnected', () => { this.under.clear(); if (!this.ended) setTimeout(() => this.connect(), 30); });
  }

  end() {
    this.ended = true;
    this.connection.close();
  }
}

// Acknowledges every message, and comes back when the connection is lost.
class Device {
  constructor(key) {
    Object.assign(this, {key, got: [], seen: new Set(), done: new Set(), doubles: 0, wrong: []});
    this.connect();
  }

  connect() {
    const c = this.client = mqtt.connect(`mqtts://${address}:${ports.mqtt}`, {clientId: 'd', username: `${name}/d/?api-version=2021-04-12`,
      password: sas(`${name}/devices/d`, this.key), clean: false, reconnectPeriod: 0, protocolVersion: 4, ca: ca(), servername: name});
    c.on('error', () => {});
    c.on('connect', () => c.subscribe('devices/d/messages/devicebound/#', {qos: 1}));
    c.on('message', (_topic, payload) => this.take(Number(payload)));
    c.on('close', () => { if (!this.ended) setTimeout(() => this.connect(), 30); });
  }

  take(n) {
    if (this.done.has(n))
      this.wrong.push(`${n} came again after it was completed`);
    if (this.seen.has(n))
      this.doubles++;
    else if (this.got.length && n < this.got.at(-1))
      this.wrong.push(`${n} came for the first time after ${this.got.at(-1)}`);
    if (!this.seen.has(n))
      this.got.push(n);
    this.seen.add(n);
  }

  end() {
    this.ended = true;
    this.client.end(true);
  }
}

test('messages survive kills of the hub', async () => {
  await start();
  const {SharedAccessKey: ownerKey} = owner();
  const token = sas(name, ownerKey, 'iothubowner');
  const api = 'api-version=2021-04-12';
  const made = await request('PUT', `/devices/d?${api}`, {token, body: '{"deviceId":"d"}'});
  assert.equal(made.status, 200, made.text);
  const waiting = async () => {
    const {status, text} = await request('GET', `/devices/d?${api}`, {token});
    return status === 200 ? JSON.parse(text).cloudToDeviceMessageCount : undefined;
  };
  const device = new Device(JSON.parse(made.text).authentication.symmetricKey.primaryKey);
  const service = new Service(ownerKey);
  for (let kill = 0; kill < KILLS; kill++) {
    const goal = service.accepted.size + 20;
    await until('messages to be accepted', () => service.accepted.size >= goal);
    if (kill % 3 === 0) { // all that was accepted is known to be completed
      service.quiet = true;
      await until('the queue to empty', async () => await waiting() === 0);
      service.accepted.forEach(n => device.done.add(n));
      service.quiet = false;
      service.pump();
      await pause(Math.random() * 100);
    }
    await program.end('SIGKILL');
    await start();
  }
  service.quiet = true;
  await until('the queue to empty', async () => await waiting() === 0);
  await until('the last one', () => [...service.accepted].every(n => device.seen.has(n)));
  service.end();
  device.end();
  const lost = [...service.accepted].filter(n => !device.seen.has(n));
  console.log(`${KILLS} kills, ${service.accepted.size} accepted, ${device.seen.size} arrived, ${device.doubles} doubles`);
  assert.deepEqual(lost, []);
  assert.deepEqual(device.wrong, []);
  assert.equal(await program.end(), 0);
});

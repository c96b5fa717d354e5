// What the cells share: the hub's back end, its stream, what services hear, and what one cell has for itself.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import azureCommon from 'azure-iot-common';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import amqp from 'azure-iot-device-amqp';
import http from 'azure-iot-device-http';
import mqtt from 'azure-iot-device-mqtt';
import {eventHubs} from '../events.mjs';
import {authority, selfSigned} from './certificates.mjs';
import {inSeconds, serviceSas, trust} from './rest.mjs';

export {serviceSas};

export const owner = process.env.MILLRACE_HUB_OWNER;
export const hub = process.env.MILLRACE_HUB;
export const transports = {Mqtt: mqtt.Mqtt, MqttWs: mqtt.MqttWs, Amqp: amqp.Amqp, AmqpWs: amqp.AmqpWs, Http: http.Http};
export const serviceTransports = {Amqp: iothub.Amqp, AmqpWs: iothub.AmqpWs};
export const registry = iothub.Registry.fromConnectionString(owner);
export const service = iothub.Client.fromConnectionString(owner);
export const never = new azureCommon.NoRetry();
service.setRetryPolicy(never);

export const own = selfSigned('devices-of-the-matrix');
export const stranger = selfSigned('nobody');
let trusted = null;
// The authority that the hub trusts; the first who asks makes it and hands it to the hub.
export function ca() {
  trusted ??= authority().then(async a => { await trust(a, 'devices'); return a; });
  return trusted;
}

// Waits for what others will see: polls, for where there is no event.
export async function until(what, condition, ms = 15000) {
  for (const end = Date.now() + ms;;) {
    const value = await condition();
    if (value)
      return value;
    if (Date.now() > end)
      throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise(r => setTimeout(r, 100));
  }
}

// A promise that may be given up by who waits for it.
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

// The next event of this name. Its listener stays: without one, the SDK stops to listen.
export function next(emitter, name, ms = 15000) {
  return quiet(new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} within ${ms} ms`)), ms);
    emitter.on(name, v => { clearTimeout(timer); resolve(v); });
  }));
}

// Things that arrive for somebody and wait until they are asked for: find() gives the first that fits, soon or now.
class Arrivals {
  list = [];
  waiting = new Set();

  add(thing) {
    this.list.push(thing);
    for (const w of this.waiting)
      w(thing);
  }

  find(what, fits, ms = 25000) {
    const there = this.list.find(fits);
    if (there)
      return Promise.resolve(there);
    return quiet(new Promise((resolve, reject) => {
      const look = thing => {
        if (!fits(thing))
          return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(thing);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        reject(new Error(`no ${what} within ${ms} ms`));
      }, ms);
      this.waiting.add(look);
    }));
  }
}

export const stream = new Arrivals();   // events of the built-in endpoint
export const feedback = new Arrivals(); // records of feedback on messages to devices
export const uploads = new Arrivals();  // notifications of files
export const strays = [];               // errors that belong to no cell

const reader = new eventHubs.EventHubConsumerClient('$Default', process.env.MILLRACE_HUB_EVENTS);

const listeners = [];

// A client of its own for each receiver: where one is refused, its connection ends.
async function listen(get, arrived) {
  const client = iothub.Client.fromConnectionString(owner);
  client.setRetryPolicy(never);
  listeners.push(client);
  try {
    const {result: receiver} = await client[get]();
    receiver.on('message', m => {
      arrived(JSON.parse(m.data.toString()));
      receiver.complete(m).catch(e => strays.push(e));
    });
    receiver.on('error', e => strays.push(e));
  } catch (e) {
    strays.push(e);
  }
}

export function openStream() {
  reader.subscribe({
    processEvents: async batch => batch.forEach(e => stream.add(e)),
    processError: async e => { strays.push(e); },
  }, {startPosition: eventHubs.earliestEventPosition, maxWaitTimeInSeconds: 1});
}

export async function open() {
  openStream();
  await service.open();
  await listen('getFeedbackReceiver', records => records.forEach(r => feedback.add(r)));
  await listen('getFileNotificationReceiver', n => uploads.add(n));
}

const closeAll = clients => Promise.all(clients.map(c => c.close().catch(() => {})));

// From now on, feedback and notifications are for others.
export const stopListening = () => closeAll(listeners);
export const close = () => closeAll([reader, service]);

// Makes an identity that proves itself as `auth` says. {id, moduleId?, key?, cert?, name}
export async function identity(auth, {module = false, id = `m-${randomUUID()}`, ...more} = {}) {
  const made = {id, moduleId: module ? 'machine' : undefined, host: hub};
  const name = module ? `${id}/machine` : id;
  let authentication;
  if (auth === 'self-signed X.509') {
    authentication = {type: 'selfSigned', x509Thumbprint: {primaryThumbprint: stranger.sha1, secondaryThumbprint: own.sha256}};
    Object.assign(made, {cert: own.cert, certKey: own.key});
  } else if (auth === 'CA X.509') {
    authentication = {type: 'certificateAuthority'};
    const leaf = await (await ca()).leaf(name);
    Object.assign(made, {cert: leaf.cert, certKey: leaf.key});
  }
  let answer;
  if (module) {
    await registry.create({deviceId: id, ...more});
    answer = await registry.addModule({deviceId: id, moduleId: made.moduleId, authentication});
  } else {
    answer = await registry.create({deviceId: id, authentication, ...more});
  }
  made.key = answer.responseBody.authentication.symmetricKey?.primaryKey;
  made.x509 = Boolean(made.cert);
  made.address = `HostName=${hub};DeviceId=${id}${module ? `;ModuleId=${made.moduleId}` : ''}`;
  made.connectionString = made.x509 ? `${made.address};x509=true` : `${made.address};SharedAccessKey=${made.key}`;
  return made;
}

export function sas(who, seconds = 3600, key = who.key) {
  const resource = `${hub}/devices/${who.id}${who.moduleId ? `/modules/${who.moduleId}` : ''}`;
  return azureCommon.SharedAccessSignature.create(encodeURIComponent(resource), undefined, key, inSeconds(seconds)).toString();
}

export function provider(who) {
  if (!who.x509)
    return device.SharedAccessKeyAuthenticationProvider.fromConnectionString(`${who.connectionString};GatewayHostName=${hub}`);
  return new device.X509AuthenticationProvider(
      {host: hub, deviceId: who.id, moduleId: who.moduleId, gatewayHostName: hub, x509: {cert: who.cert, key: who.certKey}});
}

export const connectionState = async (id, module) =>
    (module ? await registry.getModule(id, module) : await registry.get(id)).responseBody.connectionState;

// What one cell has: identities and clients of its own, which end with it.
export class Visit {
  constructor(cell, giveSlot) {
    Object.assign(this, {transport: cell.transport, auth: cell.auth, http: cell.transport === 'Http', giveSlot});
    this.x509 = Boolean(cell.auth?.includes('X.509'));
    this.ends = [];
    this.broken = new Promise((_, no) => { this.fail = no; });
    this.broken.catch(() => {});
    this.stage = '';
  }

  defer(end) {
    this.ends.push(end);
  }

  // Waits without keeping other cells from their turn.
  async idle(promise) {
    this.giveSlot();
    return promise;
  }

  // A client of azure-iot-device for a new identity, of the cell's transport and authentication.
  async client({module = false, open = true, options = {}, make, ...more} = {}) {
    this.stage = 'making the identity';
    const who = await identity(this.auth, {module, ...more});
    const Transport = transports[this.transport];
    const Type = module ? device.ModuleClient : device.Client;
    const client = make ? make(who, Type, Transport)
        : module ? Type.fromAuthenticationProvider(provider(who), Transport)
        : Type.fromConnectionString(who.connectionString, Transport);
    this.keep(client);
    const set = {...options};
    if (who.x509 && !make)
      Object.assign(set, {cert: who.cert, key: who.certKey});
    if (this.http)
      set.http = {receivePolicy: {interval: 1}, ...options.http}; // without it, setOptions over HTTP never calls back
    if (Object.keys(set).length)
      await client.setOptions(set);
    if (open) {
      this.stage = 'opening';
      await client.open();
    }
    this.stage = '';
    return {...who, client};
  }

  keep(client) {
    client.setRetryPolicy(never);
    client.on('error', e => this.fail(e));
    this.defer(() => client.close());
    return client;
  }

  async end() {
    this.ended = true;
    const all = this.ends.map(end => Promise.resolve().then(end).catch(() => {}));
    await Promise.race([Promise.all(all), new Promise(r => setTimeout(r, 2000))]);
  }
}

export async function event(what, fits) {
  return stream.find(`event (${what})`, fits);
}

const textOf = v => v === undefined || v === null ? v : v.toString();

// The event with this message id, with what the hub must have said about its sender.
export async function eventOf(who, messageId) {
  const e = await event(messageId, x => textOf(x.messageId) === messageId);
  const said = e.systemProperties;
  assert.equal(said['iothub-connection-device-id'], who.id);
  assert.equal(said['iothub-connection-module-id'], who.moduleId);
  assert.equal(JSON.parse(said['iothub-connection-auth-method']).type, who.x509 ? 'x509Certificate' : 'sas');
  assert.ok(said['iothub-connection-auth-generation-id']);
  assert.equal(said['iothub-message-source'], 'Telemetry');
  return e;
}

export function message(body = {at: 1}) {
  const m = new device.Message(JSON.stringify(body));
  m.messageId = `id-${randomUUID()}`;
  m.contentType = 'application/json';
  m.contentEncoding = 'utf-8';
  return m;
}

// Proves that a client works: what it sends arrives as its own.
export async function proves(who, client = who.client, send = m => client.sendEvent(m)) {
  const m = message();
  await send(m);
  await eventOf(who, m.messageId);
}

export const updateReported = (twin, patch) =>
    new Promise((resolve, reject) => twin.properties.reported.update(patch, e => e ? reject(e) : resolve()));

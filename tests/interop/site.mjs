// A site below the hub that launch.mjs started: edge, OPC UA module and plant as real programs.
import {spawn} from 'node:child_process';
import {randomInt} from 'node:crypto';
import {closeSync, openSync, readFileSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import iothub from 'azure-iothub';

export const hub = process.env.MILLRACE_HUB;
export const folder = process.env.MILLRACE_FOLDER;
export const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);

export async function until(what, condition, ms = 60000) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    const value = await condition();
    if (value)
      return value;
    await new Promise(r => setTimeout(r, 20));
  }
  throw new Error(`waited ${ms} ms for ${what}`);
}

// For who has to know a port before a program listens on it. Not one of those that the system gives to whoever asks for any:
// a connection of another suite would have it before the program has.
export async function freePort(address = '127.0.0.1') {
  for (;;) {
    const port = randomInt(11000, 32000);
    const free = await new Promise(resolve => {
      const s = net.createServer().once('error', () => resolve(false)).listen(port, address, () => s.close(() => resolve(true)));
    });
    if (free)
      return port;
  }
}

export const answers = (host, port) => new Promise(resolve => {
  const s = net.connect(port, host, () => { s.destroy(); resolve(true); });
  s.on('error', () => resolve(false));
});

const get = (port, what) => new Promise(resolve => {
  http.get({host: '127.0.0.1', port, path: what, agent: false}, r => {
    let text = '';
    r.on('data', d => { text += d; });
    r.on('end', () => resolve({status: r.statusCode, text}));
  }).on('error', () => resolve({status: 0, text: ''}));
});

const started = new Set();
process.once('exit', () => { // whatever a test that broke left behind
  for (const child of started)
    child.kill('SIGKILL');
});

// One program, Millrace's unless `command` is another; start() again after end() is the same one.
export class Program {
  constructor(word, args, {environment = {}, health, name = word, command = [process.env.MILLRACE, word]} = {}) {
    Object.assign(this, {word, args, environment, health, name, command, log: path.join(folder, `${name}.log`)});
  }

  start() {
    const log = openSync(this.log, 'a');
    const [file, ...first] = this.command;
    this.child = spawn(file, [...first, ...this.args.map(String)],
                       {stdio: ['ignore', log, log], env: {...process.env, ...this.environment}});
    closeSync(log);
    const {child} = this;
    started.add(child);
    this.ended = new Promise(resolve => child.once('exit', (code, signal) => {
      started.delete(child);
      resolve(signal ?? code);
    }));
    return this;
  }

  async end(signal = 'SIGTERM') {
    if (!this.child)
      return null;
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), 15000);
    const how = await this.ended;
    clearTimeout(late);
    this.child = null;
    return how;
  }

  text() {
    return readFileSync(this.log, 'utf8');
  }

  async ready() {
    return (await get(this.health, '/readyz')).status === 200;
  }

  async metric(name) {
    const {text} = await get(this.health, '/metrics');
    const line = text.split('\n').find(l => l.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.split(' ')[1]);
  }
}

export const plant = (...more) => plantAt({more});

// `inside`: what starts programs in a network namespace.
export async function plantAt({address = '127.0.0.1', port = 0, inside = [], more = []}) {
  port ||= await freePort(address);
  const name = `plant-${port}`;
  const p = new Program('plant', ['--listen', address, '--port', port, '--pki', path.join(folder, name), ...more],
                        {name, command: [...inside, process.env.MILLRACE, 'plant']}).start();
  Object.assign(p, {port, url: `opc.tcp://${address}:${port}`});
  await until('the plant', () => answers(address, port));
  return p;
}

// A server of another make: node_opcua_server.mjs.
export async function nodeOpcua({name = 'node-opcua', address = '127.0.0.1', port = 0, inside = [], more = []} = {}) {
  port ||= await freePort(address);
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_opcua_server.mjs');
  const p = new Program(name, [path.join(folder, name), '--host', address, '--port', port, ...more],
                        {command: [...inside, process.execPath, script]}).start();
  Object.assign(p, {port, url: `opc.tcp://${address}:${port}`});
  await until('the node-opcua server', () => answers(address, port), 90000); // Node compiles for long on a busy machine
  return p;
}

export async function edge(device, ...more) {
  await registry.create({deviceId: device, capabilities: {iotEdge: true}});
  const {responseBody} = await registry.getModule(device, '$edgeHub');
  const mqtt = await freePort();
  const health = await freePort();
  const data = path.join(folder, device);
  const e = new Program('edge', ['--data', data, '--device', device, '--hub.host', hub, '--hub.ca', process.env.NODE_EXTRA_CA_CERTS,
    '--listen', '127.0.0.1', '--mqtt.port', mqtt, '--health.port', health, ...more],
  {environment: {MILLRACE_EDGE_KEY: responseBody.authentication.symmetricKey.primaryKey}, health, name: device}).start();
  Object.assign(e, {device, mqtt, ca: path.join(data, 'tls/ca.pem')});
  await until('the edge', () => e.ready());
  return e;
}

// The OPC UA module below the edge `e`, with what it publishes.
export async function opc(e, published, {module = 'opc', roles = 'publisher,twin,discovery', more = []} = {}) {
  await registry.addModule({deviceId: e.device, moduleId: module});
  const {responseBody} = await registry.getModule(e.device, module);
  const file = path.join(folder, `${module}-published.json`);
  writeFileSync(file, JSON.stringify(published));
  const health = await freePort();
  const key = responseBody.authentication.symmetricKey.primaryKey;
  const o = new Program('opc', ['--roles', roles, '--ca', e.ca, '--pki', path.join(folder, `${module}-pki`), '--file', file,
    '--queue.path', path.join(folder, `${module}-queue`), '--audit', path.join(folder, `${module}-audit`),
    '--health.port', health, ...more],
  {environment: {EdgeHubConnectionString: `HostName=${hub};DeviceId=${e.device};ModuleId=${module};SharedAccessKey=${key};GatewayHostName=127.0.0.1:${e.mqtt}`},
    health, name: module}).start();
  Object.assign(o, {file, module});
  await until('the module', () => o.ready());
  return o;
}

// What the tests of the module's own HTTP API stand on: the OPC UA module below an edge, three servers, and requests with its key.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import https from 'node:https';
import {decode, encode} from '@msgpack/msgpack';
import {PACKED} from './rest_call.mjs';
import {Program, answers, edge, folder, freePort, nodeOpcua, opc, plantAt, until} from './site.mjs';

const key = `key-${randomUUID()}`;
export const device = `module-${randomUUID().slice(0, 8)}`;
export let factory, plant, types, module, port;
const running = [];
const agent = new https.Agent({keepAlive: true, rejectUnauthorized: false});

async function run(what) {
  const p = await what;
  running.push(p);
  return p;
}

async function typesServer() {
  const at = await freePort();
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_opcua_types.mjs');
  const p = new Program('node-opcua-types', [path.join(folder, 'types'), '--port', at], {command: [process.execPath, script]}).start();
  p.url = `opc.tcp://127.0.0.1:${at}`;
  await until('the server of types', () => answers('127.0.0.1', at), 90000);
  return p;
}

export async function open(...more) {
  let site;
  [site, factory, plant, types] = await Promise.all([run(edge(device)), run(nodeOpcua({more: ['--assets']})),
    run(plantAt({more: ['--nodes', 20, '--history', 'true', '--trust.all', 'true']})), run(typesServer())]);
  module = await run(opc(site, [], {more: ['--api.key', key, '--api.port', '0', '--api.listen', '127.0.0.1', '--aa', '--log.level', 'debug', ...more]}));
  port = await until('the API', () => Number(/api served https=(\d+)/.exec(module.text())?.[1]));
}

export async function close() {
  agent.destroy();
  for (const p of running.reverse())
    assert.ok([null, 0].includes(await p.end()), `${p.name} ends in order`);
}

export const connection = (server, more) => ({endpoint: {url: server.url, securityMode: 'None'}, ...more});

// Resolves to {status, headers, bytes, text, json}; json also where the answer is MessagePack.
export function raw(method, what, {text, headers = {}} = {}) {
  return new Promise((resolve, reject) => {
    const r = https.request({host: '127.0.0.1', port, path: what, method, agent, headers: {
      Authorization: `ApiKey ${key}`, ...(text?.length ? {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text)} : {}), ...headers}},
    answer => {
      const pieces = [];
      answer.on('data', d => pieces.push(d));
      answer.on('error', reject);
      answer.on('end', () => {
        const bytes = Buffer.concat(pieces), type = answer.headers['content-type'] ?? '', said = bytes.toString();
        const json = !bytes.length ? undefined : /msgpack/.test(type) ? decode(bytes) : /json/.test(type) ? JSON.parse(said) : undefined;
        resolve({status: answer.statusCode, headers: answer.headers, bytes, text: said, json});
      });
    });
    r.on('error', reject);
    r.end(text);
  });
}

export const call = (method, what, {body, ...more} = {}) => raw(method, what, {text: body === undefined ? undefined : JSON.stringify(body), ...more});

// The same in MessagePack.
export const packed = (method, what, {body, headers, ...more} = {}) => raw(method, what, {text: body === undefined ? undefined : Buffer.from(encode(body)),
  headers: {...(body !== undefined && {'Content-Type': PACKED}), Accept: PACKED, ...headers}, ...more});

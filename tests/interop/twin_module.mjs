// The twin's methods through the HTTPS API of a module below an edge of its own, and a server of another make to ask.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {Program, answers, edge, folder, freePort, opc, until} from './site.mjs';

const key = 'a key of the test';

// A server of the tests, named as its script: "node_opcua_types".
export async function startServer(script, more = []) {
  const port = await freePort();
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), `${script}.mjs`);
  const name = `${script}-${port}`;
  const server = new Program(name, [path.join(folder, name), '--port', port, ...more], {command: [process.execPath, file]}).start();
  server.url = `opc.tcp://127.0.0.1:${port}`;
  let how = null;
  server.ended.then(code => { how = code ?? -1; });
  await until(script, () => how !== null || answers('127.0.0.1', port), 90000);
  assert.equal(how, null, `${script} ended: ${server.text()}`);
  return server;
}

export async function startModule(server, more = [], name = 'twin') {
  const site = await edge(`twin-${randomUUID().slice(0, 8)}`);
  const module = await opc(site, [], {module: name, roles: 'publisher,twin', more: ['--api-key', key, '-p', '0', '--api.listen', '127.0.0.1', '--aa', ...more]});
  const port = await until('the API', () => Number(/api served https=(\d+)/.exec(module.text())?.[1]));

  function send(method, target, {body, headers = {}, authorization = `ApiKey ${key}`} = {}) {
    return new Promise((resolve, reject) => {
      const bytes = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      const r = https.request({host: '127.0.0.1', port, path: target, method, agent: false, rejectUnauthorized: false, headers: {
        ...(authorization ? {Authorization: authorization} : {}),
        ...(bytes ? {'Content-Type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json', 'Content-Length': bytes.length} : {}), ...headers}},
      answer => {
        const parts = [];
        answer.on('data', d => parts.push(d));
        answer.on('end', () => {
          const all = Buffer.concat(parts);
          const json = (answer.headers['content-type'] ?? '').includes('json');
          resolve({status: answer.statusCode, headers: answer.headers, bytes: all, json: json ? JSON.parse(all) : undefined});
        });
      });
      r.on('error', reject);
      r.end(bytes);
    });
  }

  // A request whose answer is not read to its end.
  function abandon(target, request) {
    return new Promise((resolve, reject) => {
      const bytes = Buffer.from(JSON.stringify({connection: connection(), request}));
      const r = https.request({host: '127.0.0.1', port, path: `/v2${target}`, method: 'POST', agent: false, rejectUnauthorized: false, headers: {
        Authorization: `ApiKey ${key}`, 'Content-Type': 'application/json', 'Content-Length': bytes.length}}, answer => {
        answer.once('data', () => { answer.destroy(); resolve(); });
        answer.on('error', () => {});
      });
      r.on('error', reject);
      r.end(bytes);
    });
  }

  const connection = () => ({endpoint: {url: server.url, securityMode: 'None'}});

  let last; // call's id
  async function call(target, request, {status = 200} = {}) {
    last = randomUUID();
    const r = await send('POST', `/v2${target}`, {body: {connection: connection(), request, callId: last}});
    assert.equal(r.status, status, `${target}: ${r.bytes}`);
    return r.json;
  }

  async function end() {
    for (const p of [module, site])
      await p.end();
  }
  // What the module's audit log says of the last call, or of that of a method.
  function audited(method) {
    const file = path.join(folder, `${name}-audit`, `${site.device}_module_${name}`, 'audit.log');
    return until(`${method ?? 'the call'} in the audit log`, () => {
      const lines = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);
      const asked = lines.find(l => l.event === 'asked' && (method ? l.operation.startsWith(method) : l.call === last));
      const answered = asked && lines.find(l => l.event === 'answered' && l.call === asked.call);
      return answered && {asked, answered};
    });
  }
  return {site, module, send, abandon, connection, call, audited, end};
}

export const good = answer => {
  assert.equal(answer.errorInfo, undefined, JSON.stringify(answer.errorInfo));
  return answer;
};

// Users that stand encrypted in publishednodes.json: opened by a workload API (a double of IoT Edge's), and what happens
// without one, with and without --fe.
import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {folder, freePort, nodeOpcua, Program, until} from './site.mjs';

const VECTOR = Buffer.from('alKGJdfsgidfasdO').toString('base64'); // OPC Publisher's, of every release
const running = [];
const asked = [];
let server, workload, encrypts = true;

const encrypted = text => Buffer.from(`sealed ${text}`).toString('base64');

before(async () => {
  server = await nodeOpcua({name: 'credentials', more: ['--user', 'operator', '--password', 'secret', '--no-anonymous', '--counters', 1, '--interval', 50]});
  workload = http.createServer((q, a) => {
    let body = '';
    q.setEncoding('utf8').on('data', d => { body += d; }).on('end', () => {
      const {ciphertext, plaintext, initializationVector} = JSON.parse(body);
      asked.push({url: q.url, initializationVector});
      if (q.url.includes('/encrypt?')) {
        const good = encrypts && initializationVector === VECTOR;
        a.writeHead(good ? 200 : 500, {'Content-Type': 'application/json'});
        a.end(JSON.stringify(good ? {ciphertext: encrypted(Buffer.from(plaintext, 'base64').toString())} : {message: 'no'}));
        return;
      }
      const plain = Buffer.from(ciphertext, 'base64').toString();
      const known = plain.startsWith('sealed ') && initializationVector === VECTOR;
      a.writeHead(known ? 200 : 500, {'Content-Type': 'application/json'});
      a.end(JSON.stringify(known ? {plaintext: Buffer.from(plain.slice(7)).toString('base64')} : {message: 'no'}));
    });
  });
  await new Promise(r => workload.listen(path.join(folder, 'workload.sock'), r));
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  workload.close();
  await server.end('SIGKILL');
});

async function publisher(name, entry, {environment = {}, more = []} = {}) {
  const file = path.join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify([{EndpointUrl: server.url, EndpointSecurityMode: 'SignAndEncrypt', DataSetWriterGroup: 'line', BatchSize: 1, DataSetPublishingInterval: 100,
    OpcAuthenticationMode: 'UsernamePassword', OpcNodes: [{Id: 'nsu=urn:tests:factory;s=Load1'}], ...entry}]));
  const health = await freePort();
  const p = new Program('publisher', ['--file', file, '--pki', path.join(folder, `${name}-pki`), '--pki.trust.all', 'true', '--queue.path', path.join(folder, `${name}-queue`),
    '--audit', path.join(folder, `${name}-audit`), '--health.port', health, '--publisher.id', name, '--output', path.join(folder, `${name}-out`), ...more],
    {health, name, environment});
  running.push(p);
  return Object.assign(p, {out: path.join(folder, `${name}-out`)});
}

const api = {IOTEDGE_MODULEID: 'opcpublisher', IOTEDGE_MODULEGENERATIONID: '638'};
const withApi = () => ({...api, IOTEDGE_WORKLOADURI: `unix://${path.join(folder, 'workload.sock')}`});
const values = dir => existsSync(dir) && readdirSync(dir, {recursive: true, withFileTypes: true}).some(f => f.isFile() &&
    readFileSync(path.join(f.parentPath ?? f.path, f.name), 'utf8').includes('"Value"'));
const sealed = {EncryptedAuthUsername: encrypted('operator'), EncryptedAuthPassword: encrypted('secret')};

test('the workload API opens them, with the vector of OPC Publisher, and the server lets the user in', async () => {
  const p = (await publisher('opened', sealed, {environment: withApi()})).start();
  await until('values', () => values(p.out), 60000);
  assert.deepEqual(new Set(asked.map(a => a.url)), new Set(['/modules/opcpublisher/genid/638/decrypt?api-version=2019-01-30']));
  assert.ok(!/secret|operator/.test(p.text().replaceAll('operator=', '')));
});

test('an API that is not there yet, and then not ready, is asked again, and the file need not change', async () => {
  let ready = false;
  const late = http.createServer((q, a) => {
    let body = '';
    q.setEncoding('utf8').on('data', d => { body += d; }).on('end', () => {
      a.writeHead(ready ? 200 : 503, {'Content-Type': 'application/json'});
      a.end(JSON.stringify(ready ? {plaintext: Buffer.from(Buffer.from(JSON.parse(body).ciphertext, 'base64').toString().slice(7)).toString('base64')} : {message: 'starting'}));
    });
  });
  const socket = path.join(folder, 'late.sock');
  const p = (await publisher('late', sealed, {environment: {...api, IOTEDGE_WORKLOADURI: `unix://${socket}`}, more: ['--fe']})).start();
  await until('it is left out', () => /cannot be decrypted here, and without that the entry is left out/.test(p.text()), 60000);
  await new Promise(r => late.listen(socket, r));
  await until('it is asked again', () => /credentials not decrypted .*http=503/.test(p.text()), 60000);
  ready = true;
  await until('values', () => values(p.out), 60000);
  late.close();
});

test('what it cannot open goes as Anonymous, and a line says so; with --fe it does not go at all', async () => {
  const bad = {EncryptedAuthUsername: Buffer.from('other').toString('base64'), EncryptedAuthPassword: Buffer.from('other').toString('base64')};
  const p = (await publisher('refused', bad, {environment: withApi()})).start();
  await until('a finding', () => /cannot be decrypted here, the server is asked as Anonymous/.test(p.text()), 60000);
  const forced = (await publisher('forced', bad, {environment: withApi(), more: ['--fe']})).start();
  await until('a finding', () => /cannot be decrypted here, and without that the entry is left out/.test(forced.text()), 60000);
  assert.ok(!/session .*connect/.test(forced.text()));
});

const OWN = {EndpointSecurityMode: 'SignAndEncrypt', DataSetWriterGroup: 'line', OpcAuthenticationMode: 'UsernamePassword',
  OpcAuthenticationUsername: 'operator', OpcAuthenticationPassword: 'secret'};
const calls = (name, list) => {
  const init = path.join(folder, `${name}.init`);
  writeFileSync(init, list.map(([method, body]) => `${method}\nContent-Type: application/json\n\n${JSON.stringify(body)}\n`).join('\n###\n'));
  return {init, log: async n => {
    let text = '';
    await until(`${n} answers`, () => existsSync(`${init}.log`) && ((text = readFileSync(`${init}.log`, 'utf8')).match(/# HTTP/g) ?? []).length >= n, 60000);
    return text;
  }};
};

test('with --fe methods write users and passwords encrypted, and find the entries that have them', async () => {
  const node = s => ({Id: `nsu=urn:tests:factory;s=${s}`});
  const made = calls('made', [['PublishNodes_V1', {EndpointUrl: server.url, ...OWN, OpcNodes: [node('Load1')]}],
    ['PublishNodes_V1', {EndpointUrl: server.url, ...OWN, OpcNodes: [node('Load2')]}],
    ['GetConfiguredNodesOnEndpoint_V1', {EndpointUrl: server.url, ...OWN}]]);
  const p = await publisher('made', {EndpointUrl: 'opc.tcp://127.0.0.1:1', ...OWN}, {environment: withApi(), more: ['--fe', `--pi=${made.init}`, '--bs=1']});
  p.start();
  const log = await made.log(3);
  assert.equal((log.match(/# HTTP\/1.1 200/g) ?? []).length, 3, log);
  assert.match(log, /Load1[\s\S]*Load2/);
  const file = JSON.parse(readFileSync(path.join(folder, 'made.json'), 'utf8'));
  assert.equal(file.length, 2);
  for (const e of file)
    assert.deepEqual([e.EncryptedAuthUsername, e.EncryptedAuthPassword, e.OpcAuthenticationUsername, e.OpcAuthenticationPassword],
      [encrypted('operator'), encrypted('secret'), undefined, undefined]);
  await until('values', () => values(p.out), 60000);
});

test('with --fe nothing is written when the API does not encrypt, and the caller is told', async () => {
  encrypts = false;
  const made = calls('unmade', [['PublishNodes_V1', {EndpointUrl: server.url, ...OWN, OpcNodes: [{Id: 'i=2258'}]}]]);
  const p = await publisher('unmade', {EndpointUrl: 'opc.tcp://127.0.0.1:1', ...OWN, OpcAuthenticationMode: 'Anonymous'}, {environment: withApi(), more: ['--fe', `--pi=${made.init}`]});
  const before = readFileSync(path.join(folder, 'unmade.json'), 'utf8');
  p.start();
  const log = await made.log(1);
  assert.match(log, /# HTTP\/1.1 5\d\d[\s\S]*have to be encrypted/);
  assert.equal(readFileSync(path.join(folder, 'unmade.json'), 'utf8'), before);
  encrypts = true;
});

test('without a workload API --fe does not start', async () => {
  const p = await publisher('nobody', sealed, {more: ['--fe']});
  p.start();
  await until('the end', () => p.child.exitCode !== null, 60000);
  assert.notEqual(p.child.exitCode, 0);
  assert.match(p.text(), /credentials\.encrypted.*IOTEDGE_WORKLOADURI/);
  const free = (await publisher('free', sealed)).start();
  await until('a finding', () => /cannot be decrypted here, the server is asked as Anonymous/.test(free.text()), 60000);
});

// Structures of servers' own through the twin's methods and the publisher: unions, optional fields, fields of any subtype, matrices,
// arguments of methods; and of a server of before OPC UA 1.04, which has no more than type dictionaries.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import https from 'node:https';
import path from 'node:path';
import test, {after, before} from 'node:test';
import {fileURLToPath} from 'node:url';
import {OPCUAClient} from 'node-opcua-client';
import {python, withPython} from './python.mjs';
import {Program, answers, edge, folder, freePort, opc, until} from './site.mjs';

const SPACE = 'urn:tests:types:data';
const key = 'a key of the test';
const here = path.dirname(fileURLToPath(import.meta.url));
const name = id => `${SPACE}#s=${id}`;
let site, server, module, port, client, session, index;

before(async () => {
  const serverPort = await freePort();
  server = new Program('node-opcua-types', [path.join(folder, 'twin-types'), '--port', serverPort],
      {command: [process.execPath, path.join(here, 'node_opcua_types.mjs')]}).start();
  server.url = `opc.tcp://127.0.0.1:${serverPort}`;
  site = await edge(`twin-types-${randomUUID().slice(0, 8)}`);
  module = await opc(site, [], {module: 'twin', roles: 'publisher,twin', more: ['--api-key', key, '-p', '0', '--api.listen', '127.0.0.1', '--aa']});
  port = await until('the API', () => Number(/api served https=(\d+)/.exec(module.text())?.[1]));
  await until('the server', () => answers('127.0.0.1', serverPort), 90000);
  client = OPCUAClient.create({endpointMustExist: false});
  await client.connect(server.url);
  session = await client.createSession();
  index = (await session.read({nodeId: 'i=2255'})).value.value.indexOf(SPACE);
});

after(async () => {
  await session?.close();
  await client?.disconnect();
  for (const p of [module, server, site])
    await p?.end();
});

function call(target, request, {status = 200, url = server.url} = {}) {
  const body = JSON.stringify({connection: {endpoint: {url, securityMode: 'None'}}, request});
  return new Promise((resolve, reject) => {
    const r = https.request({host: '127.0.0.1', port, path: `/v2${target}`, method: 'POST', agent: false, rejectUnauthorized: false,
      headers: {Authorization: `ApiKey ${key}`, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body)}}, answer => {
      let text = '';
      answer.on('data', d => text += d);
      answer.on('end', () => {
        assert.equal(answer.statusCode, status, `${target}: ${text}`);
        const json = JSON.parse(text);
        if (status === 200)
          assert.equal(json.errorInfo, undefined, text);
        resolve(json);
      });
    });
    r.on('error', reject);
    r.end(body);
  });
}

const read = async (id, more) => (await call('/read', {nodeId: name(id), ...more})).value;
const write = (id, value) => call('/write', {nodeId: name(id), value});
const theirs = async id => (await session.read({nodeId: `ns=${index};s=${id}`})).value.value;

test('a union is the one that is chosen, read and written by its name or its number', {timeout: 60000}, async () => {
  assert.deepEqual(await read('Choice'), {Where: {X: 1, Y: 2}});
  await write('Choice', {Text: 'here'});
  assert.deepEqual(await read('Choice'), {Text: 'here'});
  assert.equal((await theirs('Choice')).text, 'here');
  await write('Choice', {SwitchField: 1, Value: 42});
  assert.deepEqual(await read('Choice'), {Number: 42});
  assert.equal((await theirs('Choice')).number, 42);
  const refused = await call('/write', {nodeId: name('Choice'), value: {Nothing: 1}}, {status: 400});
  assert.match(refused.detail, /Choice/);
});

test('optional fields are there, or not', {timeout: 60000}, async () => {
  assert.deepEqual(await read('Note'), {Id: 7, Where: {X: 3, Y: 4}});
  await write('Note', {Id: 8, Text: 'only this'});
  assert.deepEqual(await read('Note'), {Id: 8, Text: 'only this'});
  const note = await theirs('Note');
  assert.equal(note.text, 'only this');
  assert.equal(note.where, undefined);
});

test('a field that may be of any subtype says what it is', {timeout: 60000}, async () => {
  const drawing = await read('Drawing');
  assert.deepEqual(drawing, {First: {Label: 'a', Radius: 1}, Others: [{Label: 'b', Radius: 2}], Choices: [{Number: 5}, {Text: 'five'}], Note: {Id: 1, Text: 'n'}});
  await write('Drawing', await read('Drawing', {encoding: 'Reversible'}));
  assert.deepEqual(await read('Drawing'), drawing);
  const circle = `nsu=${SPACE};i=70`;
  await write('Drawing', {...drawing, First: {TypeId: circle, Body: {Label: 'new', Radius: 3}}, Others: [], Note: {Id: 2}});
  assert.deepEqual(await read('Drawing'), {...drawing, First: {Label: 'new', Radius: 3}, Others: [], Note: {Id: 2}});
  const there = await theirs('Drawing');
  assert.equal(there.first.constructor.name, 'Circle');
  assert.equal(there.first.radius, 3);
  assert.equal(there.choices[1].text, 'five');
});

test('a matrix of structures', {timeout: 60000}, async () => {
  const grid = [[{X: 1, Y: 2}, {X: 3, Y: 4}], [{X: 5, Y: 6}, {X: 7, Y: 8}]];
  assert.deepEqual(await read('Grid'), grid);
  await write('Grid', grid.map(row => row.map(({X, Y}) => ({X: X + 10, Y}))));
  assert.deepEqual((await read('Grid')).flat().map(p => p.X), [11, 13, 15, 17]);
  assert.deepEqual((await theirs('Grid')).flat().map(p => p.x), [11, 13, 15, 17]);
});

test('a matrix in a structure', {timeout: 60000}, async () => {
  assert.deepEqual(await read('Sheet'), {Label: 's', Cells: [[1, 2, 3], [4, 5, 6]], Last: 9});
});

test('arguments of methods are structures, there and back', {timeout: 60000}, async () => {
  const points = [{X: 1, Y: 2}, {X: 3, Y: 4}];
  const answer = await call('/call', {objectId: name('Own'), methodId: name('Mirror'),
    arguments: [{dataType: `nsu=${SPACE};i=40`, value: {Where: {X: 5, Y: 6}}}, {dataType: `nsu=${SPACE};i=20`, value: points}]});
  assert.deepEqual(answer.results.map(r => r.value), [{Where: {X: 5, Y: 6}}, points]);
});

test('a server of before 1.04: its dictionary says what values are', {timeout: 120000, ...withPython}, async () => {
  const at = await freePort();
  const old = new Program('asyncua', [at], {command: [python, path.join(here, 'asyncua_dictionary.py')]}).start();
  try {
    await until('asyncua', () => /ready/.test(old.text()), 90000);
    const url = `opc.tcp://127.0.0.1:${at}`;
    const nodeId = 'urn:tests:dictionary#s=Recipe';
    const recipe = {Name: 'steel', Steps: [1, -2, 3], Origin: {X: 1, Y: 2}, Path: [{X: 3, Y: 4}, {X: 5, Y: 6}]};
    assert.deepEqual((await call('/read', {nodeId}, {url})).value, recipe);
    const changed = {...recipe, Name: 'glass', Steps: [], Origin: {X: -1, Y: 0}};
    await call('/write', {nodeId, value: changed}, {url});
    assert.deepEqual((await call('/read', {nodeId}, {url})).value, changed);
  } finally {
    await old.end('SIGKILL');
  }
});

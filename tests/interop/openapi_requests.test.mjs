// Requests to the services made from the description that they serve: openapi_mistakes.mjs. This needs nobody's documents but
// Millrace's own.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {operations, resolve} from './openapi.mjs';
import {parameters, testMistakes, withQuery} from './openapi_mistakes.mjs';
import {applicationOf, ask, close, device, discover, discoverer, endpointOf, factory, open, services, tokens} from './rest_site.mjs';

let document;
before(async () => {
  await open();
  await discover('the servers', items => items.length >= 2);
  document = await ask('GET', '/openapi.json');
});
after(close);

const everything = () => operations(document);
const ids = {
  endpointId: () => endpointOf(factory), applicationId: () => applicationOf(factory), discovererId: () => discoverer, publisherId: () => discoverer,
  supervisorId: () => discoverer, GatewayId: () => device, id: () => discoverer,
};
const pathOf = (o, of = n => ids[n]?.() ?? 'unknown') => o.path.replace(/{(\w+)}/g, (_, n) => encodeURIComponent(of(n)));
const asAdmin = Object.fromEntries(['call', 'packed', 'raw'].map(n => [n, (method, what, more) => services[n](method, what, {bearer: tokens.admin, ...more})]));

test('the two descriptions say the same operations', async () => {
  const swagger = await ask('GET', '/swagger/v2/openapi.json');
  assert.equal(swagger.swagger, '2.0');
  assert.match(document.openapi, /^3\.0/);
  assert.deepEqual(operations(swagger).map(o => `${o.method} ${o.path}`), everything().map(o => `${o.method} ${o.path}`));
  const names = everything().map(o => `${o.path.split('/')[1]} ${o.id}`);
  assert.deepEqual(names, [...new Set(names)], 'an operation has its name alone');
  for (const d of [document, swagger]) // every reference leads somewhere
    JSON.stringify(d, (k, v) => { if (k === '$ref') assert.ok(resolve(d, {$ref: v}), v); return v; });
});

test('each service describes itself, and all of them are the whole', async () => {
  const parts = await Promise.all(['registry', 'twin', 'history', 'publisher', 'events'].map(s => ask('GET', `/${s}/openapi.json`)));
  assert.deepEqual(parts.flatMap(operations).map(o => `${o.method} ${o.path}`).sort(), everything().map(o => `${o.method} ${o.path}`).sort());
});

test('what is asked in MessagePack is answered as in JSON', async () => {
  let count = 0;
  for (const o of everything().filter(x => x.method === 'GET')) {
    const what = withQuery(pathOf(o), parameters(document, o));
    const [json, packed] = [await asAdmin.call(o.method, what), await asAdmin.packed(o.method, what)];
    assert.equal(packed.status, json.status, what);
    if (json.status !== 200 || json.json === undefined)
      continue;
    assert.deepEqual(Object.keys(packed.json), Object.keys(json.json), what);
    count++;
  }
  assert.ok(count > 10, `${count} answers`);
  const node = {nodeId: 'i=2258', header: {diagnostics: {level: 'None'}}};
  const read = {nodeId: 'i=2254', timestamp: new Date(0), values: new Uint8Array([1, 2])}; // a date and bytes are JSON's strings
  for (const body of [node, read])
    assert.equal((await services.packed('POST', `/twin/v2/read/${endpointOf(factory)}`, {bearer: tokens.writer, body})).status, 200);
});

testMistakes({document: () => document, ...asAdmin, pathOf, mayBreak: o => o.method !== 'DELETE', least: {bodies: 1000, parameters: 20}}); // the servers are still needed

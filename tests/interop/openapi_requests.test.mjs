// Requests made from the served description: good ones, and for each member ones with that mistake alone. Nothing is answered with
// 500, and a refusal names the member. All of it in JSON and in MessagePack. This needs nobody's documents but Millrace's own.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {encode} from '@msgpack/msgpack';
import {broken, brokenParameters, good, operations, resolve} from './openapi.mjs';
import {PACKED} from './rest_call.mjs';
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
const ways = {
  JSON: (o, what, more) => services.call(o.method, what, {bearer: tokens.admin, ...more}),
  MessagePack: (o, what, more) => services.packed(o.method, what, {bearer: tokens.admin, ...more}),
};

// The required parameters, with a value that is good.
function parameters(o, except) {
  const query = new URLSearchParams();
  for (const p of o.parameters.filter(q => q.in === 'query' && q.required && q.name !== except))
    query.append(p.name, String(good(document, p.schema, false)));
  return query;
}
const withQuery = (what, query) => query.size ? `${what}?${query}` : what;

function refusedFor(answer, member, about) {
  assert.equal(answer.status, 400, `${about}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/, about);
  assert.ok(answer.json.errors?.[member] ?? answer.json.detail.startsWith(`${member}:`), `${about} is about ${member}: ${answer.text}`);
}

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

for (const [way, send] of Object.entries(ways))
test(`a good request is never answered with 500: ${way}`, async () => {
  for (const o of everything())
    for (const [whole, of] of [[false, undefined], [true, undefined], [false, () => 'unknown'], [false, () => '%00/../\u{1f600}']]) {
      if (o.method === 'DELETE' && !of)
        continue; // the servers are still needed
      const body = o.body && good(document, o.body, whole);
      const answer = await send(o, withQuery(pathOf(o, of), parameters(o)), {body});
      assert.notEqual(answer.status, 500, `${o.method} ${o.path} ${JSON.stringify(body)}: ${answer.text}`);
      if (answer.status >= 400)
        assert.ok(answer.json?.detail, `${o.method} ${o.path}: ${answer.status} without a reason`);
      else if (answer.json !== undefined)
        assert.match(answer.headers['content-type'], way === 'JSON' ? /^application\/json/ : /^application\/x-msgpack$/, `${o.method} ${o.path}`);
    }
});

for (const [way, send] of Object.entries(ways))
test(`a mistake in a body is refused with its member: ${way}`, async () => {
  let count = 0;
  for (const o of everything().filter(x => x.body)) {
    const what = withQuery(pathOf(o), parameters(o));
    for (const {member, body} of broken(document, o.body)) {
      refusedFor(await send(o, what, {body}), member, `${o.method} ${o.path} ${JSON.stringify(body)}`);
      count++;
    }
  }
  assert.ok(count > 1000, `${count} requests`);
});

test('a body that is no JSON, or not of the shape, is refused', async () => {
  for (const o of everything().filter(x => x.body)) {
    const what = withQuery(pathOf(o), parameters(o));
    const object = resolve(document, o.body).type === 'object';
    for (const body of [...(object ? [[], 7, 'text'] : []), null].map(b => JSON.stringify(b)).concat(['{', '{"a":1,"a":2}', '\u0000', '']))
      if (body !== '' || !o.mayLackBody) {
        const answer = await services.raw(o.method, what, {bearer: tokens.admin, text: body});
        assert.equal(answer.status, 400, `${o.method} ${o.path} ${body}: ${answer.status} ${answer.text}`);
        assert.ok(answer.json.detail);
      }
  }
});

test('a body that is no MessagePack, or not of the shape, is refused', async () => {
  const noMessagePack = [[0xc1], [0x81, 1, 1], [0xdf, 255, 255, 255, 255], [0xa5, 65], [0x80, 0x80], Array(70).fill(0x91), [0xd4, 5, 0]].map(b => Buffer.from(b));
  for (const o of everything().filter(x => x.body)) {
    const what = withQuery(pathOf(o), parameters(o));
    const object = resolve(document, o.body).type === 'object';
    for (const text of [...noMessagePack, ...[...(object ? [[], 7, 'text'] : []), null].map(b => encode(b))]) {
      const answer = await services.raw(o.method, what, {bearer: tokens.admin, text, headers: {'Content-Type': PACKED}});
      assert.equal(answer.status, 400, `${o.method} ${o.path} ${Buffer.from(text).toString('hex')}: ${answer.status} ${answer.text}`);
      assert.match(answer.headers['content-type'], /^application\/problem\+json/);
      assert.ok(answer.json.detail);
    }
  }
});

test('what is asked in MessagePack is answered as in JSON', async () => {
  let count = 0;
  for (const o of everything().filter(x => x.method === 'GET')) {
    const what = withQuery(pathOf(o), parameters(o));
    const [json, packed] = [await ways.JSON(o, what), await ways.MessagePack(o, what)];
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

test('a mistake in a parameter is refused with its name', async () => {
  let count = 0;
  for (const o of everything())
    for (const {name, value} of brokenParameters(document, o.parameters)) {
      const query = parameters(o, name);
      if (value !== undefined)
        query.append(name, value);
      refusedFor(await ways.JSON(o, withQuery(pathOf(o), query), {body: o.body && good(document, o.body, false)}), name, `${o.method} ${o.path}?${query}`);
      count++;
    }
  assert.ok(count > 20, `${count} requests`);
});

// Requests made from the served description: good ones, and for each member ones with that mistake alone. Nothing is answered with
// 500, and a refusal names the member. This needs nobody's documents but Millrace's own.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import {broken, brokenParameters, good, operations, resolve} from './openapi.mjs';
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
const send = (o, what, more) => services.call(o.method, what, {bearer: tokens.admin, ...more});

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

test('a good request is never answered with 500', async () => {
  for (const o of everything())
    for (const [whole, of] of [[false, undefined], [true, undefined], [false, () => 'unknown'], [false, () => '%00/../\u{1f600}']]) {
      if (o.method === 'DELETE' && !of)
        continue; // the servers are still needed
      const body = o.body && good(document, o.body, whole);
      const answer = await send(o, withQuery(pathOf(o, of), parameters(o)), {body});
      assert.notEqual(answer.status, 500, `${o.method} ${o.path} ${JSON.stringify(body)}: ${answer.text}`);
      if (answer.status >= 400)
        assert.ok(answer.json?.detail, `${o.method} ${o.path}: ${answer.status} without a reason`);
    }
});

test('a mistake in a body is refused with its member', async () => {
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

test('a mistake in a parameter is refused with its name', async () => {
  let count = 0;
  for (const o of everything())
    for (const {name, value} of brokenParameters(document, o.parameters)) {
      const query = parameters(o, name);
      if (value !== undefined)
        query.append(name, value);
      refusedFor(await send(o, withQuery(pathOf(o), query), {body: o.body && good(document, o.body, false)}), name, `${o.method} ${o.path}?${query}`);
      count++;
    }
  assert.ok(count > 20, `${count} requests`);
});

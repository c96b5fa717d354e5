// Tests of requests that are made from a served description: good ones, and for each member ones with that mistake alone. Nothing is
// answered with 500, and a refusal names the member. All of it in JSON and in MessagePack.
import assert from 'node:assert/strict';
import test from 'node:test';
import {encode} from '@msgpack/msgpack';
import {broken, brokenParameters, good, operations, resolve} from './openapi.mjs';
import {PACKED} from './rest_call.mjs';

// The required parameters, with a value that is good.
export function parameters(document, o, except) {
  const query = new URLSearchParams();
  for (const p of o.parameters.filter(q => q.in === 'query' && q.required && q.name !== except))
    query.append(p.name, String(good(document, p.schema ?? p, false)));
  return query;
}
export const withQuery = (what, query) => query.size ? `${what}?${query}` : what;

function refusedFor(answer, member, about) {
  assert.equal(answer.status, 400, `${about}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/, about);
  assert.ok(answer.json.errors?.[member] ?? answer.json.detail.startsWith(`${member}:`), `${about} is about ${member}: ${answer.text}`);
}

// `api`: document() as it is served, call(), packed() and raw() as rest_call.mjs has them, pathOf(operation, of) with of(name) for
// the path's parameters, or what they are by default; and, where they are not as here, made(body): a good body as it is sent,
// named(operation, member): what a refusal calls a member, mayBreak(operation): whether what nothing is wrong with may be sent,
// taken(operation, member): whether it is not looked at so closely.
export function testMistakes({document, call, packed, raw, pathOf, made = b => b, named = (o, member) => member,
  mayBreak = () => true, taken = () => false, least}) {
  const everything = () => operations(document());
  const ways = {JSON: call, MessagePack: packed};
  const query = (o, except) => parameters(document(), o, except);
  const body = (o, whole) => o.body && made(good(document(), o.body, whole));

  for (const [way, send] of Object.entries(ways))
    test(`a good request is never answered with 500: ${way}`, async () => {
      for (const o of everything())
        for (const [whole, of] of [[false, undefined], [true, undefined], [false, () => 'unknown'], [false, () => '%00/../\u{1f600}']]) {
          if (!of && !mayBreak(o))
            continue;
          const sent = body(o, whole);
          const answer = await send(o.method, withQuery(pathOf(o, of), query(o)), {body: sent});
          assert.notEqual(answer.status, 500, `${o.method} ${o.path} ${JSON.stringify(sent)}: ${answer.text}`);
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
        const what = withQuery(pathOf(o), query(o));
        for (const {member, body: wrong} of broken(document(), o.body).filter(b => !taken(o, b.member))) {
          refusedFor(await send(o.method, what, {body: wrong}), named(o, member), `${o.method} ${o.path} ${JSON.stringify(wrong)}`);
          count++;
        }
      }
      assert.ok(count > least.bodies, `${count} requests`);
    });

  test('a body that is no JSON, or not of the shape, is refused', async () => {
    for (const o of everything().filter(x => x.body)) {
      const what = withQuery(pathOf(o), query(o));
      const object = resolve(document(), o.body).type === 'object';
      for (const text of [...(object ? [[], 7, 'text'] : []), null].map(b => JSON.stringify(b)).concat(['{', '{"a":1,"a":2}', '\u0000', '']))
        if (!['', 'null'].includes(text) || !o.mayLackBody) {
          const answer = await raw(o.method, what, {text});
          assert.equal(answer.status, 400, `${o.method} ${o.path} ${text}: ${answer.status} ${answer.text}`);
          assert.ok(answer.json.detail);
        }
    }
  });

  test('a body that is no MessagePack, or not of the shape, is refused', async () => {
    const noMessagePack = [[0xc1], [0x81, 1, 1], [0xdf, 255, 255, 255, 255], [0xa5, 65], [0x80, 0x80], Array(70).fill(0x91), [0xd4, 5, 0]].map(b => Buffer.from(b));
    for (const o of everything().filter(x => x.body)) {
      const what = withQuery(pathOf(o), query(o));
      const object = resolve(document(), o.body).type === 'object';
      for (const text of [...noMessagePack, ...[...(object ? [[], 7, 'text'] : []), ...(o.mayLackBody ? [] : [null])].map(b => Buffer.from(encode(b)))]) {
        const answer = await raw(o.method, what, {text, headers: {'Content-Type': PACKED}});
        assert.equal(answer.status, 400, `${o.method} ${o.path} ${text.toString('hex')}: ${answer.status} ${answer.text}`);
        assert.match(answer.headers['content-type'], /^application\/problem\+json/);
        assert.ok(answer.json.detail);
      }
    }
  });

  test('a mistake in a parameter is refused with its name', async () => {
    let count = 0;
    for (const o of everything())
      for (const {name, value} of brokenParameters(document(), o.parameters)) {
        const asked = query(o, name);
        if (value !== undefined)
          asked.append(name, value);
        refusedFor(await call(o.method, withQuery(pathOf(o), asked), {body: body(o, false)}), name, `${o.method} ${o.path}?${asked}`);
        count++;
      }
    assert.ok(count > least.parameters, `${count} requests`);
  });
}

// What nobody should send: each is answered with a status of the caller's own making, in words that name what is wrong, and the
// services go on.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test, {after, before} from 'node:test';
import {encode} from '@msgpack/msgpack';
import {PACKED, newToken, startIssuer, startServices} from './rest_call.mjs';

const running = [];
let services, admin;
const run = async what => { const p = await what; running.push(p); return p; };
const raw = (method, what, text, headers) => services.raw(method, what, {bearer: admin, text, headers});
const QUERY = '/registry/v2/applications/query', CREATE = '/registry/v2/applications';

before(async () => {
  const issuer = await run(startIssuer());
  services = await run(startServices(['--hub.ca', process.env.NODE_EXTRA_CA_CERTS, '--auth.authority', issuer.url, '--auth.ca', issuer.ca],
    {environment: {MILLRACE_SERVICES_HUB_CONNECTION: process.env.MILLRACE_HUB_OWNER}}));
  admin = await newToken(issuer, 'admin', 'Admin');
  for (let i = 0; i < 7; i++)
    assert.equal((await services.call('PUT', CREATE, {bearer: admin, body: {applicationUri: `urn:attack:${i}`}})).status, 200);
});
after(async () => {
  for (const p of running.reverse())
    assert.ok([null, 0].includes(await p.end()), `${p.name} ends in order`);
});

async function refused(what, answer, statuses = [400]) {
  const {status, json, text} = await answer;
  assert.ok(statuses.includes(status), `${what}: ${status} ${text.slice(0, 200)}`);
  assert.ok(json?.detail || json?.title, `${what} says nothing: ${text.slice(0, 200)}`);
}

test('bodies that are no JSON, or too deep', async () => {
  const deep = n => '['.repeat(n) + ']'.repeat(n);
  const bodies = {
    'an open object': '{', 'no value': '{"a":}', 'two values': '{}{}', 'a comment': '{/**/}', 'a trailing comma': '{"a":1,}', 'NaN': '{"a":NaN}', 'single quotes': "{'a':1}",
    'a name twice': '{"applicationType":"Server","applicationType":"Client"}', 'no UTF-8': Buffer.from('{"applicationName":"\xff\xfe"}', 'latin1'), 'UTF-16': Buffer.from('{}', 'utf16le'),
    'a lone surrogate': '{"applicationName":"\\ud800"}', 'a control character': '{"applicationName":"\x01"}', 'a NUL behind it': '{}\0', 'an array': '[]', 'a number': '7',
    '100 deep': `{"x":${deep(100)}}`, '300,000 deep': deep(300000), 'a deep object': '{"a":'.repeat(100000) + '1' + '}'.repeat(100000),
    'a number of 100,000 digits in place of a text': `{"applicationName":${'9'.repeat(100000)}}`,
  };
  for (const [what, body] of Object.entries(bodies))
    await refused(what, raw('POST', QUERY, body));
  await refused('1 MiB and more for the registry', raw('POST', QUERY, JSON.stringify({applicationName: 'x'.repeat(1 << 20)})), [413]);
  await refused('more than is taken at all', raw('POST', QUERY, ' '.repeat(5 << 20)), [413]);
});

test('bodies of other types, and that are not what their type says', async () => {
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16', 'x', ''])
    await refused(type, raw('POST', QUERY, '<a/>', {'Content-Type': type}), [400, 415]);
  const packed = bytes => raw('POST', QUERY, bytes, {'Content-Type': PACKED});
  await refused('JSON as MessagePack', packed(Buffer.from('{"applicationType":"Server"}')));
  await refused('MessagePack as JSON', raw('POST', QUERY, Buffer.from(encode({applicationType: 'Server'}))));
  await refused('an array of 4 G elements', packed(Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0x01])));
  await refused('a text of 4 GiB', packed(Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x01])));
  await refused('MessagePack 100,000 deep', packed(Buffer.alloc(100000, 0x91)));
  await refused('names that are numbers', packed(Buffer.from([0x81, 0x01, 0x02])));
});

test('sizes of pages and tokens that no list has given', async () => {
  const get = (query, headers) => services.call('GET', `/registry/v2/applications?${new URLSearchParams(query)}`, {bearer: admin, headers});
  for (const pageSize of ['0', '-1', '1.5', '1e3', '0x10', 'ten', '2147483648', '9223372036854775808', '99999999999999999999', ' 1', '1;2'])
    await refused(`pageSize ${pageSize}`, get({pageSize}));
  assert.ok((await get({pageSize: 2147483647})).json.items.length >= 7);
  await refused('a header that is no number', get({}, {'x-ms-max-item-count': 'many'}));
  assert.equal((await get({pageSize: 100}, {'x-ms-max-item-count': '2'})).json.items.length, 2, 'the header goes before the parameter');
  const first = (await get({pageSize: 3})).json;
  const rest = (await get({continuationToken: first.continuationToken})).json;
  assert.deepEqual(new Set([...first.items, ...rest.items].map(a => a.applicationId)).size, first.items.length + rest.items.length);
  for (const token of ["' OR 1=1 --", '%', '../../etc/passwd', 'x'.repeat(3000), 'uas\0', '"', '{}', '\u{10ffff}', first.continuationToken.toUpperCase()]) {
    for (const list of ['applications', 'endpoints', 'applications/sites', 'gateways', 'supervisors', 'discovery', 'publishers']) {
      const {status, json, text} = await services.call('GET', `/registry/v2/${list}?${new URLSearchParams({continuationToken: token})}`, {bearer: admin});
      assert.ok(status === 400 || (status === 200 && Array.isArray(json.items ?? json.sites ?? [])), `${list} ${token.slice(0, 20)}: ${status} ${text.slice(0, 100)}`);
    }
  }
  await refused('a target of 100,000 bytes', get({continuationToken: 'x'.repeat(100000)}), [414, 431]);
});

test('paths and ids that are none', async () => {
  for (const id of ['%00', '..%2f..%2f', 'x'.repeat(4000), "'%3BDROP TABLE applications--".replaceAll(' ', '%20'), '%ff%fe', 'uas%0d%0aX:%20y']) {
    for (const where of ['applications', 'endpoints', 'gateways', 'supervisors']) {
      const {status, text, headers} = await raw('GET', `/registry/v2/${where}/${id}`);
      assert.ok([400, 404].includes(status), `${where}/${id.slice(0, 20)}: ${status} ${text.slice(0, 100)}`);
      assert.equal(headers.x, undefined);
    }
  }
  for (const id of [randomUUID(), 'uat', 'x'.repeat(2000)])
    for (const verb of ['browse', 'read', 'write', 'call'])
      await refused(`${verb} ${id.slice(0, 10)}`, services.call('POST', `/twin/v2/${verb}/${id}`, {bearer: admin, body: {nodeId: 'i=85', value: 1, methodId: 'i=1'}}), [400, 404]);
});

test('after all of that', async () => {
  const {status, json} = await services.call('GET', '/registry/v2/applications', {bearer: admin});
  assert.equal(status, 200);
  assert.ok(json.items.length >= 7);
});

// Which tokens the services take. The issuer is this test: it signs whatever it likes.
import assert from 'node:assert/strict';
import {createHmac} from 'node:crypto';
import test, {after, before} from 'node:test';
import {startServices} from './rest_call.mjs';
import {AUDIENCE, Forge, foreign, jwk, now, part, rsa, signers} from './token_forge.mjs';

const forge = new Forge();
const claims = more => forge.claims(more);
const token = more => forge.token(more);
let issuer, services;

before(async () => {
  issuer = (await forge.open()).url;
  services = await startServices(['--auth.authority', issuer], {ready: 503}); // there is no hub
});

after(async () => {
  assert.equal(await services.end(), 0);
  await forge.close();
});

const look = bearer => services.call('GET', '/registry/v2/applications', {bearer});

async function taken(bearer, what) {
  const {status, text} = await look(bearer);
  assert.equal(status, 200, `${what}: ${text}`);
}

async function refused(bearer, what) {
  const {status, headers, text} = await look(bearer);
  assert.equal(status, 401, `${what}: ${status} ${text}`);
  assert.match(headers['www-authenticate'], /^Bearer error="invalid_token"/, what);
}

test('good tokens of both kinds of key are taken', async () => {
  await taken(token(), 'RS256');
  await taken(token({header: {alg: 'ES256', kid: 'ec'}, signer: signers.ES256}), 'ES256');
  await taken(token({body: claims({aud: ['other', AUDIENCE]})}), 'one of two audiences');
  await taken(token({body: claims({exp: now() - 20})}), 'within the clocks\' difference');
});

test('expired, too early, for others, from others: refused', async () => {
  await refused(token({body: claims({exp: now() - 120})}), 'expired');
  await refused(token({body: claims({nbf: now() + 600})}), 'too early');
  await refused(token({body: claims({exp: undefined})}), 'without an end');
  await refused(token({body: claims({exp: 'tomorrow'})}), 'with an end that is no number');
  await refused(token({body: claims({aud: 'api://other'})}), 'for another audience');
  await refused(token({body: claims({aud: `${AUDIENCE}/`})}), 'for nearly this audience');
  await refused(token({body: claims({aud: undefined})}), 'for no audience');
  await refused(token({body: claims({aud: []})}), 'for an empty list');
  await refused(token({body: claims({iss: 'https://other'})}), 'from another issuer');
  await refused(token({body: claims({iss: `${issuer}/`})}), 'from nearly this issuer');
  await refused(token({body: claims({iss: undefined})}), 'from no issuer');
});

test('what the issuer\'s key did not sign is refused', async () => {
  const pem = rsa.publicKey.export({type: 'spki', format: 'pem'});
  const der = rsa.publicKey.export({type: 'spki', format: 'der'});
  const {hmac, none} = signers;
  await refused(token({signer: signers.foreign}), 'a foreign key');
  for (const alg of ['none', 'None', 'NONE', ''])
    await refused(token({header: {alg}, signer: none}), `alg ${alg}`);
  await refused(token({header: {alg: 'none'}}), 'alg none, signed');
  for (const [what, key] of [['PEM', pem], ['PEM without its end', pem.trimEnd()], ['DER', der], ['n', forge.keys[0].n], ['nothing', '']])
    await refused(token({header: {alg: 'HS256'}, signer: hmac(key)}), `HS256 with the public key as ${what}`);
  await refused(token({header: {alg: 'HS256', kid: 'ec'}, signer: hmac(forge.keys[1].x)}), 'HS256 with x');
  await refused(token({header: {alg: 'RS512'}, signer: signers.RS512}), 'RS512');
  await refused(token({header: {alg: 'PS256'}, signer: signers.PS256}), 'PS256');
  await refused(token({signer: none}), 'no signature');
  await refused(token({header: {alg: 'ES256', kid: 'ec'}, signer: () => Buffer.alloc(64)}), 'a signature of zeros');
  await refused(token({header: {alg: 'ES256', kid: 'rsa'}, signer: signers.ES256}), 'the name of another key');
  await refused(token({header: {alg: 'ES256', kid: 'ec'}}), 'an RSA signature as ES256');
  const [header, , signature] = token().split('.');
  await refused(`${header}.${part(claims({roles: ['Admin', 'Sign']}))}.${signature}`, 'other claims');
});

test('a key that the token itself brings is not believed, nor fetched', async () => {
  forge.asked = [];
  const signer = signers.foreign;
  await refused(token({header: {jwk: jwk(foreign)}, signer}), 'jwk');
  await refused(token({header: {jku: `${issuer}/foreign`}, signer}), 'jku');
  await refused(token({header: {x5u: `${issuer}/foreign`}, signer}), 'x5u');
  await refused(token({header: {kid: '../../../../dev/null'}, signer: text => createHmac('sha256', '').update(text).digest()}), 'a path as kid');
  assert.deepEqual(forge.asked.filter(u => u === '/foreign'), []);
  await refused(token({header: {crit: ['exp2'], exp2: 1}}), 'a critical header that nobody knows');
});

test('what is no token is refused', async () => {
  const good = token();
  const [header, body, signature] = good.split('.');
  const bad = ['x', '.', '..', '...', `${header}.${body}`, `${good}.`, `.${good}`, `${header}.${body}.`, `${header}..${signature}`,
    `${part('null')}.${body}.${signature}`, `${part('[]')}.${part('7')}.${signature}`, `${part('{"alg":"RS256"')}.${body}.${signature}`,
    `${header}.${body}.${signature.slice(0, -4)}`, `${header}.${body}.${signature}=`, `${header}.${body}.!${signature.slice(1)}`,
    'A'.repeat(12000), `${part({alg: 'RS256', kid: 'rsa', pad: 'x'.repeat(5000)})}.${body}.${signature}`];
  for (const bearer of bad)
    await refused(bearer, bearer.slice(0, 60));
  for (const value of ['Basic dXNlcjpwYXNz', 'Bearer', `Token ${good}`, `Bearer${good}`, good]) {
    const {status} = await services.call('GET', '/registry/v2/applications', {headers: {Authorization: value}});
    assert.equal(status, 401, value.slice(0, 20));
  }
  await taken(good, 'it was good');
});

test('roles are those of the token, exactly', async () => {
  const create = body => services.call('PUT', '/registry/v2/applications', {bearer: token({body}), body: {applicationUri: 'urn:x'}});
  for (const roles of [undefined, [], ['Write'], ['admin'], ['Administrator'], 'Admin Write', [['Admin']], {Admin: true}])
    assert.equal((await create(claims({roles}))).status, 403, JSON.stringify(roles));
  assert.equal((await create(claims({roles: ['Read', 'Admin']}))).status, 200);
});

test('a flood of unknown keys does not become a flood at the issuer, nor keeps a new key out', async () => {
  forge.asked = [];
  const began = Date.now();
  const flood = Array.from({length: 50}, (_, i) => refused(token({header: {kid: `unknown-${i}`}}), 'an unknown key'));
  forge.keys = [...forge.keys, jwk(foreign, {kid: 'new', alg: 'RS256'})];
  await taken(token({header: {kid: 'new'}, signer: signers.foreign}), 'signed with the new key');
  await Promise.all(flood);
  const fetches = forge.asked.filter(u => u === '/keys').length;
  assert.ok(fetches <= 2 + (Date.now() - began) / 1000, `the issuer was asked ${fetches} times`);
  forge.keys = forge.keys.slice(0, 2);
});

test('without its issuer the services say so, and do not let anybody in', async () => {
  const lonely = await startServices(['--auth.authority', 'http://127.0.0.1:9'], {name: 'lonely', ready: 503});
  const {status} = await lonely.call('GET', '/registry/v2/applications', {bearer: token()});
  assert.ok(status === 502 || status === 503, String(status));
  assert.match((await lonely.call('GET', '/readyz')).text, /no keys/);
  assert.equal(await lonely.end(), 0);
});

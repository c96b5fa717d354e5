// An issuer of another make, oidc-provider: the services find its keys, understand its tokens, its names for roles and
// its scopes, and go on while it changes its keys.
import assert from 'node:assert/strict';
import {generateKeyPairSync, randomUUID} from 'node:crypto';
import http from 'node:http';
import test, {after, before} from 'node:test';
import Provider from 'oidc-provider';
import {startServices} from './rest_call.mjs';
import {until} from './site.mjs';

const AUDIENCE = 'api://millrace';
const OTHER = 'api://other';
const roles = {reader: [], operator: ['operators'], chief: ['chiefs'], stranger: ['Admin', 'Write']}; // of clients
let server, issuer, provider, services;

const newKey = (kind = 'ec') => ({
  ...(kind === 'ec' ? generateKeyPairSync('ec', {namedCurve: 'P-256'}) : generateKeyPairSync('rsa', {modulusLength: 2048})).privateKey.export({format: 'jwk'}),
  kid: randomUUID(), use: 'sig', alg: kind === 'ec' ? 'ES256' : 'RS256',
});

// It signs with the first of the keys that fits.
function newProvider(keys) {
  const p = new Provider(issuer, {
    clients: Object.keys(roles).map(client_id => ({
      client_id, client_secret: 'secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    })),
    jwks: {keys: [...keys, newKey('rsa')]}, // ID tokens of its own want RS256
    scopes: ['plant.read', 'plant.admin'],
    features: {
      clientCredentials: {enabled: true}, devInteractions: {enabled: false},
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: 'plant.read plant.admin', audience, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: {sign: {alg: 'ES256'}},
        }),
      },
    },
    extraTokenClaims: (_, token) => ({realm_access: {roles: roles[token.clientId]}}),
  });
  return p.callback();
}

before(async () => {
  server = http.createServer((request, response) => provider(request, response));
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${server.address().port}`;
  provider = newProvider([newKey()]);
  services = await startServices(['--auth.authority', issuer, '--auth.keys', '1s', '--auth.roles.claims', 'realm_access.roles',
    '--auth.roles.map', 'operators=Write,chiefs=Admin,scope:plant.admin=Admin'], {ready: 503}); // there is no hub
});

after(async () => {
  assert.equal(await services.end(), 0);
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

async function newToken(client, {resource = AUDIENCE, scope} = {}) {
  const answer = await fetch(`${issuer}/token`, {method: 'POST',
    headers: {Authorization: `Basic ${Buffer.from(`${client}:secret`).toString('base64')}`},
    body: new URLSearchParams({grant_type: 'client_credentials', ...(resource && {resource}), ...(scope && {scope})})});
  const {access_token, error_description} = await answer.json();
  assert.equal(answer.status, 200, error_description);
  return access_token;
}

const look = async bearer => (await services.call('GET', '/registry/v2/applications', {bearer})).status;
const follow = async bearer => (await services.call('PUT', '/events/v2/telemetry/uat1/samples', {bearer, body: 'nobody'})).status;
const create = async bearer => (await services.call('PUT', '/registry/v2/applications', {bearer, body: {applicationUri: `urn:${randomUUID()}`}})).status;
const header = token => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));

test('its names for roles, and its scopes, are mapped; ours mean nothing there', async () => {
  const rows = [['reader', {}, [200, 403, 403]], ['operator', {}, [200, 404, 403]], ['chief', {}, [200, 404, 200]], ['stranger', {}, [200, 403, 403]],
    ['reader', {scope: 'plant.read'}, [200, 403, 403]], ['reader', {scope: 'plant.read plant.admin'}, [200, 404, 200]]];
  for (const [client, more, want] of rows) {
    const token = await newToken(client, more);
    assert.deepEqual([await look(token), await follow(token), await create(token)], want, `${client} ${JSON.stringify(more)}`);
  }
});

test('a token for another audience, and one that is no JWT, open nothing', async () => {
  assert.equal(await look(await newToken('chief', {resource: OTHER})), 401);
  assert.equal(await look(await newToken('chief', {resource: null})), 401);
});

test('its keys change during load: no good token is refused, and none of a key that is gone is taken', async () => {
  let going = true, calls = 0;
  const kids = new Set(), refused = [];
  const load = async () => {
    while (going) {
      const token = await newToken('reader');
      kids.add(header(token).kid);
      for (let n = 0; n < 3 && going; n++) {
        const status = await look(token);
        calls++;
        if (status !== 200)
          refused.push(status);
      }
    }
  };
  const workers = Array.from({length: 4}, load);
  let key = newKey(), old;
  provider = newProvider([key]);
  for (let n = 0; n < 5; n++) {
    await until('some calls', () => calls > 40 * (n + 1));
    old = key;
    key = newKey();
    provider = newProvider([key, old]); // the tokens of the one before are good as long as it is published
    await until('the new key', () => kids.has(key.kid));
  }
  going = false;
  await Promise.all(workers);
  assert.deepEqual(refused, []);
  assert.ok(kids.size >= 6, `${kids.size} keys in ${calls} calls`);

  const last = await newToken('reader');
  assert.equal(await look(last), 200);
  provider = newProvider([newKey()]);
  await until('the key is gone here, too', async () => await look(last) === 401);
  assert.equal(await look(await newToken('reader')), 200);
});

test('what signs with a key that is not published any more is refused from the first call on', async () => {
  const gone = newKey();
  provider = newProvider([gone]);
  const token = await newToken('chief');
  provider = newProvider([newKey()]);
  assert.equal(await look(await newToken('reader')), 200); // so that the newest keys are known
  assert.equal(await look(token), 401);
});

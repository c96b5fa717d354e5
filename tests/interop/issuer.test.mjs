// The built-in issuer, asked by clients that others wrote: openid-client and MSAL for Node. A person's browser is played here.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test, {after, before} from 'node:test';
import * as msal from '@azure/msal-node';
import {custom, generators, Issuer} from 'openid-client';
import {startServices} from './rest_call.mjs';
import {answers, folder, freePort, Program, until} from './site.mjs';

const address = process.env.MILLRACE_HUB;
const tls = path.dirname(process.env.NODE_EXTRA_CA_CERTS); // the hub's certificate is for this address, and trusted
const data = path.join(folder, 'issuer');
const REDIRECT = 'https://plant.example/app?way=back';
const SCOPE = 'openid profile offline_access api://millrace/user_impersonation';
const PASSWORD = 'a long enough password';
let program, url, tenant, found, services;

const command = (words, input) => execFileSync(process.env.MILLRACE, ['issuer', ...words, '--data', data], {encoding: 'utf8', input});
const start = async port => {
  program = new Program('issuer', ['--data', data, '--https.port', port, '--listen', address, '--names', address,
    '--tls.certificate', path.join(tls, 'server.pem'), '--tls.key', path.join(tls, 'server-key.pem')]).start();
  await until('the issuer', () => answers(address, port));
};

before(async () => {
  const port = await freePort();
  await start(port);
  url = `https://${address}:${port}`;
  tenant = readFileSync(path.join(data, 'tenant'), 'utf8').trim();
  command(['add-client', 'page', '--public', 'true', '--redirects', `${REDIRECT},http://localhost`]);
  command(['add-client', 'site', '--roles', 'Read', '--redirects', REDIRECT]);
  command(['add-user', 'anna', '--roles', 'Read,Write']);
  command(['set-password', 'anna'], `${PASSWORD}\n`);
  custom.setHttpOptionsDefaults({timeout: 20000});
  found = await Issuer.discover(`${url}/${tenant}/v2.0`);
  services = await startServices(['--auth.authority', `${url}/${tenant}/v2.0`, '--auth.ca', process.env.NODE_EXTRA_CA_CERTS], {ready: 503});
});

after(async () => {
  if (process.env.SHOW) console.log(program.text());
  await services?.end();
  await program.end();
});

// ---- a person at a browser ----

class Browser {
  cookies = new Map();

  async ask(where, form) {
    const answer = await fetch(where, {
      method: form ? 'POST' : 'GET', redirect: 'manual', body: form && new URLSearchParams(form),
      headers: {Cookie: [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; ')},
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    const text = await answer.text();
    const fields = Object.fromEntries([...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(m => [m[1], m[2]]));
    return {status: answer.status, text, fields, location: answer.headers.get('location'), headers: answer.headers};
  }

  async signIn(where, more = {}) {
    const page = await this.ask(where);
    assert.equal(page.status, 200, page.text);
    return this.ask(where, {...page.fields, username: 'anna', password: PASSWORD, ...more});
  }
}

const claims = token => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const refusedAs = error => e => { assert.equal(e.error ?? e.errorCode, error, e.message); return true; };

// ---- openid-client ----

const page = () => new found.Client({client_id: 'page', redirect_uris: [REDIRECT], response_types: ['code'], token_endpoint_auth_method: 'none'});

function request(more = {}) {
  const verifier = generators.codeVerifier(), state = generators.state(), nonce = generators.nonce();
  const ask = {scope: SCOPE, code_challenge: generators.codeChallenge(verifier), code_challenge_method: 'S256', state, nonce, ...more};
  return {where: page().authorizationUrl(ask), checks: {code_verifier: verifier, state, nonce, response_type: 'code'}};
}

async function signedIn() {
  const {where, checks} = request();
  const {status, location} = await new Browser().signIn(where);
  assert.equal(status, 303);
  return page().callback(REDIRECT, page().callbackParams(location), checks);
}

test('a person signs in, and the services know who it is and what he may do', async () => {
  const tokens = await signedIn();
  assert.equal(tokens.claims().preferred_username, 'anna');
  assert.equal(tokens.scope, SCOPE);
  const access = claims(tokens.access_token);
  assert.deepEqual({scp: access.scp, roles: access.roles, aud: access.aud, tid: access.tid, azp: access.azp, ver: access.ver},
    {scp: 'user_impersonation', roles: ['Read', 'Write'], aud: 'api://millrace', tid: tenant, azp: 'page', ver: '2.0'});
  assert.equal(access.oid, tokens.claims().oid);
  const look = await services.call('GET', '/registry/v2/applications', {bearer: tokens.access_token});
  assert.equal(look.status, 200, look.text);
  const change = await services.call('PUT', '/registry/v2/applications', {bearer: tokens.access_token, body: {applicationUri: 'urn:x'}});
  assert.equal(change.status, 403, 'Write is not Admin');
  const text = await until('its line', () => readFileSync(path.join(folder, 'services/audit.log'), 'utf8'));
  const lines = text.trim().split('\n').map(JSON.parse);
  assert.deepEqual(lines.map(l => [l.event, l.who, l.operation, l.status]), [['forbidden', 'anna', 'CreateApplication', 403]]);
  assert.match(execFileSync(process.env.MILLRACE, ['audit', path.join(folder, 'services')], {encoding: 'utf8'}), /1 lines, the chain holds/);
  const id = await services.call('GET', '/registry/v2/applications', {bearer: tokens.id_token});
  assert.equal(id.status, 401, 'an ID token is for the client, not for the services');
});

test('a refresh token is good once; used again later it ends all that came of it', async () => {
  const first = await signedIn();
  const second = await page().refresh(first);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(second.claims().preferred_username, 'anna');
  await assert.rejects(page().refresh('made-up'), refusedAs('invalid_grant'));
  const other = new found.Client({client_id: 'site', client_secret: 'wrong'});
  await assert.rejects(other.refresh(second.refresh_token), refusedAs('invalid_client'));
  const third = await page().refresh(second.refresh_token);
  command(['set-password', 'anna'], `${PASSWORD}\n`);
  await assert.rejects(page().refresh(third.refresh_token), refusedAs('invalid_grant'));
});

test('a code is good once, for its client, its address and its verifier', async () => {
  const {where, checks} = request();
  const {location} = await new Browser().signIn(where);
  const parameters = page().callbackParams(location);
  await assert.rejects(page().callback(REDIRECT, parameters, {...checks, code_verifier: generators.codeVerifier()}), refusedAs('invalid_grant'));
  await assert.rejects(page().callback('http://localhost', parameters, checks), refusedAs('invalid_grant'));
  const tokens = await page().callback(REDIRECT, parameters, checks);
  await assert.rejects(page().callback(REDIRECT, parameters, checks), refusedAs('invalid_grant'));
  await assert.rejects(page().refresh(tokens.refresh_token), refusedAs('invalid_grant'), 'a stolen code ends what came of it');
});

test('the answer comes as query, fragment or form', async () => {
  const browser = new Browser();
  const fragment = await browser.signIn(request({response_mode: 'fragment'}).where);
  assert.match(fragment.location, /^https:\/\/plant\.example\/app\?way=back#code=[\w-]{43}&state=/);
  const form = await browser.signIn(request({response_mode: 'form_post'}).where);
  assert.equal(form.status, 200);
  assert.match(form.fields.code, /^[\w-]{43}$/);
  assert.equal(form.fields.iss, found.issuer);
  assert.match(form.text, /action="https:\/\/plant\.example\/app\?way=back"/);
});

test('what is wrong with a request: the client learns it; to a foreign address nobody is sent', async () => {
  const browser = new Browser();
  const errors = [
    [{response_type: 'token'}, 'unsupported_response_type'], [{code_challenge: undefined}, 'invalid_request'],
    [{code_challenge_method: 'plain'}, 'invalid_request'], [{scope: 'openid https://graph.example/x'}, 'invalid_scope'],
    [{prompt: 'none'}, 'login_required'], [{response_mode: 'web_message'}, 'invalid_request'],
  ];
  for (const [more, error] of errors) {
    const {where, checks} = request(more);
    const {status, location} = await browser.ask(where);
    assert.equal(status, 303, error);
    const back = new URL(location);
    assert.equal(back.searchParams.get('error'), error);
    assert.equal(back.searchParams.get('state'), checks.state);
    assert.equal(back.searchParams.get('way'), 'back');
  }
  for (const more of [{redirect_uri: 'https://evil.example'}, {redirect_uri: `${REDIRECT}x`}, {client_id: 'nobody'}, {redirect_uri: 'http://localhost.evil.example'}]) {
    const {status, location, headers} = await browser.ask(request(more).where);
    assert.equal(status, 400);
    assert.equal(location, null);
    assert.match(headers.get('content-security-policy'), /default-src 'none'.*frame-ancestors 'none'/);
  }
});

test('a form from another site, or with what an attacker typed, does nothing', async () => {
  const {where} = request({login_hint: '"><script>alert(1)</script>'});
  const shown = await new Browser().ask(where);
  assert.ok(!shown.text.includes('<script>'), shown.text);
  const foreign = await new Browser().ask(where, {username: 'anna', password: PASSWORD, token: randomBytes(32).toString('base64url')});
  assert.equal(foreign.status, 400);
  assert.equal(foreign.location, null);
});

test('who guesses a password is locked out, and the right one opens nothing meanwhile', async () => {
  command(['add-user', 'bert']);
  command(['set-password', 'bert'], `${PASSWORD}\n`);
  const {where} = request();
  for (let n = 0; n < 5; n++)
    assert.equal((await new Browser().signIn(where, {username: 'Bert', password: `guess ${n}`})).status, 401);
  assert.equal((await new Browser().signIn(where, {username: 'bert'})).status, 429);
  assert.match(command(['list-users']), /^bert \[\] locked for \d+ s$/m);
  assert.equal((await new Browser().signIn(where, {username: 'nobody'})).status, 401);
  command(['set-password', 'bert'], `${PASSWORD}\n`); // unlocks
  assert.equal((await new Browser().signIn(where, {username: 'bert'})).status, 303);
});

test('a device without a browser: allowed, refused, asked too often', async () => {
  const begin = async () => {
    const handle = await page().deviceAuthorization({scope: SCOPE});
    assert.match(handle.user_code, /^[B-Z]{4}-[B-Z]{4}$/);
    return handle;
  };
  const browser = new Browser();
  const allowed = await begin();
  const form = {grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'page', device_code: allowed.device_code};
  const poll = async () => (await browser.ask(found.token_endpoint, form)).text;
  assert.equal(JSON.parse(await poll()).error, 'authorization_pending');
  assert.equal(JSON.parse(await poll()).error, 'slow_down');
  assert.equal((await browser.signIn(allowed.verification_uri_complete, {answer: 'allow', password: 'wrong'})).status, 401);
  assert.equal((await browser.signIn(allowed.verification_uri_complete, {answer: 'allow'})).status, 200);
  assert.equal(claims(JSON.parse(await poll()).access_token).preferred_username, 'anna');
  assert.equal(JSON.parse(await poll()).error, 'invalid_grant', 'once');
  const refused = await begin();
  assert.equal((await browser.signIn(refused.verification_uri_complete, {answer: 'deny', password: ''})).status, 200);
  assert.equal(JSON.parse((await browser.ask(found.token_endpoint, {...form, device_code: refused.device_code})).text).error, 'access_denied');
  assert.equal((await browser.ask(`${url}/device?user_code=BCDF-GHJK`)).status, 400);
});

test('a restart: who is signed in stays so, and the keys are the same', async () => {
  const tokens = await signedIn();
  await program.end();
  await start(new URL(url).port);
  assert.equal((await page().refresh(tokens.refresh_token)).claims().preferred_username, 'anna');
});

test('the first user\'s password is said once', () => {
  const said = command(['list-users']);
  assert.match(said, /^admin \["Read","Write","Admin"\]$/m);
  assert.equal([...program.text().matchAll(/first user: admin, password: \S{20}$/mg)].length, 1);
});

// ---- MSAL ----

const msalOptions = (clientId, more) => ({
  auth: {clientId, authority: `${url}/${tenant}`, knownAuthorities: [new URL(url).host], ...more},
});

test('MSAL: code with PKCE, then silently', async () => {
  const app = new msal.PublicClientApplication(msalOptions('page'));
  const verifier = randomBytes(32).toString('base64url');
  const codeChallenge = createHash('sha256').update(verifier).digest('base64url');
  const scopes = ['api://millrace/user_impersonation'];
  const where = await app.getAuthCodeUrl({scopes, redirectUri: 'http://localhost:53821', codeChallenge, codeChallengeMethod: 'S256'});
  const {location} = await new Browser().signIn(where);
  const back = new URL(location);
  const signed = await app.acquireTokenByCode({scopes, redirectUri: 'http://localhost:53821', code: back.searchParams.get('code'), codeVerifier: verifier});
  assert.equal(signed.account.username, 'anna');
  assert.equal(signed.tenantId, tenant);
  const silent = await app.acquireTokenSilent({account: signed.account, scopes, forceRefresh: true});
  assert.notEqual(silent.accessToken, signed.accessToken);
  assert.equal(silent.fromCache, false);
});

test('MSAL: device code', async () => {
  const app = new msal.PublicClientApplication(msalOptions('page'));
  const signed = await app.acquireTokenByDeviceCode({
    scopes: ['api://millrace/.default'],
    deviceCodeCallback: async ({userCode, verificationUri}) => {
      await new Browser().signIn(`${verificationUri}?user_code=${userCode}`, {answer: 'allow'});
    },
  });
  assert.equal(signed.account.username, 'anna');
});

test('MSAL: a program in its own name', async () => {
  const secret = /^client_secret=(.+)$/m.exec(command(['add-client', 'robot', '--roles', 'Write']))[1];
  const app = new msal.ConfidentialClientApplication(msalOptions('robot', {clientSecret: secret}));
  const got = await app.acquireTokenByClientCredential({scopes: ['api://millrace/.default']});
  assert.deepEqual(claims(got.accessToken).roles, ['Write']);
  assert.equal(claims(got.accessToken).scp, undefined);
});

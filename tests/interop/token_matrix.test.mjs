// Every route of the services, with every kind of token that must not open it. The routes are read from the documents
// that are served, so that a new one is tried without a line here.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import http from 'node:http';
import test, {after, before} from 'node:test';
import WebSocket from 'ws';
import {startServices} from './rest_call.mjs';
import {Forge} from './token_forge.mjs';

const TENANT = 'tenant-1';
const SCOPE = 'user_impersonation';
const PERSON = {tid: TENANT, scp: SCOPE};
const forge = new Forge();
let services, port, routes;
const agent = new http.Agent({keepAlive: true, maxSockets: 16});

before(async () => {
  await forge.open();
  services = await startServices(['--auth.authority', forge.url, '--auth.tenants', TENANT, '--auth.scopes', SCOPE, '--http.plain', '127.0.0.1:0'],
    {ready: 503}); // there is no hub
  port = await services.plain();
  routes = await served();
});

after(async () => {
  agent.destroy();
  assert.equal(await services.end(), 0);
  await forge.close();
});

function call(method, path, authorization, body) {
  return new Promise((resolve, reject) => {
    const headers = {...(authorization && {Authorization: authorization}), ...(body !== undefined && {'Content-Type': 'application/json'})};
    const r = http.request({host: '127.0.0.1', port, method, path, agent, headers}, answer => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', d => { text += d; });
      answer.on('end', () => resolve({status: answer.statusCode, headers: answer.headers, text}));
    });
    r.on('error', reject);
    r.end(body);
  });
}

// ---- which routes there are ----

const documents = ['/swagger/v2/openapi.json', ...['registry', 'twin', 'publisher', 'history', 'events'].map(s => `/${s}/swagger/v2/openapi.json`), '/openapi.json'];

async function served() {
  const found = new Map();
  for (const where of documents) {
    const {status, text} = await call('GET', where);
    if (status !== 200)
      continue;
    const {paths, basePath = ''} = JSON.parse(text);
    for (const [path, operations] of Object.entries(paths))
      for (const [method, {operationId, security}] of Object.entries(operations))
        found.set(`${method} ${path}`, {method: method.toUpperCase(), path: (basePath + path).replace(/\{[^}]+\}/g, 'x'), operationId, security});
  }
  return [...found.values()];
}

// What a role is needed for: 2.8's policies for operation groups, but that what changes a publisher's configuration needs
// Write (docs/decisions/0035), and all of it, with its credentials, is for administrators. The first row that fits holds.
const ADMIN = ['Admin', 'Sign'], WRITE = ['Write', ...ADMIN], ANY = [undefined, 'Read', ...WRITE];
const policies = [
  {path: /^\/registry\/v2\/publishers\/[^/]+\/endpoints$/, method: /^GET$/, roles: WRITE},
  {path: /^\/registry\/v2\/publishers\/[^/]+\/endpoints$/, roles: ADMIN},
  {path: /^\/publisher\/v2\/publish\/[^/]+\/(start|stop|bulk)$/, roles: WRITE},
  {path: /^\/registry\/v2\/applications(\/query|\/[^/]+)?$/, method: /^GET$/, roles: ANY},
  {path: /^\/registry\/v2\/[a-z]+\/query$/, roles: ANY},
  {path: /^\/registry\/v2\/supervisors\/[^/]+\/reset$/, roles: ADMIN},
  {path: /^\/registry\/v2\/applications(\/|$)/, method: /^(POST|PUT|DELETE)$/, roles: ADMIN},
  {path: /^\/registry\/v2\/endpoints\/[^/]+\/(test|certificate)$/, roles: ANY},
  {path: /^\/registry\/v2\/endpoints$/, method: /^PUT$/, roles: ADMIN}, // registers, as with applications
  {path: /^\/registry\//, method: /^(PATCH|POST|PUT|DELETE)$/, roles: WRITE},
  {path: /^\/registry\//, method: /^GET$/, roles: ANY},
  {path: /^\/twin\/v2\/(write|call)\//, roles: WRITE},
  {path: /^\/twin\//, roles: ANY},
  {path: /^\/history\/v2\/(insert|replace|upsert|delete|history)\//, roles: WRITE},
  {path: /^\/history\//, roles: ANY},
  {path: /^\/publisher\/v2\/(jobs|workers)\//, method: /^(POST|DELETE)$/, roles: WRITE},
  {path: /^\/publisher\//, roles: ANY},
  {path: /^\/events\/v2\/[a-z]+\/(events|stream)/, roles: ANY},
  {path: /^\/events\//, roles: WRITE},
];

const rolesFor = ({method, path}) => policies.find(p => p.path.test(path) && (!p.method || p.method.test(method)))?.roles;

// ---- the matrix ----

test('no route lets a bad token in', async () => {
  const bad = Object.entries(forge.bad(PERSON));
  const wrong = [];
  assert.ok(routes.length > 40, `${routes.length} routes`);
  await Promise.all(bad.flatMap(([what, authorization]) => routes.map(async ({method, path}) => {
    const {status, headers} = await call(method, path, authorization, method === 'GET' ? undefined : '{}');
    if (status !== 401 || !/^Bearer/.test(headers['www-authenticate'] ?? ''))
      wrong.push(`${method} ${path}, ${what}: ${status}`);
  })));
  assert.deepEqual(wrong, []);
  console.log(`${routes.length} routes, ${bad.length} kinds of bad tokens`);
});

test('no route is open to a token without its role or scope; each is to one that has it', async () => {
  const wrong = [];
  const bearer = more => `Bearer ${forge.token({body: forge.claims({...PERSON, ...more})})}`;
  const tokens = new Map([undefined, 'Read', 'Write', 'Admin', 'Sign', 'admin', 'Writer'].map(role => [role, bearer({roles: role && [role]})]));
  const noScope = bearer({roles: ['Admin'], scp: 'other'});
  await Promise.all(routes.map(async route => {
    const {method, path} = route;
    const name = `${method} ${path}`;
    const may = rolesFor(route);
    if (!may) {
      wrong.push(`${name}: no policy says who may`);
      return;
    }
    for (const [role, authorization] of tokens) {
      const allowed = may.includes(role) || (may === ANY && ['admin', 'Writer'].includes(role));
      const {status} = await call(method, path, authorization, method === 'GET' ? undefined : '7'); // no model is a number
      if ((status === 403) === allowed || status === 401)
        wrong.push(`${name} as ${role}: ${status}`);
    }
    const {status} = await call(method, path, noScope, method === 'GET' ? undefined : '7');
    if (status !== 403)
      wrong.push(`${name} without the scope: ${status}`);
  }));
  assert.deepEqual(wrong, []);
});

test('every route says in its document that a token is needed', () => {
  assert.deepEqual(routes.filter(r => !r.security?.length).map(r => r.path), []);
});

// ---- what is in no document ----

test('WebSockets and event streams ask the same, also of tokens in the query', async () => {
  const opened = url => new Promise(resolve => {
    const ws = new WebSocket(url);
    ws.on('open', () => { ws.terminate(); resolve('open'); });
    ws.on('unexpected-response', (_, answer) => { answer.destroy(); resolve(answer.statusCode); });
    ws.on('error', () => resolve('error'));
  });
  const stream = path => new Promise((resolve, reject) => {
    http.get({host: '127.0.0.1', port, path, agent: false, headers: {Accept: 'text/event-stream'}}, answer => {
      answer.destroy();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
  const bad = Object.entries(forge.bad(PERSON)).map(([what, value]) => [what, value?.replace(/^Bearer /, '') ?? '']);
  const wrong = [];
  const tokens = [...bad, ['bad scope', forge.token({body: forge.claims({...PERSON, scp: 'other'})})]].filter(([what]) => what !== 'bare');
  const hubs = ['applications', 'endpoints', 'gateways', 'supervisors', 'discovery', 'publishers'];
  const paths = hubs.flatMap(hub => [`/events/v2/${hub}/events`, `/events/v2/${hub}/stream`]);
  await Promise.all(paths.flatMap(where => tokens.map(async ([what, token]) => {
    const path = `${where}?access_token=${encodeURIComponent(token)}`;
    const want = what === 'bad scope' ? 403 : 401;
    for (const got of await Promise.all([opened(`ws://127.0.0.1:${port}${path}`), stream(path)]))
      if (got !== want)
        wrong.push(`${where}, ${what}: ${got}`);
  })));
  assert.deepEqual(wrong, []);
  const good = `access_token=${forge.token({body: forge.claims(PERSON)})}`;
  assert.equal(await opened(`ws://127.0.0.1:${port}/events/v2/applications/stream?${good}`), 'open');
  assert.equal(await stream(`/events/v2/applications/stream?${good}`), 200);
  const {status} = await call('GET', `/registry/v2/applications?${good}`);
  assert.equal(status, 401, 'elsewhere a token in the query, and so in logs, is not taken');
});

test('a path that is not there, and a method that is not, tell nobody more than that', async () => {
  assert.equal((await call('GET', `/registry/v2/${randomUUID()}`)).status, 404);
  assert.equal((await call('TRACE', '/registry/v2/applications')).status, 405);
});

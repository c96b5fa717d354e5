// The services and their issuer as programs, and requests to them.
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import {decode, encode} from '@msgpack/msgpack';
import {answers, folder, freePort, Program, until} from './site.mjs';

export const PACKED = 'application/x-msgpack';

// One request; resolves to {status, headers, text, json}; json also where the answer is MessagePack.
export function send(options, body) {
  return new Promise((resolve, reject) => {
    const r = (options.ca ? https : http).request({host: '127.0.0.1', agent: false, ...options}, answer => {
      const pieces = [];
      answer.on('data', d => pieces.push(d));
      answer.on('end', () => {
        const bytes = Buffer.concat(pieces), type = answer.headers['content-type'] ?? '', text = bytes.toString();
        const json = /msgpack/.test(type) ? decode(bytes) : /json/.test(type) ? JSON.parse(text) : undefined;
        resolve({status: answer.statusCode, headers: answer.headers, text, json});
      });
    });
    r.on('error', reject);
    r.end(body);
  });
}

export async function startIssuer() {
  const port = await freePort();
  const data = path.join(folder, 'issuer');
  const p = new Program('issuer', ['--data', data, '--https.port', port]).start();
  Object.assign(p, {port, data, ca: path.join(data, 'ca.pem'), url: `https://localhost:${port}`});
  await until('the issuer', () => answers('127.0.0.1', port));
  return p;
}

// A client of the issuer as the command line makes it, and a token for it.
export async function newToken(issuer, name, roles) {
  const said = execFileSync(process.env.MILLRACE, ['issuer', 'add-client', name, '--roles', roles, '--data', issuer.data], {encoding: 'utf8'});
  const secret = /^client_secret=(.+)$/m.exec(said)[1];
  const form = new URLSearchParams({grant_type: 'client_credentials', client_id: name, client_secret: secret, scope: 'api://millrace/.default'});
  const {status, json, text} = await send({method: 'POST', port: issuer.port, path: '/token', ca: readFileSync(issuer.ca),
    headers: {'Content-Type': 'application/x-www-form-urlencoded'}}, form.toString());
  if (status !== 200)
    throw new Error(`no token: ${status} ${text}`);
  return json.access_token;
}

// Ready when its /readyz says so. Then p.call(method, path, {bearer, body, headers}); p.raw() has a text for its body.
// p.packed() says the same as p.call() in MessagePack. p.plain() is the port of --http.plain.
export async function startServices(more, {name = 'services', environment = {}, ready = 200} = {}) {
  const port = await freePort();
  const data = path.join(folder, name);
  const p = new Program('services', ['--data', data, '--listen', '127.0.0.1', '--https.port', port, ...more], {name, environment}).start();
  const ca = path.join(data, 'tls/ca.pem');
  const agent = new https.Agent({keepAlive: true});
  p.ended.then(() => agent.destroy());
  p.plain = () => until('the plain port', () => Number(/ plain=(\d+)/.exec(p.text())?.[1] ?? 0));
  p.raw = (method, what, {bearer, text, headers = {}} = {}) =>
      send({method, port, path: what, agent, ca: readFileSync(ca), headers: {
        ...(bearer && {Authorization: `Bearer ${bearer}`}), ...(text && {'Content-Type': 'application/json'}), ...headers,
      }}, text);
  p.call = (method, what, {body, ...more} = {}) => p.raw(method, what, {text: body === undefined ? undefined : JSON.stringify(body), ...more});
  p.packed = (method, what, {body, headers, ...more} = {}) => p.raw(method, what, {
    text: body === undefined ? undefined : encode(body), headers: {...(body !== undefined && {'Content-Type': PACKED}), Accept: PACKED, ...headers}, ...more,
  });
  await until('the services', async () => await answers('127.0.0.1', port) && (await p.call('GET', '/readyz')).status === ready);
  return p;
}

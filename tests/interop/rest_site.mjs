// What the tests of REST stand on: issuer, services, hub, edge, the OPC UA module, and servers of two makes in a
// network of their own; ids as Azure Industrial IoT computes them, and requests that say what they expect.
import assert from 'node:assert/strict';
import {createHash, randomUUID} from 'node:crypto';
import path from 'node:path';
import {OPCUACertificateManager} from 'node-opcua-certificate-manager';
import {MessageSecurityMode, OPCUAClient} from 'node-opcua-client';
import {network} from './network.mjs';
import {newToken, startIssuer, startServices} from './rest_call.mjs';
import {edge, folder, nodeOpcua, opc, plantAt, until} from './site.mjs';

export const MODULE = 'opc';
export const device = `edge-${randomUUID().slice(0, 8)}`;
export const discoverer = `${device}_module_${MODULE}`;
export const user = 'operator';
export const password = `pass-${randomUUID()}`;
export const tokens = {};
const running = [];
export let net, factory, plant, services, module, site;

async function run(what) {
  const p = await what;
  running.push(p);
  return p;
}

export async function open() {
  net = network();
  if (!net.isolated)
    console.log('no network namespace without root: the servers are on loopback addresses');
  const {first, second, inside} = net;
  const port = n => net.isolated ? n : 0;
  let issuer;
  [site, issuer, factory, plant] = await Promise.all([
    run(edge(device)),
    run(startIssuer()),
    run(nodeOpcua({address: first, port: port(4840), inside, more: ['--user', user, '--password', password]})),
    run(plantAt({address: second, port: port(50000), inside, more: ['--nodes', 20, '--history', 'true', '--trust.all', 'true']})),
  ]);
  [services, module] = await Promise.all([
    run(startServices(['--hub.ca', process.env.NODE_EXTRA_CA_CERTS, '--http.plain', '127.0.0.1:0', '--auth.authority', issuer.url, '--auth.ca', issuer.ca,
      '--discovery.module', MODULE, '--twin.module', MODULE, '--publisher.module', MODULE, '--log.level', 'debug'],
    {environment: {MILLRACE_SERVICES_HUB_CONNECTION: process.env.MILLRACE_HUB_OWNER}})),
    run(opc(site, [], {module: MODULE, roles: 'publisher,twin,discovery', more: ['--log.level', 'debug']})),
  ]);
  for (const [name, roles] of [['reader', 'Read'], ['writer', 'Write'], ['admin', 'Admin']])
    tokens[name] = await newToken(issuer, name, roles);
  for (const server of [factory, plant])
    server.endpoints = await endpointsOf(server);
}

export async function close() {
  try {
    for (const p of running.reverse())
      assert.ok([null, 0].includes(await p.end()), `${p.name} ends in order`);
  } finally {
    net.remove();
  }
}

// What the server itself says, asked with another client.
async function endpointsOf(server) {
  const manager = new OPCUACertificateManager({rootFolder: path.join(folder, 'client-pki')});
  const client = OPCUAClient.create({endpointMustExist: false, clientCertificateManager: manager, connectionStrategy: {maxRetry: 1}});
  await client.connect(server.url);
  const endpoints = await client.getEndpoints();
  await client.disconnect();
  return endpoints.map(e => ({
    application: e.server.applicationUri, url: e.endpointUrl, mode: MessageSecurityMode[e.securityMode], policy: e.securityPolicyUri,
  }));
}

// ---- ids ----

const sha1 = text => createHash('sha1').update(text).digest('hex');
export const applicationId = uri => `uas${sha1(`${device}-Server-${uri.toLowerCase()}`)}`;
export const endpointId = (application, url, mode, policy) =>
    `uat${sha1(`${url.toLowerCase()}-${application}-${mode === 'None' ? 'Best' : mode}-${policy.toLowerCase()}`)}`;
export const applicationOf = server => applicationId(server.endpoints[0].application);

export function endpointOf(server, mode = 'None') {
  const e = server.endpoints.find(x => x.mode === mode);
  return endpointId(applicationId(e.application), e.url, e.mode, e.policy);
}

// ---- requests ----

export async function ask(method, what, {as = 'admin', status = 200, ...more} = {}) {
  const answer = await services.call(method, what, {bearer: tokens[as], ...more});
  assert.equal(answer.status, status, `${method} ${what} ${JSON.stringify(more.body)}: ${answer.status} ${answer.text}`);
  return answer.json;
}

export const twin = (verb, server, body, {then = '', ...more} = {}) =>
    ask('POST', `/twin/v2/${verb}/${endpointOf(server)}${then}`, {as: 'writer', body, ...more});

export async function good(verb, server, body, more) {
  const answer = await twin(verb, server, body, more);
  assert.equal(answer.errorInfo, undefined, `${verb} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
  return answer;
}

export async function refused(verb, server, body, symbol) {
  const {errorInfo} = await twin(verb, server, body);
  assert.ok(errorInfo, `${verb} ${JSON.stringify(body)} was not refused`);
  assert.equal(errorInfo.symbolicId, symbol, JSON.stringify(errorInfo));
  assert.equal(errorInfo.statusCode >>> 31, 1);
  assert.match(errorInfo.errorMessage, /./);
}

// Scans all of the network; resolves to the applications once `enough` of them is true.
export async function discover(what, enough) {
  const ports = [factory, plant].map(({port}) => `${port - 1}-${port + 1}`).join(';');
  await ask('POST', '/registry/v2/applications/discover', {body: {
    discovery: 'Fast', configuration: {addressRangesToScan: net.range, portRangesToScan: ports},
  }});
  return until(what, async () => {
    const {items} = await ask('GET', '/registry/v2/applications', {as: 'reader'});
    return enough(items) ? items : null;
  });
}

// Registers a server that stands outside of the network; resolves to the id of its endpoint without security.
export async function register(server) {
  await ask('POST', '/registry/v2/applications', {body: {discoveryUrl: server.url}});
  return until(`the endpoint of ${server.url}`, async () =>
    (await ask('GET', '/registry/v2/endpoints?pageSize=1000', {as: 'reader'})).items
      .find(e => e.registration.endpointUrl === server.url && (e.registration.endpoint.securityMode ?? 'None') === 'None')?.registration.id);
}

// ---- the servers, each as its make has it ----

export const makes = {
  'node-opcua': {
    get server() { return factory; }, space: 'urn:tests:factory',
    id: s => `nsu=urn:tests:factory;s=${s}`, uri: s => `urn:tests:factory#s=${s}`,
    top: 'Factory', folder: 'Load', children: Array.from({length: 10}, (_, i) => `Load${i + 1}`),
    readOnly: 'Constant', writable: 'Int32',
  },
  plant: {
    get server() { return plant; }, space: 'http://microsoft.com/Opc/OpcPlc/',
    id: s => `nsu=http://microsoft.com/Opc/OpcPlc/;s=${s}`, uri: s => `http://microsoft.com/Opc/OpcPlc/#s=${s}`,
    top: 'OpcPlc', folder: 'Load', children: Array.from({length: 20}, (_, i) => `Load${i + 1}`),
    readOnly: 'StepUp', writable: 'WritableInt32',
  },
};

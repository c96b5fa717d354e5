// The publisher's connection to a hub in every way that there is (--ht of OPC Publisher: MQTT and AMQP, on TCP and as WebSocket, and
// HTTPS), with every kind of sign-in: values arrive, a direct method answers, a killed hub loses nothing, a blocked port is gone around.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, X509Certificate} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import common from 'azure-iot-common';
import {edge, folder, freePort, hub as ownHub, plant, Program, registry, until} from './site.mjs';

const LOAD = 'nsu=http://microsoft.com/Opc/OpcPlc/;s=Load';
const WAYS = ['MqttOverTcp', 'MqttOverWebsocket', 'AmqpOverTcp', 'AmqpOverWebsocket', 'Https'];
const openssl = (...args) => execFileSync('openssl', args, {stdio: ['ignore', 'pipe', 'pipe']});
const file = name => path.join(folder, name);
const running = [];
let machine;

// A hub of its own on an address of its own, so that it can be killed, and lack ports.
class Hub {
  constructor(name, ...more) {
    const random = n => 1 + Math.floor(Math.random() * n);
    this.address = `127.${15 + random(230)}.${random(250)}.${1 + random(250)}`;
    this.data = file(name);
    this.program = new Program('hub', ['--data', this.data, '--name', this.address, '--listen', this.address, ...more], {name});
    running.push(this.program);
  }

  get ca() { return path.join(this.data, 'tls/ca.pem'); }

  async start(port = 443) {
    this.program.start();
    await until('the hub', () => new Promise(resolve => {
      try {
        https.get({host: this.address, port, path: '/readyz', ca: readFileSync(this.ca), agent: false}, r => { r.resume(); resolve(r.statusCode === 200); }).on('error', () => resolve(false));
      } catch {
        resolve(false); // no authority yet
      }
    }));
    return this;
  }

  string(...more) {
    return execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', this.data, '--name', this.address, ...more], {encoding: 'utf8'}).trim();
  }
}

// REST of a hub whose authority this process does not know.
function rest(hub, method, where, body, port = 443) {
  const {SharedAccessKey, SharedAccessKeyName} = common.ConnectionString.parse(hub.string());
  const authorization = common.SharedAccessSignature.create(hub.address, SharedAccessKeyName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600).toString();
  return new Promise((resolve, reject) => {
    const r = https.request({host: hub.address, port, method, path: `${where}?api-version=2021-04-12`, ca: readFileSync(hub.ca), agent: false,
      headers: {authorization, 'content-type': 'application/json'}}, a => {
      let text = '';
      a.on('data', d => { text += d; });
      a.on('end', () => (a.statusCode < 300 ? resolve(text && JSON.parse(text)) : reject(new Error(`${where}: ${a.statusCode} ${text}`))));
    });
    r.on('error', reject);
    r.end(body && JSON.stringify(body));
  });
}

function events(hub) {
  const text = execFileSync(process.execPath, [path.join(import.meta.dirname, 'read_all.mjs'), hub.string('--events')],
                            {encoding: 'utf8', maxBuffer: 1 << 28, env: {...process.env, NODE_EXTRA_CA_CERTS: hub.ca}});
  return text.trim().split('\n').filter(Boolean).map(l => JSON.parse(l));
}

const thumbprint = cert => createHash('sha256').update(new X509Certificate(cert).raw).digest('hex').toUpperCase();

function certificate(name, by) {
  openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
  openssl('x509', '-req', '-in', file(`${name}.csr`), '-out', file(`${name}.pem`), '-days', '5',
          ...by ? ['-CA', file(`${by}.pem`), '-CAkey', file(`${by}.key`), '-CAcreateserial'] : ['-key', file(`${name}.key`)]);
  return ['--connection.certificate', file(`${name}.pem`), '--connection.key', file(`${name}.key`)];
}

// How an identity signs in: what the registry knows of it, and what the publisher is told.
const SIGN_IN = {
  key: async (hub, id) => {
    const {authentication} = await rest(hub, 'PUT', `/devices/${id}`, {deviceId: id});
    return {secret: `SharedAccessKey=${authentication.symmetricKey.primaryKey}`, more: []};
  },
  token: async (hub, id) => {
    const {authentication} = await rest(hub, 'PUT', `/devices/${id}`, {deviceId: id});
    const sas = common.SharedAccessSignature.create(`${hub.address}/devices/${id}`, null, authentication.symmetricKey.primaryKey, Math.floor(Date.now() / 1000) + 3600);
    return {secret: `SharedAccessSignature=${sas}`, more: []};
  },
  thumbprint: async (hub, id) => {
    const more = certificate(id);
    await rest(hub, 'PUT', `/devices/${id}`, {deviceId: id, authentication: {type: 'selfSigned', x509Thumbprint: {primaryThumbprint: thumbprint(readFileSync(file(`${id}.pem`)))}}});
    return {secret: 'x509=true', more};
  },
  authority: async (hub, id) => {
    const more = certificate(id, 'authority');
    await rest(hub, 'PUT', `/devices/${id}`, {deviceId: id, authentication: {type: 'certificateAuthority'}});
    return {secret: 'x509=true', more};
  },
  module: async (hub, id) => {
    await rest(hub, 'PUT', `/devices/${id}`, {deviceId: id});
    const {authentication} = await rest(hub, 'PUT', `/devices/${id}/modules/press`, {deviceId: id, moduleId: 'press'});
    return {secret: `ModuleId=press;SharedAccessKey=${authentication.symmetricKey.primaryKey}`, more: []};
  },
};

async function publisher(hub, id, way, {secret, more}, name = id) {
  const published = file(`${name}.json`);
  writeFileSync(published, JSON.stringify([{EndpointUrl: machine.url, UseSecurity: false, DataSetWriterGroup: 'line', BatchSize: 1, DataSetPublishingInterval: 100,
    OpcNodes: [{Id: `${LOAD}1`, OpcSamplingInterval: 50, QueueSize: 20}]}]));
  const health = await freePort();
  const p = new Program('publisher', ['--file', published, '--pki', file(`${name}-pki`), '--queue.path', file(`${name}-queue`), '--health.port', health, '--api.port', -1,
    '--mode', 'PubSub', '--batch.size', 1, '--batch.interval', '100ms', '--ca', hub.ca, '--ht', way, ...more],
  {environment: {EdgeHubConnectionString: `HostName=${hub.address};DeviceId=${id};${secret}`}, health, name}).start();
  running.push(p);
  return Object.assign(p, {id, way});
}

const answers = (hub, p, module, port) => rest(hub, 'POST', `/twins/${p.id}${module ? '/modules/press' : ''}/methods`,
                                               {methodName: 'GetConfiguredEndpoints_V1', payload: {}, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 20}, port);

before(async () => {
  machine = await plant('--nodes', 5, '--interval', '50ms');
});

after(async () => {
  for (const p of running.reverse())
    await p.end('SIGKILL');
  await machine.end();
});

test('values arrive and a method answers, in every way and with every sign-in; nothing is lost when the hub is killed', async () => {
  const hub = await new Hub('own').start();
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '10', '-subj', '/CN=authority', '-keyout', file('authority.key'), '-out', file('authority.pem'),
          '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  await rest(hub, 'PUT', '/certificates/authority', {properties: {certificate: readFileSync(file('authority.pem'), 'utf8'), isVerified: true}});
  const all = [];
  for (const way of WAYS)
    for (const [kind, make] of Object.entries(SIGN_IN)) {
      const id = `${way}-${kind}`.toLowerCase();
      all.push(Object.assign(await publisher(hub, id, way, await make(hub, id)), {kind}));
    }
  for (const p of all)
    await until(`values of ${p.id}`, async () => await p.metric('millrace_publisher_sent_total') > 5, 60000);
  for (const p of all) {
    assert.match(p.text(), new RegExp(`hub connected .*by=${p.way}`), p.id);
    if (p.way === 'Https') {
      assert.match(p.text(), /over HTTPS there are no direct methods and no twin/);
      continue;
    }
    const {status, payload} = await answers(hub, p, p.kind === 'module');
    assert.equal(status, 200, p.id);
    assert.equal(payload.endpoints[0].EndpointUrl ?? payload.endpoints[0].endpointUrl, machine.url);
  }
  for (let i = 0; i < 3; i++) {
    await hub.program.end('SIGKILL');
    for (const p of all)
      await until(`${p.id} has noticed`, () => (p.text().match(/hub disconnected/g) ?? []).length > i, 60000);
    const before = await Promise.all(all.map(p => p.metric('millrace_publisher_sent_total')));
    await hub.start();
    for (const [n, p] of all.entries())
      await until(`${p.id} is back`, async () => await p.metric('millrace_publisher_sent_total') > before[n] + 5, 60000);
  }
  const sent = await Promise.all(all.map(p => p.metric('millrace_publisher_sent_total')));
  for (const p of all)
    assert.equal(await p.metric('millrace_publisher_dropped_refused_total'), 0, p.id);
  for (const p of all)
    assert.equal(await p.end(), 0, p.id);
  const read = events(hub);
  for (const [n, p] of all.entries()) {
    const own = read.filter(e => e.device === p.id);
    assert.ok(own.every(e => (e.module ?? '') === (p.kind === 'module' ? 'press' : '')));
    const numbers = new Set(own.map(e => Number(e.properties['millrace-sequence'])).filter(Boolean));
    const last = Math.max(...numbers);
    assert.equal(numbers.size, last, `${p.id}: ${last - numbers.size} of ${last} are missing`);
    assert.ok(own.length >= sent[n], `${p.id}: ${own.length} of ${sent[n]}`);
    assert.match(own.at(-1).contentType, /json/);
  }
  await hub.program.end();
});

test('a port that is blocked is gone around: as WebSocket, or over AMQP', async () => {
  const hub = await new Hub('blocked', '--mqtt.port', await freePort()).start();
  const web = await publisher(hub, 'web', 'Mqtt', await SIGN_IN.key(hub, 'web'));
  await until('values', async () => await web.metric('millrace_publisher_sent_total') > 5, 60000);
  assert.match(web.text(), /hub could not be connected .*by=MqttOverTcp/);
  assert.match(web.text(), /hub connected .*by=MqttOverWebsocket/);
  assert.equal((await answers(hub, web)).status, 200);
  await hub.program.end();

  const port = await freePort();
  const other = await new Hub('amqp-alone', '--mqtt.port', await freePort(), '--https.port', port).start(port);
  const device = await rest(other, 'PUT', '/devices/any', {deviceId: 'any'}, port);
  const any = await publisher(other, 'any', 'Any', {secret: `SharedAccessKey=${device.authentication.symmetricKey.primaryKey}`, more: []});
  await until('values', async () => await any.metric('millrace_publisher_sent_total') > 5, 60000);
  assert.match(any.text(), /hub connected .*by=AmqpOverTcp/);
  assert.equal((await answers(other, any, false, port)).status, 200);
});

test('a module below an edge speaks AMQP to it: values go up, a method comes down', async () => {
  const amqp = await freePort();
  const e = await edge('amqp-site', '--amqp.port', amqp);
  running.push(e);
  await registry.addModule({deviceId: e.device, moduleId: 'press'});
  const {responseBody} = await registry.getModule(e.device, 'press');
  const p = await publisher({address: ownHub, ca: e.ca}, e.device, 'AmqpOverTcp',
                            {secret: `ModuleId=press;SharedAccessKey=${responseBody.authentication.symmetricKey.primaryKey};GatewayHostName=127.0.0.1:${amqp}`, more: []}, 'amqp-press');
  await until('values', async () => await p.metric('millrace_publisher_sent_total') > 5, 60000);
  assert.match(p.text(), /hub connected .*by=AmqpOverTcp/);
  const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {result} = await service.invokeDeviceMethod(e.device, 'press', {methodName: 'GetConfiguredEndpoints_V1', payload: {}, responseTimeoutInSeconds: 20, connectTimeoutInSeconds: 20});
  assert.equal(result.status, 200);
});

test('a wrong key is said to be one, in every way', async () => {
  const hub = await new Hub('strict').start();
  for (const way of WAYS) {
    const id = `wrong-${way}`.toLowerCase();
    await SIGN_IN.key(hub, id);
    const p = await publisher(hub, id, way, {secret: `SharedAccessKey=${Buffer.from('another').toString('base64')}`, more: []});
    await until('the reason', () => new RegExp(`hub could not be connected .*by=${way} status=UNAUTHORIZED`).test(p.text()));
    await p.end();
  }
});

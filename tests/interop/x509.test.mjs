// Devices that sign in with certificates, made by openssl: of their own, or of an authority that the hub knows.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHash, X509Certificate} from 'node:crypto';
import {mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import {test} from 'node:test';
import iotDevice from 'azure-iot-device';
import amqpDevice from 'azure-iot-device-amqp';
import httpDevice from 'azure-iot-device-http';
import mqttDevice from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import common from 'azure-iot-common';
import mqtt from 'mqtt';

const hub = process.env.MILLRACE_HUB;
const owner = process.env.MILLRACE_HUB_OWNER;
const registry = iothub.Registry.fromConnectionString(owner);
const folder = mkdtempSync(path.join(process.env.MILLRACE_FOLDER, 'x509-'));
const file = name => path.join(folder, name);
const openssl = (...args) => execFileSync('openssl', args, {stdio: ['ignore', 'pipe', 'pipe']});

// An authority, or with `by` one below another.
function authority(name, {by} = {}) {
  const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '10', '-subj', `/CN=${name}`,
          '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`), ...extensions,
          ...by ? ['-CA', file(`${by}.pem`), '-CAkey', file(`${by}.key`)] : []);
  return name;
}

// A device's, signed by `by` or by itself.
function leaf(name, {by, cn = name, days = ['-days', '5']} = {}) {
  openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${cn.replaceAll('/', '\\/')}`,
          '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
  openssl('x509', '-req', '-in', file(`${name}.csr`), '-out', file(`${name}.pem`), ...days,
          ...by ? ['-CA', file(`${by}.pem`), '-CAkey', file(`${by}.key`), '-CAcreateserial'] : ['-key', file(`${name}.key`)]);
  return {cert: readFileSync(file(`${name}.pem`), 'utf8'), key: readFileSync(file(`${name}.key`), 'utf8')};
}

const chained = (own, ...more) => ({...own, cert: own.cert + more.map(m => readFileSync(file(`${m}.pem`), 'utf8')).join('')});
const thumbprint = (cert, kind) => createHash(kind).update(new X509Certificate(cert).raw).digest('hex').toUpperCase();

async function sends(id, certificate, protocol = mqttDevice.Mqtt) {
  const c = iotDevice.Client.fromConnectionString(`HostName=${hub};DeviceId=${id};x509=true`, protocol);
  c.setRetryPolicy(new common.NoRetry());
  c.setOptions(certificate); // done at once; the SDK's HTTPS never says so
  try {
    await c.open();
    await c.sendEvent(new iotDevice.Message('hello'));
  } finally {
    await c.close().catch(() => {});
  }
}

const refused = (id, certificate) =>
    assert.rejects(sends(id, certificate), e => e.name === 'UnauthorizedError' || e.name === 'NotConnectedError');

// The device SDK has no certificates for modules; the answer's code, 0 when it may.
async function moduleSignsIn(id, moduleId, {cert, key}) {
  const c = mqtt.connect(`mqtts://${hub}:8883`, {
    clientId: `${id}/${moduleId}`, username: `${hub}/${id}/${moduleId}/?api-version=2021-04-12`, cert, key, protocolVersion: 4,
    reconnectPeriod: 0, ca: readFileSync(process.env.NODE_EXTRA_CA_CERTS)});
  const code = await new Promise(resolve => {
    c.once('connect', () => resolve(0));
    c.once('error', e => resolve(e.code));
  });
  await c.endAsync(true);
  return code;
}

const byThumbprint = (primaryThumbprint, secondaryThumbprint) =>
    ({type: 'selfSigned', x509Thumbprint: {primaryThumbprint, secondaryThumbprint}});

function call(method, where, body, headers = {}) {
  const sas = common.SharedAccessSignature.create(hub, 'iothubowner', common.ConnectionString.parse(owner).SharedAccessKey,
                                                  Math.ceil(Date.now() / 1000) + 600).toString();
  return new Promise((resolve, reject) => {
    const r = https.request({host: hub, path: `${where}?api-version=2021-04-12`, method, agent: false,
                             headers: {Authorization: sas, 'Content-Type': 'application/json', ...headers}}, answer => {
      let text = '';
      answer.on('data', d => { text += d; });
      answer.on('end', () => resolve({status: answer.statusCode, etag: answer.headers.etag, body: text && JSON.parse(text)}));
    });
    r.on('error', reject);
    r.end(body && JSON.stringify(body));
  });
}

// As an owner does it: upload, code, a certificate of that name, verified.
async function prove(name) {
  const certificate = readFileSync(file(`${name}.pem`), 'utf8');
  const put = await call('PUT', `/certificates/${name}`, {properties: {certificate}});
  assert.equal(put.status, 201);
  assert.equal(put.body.properties.isVerified, false);
  const code = await call('POST', `/certificates/${name}/generateVerificationCode`, undefined, {'If-Match': put.etag});
  assert.equal(code.status, 200);
  const proof = leaf(`proof-${name}`, {by: name, cn: code.body.properties.verificationCode});
  const done = await call('POST', `/certificates/${name}/verify`, {certificate: Buffer.from(proof.cert).toString('base64')},
                          {'If-Match': code.etag});
  assert.equal(done.status, 200);
  assert.equal(done.body.properties.isVerified, true);
  assert.equal(done.body.properties.thumbprint, thumbprint(certificate, 'sha1'));
}

test('a self-signed certificate is known by its thumbprint, of either kind, in either place', async () => {
  const one = leaf('self-1'), two = leaf('self-2');
  await registry.create({deviceId: 'self', authentication: byThumbprint(thumbprint(one.cert, 'sha1'), '')});
  await sends('self', one);
  await refused('self', two);
  await registry.update({deviceId: 'self', authentication: byThumbprint(thumbprint(one.cert, 'sha1'),
                                                                        thumbprint(two.cert, 'sha256').toLowerCase())});
  await sends('self', one);
  await sends('self', two);
});

test('a certificate of an authority is known once the authority is verified', async () => {
  authority('root');
  authority('other');
  const own = leaf('ca-1', {by: 'root'});
  await registry.create({deviceId: 'ca-1', authentication: {type: 'certificateAuthority'}});
  await refused('ca-1', own);
  const certificate = readFileSync(file('root.pem'), 'utf8');
  assert.equal((await call('PUT', '/certificates/root', {properties: {certificate}})).status, 201);
  await refused('ca-1', own); // it is there, and nobody proved that its key is his
  assert.equal((await call('DELETE', '/certificates/root', undefined, {'If-Match': '*'})).status, 204);
  await prove('root');
  await sends('ca-1', own);
  await refused('ca-1', leaf('stranger', {by: 'other', cn: 'ca-1'}));
  await refused('ca-1', leaf('self-made', {cn: 'ca-1'}));
  await refused('ca-1', leaf('neighbour', {by: 'root', cn: 'ca-2'}));
  await refused('ca-1', leaf('expired', {by: 'root', cn: 'ca-1', days: ['-days', '-1']}));
});

test('authorities between the device and the one that is known must be sent along', async () => {
  authority('between', {by: 'root'});
  const own = leaf('ca-3', {by: 'between'});
  await registry.create({deviceId: 'ca-3', authentication: {type: 'certificateAuthority'}});
  await refused('ca-3', own);
  await sends('ca-3', chained(own, 'between'));
  await sends('ca-3', chained(own, 'between', 'root'));
});

test('a module has a certificate that is named for device and module', async () => {
  await registry.create({deviceId: 'ca-4'});
  await registry.addModule({deviceId: 'ca-4', moduleId: 'm', authentication: {type: 'certificateAuthority'}});
  assert.equal(await moduleSignsIn('ca-4', 'm', leaf('ca-4-device', {by: 'root', cn: 'ca-4'})), 5);
  assert.equal(await moduleSignsIn('ca-4', 'm', leaf('ca-4-m', {by: 'root', cn: 'ca-4/m'})), 0);
});

for (const [name, protocol] of [['AMQP', amqpDevice.Amqp], ['HTTPS', httpDevice.Http]])
  test(`over ${name} the same certificates are known`, async () => {
    await sends('ca-3', chained(leaf(`ca-3-${name}`, {by: 'between', cn: 'ca-3'}), 'between'), protocol);
    await assert.rejects(sends('ca-3', leaf(`ca-3-alone-${name}`, {by: 'between', cn: 'ca-3'}), protocol));
    await assert.rejects(sends('ca-3', leaf(`ca-3-other-${name}`, {by: 'root', cn: 'ca-1'}), protocol));
    const own = leaf(`self-${name}`);
    await registry.create({deviceId: `self-${name}`, authentication: byThumbprint(thumbprint(own.cert, 'sha256'))});
    await sends(`self-${name}`, own, protocol);
    await assert.rejects(sends(`self-${name}`, leaf(`self-${name}-2`), protocol));
  });

test('the command line has the same certificates', async () => {
  const run = (...args) => execFileSync(process.env.MILLRACE, ['hub', 'certificate', ...args, '--data',
                                                               path.join(process.env.MILLRACE_FOLDER, 'hub')], {encoding: 'utf8'});
  authority('site');
  const own = leaf('ca-5', {by: 'site'});
  await registry.create({deviceId: 'ca-5', authentication: {type: 'certificateAuthority'}});
  assert.match(run('list'), /^root\tverified\t/m);
  assert.match(run('add', '--name', 'site', '--file', file('site.pem')), /^site\tunverified\t/);
  const code = run('code', '--name', 'site').trim();
  leaf('site-proof', {by: 'site', cn: code});
  await refused('ca-5', own);
  assert.match(run('verify', '--name', 'site', '--file', file('site-proof.pem')), /^site\tverified\t/);
  await sends('ca-5', own);
  run('remove', '--name', 'site');
  await refused('ca-5', own);
  writeFileSync(file('none.pem'), 'nothing');
  assert.throws(() => run('add', '--name', 'none', '--file', file('none.pem')), e => e.status === 1 && /no certificate/.test(e.stderr));
});

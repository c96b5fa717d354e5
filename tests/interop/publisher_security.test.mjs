// The publisher and servers of two makes, the plant (open62541) and node-opcua: every policy signed, and encrypted; every
// kind of user; trust by hand over the API of certificates; what a server does not offer.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import {eventHubs, readUntil} from './events.mjs';
import {edge, folder, freePort, nodeOpcua, opc, plantAt, until} from './site.mjs';

const user = 'operator';
const password = `pass-${randomUUID()}`;
const service = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const POLICIES = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'];
const MODES = ['Sign', 'SignAndEncrypt'];
let site;
const servers = {};
const running = [];

before(async () => {
  const who = ['--user', user, '--password', password];
  [site, servers.node, servers.plant] = await Promise.all([
    edge(`edge-${randomUUID().slice(0, 8)}`),
    nodeOpcua({more: ['--counters', 2, '--interval', 200, ...who]}),
    plantAt({more: ['--nodes', 2, '--interval', '200ms', '--trust.all', 'true', ...who]}),
  ]);
});

after(async () => {
  for (const p of running.reverse())
    assert.equal(await p.end() ?? 0, 0);
  for (const p of [...Object.values(servers), site])
    assert.equal(await p.end(), 0);
});

const node = make => `nsu=${make === 'node' ? 'urn:tests:factory' : 'http://microsoft.com/Opc/OpcPlc/'};s=Load1`;
const entry = (make, name, more) => ({
  EndpointUrl: servers[make].url, DataSetWriterGroup: 'group', DataSetWriterId: name, MessagingMode: 'PubSub',
  DataSetPublishingInterval: 200, BatchTriggerInterval: 200, OpcNodes: [{Id: node(make), DataSetFieldId: 'Load1'}], ...more,
});
const named = {OpcAuthenticationMode: 'UsernamePassword', OpcAuthenticationUsername: user, OpcAuthenticationPassword: password};
const secure = (EndpointSecurityMode, EndpointSecurityPolicy) => ({EndpointSecurityMode, EndpointSecurityPolicy});

const writersOf = (module, events) => new Set(events
  .filter(e => e.systemProperties['iothub-connection-module-id'] === module)
  .flatMap(e => Array.isArray(e.body) ? e.body : [e.body]).flatMap(m => m.Messages)
  .filter(m => m?.Payload?.Load1?.Value !== undefined).map(m => m.DataSetWriterId));

async function publishes(module, entries) {
  const wanted = entries.map(e => e.DataSetWriterId);
  const missing = events => { const there = writersOf(module, events); return wanted.filter(w => !there.has(w)); };
  const events = await readUntil(all => missing(all).length === 0, eventHubs.earliestEventPosition, {ms: 60000});
  assert.deepEqual(missing(events), []);
}

// A module that has just started may not be connected yet.
const call = (module, methodName, payload) => until(`${module} to answer`, async () => {
  try {
    return (await service.invokeDeviceMethod(site.device, module, {methodName, payload, responseTimeoutInSeconds: 30})).result;
  } catch (e) {
    assert.equal(e.message, 'Not found');
    return null;
  }
});

async function start(module, entries, more = ['--pki.trust.all', 'true']) {
  const o = await opc(site, entries, {module, roles: 'publisher', more});
  running.push(o);
  return o;
}

test('every policy, signed and encrypted, with nobody and with a user name', async () => {
  const entries = ['node', 'plant'].flatMap(make => [
    ...POLICIES.flatMap(p => MODES.flatMap(m => [
      entry(make, `${make} ${p} ${m}`, secure(m, p)),
      entry(make, `${make} ${p} ${m} user`, {...secure(m, `http://opcfoundation.org/UA/SecurityPolicy#${p}`), ...named}),
    ])),
    entry(make, `${make} None`, {UseSecurity: false}),
    entry(make, `${make} None user`, {UseSecurity: false, ...named}), // the password is encrypted all the same
    entry(make, `${make} best`, {UseSecurity: true}),
  ]);
  const o = await start('policies', entries);
  await publishes('policies', entries);
  assert.equal(o.text().includes(password), false);
  assert.doesNotMatch(o.text(), /goes out unencrypted/);
});

test('what a server does not offer is said', async () => {
  const o = await start('offers', [
    entry('plant', 'old', secure('Sign', 'Basic256')),
    entry('node', 'odd', secure('None', 'Aes256_Sha256_RsaPss')),
  ]);
  await until('the reasons', () => /Basic256 is not spoken here/.test(o.text()) && /does not offer mode None with Aes256_Sha256_RsaPss; it offers/.test(o.text()));
});

test('a rejected server is approved over the API, and works without a restart', async () => {
  const entries = [entry('node', 'approved', secure('SignAndEncrypt', 'Basic256Sha256'))];
  const o = await start('careful', entries, []);
  await until('the refusal', () => /certificate rejected reason=BadCertificateUntrusted/.test(o.text()));
  const listed = await call('careful', 'ListCertificates_V2', 'Rejected');
  assert.equal(listed.status, 200);
  assert.equal(listed.payload.length, 1);
  assert.equal(listed.payload[0].hasPrivateKey, false);
  const {thumbprint} = listed.payload[0];
  assert.match(thumbprint, /^[0-9A-F]{40}$/);
  assert.equal((await call('careful', 'ApproveRejectedCertificate', thumbprint)).status, 200);
  assert.equal((await call('careful', 'ApproveRejectedCertificate', thumbprint)).status, 404);
  await publishes('careful', entries);
  assert.equal((await call('careful', 'ListCertificates', {store: 'Application'})).payload[0].hasPrivateKey, true);
});

// An operator with a certificate of his own; the plant knows him, node-opcua lets everybody in.
function operator() {
  const at = name => path.join(folder, `operator.${name}`);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=operator/O=tests', '-keyout', at('key'), '-out', at('pem'),
    '-addext', 'subjectAltName=URI:urn:tests:operator', '-addext', 'keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment',
    '-addext', 'basicConstraints=critical,CA:FALSE'], {stdio: 'pipe'});
  execFileSync('openssl', ['pkcs12', '-export', '-inkey', at('key'), '-in', at('pem'), '-passout', 'pass:secret', '-out', at('pfx')], {stdio: 'pipe'});
  execFileSync('openssl', ['x509', '-in', at('pem'), '-outform', 'der', '-out', path.join(folder, `plant-${servers.plant.port}`, 'users/certs/operator.der')], {stdio: 'pipe'});
  return readFileSync(at('pfx'));
}

test('users with a certificate, uploaded over the API', async () => {
  const pfx = operator();
  const known = {OpcAuthenticationMode: 'Certificate', OpcAuthenticationUsername: 'CN=operator, O=tests', OpcAuthenticationPassword: 'secret'};
  const entries = ['node', 'plant'].flatMap(make => [
    entry(make, `${make} certificate`, {...secure('SignAndEncrypt', 'Basic256Sha256'), ...known}),
    entry(make, `${make} certificate alone`, {...secure('Sign', 'Aes256_Sha256_RsaPss'), ...known}),
  ]);
  const o = await start('certificates', entries);
  await until('who is missing', () => /status=BadCertificateInvalid.*users\/certs/.test(o.text()));
  assert.equal((await call('certificates', 'AddCertificate_V2', {store: 'User', pfxBlob: pfx.toString('base64'), password: 'wrong'})).status, 401);
  assert.equal((await call('certificates', 'AddCertificate_V2', {store: 'User', pfxBlob: pfx.toString('base64'), password: 'secret'})).status, 200);
  await publishes('certificates', entries);
});

// A site with an authority that signed the plant's certificate.
async function authority() {
  const at = name => path.join(folder, `authority.${name}`);
  const run = (...args) => execFileSync('openssl', args, {stdio: 'pipe'});
  run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=authority', '-keyout', at('key'), '-out', at('pem'),
    '-addext', 'keyUsage=critical,keyCertSign,cRLSign', '-addext', 'basicConstraints=critical,CA:TRUE');
  run('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=plant', '-keyout', at('plant.key'), '-out', at('plant.csr'));
  writeFileSync(at('plant.ext'), 'subjectAltName=URI:urn:millrace:plant,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n' +
    'keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n');
  run('x509', '-req', '-in', at('plant.csr'), '-CA', at('pem'), '-CAkey', at('key'), '-days', '20', '-sha256', '-extfile', at('plant.ext'), '-out', at('plant.pem'));
  writeFileSync(at('index'), '');
  writeFileSync(at('number'), '01\n');
  writeFileSync(at('cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index')}\ncrlnumber=${at('number')}\ndefault_md=sha256\ndefault_crl_days=30\n` +
    `certificate=${at('pem')}\nprivate_key=${at('key')}\n`);
  const port = await freePort();
  const keys = path.join(folder, `plant-${port}`, 'own/private');
  mkdirSync(keys, {recursive: true});
  run('pkcs12', '-export', '-inkey', at('plant.key'), '-in', at('plant.pem'), '-passout', 'pass:', '-out', path.join(keys, 'plant.pfx'));
  return {
    port,
    pem: readFileSync(at('pem')),
    list: () => { run('ca', '-config', at('cnf'), '-gencrl', '-out', at('crl')); return readFileSync(at('crl')); },
    revoke: () => run('ca', '-config', at('cnf'), '-revoke', at('plant.pem')),
  };
}

test('an authority is trusted: its revocation list must be there, and is believed', async () => {
  const a = await authority();
  servers.signed = await plantAt({port: a.port, more: ['--nodes', 1, '--trust.all', 'true']});
  const entries = [entry('signed', 'signed', secure('SignAndEncrypt', 'Basic256Sha256'))];
  const o = await start('authority', entries, []);
  const told = what => until(what, () => o.text().includes(`status=${what}`));
  await told('BadCertificateChainIncomplete');
  assert.equal((await call('authority', 'AddCertificate', {store: 'Trusted', certificate: a.pem.toString('base64')})).status, 200);
  await told('BadCertificateRevocationUnknown');
  const list = a.list().toString('base64');
  assert.equal((await call('authority', 'AddCertificateRevocationList', {store: 'Trusted', crl: list})).status, 200);
  assert.equal((await call('authority', 'ListCertificateRevocationLists', 'Trusted')).payload.length, 1);
  await publishes('authority', entries);
  a.revoke();
  assert.equal((await call('authority', 'AddCertificateRevocationList', {store: 'Trusted', crl: a.list().toString('base64')})).status, 200);
  assert.equal((await call('authority', 'RemoveCertificateRevocationList', {store: 'Trusted', crl: list})).status, 200);
  assert.equal(await servers.signed.end(), 0);
  servers.signed.start(); // sessions that are there go on; the next one is refused
  await told('BadCertificateRevoked');
});

test('the stores refuse what is wrong', async () => {
  assert.equal((await call('authority', 'RemoveAll', 'Application')).status, 403);
  assert.equal((await call('authority', 'ListCertificates', 'Nowhere')).status, 400);
  assert.equal((await call('authority', 'AddCertificate', {store: 'Trusted', certificate: 'bm8='})).status, 400);
  assert.equal((await call('authority', 'RemoveCertificate', {store: 'Trusted', thumbprint: '00'})).status, 404);
});

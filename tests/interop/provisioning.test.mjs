// Devices that know only a host, an ID scope and a secret: azure-iot-provisioning-device over MQTT, AMQP, both
// over WebSocket, and HTTP; and azure-iot-provisioning-service, every method of it.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createHmac, randomBytes, randomUUID} from 'node:crypto';
import {mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import test, {describe} from 'node:test';
import iothub from 'azure-iothub';
import device from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import overMqtt from 'azure-iot-provisioning-device-mqtt';
import overAmqp from 'azure-iot-provisioning-device-amqp';
import overHttp from 'azure-iot-provisioning-device-http';
import byKey from 'azure-iot-security-symmetric-key';
import byCertificate from 'azure-iot-security-x509';
import provisioningService from 'azure-iot-provisioning-service';

const hub = process.env.MILLRACE_HUB;
const scope = process.env.MILLRACE_ID_SCOPE;
const service = provisioningService.ProvisioningServiceClient.fromConnectionString(process.env.MILLRACE_PROVISIONING);
const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const key = () => randomBytes(64).toString('base64');
const derive = (groupKey, id) => createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');

const transports = [
  ['MQTT', overMqtt.Mqtt], ['MQTT over WebSocket', overMqtt.MqttWs], ['HTTP', overHttp.Http],
  ['AMQP', overAmqp.Amqp], ['AMQP over WebSocket', overAmqp.AmqpWs],
];

// The result, or an error, within a time that a hang does not have.
async function register(Transport, security, payload) {
  const transport = new Transport();
  const client = provisioning.ProvisioningDeviceClient.create(hub, scope, transport, security);
  if (payload)
    client.setProvisioningPayload(payload);
  let timer;
  const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error('no answer in 30 s')), 30000); });
  try {
    return await Promise.race([client.register(), late]);
  } finally {
    clearTimeout(timer);
    await new Promise(resolve => transport.disconnect(() => resolve()));
  }
}

const withKey = (id, k) => new byKey.SymmetricKeySecurityClient(id, k);

async function desiredOf(connectionString, options) {
  const client = device.Client.fromConnectionString(connectionString, deviceMqtt.Mqtt);
  if (options)
    await client.setOptions(options);
  await client.open();
  const twin = await client.getTwin();
  await client.close();
  return twin.properties.desired;
}

// A registration takes the seconds after which the service asks to be asked again.
for (const [name, Transport] of transports) describe(`over ${name}`, {concurrency: true}, () => {
  // Of a SASL that is refused the SDK passes on no more than that there is no connection.
  const refusals = name.startsWith('AMQP') ? /NotConnectedError/ : /nauthorized|Not authorized/;

  test(`an individual enrolment's device is assigned, connects, and has its initial twin`, async () => {
    const id = `one-${randomUUID()}`;
    const primaryKey = key(), secondaryKey = key();
    await service.createOrUpdateIndividualEnrollment({
      registrationId: id,
      deviceId: `device-${id}`,
      attestation: {type: 'symmetricKey', symmetricKey: {primaryKey, secondaryKey}},
      initialTwin: {tags: {line: 7}, properties: {desired: {rate: 5, nested: {on: true}}}},
      capabilities: {iotEdge: true},
    });
    const result = await register(Transport, withKey(id, secondaryKey), {firmware: '1.0'});
    assert.equal(result.assignedHub, hub);
    assert.equal(result.deviceId, `device-${id}`);
    assert.equal(result.status, 'assigned');
    assert.equal(result.substatus, 'initialAssignment');
    assert.equal(result.registrationId, id);
    assert.ok(Date.parse(result.createdDateTimeUtc) && Date.parse(result.lastUpdatedDateTimeUtc));
    const desired = await desiredOf(`HostName=${result.assignedHub};DeviceId=${result.deviceId};SharedAccessKey=${primaryKey}`);
    assert.equal(desired.rate, 5);
    assert.equal(desired.nested.on, true);
    const {responseBody: twin} = await registry.getTwin(result.deviceId);
    assert.equal(twin.tags.line, 7);
    assert.equal(twin.capabilities.iotEdge, true);
    // Again: it stays where it is, and keeps what it has.
    await registry.updateTwin(result.deviceId, {properties: {desired: {rate: 6}}}, '*');
    const again = await register(Transport, withKey(id, primaryKey));
    assert.equal(again.substatus, 'reprovisionedToInitialAssignment');
    const {responseBody: kept} = await registry.getTwin(result.deviceId);
    assert.equal(kept.properties.desired.rate, 6);
  });

  test(`a group's device has a derived key`, async () => {
    const group = `group-${randomUUID()}`, id = `member-${randomUUID()}`;
    const primaryKey = key(), secondaryKey = key();
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: group,
      attestation: {type: 'symmetricKey', symmetricKey: {primaryKey, secondaryKey}},
      initialTwin: {tags: {}, properties: {desired: {of: 'the group'}}},
    });
    const own = derive(primaryKey, id);
    const result = await register(Transport, withKey(id, own));
    assert.equal(result.deviceId, id);
    const desired = await desiredOf(`HostName=${result.assignedHub};DeviceId=${id};SharedAccessKey=${own}`);
    assert.equal(desired.of, 'the group');
  });

  test(`a wrong key is refused`, async () => {
    const id = `wrong-${randomUUID()}`;
    await service.createOrUpdateIndividualEnrollment({
      registrationId: id, attestation: {type: 'symmetricKey', symmetricKey: {primaryKey: key(), secondaryKey: key()}}});
    await assert.rejects(register(Transport, withKey(id, key())),
                         e => { assert.match(`${e.name} ${e.message}`, refusals); return true; });
    await assert.rejects(registry.get(id));
  });

  test(`certificates, a device's own and a group's`, async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-certificates-'));
    const file = n => path.join(folder, n);
    const openssl = (...args) => execFileSync('openssl', args, {stdio: 'pipe', cwd: folder});
    const id = `cert-${randomUUID()}`, member = `leaf-${randomUUID()}`;
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${id}`,
            '-keyout', 'own.key', '-out', 'own.pem');
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '9', '-subj', '/CN=Site root',
            '-keyout', 'root.key', '-out', 'root.pem');
    writeFileSync(file('ca.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n');
    writeFileSync(file('leaf.ext'), 'basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n');
    for (const [name, cn, issuer, ext] of [['middle', 'Line 1', 'root', 'ca'], ['leaf', member, 'middle', 'leaf']]) {
      openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${cn}`,
              '-keyout', `${name}.key`, '-out', `${name}.csr`);
      openssl('x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial',
              '-days', '2', '-extfile', `${ext}.ext`, '-out', `${name}.pem`);
    }
    const read = n => readFileSync(file(n), 'utf8');
    await service.createOrUpdateIndividualEnrollment({
      registrationId: id, attestation: {type: 'x509', x509: {clientCertificates: {primary: {certificate: read('own.pem')}}}}});
    await service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: `authority-${randomUUID()}`,
      attestation: {type: 'x509', x509: {signingCertificates: {primary: {certificate: Buffer.from(read('root.pem')).toString('base64')}}}}});

    const own = {cert: read('own.pem'), key: read('own.key')};
    const first = await register(Transport, new byCertificate.X509Security(id, own));
    assert.equal(first.deviceId, id);
    await desiredOf(`HostName=${first.assignedHub};DeviceId=${id};x509=true`, own);

    const chained = {cert: read('leaf.pem') + read('middle.pem'), key: read('leaf.key')};
    const second = await register(Transport, new byCertificate.X509Security(member, chained));
    assert.equal(second.deviceId, member);
    await desiredOf(`HostName=${second.assignedHub};DeviceId=${member};x509=true`, chained);

    // Another's certificate, and one whose chain is not shown.
    await assert.rejects(register(Transport, new byCertificate.X509Security(id, chained)));
    await assert.rejects(register(Transport, new byCertificate.X509Security(`${member}x`, chained)));
    await assert.rejects(register(Transport, new byCertificate.X509Security(member, {...chained, cert: read('leaf.pem')})));
  });
});

test('custom allocation: the webhook chooses, and talks to the device', async () => {
  const asked = [];
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', d => { text += d; });
    request.on('end', () => {
      const body = JSON.parse(text);
      asked.push(body);
      const refuse = body.deviceRuntimeContext.payload?.refuse;
      response.writeHead(refuse ? 403 : 200, {'content-type': 'application/json'});
      response.end(JSON.stringify({iotHubHostName: body.linkedHubs[0],
                                   initialTwin: {tags: {by: 'webhook'}, properties: {desired: {colour: 'blue'}}},
                                   payload: {hello: body.deviceRuntimeContext.payload?.model ?? null}}));
    });
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const id = `custom-${randomUUID()}`, primaryKey = key();
  await service.createOrUpdateIndividualEnrollment({
    registrationId: id,
    attestation: {type: 'symmetricKey', symmetricKey: {primaryKey, secondaryKey: key()}},
    allocationPolicy: 'custom', iotHubs: [hub],
    customAllocationDefinition: {webhookUrl: `http://127.0.0.1:${server.address().port}/allocate?code=1`, apiVersion: '2021-10-01'},
  });
  try {
    const result = await register(overMqtt.Mqtt, withKey(id, primaryKey), {model: 'M1'});
    assert.deepEqual(result.payload, {hello: 'M1'});
    const {responseBody: twin} = await registry.getTwin(id);
    assert.equal(twin.tags.by, 'webhook');
    assert.equal(twin.properties.desired.colour, 'blue');
    assert.equal(asked[0].individualEnrollment.registrationId, id);
    assert.deepEqual(asked[0].linkedHubs, [hub]);
    assert.equal(asked[0].deviceRuntimeContext.currentDeviceId, undefined);
    await assert.rejects(register(overHttp.Http, withKey(id, primaryKey), {refuse: true}), e => {
      assert.equal(e.result.registrationState.errorCode, 400209);
      assert.match(e.result.registrationState.errorMessage, /403/);
      return true;
    });
    assert.equal(asked[1].deviceRuntimeContext.currentDeviceId, id);
  } finally {
    server.close();
  }
});

test('individual enrolments: made, read, changed with their etag, listed, deleted', async () => {
  const id = `crud-${randomUUID()}`;
  const given = {registrationId: id, attestation: {type: 'symmetricKey', symmetricKey: {primaryKey: key(), secondaryKey: key()}}};
  const {responseBody: made} = await service.createOrUpdateIndividualEnrollment(given);
  assert.equal(made.registrationId, id);
  assert.equal(made.provisioningStatus, 'enabled');
  assert.equal(made.allocationPolicy, 'hashed');
  assert.deepEqual(made.reprovisionPolicy, {updateHubAssignment: true, migrateDeviceData: true});
  assert.ok(made.etag && Date.parse(made.createdDateTimeUtc));
  await assert.rejects(service.createOrUpdateIndividualEnrollment(given), e => e.response.statusCode === 409);
  const {responseBody: read} = await service.getIndividualEnrollment(id);
  assert.deepEqual(read, made);
  const {responseBody: changed} = await service.createOrUpdateIndividualEnrollment({...read, provisioningStatus: 'disabled'});
  assert.equal(changed.provisioningStatus, 'disabled');
  assert.notEqual(changed.etag, made.etag);
  await assert.rejects(service.createOrUpdateIndividualEnrollment({...made, deviceId: 'late'}), {name: 'InvalidEtagError'});
  const {responseBody: mechanism} = await service.getIndividualEnrollmentAttestationMechanism(id);
  assert.deepEqual(mechanism, given.attestation); // the keys survived a change without them
  await assert.rejects(register(overHttp.Http, withKey(id, given.attestation.symmetricKey.primaryKey)));
  const {responseBody: state} = await service.getDeviceRegistrationState(id);
  assert.equal(state.status, 'disabled');
  await assert.rejects(service.deleteIndividualEnrollment(id, made.etag), {name: 'InvalidEtagError'});
  await service.deleteIndividualEnrollment(id, changed.etag);
  await assert.rejects(service.getIndividualEnrollment(id), e => e.response.statusCode === 404);
  await assert.rejects(service.getDeviceRegistrationState(id), e => e.response.statusCode === 404);
});

test('keys are made when none are given; an enrolment can be deleted as it was read', async () => {
  const {responseBody: made} = await service.createOrUpdateIndividualEnrollment(
      {registrationId: `made-${randomUUID()}`, attestation: {type: 'symmetricKey'}});
  const {responseBody: {symmetricKey}} = await service.getIndividualEnrollmentAttestationMechanism(made.registrationId);
  assert.equal(Buffer.from(symmetricKey.primaryKey, 'base64').length, 64);
  assert.notEqual(symmetricKey.primaryKey, symmetricKey.secondaryKey);
  await service.deleteIndividualEnrollment(made);
});

test('groups, their registrations, and the end of both', async () => {
  const group = `site-${randomUUID()}`, primaryKey = key();
  const {responseBody: made} = await service.createOrUpdateEnrollmentGroup(
      {enrollmentGroupId: group, attestation: {type: 'symmetricKey', symmetricKey: {primaryKey, secondaryKey: key()}}});
  const {responseBody: read} = await service.getEnrollmentGroup(group);
  assert.deepEqual(read, made);
  const {responseBody: mechanism} = await service.getEnrollmentGroupAttestationMechanism(group);
  assert.equal(mechanism.symmetricKey.primaryKey, primaryKey);
  const members = ['a', 'b', 'c'].map(n => `${n}-${randomUUID()}`);
  await Promise.all(members.map(id => register(overHttp.Http, withKey(id, derive(primaryKey, id)))));
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery({query: 'SELECT * FROM registrations'}, group, 2);
  const seen = [];
  for (let page = 0; page === 0 || query.hasMoreResults; page++)
    seen.push((await query.next(query.continuationToken)).responseBody);
  assert.deepEqual(seen.map(p => p.length), [2, 1]);
  assert.deepEqual(seen.flat().map(r => r.registrationId).sort(), [...members].sort());
  const {responseBody: state} = await service.getDeviceRegistrationState(members[0]);
  assert.equal(state.status, 'assigned');
  assert.equal(state.symmetricKey.enrollmentGroupId, group);
  await service.deleteDeviceRegistrationState(state);
  await assert.rejects(service.getDeviceRegistrationState(members[0]), e => e.response.statusCode === 404);
  await service.deleteEnrollmentGroup(made);
  await assert.rejects(service.getEnrollmentGroup(group), e => e.response.statusCode === 404);
  await assert.rejects(service.getDeviceRegistrationState(members[1]), e => e.response.statusCode === 404);
});

test('queries over enrolments and groups, in pages and with conditions', async () => {
  const mark = randomUUID();
  for (const n of [1, 2, 3])
    await service.createOrUpdateIndividualEnrollment({registrationId: `${mark}-${n}`, deviceId: `d${n}`, attestation: {type: 'symmetricKey'}});
  await service.createOrUpdateEnrollmentGroup({enrollmentGroupId: `${mark}-g`, attestation: {type: 'symmetricKey'}});
  const all = async query => {
    const found = [];
    do {
      found.push(...(await query.next(query.continuationToken)).responseBody);
    } while (query.hasMoreResults);
    return found;
  };
  const ones = await all(service.createIndividualEnrollmentQuery({query: 'SELECT * FROM enrollments'}, 2));
  assert.equal(ones.filter(e => e.registrationId.startsWith(mark)).length, 3);
  assert.ok(ones.every(e => e.attestation.symmetricKey === undefined));
  const two = await all(service.createIndividualEnrollmentQuery(
      {query: `select * from enrollments where registrationId = '${mark}-2' and attestation.type = 'symmetricKey'`}, 2));
  assert.deepEqual(two.map(e => e.deviceId), ['d2']);
  const groups = await all(service.createEnrollmentGroupQuery({query: '*'}, 10));
  assert.ok(groups.some(g => g.enrollmentGroupId === `${mark}-g`));
  await assert.rejects(service.createIndividualEnrollmentQuery({query: 'SELECT name FROM devices'}, 2).next(), {name: 'ArgumentError'});
});

test('many at a time: what goes well stays, what does not is named', async () => {
  const mark = randomUUID();
  const one = n => ({registrationId: `${mark}-${n}`, attestation: {type: 'symmetricKey'}});
  const bulk = (mode, enrollments) => new Promise((resolve, reject) =>
      service.runBulkEnrollmentOperation({mode, enrollments}, (e, r) => e ? reject(e) : resolve(r)));
  assert.deepEqual(await bulk('create', [one(1), one(2)]), {isSuccessful: true, errors: []});
  const second = await bulk('create', [one(2), one(3), {registrationId: 'bad id!', attestation: {type: 'symmetricKey'}}]);
  assert.equal(second.isSuccessful, false);
  assert.deepEqual(second.errors.map(e => [e.registrationId, Math.floor(e.errorCode / 1000)]), [[`${mark}-2`, 409], ['bad id!', 400]]);
  const {responseBody: third} = await service.getIndividualEnrollment(`${mark}-3`);
  assert.equal((await bulk('update', [{...one(3), deviceId: 'd3'}])).isSuccessful, true);
  assert.equal((await bulk('updateIfMatchEtag', [third])).isSuccessful, false);
  assert.equal((await bulk('delete', [one(1), one(2), one(3)])).isSuccessful, true);
  await assert.rejects(service.getIndividualEnrollment(`${mark}-3`), e => e.response.statusCode === 404);
});

test('what cannot be is refused, and says what is wrong', async () => {
  const refused = (body, pattern) => assert.rejects(service.createOrUpdateIndividualEnrollment({registrationId: `bad-${randomUUID()}`, ...body}), e => {
    assert.equal(e.name, 'ArgumentError');
    const {errorCode, message, trackingId, timestampUtc} = JSON.parse(e.responseBody ?? e.message.slice(e.message.indexOf('{')));
    assert.ok(errorCode >= 400000 && errorCode < 401000 && trackingId && Date.parse(timestampUtc));
    assert.match(message, pattern);
    return true;
  });
  await refused({attestation: {type: 'tpm', tpm: {endorsementKey: 'AAAA'}}}, /TPM is not supported/);
  await refused({}, /attestation\.type/);
  await refused({attestation: {type: 'symmetricKey', symmetricKey: {primaryKey: 'x', secondaryKey: 'y'}}}, /primaryKey.*base64/);
  await refused({attestation: {type: 'x509', x509: {clientCertificates: {primary: {certificate: 'none'}}}}}, /no certificate/);
  await refused({attestation: {type: 'symmetricKey'}, iotHubs: ['elsewhere.example']}, /elsewhere\.example.*not linked/);
  await refused({attestation: {type: 'symmetricKey'}, allocationPolicy: 'custom'}, /webhookUrl/);
  await refused({attestation: {type: 'symmetricKey'}, initialTwin: {tags: 5}}, /initialTwin/);
});

// What the SDKs do not show: status codes and headers.
function call(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = https.request({host: hub, method, path: url, headers, agent: false}, response => {
      let text = '';
      response.on('data', d => { text += d; });
      response.on('end', () => resolve({status: response.statusCode, headers: response.headers, body: text ? JSON.parse(text) : null}));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function token(resource, k, policy, seconds = 3600) {
  const se = Math.floor(Date.now() / 1000) + seconds;
  const sig = encodeURIComponent(createHmac('sha256', Buffer.from(k, 'base64')).update(`${resource}\n${se}`).digest('base64'));
  return `SharedAccessSignature sr=${resource}&sig=${sig}&se=${se}&skn=${policy}`;
}

test('HTTP as it is on the wire: 202 with retry-after, 200, 401, 404', async () => {
  const id = `wire-${randomUUID()}`, primaryKey = key();
  await service.createOrUpdateIndividualEnrollment({registrationId: id, attestation: {type: 'symmetricKey', symmetricKey: {primaryKey, secondaryKey: key()}}});
  const base = `/${scope}/registrations/${id}`, version = '?api-version=2019-03-31';
  const Authorization = token(encodeURIComponent(`${scope}/registrations/${id}`), primaryKey, 'registration');
  const put = await call('PUT', `${base}/register${version}`, {Authorization}, {registrationId: id});
  assert.equal(put.status, 202);
  assert.ok(Number(put.headers['retry-after']) >= 1);
  assert.equal(put.body.status, 'assigning');
  let got;
  do
    got = await call('GET', `${base}/operations/${put.body.operationId}${version}`, {Authorization}, {});
  while (got.status === 202);
  assert.equal(got.status, 200);
  assert.equal(got.headers['retry-after'], undefined);
  assert.equal(got.body.registrationState.assignedHub, hub);
  const look = await call('POST', `${base}${version}`, {Authorization}, {registrationId: id});
  assert.equal(look.body.status, 'assigned');

  const code = async (...args) => { const a = await call(...args); return [a.status, a.body.errorCode]; };
  assert.deepEqual(await code('GET', `${base}/operations/4.0.none${version}`, {Authorization}), [404, 404201]);
  assert.deepEqual(await code('PUT', `${base}/register${version}`, {}, {}), [401, 401002]);
  assert.deepEqual(await code('PUT', `${base}/register${version}`, {Authorization: token(`${scope}/registrations/${id}`, primaryKey, 'registration', -7200)}, {}), [401, 401002]);
  assert.deepEqual(await code('PUT', `${base}/register${version}`, {Authorization: token(`${scope}/registrations/other`, primaryKey, 'registration')}, {}), [401, 401002]);
  assert.deepEqual(await code('PUT', `/0neOTHER/registrations/${id}/register${version}`, {Authorization}, {}), [404, 404201]);
  assert.deepEqual(await code('PUT', `${base}/register${version}`, {Authorization}, {registrationId: 'other'}), [400, 400004]);
  assert.deepEqual(await code('PUT', `${base}/register${version}`, {Authorization}, {registrationId: id, tpm: {endorsementKey: 'x'}}), [400, 400004]);
});

test('policies: who may only read cannot write, and the hub\'s own are none of provisioning\'s', async () => {
  const cs = policy => execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', path.join(process.env.MILLRACE_FOLDER, 'hub'), '--name', hub, '--provisioning', '--policy', policy], {encoding: 'utf8'}).trim();
  const as = policy => provisioningService.ProvisioningServiceClient.fromConnectionString(cs(policy));
  const id = `rights-${randomUUID()}`;
  const body = {registrationId: id, attestation: {type: 'symmetricKey'}};
  await assert.rejects(as('enrollmentread').createOrUpdateIndividualEnrollment(body), {name: 'UnauthorizedError'});
  await as('enrollmentwrite').createOrUpdateIndividualEnrollment(body);
  await as('enrollmentread').getIndividualEnrollment(id);
  await assert.rejects(as('registrationread').getIndividualEnrollment(id), {name: 'UnauthorizedError'});
  await assert.rejects(as('enrollmentwrite').getDeviceRegistrationState(id), {name: 'UnauthorizedError'});
  const owner = provisioningService.ProvisioningServiceClient.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  await assert.rejects(owner.getIndividualEnrollment(id), {name: 'UnauthorizedError'});
});

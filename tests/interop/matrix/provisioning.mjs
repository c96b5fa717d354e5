// azure-iot-provisioning-device over each transport, by key and by certificate, alone and in a group; and
// azure-iot-provisioning-service.
import assert from 'node:assert/strict';
import {createHmac, randomBytes, randomUUID} from 'node:crypto';
import device from 'azure-iot-device';
import mqtt from 'azure-iot-device-mqtt';
import provisioning from 'azure-iot-provisioning-device';
import dpsAmqp from 'azure-iot-provisioning-device-amqp';
import dpsHttp from 'azure-iot-provisioning-device-http';
import dpsMqtt from 'azure-iot-provisioning-device-mqtt';
import provisioningService from 'azure-iot-provisioning-service';
import keySecurity from 'azure-iot-security-symmetric-key';
import x509Security from 'azure-iot-security-x509';
import {authority, selfSigned} from './certificates.mjs';
import {noDirectory, credential} from './service.mjs';
import {hub, proves, registry, until} from './site.mjs';

const scope = process.env.MILLRACE_ID_SCOPE;
const owner = process.env.MILLRACE_PROVISIONING;
const {ProvisioningServiceClient} = provisioningService;
const service = ProvisioningServiceClient.fromConnectionString(owner);
const transports = {Mqtt: dpsMqtt.Mqtt, MqttWs: dpsMqtt.MqttWs, Amqp: dpsAmqp.Amqp, AmqpWs: dpsAmqp.AmqpWs, Http: dpsHttp.Http};
const newKey = () => randomBytes(32).toString('base64');
const body = async promise => (await promise).responseBody;
const keyed = () => ({type: 'symmetricKey', symmetricKey: {primaryKey: newKey(), secondaryKey: newKey()}});
const fresh = () => `p-${randomUUID()}`;

// The service keeps the keys to itself; only an attestation's own method tells them.
async function enroll(more = {}, registrationId = fresh()) {
  const wanted = {registrationId, attestation: keyed(), provisioningStatus: 'enabled', ...more};
  return {...await body(service.createOrUpdateIndividualEnrollment(wanted)), keys: wanted.attestation.symmetricKey};
}

async function enrollGroup(more = {}, enrollmentGroupId = fresh()) {
  const wanted = {enrollmentGroupId, attestation: keyed(), provisioningStatus: 'enabled', ...more};
  return {...await body(service.createOrUpdateEnrollmentGroup(wanted)), keys: wanted.attestation.symmetricKey};
}

let groupCa = null;
async function caGroup() {
  groupCa ??= (async () => {
    const ca = await authority('provisioning');
    await enrollGroup({attestation: {type: 'x509', x509: {signingCertificates: {primary: {certificate: ca.root}}}}});
    return ca;
  })();
  return groupCa;
}

let keyGroup = null;
const ownGroup = () => keyGroup ??= enrollGroup({initialTwin: {tags: {of: 'group'}, properties: {desired: {}}}});

// A registration id with what proves it, in the way that the cell says.
const attestations = {
  'SAS key': async more => {
    const e = await enroll(more);
    return {id: e.registrationId, security: new keySecurity.SymmetricKeySecurityClient(e.registrationId, e.keys.primaryKey)};
  },
  'SAS key of a group': async () => {
    const group = await ownGroup();
    const id = fresh();
    const key = createHmac('sha256', Buffer.from(group.keys.primaryKey, 'base64')).update(id).digest('base64');
    return {id, security: new keySecurity.SymmetricKeySecurityClient(id, key)};
  },
  'X.509': async more => {
    const id = fresh();
    const {cert, key} = selfSigned(id);
    await enroll({...more, attestation: {type: 'x509', x509: {clientCertificates: {primary: {certificate: cert}}}}}, id);
    return {id, security: new x509Security.X509Security(id, {cert, key}), x509: {cert, key}};
  },
  'CA X.509 of a group': async () => {
    const ca = await caGroup();
    const id = fresh();
    const leaf = await ca.leaf(id);
    return {id, security: new x509Security.X509Security(id, leaf), x509: leaf};
  },
};

async function client(v, more) {
  const who = await attestations[v.auth](more);
  return {...who, client: provisioning.ProvisioningDeviceClient.create(hub, scope, new transports[v.transport](), who.security)};
}

// The device that was provisioned can connect with what it has.
async function connects(v, who, result) {
  const address = `HostName=${result.assignedHub};DeviceId=${result.deviceId}`;
  const key = who.security._symmetricKey;
  const c = v.keep(device.Client.fromConnectionString(key ? `${address};SharedAccessKey=${key}` : `${address};x509=true`, mqtt.Mqtt));
  if (who.x509)
    await c.setOptions(who.x509);
  await c.open();
  await proves({id: result.deviceId, moduleId: undefined, x509: Boolean(who.x509), client: c});
}

const deviceRows = [
  {method: 'register', async run(v) {
    const who = await client(v);
    const result = await v.idle(who.client.register());
    assert.equal(result.status, 'assigned');
    assert.equal(result.registrationId, who.id);
    assert.equal(result.assignedHub, hub);
    assert.equal((await body(registry.get(result.deviceId))).status, 'enabled');
    await connects(v, who, result);
  }},
  {method: 'setProvisioningPayload', async run(v) {
    const who = await client(v);
    who.client.setProvisioningPayload({modelId: 'dtmi:com:example:T;1'});
    assert.equal((await v.idle(who.client.register())).status, 'assigned');
  }},
  {method: 'cancel', async run(v) {
    const who = await client(v);
    const registered = who.client.register();
    registered.catch(() => {});
    await until('the request', () => service.getDeviceRegistrationState(who.id).catch(() => null)); // AMQP's cancel needs a connection
    await v.idle(who.client.cancel());
    const settled = registered.catch(() => {}); // it may have been faster
    await Promise.race([settled, new Promise(r => setTimeout(r, 3000))]); // of an operation that was cancelled while it waited, nothing is said
    assert.equal((await (await client(v)).client.register()).status, 'assigned');
  }},
  {method: 'register (refused)', async run(v) {
    const who = await client(v);
    const known = v.auth.includes('group') ? null : who.id;
    if (known)
      await service.deleteIndividualEnrollment(known);
    const other = known ? who.client : provisioning.ProvisioningDeviceClient.create(hub, '0ne99999999', new transports[v.transport](), who.security);
    await assert.rejects(other.register());
  }},
];

const page = async query => {
  const {result} = await new Promise((resolve, reject) => query.next((e, result) => e ? reject(e) : resolve({result})));
  return result;
};
const all = async (query) => {
  const found = [];
  while (query.hasMoreResults)
    found.push(...await page(query));
  return found;
};
const sql = text => ({query: text});

async function registered() {
  const who = await attestations['SAS key']({});
  await provisioning.ProvisioningDeviceClient.create(hub, scope, new transports.Http(), who.security).register();
  return who.id;
}

const serviceRows = [
  {method: 'fromConnectionString', async run() { await enroll(); }},
  {method: 'fromTokenCredential', cannot: [noDirectory], async run() {
    await ProvisioningServiceClient.fromTokenCredential(hub, credential).getIndividualEnrollment('x');
  }},
  {method: 'createOrUpdateIndividualEnrollment', async run() {
    const e = await enroll({deviceId: fresh(), initialTwin: {tags: {a: 1}, properties: {desired: {b: 2}}}});
    assert.ok(e.etag && e.createdDateTimeUtc);
    assert.equal(e.attestation.type, 'symmetricKey');
    delete e.keys;
    const next = await body(service.createOrUpdateIndividualEnrollment({...e, provisioningStatus: 'disabled'}));
    assert.equal(next.provisioningStatus, 'disabled');
    await assert.rejects(service.createOrUpdateIndividualEnrollment({...e, provisioningStatus: 'enabled'})); // its etag is old
  }},
  {method: 'getIndividualEnrollment', async run() {
    const e = await enroll();
    assert.equal((await body(service.getIndividualEnrollment(e.registrationId))).etag, e.etag);
    await assert.rejects(service.getIndividualEnrollment(fresh()));
  }},
  {method: 'deleteIndividualEnrollment', async run() {
    const e = await enroll();
    await service.deleteIndividualEnrollment(e.registrationId, e.etag);
    await assert.rejects(service.getIndividualEnrollment(e.registrationId));
  }},
  {method: 'createIndividualEnrollmentQuery', async run() {
    const e = await enroll();
    const found = await all(service.createIndividualEnrollmentQuery(sql('SELECT * FROM enrollments'), 50));
    assert.ok(found.some(x => x.registrationId === e.registrationId));
  }},
  {method: 'getIndividualEnrollmentAttestationMechanism', async run() {
    const e = await enroll();
    const m = await body(service.getIndividualEnrollmentAttestationMechanism(e.registrationId));
    assert.equal(m.symmetricKey.primaryKey, e.keys.primaryKey);
  }},
  {method: 'createOrUpdateEnrollmentGroup', async run() {
    const {keys, ...g} = await enrollGroup();
    assert.ok(keys);
    assert.equal((await body(service.createOrUpdateEnrollmentGroup({...g, provisioningStatus: 'disabled'}))).provisioningStatus, 'disabled');
  }},
  {method: 'getEnrollmentGroup', async run() {
    const g = await enrollGroup();
    assert.equal((await body(service.getEnrollmentGroup(g.enrollmentGroupId))).enrollmentGroupId, g.enrollmentGroupId);
  }},
  {method: 'deleteEnrollmentGroup', async run() {
    const g = await enrollGroup();
    await service.deleteEnrollmentGroup(g);
    await assert.rejects(service.getEnrollmentGroup(g.enrollmentGroupId));
  }},
  {method: 'createEnrollmentGroupQuery', async run() {
    const g = await enrollGroup();
    const found = await all(service.createEnrollmentGroupQuery(sql('SELECT * FROM enrollmentGroups')));
    assert.ok(found.some(x => x.enrollmentGroupId === g.enrollmentGroupId));
  }},
  {method: 'getEnrollmentGroupAttestationMechanism', async run() {
    const g = await enrollGroup();
    const m = await body(service.getEnrollmentGroupAttestationMechanism(g.enrollmentGroupId));
    assert.equal(m.symmetricKey.primaryKey, g.keys.primaryKey);
  }},
  {method: 'createEnrollmentGroupDeviceRegistrationStateQuery', async run() {
    const who = await attestations['SAS key of a group']();
    await provisioning.ProvisioningDeviceClient.create(hub, scope, new transports.Http(), who.security).register();
    const group = await ownGroup();
    const found = await all(service.createEnrollmentGroupDeviceRegistrationStateQuery(sql('SELECT * FROM registrations'), group.enrollmentGroupId));
    assert.ok(found.some(x => x.registrationId === who.id));
  }},
  {method: 'runBulkEnrollmentOperation', async run() {
    const ids = [fresh(), fresh()];
    const bulk = {mode: 'create', enrollments: ids.map(registrationId => ({registrationId, attestation: keyed()}))};
    const result = await new Promise((resolve, reject) => // without a callback, the SDK never answers
        service.runBulkEnrollmentOperation(bulk, (e, r) => e ? reject(e) : resolve(r)));
    assert.equal(result.isSuccessful, true);
    for (const id of ids)
      await service.getIndividualEnrollment(id);
  }},
  {method: 'getDeviceRegistrationState', async run() {
    const id = await registered();
    assert.equal((await body(service.getDeviceRegistrationState(id))).status, 'assigned');
  }},
  {method: 'deleteDeviceRegistrationState', async run() {
    const id = await registered();
    await service.deleteDeviceRegistrationState(id);
    await assert.rejects(service.getDeviceRegistrationState(id));
  }},
];

// The classes of what create() gives, which the package does not export.
const classOf = security => provisioning.ProvisioningDeviceClient.create(hub, scope, new dpsHttp.Http(), security).constructor;
const bySas = classOf(new keySecurity.SymmetricKeySecurityClient('a', newKey()));
const byX509 = classOf(new x509Security.X509Security('a', {cert: 'c', key: 'k'}));

export const tables = [
  {pack: 'azure-iot-provisioning-device', type: 'ProvisioningDeviceClient', transports: Object.keys(transports), auths: Object.keys(attestations),
   rows: deviceRows, covers: [bySas, byX509]},
  {pack: 'azure-iot-provisioning-service', type: 'ProvisioningServiceClient', transports: ['HTTPS'], rows: serviceRows,
   covers: [ProvisioningServiceClient]},
];

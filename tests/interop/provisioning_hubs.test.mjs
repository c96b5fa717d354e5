// A second hub whose provisioning service is linked to the first one, too: a device is assigned to the one, then
// moves to the other with its twin. And a hub that serves no provisioning.
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {createHmac, randomBytes, randomUUID} from 'node:crypto';
import {openSync, readFileSync} from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import iothub from 'azure-iothub';

const first = process.env.MILLRACE_HUB;
const random = n => 1 + Math.floor(Math.random() * n);
const second = `127.${15 + random(230)}.${random(250)}.${1 + random(250)}`;
const data = path.join(process.env.MILLRACE_FOLDER, 'second');
const firstCa = path.join(process.env.MILLRACE_FOLDER, 'hub/tls/ca.pem');
const secondCa = () => readFileSync(path.join(data, 'tls/ca.pem'));
const printed = (...more) =>
    execFileSync(process.env.MILLRACE, ['hub', 'connection-string', '--data', data, '--name', second, ...more], {encoding: 'utf8'}).trim();

function call(method, url, Authorization, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request({host: second, ca: secondCa(), method, path: url, agent: false, headers: {Authorization, ...headers}}, response => {
      let text = '';
      response.on('data', d => { text += d; });
      response.on('end', () => resolve({status: response.statusCode, body: text.startsWith('{') ? JSON.parse(text) : null}));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function token(resource, key, policy) {
  const se = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(createHmac('sha256', Buffer.from(key, 'base64')).update(`${resource}\n${se}`).digest('base64'));
  return `SharedAccessSignature sr=${resource}&sig=${sig}&se=${se}&skn=${policy}`;
}

async function run(settings, use) {
  const log = openSync(path.join(process.env.MILLRACE_FOLDER, 'second.log'), 'a');
  const hub = spawn(process.env.MILLRACE, ['hub', '--data', data, '--name', second, '--listen', second, ...settings], {stdio: ['ignore', log, log]});
  const ended = new Promise(resolve => hub.on('exit', resolve));
  try {
    for (let left = 500;; left--) {
      const ready = await call('GET', '/readyz', '').catch(() => null);
      if (ready?.status === 200)
        break;
      assert.ok(left, 'the second hub does not start');
      await new Promise(r => setTimeout(r, 20));
    }
    await use();
  } finally {
    hub.kill('SIGTERM');
    assert.equal(await ended, 0);
  }
}

test('a device moves from one hub to another, and its twin with it', async () => {
  const owner = process.env.MILLRACE_HUB_OWNER;
  await run(['--dps.hubs', owner, '--dps.ca', firstCa, '--dps.retry', '1s'], async () => {
    const scope = printed('--id-scope'), id = `mover-${randomUUID()}`, key = randomBytes(32).toString('base64');
    const [, policy, policyKey] = printed('--provisioning').match(/SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)$/);
    const service = token(second, policyKey, policy), device = token(`${scope}/registrations/${id}`, key, 'registration');
    const enroll = async (hub, headers) => {
      const answer = await call('PUT', `/enrollments/${id}?api-version=2021-10-01`, service, {
        registrationId: id, iotHubs: [hub], initialTwin: {tags: {first: true}},
        attestation: {type: 'symmetricKey', symmetricKey: {primaryKey: key, secondaryKey: key}},
      }, headers);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    };
    const register = async () => {
      const base = `/${scope}/registrations/${id}`;
      let answer = await call('PUT', `${base}/register?api-version=2019-03-31`, device, {registrationId: id});
      while (answer.status === 202)
        answer = await call('GET', `${base}/operations/${answer.body.operationId}?api-version=2019-03-31`, device);
      assert.equal(answer.body.status, 'assigned', JSON.stringify(answer.body));
      return answer.body.registrationState;
    };
    await enroll(first);
    assert.equal((await register()).assignedHub, first);
    const there = iothub.Registry.fromConnectionString(owner);
    await there.updateTwin(id, {tags: {at: 'the first'}, properties: {desired: {rate: 5, list: [1, {a: null}]}}}, '*');
    await enroll(second, {'If-Match': '*'});
    const moved = await register();
    assert.equal(moved.assignedHub, second);
    assert.equal(moved.substatus, 'deviceDataMigrated');
    await assert.rejects(there.get(id), {name: 'DeviceNotFoundError'});
    const [, ownPolicy, ownKey] = printed().match(/SharedAccessKeyName=([^;]*);SharedAccessKey=(.*)$/);
    const twin = await call('GET', `/twins/${id}?api-version=2021-04-12`, token(second, ownKey, ownPolicy));
    assert.deepEqual(twin.body.tags, {first: true, at: 'the first'});
    assert.equal(twin.body.properties.desired.rate, 5);
    await enroll(first, {'If-Match': '*'}); // and back: it has been there before
    assert.equal((await register()).assignedHub, first);
    assert.equal((await there.getTwin(id)).responseBody.properties.desired.rate, 5);
  });
});

test('a hub may serve no provisioning', async () => {
  await run(['--dps', 'false'], async () => {
    assert.equal((await call('GET', '/enrollments/a?api-version=2021-10-01', '')).status, 404);
  });
});

// Requests to the module's own API made from the description that it serves (openapi_mistakes.mjs), and the same payloads as direct
// methods. This needs nobody's documents but Millrace's own.
import assert from 'node:assert/strict';
import test, {after, before} from 'node:test';
import iothub from 'azure-iothub';
import {call, close, device, module, open, packed, plant, raw} from './module_site.mjs';
import {broken, good, operations} from './openapi.mjs';
import {testMistakes} from './openapi_mistakes.mjs';

let document;
before(async () => {
  await open('--api.openapi.3', 'true');
  document = (await call('GET', '/swagger/v2/openapi.json')).json;
});
after(close);

// Good ones go to a server that is there.
const ours = {url: () => plant.url, EndpointUrl: () => plant.url, discoveryUrl: () => plant.url, securityMode: () => 'None', EndpointSecurityMode: () => 'None',
  alternativeUrls: () => undefined, securityPolicy: () => undefined, certificate: () => undefined, EndpointSecurityPolicy: () => undefined};
const made = body => JSON.parse(JSON.stringify(body), (k, v) => ours[k] ? ours[k]() : v);

// What the body is called among the parameters of a method that has several.
const parameter = {AddOrUpdateNode: 'opcNode', AddOrUpdateNodes: 'opcNodes', RemoveNodes: 'dataSetFieldIds', CreateFile: 'request', CreateDirectory: 'request', DeleteFileOrDirectory: 'request'};
const named = (o, member) => !parameter[o.id] ? member : `${parameter[o.id]}${member.startsWith('[') ? '' : '.'}${member}`;

const pathOf = (o, of = () => 'unknown') => o.path.replace(/{(\w+)}/g, (_, n) => encodeURIComponent(of(n)));
// Everything is unpublished where no endpoint is named; milliseconds are 2.8's time spans.
const taken = (o, member) => (o.id === 'UnpublishAllNodes' && member === 'EndpointUrl') || /\.processingInterval$/.test(member);

testMistakes({document: () => document, call, packed, raw, pathOf, made, named, taken, least: {bodies: 1000, parameters: 2}});

// ---- as direct methods ----

const published = [400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 429, 501, 502, 503];

async function invoke(methodName, payload) {
  const client = iothub.Client.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
  const {result} = await client.invokeDeviceMethod(device, module.module, {methodName, payload, responseTimeoutInSeconds: 30});
  return result;
}

// `work` for each, some at once.
async function each(all, work) {
  const left = [...all];
  await Promise.all(Array.from({length: 16}, async () => {
    while (left.length)
      await work(left.shift());
  }));
}

function payloadOf(o, body) {
  const inPath = [...o.path.matchAll(/{(\w+)}/g)].map(([, n]) => [n, 'unknown']);
  if (!inPath.length && !parameter[o.id])
    return body;
  return {...Object.fromEntries(inPath), ...(parameter[o.id] && {[parameter[o.id]]: body})};
}

const methods = () => operations(document).filter(o => !['Download', 'Upload'].includes(o.id));

test('direct methods: what nothing is wrong with is answered, or refused as published', async () => {
  const payloads = methods().flatMap(o => [false, true].map(whole => ({o, payload: payloadOf(o, o.body && made(good(document, o.body, whole)))})));
  await each(payloads, async ({o, payload}) => {
    const {status, payload: said} = await invoke(o.id, payload ?? null);
    if (status !== 200)
      assert.ok(published.includes(status) && said.status === status && said.title && said.detail, `${o.id} ${JSON.stringify(payload)}: ${status} ${JSON.stringify(said)}`);
  });
});

test('direct methods: a mistake is refused with its member', async () => {
  const some = all => all.filter((_, i) => i % Math.ceil(all.length / 12) === 0); // the same table as above, and slower
  const payloads = methods().filter(o => o.body).flatMap(o => some(broken(document, o.body).filter(b => !taken(o, b.member))).map(b => ({o, ...b})));
  await each(payloads, async ({o, member, body}) => {
    const {status, payload: said} = await invoke(o.id, payloadOf(o, body));
    assert.equal(status, 400, `${o.id} ${JSON.stringify(body)}: ${status} ${JSON.stringify(said)}`);
    assert.ok(said.errors?.[named(o, member)], `${o.id} ${JSON.stringify(body)} is about ${named(o, member)}: ${JSON.stringify(said)}`);
  });
  assert.ok(payloads.length > 500, `${payloads.length} calls`);
});

test('direct methods: a payload of another kind is refused as published', async () => {
  const payloads = methods().filter(o => o.body).flatMap(o => [null, 7, true, 'text', [], [[]], [7], {}, {request: 7}, {connection: []}, {connection: {endpoint: 7}}, {endpoint: 7, request: {}}]
      .map(payload => ({o, payload})));
  await each(payloads, async ({o, payload}) => {
    const {status, payload: said} = await invoke(`${o.id}_V2`, payload);
    assert.ok(status === 200 || (published.includes(status) && said.title), `${o.id} ${JSON.stringify(payload)}: ${status} ${JSON.stringify(said)}`);
  });
  assert.equal((await call('GET', '/v2/configuration')).status, 200, 'the module still answers');
});

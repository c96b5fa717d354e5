// Queries by azure-iothub: pages, twins, raw rows, aggregates, errors.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import test from 'node:test';
import iothub from 'azure-iothub';

const registry = iothub.Registry.fromConnectionString(process.env.MILLRACE_HUB_OWNER);
const fleet = `fleet-${randomUUID()}`;
const count = 230;

async function rows(text, size, next = 'next') {
  const query = registry.createQuery(text, size), all = [];
  let pages = 0;
  while (query.hasMoreResults) {
    const {result} = await query[next]();
    assert.ok(size === undefined || result.length <= size);
    all.push(...result);
    pages++;
  }
  return {all, pages};
}

test('230 devices', async () => {
  for (let n = 0; n < count; n++) {
    const deviceId = `q${n}-${fleet}`;
    await registry.create({deviceId});
    await registry.updateTwin(deviceId, {tags: {fleet, n, place: {city: n % 10 ? 'Ulm' : 'Bonn'}},
                                         properties: {desired: {speed: n / 2}}}, '*');
  }
});

test('nextAsTwin pages through all of them, each once', async () => {
  const {all, pages} = await rows(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`, 100, 'nextAsTwin');
  assert.equal(pages, 3);
  assert.equal(new Set(all.map(t => t.deviceId)).size, count);
  assert.ok(all.every(t => t.tags.fleet === fleet && t.etag && t.properties.desired.$version === 2));
  await all[0].update({tags: {seen: true}});
  assert.equal((await rows(`SELECT * FROM devices WHERE tags.seen = true AND tags.fleet = '${fleet}'`)).all.length, 1);
});

test('without a size a page has 100', async () => {
  const query = registry.createQuery(`SELECT * FROM devices WHERE tags.fleet = '${fleet}'`);
  assert.equal((await query.nextAsTwin()).result.length, 100);
  assert.ok(query.hasMoreResults);
});

test('ranges, in small pages', async () => {
  const {all} = await rows(`SELECT * FROM devices WHERE tags.fleet = '${fleet}' AND tags.n >= 200`, 7, 'nextAsTwin');
  assert.deepEqual(all.map(t => t.tags.n), Array.from({length: 30}, (_, i) => 200 + i));
});

test('next gives what is selected', async () => {
  const {all} = await rows(`SELECT deviceId, tags.place.city AS city, properties.desired.speed FROM devices
                            WHERE tags.fleet = '${fleet}' AND tags.n IN [10, 11]`, 10);
  assert.deepEqual(all, [{deviceId: `q10-${fleet}`, city: 'Bonn', speed: 5}, {deviceId: `q11-${fleet}`, city: 'Ulm', speed: 5.5}]);
});

test('COUNT and GROUP BY', async () => {
  const total = await rows(`SELECT COUNT() AS n FROM devices WHERE tags.fleet = '${fleet}'`);
  assert.deepEqual(total.all, [{n: count}]);
  const {all} = await rows(`SELECT tags.place.city AS city, COUNT() AS n, MAX(tags.n) AS most FROM devices
                            WHERE tags.fleet = '${fleet}' GROUP BY tags.place.city`);
  assert.deepEqual(all.sort((a, b) => a.n - b.n), [{city: 'Bonn', n: 23, most: 220}, {city: 'Ulm', n: 207, most: 229}]);
});

test('modules', async () => {
  await registry.addModule({deviceId: `q1-${fleet}`, moduleId: 'reader'});
  await registry.updateModuleTwin(`q1-${fleet}`, 'reader', {tags: {fleet}}, '*');
  const {all} = await rows(`SELECT * FROM devices.modules WHERE moduleId = 'reader' AND tags.fleet = '${fleet}'`, 10, 'nextAsTwin');
  assert.deepEqual(all.map(t => [t.deviceId, t.moduleId]), [[`q1-${fleet}`, 'reader']]);
});

test('a query that cannot be read is an ArgumentError that says where', async () => {
  await assert.rejects(registry.createQuery('SELECT * FROM').next(), e => {
    assert.equal(e.name, 'ArgumentError');
    assert.match(e.responseBody ?? e.message, /position 14: expected devices/);
    return true;
  });
});

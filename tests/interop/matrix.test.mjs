// Every public method of Azure's Node SDKs, over every transport, with every authentication, against one hub.
// The table is printed, and written to build/reports/sdk-matrix.json. MATRIX=regex runs the cells of that name.
import assert from 'node:assert/strict';
import path from 'node:path';
import test, {after} from 'node:test';
import {fileURLToPath} from 'node:url';
import {cellsOf, forgotten, runAll} from './matrix/cells.mjs';
import * as device from './matrix/device.mjs';
import * as eventHubs from './matrix/event_hubs.mjs';
import * as jobs from './matrix/jobs.mjs';
import * as module from './matrix/module.mjs';
import {notBuilt} from './matrix/not_built.mjs';
import * as provisioning from './matrix/provisioning.mjs';
import * as registry from './matrix/registry.mjs';
import {print, write} from './matrix/report.mjs';
import * as service from './matrix/service.mjs';
import {Visit, close, open, stopListening, strays} from './matrix/site.mjs';

const WIDTH = 8;
const DEADLINE_MS = 90000;
const DEADLINE_MISSING_MS = 3000; // what is not built has no need of time
const only = process.env.MATRIX && new RegExp(process.env.MATRIX);
const tables = [device, module, registry, service, jobs, eventHubs, provisioning].flatMap(m => m.tables);
const cells = tables.flatMap(cellsOf).filter(c => !only || only.test(c.name));
const report = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../build/reports/sdk-matrix.json');

for (const t of tables)
  for (const type of t.covers)
    test(`${t.pack} ${t.type}: every public method has a row`, () => {
      assert.deepEqual(forgotten(t, type).filter(n => !t.internal?.includes(n)), []);
    });

await open();
const stray = e => strays.push(e);
process.on('uncaughtException', stray);
process.on('unhandledRejection', stray);
const missing = c => notBuilt.some(n => n.where.test(c.name));
const run = (some, width) => runAll(some, {
  width, deadlineOf: c => missing(c) ? DEADLINE_MISSING_MS : DEADLINE_MS, visitOf: (cell, give) => new Visit(cell, give),
});
await run(cells.filter(c => !c.alone), WIDTH);
await stopListening();
await run(cells.filter(c => c.alone), 1);
await close();
for (const {what, where} of notBuilt)
  for (const c of cells)
    if (where.test(c.name) && c.outcome.result === 'failed')
      c.outcome = {...c.outcome, result: 'not built', why: what};
print(cells);
if (!only)
  write(report, cells);

for (const e of strays)
  console.log('belongs to no cell:', e?.stack ?? String(e));
const count = result => cells.filter(c => c.outcome.result === result).length;
console.log(`\n${cells.length} cells: ${count('works')} work, ${count('cannot')} cannot, ${count('not built')} not built, ${count('failed')} failed`);

for (const name of [...new Set(cells.map(c => `${c.pack} ${c.type}`))])
  test(`${name}: every cell works, or is refused as it has to be`, () => {
    const failed = cells.filter(c => `${c.pack} ${c.type}` === name && c.outcome.result === 'failed');
    assert.equal(failed.length, 0, `\n${failed.map(c => `${c.name}: ${c.outcome.why}`).join('\n')}`);
  });

for (const {what, where} of notBuilt)
  test(`still not built: ${what}`, {skip: Boolean(only)}, () => {
    const there = cells.filter(c => where.test(c.name) && c.outcome.result === 'works');
    assert.deepEqual(there.map(c => c.name), [], 'take it off matrix/not_built.mjs');
  });

test('no error that belongs to no cell', {skip: notBuilt.length > 0}, () => {
  assert.deepEqual(strays.map(e => e?.stack ?? String(e)), []);
});

// What an SDK leaves behind, such as the timer of a token, would keep the process for an hour.
after(() => { setTimeout(() => process.exit(), 2000).unref(); });

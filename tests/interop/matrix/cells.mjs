// The matrix's cells: a table of methods becomes one cell for each transport and authentication. A cell works,
// or the SDK or the hub refuses it by design, which is asserted, and the reason is told.
//
// A row: {method, run, ...}
//   run(visit)      exercises the method and asserts its effect from the other side
//   cannot          [{transports?, auths?, error, why, run?}]: where it cannot work; run (else the row's own) must
//                   end with an error of that name
// A table: {pack, type, transports, auths, rows, covers}; covers are the classes whose public methods must all have a row.
import assert from 'node:assert/strict';

export const AUTHS = ['SAS key', 'self-signed X.509', 'CA X.509'];

const includes = (list, value) => !list || list.includes(value);

export function cellsOf(table) {
  const cells = [];
  for (const transport of table.transports ?? [''])
    for (const auth of table.auths ?? [''])
      for (const row of table.rows) {
        if (!includes(row.transports, transport) || !includes(row.auths, auth))
          continue;
        const cannot = row.cannot?.find(c => includes(c.transports, transport) && includes(c.auths, auth));
        const {pack, type, alone} = table;
        const name = [`${pack} ${type}.${row.method}`, transport, auth].filter(Boolean).join(', ');
        cells.push({pack, type, alone, method: row.method, transport, auth, cannot, name, run: cannot?.run ?? row.run});
      }
  return cells;
}

// The names of a class' public methods, its statics too, as the matrix writes them.
export function publicMethods(type) {
  const names = Object.getOwnPropertyNames(type).filter(n => typeof type[n] === 'function');
  for (let p = type.prototype; p && p !== Object.prototype && p.constructor.name !== 'EventEmitter'; p = Object.getPrototypeOf(p))
    for (const n of Object.getOwnPropertyNames(p))
      if (n !== 'constructor' && typeof Object.getOwnPropertyDescriptor(p, n).value === 'function')
        names.push(n);
  return [...new Set(names)].filter(n => !n.startsWith('_')).sort();
}

export function forgotten(table, type) {
  const have = new Set(table.rows.map(r => r.method));
  return publicMethods(type).filter(n => !have.has(n));
}

const textOf = e => `${e?.name ?? 'thrown'}: ${String(e?.message ?? e).replace(/\s+/g, ' ')}`.slice(0, 300);

async function attempt(cell, visit) {
  if (!cell.cannot) {
    await cell.run(visit);
    return {result: 'works'};
  }
  const {error, why} = cell.cannot;
  await assert.rejects(async () => cell.run(visit), e => {
    assert.equal(e.name, error, `it should be refused with ${error}, not with ${textOf(e)}`);
    return true;
  });
  return {result: 'cannot', why};
}

// `width` cells at a time, each with a deadline, which deadlineOf(cell) gives. visitOf(cell) makes what a cell has; visit.end() lets go of it.
export async function runAll(cells, {width, deadlineOf, visitOf}) {
  let free = width;
  const waiting = [];
  const take = () => free > 0 ? Promise.resolve(free--) : new Promise(resolve => waiting.push(resolve));
  const give = () => waiting.length ? waiting.shift()() : free++;

  async function one(cell) {
    await take();
    let mine = true;
    const giveOnce = () => { if (mine) give(); mine = false; };
    const visit = visitOf(cell, giveOnce);
    const began = Date.now();
    const deadline_ms = deadlineOf(cell);
    let timer;
    const late = new Promise((_, no) => {
      timer = setTimeout(() => no(new Error(`not done after ${deadline_ms} ms${visit.stage ? `, at: ${visit.stage}` : ''}`)), deadline_ms);
    });
    try {
      cell.outcome = await Promise.race([attempt(cell, visit), visit.broken, late]);
    } catch (e) {
      cell.outcome = {result: 'failed', why: textOf(e), error: e};
    }
    clearTimeout(timer);
    cell.outcome.ms = Date.now() - began;
    await visit.end();
    giveOnce();
  }
  await Promise.all(cells.map(one));
}

// Published operations: each called, its answer held against the published schema, and a row about it in the table that is printed and
// written to build/reports/openapi-coverage.json. MILLRACE_OPENAPI names the folder with the documents; they are not part of Millrace.
import assert from 'node:assert/strict';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {operations, validators} from './openapi.mjs';

const folder = process.env.MILLRACE_OPENAPI;
export const skip = folder && existsSync(folder) ? false : 'MILLRACE_OPENAPI names no folder with the published OpenAPI documents';
const report = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../build/reports/openapi-coverage.json');

// The documents whose file names fit: [{name, version, document}].
export const published = fits => readdirSync(folder).filter(f => fits.test(f)).sort().map(f => ({
  name: f.replace(/\.(swagger|openapi)\.json/, ''), version: /2\.\d/.exec(f)[0], document: JSON.parse(readFileSync(path.join(folder, f), 'utf8')),
}));

const isBad = r => r?.errorInfo || (r?.statusCode ?? 0) >>> 31;

// What an answer shows of its operation: that it works, that a server refuses it, or a part of it, or that we do.
function shown({status, json}) {
  const said = e => e?.symbolicId ?? e?.statusCode ?? e;
  if (status !== 200)
    return `refused ${status}`;
  const results = Array.isArray(json?.results) ? json.results : [];
  if (results.length && results.every(isBad))
    return `errorInfo ${said(results[0].errorInfo ?? results[0])}`;
  return json?.errorInfo ? `errorInfo ${said(json.errorInfo)}` : 'worked';
}

async function cover(row, o, {left, call, validate, version}) {
  if (left[o.id])
    Object.assign(row, {result: 'left out', why: left[o.id]});
  try {
    const {answer, refusal = 200} = await call(o, version);
    row.status = answer.status;
    row.shown = shown(answer);
    if (row.result) {
      assert.ok([404, 405, 501].includes(answer.status), `${o.id} is said to be left out`);
      return;
    }
    if (answer.status !== refusal)
      return Object.assign(row, {result: 'refused', why: answer.json?.detail ?? answer.text});
    const {wrong, more} = refusal === 200 && o.answer ? validate(o.answer)(answer.json) : {wrong: [], more: []};
    Object.assign(row, {result: wrong.length ? 'not as published' : 'as published', ...(wrong.length && {why: wrong.slice(0, 4).join('; ')}), ...(more.length && {more})});
  } catch (e) {
    Object.assign(row, {result: 'failed', why: e.message.split('\n')[0]});
  }
}

// `call` resolves to {answer, refusal}: the status that it has to have, when that is not 200. `left`: why an operation is not served.
export async function coverAll({name, version, document}, {left = {}, call}) {
  const validate = validators(document), rows = [];
  for (const o of operations(document)) {
    const row = {document: name, operation: o.id, method: o.method, path: o.path};
    rows.push(row);
    await cover(row, o, {left, call, validate, version});
  }
  return rows;
}

// Rows of other documents stay in the report.
export function print(rows) {
  const lines = rows.map(r => [r.document, r.operation, r.status ?? '', r.result, [r.why, r.shown, r.more && `more: ${r.more}`].filter(Boolean).join(' | ')]);
  for (const l of lines)
    console.log(l.map((c, i) => String(c).padEnd([20, 30, 4, 17, 0][i])).join(' '));
  mkdirSync(path.dirname(report), {recursive: true});
  const before = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : [];
  const others = before.filter(r => !rows.some(o => o.document === r.document));
  writeFileSync(report, `${JSON.stringify([...others, ...rows], null, 1)}\n`);
}

export const bad = rows => rows.filter(r => !['as published', 'left out'].includes(r.result)).map(r => `${r.document} ${r.operation}: ${r.status} ${r.result}: ${r.why}`);

// Served operations that were not seen to work; `excused`: by operation, what is shown instead.
export const unshown = (rows, excused = {}) => rows.filter(r => r.result === 'as published' && r.shown !== (excused[r.operation] ?? 'worked'))
  .map(r => `${r.document} ${r.operation}: ${r.shown}`);

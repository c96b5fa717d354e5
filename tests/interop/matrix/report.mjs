// The matrix for people and for programs.
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';

const SIGN = {works: '+', cannot: '-', failed: 'FAIL', 'not built': '?'};
const by = (list, key) => Map.groupBy ? Map.groupBy(list, key) : list.reduce((m, v) => m.set(key(v), [...(m.get(key(v)) ?? []), v]), new Map());

function table(cells) {
  const columns = [...new Set(cells.map(c => c.column))];
  const rows = [...by(cells, c => c.method)];
  const first = Math.max(...rows.map(([m]) => m.length)) + 2;
  const lines = [' '.repeat(first) + columns.join('  ')];
  for (const [method, mine] of rows) {
    const signs = columns.map(column => {
      const results = mine.filter(c => c.column === column).map(c => SIGN[c.outcome.result]);
      return results.join(' ').padEnd(column.length);
    });
    lines.push(method.padEnd(first) + signs.join('  '));
  }
  return lines.map(l => l.trimEnd());
}

export function print(cells) {
  const lines = [];
  for (const [title, mine] of by(cells, c => `${c.pack} ${c.type}`)) {
    const auths = [...new Set(mine.map(c => c.auth))].filter(Boolean);
    lines.push('', `${title}${auths.length ? `: in each column ${auths.join(', ')}` : ''}`);
    for (const c of mine)
      c.column = (c.transport || 'HTTPS').padEnd(2 * auths.length);
    lines.push(...table(mine));
  }
  lines.push('', '+ works   - cannot work   ? not built', '');
  for (const [why, mine] of by(cells.filter(c => c.outcome.result === 'cannot'), c => c.outcome.why)) {
    const methods = [...new Set(mine.map(c => `${c.type}.${c.method}`))].join(', ');
    const where = [...new Set(mine.map(c => c.transport))].filter(Boolean).join(', ');
    lines.push(`- ${methods}${where ? ` over ${where}` : ''}: ${why}`);
  }
  console.log(lines.join('\n'));
}

export function write(file, cells) {
  mkdirSync(path.dirname(file), {recursive: true});
  const rows = cells.map(c => ({
    package: c.pack, class: c.type, method: c.method, transport: c.transport || undefined, authentication: c.auth || undefined,
    result: c.outcome.result, why: c.outcome.why, ms: c.outcome.ms,
  }));
  writeFileSync(file, `[\n${rows.map(r => JSON.stringify(r)).join(',\n')}\n]\n`);
}

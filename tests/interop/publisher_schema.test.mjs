// The JSON schema of publishednodes.json, as Ajv reads it: what it takes the program takes, and what it refuses the program refuses.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import Ajv from 'ajv';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const millrace = process.env.MILLRACE ?? path.join(root, 'build/release/millrace');
const folder = path.join(root, 'tests/published-nodes');
const files = readdirSync(folder).filter(f => f.endsWith('.json') && f !== 'with_mistakes.json');
const printed = spawnSync(millrace, ['publisher', '--schema'], {encoding: 'utf8'}).stdout;
const schema = JSON.parse(printed);
const validate = new Ajv({allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true}).compile(schema);

// Without a mark, comments, and commas before a bracket.
function parse(text) {
  let out = '';
  for (let i = text.startsWith('\ufeff') ? 1 : 0; i < text.length; i++) {
    if (text[i] === '"') {
      const begin = i++;
      while (text[i] !== '"')
        i += text[i] === '\\' ? 2 : 1;
      out += text.slice(begin, i + 1);
    } else if (text.startsWith('//', i)) {
      i = text.indexOf('\n', i);
    } else if (text.startsWith('/*', i)) {
      i = text.indexOf('*/', i) + 1;
    } else {
      out += text[i];
    }
  }
  return JSON.parse(out.replace(/,(\s*[\]}])/g, '$1'));
}

function check(file) { // as the program sees it: its exit code, and one finding a line
  const {status, stderr} = spawnSync(millrace, ['publisher', '--check.file', '--file', file], {encoding: 'utf8'});
  return {status, findings: stderr.trim().split('\n').filter(Boolean)};
}

test('the published schema is the one that the program prints', () => {
  assert.equal(readFileSync(path.join(root, 'docs/publishednodes.schema.json'), 'utf8'), printed);
});

test('the files here are good to both', () => {
  for (const file of files) {
    assert.ok(validate(parse(readFileSync(path.join(folder, file), 'utf8'))), `${file}: ${JSON.stringify(validate.errors)}`);
    assert.deepEqual({file, ...check(path.join(folder, file))}, {file, status: 0, findings: []});
  }
});

test('no property is without a file here', () => {
  const used = new Set();
  const walk = value => {
    if (value && typeof value === 'object')
      for (const [name, inner] of Object.entries(value))
        used.add(name), walk(inner);
  };
  for (const file of files)
    walk(parse(readFileSync(path.join(folder, file), 'utf8')));
  const {entry, node} = schema.definitions;
  const all = [...Object.keys(entry.properties), ...Object.keys(node.properties)];
  assert.deepEqual(all.filter(name => !used.has(name)), []);
});

test('each mistake is one to both, and the program says where it is', () => {
  const file = path.join(folder, 'with_mistakes.json');
  const entries = parse(readFileSync(file, 'utf8'));
  assert.deepEqual(entries.filter(entry => validate([entry])), []);
  const {status, findings} = check(file);
  assert.equal(status, 2);
  assert.deepEqual(findings.map(f => Number(f.slice(file.length + 1).split(':')[0])), entries.map((_, i) => i + 2)); // an entry a line
});

test("OPC Publisher's own samples are good to the schema", t => {
  const samples = process.env.MILLRACE_PUBLISHED_NODES;
  if (!samples || !existsSync(samples)) {
    t.skip("MILLRACE_PUBLISHED_NODES names no folder with OPC Publisher's sample files");
    return;
  }
  const names = readdirSync(samples, {recursive: true}).filter(f => f.endsWith('.json') && !f.includes('schema'));
  assert.ok(names.length > 0);
  for (const name of names) {
    const text = readFileSync(path.join(samples, name), 'utf8').replace('{{UseReverseConnect}}', 'false').replace(/{{\w+}}/g, 'x');
    assert.ok(validate(parse(text)), `${name}: ${JSON.stringify(validate.errors)}`);
  }
});

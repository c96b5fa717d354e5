// OpenAPI documents as the tests need them: operations, validators, and requests made from schemas.
import Ajv from 'ajv';

const methods = ['get', 'put', 'post', 'delete', 'patch'];

export function operations(document) {
  return Object.entries(document.paths).flatMap(([path, at]) => methods.filter(m => at[m]).map(m => {
    const o = at[m], parameters = o.parameters ?? [];
    return {
      method: m.toUpperCase(), path, id: o.operationId, parameters,
      body: parameters.find(p => p.in === 'body')?.schema ?? o.requestBody?.content['application/json'].schema,
      mayLackBody: (o.requestBody ?? parameters.find(p => p.in === 'body'))?.required === false,
      answer: o.responses['200']?.schema ?? o.responses['200']?.content?.['application/json'].schema,
    };
  }));
}

export const schemasOf = document => document.definitions ?? document.components?.schemas ?? {};

// ---- validating with what was published ----

// Flags are published as one word, and are several with commas between them.
const flags = new Set(['NodeAccessLevel', 'NodeAccessRestrictions', 'NodeEventNotifier', 'RolePermissions', 'X509ChainStatus', 'NodeClass']);

// What the generator of the published documents got wrong, each with how it is on the wire.
function mend(schema, name = '', member = '') {
  if (Array.isArray(schema))
    return schema.map(s => mend(s, name));
  if (!schema || typeof schema !== 'object')
    return schema;
  if (schema.enum && (flags.has(name) || schema.items))
    return {type: 'string', pattern: `^(${schema.enum.join('|')})(, ?(${schema.enum.join('|')}))*$`};
  if (member === 'arrayDimensions')
    return {type: 'array', items: {type: 'integer'}};
  if (schema.type === 'object' && schema.items) // a list of variants
    return {type: 'array'};
  const keys = Object.keys(schema).filter(k => k !== 'description' && k !== 'x-nullable');
  if (member && keys.length === 1 && schema.type === 'object') // a variant: any JSON
    return {};
  const out = {};
  for (const [k, v] of Object.entries(schema))
    if (k === 'properties')
      out[k] = Object.fromEntries(Object.entries(v).map(([n, s]) => [n, mend(s, name, n)]));
    else if (!k.startsWith('x-') && k !== 'format')
      out[k] = mend(v, name);
  return out;
}

const inside = (answer, pointer) => pointer.split('/').slice(1).reduce((v, n) => v?.[n], answer);
// With errorInfo, what the schema requires is not there, or null: so it is with OPC Publisher.
const excused = (answer, e) => e.keyword === 'required' && inside(answer, e.instancePath)?.errorInfo;

const opened = schema => JSON.parse(JSON.stringify(schema), (k, v) => k === 'additionalProperties' && v === false ? undefined : v);

// For answers of `document`: says what is wrong, and, apart from that, which members the schema does not have.
export function validators(document) {
  const schemas = schemasOf(document);
  // What comes one after the other is an array on the wire.
  const stream = n => schemas[n] ? {type: 'array', items: {$ref: `#/definitions/${n}`}} : {type: 'array'};
  const definitions = Object.fromEntries(Object.entries(schemas).map(
    ([n, s]) => [n, n.endsWith('IAsyncEnumerable') ? stream(n.slice(0, -'IAsyncEnumerable'.length)) : mend(s, n.replace(/(Api)?Model$/, ''))]));
  const ajv = {closed: new Ajv({strict: false, allErrors: true, validateFormats: false}), open: new Ajv({strict: false, allErrors: true, validateFormats: false})};
  ajv.closed.addSchema({$id: 'api', definitions});
  ajv.open.addSchema({$id: 'api', definitions: opened(definitions)});
  return schema => {
    const whole = {$id: `answer-${Math.random()}`, ...JSON.parse(JSON.stringify(mend(schema)).replaceAll('"#/definitions/', '"api#/definitions/'))};
    const open = ajv.open.compile(opened({...whole, $id: `${whole.$id}-open`})), closed = ajv.closed.compile(whole);
    return answer => {
      const wrong = open(answer) ? [] : open.errors.filter(e => !excused(answer, e)).map(e => `${e.instancePath} ${e.message}`);
      const more = closed(answer) ? [] : closed.errors.filter(e => e.keyword === 'additionalProperties').map(e => e.params.additionalProperty);
      return {wrong, more: [...new Set(more)]};
    };
  };
}

// ---- requests from schemas ----

export const resolve = (document, s) => s?.$ref ? schemasOf(document)[s.$ref.split('/').pop()] : s ?? {};

// `whole`: with the members that need not be there.
export function good(document, schema, whole, depth = 0) {
  const s = resolve(document, schema);
  if (s.oneOf)
    return good(document, s.oneOf[0], whole, depth);
  if (s.enum)
    return s.enum[0];
  if (s.type === 'array')
    return depth < 6 ? [good(document, s.items, whole, depth + 1)] : [];
  if (s.properties)
    return Object.fromEntries(Object.entries(s.properties)
      .filter(([n]) => s.required?.includes(n) || (whole && depth < 5))
      .map(([n, p]) => [n, good(document, p, whole && depth < 4, depth + 1)]));
  if (s.additionalProperties)
    return {x: good(document, s.additionalProperties, whole, depth + 1)};
  return {integer: 1, number: 1.5, boolean: true, string: text(s)}[s.type] ?? {};
}

const text = s => ({'date-time': '2026-01-01T00:00:00Z', byte: 'AAEC'})[s.format] ?? '00:00:01';

// Values that are not of the schema.
function wrongs(s) {
  if (s.oneOf)
    return [true];
  if (s.enum)
    return ['NoSuchWord', true, {}];
  if (s.type === 'array')
    return ['text', 7, {}];
  if (s.type === 'object')
    return [7, 'text', [[]]];
  if (s.type === 'string')
    return s.format ? ['?', 7] : [7, true, [], {}];
  return {integer: ['text', 1.5, {}], number: ['text', []], boolean: ['text', 1]}[s.type] ?? [];
}

// Bodies with one mistake each: [{member, body}], the member as a refusal names it.
export function broken(document, schema) {
  const out = [];
  const walk = (s0, value, set, name, depth) => {
    const s = resolve(document, s0);
    if (name)
      for (const wrong of wrongs(s))
        out.push({member: name, body: set(wrong)});
    if (depth > 5 || s.oneOf)
      return;
    if (s.type === 'array' && value?.length)
      walk(s.items, value[0], v => set([v]), `${name}[0]`, depth + 1);
    for (const [n, p] of Object.entries(s.properties ?? {})) {
      const inner = name ? `${name}.${n}` : n;
      if (!(value && n in value))
        continue;
      if (s.required?.includes(n)) {
        const {[n]: gone, ...rest} = value;
        out.push({member: inner, body: set(rest)});
      }
      walk(p, value[n], v => set({...value, [n]: v}), inner, depth + 1);
    }
  };
  const whole = good(document, schema, true);
  walk(schema, whole, v => v, '', 0);
  return out;
}

// Parameters that are not of their type.
export function brokenParameters(document, parameters) {
  return parameters.filter(p => p.in === 'query').flatMap(p => {
    const s = resolve(document, p.schema ?? p);
    const bad = s.enum ? 'NoSuchWord' : {integer: 'text', boolean: 'perhaps'}[s.type];
    return [...(bad ? [{name: p.name, value: bad}] : []), ...(p.required ? [{name: p.name, value: undefined}] : [])];
  });
}

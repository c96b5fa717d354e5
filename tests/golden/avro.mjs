// Avro's binary encoding, read by its specification (1.11) with the schema that it was written with. Longs are BigInt.

class Bytes {
    constructor(buffer) { this.buffer = buffer; this.at = 0; }
    take(n) {
        if (n < 0 || this.at + n > this.buffer.length) throw new Error(`${n} bytes are not there at ${this.at}`);
        this.at += n;
        return this.buffer.subarray(this.at - n, this.at);
    }
    long() {
        let n = 0n;
        for (let shift = 0n; ; shift += 7n) {
            const byte = this.take(1)[0];
            n |= BigInt(byte & 0x7f) << shift;
            if (byte < 0x80) break;
        }
        return n & 1n ? -(n >> 1n) - 1n : n >> 1n;
    }
    count() { return Number(this.long()); }
}

const PRIMITIVES = {
    null: () => null, boolean: b => b.take(1)[0] === 1, int: b => b.count(), long: b => b.long(),
    float: b => b.take(4).readFloatLE(), double: b => b.take(8).readDoubleLE(),
    bytes: b => Buffer.from(b.take(b.count())), string: b => b.take(b.count()).toString('utf8'),
};

function blocks(b, one) {
    for (let count; (count = b.count()) !== 0;) {
        if (count < 0) { b.long(); count = -count; }
        while (count-- > 0) one();
    }
}

function value(b, schema, names, space) {
    if (Array.isArray(schema)) return value(b, schema[b.count()], names, space);
    if (typeof schema === 'string')
        return PRIMITIVES[schema] ? PRIMITIVES[schema](b) : value(b, ...names(schema, space), space);
    const own = schema.namespace ?? space;
    switch (schema.type) {
    case 'record': case 'error':
        return Object.fromEntries(schema.fields.map(f => [f.name, value(b, f.type, names, own)]));
    case 'array': {
        const all = [];
        blocks(b, () => all.push(value(b, schema.items, names, space)));
        return all;
    }
    case 'map': {
        const all = {};
        blocks(b, () => { all[PRIMITIVES.string(b)] = value(b, schema.values, names, space); });
        return all;
    }
    case 'enum': return schema.symbols[b.count()];
    case 'fixed': return Buffer.from(b.take(schema.size));
    default: return value(b, schema.type, names, space);
    }
}

// Where each name is defined, with the namespace that holds inside.
function define(schema, space, all) {
    if (Array.isArray(schema)) { schema.forEach(s => define(s, space, all)); return; }
    if (typeof schema !== 'object') return;
    let own = schema.namespace ?? space;
    if (schema.name && ['record', 'enum', 'fixed', 'error'].includes(schema.type)) {
        if (schema.name.includes('.')) own = schema.name.slice(0, schema.name.lastIndexOf('.'));
        all.set(schema.name.includes('.') || !own ? schema.name : `${own}.${schema.name}`, [schema, own]);
    }
    (schema.fields ?? []).forEach(f => define(f.type, own, all));
    for (const inner of [schema.items, schema.values, typeof schema.type === 'object' ? schema.type : undefined])
        if (inner) define(inner, own, all);
}

export function readAvro(schema, buffer) {
    const all = new Map();
    define(schema, '', all);
    const names = (name, space) => {
        const found = all.get(name.includes('.') || !space ? name : `${space}.${name}`) ?? all.get(name);
        if (!found) throw new Error(`the schema has no ${name}`);
        return [found[0], (n, s) => names(n, s)];
    };
    const b = new Bytes(buffer);
    const read = value(b, schema, (n, s) => names(n, s), '');
    if (b.at !== buffer.length) throw new Error(`${buffer.length - b.at} bytes are left`);
    return read;
}

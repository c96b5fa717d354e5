// A reader of UADP network messages, written from OPC UA Part 14, 7.2.2 and Part 6, 5.2.
import assert from 'node:assert/strict';

const EPOCH = 116444736000000000n;

class Reader {
    constructor(bytes, namespaces) { this.bytes = bytes; this.at = 0; this.namespaces = namespaces; }
    take(n) { assert.ok(this.at + n <= this.bytes.length, 'cut short'); this.at += n; return this.bytes.subarray(this.at - n, this.at); }
    u8() { return this.take(1)[0]; }
    u16() { return this.take(2).readUInt16LE(); }
    u32() { return this.take(4).readUInt32LE(); }
    i32() { return this.take(4).readInt32LE(); }
    u64() { return this.take(8).readBigUInt64LE(); }
    i64() { return this.take(8).readBigInt64LE(); }
    bytesOf() { const n = this.i32(); return n < 0 ? null : this.take(n); }
    text() { const b = this.bytesOf(); return b && b.toString('utf8'); }
    get done() { return this.at === this.bytes.length; }
}

function guid(r) {
    const hex = (n, w) => n.toString(16).padStart(w, '0');
    const a = hex(r.u32(), 8), b = hex(r.u16(), 4), c = hex(r.u16(), 4), d = r.take(8).toString('hex');
    return `${a}-${b}-${c}-${d.slice(0, 4)}-${d.slice(4)}`;
}

const pad = n => String(n).padStart(7, '0');
function dateTime(r) {
    const t = r.i64() - EPOCH;
    return new Date(Number(t / 10000000n) * 1000).toISOString().replace('.000Z', `.${pad(t % 10000000n)}Z`);
}

function nodeId(r) {
    const kind = r.u8();
    const name = ns => ns === 0 ? '' : r.namespaces[ns] + ';';
    switch (kind & 0x3f) {
    case 0: return `i=${r.u8()}`;
    case 1: { const ns = r.u8(); return `${name(ns)}i=${r.u16()}`; }
    case 2: { const ns = r.u16(); return `${name(ns)}i=${r.u32()}`; }
    case 3: { const ns = r.u16(); return `${name(ns)}s=${r.text()}`; }
    case 4: { const ns = r.u16(); return `${name(ns)}g=${guid(r)}`; }
    case 5: { const ns = r.u16(); return `${name(ns)}b=${r.bytesOf().toString('base64')}`; }
    default: throw new Error(`node id of kind ${kind}`);
    }
}

function localizedText(r) {
    const mask = r.u8();
    if (mask & 1) assert.equal(r.text(), 'en');
    return mask & 2 ? r.text() : null;
}

function extensionObject(r) {
    const type = nodeId(r);
    assert.equal(r.u8(), 1); // a body of bytes
    const body = new Reader(r.bytesOf(), r.namespaces);
    assert.equal(type, 'i=886'); // Range, binary
    return {Low: body.take(8).readDoubleLE(), High: body.take(8).readDoubleLE()};
}

const scalars = {
    1: r => r.u8() === 1, 2: r => r.take(1).readInt8(), 3: r => r.u8(), 4: r => r.take(2).readInt16LE(), 5: r => r.u16(),
    6: r => r.i32(), 7: r => r.u32(), 8: r => String(r.i64()), 9: r => String(r.u64()), 10: r => r.take(4).readFloatLE(),
    11: r => r.take(8).readDoubleLE(), 12: r => r.text(), 13: dateTime, 14: guid, 15: r => r.bytesOf().toString('base64'),
    16: r => r.text(), 17: nodeId, 19: r => r.u32(), 20: r => { const ns = r.u16(); return `${r.namespaces[ns]};${r.text()}`; },
    21: localizedText, 22: extensionObject, 24: r => variant(r).value,
};

const shape = (flat, dims) => dims.length < 2 ? flat
    : Array.from({length: dims[0]}, (_, i) => shape(flat.slice(i * flat.length / dims[0], (i + 1) * flat.length / dims[0]), dims.slice(1)));

function array(r, type, matrix) {
    const flat = Array.from({length: r.i32()}, () => scalars[type](r));
    return matrix ? shape(flat, Array.from({length: r.i32()}, () => r.i32())) : flat;
}

function variant(r) {
    const mask = r.u8(), type = mask & 0x3f;
    if (type === 0) return {};
    return {type, value: mask & 0x80 ? array(r, type, mask & 0x40) : scalars[type](r)};
}

function dataValue(r) {
    const mask = r.u8();
    const v = mask & 1 ? variant(r) : {};
    if (mask & 2) v.status = r.u32();
    if (mask & 4) v.source = r.i64();
    if (mask & 16) r.u16();
    if (mask & 8) v.server = r.i64();
    if (mask & 32) r.u16();
    return v;
}

function rawValue(r, t) {
    if (t.type === 0) return {};
    return {type: t.type, value: t.array ? array(r, t.type, t.matrix) : t.type === 22
        ? {Low: r.take(8).readDoubleLE(), High: r.take(8).readDoubleLE()} : scalars[t.type](r)};
}

function dataSetMessage(r, {rawTypes}) {
    const flags = r.u8(), more = flags & 0x80 ? r.u8() : 0;
    assert.ok(flags & 1, 'is valid');
    const set = {kind: ['ua-keyframe', 'ua-deltaframe', 'ua-event', 'ua-keepalive'][more & 0xf], fields: []};
    if (flags & 8) set.sequence = r.u16();
    if (more & 0x10) set.timestamp = r.i64();
    if (more & 0x20) r.u16();
    if (flags & 0x10) set.status = r.u16();
    if (flags & 0x20) set.major = r.u32();
    if (flags & 0x40) set.minor = r.u32();
    if (set.kind === 'ua-keepalive') return set;
    const encoding = flags >> 1 & 3;
    const read = (n => [variant, rawTypes && (() => rawValue(r, rawTypes[n])), dataValue][encoding](r));
    const count = set.kind === 'ua-keyframe' && encoding === 1 ? rawTypes.length : r.u16();
    for (let i = 0; i < count; i++) {
        const index = set.kind === 'ua-deltaframe' ? r.u16() : i;
        set.fields.push({index, ...read(index)});
    }
    return set;
}

// ---- DataSetMetaData: Part 14, 6.2.3.2.3, and its types of Part 5 ----

const list = (r, read) => Array.from({length: Math.max(0, r.i32())}, () => read(r));
const name = r => scalars[20](r);
const description = r => localizedText(r);

function structureDescription(r) {
    const id = nodeId(r), called = name(r), encoding = nodeId(r), base = nodeId(r), type = r.i32();
    const fields = list(r, () => {
        const field = [r.text()];
        description(r);
        field.push(nodeId(r), r.i32());
        list(r, x => x.u32());
        r.u32(); // the longest text
        r.u8(); // optional
        return field;
    });
    return {id, name: called, base, encoding, type, fields};
}

function enumDescription(r) {
    const id = nodeId(r), called = name(r);
    const fields = list(r, () => {
        const value = Number(r.i64());
        description(r); // its display name
        description(r);
        return [value, r.text()];
    });
    return {id, name: called, fields, builtin: r.u8()};
}

function simpleDescription(r) {
    return {id: nodeId(r), name: name(r), base: nodeId(r), builtin: r.u8()};
}

function fieldMetaData(r) {
    const f = {name: r.text()};
    description(r);
    r.u16(); // flags
    f.builtin = r.u8();
    f.type = nodeId(r);
    f.rank = r.i32();
    f.dimensions = list(r, x => x.u32());
    r.u32(); // the longest text
    f.id = guid(r);
    assert.equal(list(r, () => assert.fail('no properties')).length, 0);
    return f;
}

function metaData(r) {
    const m = {namespaces: list(r, x => x.text()), structures: list(r, structureDescription), enums: list(r, enumDescription),
        simples: list(r, simpleDescription), name: r.text()};
    description(r);
    return {...m, fields: list(r, fieldMetaData), classId: guid(r), major: r.u32(), minor: r.u32()};
}

function announcement(r) {
    const a = {kind: r.u8(), sequence: r.u16(), writerId: r.u16()};
    return {...a, metadata: metaData(r), status: r.u32()};
}

export function readUadp(bytes, options) {
    const r = new Reader(bytes, options.namespaces);
    const m = {dataSets: []};
    const flags = r.u8(), first = flags & 0x80 ? r.u8() : 0, second = first & 0x80 ? r.u8() : 0;
    assert.equal(flags & 0xf, 1, 'version');
    if (flags & 0x10) m.publisherId = [() => r.u8(), () => r.u16(), () => r.u32(), () => r.u64(), () => r.text()][first & 7]();
    if (first & 8) m.classId = guid(r);
    if (flags & 0x20) {
        const group = r.u8();
        if (group & 1) m.writerGroupId = r.u16();
        if (group & 2) m.groupVersion = r.u32();
        if (group & 4) m.number = r.u16();
        if (group & 8) m.sequence = r.u16();
    }
    const chunk = second & 1;
    if ((second >> 2 & 7) === 2) {
        m.announcement = announcement(r);
        assert.ok(r.done);
        return m;
    }
    if (flags & 0x40) m.writerIds = chunk ? [r.u16()] : Array.from({length: r.u8()}, () => r.u16());
    if (first & 0x20) m.timestamp = r.i64();
    if (first & 0x40) r.u16();
    assert.equal(first & 0x10, 0, 'no security');
    if (chunk) {
        m.chunk = {sequence: r.u16(), offset: r.u32(), total: r.u32(), data: r.bytesOf()};
        assert.ok(r.done);
        return m;
    }
    const count = m.writerIds ? m.writerIds.length : 1;
    const sizes = count > 1 ? Array.from({length: count}, () => r.u16()) : [bytes.length - r.at];
    for (const size of sizes) {
        const one = new Reader(r.take(size), options.namespaces);
        m.dataSets.push(dataSetMessage(one, options));
        assert.ok(one.done, 'its size is what it says');
    }
    assert.ok(r.done);
    return m;
}

// Chunks of one data set message become a message with it; others stay as they are.
export function joinChunks(messages, options) {
    const out = [];
    let bytes = null;
    for (const m of messages) {
        if (!m.chunk) {
            out.push(m);
            continue;
        }
        if (m.chunk.offset === 0) bytes = Buffer.alloc(0);
        assert.equal(bytes.length, m.chunk.offset);
        bytes = Buffer.concat([bytes, m.chunk.data]);
        if (bytes.length < m.chunk.total) continue;
        const r = new Reader(bytes, options.namespaces);
        out.push({...m, dataSets: [dataSetMessage(r, options)]});
        assert.ok(r.done);
    }
    return out;
}

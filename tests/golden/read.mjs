// Reads the messages in publisher/ with rules of its own, taken from OPC UA Part 14, Part 6 and OPC
// Publisher's documentation, and holds what it finds against what lib/writers/golden_test.c puts in.
// It shares no code with the encoders.   node tests/golden/read.mjs
import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {readAvro} from './avro.mjs';
import {readUadp, joinChunks} from './uadp.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), 'publisher');
const linesOf = name => readFileSync(join(folder, name), 'utf8').split('\n').filter(l => l);

// ---- what was put in ----

const UNCERTAIN = 0x40920000, NO_DATA = 0x809b0000;
const FIELDS = [ // name, built-in type, value in canonical form, status
    ['Boolean', 1, true], ['SByte', 2, -5], ['UInt16', 5, 65535], ['Int32', 6, -123456],
    ['Int64', 8, '-9007199254740993'], ['UInt64', 9, '18446744073709551615'], ['Float', 10, Math.fround(0.1)],
    ['Double', 11, 21.5, UNCERTAIN], ['Tiny', 11, 5e-324], ['NaN', 11, NaN],
    ['DateTime', 13, '2024-01-17T21:20:00.1234567Z'], ['String', 12, '"hot" ℃\n'],
    ['Guid', 14, '12345678-9abc-def0-0102-030405060708'], ['ByteString', 15, 'Af8h'],
    ['NodeId', 17, 'urn:machine;s=Pump'], ['StatusCode', 19, 0x800a0000],
    ['QualifiedName', 20, 'urn:machine;Speed'], ['LocalizedText', 21, 'on'],
    ['Range', 22, {Low: 0, High: 100}], ['Doubles', 11, [1, 2.5, -0]], ['Matrix', 6, [[1, 2, 3], [4, 5, 6]]],
    ['Bad', 0, null, NO_DATA],
];
const named = Object.fromEntries(FIELDS.map((f, n) => [f[0], {type: f[1], value: f[2], status: f[3] ?? 0, number: n}]));
const FRAMES = [
    ['ua-keyframe', FIELDS.map(f => f[0])], ['ua-deltaframe', ['Int32', 'Int64']], ['ua-deltaframe', ['Bad']],
    ['ua-deltaframe', ['Double']], ['ua-event', ['String', 'Guid']], ['ua-condition', ['Int32']], ['ua-keepalive', []],
];
const NAMESPACES = ['http://opcfoundation.org/UA/', 'urn:server', 'urn:machine'];
const TYPES = [null, 'Boolean', 'SByte', 'Byte', 'Int16', 'UInt16', 'Int32', 'UInt32', 'Int64', 'UInt64', 'Float', 'Double',
    'String', 'DateTime', 'Guid', 'ByteString', 'XmlElement', 'NodeId', 'ExpandedNodeId', 'StatusCode', 'QualifiedName',
    'LocalizedText', 'ExtensionObject', 'DataValue', 'Variant', 'DiagnosticInfo'];

const ticks = at => {
    const [, seconds, rest] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{7})Z$/.exec(at);
    return BigInt(Date.parse(seconds + 'Z')) * 10000n + 116444736000000000n + BigInt(rest);
};
const NOW = ticks('2024-01-17T21:20:00.1234567Z');

// ---- the masks of each mode, as published ----

const HEAD = {MetaDataVersion: 2, SequenceNumber: 4, Timestamp: 8, MessageType: 0x20, DataSetWriterName: 0x40, DataSetWriterId: 1};
const SOME = 0x3, ALL = 0x7, RAW = 0x20;
const MODES = {
    Samples: {samples: true, fields: SOME}, FullSamples: {samples: true, full: true, fields: ALL},
    PubSub: {network: true, head: 0x6e, fields: ALL}, FullNetworkMessages: {network: true, head: 0x6f, fields: ALL},
    DataSetMessages: {head: 0x6e, fields: ALL}, SingleDataSetMessage: {head: 0x6e, single: true, fields: ALL},
    DataSets: {head: 0, fields: ALL}, SingleDataSet: {head: 0, single: true, fields: ALL},
    RawDataSets: {head: 0, fields: RAW}, SingleRawDataSet: {head: 0, single: true, fields: RAW},
};

// ---- JSON values ----

// JavaScript's numbers end at 2^53; longer ones are kept as text.
const parse = text => JSON.parse(text.replace(/([[:,])(-?\d{16,})(?=[,\]}])/g, '$1"$2"'));

const fromUri = text => text.replace(/^nsu=/, '');

function plainNew(type, v, form) { // the same by OPC UA 1.05, Part 6, 5.4.2
    switch (TYPES[type]) {
    case 'Int64': case 'UInt64':
        assert.equal(typeof v, 'string');
        return v;
    case 'Float': return typeof v === 'string' ? Number(v) : Math.fround(v);
    case 'Double': return Number(v);
    case 'NodeId': case 'QualifiedName':
        assert.match(v, /^nsu=/);
        return fromUri(v);
    case 'StatusCode': return status(v, form);
    case 'LocalizedText':
        assert.equal(v.Locale, 'en');
        return v.Text;
    case 'ExtensionObject': {
        const {UaTypeId, ...fields} = v;
        assert.equal(UaTypeId, form.mode.fields === RAW ? undefined : 'i=884');
        assert.equal('Low' in fields, form.rules === 'Verbose'); // it is 0
        return {Low: 0, ...fields};
    }
    default: return v;
    }
}

function plain(type, v, form) { // one value, in canonical form
    if (form.rules) return plainNew(type, v, form);
    switch (TYPES[type]) {
    case 'Int64': case 'UInt64':
        if (form.strict) assert.equal(typeof v, 'string');
        return v;
    case 'Float': return typeof v === 'string' ? Number(v) : Math.fround(v);
    case 'Double': return Number(v);
    case 'NodeId':
        if (!form.strict) return v.replace('#', ';');
        assert.equal(v.IdType, 1);
        return `${form.reversible ? NAMESPACES[v.Namespace] : v.Namespace};s=${v.Id}`;
    case 'QualifiedName':
        if (!form.strict) return v.replace('#', ';');
        return `${form.reversible ? NAMESPACES[v.Uri] : v.Uri};${v.Name}`;
    case 'StatusCode': return status(v, form);
    case 'LocalizedText':
        if (form.reversible) assert.equal(v.Locale, 'en');
        return form.reversible ? v.Text : v;
    case 'ExtensionObject':
        if (!form.reversible) return v;
        assert.deepEqual(v.TypeId, form.strict ? {Id: 884} : 'Range');
        assert.equal(v.Encoding, form.strict ? undefined : 'Json');
        return v.Body;
    default: return v;
    }
}

function status(v, form) {
    if (form.rules) {
        assert.deepEqual(Object.keys(v), form.rules === 'Verbose' ? ['Code', 'Symbol'] : ['Code']);
        return v.Code;
    }
    if (form.strict && form.reversible) {
        assert.equal(typeof v, 'number');
        return v;
    }
    assert.match(v.Symbol, /^(Bad|Uncertain|Good)/);
    return v.Code;
}

const shape = (flat, dims) => dims.length < 2 ? flat
    : Array.from({length: dims[0]}, (_, i) => shape(flat.slice(i * flat.length / dims[0], (i + 1) * flat.length / dims[0]), dims.slice(1)));

const each = (type, v, form) => Array.isArray(v) ? v.map(e => each(type, e, form)) : plain(type, v, form);

function variant(type, v, form) {
    if (form.rules && form.mode.fields !== RAW) { // UaType and Dimensions stand beside the value
        assert.equal(v.UaType, type);
        const flat = each(type, v.Value, form);
        return v.Dimensions ? shape(flat, v.Dimensions) : flat;
    }
    if (!form.reversible || v === null) return each(type, v, form);
    assert.equal(v.Type, form.strict ? type : TYPES[type]);
    const body = each(type, v.Body, form);
    return v.Dimensions ? shape(body, v.Dimensions) : body;
}

function dataValue(name, v, form, {event, times = true} = {}) {
    const want = named[name];
    if (form.mode.fields === RAW) {
        assert.deepEqual(variant(want.type, v, form), want.value, name);
        return;
    }
    const known = ['Value', 'StatusCode', 'SourceTimestamp', 'ServerTimestamp', ...form.rules ? ['UaType', 'Dimensions'] : []];
    assert.deepEqual(Object.keys(v).filter(k => !known.includes(k)), [], name);
    if (want.value === null) assert.equal('Value' in v, false);
    else assert.deepEqual(variant(want.type, form.rules ? v : v.Value, form), want.value, name);
    if (event) return;
    assert.equal('StatusCode' in v ? status(v.StatusCode, form) : 0, want.status, name);
    if (!times) return;
    assert.equal(ticks(v.SourceTimestamp), NOW + BigInt(want.number), name);
    if (form.mode.fields & 4) assert.equal(ticks(v.ServerTimestamp), NOW + 10000000n);
    else assert.equal(v.ServerTimestamp, undefined);
}

// ---- JSON messages ----

function payload(frame, fields, form) {
    assert.deepEqual(Object.keys(fields), FRAMES[frame][1]);
    const event = ['ua-event', 'ua-condition'].includes(FRAMES[frame][0]);
    for (const [name, v] of Object.entries(fields)) dataValue(name, v, form, {event});
}

function dataSetMessage(frame, m, form) {
    const {mode} = form;
    const kind = FRAMES[frame][0], event = ['ua-event', 'ua-condition'].includes(kind);
    const writer = event ? 'writer|BaseEventType' : 'writer';
    const want = Object.keys(HEAD).filter(k => mode.head & HEAD[k])
        .filter(k => form.strict || k !== 'DataSetWriterName').filter(k => form.strict || k !== 'DataSetWriterId');
    if (!form.strict) want.push('DataSetWriterId'); // the name, as in all documents
    if (kind !== 'ua-keepalive') want.push('Payload');
    assert.deepEqual(Object.keys(m).sort(), want.sort());
    assert.equal(m.MessageType, kind);
    assert.equal(m.SequenceNumber, frame + 1);
    assert.deepEqual(m.MetaDataVersion, {MajorVersion: 1, MinorVersion: 42});
    assert.ok(ticks(m.Timestamp) >= NOW + 20000000n);
    if (form.strict) assert.equal(m.DataSetWriterName, writer);
    if ('DataSetWriterId' in m) assert.equal(m.DataSetWriterId, form.strict ? 7 : writer);
    if (m.Payload) payload(frame, m.Payload, form);
}

function networkMessage(m, form) {
    const want = ['MessageId', 'MessageType', 'PublisherId', 'Messages'];
    if (!form.strict) want.push('DataSetWriterGroup');
    assert.deepEqual(Object.keys(m).sort(), want.sort());
    assert.match(m.MessageId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(m.MessageType, 'ua-data');
    assert.equal(m.PublisherId, 'publisher');
    if (!form.strict) assert.equal(m.DataSetWriterGroup, 'group');
    return m.Messages;
}

function samples(list, form) {
    assert.equal(list.length, FIELDS.length + 1);
    list.slice(0, -1).forEach((s, n) => {
        const want = ['NodeId', 'EndpointUrl', 'Value'];
        if (n % 2) want.push('DisplayName');
        if (form.mode.full) want.push('ApplicationUri', 'Timestamp', 'SequenceNumber', 'ExtensionFields');
        if (form.mode.full && n === 3) want.push('Heartbeat');
        assert.deepEqual(Object.keys(s).sort(), want.sort());
        assert.equal(s.NodeId, 'nsu=urn:machine;s=Pump');
        assert.equal(s.EndpointUrl, 'opc.tcp://plc:4840');
        if (form.mode.full) assert.equal(s.SequenceNumber, n + 1);
        dataValue(FIELDS[n][0], s.Value, form);
    });
    let event = list.at(-1).Value;
    if (form.reversible) {
        const type = 'http://microsoft.com/Industrial-IoT/OpcPublisher';
        assert.equal(event.Type, form.strict ? 22 : 'ExtensionObject');
        assert.deepEqual(event.Body.TypeId, form.strict ? {Id: 1, Namespace: type} : type + '#i=1');
        event = event.Body.Body;
    }
    assert.deepEqual(Object.keys(event), ['Int32', 'String']);
    for (const [name, v] of Object.entries(event)) assert.deepEqual(variant(named[name].type, v, form), named[name].value);
}

// All data set messages or payloads in the order in which they came.
function dataSets(lines, form) {
    const {mode} = form;
    const roots = lines.map(parse);
    if (mode.network && form.strict) return roots.flatMap(m => networkMessage(m, form));
    if (mode.network) { // an array of network messages with one data set message each
        return roots.flatMap(list => list.flatMap(m => {
            assert.equal(networkMessage(m, form).length, 1);
            return m.Messages;
        }));
    }
    if (!mode.single) return roots.flatMap(list => {
        assert.ok(Array.isArray(list));
        return list;
    });
    roots.forEach(m => assert.ok(!Array.isArray(m)));
    return roots;
}

function checkJson(file, mode, encoding, strict) {
    const form = {mode: MODES[mode], strict, reversible: encoding === 'JsonReversible', rules: {JsonCompact: 'Compact', JsonVerbose: 'Verbose'}[encoding]};
    const lines = linesOf(file);
    if (form.mode.samples) {
        samples(lines.flatMap(parse), form);
        return;
    }
    const all = dataSets(lines, form);
    assert.equal(all.length, FRAMES.length);
    all.forEach((m, frame) => form.mode.head ? dataSetMessage(frame, m, form) : payload(frame, m, form));
}

// ---- UADP ----

function checkFields(frame, set, raw) {
    const [kind, names] = FRAMES[frame];
    if (kind === 'ua-keepalive') {
        assert.equal(set.fields.length, 0);
        return;
    }
    assert.equal(set.fields.length, names.length);
    set.fields.forEach((f, n) => {
        const want = named[names[n]];
        if (kind === 'ua-deltaframe') assert.equal(f.index, want.number);
        if (raw && kind !== 'ua-event' && kind !== 'ua-condition') return; // their types are not in the message
        assert.equal(f.type ?? 0, want.type, names[n]);
        assert.deepEqual(f.value ?? null, want.value, names[n]);
        if (kind === 'ua-event' || kind === 'ua-condition') return;
        assert.equal(f.status ?? 0, want.status);
        assert.equal(f.source, NOW + BigInt(want.number));
        assert.equal(f.server, NOW + 10000000n);
    });
}

function checkSet(frame, set, mode) {
    const kind = FRAMES[frame][0] === 'ua-condition' ? 'ua-event' : FRAMES[frame][0];
    assert.equal(set.kind, kind);
    if (MODES[mode].head) {
        assert.equal(set.sequence, frame + 1);
        assert.deepEqual([set.major, set.minor], [1, 42]);
        assert.ok(set.timestamp >= NOW + 20000000n);
    }
    checkFields(frame, set, MODES[mode].fields === RAW);
}

function checkUadp(file, mode) {
    const raw = MODES[mode].fields === RAW;
    const rawTypes = FIELDS.map(f => ({type: f[1], array: Array.isArray(f[2]), matrix: f[0] === 'Matrix'}));
    const messages = linesOf(file).map(l => readUadp(Buffer.from(l, 'hex'), {namespaces: NAMESPACES, rawTypes}));
    for (const m of messages) {
        assert.equal(m.publisherId, MODES[mode].network ? 'publisher' : undefined);
        assert.equal(m.writerGroupId, MODES[mode].network ? 3 : undefined);
        if (MODES[mode].network) m.writerIds.forEach(id => assert.equal(id, 7));
    }
    const sets = messages.flatMap(m => m.dataSets);
    assert.equal(sets.length, FRAMES.length);
    if (!raw) sets.forEach((s, frame) => checkSet(frame, s, mode));
    else sets.forEach((s, frame) => s.kind === 'ua-keyframe' || checkSet(frame, s, mode));
}

function checkChunks() {
    const lines = linesOf('chunks.Uadp.txt').map(l => Buffer.from(l, 'hex'));
    lines.forEach(l => assert.ok(l.length <= 250));
    const messages = joinChunks(lines.map(l => readUadp(l, {namespaces: NAMESPACES})), {namespaces: NAMESPACES});
    const sets = messages.flatMap(m => m.dataSets);
    assert.equal(sets.length, FRAMES.length);
    sets.forEach((s, frame) => checkSet(frame, s, 'PubSub'));
}

function checkExtension() {
    const [m] = linesOf('extension.Json.txt').map(parse);
    for (const set of m.Messages) if (set.Payload) assert.deepEqual(set.Payload.AssetId, {Value: 5});
    const sets = linesOf('extension.Uadp.txt').flatMap(l => readUadp(Buffer.from(l, 'hex'), {namespaces: NAMESPACES}).dataSets);
    for (const set of sets.filter(s => s.kind !== 'ua-keepalive')) {
        const last = set.fields.at(-1);
        assert.deepEqual([last.type, last.value], [6, 5]);
        if (set.kind === 'ua-deltaframe') assert.equal(last.index, FIELDS.length);
    }
}

// Full messages: extension fields and the server are fields behind the others, in every frame that has any.
const DESCRIBED = [['AssetId', 6, 5], ['Line', 12, 'a'], ['EndpointUrl', 12, 'opc.tcp://plc:4840'], ['ApplicationUri', 12, 'urn:server']];

function checkDescribed(file) {
    const [, mode, encoding, kind] = file.split('.');
    const form = {mode: MODES[mode], strict: kind === 'strict', reversible: encoding === 'JsonReversible', rules: {JsonCompact: 'Compact'}[encoding]};
    if (encoding === 'Uadp') {
        const sets = linesOf(file).flatMap(l => readUadp(Buffer.from(l, 'hex'), {namespaces: NAMESPACES}).dataSets);
        assert.equal(sets.length, FRAMES.length);
        sets.forEach((set, frame) => {
            const described = set.kind === 'ua-keepalive' ? [] : set.fields.splice(-DESCRIBED.length);
            described.forEach((f, n) => assert.deepEqual([f.type, f.value], DESCRIBED[n].slice(1)));
            if (set.kind === 'ua-deltaframe') described.forEach((f, n) => assert.equal(f.index, FIELDS.length + n));
            checkSet(frame, set, mode);
        });
        return;
    }
    const lines = linesOf(file);
    if (form.mode.samples) {
        const all = lines.flatMap(parse);
        samples(all, form);
        for (const s of all)
            assert.deepEqual(s.ExtensionFields, {DataSetWriterId: 'writer', PublisherId: 'publisher', WriterGroupId: 'group', AssetId: 5, Line: 'a'});
        return;
    }
    dataSets(lines, form).forEach((m, frame) => {
        for (const [name, type, value] of m.Payload ? DESCRIBED : []) {
            const v = m.Payload[name];
            assert.deepEqual(variant(type, form.rules ? v : v.Value, form), value);
            delete m.Payload[name];
        }
        dataSetMessage(frame, m, form);
    });
}

// ---- metadata ----

const isId = (form, v, ns, id) => assert.deepEqual(v, ns === 0 ? form.none(id) : form.id(ns, id));

function checkMetadata(file, strict, rules) {
    const form = rules ? {none: id => `i=${id}`, id: (ns, id) => `nsu=${NAMESPACES[ns]};i=${id}`, name: n => `nsu=${NAMESPACES[2]};${n}`}
        : strict ? {none: id => ({Id: id}), id: (ns, id) => ({Id: id, Namespace: NAMESPACES[ns]}), name: n => ({Name: n, Uri: NAMESPACES[2]})}
        : {none: id => TYPES[id] ?? (id === 22 ? 'Structure' : id), id: (ns, id) => `${NAMESPACES[ns]}#i=${id}`, name: n => `${NAMESPACES[2]}#${n}`};
    const text = t => rules ? t.Text : t;
    const [m] = linesOf(file).map(parse);
    assert.deepEqual(Object.keys(m), ['MessageId', 'MessageType', 'PublisherId', 'DataSetWriterId', 'DataSetWriterGroup', 'MetaData', 'DataSetWriterName']);
    assert.deepEqual([m.MessageType, m.PublisherId, m.DataSetWriterId, m.DataSetWriterGroup, m.DataSetWriterName],
        ['ua-metadata', 'publisher', 7, 'group', 'writer']);
    const d = m.MetaData;
    assert.deepEqual(d.Namespaces, NAMESPACES.slice(1));
    assert.deepEqual([d.Name, d.ConfigurationVersion], ['pumps', {MajorVersion: 1, MinorVersion: 42}]);
    assert.deepEqual(d.Fields.map(f => [f.Name, text(f.Description), f.BuiltInType, f.ValueRank]),
        [['Pump', 'of the pump', 22, -1], ['State', 'of the pump', 6, -1], ['Pressures', 'of the pump', 11, 2]]);
    d.Fields.forEach((f, n) => isId(form, f.DataType, 2, 3001 + n));
    assert.deepEqual(d.Fields[2].ArrayDimensions, [2, 3]);
    assert.equal(d.Fields[0].DataSetFieldId, '00000001-0000-0000-0000-000000000000');
    const [structure] = d.StructureDataTypes, [states] = d.EnumDataTypes, [bar] = d.SimpleDataTypes;
    isId(form, structure.DataTypeId, 2, 3001);
    assert.deepEqual(structure.Name, form.name('PumpType'));
    assert.deepEqual(structure.StructureDefinition.Fields.map(f => f.Name), ['Low', 'State']);
    isId(form, structure.StructureDefinition.Fields[0].DataType, 0, 11);
    assert.deepEqual(states.EnumDefinition.Fields.map(f => f.Name), ['Off', 'On']);
    assert.equal(Number(states.EnumDefinition.Fields[1].Value), 1);
    assert.deepEqual([bar.Name, bar.BuiltInType], [form.name('Bar'), 11]);
}

function checkUadpMetadata(file) {
    const m = readUadp(Buffer.from(linesOf(file)[0], 'hex'), {namespaces: NAMESPACES});
    assert.deepEqual([m.publisherId, m.announcement.kind, m.announcement.writerId, m.announcement.status], ['publisher', 2, 7, 0]);
    const d = m.announcement.metadata;
    assert.deepEqual(d.namespaces, NAMESPACES.slice(1));
    assert.deepEqual(d.structures, [{id: 'urn:machine;i=3001', name: 'urn:machine;PumpType', base: 'i=22', encoding: 'urn:machine;i=5001', type: 0,
        fields: [['Low', 'i=11', -1], ['State', 'urn:machine;i=3002', -1]]}]);
    assert.deepEqual(d.enums, [{id: 'urn:machine;i=3002', name: 'urn:machine;StateType', fields: [[0, 'Off'], [1, 'On']], builtin: 6}]);
    assert.deepEqual(d.simples, [{id: 'urn:machine;i=3003', name: 'urn:machine;Bar', base: 'i=11', builtin: 11}]);
    assert.deepEqual(d.fields.map(f => [f.name, f.builtin, f.type, f.rank, f.dimensions]), [
        ['Pump', 22, 'urn:machine;i=3001', -1, []], ['State', 6, 'urn:machine;i=3002', -1, []], ['Pressures', 11, 'urn:machine;i=3003', 2, [2, 3]]]);
    assert.deepEqual([d.name, d.major, d.minor], ['pumps', 1, 42]);
}

// ---- all of them ----

let count = 0;
// ---- Avro ----

// Values stand in records of one field, "Value".
function bare(v) {
    if (Array.isArray(v)) return v.map(bare);
    if (v === null || typeof v !== 'object' || Buffer.isBuffer(v)) return v;
    const keys = Object.keys(v);
    return keys.length === 1 && keys[0] === 'Value' ? bare(v.Value) : Object.fromEntries(keys.map(k => [k, bare(v[k])]));
}

function plainAvro(name, v) {
    switch (name) {
    case 'Int64': return String(v);
    case 'UInt64': return String(BigInt(`0x${v.toString('hex')}`));
    case 'Float': return Math.fround(v);
    case 'DateTime': return v === ticks(named.DateTime.value) ? named.DateTime.value : v;
    case 'ByteString': return v.toString('base64');
    case 'NodeId': return `${v.Namespace};s=${v.Identifier}`;
    case 'QualifiedName': return `${v.Namespace};${v.Name}`;
    case 'StatusCode': return Number(v);
    case 'LocalizedText': return v.Text;
    case 'Matrix': {
        const [rows, columns] = v.Dimensions;
        return Array.from({length: rows}, (_, r) => v.Value.slice(r * columns, (r + 1) * columns));
    }
    default: return v;
    }
}

function checkAvroField(name, v, form, event) {
    const {value, status, number} = named[name];
    if (form.fields === RAW) {
        assert.deepStrictEqual(v === null ? null : plainAvro(name, v), value, name);
        return;
    }
    assert.deepStrictEqual(v.Value === null ? null : plainAvro(name, v.Value), value, name);
    assert.equal(Number(v.StatusCode), event ? 0 : status, name);
    assert.equal(v.SourceTimestamp, event ? 0n : NOW + BigInt(number), name);
    assert.equal(v.ServerTimestamp, event ? 0n : NOW + 10000000n, name);
}

function checkAvroSet(set, [type, there], n, form) {
    const event = type === 'ua-event' || type === 'ua-condition';
    if (form.head) {
        assert.deepEqual([set.MessageType, Number(set.SequenceNumber), set.DataSetWriterId], [type, n + 1, 7]);
        assert.equal(set.DataSetWriterName, event ? 'writer|BaseEventType' : 'writer');
        assert.deepEqual(set.MetaDataVersion, {MajorVersion: 1n, MinorVersion: 42n});
        const bad = event ? 0 : there.map(f => named[f].status).find(s => s !== 0) ?? 0;
        assert.equal(Number(set.Status), bad);
    }
    const payload = form.head ? set.Payload : set;
    assert.deepEqual(Object.keys(payload), FIELDS.map(f => f[0]));
    for (const [name] of FIELDS)
        if (there.includes(name)) checkAvroField(name, payload[name], form, event);
        else assert.ok(payload[name] === null || payload[name].Value === null, `${name} in ${type}`);
}

function checkAvro(file, mode) {
    const form = MODES[mode];
    const [schema, ...lines] = linesOf(file);
    const messages = lines.map(l => bare(readAvro(JSON.parse(schema), Buffer.from(l, 'hex'))));
    const sets = messages.flatMap(m => form.single ? m : m.Messages);
    if (form.network)
        assert.ok(messages.every(m => m.PublisherId === 'publisher' && m.DataSetWriterGroup === 'group' && m.MessageType === 'ua-data'));
    assert.equal(messages.length, form.single ? FRAMES.length : 1);
    assert.equal(sets.length, FRAMES.length);
    sets.forEach((set, n) => checkAvroSet(set, FRAMES[n], n, form));
}

for (const file of readdirSync(folder)) {
    const [mode, encoding, kind] = file.split('.');
    if (mode === 'described') {
        checkDescribed(file);
        count++;
    }
    if (!MODES[mode]) continue;
    try {
        if (encoding === 'Uadp') checkUadp(file, mode);
        else if (encoding === 'Avro') checkAvro(file, mode);
        else checkJson(file, mode, encoding, kind === 'strict');
    } catch (e) {
        console.error(file);
        throw e;
    }
    count++;
}
checkChunks();
checkExtension();
for (const strict of [true, false]) {
    const end = `${strict ? 'strict' : 'compatible'}.txt`;
    checkMetadata(`metadata.Json.${end}`, strict);
    checkMetadata(`metadata.JsonVerbose.${end}`, true, 'Verbose');
    checkUadpMetadata(`metadata.Uadp.${end}`);
}
assert.ok(count >= 67, `only ${count} files`);
console.log(`${count + 9} files read`);

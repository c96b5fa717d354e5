// node node_opcua_types.mjs FOLDER --port N: an OPC UA server of another make with all that values can be: node-opcua's
// address space for conformance tests, structures and enumerations of its own, matrices, a history and a file.
// Prints its URL in one line when it is ready; ends with SIGTERM.
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import conformance from 'node-opcua-address-space-for-conformance-testing';
import {OPCUACertificateManager} from 'node-opcua-certificate-manager';
import {DataType, DataValue, StatusCodes, Variant, VariantArrayType, resolveNodeId} from 'node-opcua-client';
import {OpaqueStructure} from 'node-opcua-extension-object';
import {nodesets} from 'node-opcua-nodesets';
import {OPCUAServer} from 'node-opcua-server';

const {values: options, positionals: [folder]} = parseArgs({
  allowPositionals: true,
  options: {port: {type: 'string', default: '0'}, host: {type: 'string', default: '127.0.0.1'}},
});

async function certificates(name) {
  const manager = new OPCUACertificateManager({rootFolder: path.join(folder, name), automaticallyAcceptUnknownCertificate: true});
  await manager.initialize();
  return manager;
}

const server = new OPCUAServer({
  host: options.host,
  hostname: options.host,
  port: Number(options.port),
  nodeset_filename: [nodesets.standard, fileURLToPath(new URL('node_opcua_types.xml', import.meta.url))],
  serverInfo: {applicationUri: 'urn:tests:types', productUri: 'urn:tests', applicationName: {text: 'types', locale: 'en'}},
  serverCertificateManager: await certificates('pki'),
  userCertificateManager: await certificates('users'),
});
await server.initialize();
const {addressSpace} = server.engine;
await conformance.build_address_space_for_conformance_testing(addressSpace, {mass_variable: false});

const space = addressSpace.getNamespace('urn:tests:types:data');
const own = space.addFolder(addressSpace.rootFolder.objects, {browseName: 'Own', nodeId: 's=Own'});

// ---- structures and enumerations ----

const [phase, point, recipe] = ['Phase', 'Point', 'Recipe'].map(name => space.findDataType(name));
const structure = (type, value) => addressSpace.constructExtensionObject(type, value);
space.addVariable({componentOf: own, browseName: 'Phase', nodeId: 's=Phase', dataType: phase.nodeId,
  value: new Variant({dataType: DataType.Int32, value: 1})});
space.addVariable({componentOf: own, browseName: 'Point', nodeId: 's=Point', dataType: point.nodeId,
  value: new Variant({dataType: DataType.ExtensionObject, value: structure(point, {x: 1.5, y: -2})})});
space.addVariable({componentOf: own, browseName: 'Recipe', nodeId: 's=Recipe', dataType: recipe.nodeId,
  value: new Variant({dataType: DataType.ExtensionObject, value: structure(recipe, {name: 'steel', phase: 2, ticks: [1, 2], flags: 7,
    steps: [1, -2, 3], origin: structure(point, {x: 1, y: 2}), path: [structure(point, {x: 3, y: 4}), structure(point, {x: 5, y: 6})]})})});
space.addVariable({componentOf: own, browseName: 'Points', nodeId: 's=Points', dataType: point.nodeId, valueRank: 1, arrayDimensions: [0],
  value: new Variant({dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value: [structure(point, {x: 1, y: 2}), structure(point, {x: 3, y: 4})]})});

const [choice, note, circle, drawing] = ['Choice', 'Note', 'Circle', 'Drawing'].map(name => space.findDataType(name));
const scalar = (name, type, value) => space.addVariable({componentOf: own, browseName: name, nodeId: `s=${name}`, dataType: type.nodeId,
  value: new Variant({dataType: DataType.ExtensionObject, value: structure(type, value)})});
scalar('Choice', choice, {where: structure(point, {x: 1, y: 2})});
scalar('Note', note, {id: 7, where: structure(point, {x: 3, y: 4})});
scalar('Drawing', drawing, {first: structure(circle, {label: 'a', radius: 1}), others: [structure(circle, {label: 'b', radius: 2})],
  choices: [structure(choice, {number: 5}), structure(choice, {text: 'five'})], note: structure(note, {id: 1, text: 'n'})});
space.addVariable({componentOf: own, browseName: 'Grid', nodeId: 's=Grid', dataType: point.nodeId, valueRank: 2, arrayDimensions: [2, 2],
  value: new Variant({dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Matrix, dimensions: [2, 2],
    value: [[1, 2], [3, 4], [5, 6], [7, 8]].map(([x, y]) => structure(point, {x, y}))})});
const mirrored = space.addMethod(own, {browseName: 'Mirror', nodeId: 's=Mirror',
  inputArguments: [{name: 'What', dataType: choice.nodeId}, {name: 'Points', dataType: point.nodeId, valueRank: 1}],
  outputArguments: [{name: 'What', dataType: choice.nodeId}, {name: 'Points', dataType: point.nodeId, valueRank: 1}]});
mirrored.bindMethod((given, _context, callback) => callback(null, {statusCode: StatusCodes.Good, outputArguments: given}));

// ---- a matrix in a structure, as it stands on the wire (Part 6, 5.2.5): the server's own library would take it for a list ----

const int32s = (...n) => Buffer.from(Int32Array.from(n).buffer);
const sheet = Buffer.concat([int32s(1), Buffer.from('s'), int32s(2, 2, 3, 1, 2, 3, 4, 5, 6), Buffer.from([9])]);
const sheets = space.addVariable({componentOf: own, browseName: 'Sheet', nodeId: 's=Sheet', dataType: space.findDataType('Sheet').nodeId});
sheets.readValue = () => new DataValue({statusCode: StatusCodes.Good, sourceTimestamp: new Date(),
  value: {dataType: DataType.ExtensionObject, value: new OpaqueStructure(resolveNodeId(`ns=${space.index};i=91`), sheet)}});
sheets.readValueAsync = async () => sheets.readValue();

// ---- an event with a structure in it, twice a second ----

const found = space.addEventType({browseName: 'FoundEventType', nodeId: 's=FoundEventType', subtypeOf: 'BaseEventType'});
space.addVariable({propertyOf: found, browseName: 'Where', dataType: point.nodeId, modellingRule: 'Mandatory',
  value: new Variant({dataType: DataType.ExtensionObject, value: structure(point, {x: 0, y: 0})})});
setInterval(() => addressSpace.rootFolder.objects.server.raiseEvent(found, {
  message: {dataType: DataType.LocalizedText, value: {text: 'found'}},
  severity: {dataType: DataType.UInt16, value: 500},
  where: {dataType: DataType.ExtensionObject, value: structure(point, {x: 7, y: 8})},
}), 500).unref();

// ---- matrices ----

space.addVariable({componentOf: own, browseName: 'Matrix', nodeId: 's=Matrix', dataType: 'Double', valueRank: 2, arrayDimensions: [2, 3],
  value: new Variant({dataType: DataType.Double, arrayType: VariantArrayType.Matrix, dimensions: [2, 3], value: Float64Array.from([1, 2, 3, 4, 5, 6])})});
space.addVariable({componentOf: own, browseName: 'Cube', nodeId: 's=Cube', dataType: 'Int32', valueRank: 3, arrayDimensions: [2, 2, 2],
  value: new Variant({dataType: DataType.Int32, arrayType: VariantArrayType.Matrix, dimensions: [2, 2, 2], value: Int32Array.from([1, 2, 3, 4, 5, 6, 7, 8])})});

// ---- a history: one value a second of a minute, 0 to 59; in the future, for times only go up ----

const kept = space.addVariable({componentOf: own, browseName: 'Kept', nodeId: 's=Kept', dataType: 'Double',
  value: new Variant({dataType: DataType.Double, value: 0})});
addressSpace.installHistoricalDataNode(kept, {maxOnlineValues: 1000});
const began = Date.UTC(2100, 0, 1);
for (let i = 0; i < 60; i++)
  kept.setValueFromSource({dataType: DataType.Double, value: i}, StatusCodes.Good, new Date(began + 1000 * i));

// ---- a directory with a file: what Part 20 wants of them ----

const directories = space.addObject({organizedBy: own, browseName: 'Files', nodeId: 's=Files', typeDefinition: 'FileDirectoryType'});
function addFile(parent, name, content) {
  const file = space.addObject({componentOf: parent, browseName: name, nodeId: `s=File-${name}`, typeDefinition: 'FileType'});
  const state = {bytes: Buffer.from(content), open: new Map(), next: 1};
  const property = (browseName, dataType, get) => space.addVariable({propertyOf: file, browseName: {name: browseName, namespaceIndex: 0}, dataType,
    minimumSamplingInterval: 1000,
    value: {get: () => new Variant({dataType: DataType[dataType], arrayType: VariantArrayType.Scalar, value: get()})}});
  property('Size', 'UInt64', () => [0, state.bytes.length]);
  property('Writable', 'Boolean', () => true);
  property('OpenCount', 'UInt16', () => state.open.size);
  const method = (browseName, inputs, outputs, run) => space.addMethod(file, {browseName: {name: browseName, namespaceIndex: 0},
    inputArguments: inputs.map(([name, dataType]) => ({name, dataType: DataType[dataType]})),
    outputArguments: outputs.map(([name, dataType]) => ({name, dataType: DataType[dataType]}))})
      .bindMethod((given, _context, callback) => {
        try {
          callback(null, {statusCode: StatusCodes.Good, outputArguments: run(...given.map(v => v.value))});
        } catch (e) {
          callback(null, {statusCode: StatusCodes[e.message] ?? StatusCodes.BadInternalError, outputArguments: []});
        }
      });
  const known = handle => state.open.get(handle) ?? (() => { throw new Error('BadInvalidArgument'); })();
  method('Open', [['Mode', 'Byte']], [['FileHandle', 'UInt32']], mode => {
    if (mode & 4)
      state.bytes = Buffer.alloc(0);
    const handle = state.next++;
    state.open.set(handle, {at: mode & 8 ? state.bytes.length : 0, mode});
    return [{dataType: DataType.UInt32, value: handle}];
  });
  method('Close', [['FileHandle', 'UInt32']], [], handle => { known(handle); state.open.delete(handle); return []; });
  method('Read', [['FileHandle', 'UInt32'], ['Length', 'Int32']], [['Data', 'ByteString']], (handle, length) => {
    const o = known(handle);
    const value = state.bytes.subarray(o.at, o.at + length);
    o.at += value.length;
    return [{dataType: DataType.ByteString, value}];
  });
  method('Write', [['FileHandle', 'UInt32'], ['Data', 'ByteString']], [], (handle, data) => {
    const o = known(handle);
    state.bytes = Buffer.concat([state.bytes.subarray(0, o.at), data, state.bytes.subarray(o.at + data.length)]);
    o.at += data.length;
    return [];
  });
  return file;
}
addFile(directories, 'log.txt', 'line\n'.repeat(50000));

// What a directory deletes is gone from it. A file may hang elsewhere, too, where nobody can delete it: first of all, so that
// the directory is not the first of its parents.
const shelf = space.addFolder(own, {browseName: 'Shelf', nodeId: 's=Shelf'});
const shelved = addFile(shelf, 'shelved.txt', 'shelved');
directories.addReference({referenceType: 'HasComponent', isForward: true, nodeId: shelved.nodeId});
space.addMethod(directories, {browseName: {name: 'Delete', namespaceIndex: 0}, inputArguments: [{name: 'ObjectToDelete', dataType: DataType.NodeId}],
  outputArguments: []}).bindMethod((given, _context, callback) => {
  const file = addressSpace.findNode(given[0].value);
  const inside = file && directories.findReferences('HasComponent', true).some(r => r.nodeId.toString() === file.nodeId.toString());
  if (inside)
    addressSpace.deleteNode(file);
  callback(null, {statusCode: inside ? StatusCodes.Good : StatusCodes.BadNotFound, outputArguments: []});
});

const make = (browseName, inputs, outputs, run) => (directories.getComponentByName(browseName, 0) ??
  space.addMethod(directories, {browseName: {name: browseName, namespaceIndex: 0},
    inputArguments: inputs.map(([name, dataType]) => ({name, dataType: DataType[dataType]})),
    outputArguments: outputs.map(([name, dataType]) => ({name, dataType: DataType[dataType]}))})).bindMethod((given, _context, callback) => {
  const name = given[0].value, there = directories.getComponents().some(c => c.browseName.name === name);
  callback(null, {statusCode: there ? StatusCodes.BadBrowseNameDuplicated : StatusCodes.Good, outputArguments: there ? [] : run(name)});
});
make('CreateFile', [['FileName', 'String'], ['RequestFileOpen', 'Boolean']], [['FileNodeId', 'NodeId'], ['FileHandle', 'UInt32']],
  name => [{dataType: DataType.NodeId, value: addFile(directories, name, '').nodeId}, {dataType: DataType.UInt32, value: 0}]);
make('CreateDirectory', [['DirectoryName', 'String']], [['DirectoryNodeId', 'NodeId']],
  name => [{dataType: DataType.NodeId, value: space.addObject({componentOf: directories, browseName: name, nodeId: `s=Directory-${name}`, typeDefinition: 'FileDirectoryType'}).nodeId}]);

await server.start();
console.log(`opc.tcp://${options.host}:${server.endpoints[0].port}`);
process.once('SIGTERM', async () => {
  await server.shutdown(0);
  process.exit(0);
});

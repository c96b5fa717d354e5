// Web of Things connectivity (OPC 10100-1) for node_opcua_server.mjs: assets are made by name, a Thing Description in their
// file gives them a variable for each property, which goes up by one a change. Each asset's variables have a namespace of
// their own, which is added when it is first described. FOLDER keeps the descriptions: after a restart the assets are there.
//
// A thing whose base is "slow://…" has its variables half a second after CloseAndUpdate, as a server has that begins anew.
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {AccessLevelFlag, DataType, StatusCodes, Variant, VariantArrayType} from 'node-opcua-client';

const WOT = 'http://opcfoundation.org/UA/WoT-Con/';
const WRITE = 2, ERASE = 4;

export function addAssets(addressSpace, folder) {
  const wot = addressSpace.registerNamespace(WOT);
  const own = addressSpace.getOwnNamespace();
  const files = path.join(folder, 'assets');
  mkdirSync(files, {recursive: true});

  const component = wot.addReferenceType({browseName: 'HasWoTComponent', inverseName: 'WoTComponentOf', nodeId: 'i=142', subtypeOf: 'HasComponent'});
  const fileType = wot.addObjectType({browseName: 'WoTAssetFileType', nodeId: 'i=110', subtypeOf: 'FileType'});
  wot.addMethod(fileType, {browseName: 'CloseAndUpdate', nodeId: 'i=111', modellingRule: 'Mandatory', outputArguments: [],
    inputArguments: [{name: 'FileHandle', dataType: DataType.UInt32, description: {text: 'of Open'}}]});
  const configurationType = wot.addObjectType({browseName: 'WoTAssetConfigurationType', nodeId: 'i=105', subtypeOf: 'BaseObjectType'});
  const place = wot.addObject({organizedBy: addressSpace.rootFolder.objects, browseName: 'WoTAssetConnectionManagement', nodeId: 'i=31'});
  const configuration = configurationType.instantiate({browseName: 'Configuration', componentOf: place});
  wot.addVariable({propertyOf: configuration, browseName: 'License', dataType: 'String', value: new Variant({dataType: DataType.String, value: 'none'})});

  const assets = new Map(); // by name: {node, variables, file}
  const good = (...outputArguments) => ({statusCode: StatusCodes.Good, outputArguments});
  const bind = (method, run) => method.bindMethod((inputs, context, callback) => {
    try {
      callback(null, run(...inputs.map(i => i.value)));
    } catch (e) {
      if (!StatusCodes[e.message])
        console.error(e);
      callback(null, {statusCode: StatusCodes[e.message] ?? StatusCodes.BadUnexpectedError, outputArguments: []});
    }
  });
  const fail = name => {
    throw Error(name);
  };

  // ---- what a description makes of an asset ----

  function read(bytes) {
    try {
      const thing = JSON.parse(bytes);
      return thing['@context'] && typeof thing.properties === 'object' ? thing : fail('BadDecodingError');
    } catch {
      fail('BadDecodingError');
    }
  }

  function build(asset, thing) {
    const space = addressSpace.registerNamespace(`http://opcfoundation.org/UA/${asset.name}/`);
    addressSpace.findNode('i=2255').bindVariable({get: () => new Variant({dataType: DataType.String, arrayType: VariantArrayType.Array,
      value: addressSpace.getNamespaceArray().map(n => n.namespaceUri)})}, true); // node-opcua tells what it had at its start
    for (const [name, variable] of asset.variables)
      if (!(name in thing.properties)) {
        addressSpace.deleteNode(variable);
        asset.variables.delete(name);
      }
    for (const name of Object.keys(thing.properties)) {
      if (asset.variables.has(name))
        continue;
      const variable = space.addVariable({browseName: name, nodeId: `s=${name}`, dataType: 'Double', minimumSamplingInterval: 0,
        accessLevel: AccessLevelFlag.CurrentRead, value: new Variant({dataType: DataType.Double, value: 0})});
      asset.node.addReference({referenceType: component, nodeId: variable});
      asset.variables.set(name, variable);
    }
  }

  // ---- its file ----

  function addFile(asset) {
    const node = fileType.instantiate({browseName: {name: 'WoTFile', namespaceIndex: wot.index}, componentOf: asset.node});
    const method = name => node.getMethodByName(name);
    const open = new Map();
    let handles = 0;
    const of = handle => open.get(handle) ?? fail('BadInvalidArgument');
    bind(method('Open'), mode => {
      if (mode & WRITE && [...open.values()].some(o => o.mode & WRITE))
        fail('BadInvalidState');
      open.set(++handles, {mode, at: 0, bytes: mode & ERASE || !existsSync(asset.path) ? Buffer.alloc(0) : readFileSync(asset.path)});
      return good({dataType: DataType.UInt32, value: handles});
    });
    bind(method('Read'), (handle, length) => {
      const o = of(handle);
      const value = o.bytes.subarray(o.at, o.at + length);
      o.at += value.length;
      return good({dataType: DataType.ByteString, value});
    });
    bind(method('Write'), (handle, bytes) => {
      const o = of(handle);
      o.bytes = Buffer.concat([o.bytes, bytes]);
      return good();
    });
    bind(method('Close'), handle => {
      of(handle);
      open.delete(handle);
      return good();
    });
    bind(method('CloseAndUpdate'), handle => {
      const {bytes} = of(handle);
      open.delete(handle);
      const thing = read(bytes);
      writeFileSync(asset.path, bytes);
      if (thing.base?.startsWith('slow:'))
        setTimeout(() => assets.get(asset.name) === asset && build(asset, thing), 500);
      else
        build(asset, thing);
      return good();
    });
    for (const name of ['GetPosition', 'SetPosition'])
      bind(method(name), () => fail('BadNotSupported'));
  }

  function add(name) {
    const asset = {name, variables: new Map(), path: path.join(files, `${encodeURIComponent(name)}.jsonld`),
      node: own.addObject({componentOf: place, browseName: name, nodeId: `s=${name}`})};
    assets.set(name, asset);
    addFile(asset);
    return asset;
  }

  // ---- all of them ----

  bind(wot.addMethod(place, {browseName: 'CreateAsset', nodeId: 'i=32',
    inputArguments: [{name: 'AssetName', dataType: DataType.String, description: {text: 'of the asset'}}],
    outputArguments: [{name: 'AssetId', dataType: DataType.NodeId, description: {text: 'its object'}}]}),
  name => good({dataType: DataType.NodeId, value: assets.has(name) ? fail('BadBrowseNameDuplicated') : add(name).node.nodeId}));

  bind(wot.addMethod(place, {browseName: 'DeleteAsset', nodeId: 'i=35', outputArguments: [],
    inputArguments: [{name: 'AssetId', dataType: DataType.NodeId, description: {text: 'its object'}}]}), id => {
    const asset = [...assets.values()].find(a => a.node.nodeId.toString() === id.toString()) ?? fail('BadNodeIdUnknown');
    for (const variable of asset.variables.values())
      addressSpace.deleteNode(variable);
    addressSpace.deleteNode(asset.node);
    assets.delete(asset.name);
    rmSync(asset.path, {force: true});
    return good();
  });

  for (const name of readdirSync(files)) {
    const asset = add(decodeURIComponent(name.slice(0, -'.jsonld'.length)));
    build(asset, read(readFileSync(asset.path)));
  }

  let count = 0;
  return () => {
    count++;
    for (const a of assets.values())
      for (const v of a.variables.values())
        v.setValueFromSource({dataType: DataType.Double, value: count});
  };
}

// node node_opcua_browse.mjs FOLDER --port N: an OPC UA server of another make, for the tests of browsing: a small address space
// in which each reference is there for a reason. "Asked" has what it was asked about browsing, the last 200 requests, and with
// which languages sessions were opened; "Most" how many nodes a call of each service had at most; both as JSON.
//
//   --limit N   nodes of one service call, of each service (0: no limit)
//   --wide N    variables below "Wide" (25)
//   --forgets   a place to go on from is never known any more: BrowseNext has BadNoContinuationPoints
//
// Prints its URL in one line when it is ready; ends with SIGTERM.
import path from 'node:path';
import {parseArgs} from 'node:util';
import {OPCUACertificateManager} from 'node-opcua-certificate-manager';
import {DataType, StatusCodes, Variant} from 'node-opcua-client';
import {OPCUAServer} from 'node-opcua-server';
import {BrowseNextResponse} from 'node-opcua-types';

const {values: options, positionals: [folder]} = parseArgs({
  allowPositionals: true,
  options: {port: {type: 'string', default: '0'}, limit: {type: 'string', default: '0'}, wide: {type: 'string', default: '25'},
    forgets: {type: 'boolean', default: false}},
});

async function certificates(name) {
  const manager = new OPCUACertificateManager({rootFolder: path.join(folder, name), automaticallyAcceptUnknownCertificate: true});
  await manager.initialize();
  return manager;
}

const limit = Number(options.limit);
const server = new OPCUAServer({
  host: '127.0.0.1',
  hostname: '127.0.0.1',
  port: Number(options.port),
  serverInfo: {applicationUri: 'urn:tests:browse', productUri: 'urn:tests', applicationName: {text: 'browse', locale: 'en'}},
  serverCertificateManager: await certificates('pki'),
  userCertificateManager: await certificates('users'),
  serverCapabilities: {operationLimits: Object.fromEntries(['Read', 'Write', 'MethodCall', 'Browse', 'RegisterNodes', 'TranslateBrowsePathsToNodeIds', 'NodeManagement']
      .map(x => [`maxNodesPer${x}`, limit]))},
});
await server.initialize();
const {addressSpace} = server.engine;
const space = addressSpace.registerNamespace('urn:tests:tree');
const number = (parent, name, value, more = {}) => space.addVariable({...parent, browseName: name, nodeId: `s=${name}`, dataType: 'Double',
  value: new Variant({dataType: DataType.Double, value}), ...more});

// ---- what each flag needs ----

// Delivers is an Organizes; Oil is organized and delivered; Pump is a component, Run its method, Unit a property, Motor below Pump.
const delivers = space.addReferenceType({browseName: 'Delivers', inverseName: {text: 'DeliveredBy'}, subtypeOf: 'Organizes'});
const top = space.addFolder(addressSpace.rootFolder.objects, {browseName: 'Top', nodeId: 's=Top'});
const oil = number({organizedBy: top}, 'Oil', 1.5);
const gas = number({}, 'Gas', 2.5);
for (const target of [oil, gas])
  top.addReference({referenceType: delivers.nodeId, isForward: true, nodeId: target.nodeId});
const pump = space.addObject({componentOf: top, browseName: 'Pump', nodeId: 's=Pump'});
number({componentOf: pump}, 'Motor', 3.5);
number({propertyOf: top}, 'Unit', 4.5);
space.addMethod(pump, {browseName: 'Run', nodeId: 's=Run', inputArguments: [{name: 'n', dataType: DataType.Int32}],
  outputArguments: [{name: 'twice', dataType: DataType.Int32}]}).bindMethod((given, _context, callback) => {
  callback(null, {statusCode: StatusCodes.Good, outputArguments: [{dataType: DataType.Int32, value: 2 * given[0].value}]});
});
const wide = space.addFolder(addressSpace.rootFolder.objects, {browseName: 'Wide', nodeId: 's=Wide'});
for (let i = 0; i < Number(options.wide); i++)
  number({organizedBy: wide}, `Wide${i}`, i);
space.addView({browseName: 'View', nodeId: 's=View', organizedBy: addressSpace.rootFolder.views});

// ---- what was asked ----

const asked = [];
const most = {};
let count = 0; // of all, also of those that are no longer there
const remember = what => {
  asked.push({...what, number: ++count});
  asked.splice(0, asked.length - 200);
};
server.on('request', request => {
  const {name} = request.schema;
  const nodes = request.nodesToBrowse ?? request.nodesToRead ?? request.nodesToWrite ?? request.methodsToCall ?? request.browsePaths;
  if (nodes)
    most[name] = Math.max(most[name] ?? 0, nodes.length);
  if (name === 'BrowseRequest')
    remember({name, nodes: nodes.length, node: nodes[0]?.nodeId.toString(), direction: nodes[0]?.browseDirection, max: request.requestedMaxReferencesPerNode,
      view: request.view && {id: request.view.viewId.toString(), version: request.view.viewVersion, timestamp: request.view.timestamp}});
  else if (name === 'BrowseNextRequest')
    remember({name, points: request.continuationPoints.length, release: request.releaseContinuationPoints});
  else if (name === 'ActivateSessionRequest')
    remember({name, locales: request.localeIds});
});
for (const [name, what] of Object.entries({Asked: asked, Most: most}))
  space.addVariable({organizedBy: addressSpace.rootFolder.objects, browseName: name, nodeId: `s=${name}`, dataType: 'String', minimumSamplingInterval: 100,
    value: {get: () => new Variant({dataType: DataType.String, value: JSON.stringify(what)})}});

const next = server._on_BrowseNextRequest.bind(server);
server._on_BrowseNextRequest = (message, channel) => !options.forgets || message.request.releaseContinuationPoints ? next(message, channel) :
  server._apply_on_SessionObject(BrowseNextResponse, message, channel, (_session, send) => send(new BrowseNextResponse({
    results: message.request.continuationPoints.map(() => ({statusCode: StatusCodes.BadNoContinuationPoints}))})));

await server.start();
console.log(`opc.tcp://127.0.0.1:${server.endpoints[0].port}`);
process.once('SIGTERM', async () => {
  await server.shutdown(0);
  process.exit(0);
});

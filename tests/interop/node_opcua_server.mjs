// node node_opcua_server.mjs FOLDER: an OPC UA server of another make, for the tests. Ends with SIGTERM.
//
//   --host ADDRESS      to listen on, and in its endpoints' URLs (127.0.0.1)
//   --port N            (0: any free one)
//   --counters N        Load1, Load2, …: each goes up by exactly one a change (10)
//   --interval MS       between two changes (100)
//   --first N           what the counters begin with (0)
//   --user, --password  who may come in beside the anonymous
//   --no-anonymous      nobody else may
//   --knows URL         a server that registered with it, as with a local discovery server: FindServers names it
//   --neighbour URL     one on its network: FindServersOnNetwork names it
//   --uri URI           its application
//   --partner URI=URL   another server that stands in for it (non-transparent redundancy, hot)
//   --reverse URL       of a client, to which it connects
//   --assets            it has Web of Things connectivity: node_opcua_assets.mjs
//
// Requests of each service are counted in variables of their name: "Read", "RegisterNodes", …; what monitored items and
// subscriptions were asked for is in "Items", "Modified" and "Subscriptions".
// SIGUSR2 makes it forget its sessions with their subscriptions, as a restart does; its history stays.
//
// Anonymous users may use the endpoint without security, and all may use every other policy, signed, and encrypted.
// Users with a certificate are let in, whatever it is.
// It prints its URL in one line when it is ready. FOLDER keeps its certificates, so that it is the
// same one after a restart.
import path from 'node:path';
import {parseArgs} from 'node:util';
import {OPCUACertificateManager} from 'node-opcua-certificate-manager';
import {DataType, MessageSecurityMode, SecurityPolicy, StatusCodes, Variant, VariantArrayType} from 'node-opcua-client';
import {OPCUAServer} from 'node-opcua-server';
import {ApplicationDescription, ApplicationType, FindServersOnNetworkResponse} from 'node-opcua-types';
import {addAssets} from './node_opcua_assets.mjs';

const NAMESPACE = 'urn:tests:factory';
const {values: options, positionals: [folder]} = parseArgs({
  allowPositionals: true,
  options: {
    host: {type: 'string', default: '127.0.0.1'},
    port: {type: 'string', default: '0'},
    counters: {type: 'string', default: '10'},
    interval: {type: 'string', default: '100'},
    first: {type: 'string', default: '0'},
    user: {type: 'string'},
    password: {type: 'string'},
    'no-anonymous': {type: 'boolean', default: false},
    knows: {type: 'string'},
    neighbour: {type: 'string'},
    uri: {type: 'string', default: 'urn:tests:node-opcua'},
    partner: {type: 'string'},
    reverse: {type: 'string'},
    assets: {type: 'boolean', default: false},
  },
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
  maxConnectionsPerEndpoint: 100,
  serverCapabilities: {maxSessions: 100},
  allowAnonymous: !options['no-anonymous'],
  userManager: {isValidUser: (user, password) => user === options.user && password === options.password},
  securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
  securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
  serverInfo: {applicationUri: options.uri, productUri: 'urn:tests', applicationName: {text: 'node-opcua', locale: 'en'}},
  serverCertificateManager: await certificates('pki'),
  userCertificateManager: await certificates('users'),
  ...options.reverse ? {reverseConnect: {connections: [{endpointUrl: options.reverse}], reconnectDelay: 200, maxReconnectDelay: 500}} : {},
});
await server.initialize();

// ---- what it knows of others ----

if (options.knows) {
  const itself = server.getServers.bind(server);
  server.getServers = channel => [...itself(channel), new ApplicationDescription({applicationUri: 'urn:registered',
    applicationName: {text: 'registered'}, applicationType: ApplicationType.Server, discoveryUrls: [options.knows]})];
}
if (options.neighbour)
  server._on_FindServersOnNetworkRequest = (message, channel) => channel.send_response('MSG', new FindServersOnNetworkResponse({
    servers: [{recordId: 1, serverName: 'neighbour', discoveryUrl: options.neighbour, serverCapabilities: ['DA', 'HD']}]}), message, () => {});

const {addressSpace} = server.engine;
const space = addressSpace.registerNamespace(NAMESPACE);
const factory = space.addFolder(addressSpace.rootFolder.objects, {browseName: 'Factory', nodeId: 's=Factory'});

// ---- types of its own ----

const phase = space.createDataType({browseName: 'Phase', isAbstract: false, subtypeOf: 'Enumeration',
  partialDefinition: ['Idle', 'Heating', 'Done'].map((name, value) => ({name, value, displayName: {text: name}, description: {text: name}}))});
const recipe = space.createDataType({browseName: 'Recipe', isAbstract: false, subtypeOf: 'Structure', partialDefinition: [
  {name: 'Temperature', dataType: addressSpace.findDataType('Double').nodeId, valueRank: -1},
  {name: 'Phase', dataType: phase.nodeId, valueRank: -1},
]});
const bar = space.createDataType({browseName: 'Bar', isAbstract: false, subtypeOf: addressSpace.findDataType('Double')});
space.addVariable({componentOf: factory, browseName: 'Phase', nodeId: 's=Phase', dataType: phase.nodeId,
  description: 'what it is at', value: new Variant({dataType: DataType.Int32, value: 1})});
space.addVariable({componentOf: factory, browseName: 'Recipe', nodeId: 's=Recipe', dataType: recipe.nodeId});
space.addVariable({componentOf: factory, browseName: 'Pressure', nodeId: 's=Pressure', dataType: bar.nodeId,
  value: new Variant({dataType: DataType.Double, value: 1.5})});

// ---- counters ----

const load = space.addFolder(factory, {browseName: 'Load', nodeId: 's=Load'});
let count = Number(options.first);
const counters = Array.from({length: Number(options.counters)}, (_, i) => space.addVariable({
  componentOf: load, browseName: `Load${i + 1}`, nodeId: `s=Load${i + 1}`, dataType: 'UInt32', minimumSamplingInterval: 0,
  value: new Variant({dataType: DataType.UInt32, value: count}),
}));

for (const c of counters)
  addressSpace.installHistoricalDataNode(c, {maxOnlineValues: 100000});

const changeAssets = options.assets ? addAssets(addressSpace, folder) : () => {};

function change() {
  count++;
  changeAssets();
  for (const c of counters)
    c.setValueFromSource({dataType: DataType.UInt32, value: count});
}

// ---- variables of the scalar types, each named as its type; and arrays ----

const scalars = {
  Boolean: false, SByte: -1, Byte: 1, Int16: -2, UInt16: 2, Int32: -3, UInt32: 3, Int64: [0, 4], UInt64: [0, 4], Float: 0.5,
  Double: 0.25, String: 'text', DateTime: new Date('2024-01-02T03:04:05.678Z'), Guid: '72962B91-FA75-4AE6-8D28-B404DC7DAF63',
  ByteString: Buffer.from('bytes'), LocalizedText: {text: 'text', locale: 'en'}, QualifiedName: {name: 'name', namespaceIndex: 0},
};
const writable = space.addFolder(factory, {browseName: 'Writable', nodeId: 's=Writable'});
for (const [name, value] of Object.entries(scalars))
  space.addVariable({componentOf: writable, browseName: name, nodeId: `s=${name}`, dataType: name,
    value: new Variant({dataType: DataType[name], arrayType: VariantArrayType.Scalar, value})});
space.addVariable({componentOf: writable, browseName: 'Array', nodeId: 's=Array', dataType: 'Int32', valueRank: 1, arrayDimensions: [0],
  value: new Variant({dataType: DataType.Int32, arrayType: VariantArrayType.Array, value: [1, 2, 3]})});
space.addVariable({componentOf: writable, browseName: 'Constant', nodeId: 's=Constant', dataType: 'Int32', accessLevel: 'CurrentRead',
  userAccessLevel: 'CurrentRead', value: new Variant({dataType: DataType.Int32, value: 42})});

// ---- a method: sum and text of its arguments ----

const methods = space.addObject({organizedBy: factory, browseName: 'Methods', nodeId: 's=Methods'});
const add = space.addMethod(methods, {
  browseName: 'Add', nodeId: 's=Add',
  inputArguments: [
    {name: 'a', dataType: DataType.Int32, description: {text: 'the first'}},
    {name: 'b', dataType: DataType.Int32, description: {text: 'the second'}},
    {name: 'unit', dataType: DataType.String, description: {text: 'what is added'}},
  ],
  outputArguments: [
    {name: 'sum', dataType: DataType.Int32, description: {text: 'a + b'}},
    {name: 'text', dataType: DataType.String, description: {text: 'the sum with its unit'}},
  ],
});
add.bindMethod((inputs, _context, callback) => {
  const sum = inputs[0].value + inputs[1].value;
  callback(null, {statusCode: StatusCodes.Good, outputArguments: [
    {dataType: DataType.Int32, value: sum},
    {dataType: DataType.String, value: `${sum} ${inputs[2].value}`},
  ]});
});

// ---- a tank whose level may be written: its alarm is active beyond 100 and below 50, until somebody acknowledges it ----

addressSpace.installAlarmsAndConditionsService();
const tank = space.addObject({organizedBy: factory, browseName: 'Tank', nodeId: 's=Tank', notifierOf: addressSpace.rootFolder.objects.server});
const level = space.addVariable({componentOf: tank, browseName: 'Level', nodeId: 's=Level', dataType: 'Double', eventSourceOf: tank,
  value: new Variant({dataType: DataType.Double, value: 75})});
space.instantiateNonExclusiveLimitAlarm('NonExclusiveLimitAlarmType', {
  browseName: 'LevelAlarm', componentOf: tank, conditionSource: level, inputNode: level, conditionName: 'Level',
  highHighLimit: 200, highLimit: 100, lowLimit: 50, lowLowLimit: 10,
});

// ---- names that are not what they are called in the address space; a folder that grows ----

space.addVariable({componentOf: factory, browseName: 'Speed', displayName: 'Speed of the belt', nodeId: 's=Speed', dataType: 'Double',
  value: new Variant({dataType: DataType.Double, value: 2.5})});
const garden = space.addObject({organizedBy: factory, browseName: 'Garden', nodeId: 's=Garden', nodeVersion: '1'});
const grow = space.addMethod(methods, {browseName: 'Grow', nodeId: 's=Grow', outputArguments: [],
  inputArguments: [{name: 'name', dataType: DataType.String, description: {text: 'of the new variable'}}]});
grow.bindMethod((inputs, _context, callback) => {
  const [{value: name}] = inputs;
  addressSpace.modelChangeTransaction(() => space.addVariable({componentOf: garden, browseName: name, nodeId: `s=${name}`, dataType: 'Int32',
    value: new Variant({dataType: DataType.Int32, value: 0})}));
  callback(null, {statusCode: StatusCodes.Good, outputArguments: []});
});

// ---- what was asked of it ----

const requests = space.addFolder(factory, {browseName: 'Requests', nodeId: 's=Requests'});
for (const service of ['Read', 'RegisterNodes', 'TranslateBrowsePathsToNodeIds', 'CreateMonitoredItems', 'SetTriggering', 'CreateSubscription']) {
  let asked = 0;
  const variable = space.addVariable({componentOf: requests, browseName: service, nodeId: `s=${service}`, dataType: 'UInt32',
    value: new Variant({dataType: DataType.UInt32, value: 0})});
  server.on('request', request => {
    if (request.schema.name === `${service}Request`)
      variable.setValueFromSource({dataType: DataType.UInt32, value: ++asked});
  });
}

// ---- what monitored items and subscriptions were asked for, the last ones: JSON in "Items", "Modified", "Subscriptions" ----

const TOLD_MAX = 200;

function tell(name) {
  const all = [];
  const variable = space.addVariable({componentOf: factory, browseName: name, nodeId: `s=${name}`, dataType: 'String',
    value: new Variant({dataType: DataType.String, value: '[]'})});
  return one => {
    all.push(one);
    all.splice(0, all.length - TOLD_MAX);
    variable.setValueFromSource({dataType: DataType.String, value: JSON.stringify(all)});
  };
}

const [tellItem, tellModified, tellSubscription] = [tell('Items'), tell('Modified'), tell('Subscriptions')];
const parameters = p => ({sampling: p.samplingInterval, queue: p.queueSize, discardOldest: p.discardOldest,
  ...p.filter?.schema.name === 'DataChangeFilter' ? {trigger: p.filter.trigger, deadband: [p.filter.deadbandType, p.filter.deadbandValue]} : {}});
server.on('request', request => {
  if (request.schema.name === 'CreateSubscriptionRequest')
    tellSubscription({interval: request.requestedPublishingInterval, lifetime: request.requestedLifetimeCount,
      keepAlive: request.requestedMaxKeepAliveCount, priority: request.priority});
  for (const {itemToMonitor: item, requestedParameters: p} of request.schema.name === 'CreateMonitoredItemsRequest' ? request.itemsToCreate : [])
    tellItem({node: String(item.nodeId.value), attribute: item.attributeId, range: item.indexRange?.isEmpty() ? '' : String(item.indexRange), ...parameters(p)});
  for (const {requestedParameters: p} of request.schema.name === 'ModifyMonitoredItemsRequest' ? request.itemsToModify : [])
    tellModified(parameters(p));
});

// ---- another server that stands in for it; how well it is can be written ----

let wellness = 255;
space.addVariable({componentOf: factory, browseName: 'Wellness', nodeId: 's=Wellness', dataType: 'Byte', minimumSamplingInterval: 100, value: {
  get: () => new Variant({dataType: DataType.Byte, value: wellness}),
  set: v => {
    wellness = v.value;
    return StatusCodes.Good;
  },
}});
if (options.partner) {
  const at = options.partner.indexOf('=');
  const [uri, url] = [options.partner.slice(0, at), options.partner.slice(at + 1)];
  addressSpace.findNode('i=3709').setValueFromSource({dataType: DataType.Int32, value: 3});
  addressSpace.findNode('i=11314').setValueFromSource({dataType: DataType.String, arrayType: VariantArrayType.Array, value: [options.uri, uri]});
  addressSpace.findNode('i=2267').bindVariable({get: () => new Variant({dataType: DataType.Byte, value: wellness})}, true);
  const own = server.getServers.bind(server);
  server.getServers = channel => [...own(channel), new ApplicationDescription({applicationUri: uri, productUri: 'urn:tests',
    applicationName: {text: 'the other'}, applicationType: ApplicationType.Server, discoveryUrls: [url]})];
}

// ---- from start to end ----

await server.start();
const timer = setInterval(change, Number(options.interval));
console.log(`opc.tcp://${options.host}:${server.endpoints[0].port}`);
process.on('SIGUSR2', () => {
  for (const session of Object.values(server.engine._sessions))
    server.engine.closeSession(session.authenticationToken, true, 'Forcing');
});
process.once('SIGTERM', async () => {
  clearInterval(timer);
  await server.shutdown(0);
  process.exit(0);
});

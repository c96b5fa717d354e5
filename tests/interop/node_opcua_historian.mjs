// node node_opcua_historian.mjs FOLDER: a historian, for the tests: node-opcua has the wire and judges filters, the histories are here.
//
//   --port N    (0: any free one)
//   --page N    values or events of one answer (10)
//   --points N  continuation points that it keeps at once, after which it refuses (100)
//
// Below "Archive": "Line", a variable whose values are kept with what was changed of them; "Cell", an object whose events are
// kept. Both are read by page, and can be inserted, replaced, updated and deleted. "Points" says how many continuation points
// are open, "Released" how many were given back. It begins empty. Prints its URL in one line when it is ready; ends with SIGTERM.
import {randomBytes} from 'node:crypto';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {OPCUACertificateManager} from 'node-opcua-certificate-manager';
import {DataType, DataValue, NodeClass, StatusCodes, Variant, resolveNodeId} from 'node-opcua-client';
import {OPCUAServer} from 'node-opcua-server';
import {checkFilter} from 'node-opcua-service-filter';
import {HistoryReadResponse, HistoryUpdateResponse} from 'node-opcua-service-history';
import {DeleteAtTimeDetails, DeleteEventDetails, DeleteRawModifiedDetails, HistoryData, HistoryEvent, HistoryModifiedData, HistoryUpdateType, PerformUpdateType, ReadAtTimeDetails, ReadEventDetails,
  ReadProcessedDetails, ReadRawModifiedDetails, UpdateDataDetails, UpdateEventDetails} from 'node-opcua-types';

const {values: options, positionals: [folder]} = parseArgs({
  allowPositionals: true,
  options: {port: {type: 'string', default: '0'}, page: {type: 'string', default: '10'}, points: {type: 'string', default: '100'}},
});

async function certificates(name) {
  const manager = new OPCUACertificateManager({rootFolder: path.join(folder, name), automaticallyAcceptUnknownCertificate: true});
  await manager.initialize();
  return manager;
}

const server = new OPCUAServer({
  host: '127.0.0.1',
  hostname: '127.0.0.1',
  port: Number(options.port),
  serverInfo: {applicationUri: 'urn:tests:historian', productUri: 'urn:tests', applicationName: {text: 'historian', locale: 'en'}},
  serverCertificateManager: await certificates('pki'),
  userCertificateManager: await certificates('users'),
});
await server.initialize();
const {addressSpace} = server.engine;
const space = addressSpace.registerNamespace('urn:tests:archive');
const archive = space.addFolder(addressSpace.rootFolder.objects, {browseName: 'Archive', nodeId: 's=Archive'});
const both = 'CurrentRead | CurrentWrite | HistoryRead | HistoryWrite';
const line = space.addVariable({componentOf: archive, browseName: 'Line', nodeId: 's=Line', dataType: 'Double', historizing: true,
  accessLevel: both, userAccessLevel: both, value: new Variant({dataType: DataType.Double, value: 0})});
addressSpace.installHistoricalDataNode(line, {maxOnlineValues: 1}); // for how it says that it keeps one
const cell = space.addObject({organizedBy: archive, browseName: 'Cell', nodeId: 's=Cell', eventNotifier: 0x0d});
const count = (name, get) => space.addVariable({componentOf: archive, browseName: name, nodeId: `s=${name}`, dataType: 'UInt32',
  minimumSamplingInterval: 100, value: {get: () => new Variant({dataType: DataType.UInt32, value: get()})}});
const points = new Map();
let released = 0;
count('Points', () => points.size);
count('Released', () => released);

// ---- what is kept ----

const values = new Map();  // by time in ms
const modified = [];       // {time, value, info}: what was there before
const events = new Map();  // by EventId in hex: fields by name

const time = date => date && date.getTime() > Date.UTC(1601, 0, 1) ? date.getTime() : undefined; // the least time is none
const change = (at, updateType) => modified.push({time: at, value: values.get(at),
  info: {modificationTime: new Date(), updateType, userName: 'somebody'}});

// ---- reading ----

// Two of start, end and number say what is wanted; backwards where the start is the later one, or is not there (Part 11, 6.4.3).
function within(all, at, {startTime, endTime}) {
  const [start, end] = [time(startTime), time(endTime)];
  const back = start === undefined || (end !== undefined && end < start);
  const [low, high] = start === undefined ? [undefined, end] : back ? [end, start] : [start, end];
  const found = all.filter(x => (low === undefined || at(x) >= low) && (high === undefined || at(x) <= high) &&
    (start === undefined || end === undefined || start === end || at(x) !== end)); // the end is not in it
  found.sort((a, b) => at(a) - at(b));
  return back ? found.reverse() : found;
}

function raw(details) {
  if (details.isReadModified) {
    const found = within(modified, x => x.time, details);
    return {found, most: details.numValuesPerNode, wrap: list => new HistoryModifiedData({dataValues: list.map(x => x.value), modificationInfos: list.map(x => x.info)})};
  }
  return {found: within([...values.entries()], x => x[0], details), most: details.numValuesPerNode, wrap: list => new HistoryData({dataValues: list.map(x => x[1])})};
}

const atTimes = details => ({found: details.reqTimes, wrap: list => new HistoryData({dataValues: list.map(t =>
  values.get(t.getTime()) ?? new DataValue({statusCode: StatusCodes.BadNoData, sourceTimestamp: t}))})});

// The mean of each interval; the other aggregates are other servers'.
function processed(details) {
  const found = [];
  const end = details.endTime.getTime();
  for (let t = details.startTime.getTime(); t < end; t += details.processingInterval) {
    const inside = [...values.entries()].filter(([at]) => at >= t && at < t + details.processingInterval).map(([, v]) => v.value.value);
    found.push(new DataValue({sourceTimestamp: new Date(t), statusCode: inside.length ? StatusCodes.Good : StatusCodes.GoodNoData,
      value: new Variant(inside.length ? {dataType: DataType.Double, value: inside.reduce((a, b) => a + b) / inside.length} : {})}));
  }
  return {found, wrap: list => new HistoryData({dataValues: list})};
}

const field = (event, operand) => event[operand.browsePath.map(q => q.name).join('/')] ?? new Variant({});

// node-opcua's judge of filters asks for nodes; the fields of a kept event are such nodes to it.
const judge = event => ({
  eventSource: event.EventType.value,
  getNodeClass: id => typeof id.value === 'string' && id.namespace === 999 ? NodeClass.Variable : addressSpace.findNode(id)?.nodeClass ?? NodeClass.Unspecified,
  getTypeDefinition: () => null,
  isSubtypeOf: (type, base) => addressSpace.findEventType(type).isSubtypeOf(addressSpace.findEventType(base)),
  browsePath: p => resolveNodeId(`ns=999;s=${p.relativePath.elements.map(e => e.targetName.name).join('/')}`),
  readNodeValue: id => event[id.value] ?? new Variant({}),
});

function kept(details) {
  const fits = [...events.values()].filter(e => checkFilter(judge(e), details.filter.whereClause));
  return {found: within(fits, e => e.Time.value.getTime(), details), most: details.numValuesPerNode,
    wrap: list => new HistoryEvent({events: list.map(e => ({eventFields: details.filter.selectClauses.map(s => field(e, s))}))})};
}

function begin(node, details) {
  if (details instanceof ReadEventDetails)
    return node === cell.nodeId.toString() ? kept(details) : null;
  if (node !== line.nodeId.toString())
    return null;
  return details instanceof ReadRawModifiedDetails ? raw(details) : details instanceof ReadAtTimeDetails ? atTimes(details) :
    details instanceof ReadProcessedDetails ? processed(details) : null;
}

// As many as fit into one answer, and a continuation point for what is left. Where the client does not say both from when and
// until when, the number that it wants is all that it gets.
function read(node, details) {
  const key = node.continuationPoint?.toString('hex') ?? '';
  const reading = key ? points.get(key) : begin(node.nodeId.toString(), details);
  points.delete(key);
  if (!reading)
    return {statusCode: key ? StatusCodes.BadContinuationPointInvalid : StatusCodes.BadHistoryOperationUnsupported};
  if (!key && reading.most && !(time(details.startTime) && time(details.endTime)))
    reading.found.length = Math.min(reading.found.length, reading.most);
  const page = Math.min(Number(options.page), reading.most || Infinity);
  const list = reading.found.splice(0, page);
  const historyData = reading.wrap(list);
  const ended = reading.found.length === 0;
  if (!ended && points.size >= Number(options.points))
    return {statusCode: StatusCodes.BadNoContinuationPoints};
  const continuationPoint = ended ? undefined : randomBytes(8);
  if (continuationPoint)
    points.set(continuationPoint.toString('hex'), reading);
  return {statusCode: list.length ? StatusCodes.Good : StatusCodes.GoodNoData, historyData, continuationPoint};
}

server._on_HistoryReadRequest = (message, channel) => server._apply_on_SessionObject(HistoryReadResponse, message, channel, (_session, send) => {
  const {nodesToRead, historyReadDetails, releaseContinuationPoints} = message.request;
  send(new HistoryReadResponse({results: nodesToRead.map(n => {
    if (!releaseContinuationPoints)
      return read(n, historyReadDetails);
    released += points.delete(n.continuationPoint.toString('hex'));
    return {statusCode: StatusCodes.Good};
  })}));
});

// ---- changing ----

// Insert, Replace and Update (Part 11, 6.8.2): of what is there, and of what is not.
function put(how, there, set) {
  if (how === PerformUpdateType.Insert && there)
    return StatusCodes.BadEntryExists;
  if (how === PerformUpdateType.Replace && !there)
    return StatusCodes.BadNoEntryExists;
  set();
  return there ? StatusCodes.GoodEntryReplaced : StatusCodes.GoodEntryInserted;
}

function putEvent(how, filter, {eventFields}) {
  const event = Object.fromEntries(filter.selectClauses.map((s, i) => [s.browsePath.map(q => q.name).join('/'), eventFields[i]]));
  if (!event.Time?.value)
    return StatusCodes.BadInvalidArgument;
  event.EventId ??= new Variant({dataType: DataType.ByteString, value: randomBytes(16)});
  event.EventType ??= new Variant({dataType: DataType.NodeId, value: resolveNodeId('i=2041')});
  const id = event.EventId.value.toString('hex');
  return put(how, events.has(id), () => events.set(id, {...events.get(id), ...event}));
}

function remove(list, there, one) {
  return list.map(x => there(x) ? (one(x), StatusCodes.Good) : StatusCodes.BadNoEntryExists);
}

function update(d) {
  if (d instanceof UpdateDataDetails)
    return d.updateValues.map(v => {
      const at = v.sourceTimestamp.getTime();
      return put(d.performInsertReplace, values.has(at), () => {
        if (values.has(at))
          change(at, HistoryUpdateType.Replace);
        values.set(at, v);
      });
    });
  if (d instanceof UpdateEventDetails)
    return d.eventData.map(e => putEvent(d.performInsertReplace, d.filter, e));
  const drop = at => { change(at, HistoryUpdateType.Delete); values.delete(at); };
  if (d instanceof DeleteAtTimeDetails)
    return remove(d.reqTimes.map(t => t.getTime()), at => values.has(at), drop);
  if (d instanceof DeleteEventDetails)
    return remove(d.eventIds.map(id => id.toString('hex')), id => events.has(id), id => events.delete(id));
  if (d instanceof DeleteRawModifiedDetails && d.isDeleteModified) {
    const gone = new Set(within(modified, x => x.time, d));
    modified.splice(0, modified.length, ...modified.filter(x => !gone.has(x)));
    return [];
  }
  within([...values.keys()], x => x, d).forEach(drop);
  return [];
}

const changes = (message, channel) => server._apply_on_SessionObject(HistoryUpdateResponse, message, channel, (_session, send) =>
  send(new HistoryUpdateResponse({results: message.request.historyUpdateDetails.map(d => {
    const wanted = (d instanceof UpdateEventDetails || d instanceof DeleteEventDetails ? cell : line).nodeId.toString();
    return d.nodeId.toString() === wanted ? {statusCode: StatusCodes.Good, operationResults: update(d)} : {statusCode: StatusCodes.BadHistoryOperationUnsupported};
  })})));
server._on_HistoryUpdateRequest = server._on_HistoryUpdate = changes;

await server.start();
console.log(`opc.tcp://127.0.0.1:${server.endpoints[0].port}`);
process.once('SIGTERM', async () => {
  await server.shutdown(0);
  process.exit(0);
});

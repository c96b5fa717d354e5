// node twin_node.mjs OPC-UA-URL read|batch|browse|references SECONDS AT-ONCE NODES: the twin's peer, node-opcua's own client.
// read: single values, AT-ONCE of them under way; batch: NODES values in a call; browse: everything below the
// plant's folder of counters, each node's references and the attributes that nodes of its class have, but those
// that the reference to it told; references: the same without attributes. Prints one line of JSON.
import {createRequire} from 'node:module';
const require = createRequire(new URL('../tests/interop/package.json', import.meta.url));
const {AttributeIds, BrowseDirection, NodeClass, OPCUAClient} = require('node-opcua-client');

const [url, what, seconds, atOnce, nodes] = process.argv.slice(2);
const PER_CALL = 1000;
const client = OPCUAClient.create({endpointMustExist: false});
await client.connect(url);
const session = await client.createSession();
const space = (await session.readNamespaceArray()).indexOf('http://microsoft.com/Opc/OpcPlc/');
const id = n => `ns=${space};s=Load${n}`;
const value = n => ({nodeId: id(n), attributeId: AttributeIds.Value});
const list = Array.from({length: Number(nodes)}, (_, n) => value(n + 1));

// Calls `one` again and again, `atOnce` of it at once; what took how long.
async function load(one) {
  const times = [];
  const warm = performance.now() + 500, end = warm + Number(seconds) * 1000;
  await Promise.all(Array.from({length: Number(atOnce)}, async () => {
    for (let begun = performance.now(); begun < end;) {
      await one();
      const now = performance.now();
      if (begun > warm)
        times.push(now - begun);
      begun = now;
    }
  }));
  times.sort((a, b) => a - b);
  const at = p => times[Math.min(times.length - 1, Math.floor(times.length * p))];
  return {per_second: times.length / Number(seconds), p50_ms: at(0.5), p99_ms: at(0.99)};
}

async function references(ids) {
  const found = [];
  for (let at = 0; at < ids.length; at += PER_CALL) {
    let results = await session.browse(ids.slice(at, at + PER_CALL).map(nodeId => ({
      nodeId, browseDirection: BrowseDirection.Forward, referenceTypeId: 'HierarchicalReferences', includeSubtypes: true, nodeClassMask: 0, resultMask: 63,
    })));
    for (;;) {
      results.forEach(r => found.push(...r.references ?? []));
      const more = results.map(r => r.continuationPoint).filter(p => p?.length);
      if (more.length === 0)
        break;
      results = await session.browseNext(more, false);
    }
  }
  return found;
}

const A = AttributeIds;
const ALL = [A.Description, A.AccessRestrictions, A.WriteMask, A.UserWriteMask, A.RolePermissions, A.UserRolePermissions];
const OF_CLASS = {
  [NodeClass.Object]: [...ALL, A.EventNotifier],
  [NodeClass.Variable]: [...ALL, A.AccessLevel, A.UserAccessLevel, A.DataType, A.ValueRank, A.ArrayDimensions, A.Historizing, A.MinimumSamplingInterval],
};

async function attributes(found) {
  const list = found.flatMap(r => (OF_CLASS[r.nodeClass] ?? ALL).map(attributeId => ({nodeId: r.nodeId, attributeId})));
  let known = 0;
  for (let at = 0; at < list.length; at += PER_CALL)
    known += (await session.read(list.slice(at, at + PER_CALL))).length;
  if (known !== list.length)
    throw new Error(`${known} of ${list.length} attributes`);
}

async function browse(withAttributes) {
  const begun = performance.now(), seen = new Set();
  for (let level = [`ns=${space};s=Load`]; level.length > 0;) {
    const found = await references(level);
    if (withAttributes)
      await attributes(found);
    level = found.map(r => r.nodeId.toString()).filter(text => !seen.has(text) && seen.add(text));
  }
  return {per_second: seen.size / (performance.now() - begun) * 1000, nodes: seen.size};
}

let n = 0;
const got = what === 'read' ? await load(() => session.read(value(n++ % Number(nodes) + 1)))
    : what === 'batch' ? await load(() => session.read(list))
    : await browse(what === 'browse');
console.log(JSON.stringify(got));
await session.close();
await client.disconnect();

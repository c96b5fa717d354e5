#!/usr/bin/env python3
"""The discovery module on a small network of namespaces: silent hosts, refusing hosts, servers on odd ports, one that only
announces itself. All are found within the packet budget, which is counted on the wire; a cancelled scan is silent within
a second; a killed one goes on where it was."""
import os
import subprocess
import sys
import time

from networks_of_tests import REFUSING, SERVER, SILENT, Network, Packets, most_in_a_second, most_to_a_host
from platform_of_tests import MILLRACE, Folder, Hub, Program, free_port, run_tests, wait_for

KINDS = [SILENT] * 5 + [REFUSING] * 5 + [SERVER] * 3
PORTS = "4840-4849;48010-48019;62537-62546"
PORTS_OF_SERVERS = [4843, 48017, 62541]
RATE, HOST_RATE = 150, 20
INQUIRY_PACKETS = 30  # that asking a server is taken for: RUN_INQUIRY_PACKETS in src/discovery/run.h
LONG_SCAN = "1000-9999"
world = {"where": Folder("discovery")}


class Discovery(Program):
    def __init__(self, folder, hub, *more):
        key = hub.create_module("edge", "discovery")["authentication"]["symmetricKey"]["primaryKey"]
        self.health = free_port()
        super().__init__("discovery", folder, "--ca", hub.ca, "--pki", os.path.join(folder, "pki"), "--health.port", self.health,
                         "--scan.state", os.path.join(folder, "scans"), "--api.port", -1, *more,
                         environment={"EdgeHubConnectionString": f"HostName={hub.address};DeviceId=edge;ModuleId=discovery;SharedAccessKey={key}"})
        self.hub = hub

    def method(self, name, payload):
        status, body = self.hub.request("POST", "/twins/edge/modules/discovery/methods",
                                        {"methodName": name, "connectTimeoutInSeconds": 20, "responseTimeoutInSeconds": 20, "payload": payload})
        assert status == 200 and body["status"] == 200, (status, body)

    def discover(self, name, addresses, ports):
        self.method("Discover_V2", {"id": name, "discovery": "Fast", "configuration": {"addressRangesToScan": addresses, "portRangesToScan": ports}})

    def lines(self, *words):
        return [line for line in self.text().splitlines() if all(w in line for w in words)]

    def found(self):
        return {line.split("url=opc.tcp://")[1].split()[0] for line in self.lines("server found url=") + self.lines("announced itself url=")}


def plant(network, n, port, folder):
    """An OPC UA server that is ready."""
    path = os.path.join(folder, f"plant-{n}-{port}.log")
    with open(path, "wb") as log:
        process = subprocess.Popen([*network.inside(n), MILLRACE, "plant", "--listen", network.address(n), "--port", str(port),
                                    "--nodes", "5", "--pki", os.path.join(folder, f"pki-{n}-{port}")], stdout=log, stderr=log)
    wait_for("a server to be ready", lambda: b"opc.tcp" in open(path, "rb").read())
    return process


# ---- a host that answers mDNS, for a server that no scan looks for ----

ANNOUNCER = """
import socket, struct, sys
address, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("224.0.0.251", 5353))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + socket.inet_aton(address))
name = lambda text: b"".join(bytes([len(p)]) + p.encode() for p in text.split(".")) + b"\\0"
record = lambda owner, kind, data: name(owner) + struct.pack(">HHIH", kind, 1, 120, len(data)) + data
service, me = "_opcua-tcp._tcp.local", "Press._opcua-tcp._tcp.local"
answer = struct.pack(">6H", 0, 0x8400, 0, 3, 0, 0) + record(service, 12, name(me)) \\
    + record(me, 33, struct.pack(">3H", 0, 0, port) + name("press.local")) + record("press.local", 1, socket.inet_aton(address))
print("ready", flush=True)
while True:
    question, who = s.recvfrom(9000)
    if name(service) in question:
        s.sendto(answer, who)
"""


def begin():
    folder = world["where"].__enter__()
    network = Network(KINDS)
    network.enter()
    hub = Hub(folder).start()
    hub.create_device("edge", capabilities={"iotEdge": True})
    servers = [n for n, kind in network.kinds.items() if kind == SERVER]
    world.update(folder=folder, network=network, hub=hub, servers=servers, running=[])
    world["running"] = [plant(network, n, port, folder) for n, port in zip(servers, PORTS_OF_SERVERS)]
    world["running"].append(plant(network, servers[0], 7001, folder))
    announcer = subprocess.Popen([*network.inside(servers[0]), sys.executable, "-c", ANNOUNCER, network.address(servers[0]), "7001"],
                                 stdout=subprocess.PIPE, text=True)
    assert announcer.stdout.readline() == "ready\n"
    world["running"].append(announcer)
    world["discovery"] = Discovery(folder, hub, "--scan.rate", RATE, "--scan.host.rate", HOST_RATE).start()
    world["expected"] = {f"{network.address(n)}:{port}" for n, port in zip(servers, PORTS_OF_SERVERS)}
    world["announced"] = f"{network.address(servers[0])}:7001"


def addresses():
    return f"{world['network'].address(2)}-{world['network'].address(len(KINDS) + 1)}"


def check_budget(packets):
    assert most_in_a_second([p[0] for p in packets]) <= RATE, most_in_a_second([p[0] for p in packets])
    assert most_to_a_host(packets) <= HOST_RATE + 1, most_to_a_host(packets)


def all_are_found_within_the_budget():
    begin()
    network, discovery = world["network"], world["discovery"]
    packets = Packets(network, world["folder"])
    discovery.discover("all", addresses(), PORTS)
    wait_for("the end of the discovery", lambda: discovery.lines("discovery ended id=all"), 60)
    sent = packets.end()
    assert discovery.found() == world["expected"] | {world["announced"]}, discovery.found()
    assert "endpoints=0" not in discovery.lines("discovery ended id=all")[0]
    check_budget(sent)
    asked = sum(1 for _, address, port, _ in sent if f"{address}:{port}" == world["announced"])
    assert 5 < asked <= INQUIRY_PACKETS, asked
    tried = {(address, port) for _, address, port, syn in sent if syn}
    scanned = {(network.address(n), port) for n in network.kinds for r in PORTS.split(";") for port in range(int(r.split("-")[0]), int(r.split("-")[1]) + 1)}
    assert scanned <= tried, len(scanned - tried)
    first, port = world["announced"].split(":")
    began = min(t for t, address, p, syn in sent if (address, p) in scanned)
    assert min(t for t, address, p, syn in sent if (address, p) == (first, int(port))) < began + 1, "who announces himself is asked first"


def what_is_cancelled_is_silent_within_a_second():
    network, discovery = world["network"], world["discovery"]
    packets = Packets(network, world["folder"])
    discovery.discover("long", addresses(), LONG_SCAN)
    wait_for("the scan to be under way", lambda: discovery.lines("discovery started id=long"))
    wait_for("its progress to be kept", lambda: os.path.exists(os.path.join(world["folder"], "scans", "edge_module_discovery.json")))
    asked = time.time()
    discovery.method("Cancel_V2", {"id": "long"})
    wait_for("the end of it", lambda: discovery.lines("discovery ended id=long", "cancelled=1"), 5)
    sent = packets.end()
    last = max(t for t, address, port, syn in sent if syn)
    assert last < asked + 1, last - asked
    check_budget(sent)


def what_is_killed_goes_on_where_it_was():
    network, discovery = world["network"], world["discovery"]
    state = os.path.join(world["folder"], "scans", "edge_module_discovery.json")
    wait_for("what was cancelled to be forgotten", lambda: not os.path.exists(state))
    began = len(discovery.found())
    discovery.discover("killed", addresses(), PORTS + ";20000-20060")
    wait_for("its progress to be kept", lambda: os.path.exists(state))
    discovery.kill()
    packets = Packets(network, world["folder"])
    discovery.start()
    wait_for("it to go on", lambda: discovery.lines("discovery goes on after a restart id=killed"), 30)
    wait_for("the end of the discovery", lambda: discovery.lines("discovery ended id=killed", "cancelled=0"), 60)
    started = discovery.lines("discovery started id=killed")
    assert len(started) == 2 and int(started[1].split("from=")[1].split()[0]) > 0, started
    sent = packets.end()
    connects = sum(1 for _, _, port, syn in sent if syn and port != 7001)
    assert connects < len(KINDS) * 91, "what was tried before is not tried again"
    ended = discovery.lines("discovery ended id=killed")[-1]
    whole = discovery.lines("discovery ended id=all")[0]
    assert ended.split("endpoints=")[1].split()[0] == whole.split("endpoints=")[1].split()[0], (ended, whole)
    assert began > 0


def end():
    assert world["discovery"].stop() == 0
    assert world["hub"].stop() == 0
    for process in world["running"]:
        process.kill()
        process.wait()
    world["network"].remove()
    world["where"].__exit__(None, None, None)


if __name__ == "__main__":
    why = Network.missing()
    if why:
        print(f"skipped: {why}")
        print("0 passed, 0 failed")
        sys.exit(0)
    run_tests(all_are_found_within_the_budget, what_is_cancelled_is_silent_within_a_second, what_is_killed_goes_on_where_it_was, end)

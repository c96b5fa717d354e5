"""Discovery of a /24 of network namespaces: 120 silent hosts, 130 that refuse, 4 servers on odd ports. Ours with its own
defaults, and `nmap -sT` over the same ports, which only says what is open, not what is an OPC UA server."""
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time

from servers import Missing

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "tests", "system")

PORTS = "4840-4870;48000-48040;51200-51220;62537-62543"  # a hundred
PORTS_OF_SERVERS = [4845, 48031, 51213, 62541]
RATE, HOST_RATE = 2000, 50  # the defaults of scan.rate and scan.host.rate
NMAP_SECONDS_MAX = 300
made = {}


def tests(options):
    """The tests' own modules: what makes the network, counts packets, and starts programs."""
    os.environ["MILLRACE"] = os.path.join(options.binaries, "millrace")
    if TESTS not in sys.path:
        sys.path.insert(0, TESTS)
    import discovery_test
    import networks_of_tests
    import platform_of_tests
    return discovery_test, networks_of_tests, platform_of_tests


def site(options):
    """Made once for all rounds; it goes with the process."""
    if made:
        return made
    discovery_test, networks, platform = tests(options)
    why = networks.Network.missing()
    if why:
        raise RuntimeError(why)
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    kinds = [networks.SILENT] * 120 + [networks.REFUSING] * 130 + [networks.SERVER] * 3
    kinds = [kinds[i * 97 % len(kinds)] for i in range(len(kinds))]  # mixed, the same each time
    kinds[kinds.index(networks.REFUSING)] = networks.SERVER
    network = networks.Network(kinds)
    servers = [n for n, kind in network.kinds.items() if kind == networks.SERVER]
    made.update(folder=folder, network=network, expected={f"{network.address(n)}:{p}" for n, p in zip(servers, PORTS_OF_SERVERS)},
                running=[discovery_test.plant(network, n, p, folder) for n, p in zip(servers, PORTS_OF_SERVERS)])
    return made


def forget():
    for process in made.get("running", []):
        process.kill()
        process.wait()
    if made:
        made["network"].remove()
        shutil.rmtree(made["folder"], ignore_errors=True)
    made.clear()


def scan_of_ours(options, world):
    discovery_test, networks, platform = tests(options)
    folder = tempfile.mkdtemp(prefix="scan-", dir=world["folder"])
    network = world["network"]
    network.enter()
    hub = platform.Hub(folder)
    module = None
    try:
        hub.start()
        hub.create_device("edge", capabilities={"iotEdge": True})
        module = discovery_test.Discovery(folder, hub).start()
        packets = networks.Packets(network, folder)
        began = time.time()
        module.discover("all", f"{network.prefix}.0/24", PORTS)
        platform.wait_for("the end of the discovery", lambda: module.lines("discovery ended id=all"), 120)
        seconds = time.time() - began
        sent = packets.end()
        again = networks.Packets(network, folder)
        module.discover("cancelled", f"{network.prefix}.0/24", "1000-9999")
        platform.wait_for("the scan to be under way", lambda: module.lines("discovery started id=cancelled"), 30)
        platform.wait_for("its progress to be kept", lambda: os.listdir(os.path.join(folder, "scans")), 30)
        asked = time.time()
        module.method("Cancel_V2", {"id": "cancelled"})
        platform.wait_for("the end of it", lambda: module.lines("discovery ended id=cancelled"), 30)
        last = max((t for t, _, _, syn in again.end() if syn), default=asked)
        return {"found": len(module.found() & world["expected"]), "wrong": len(module.found() - world["expected"]), "seconds": seconds,
                "packets_a_second": networks.most_in_a_second([p[0] for p in sent]), "to_a_host_a_second": networks.most_to_a_host(sent),
                "cancel_seconds": max(0.0, last - asked)}
    finally:
        if module:
            module.stop()
        hub.stop()
        network.leave()


def scan_of_nmap(options, world):
    discovery_test, networks, platform = tests(options)
    if shutil.which("nmap") is None:
        raise Missing("nmap (./setup --bench)")
    network = world["network"]
    packets = networks.Packets(network, world["folder"])
    began = time.time()
    command = [*network.inside(networks.SCANNER), "nmap", "-sT", "-n", "-oG", "-", "-p", PORTS.replace(";", ","), f"{network.prefix}.0/24"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=NMAP_SECONDS_MAX).stdout
    except subprocess.TimeoutExpired as e:
        text = (e.stdout or b"").decode()
    seconds = time.time() - began
    sent = packets.end()
    found = set()
    for line in text.splitlines():
        if line.startswith("Host: ") and "Ports: " in line:
            address = line.split()[1]
            found |= {f"{address}:{p.split('/')[0].strip()}" for p in line.split("Ports: ")[1].split("\t")[0].split(",") if "/open/" in p}
    return {"found": len(found & world["expected"]), "wrong": len(found - world["expected"]), "seconds": seconds,
            "packets_a_second": networks.most_in_a_second([p[0] for p in sent]), "to_a_host_a_second": networks.most_to_a_host(sent)}


def ours(options, shape):
    return scan_of_ours


def nmap(options, shape):
    return scan_of_nmap


def discovery_round(options, make, profile, shape):
    if not made:
        atexit.register(forget)
    return make(options, shape)(options, site(options))


BENCHMARKS = [
    ("discovery of a /24", discovery_round, (ours, "scan"), (nmap, "-sT"), {},
     [("found", "", 4, "least"), ("wrong", "", 0, "most"), ("seconds", "s", 30, "most"), ("packets_a_second", "1/s", RATE, "most"),
      ("to_a_host_a_second", "1/s", HOST_RATE + 1, "most"), ("cancel_seconds", "s", 1, "most")]),
]

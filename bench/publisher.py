"""OPC UA values → JSON → MQTT QoS 1: `millrace publisher` beside a gateway on node-opcua and mqtt.js.

Both subscribe to all counters of `millrace plant --nodes` and send to bench_mqtt_sink, which only
acknowledges, looks at every value, and so knows what was lost. The gateway has core 0; the plant and the
sink share core 1. `live_s` is from the gateway's start until a value of the last counter has arrived.

The plant counts only when it is sampled, so what a full core 1 keeps back does not exist, and is not lost:
then fewer values come than were asked for, and a line says whose core was full. A server on the stack has no
more than 230,000 values a second for us on one core; the rows beyond have bench_opcua_source in its place,
which does nothing but count.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from rounds import cpu_seconds
from servers import LOAD_CORE, SERVER_CORE, Missing, free_port, rss_bytes, self_signed

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(HERE, "..", "tests", "interop", "node_modules")
NAMESPACE = "http://microsoft.com/Opc/OpcPlc/"
LIVE_SECONDS = 60
WARM_SECONDS = 2
SECURE = {"EndpointSecurityMode": "SignAndEncrypt", "EndpointSecurityPolicy": "Basic256Sha256"}
QUEUE = 10  # values that the plant keeps for a node between two notifications, on both sides


# ---- programs ----

class Child:
    def __init__(self, command, core, log, talks=True, environment=None):
        if shutil.which(command[0]) is None:
            raise Missing(command[0])
        self.log = log
        with open(log, "wb") as f:
            self.process = subprocess.Popen(["taskset", "-c", str(core)] + command, stderr=f, text=True,
                                            stdout=subprocess.PIPE if talks else f,
                                            env={**os.environ, **(environment or {})})
        self.pid = self.process.pid

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            self.ended()
        return text.strip()

    def ended(self):
        with open(self.log) as f:
            raise RuntimeError(f"{os.path.basename(self.log)} ended:\n{f.read()[-2000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


def start_plant(options, folder, shape):
    if shape.get("source"):
        command = [os.path.join(options.binaries, "bench", "bench_opcua_source"), "--spread", str(shape.get("spread", 1))]
        return Child(command, LOAD_CORE, os.path.join(folder, "source.log"))
    command = [os.path.join(options.binaries, "millrace"), "plant", "--port", str(free_port())]
    command += ["--nodes", str(shape["nodes"]), "--interval", f"{shape['interval']}ms"]
    command += ["--fast.nodes", "0", "--slow.nodes", "0", "--events", "0s", "--pki", os.path.join(folder, "plant-pki")]
    command += ["--trust.all", "true"]
    return Child(command, LOAD_CORE, os.path.join(folder, "plant.log"))


class Sink(Child):
    def __init__(self, options, folder, shape, tls):
        command = [os.path.join(options.binaries, "bench", "bench_mqtt_sink"), "--nodes", str(shape["nodes"])]
        self.ca = None
        if tls:
            self.ca, key = self_signed(folder)
            command += ["--certificate", self.ca, "--key", key]
        super().__init__(command, LOAD_CORE, os.path.join(folder, "sink.log"))
        self.port = json.loads(self.line())["port"]

    def until(self, done, gateway, seconds, what):
        """What it says when done(that) is true for the first time."""
        end = time.monotonic() + seconds
        while True:
            got = json.loads(self.line())
            if done(got):
                return got
            if gateway.process.poll() is not None:
                gateway.ended()
            if time.monotonic() > end:
                raise RuntimeError(f"{what}: not within {seconds} s; came: {got}")


# ---- the two gateways ----

def write_nodes(path, url, shape):
    nodes = [{"Id": f"nsu={NAMESPACE};s=Load{n + 1}", "DisplayName": f"Load{n + 1}"} for n in range(shape["nodes"])]
    security = SECURE if shape.get("secure") else {"UseSecurity": False}
    with open(path, "w") as f:
        json.dump([{"EndpointUrl": url, **security, "MessageEncoding": shape.get("encoding", "Json"), "OpcNodes": nodes}], f)


def millrace(options, folder, url, sink, shape):
    path = os.path.join(folder, "publishednodes.json")
    write_nodes(path, url, shape)
    connection = f"HostName=127.0.0.1:{sink.port};DeviceId=bench;ModuleId=publisher;SharedAccessKey=c2VjcmV0"
    publishing = f"{shape.get('publishing', shape['interval'])}ms"
    command = [os.path.join(options.binaries, "millrace"), "publisher", "--file", path, "--health.port", "0"]
    command += ["--pki", os.path.join(folder, "pki"), "--pki.trust.all", "true"]
    command += ["--mode", shape.get("mode", "PubSub"), "--queue.size", str(QUEUE)]
    command += ["--publishing.interval", publishing, "--sampling.interval", f"{shape['interval']}ms"]
    command += ["--batch.interval", f"{shape.get('batch', 100)}ms"]
    command += ["--queue.path", os.path.join(folder, "queue"), "--audit", os.path.join(folder, "audit"), "--queue.durability", shape.get("durability", "fsync")]
    if sink.ca:
        command += ["--ca", sink.ca]
    else:
        connection += ";UseDevelopmentEmulator=true"
    return command, {"EdgeHubConnectionString": connection}


def node_opcua(options, folder, url, sink, shape):
    if not os.path.isdir(os.path.join(PACKAGES, "node-opcua-client")):
        raise Missing("node-opcua-client in tests/interop/node_modules (npm ci)")
    broker = f"mqtts://127.0.0.1:{sink.port}" if sink.ca else f"mqtt://127.0.0.1:{sink.port}"
    command = ["node", os.path.join(HERE, "gateway_node.mjs"), url, broker]
    command += [str(shape["nodes"]), str(shape["interval"])] + (["secure"] if shape.get("secure") else [])
    environment = {"XDG_CONFIG_HOME": folder}  # where node-opcua makes its certificate
    return command, {**environment, "NODE_EXTRA_CA_CERTS": sink.ca} if sink.ca else environment


# ---- one round of one side ----

def metrics(gateway):
    """The publisher's own counters; where they are stands in its log."""
    with open(gateway.log) as f:
        port = re.search(r" health=(\d+)", f.read())
    with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=10) as r:
        lines = [line.split(" ") for line in r.read().decode().splitlines() if line.startswith("millrace_publisher_")]
    return {name: float(value) for name, value in lines}


def observe(options, gateway, plant, sink, begun, shape):
    """`own` rows have payloads that the sink cannot read: the publisher's count of acknowledged values stands for it."""
    own = shape.get("own")
    if own:
        wait_live(gateway, shape)
        first = sink.until(lambda got: True, gateway, 30, "a word")
        first = sink.until(lambda got: got["at_s"] > first["at_s"] + WARM_SECONDS, gateway, 30, "warm")
        values = -metrics(gateway)["millrace_publisher_sent_values_total"]
        live_s = 0
    else:
        live = sink.until(lambda got: got["live"] == shape["nodes"], gateway, LIVE_SECONDS, "all counters")
        first = sink.until(lambda got: got["at_s"] > live["at_s"] + WARM_SECONDS, gateway, 30, "warm")
        live_s = live["live_at_s"] - begun
    pids = (gateway.pid, plant.pid)
    before = [cpu_seconds(pid) for pid in pids]
    end = first["at_s"] + options.seconds
    last = sink.until(lambda got: got["at_s"] > end, gateway, options.seconds + 30, "the end")
    used = [cpu_seconds(pid) - b for pid, b in zip(pids, before)]
    seconds = last["at_s"] - first["at_s"]
    values = values + metrics(gateway)["millrace_publisher_sent_values_total"] if own else last["values"] - first["values"]
    if values <= 0:
        raise RuntimeError("no values came")
    return {
        "per_second": values / seconds,
        "cpu_us": used[0] * 1e6 / values,
        "rss_mb": rss_bytes(gateway.pid) / 1e6,
        "live_s": live_s,
        "p50_ms": last["p50_ms"],
        "p99_ms": last["p99_ms"],
        "lost": metrics(gateway)["millrace_publisher_lost_total"] if own else last["lost"],
        "again": last["again"],
        "bytes_per_value": (last["bytes"] - first["bytes"]) / values,
        "gateway_core": used[0] / seconds,
        "load_core": (used[1] + last["cpu_s"] - first["cpu_s"]) / seconds,
    }


def wait_live(gateway, shape):
    end = time.monotonic() + LIVE_SECONDS
    while True:
        try:
            if metrics(gateway)["millrace_publisher_items_live"] == shape["nodes"]:
                return
        except (OSError, TypeError, KeyError):
            pass  # not up yet
        if gateway.process.poll() is not None:
            gateway.ended()
        if time.monotonic() > end:
            raise RuntimeError(f"not all nodes live within {LIVE_SECONDS} s")
        time.sleep(0.05)


def tell(name, got, shape):
    """Whatever makes a round's figures less than they seem."""
    asked = shape["nodes"] * 1000 / shape["interval"]
    cores = f"gateway's core {got['gateway_core']:.0%} used by it, load's core {got['load_core']:.0%}"
    if got["per_second"] < 0.95 * asked:
        print(f"#   {name}: {got['per_second']:,.0f} of {asked:,.0f} values/s came; {cores}", file=sys.stderr)
    if got["lost"] or got["again"]:
        print(f"#   {name}: {got['lost']:,} values lost, {got['again']:,} came again; {cores}", file=sys.stderr)


def publisher_round(options, make, profile, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plant = start_plant(options, folder, shape)
        stack.callback(plant.stop)
        sink = Sink(options, folder, {**shape, "nodes": 0} if shape.get("own") else shape, profile == "tls")
        stack.callback(sink.stop)
        command, environment = make(options, folder, plant.line(), sink, shape)
        begun = time.clock_gettime(time.CLOCK_MONOTONIC)
        gateway = Child(command, SERVER_CORE, os.path.join(folder, "gateway.log"), False, environment)
        stack.callback(gateway.stop)
        got = observe(options, gateway, plant, sink, begun, shape)
    tell(make.__name__, got, shape)
    return got


# ---- rows of run.py's table ----

RATE, CPU, RSS, LIVE, LOST, P50, P99 = "per_second", "cpu_us", "rss_mb", "live_s", "lost", "p50_ms", "p99_ms"


def row(name, profile, nodes, interval, figures, alone=False, **more):
    shape = {"nodes": nodes, "interval": interval, **more}
    return ("publisher, " + name, publisher_round, (millrace, profile), None if alone else (node_opcua, profile), shape, figures)


def figures(rate, cpu, *more):
    return [(RATE, "1/s", rate and 0.95 * rate, "least"), (CPU, "us", cpu, "most"), (LOST, "", 0, "most"), *more]


MEMORY, BEGIN = (RSS, "MB", None, "most"), (LIVE, "s", None, "most")
TIMES = [(P50, "ms", None, "most"), (P99, "ms", None, "most")]

# The disk queue is on, unless a row says otherwise; "TLS" is to the hub, "encrypted" from the server, too.
BENCHMARKS = [
    row("1 k values/s", "plain", 1000, 1000, figures(1000, None, MEMORY, BEGIN, *TIMES)),
    row("10 k values/s", "plain", 10000, 1000, figures(10000, None, MEMORY, BEGIN, *TIMES)),
    row("100 k values/s", "plain", 10000, 100, figures(100000, 0.4, MEMORY, BEGIN, *TIMES)),
    row("100 k values/s, queue in memory", "plain", 10000, 100, figures(100000, 0.25, MEMORY), alone=True, durability="memory"),
    row("100 k values/s, TLS", "tls", 10000, 100, figures(100000, 0.4)),
    row("100 k values/s, TLS, queue in memory", "tls", 10000, 100, figures(100000, None), alone=True, durability="memory"),
    row("100 k values/s, TLS and encrypted", "tls", 10000, 100, figures(100000, None), secure=True),
    # Values leave the publisher at once. A server on the stack, which samples all counters at one instant, keeps them for
    # longer than the whole way from there: so bench_opcua_source, whose values change all through the interval, or all at once
    *(row(f"100 k values/s, {name}", "plain", 10000, 100, [(P50, "ms", None, "most"), (P99, "ms", 5, "most"), (LOST, "", 0, "most")],
          alone=True, source=True, batch=1, **more)
      for name, more in (("at once", {"spread": 100, "durability": "memory"}), ("at once, queue on the disk", {"spread": 100}),
                         ("at one instant", {"durability": "memory"}))),
    row("100 k values/s, Samples", "plain", 10000, 100, figures(100000, None), alone=True, mode="Samples"),
    *(row(f"100 k values/s, {encoding}", "plain", 10000, 100, figures(100000, None), alone=True, encoding=encoding, own=True)
      for encoding in ("JsonReversible", "JsonGzip", "JsonCompact", "JsonVerbose", "Uadp", "Avro", "AvroGzip")),
    row("500 k values/s", "plain", 50000, 100, figures(500000, 0.4, MEMORY), source=True),
    row("500 k values/s, queue in memory", "plain", 50000, 100, figures(500000, 0.25, MEMORY), alone=True, source=True, durability="memory"),
    row("500 k values/s, TLS", "tls", 50000, 100, figures(500000, 0.4), alone=True, source=True),
    row("100 k nodes x 1 s", "plain", 100000, 1000,
        [(RATE, "1/s", 95000, "least"), (CPU, "us", 0.4, "most"), (RSS, "MB", 64, "most"), (LIVE, "s", 2, "most"), (LOST, "", 0, "most")]),
]

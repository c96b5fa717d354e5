"""The twin: reads and browsing of `millrace plant` over REST, beside node-opcua's own client.

On the module alone: the load asks the module's HTTP API. Through the whole path it asks the services, and
each call goes on to hub, edge, module and plant. The module, or the peer, has core 0; plant and load share
core 1. On the whole path all of Millrace but the plant is on core 0, so its rate is of one core.
"""
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from publisher import NAMESPACE, PACKAGES, Child, start_plant
from rounds import cpu_seconds, load_command
from servers import SERVER_CORE, LOAD_CORE, Missing, free_port

KEY = "bench"
START_SECONDS = 60
NODE = f"nsu={NAMESPACE};s=Load"


def wait_for(what, condition, child, seconds=START_SECONDS):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            got = condition()
            if got:
                return got
        if child.process.poll() is not None:
            child.ended()
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def answer(url, body=None, headers=None, context=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, data, given), timeout=60, context=context) as r:
        return r.read()


# ---- one side: something that answers requests ----

def http_load(options, arguments, shape):
    command = load_command(options, "bench_http_load", arguments)
    command += ["--seconds", str(options.seconds), "--connections", str(shape["connections"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-500:])
    return json.loads(done.stdout)


def read_body(shape):
    if shape["values"] == 1:
        return {"nodeId": f"{NODE}1"}
    return {"attributes": [{"nodeId": f"{NODE}{n + 1}", "attribute": "Value"} for n in range(shape["values"])]}


class Module:
    """The OPC UA module alone, with no hub behind it."""

    def __init__(self, options, folder, plant, stack):
        self.port, self.plant = free_port(), plant
        path = os.path.join(folder, "publishednodes.json")
        with open(path, "w") as f:
            f.write("[]")
        command = [os.path.join(options.binaries, "millrace"), "opc", "--roles", "publisher,twin", "--transport", "Null"]
        command += ["--file", path, "--pki", os.path.join(folder, "pki"), "--queue.path", os.path.join(folder, "queue")]
        command += ["--audit", os.path.join(folder, "audit"), "--health.port", "0", "--log.level", "warn"]
        command += ["--api.port", "-1", "--api.port.plain", str(self.port), "--api.listen", "127.0.0.1", "--api.key", KEY]
        self.child = Child(command, SERVER_CORE, os.path.join(folder, "module.log"), False)
        stack.callback(self.child.stop)
        wait_for("the module", lambda: answer(f"http://127.0.0.1:{self.port}/healthz"), self.child)
        self.pids = [self.child.pid]

    def envelope(self, request):
        return {"connection": {"endpoint": {"url": self.plant, "securityMode": "None"}}, "request": request}

    def read(self, shape):
        path = "/v2/read" if shape["values"] == 1 else "/v2/read/attributes"
        return ["--port", str(self.port), "--method", "POST", "--path", path, "--authorization", f"ApiKey {KEY}",
                "--body", json.dumps(self.envelope(read_body(shape)))]

    def call(self, path, request):
        return answer(f"http://127.0.0.1:{self.port}{path}", self.envelope(request), {"Authorization": f"ApiKey {KEY}"})


class WholePath:
    """`millrace up`, and the plant registered there."""

    def __init__(self, options, folder, plant, stack):
        self.millrace, self.data = os.path.join(options.binaries, "millrace"), os.path.join(folder, "up")
        self.port, self.issuer = free_port(), free_port()
        command = [self.millrace, "up", "--data", self.data, "--log.level", "warn"]
        command += ["--services.port", str(self.port), "--issuer.port", str(self.issuer)]
        for name in ("hub.mqtt", "hub.amqp", "hub.https", "edge.mqtt", "edge.health", "opc.health"):
            command += [f"--{name}.port", str(free_port())]
        self.child = Child(command, SERVER_CORE, os.path.join(folder, "up.log"), False)
        stack.callback(self.child.stop)
        self.ca = wait_for("the certificate", lambda: self.find_ca(), self.child)
        self.context = ssl.create_default_context(cafile=self.ca)
        wait_for("the services", lambda: self.get("/readyz"), self.child)
        self.token = self.new_token()
        self.register(plant)
        self.pids = [int(p) for p in subprocess.run(["pgrep", "-P", str(self.child.pid)], capture_output=True, text=True).stdout.split()]

    def find_ca(self):
        path = os.path.join(self.data, "tls", "ca.pem")
        return path if os.path.exists(path) else None

    def get(self, path, body=None):
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        return answer(f"https://localhost:{self.port}{path}", body, headers, self.context)

    def new_token(self):
        made = subprocess.run([self.millrace, "issuer", "add-client", "bench", "--roles", "Admin", "--data", os.path.join(self.data, "issuer")],
                              capture_output=True, text=True, check=True).stdout
        secret = next(line.split("=", 1)[1] for line in made.splitlines() if line.startswith("client_secret="))
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "bench", "client_secret": secret, "scope": "api://millrace/.default"})
        got = answer(f"https://localhost:{self.issuer}/token", form.encode(), {"Content-Type": "application/x-www-form-urlencoded"}, self.context)
        return json.loads(got)["access_token"]

    def register(self, plant):
        wait_for("the module", lambda: self.get("/registry/v2/applications", {"discoveryUrl": plant}) is not None, self.child)

        def find():
            items = json.loads(self.get("/registry/v2/endpoints"))["items"]
            return next((e["registration"]["id"] for e in items if e["registration"]["endpoint"].get("securityMode") == "None"), None)
        self.endpoint = wait_for("the plant's endpoint", find, self.child)

    def read(self, shape):
        path = f"/twin/v2/read/{self.endpoint}" + ("" if shape["values"] == 1 else "/attributes")
        return ["--port", str(self.port), "--ca", self.ca, "--server-name", "localhost", "--method", "POST", "--path", path,
                "--authorization", f"Bearer {self.token}", "--body", json.dumps(read_body(shape))]


# ---- rounds ----

@contextlib.contextmanager
def beside_plant(options, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        plant = start_plant(options, folder, {"interval": 1000, **shape})
        stack.callback(plant.stop)
        yield folder, plant.line(), stack


def module(options, folder, plant, stack):
    return Module(options, folder, plant, stack)


def whole_path(options, folder, plant, stack):
    return WholePath(options, folder, plant, stack)


def node_opcua_bare(options, folder, plant, shape, what):
    return node_opcua(options, folder, plant, shape, "references")


def node_opcua(options, folder, plant, shape, what):
    if not os.path.isdir(os.path.join(PACKAGES, "node-opcua-client")):
        raise Missing("node-opcua-client in tests/interop/node_modules (npm ci)")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "twin_node.mjs")
    command = ["taskset", "-c", str(SERVER_CORE), "node", script, plant, what, str(options.seconds), str(shape.get("connections", 1)), str(shape["values"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "XDG_CONFIG_HOME": folder})
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-500:])
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))  # node-opcua says more


def read_round(options, make, profile, shape):
    with beside_plant(options, shape) as (folder, plant, stack):
        if make is node_opcua:
            got = node_opcua(options, folder, plant, shape, "read" if shape["values"] == 1 else "batch")
        else:
            side = make(options, folder, plant, stack)
            before = [cpu_seconds(p) for p in side.pids]
            got = http_load(options, side.read(shape), shape)
            got["cpu_us"] = sum(cpu_seconds(p) - b for p, b in zip(side.pids, before)) * 1e6 / got["acknowledged"] / shape["values"]
        got["per_second"] *= shape["values"]
        return got


def browse_round(options, make, profile, shape):
    with beside_plant(options, shape) as (folder, plant, stack):
        if make in (node_opcua, node_opcua_bare):
            return make(options, folder, plant, shape, "browse")
        side = make(options, folder, plant, stack)
        side.call("/v2/read", {"nodeId": f"{NODE}1"})  # the session is there, as the peer's is
        begun, cpu = time.monotonic(), sum(cpu_seconds(p) for p in side.pids)
        text = side.call("/v2/browse", {"nodeId": [NODE], "direction": "Forward", "referenceTypeId": "HierarchicalReferences"})
        took = time.monotonic() - begun
        nodes = text.count(b'"attributes":')
        if nodes < shape["nodes"]:
            raise RuntimeError(f"{nodes} of {shape['nodes']} nodes came")
        return {"per_second": nodes / took, "cpu_us": (sum(cpu_seconds(p) for p in side.pids) - cpu) * 1e6 / nodes}


# ---- rows of run.py's table ----

RATE, CPU, P50, P99 = "per_second", "cpu_us", "p50_ms", "p99_ms"
ONE = {"nodes": 1000, "values": 1}
MANY = {"nodes": 1000, "values": 1000}
PLENTY = {"nodes": 100000, "values": 1}


def figures(rate, p50):
    return [(RATE, "1/s", rate, "least"), (P50, "ms", p50, "most"), (P99, "ms", None, "most"), (CPU, "us", None, "most")]


BENCHMARKS = [
    ("twin, single reads on the module", read_round, (module, "plain"), (node_opcua, "client"), {**ONE, "connections": 32}, figures(10000, None)),
    ("twin, reads of 1,000 nodes on the module", read_round, (module, "plain"), (node_opcua, "client"), {**MANY, "connections": 4}, figures(600000, None)),
    ("twin, single reads through the whole path", read_round, (whole_path, "TLS"), (node_opcua, "client"), {**ONE, "connections": 1}, figures(None, 2)),
    ("twin, 32 single reads at once through the whole path", read_round, (whole_path, "TLS"), (node_opcua, "client"), {**ONE, "connections": 32}, figures(None, None)),
    ("twin, reads of 1,000 nodes through the whole path", read_round, (whole_path, "TLS"), (node_opcua, "client"), {**MANY, "connections": 4}, figures(None, None)),
    # references and attributes of each node, on both sides; then beside a peer that reads no attributes
    ("twin, browse of 100,000 nodes on the module", browse_round, (module, "plain"), (node_opcua, "client"), PLENTY, [(RATE, "1/s", 3, "times"), (CPU, "us", None, "most")]),
    ("twin, the same beside references alone", browse_round, (module, "plain"), (node_opcua_bare, "client"), PLENTY, [(RATE, "1/s", None, "times")]),
]

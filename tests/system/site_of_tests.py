"""A plant and an OPC UA module below an edge, for the tests of whole scenarios."""
import http.client
import json
import os
import subprocess

from platform_of_tests import ROOT, Program, free_port, wait_for

PLC = "nsu=http://microsoft.com/Opc/OpcPlc/;s="


class Plant(Program):
    def __init__(self, folder, *more):
        self.port = free_port()
        self.url = f"opc.tcp://127.0.0.1:{self.port}"
        super().__init__("plant", folder, "--port", self.port, "--pki", os.path.join(folder, "plant-pki"), *more)

    def start(self):
        super().start()
        wait_for("the plant to listen", lambda: "ready" in self.text() or "opc.tcp" in self.text())
        return self


class Opc(Program):
    """The module; `published` is written to its publishednodes.json (a text is written as it is)."""

    def __init__(self, folder, hub, edge, published, *more, module="opc", roles="publisher"):
        self.module = module
        status, body = hub.request("GET", f"/devices/{edge.device}/modules/{module}")
        if status == 404:
            body = hub.create_module(edge.device, module)
        key = body["authentication"]["symmetricKey"]["primaryKey"]
        self.file = os.path.join(folder, f"{module}-published.json")
        self.publish(published)
        self.health = free_port()
        super().__init__("opc", folder, "--roles", roles, "--ca", edge.ca, "--pki", os.path.join(folder, "opc-pki"),
                         "--queue.path", os.path.join(folder, "opc-queue"), "--audit", os.path.join(folder, "opc-audit"),
                         "--file", self.file, "--health.port", self.health, *more,
                         environment={"EdgeHubConnectionString":
                                      f"HostName={hub.address};DeviceId={edge.device};ModuleId={module};"
                                      f"SharedAccessKey={key};GatewayHostName={edge.address}:8883"})

    def publish(self, published):
        text = published if isinstance(published, str) else json.dumps(published, indent=1)
        beside = self.file + ".new"
        with open(beside, "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(beside, self.file)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def ready(self):
        if not self.alive():
            raise AssertionError(f"the module ended: {self.text()[-2000:]}")
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def start(self):
        super().start()
        wait_for("the module to be ready", self.ready)
        return self


class Publisher(Program):
    """By itself, without a hub: what it publishes goes to files in the folder `out`."""

    def __init__(self, folder, path, *more, environment=None):
        self.health = free_port()
        self.out = os.path.join(folder, "out")
        self.pki = os.path.join(folder, "pki")
        super().__init__("publisher", folder, "--file", path, "--outdir", self.out, "--health.port", self.health,
                         "--pki", self.pki, "--queue.path", os.path.join(folder, "queue"), "--audit", "none", "--bs", 1, *more,
                         environment=environment)

    def metric(self, name):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=10)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
        except OSError:
            return 0
        return next((float(line.split(" ")[1]) for line in text.splitlines() if line.startswith(name + " ")), 0)

    def live(self, count):
        wait_for(f"{count} nodes to be live", lambda: self.metric("millrace_publisher_items_live") == count)

    def goes_on(self):
        before = self.metric("millrace_publisher_sent_values_total")
        wait_for("values to go on", lambda: self.metric("millrace_publisher_sent_values_total") > before + 5)


def entry(plant, nodes, **more):
    """An entry of publishednodes.json for counters of the plant."""
    return {"EndpointUrl": plant.url, "UseSecurity": False, "MessagingMode": "PubSub", "DataSetWriterGroup": "group",
            "DataSetWriterId": "writer", "DataSetPublishingInterval": 100, "DataSetSamplingInterval": 50,
            "BatchTriggerInterval": 100,
            "OpcNodes": [{"Id": f"{PLC}{n}", "DataSetFieldId": n, "QueueSize": 50} for n in nodes], **more}


def read_events(hub, seconds=300):
    """All events of the hub, read with @azure/event-hubs."""
    out = subprocess.run(["node", os.path.join(ROOT, "tests/interop/read_all.mjs"), hub.connection_string("--events")],
                         env=dict(os.environ, NODE_EXTRA_CA_CERTS=hub.ca), capture_output=True, text=True,
                         timeout=seconds, check=False)
    assert out.returncode == 0, out.stderr
    return [json.loads(line) for line in out.stdout.splitlines()]


def numbered(events):
    """By (source, epoch): the publisher's message numbers, each when it came first; and the doubles."""
    seen, doubles = {}, 0
    for e in events:
        p = e["properties"]
        if "millrace-sequence" not in p:
            continue
        numbers = seen.setdefault((p["millrace-source"], p["millrace-epoch"]), [])
        n = int(p["millrace-sequence"])
        if numbers and n <= numbers[-1]:
            assert n in numbers, f"{n} came for the first time after {numbers[-1]}"
            doubles += 1
        else:
            numbers.append(n)
    return seen, doubles


def assert_no_gap(numbers):
    for (source, epoch), list_ in numbers.items():
        missing = sorted(set(range(list_[0], list_[-1] + 1)) - set(list_))
        assert not missing, f"{source} epoch {epoch}: {len(missing)} of {list_[-1]} missing, such as {missing[:5]}"


def values_of(events):
    """By field: the values in the order in which their messages were made, doubles left out."""
    made, series = {}, {}
    for e in events:
        p = e["properties"]
        if "millrace-sequence" in p:
            made.setdefault((p["millrace-source"], int(p["millrace-epoch"]), int(p["millrace-sequence"])), e["body"])
    for key in sorted(made):
        body = made[key]
        for message in body if isinstance(body, list) else [body]:
            for data in message["Messages"]:
                for field, v in data["Payload"].items():
                    series.setdefault(field, []).append(v["Value"])
    return series

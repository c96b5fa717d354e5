"""Starts real programs for the tests of whole scenarios: on a loopback address of their own, in a
folder of their own, and ends them. Standard library only."""
import atexit
import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MILLRACE = os.environ.get("MILLRACE", os.path.join(ROOT, "build/release/millrace"))
LONG = os.environ.get("MILLRACE_TEST_FORM") == "long"


def own_address():
    """A loopback address that no other suite uses: the SDKs fix the ports, not the address."""
    return f"127.{random.randint(16, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"


def free_port(address="127.0.0.1"):
    """Not one of those that the system gives to whoever asks for any: a connection of another test would have it first."""
    while True:
        port = random.randrange(11000, 32000)
        with socket.socket() as s:
            try:
                s.bind((address, port))
                return port
            except OSError:
                continue


def wait_for(what, condition, seconds=60.0):
    """Until condition() is true; its value. Asks often, fails loudly."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


def sas(resource, key, policy=None, seconds=3600):
    expiry = int(time.time()) + seconds
    quoted = urllib.parse.quote(resource, safe="")
    text = f"{quoted}\n{expiry}".encode()
    signature = base64.b64encode(hmac.new(base64.b64decode(key), text, hashlib.sha256).digest())
    token = f"SharedAccessSignature sr={quoted}&sig={urllib.parse.quote(signature, safe='')}&se={expiry}"
    return token + (f"&skn={policy}" if policy else "")


class Folder:
    """A temporary folder that stays when the test failed."""

    def __init__(self, name):
        self.path = tempfile.mkdtemp(prefix=f"millrace-{name}-")

    def __enter__(self):
        return self.path

    def __exit__(self, kind, value, trace):
        if kind is None:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            print(f"kept for a look: {self.path}", file=sys.stderr)


class Program:
    """One `millrace WORD …`, with its log in the folder."""

    def __init__(self, word, folder, *arguments, environment=None):
        self.word = word
        self.arguments = [str(a) for a in arguments]
        self.log = os.path.join(folder, f"{word}.log")
        self.environment = dict(os.environ, **(environment or {}))
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([MILLRACE, self.word, *self.arguments], stdout=log, stderr=log,
                                            env=self.environment)
        atexit.register(self.kill) # a test that failed leaves nobody behind
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """As a power switch does."""
        if self.alive():
            self.process.kill()
            self.process.wait()

    def stop(self, seconds=15):
        if self.process is None:
            return 0
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"{self.word} did not end within {seconds} s of SIGTERM; see {self.log}")

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0


class Hub(Program):
    def __init__(self, folder, *more, address=None, standard_ports=True):
        self.address = address or own_address()
        self.data = os.path.join(folder, "hub")
        ports = {"mqtt": 8883, "amqp": 5671, "https": 443}
        if not standard_ports:
            ports = {name: free_port(self.address) for name in ports}
        self.ports = ports
        super().__init__("hub", folder, "--data", self.data, "--name", self.address, "--listen", self.address,
                         *[a for name, port in ports.items() for a in (f"--{name}.port", port)], *more)

    @property
    def ca(self):
        return os.path.join(self.data, "tls", "ca.pem")

    def start(self):
        super().start()
        wait_for("the hub to be ready", self.ready)
        return self

    def ready(self):
        if not self.alive():
            raise AssertionError(f"the hub ended: {self.text()[-2000:]}")
        try:
            return self.request("GET", "/readyz", token=None)[0] == 200
        except (OSError, ssl.SSLError, http.client.HTTPException):
            return False

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def connection_string(self, *arguments):
        out = subprocess.run([MILLRACE, "hub", "connection-string", "--data", self.data, "--name", self.address,
                              *arguments], check=True, capture_output=True, text=True)
        return out.stdout.strip()

    def policy_key(self, policy="iothubowner"):
        text = self.connection_string("--policy", policy)
        return text.split("SharedAccessKey=", 1)[1]

    def request(self, method, path, body=None, token="iothubowner", headers=None):
        """(status, parsed body or None). `token`: a policy's name, a whole token, or None."""
        connection = http.client.HTTPSConnection(self.address, self.ports["https"], context=self.context(),
                                                 timeout=20)
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = token if " " in token else sas(self.address, self.policy_key(token), token)
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        separator = "&" if "?" in path else "?"
        connection.request(method, f"{path}{separator}api-version=2021-04-12", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text

    def create_device(self, device, **fields):
        status, body = self.request("PUT", f"/devices/{device}", {"deviceId": device, **fields})
        assert status == 200, (status, body)
        return body

    def create_module(self, device, module):
        status, body = self.request("PUT", f"/devices/{device}/modules/{module}",
                                    {"deviceId": device, "moduleId": module})
        assert status in (200, 201), (status, body)
        return body


class Edge(Program):
    """An edge below a hub: its device is made there."""

    def __init__(self, folder, hub, *more, device="edge", data=None):
        self.hub = hub
        self.device = device
        self.address = own_address()
        self.data = data or os.path.join(folder, "edge")
        status, body = hub.request("PUT", f"/devices/{device}", {"deviceId": device, "capabilities": {"iotEdge": True}})
        assert status in (200, 409), (status, body)
        status, module = hub.request("GET", f"/devices/{device}/modules/$edgeHub")
        assert status == 200, (status, module)
        self.health = free_port()
        super().__init__("edge", folder, "--data", self.data, "--device", device, "--hub.host", hub.address,
                         "--hub.mqtt.port", hub.ports["mqtt"], "--hub.https.port", hub.ports["https"],
                         "--hub.ca", hub.ca, "--name", self.address, "--listen", self.address,
                         "--health.port", self.health, *more,
                         environment={"MILLRACE_EDGE_KEY": module["authentication"]["symmetricKey"]["primaryKey"]})

    @property
    def ca(self):
        return os.path.join(self.data, "tls", "ca.pem")

    def start(self):
        super().start()
        wait_for("the edge to be ready", self.ready)
        return self

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def ready(self):
        if not self.alive():
            raise AssertionError(f"the edge ended: {self.text()[-2000:]}")
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def metric(self, name):
        for line in self.get("/metrics")[1].splitlines():
            if line.split(" ")[0] == name:
                return float(line.split(" ")[1])
        raise AssertionError(f"no metric {name}")


def run_tests(*tests):
    """Runs them in order; the last line is 'N passed, N failed'. Ends the process."""
    failed = 0
    for test in tests:
        began = time.monotonic()
        try:
            test()
            print(f"passed  {test.__name__}  ({time.monotonic() - began:.1f} s)")
        except Exception:  # every failure is one, whatever its kind
            import traceback
            traceback.print_exc()
            print(f"FAILED  {test.__name__}")
            failed += 1
        sys.stdout.flush()
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

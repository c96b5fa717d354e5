"""The hub's REST door over TLS, each request with a token that is checked, and direct methods through it:
REST → hub → device over MQTT and back. The hub has core 0; the load and the device share core 1."""
import json
import os
import shutil
import subprocess
import tempfile

import iothub
from publisher import Child, cpu_seconds
from servers import LOAD_CORE, Hub, rss_bytes

METHOD = json.dumps({"methodName": "echo", "responseTimeoutInSeconds": 30, "payload": {"value": 1}})


def http_load(options, hub, folder, request):
    data = os.path.join(folder, "data")
    printed = subprocess.run([hub.binary, "hub", "connection-string", "--data", data],
                             check=True, capture_output=True, text=True, timeout=10)
    owner = iothub.parse(printed.stdout.strip())
    token = iothub.signature(owner["HostName"], owner["SharedAccessKey"], owner["SharedAccessKeyName"])
    arguments = hub.process.args
    command = ["taskset", "-c", str(LOAD_CORE), os.path.join(options.binaries, "bench", "bench_http_load")]
    command += ["--port", arguments[arguments.index("--https.port") + 1], "--seconds", str(options.seconds)]
    command += ["--ca", os.path.join(data, "tls", "ca.pem"), "--server-name", owner["HostName"]]
    command += ["--authorization", token] + request
    before = cpu_seconds(hub.pid)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    used = cpu_seconds(hub.pid) - before
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    got = json.loads(done.stdout)
    got["cpu_us"] = used * 1e6 / got["answered"]
    got["rss_mb"] = rss_bytes(hub.pid) / 1e6
    return got


def rest_round(options, make, profile, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    server, device = make(options, shape), None
    request = ["--connections", str(shape["connections"])]
    try:
        server.start(folder, profile)
        if shape["method"]:
            command = [os.path.join(options.binaries, "bench", "bench_method_device")]
            command += ["--port", str(server.port)] + server.load
            device = Child(command, LOAD_CORE, os.path.join(folder, "device.log"))
            device.line()
            path = f"/twins/load-0/methods?{iothub.API}"
            request += ["--method", "POST", "--path", path, "--body", METHOD]
        else:
            request += ["--path", f"/devices/load-0?{iothub.API}"]
        return http_load(options, server, folder, request)
    finally:
        if device:
            device.stop()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def hub(options, shape):
    return Hub(os.path.join(options.binaries, "millrace"), 1)


RATE, CPU, P50, P99 = "per_second", "cpu_us", "p50_ms", "p99_ms"

BENCHMARKS = [
    ("hub REST, device read, 32 connections", rest_round, (hub, "fsync"), None, {"connections": 32, "method": False},
     [(RATE, "1/s", 40000, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]),
    ("direct method, one at a time", rest_round, (hub, "fsync"), None, {"connections": 1, "method": True},
     [(P50, "ms", 0.5, "most"), (P99, "ms", 3, "most"), (CPU, "us", None, "most")]),
    ("direct method, 32 at a time", rest_round, (hub, "fsync"), None, {"connections": 32, "method": True},
     [(RATE, "1/s", None, "least"), (P50, "ms", None, "most"), (P99, "ms", None, "most"), (CPU, "us", None, "most")]),
]

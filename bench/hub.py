"""The rows of a hub, each beside its peer where there is one. A row that has none of its own says so: what
no other server here does is measured against its goal alone."""
import json
import os

import iothub
from rounds import c2d_round, connections_round, http_round, load_round, reports_round, stream_round
from servers import Hub, Mosquitto, Nginx, Proton

RATE, CPU, P50, P99, SIZE, SECONDS = "per_second", "cpu_us", "p50_ms", "p99_ms", "kilobytes", "seconds"


# ---- what is compared ----

def made(options, shape, **how):
    devices = shape.get("devices", shape["connections"])
    return Hub(os.path.join(options.binaries, "millrace"), devices, **how)


def hub(options, shape):
    return made(options, shape)


def hub_tls(options, shape):
    return made(options, shape, tls=True)


def hub_amqp(options, shape):
    return made(options, shape, amqp=True)


def hub_stream(options, shape):
    return made(options, shape, settings=["--events.partitions", "1"])


def hub_rooms(options, shape):
    return made(options, shape, tags=lambda n: {"room": f"r{n % (shape['devices'] // 10)}", "floor": n % 7})


def mosquitto(options, shape):
    return Mosquitto()


def mosquitto_tls(options, shape):
    return Mosquitto(tls=True)


def nginx(options, shape):
    return Nginx()


def proton(options, shape):
    return Proton(options.binaries)


# ---- shapes ----

SMALL = {"connections": 10, "in-flight": 64, "size": 256}
MANY = {"connections": 50, "in-flight": 100, "size": 256}
FEW = {"connections": 4, "in-flight": 20, "size": 256}
ONE = {"connections": 1, "in-flight": 1000, "size": 256}
STREAM = {"connections": 10, "size": 256, "messages": 1000000, "credit": 1000}
IDLE = {"connections": 2000, "at-once": 64}
STORM = {"connections": 10000, "at-once": 10000}

METHOD = json.dumps({"methodName": "echo", "responseTimeoutInSeconds": 30, "payload": {"value": 1}})
DESIRED = '{"properties":{"desired":{"value":{count}}}}'
ROOM = '{"query":"SELECT * FROM devices WHERE tags.room = \'r{n}\'"}'
NEW_PATHS = '{"m{count}":{count},"m{before}":null}'  # the one before goes, so that the twin does not grow
SAME_PATHS = '{"value":{count},"state":"on"}'


def rest(connections, method, path, body=None, **more):
    request = ["--method", method, "--path", f"{path}?{iothub.API}"]
    return {"connections": connections, "request": request + (["--body", body] if body else []), **more}


READ = rest(32, "GET", "/devices/load-0", devices=1)
STATIC = {"connections": 32, "request": ["--path", "/static.json"]}


def read_round(options, make, profile, shape):
    return http_round(options, make, profile, STATIC if make is nginx else shape)


INGEST = [(RATE, "1/s", None, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]
TIMES = [(RATE, "1/s", None, "least"), (P50, "ms", None, "most"), (P99, "ms", None, "most"), (CPU, "us", None, "most")]
CONNECTED = [(SECONDS, "s", None, "most"), ("retries", "", None, "most"), (CPU, "us", None, "most")]


def with_goals(figures, **goals):
    return [(figure, unit, goals.get(figure), sense) for figure, unit, _, sense in figures]


BENCHMARKS = [
    # name, round, (side, profile), peer (side, profile) or None, shape, figures
    ("hub ingest QoS 1, memory", load_round, (hub, "memory"), (mosquitto, "memory"), SMALL,
     with_goals(INGEST, per_second=1500000, cpu_us=0.5)),
    ("hub ingest QoS 1, fsync", load_round, (hub, "fsync"), (mosquitto, "memory"), SMALL,
     with_goals(INGEST, per_second=500000, p99_ms=5)),
    ("hub ingest QoS 1, fsync, 50 connections", load_round, (hub, "fsync"), (mosquitto, "memory"), MANY,
     with_goals(INGEST, per_second=500000)),
    ("hub ingest QoS 1, fsync, peer saves", load_round, (hub, "fsync"), (mosquitto, "autosave"), FEW, INGEST),
    ("hub ingest QoS 1, fsync, TLS", load_round, (hub_tls, "fsync"), (mosquitto_tls, "memory"), SMALL, INGEST),
    ("hub ingest AMQP, memory, TLS", load_round, (hub_amqp, "memory"), (proton, "memory"), ONE,
     with_goals(INGEST, per_second=250000)),
    ("hub ingest AMQP, fsync, TLS", load_round, (hub_amqp, "fsync"), (proton, "memory"), ONE,
     with_goals(INGEST, per_second=250000)),
    ("hub ingest AMQP, fsync, TLS, 10 connections", load_round, (hub_amqp, "fsync"), (hub_tls, "fsync"), SMALL, INGEST),
    ("hub stream out, TLS", stream_round, (hub_stream, "fsync"), (proton, "memory"), STREAM,
     [(RATE, "1/s", 250000, "least"), (CPU, "us", None, "most")]),
    ("hub connections", connections_round, (hub, "fsync"), (mosquitto, "memory"), IDLE,
     [(SIZE, "kB", 8, "most"), (RATE, "1/s", 5000, "least"), (CPU, "us", None, "most")]),
    ("hub connections, TLS", connections_round, (hub_tls, "fsync"), (mosquitto_tls, "memory"), IDLE,
     [(SIZE, "kB", 45, "most"), (RATE, "1/s", None, "least"), (CPU, "us", None, "most")]),
    ("hub storm of 10,000", connections_round, (hub, "fsync"), (mosquitto, "memory"), STORM,
     [(SIZE, "kB", 8, "most")] + CONNECTED),
    ("hub storm of 10,000, TLS", connections_round, (hub_tls, "fsync"), (mosquitto_tls, "memory"), STORM,
     [(SIZE, "kB", 45, "most")] + CONNECTED),
    ("hub REST, device read, 32 connections", read_round, (hub, "fsync"), (nginx, "static"), READ,
     [(RATE, "1/s", 40000, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]),
    ("hub query, 10 of 20,000 devices", http_round, (hub_rooms, "fsync"), None,
     rest(4, "POST", "/devices/query", ROOM, devices=20000), TIMES),
    ("hub twin reported, same paths, 100 devices", reports_round, (hub, "fsync"), None,
     {"connections": 100, "body": SAME_PATHS}, with_goals(TIMES, per_second=5000)),
    ("hub twin reported, new paths, 100 devices", reports_round, (hub, "fsync"), None,
     {"connections": 100, "body": NEW_PATHS}, with_goals(TIMES, per_second=5000)),
    ("hub twin desired, 100 devices", http_round, (hub, "fsync"), None,
     rest(100, "PATCH", "/twins/load-{n}", DESIRED), with_goals(TIMES, per_second=5000)),
    ("hub C2D, 100 devices", c2d_round, (hub, "fsync"), None,
     {"connections": 100, "in-flight": 4, "size": 256}, TIMES),
    ("hub direct method, one at a time", http_round, (hub, "fsync"), None,
     rest(1, "POST", "/twins/load-0/methods", METHOD, device=True),
     [(P50, "ms", 0.5, "most"), (P99, "ms", 3, "most"), (CPU, "us", None, "most")]),
    ("hub direct method, 32 at a time", http_round, (hub, "fsync"), None,
     rest(32, "POST", "/twins/load-0/methods", METHOD, device=True, devices=1), TIMES),
]

"""One round of one side: the server is started, a load is put on it, and what both say is one dictionary.

`per_second` and the times are the load's; `cpu_us` is processor time of the server, as the kernel counts
it, for each unit that it did in all; `load_cpu_us` is the load's own: where it comes near the whole core,
the load is the limit.
"""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import iothub
from servers import LOAD_CORE, rss_bytes


def cpu_seconds(pid):
    """Of all its threads, by the nanosecond; /proc counts in hundredths, too coarse for a few seconds."""
    return time.clock_gettime(~pid << 3 | 2)


@contextlib.contextmanager
def served(options, make, profile, shape):
    """A server that runs, and its folder."""
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    server = make(options, shape)
    try:
        server.start(folder, profile)
        yield server, folder
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def load_command(options, program, arguments):
    return ["taskset", "-c", str(LOAD_CORE), os.path.join(options.binaries, "bench", program)] + arguments


def put_load(options, server, program, arguments):
    before = cpu_seconds(server.pid)
    done = subprocess.run(load_command(options, program, arguments), capture_output=True, text=True, timeout=120)
    used = cpu_seconds(server.pid) - before
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    got = json.loads(done.stdout)
    got["cpu_us"] = used * 1e6 / got["acknowledged"]
    got["rss_mb"] = rss_bytes(server.pid) / 1e6
    return got


def flags(shape, *names):
    return [text for name in names for text in (f"--{name}", str(shape[name]))]


def log_round(options, make, profile, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    command = [os.path.join(options.binaries, "bench", "bench_log"), os.path.join(folder, "log"), profile]
    command += [str(shape[k]) for k in ("records", "size", "in-flight")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- telemetry in, events out ----

def load_round(options, make, profile, shape):
    with served(options, make, profile, shape) as (server, _):
        arguments = ["--port", str(server.port), "--seconds", str(options.seconds)]
        arguments += flags(shape, "connections", "in-flight", "size")
        return put_load(options, server, server.generator, arguments + server.load)


def stream_round(options, make, profile, shape):
    """Reads what was written before: a hub's one partition, or what the peer makes up."""
    with served(options, make, profile, shape) as (server, folder):
        arguments = ["--port", str(server.amqp_port), "--ca", server.ca] + flags(shape, "messages", "credit")
        if hasattr(server, "owner"):
            fill(options, server, shape)
            path = os.path.join(folder, "service")
            with open(path, "w") as f:
                address = "millrace/ConsumerGroups/$Default/Partitions/0"
                f.write(iothub.service_account(server.owner, address))
            arguments += ["--accounts", path]
        return put_load(options, server, "bench_amqp_receive", arguments)


def fill(options, hub, shape):
    arguments = ["--port", str(hub.mqtt_port), "--messages", str(shape["messages"] // shape["connections"] + 1)]
    put_load(options, hub, "bench_mqtt_load", arguments + flags(shape, "connections", "size") + hub.load)


# ---- connections ----

def connections_round(options, make, profile, shape):
    """Bytes of memory for each connection that does nothing, and how fast they come."""
    with served(options, make, profile, shape) as (server, _):
        before, used = rss_bytes(server.pid), cpu_seconds(server.pid)
        arguments = ["--port", str(server.port), "--idle", "120"] + flags(shape, "connections", "at-once")
        load = subprocess.Popen(load_command(options, "bench_mqtt_load", arguments + server.load),
                                stdout=subprocess.PIPE, text=True)
        try:
            line = load.stdout.readline()
            if not line:
                raise RuntimeError("not all could connect")
            got = json.loads(line)
            got["cpu_us"] = (cpu_seconds(server.pid) - used) * 1e6 / shape["connections"]
            got["kilobytes"] = (rss_bytes(server.pid) - before) / 1e3 / shape["connections"]
            return got
        finally:
            load.kill()
            load.communicate()


# ---- REST, methods, twins, messages to devices ----

def http_round(options, make, profile, shape):
    with served(options, make, profile, shape) as (server, _), contextlib.ExitStack() as stack:
        if shape.get("device"):
            arguments = ["--port", str(server.port)] + server.load
            device = subprocess.Popen(load_command(options, "bench_method_device", arguments),
                                      stdout=subprocess.PIPE, text=True)
            stack.callback(device.communicate)
            stack.callback(device.kill)
            if device.stdout.readline().strip() != "ready":
                raise RuntimeError("the device could not connect")
        arguments = ["--seconds", str(options.seconds)] + flags(shape, "connections") + shape["request"]
        return put_load(options, server, "bench_http_load", server.rest() + arguments)


def reports_round(options, make, profile, shape):
    with served(options, make, profile, shape) as (server, _):
        arguments = ["--port", str(server.port), "--seconds", str(options.seconds)]
        arguments += flags(shape, "connections", "body") + server.load
        return put_load(options, server, "bench_twin_load", arguments)


def c2d_round(options, make, profile, shape):
    with served(options, make, profile, shape) as (server, folder):
        path = os.path.join(folder, "c2d-accounts")
        with open(server.accounts) as devices, open(path, "w") as f:
            f.write(iothub.service_account(server.owner, "-") + devices.read())
        arguments = ["--port", str(server.amqp_port), "--mqtt-port", str(server.mqtt_port), "--ca", server.ca]
        arguments += ["--seconds", str(options.seconds), "--accounts", path]
        return put_load(options, server, "bench_c2d_load",
                        arguments + flags(shape, "connections", "in-flight", "size"))

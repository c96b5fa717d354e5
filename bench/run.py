#!/usr/bin/env python3
"""Runs the benchmarks, each side by side with its peer: server on core 0, load on core 1.

    bench/run.py                    all of them, as a table
    bench/run.py --json FILE        and a JSON line for each figure
    bench/run.py --only ingest      those with that in their name
    bench/run.py --binaries DIR     where the release build is (build/release)

The figure of a run is the median of its rounds; rounds of the two sides take turns. Processor time of a
server is what /proc says it used, divided by all messages that it acknowledged.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import publisher
import rest
from servers import LOAD_CORE, SERVER_CORE, Hub, Missing, Mosquitto, cpu_seconds, rss_bytes

HERE = os.path.dirname(os.path.abspath(__file__))


# ---- one round of one side ----

def put_load(options, server, shape):
    command = ["taskset", "-c", str(LOAD_CORE), os.path.join(options.binaries, "bench", server.generator)]
    command += ["--port", str(server.port), "--seconds", str(options.seconds)]
    for name, value in shape.items():
        command += [f"--{name}", str(value)]
    before = cpu_seconds(server.pid)
    done = subprocess.run(command + server.load, capture_output=True, text=True, timeout=120)
    used = cpu_seconds(server.pid) - before
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    got = json.loads(done.stdout)
    got["cpu_us"] = used * 1e6 / got["acknowledged"]
    got["rss_mb"] = rss_bytes(server.pid) / 1e6
    return got


def load_round(options, make, profile, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    server = make(options, shape)
    try:
        server.start(folder, profile)
        return put_load(options, server, shape)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def connections_round(options, make, profile, shape):
    """Bytes of memory for each connection that does nothing, and how fast they come."""
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    server, load = make(options, shape), None
    try:
        server.start(folder, profile)
        before, used = rss_bytes(server.pid), cpu_seconds(server.pid)
        command = ["taskset", "-c", str(LOAD_CORE), os.path.join(options.binaries, "bench", "bench_mqtt_load")]
        command += ["--port", str(server.port), "--connections", str(shape["connections"]), "--idle", "60"]
        load = subprocess.Popen(command + server.load, stdout=subprocess.PIPE, text=True)
        line = load.stdout.readline()
        if not line:
            raise RuntimeError("not all could connect")
        got = json.loads(line)
        got["cpu_us"] = (cpu_seconds(server.pid) - used) * 1e6 / shape["connections"]
        got["kilobytes"] = (rss_bytes(server.pid) - before) / 1e3 / shape["connections"]
        return got
    finally:
        if load:
            load.kill()
            load.communicate()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


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


# ---- what is compared ----

def hub(options, shape):
    return Hub(os.path.join(options.binaries, "millrace"), shape["connections"])


def hub_tls(options, shape):
    return Hub(os.path.join(options.binaries, "millrace"), shape["connections"], tls=True)


def hub_amqp(options, shape):
    return Hub(os.path.join(options.binaries, "millrace"), shape["connections"], tls=True, amqp=True)


def mosquitto(options, shape):
    return Mosquitto()


def mosquitto_tls(options, shape):
    return Mosquitto(tls=True)


def nothing(options, shape):
    return None


SMALL = {"connections": 10, "in-flight": 64, "size": 256}
MANY = {"connections": 50, "in-flight": 100, "size": 256}
IDLE = {"connections": 2000}
APPENDS = {"records": 1000000, "size": 256, "in-flight": 640}

# (figure of a round, unit, goal, is the goal a least or a most)
RATE, CPU, P99, SIZE = "per_second", "cpu_us", "p99_ms", "kilobytes"

BENCHMARKS = [
    # name, round, (side, profile), peer (side, profile) or None, shape, figures
    ("log append, fsync", log_round, (nothing, "fsync"), None, APPENDS,
     [(RATE, "1/s", 500000, "least"), ("loop_cpu_us", "us", 0.2, "most"), (P99, "ms", 5, "most")]),
    ("log append, memory", log_round, (nothing, "memory"), None, APPENDS,
     [(RATE, "1/s", 1500000, "least")]),
    ("hub ingest QoS 1, memory", load_round, (hub, "memory"), (mosquitto, "memory"), SMALL,
     [(RATE, "1/s", 1500000, "least"), (CPU, "us", 0.5, "most"), (P99, "ms", None, "most")]),
    ("hub ingest QoS 1, fsync", load_round, (hub, "fsync"), (mosquitto, "memory"), SMALL,
     [(RATE, "1/s", 500000, "least"), (CPU, "us", None, "most"), (P99, "ms", 5, "most")]),
    ("hub ingest QoS 1, fsync, 50 connections", load_round, (hub, "fsync"), (mosquitto, "memory"), MANY,
     [(RATE, "1/s", 500000, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]),
    ("hub ingest QoS 1, fsync, peer saves", load_round, (hub, "fsync"), (mosquitto, "autosave"),
     {"connections": 4, "in-flight": 20, "size": 256},
     [(RATE, "1/s", None, "least"), (P99, "ms", None, "most")]),
    ("hub ingest QoS 1, fsync, TLS", load_round, (hub_tls, "fsync"), (mosquitto_tls, "memory"), SMALL,
     [(RATE, "1/s", None, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]),
    ("hub ingest AMQP, fsync, TLS", load_round, (hub_amqp, "fsync"), (hub_tls, "fsync"), SMALL,
     [(RATE, "1/s", None, "least"), (CPU, "us", None, "most"), (P99, "ms", None, "most")]),
    ("hub connections", connections_round, (hub, "fsync"), (mosquitto, "memory"), IDLE,
     [(SIZE, "kB", 8, "most"), (RATE, "1/s", 5000, "least"), (CPU, "us", None, "most")]),
    ("hub connections, TLS", connections_round, (hub_tls, "fsync"), (mosquitto_tls, "memory"), IDLE,
     [(SIZE, "kB", 45, "most"), (RATE, "1/s", None, "least"), (CPU, "us", None, "most")]),
    *publisher.BENCHMARKS,
    *rest.BENCHMARKS,
]


# ---- rounds and results ----

def try_round(options, run, side, shape, what):
    if side is None:
        return None
    make, profile = side
    try:
        return run(options, make, profile, shape)
    except Missing as e:
        print(f"# {what}: {e} is not there", file=sys.stderr)
    except (RuntimeError, OSError, subprocess.SubprocessError) as e:
        print(f"# {what}: {e}", file=sys.stderr)
    return None


def median(rounds, figure):
    values = [r[figure] for r in rounds if r and figure in r]
    return statistics.median(values) if values else None


def compare(options, benchmark):
    name, run, side, peer, shape, figures = benchmark
    ours, theirs = [], []
    for _ in range(options.rounds):
        ours.append(try_round(options, run, side, shape, name))
        theirs.append(try_round(options, run, peer, shape, f"{name}, peer"))
    for figure, unit, goal, sense in figures:
        value, other = median(ours, figure), median(theirs, figure)
        met = None
        if value is not None and goal is not None:
            met = value >= goal if sense == "least" else value <= goal
        yield {
            "name": f"{name}: {figure}",
            "value": value,
            "unit": unit,
            "peer": f"{peer[0].__name__} ({peer[1]})" if peer else None,
            "peer_value": other,
            "ratio": value / other if value and other else None,
            "goal": goal,
            "met": met,
        }


def show(number):
    if number is None:
        return "-"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def print_row(r):
    met = {None: "", True: "met", False: "MISSED"}[r["met"]]
    print(f"{r['name']:<58}{show(r['value']):>12} {r['unit']:<4}{show(r['peer_value']):>12}"
          f"{show(r['ratio']):>9}{show(r['goal']):>12}  {met:<7} {r['peer'] or ''}", flush=True)


def parse_arguments():
    p = argparse.ArgumentParser(description="benchmarks side by side", epilog=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binaries", "--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--only", action="append", default=[], help="part of a name; may be repeated")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=4, help="of each round")
    p.add_argument("--json", help="append JSON lines to this file")
    p.add_argument("--folder", default=None, help="for the servers' files; must be a real disk")
    p.add_argument("--list", action="store_true")
    options = p.parse_args()
    options.binaries = os.path.abspath(options.binaries)
    return options


def main():
    options = parse_arguments()
    chosen = [b for b in BENCHMARKS if not options.only or any(o in b[0] for o in options.only)]
    if options.list:
        print("\n".join(b[0] for b in chosen))
        return 0
    print(f"# server on core {SERVER_CORE}, load on core {LOAD_CORE}, median of {options.rounds}")
    if os.getloadavg()[0] > 0.7:
        print(f"# the machine is busy (load average {os.getloadavg()[0]:.1f}): rates are too low, "
              "latencies too high; processor time is the steadier figure")
    print(f"{'figure':<58}{'value':>12} {'unit':<4}{'peer':>12}{'ratio':>9}{'goal':>12}")
    missed = 0
    for benchmark in chosen:
        for row in compare(options, benchmark):
            print_row(row)
            missed += row["met"] is False or row["value"] is None
            if options.json:
                with open(options.json, "a") as f:
                    f.write(json.dumps(row) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

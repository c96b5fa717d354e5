#!/usr/bin/env python3
"""Runs the benchmarks, each side by side with its peer: server on core 0, load on core 1.

    bench/run.py                    all of them, as a table
    bench/run.py WORD...            those with one of the words in their name: hub, twin, "hub storm"
    bench/run.py --json FILE        and a JSON line for each figure
    bench/run.py --binaries DIR     where the release build is (build/release)

The figure of a run is the median of its rounds; rounds of the two sides take turns. Processor time of a
server is what the kernel says it used, divided by all that it did.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

import discovery
import encoder
import hub
import publisher
import publisher_items
import twin
from rounds import log_round
from servers import LOAD_CORE, SERVER_CORE, Missing

HERE = os.path.dirname(os.path.abspath(__file__))


def nothing(options, shape):
    return None


APPENDS = {"records": 1000000, "size": 256, "in-flight": 640}

BENCHMARKS = [
    # name, round, (side, profile), peer (side, profile) or None, shape,
    # (figure of a round, unit, goal, is the goal a least or a most, or so many times the peer's)
    ("log append, fsync", log_round, (nothing, "fsync"), None, APPENDS,
     [("per_second", "1/s", 500000, "least"), ("loop_cpu_us", "us", 0.2, "most"), ("p99_ms", "ms", 5, "most")]),
    ("log append, memory", log_round, (nothing, "memory"), None, APPENDS,
     [("per_second", "1/s", 1500000, "least")]),
    *hub.BENCHMARKS,
    *publisher.BENCHMARKS,
    *publisher_items.BENCHMARKS,
    *encoder.BENCHMARKS,
    *discovery.BENCHMARKS,
    *twin.BENCHMARKS,
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
        ratio = value / other if value and other else None
        judged = ratio if sense == "times" else value
        met = None
        if judged is not None and goal is not None:
            met = judged <= goal if sense == "most" else judged >= goal
        yield {
            "name": f"{name}: {figure}",
            "value": value,
            "unit": unit,
            "peer": f"{peer[0].__name__} ({peer[1]})" if peer else None,
            "peer_value": other,
            "ratio": ratio,
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
    p.add_argument("words", nargs="*", metavar="WORD", help="part of a name; without one: all")
    p.add_argument("--only", action="append", default=[], metavar="WORD", help="the same")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=4, help="of each round")
    p.add_argument("--json", help="append JSON lines to this file")
    p.add_argument("--folder", default=None, help="for the servers' files; must be a real disk")
    p.add_argument("--list", action="store_true")
    options = p.parse_args()
    options.words += options.only
    options.binaries = os.path.abspath(options.binaries)
    return options


def main():
    options = parse_arguments()
    chosen = [b for b in BENCHMARKS if not options.words or any(w in b[0] for w in options.words)]
    if not chosen:
        print(f"no benchmark has {' or '.join(options.words)} in its name; --list shows all", file=sys.stderr)
        return 2
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

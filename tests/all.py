#!/usr/bin/env python3
"""All tests, after ./run has built them, several parts side by side. With WORDS: the parts with one of them in their name.
MILLRACE_TEST_FORM: "test" (short) or "long". The last line is "N passed, N failed".

Every part has folders and loopback addresses of its own, and waits for what it expects, so parts do not disturb each other.
Most of a part's time is waiting; hence one more than there are cores."""
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/tests"
LONG = os.environ.get("MILLRACE_TEST_FORM") == "long"
CORES = len(os.sched_getaffinity(0))
MATRIX = "tests/interop/matrix.test.mjs"

# Who takes long begins first, so that nobody is waited for alone at the end.
FIRST = ["unit", "interop-publisher_faults", "system-outage", "simulation", "interop-matrix-8-loops", "system-kill"]


def parts():
    """Name, command, seconds that it may take, what its environment has more."""
    hours = 4 * 3600 if LONG else 0
    yield "unit", ["ctest", "--test-dir", "build/dev", "--output-on-failure", "-j", str(CORES), "--timeout", "300"], 3600, {}
    yield ("simulation", ["build/release/tests/sim/sim_chain", "--seeds", "10000" if LONG else "200", "--minutes", "10",
                          "--jobs", str(CORES)], 3600, {})
    for script in sorted(ROOT.glob("tests/system/*_test.py")):
        yield f"system-{script.name.removesuffix('_test.py')}", ["python3", str(script)], hours or 900, {}
    # The matrix is where several loops have to be one hub; the others run on as many as there are cores.
    for loops in (8, 1) if LONG else (8,):
        yield f"interop-matrix-{loops}-loops", launched(MATRIX), 600, {"MILLRACE_HUB_OPTIONS": f"--loops {loops}"}
    for script in sorted(ROOT.glob("tests/interop/*.test.mjs")):
        if script != ROOT / MATRIX:
            yield f"interop-{script.name.removesuffix('.test.mjs')}", launched(script), hours or 600, {}


def launched(script):
    return ["node", "tests/interop/launch.mjs", str(script)]


def run(name, command, seconds, environment):
    """True when it passed. A part is a session of its own: when its time is over, all that it started ends with it."""
    began = time.monotonic()
    path = LOGS / f"{name}.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ, **environment), start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        running.add(process)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            log.write(f"\nended: it took more than {seconds} s\n".encode())
        running.discard(process)
    took = f"({time.monotonic() - began:.0f} s)"
    if code == 0:
        print(f"passed  {name}  {took}", flush=True)
        return True
    lines = path.read_text(errors="replace").splitlines()[-60:]
    print("\n".join([f"FAILED  {name}  {took}, the end of {path.relative_to(ROOT)}:", *(f"    {line}" for line in lines)]), flush=True)
    return False


running = set()


def interrupt(*_):
    raise KeyboardInterrupt


def main(words):
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MILLRACE", str(ROOT / "build/release/millrace"))
    chosen = [p for p in parts() if not words or any(w in p[0] for w in words)]
    if not chosen:
        sys.exit(f"all.py: no part has {' or '.join(words)} in its name")
    chosen.sort(key=lambda p: FIRST.index(p[0]) if p[0] in FIRST else len(FIRST))
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt) # also where whoever started it ignores that
    with ThreadPoolExecutor(CORES + 1) as pool:
        try:
            passed = list(pool.map(lambda p: run(*p), chosen))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                os.killpg(process.pid, signal.SIGTERM)
            sys.exit(130)
    print(f"{passed.count(True)} passed, {passed.count(False)} failed")
    sys.exit(False in passed)


main(sys.argv[1:])

"""100,000 monitored items on one and on ten servers: until all are live, changed in place, and gone.

The wall clock is the plant's, too: its stack makes and forgets items on the core that all servers share, so
processor time is the publisher's own figure. It looks for an item that is to be modified in a list of all those of
the subscription: for 100,000 items in subscriptions of 10,000 that is about a minute of its core, so beside it the time until all
are modified says nothing about the publisher, and has no goal. The rows that have one are beside bench_opcua_source, which knows
its items by their numbers. The metrics are counted once a second: up to one is too many.
`rss_mb` is what it has two seconds after all are live, `rss_peak_mb` the most that it had until then.
"""
import contextlib
import json
import os
import shutil
import tempfile
import time
import urllib.request

import publisher
from rounds import cpu_seconds
from servers import SERVER_CORE, free_port, rss_bytes


MODIFY_SECONDS = 300


def read_metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"millrace_publisher_{name} "):
                return float(line.split()[1])
    return None


def until_metric(gateway, port, name, value, limit=publisher.LIVE_SECONDS):
    """Seconds until it has that value; the figures are counted once a second, so up to one too many."""
    begun = time.monotonic()
    while True:
        with contextlib.suppress(OSError):
            if read_metric(port, name) == value:
                return time.monotonic() - begun
        if gateway.process.poll() is not None:
            gateway.ended()
        if time.monotonic() - begun > limit:
            raise RuntimeError(f"{name} is not {value} within {limit} s")
        time.sleep(0.02)


def write_servers(path, urls, nodes, sampling):
    entries = [{"EndpointUrl": url, "UseSecurity": False, "OpcNodes": [
        {"Id": f"nsu={publisher.NAMESPACE};s=Load{n + 1}", "OpcSamplingInterval": sampling} for n in range(nodes)]} for url in urls]
    with open(path + ".new", "w") as f:
        json.dump(entries, f)
    os.rename(path + ".new", path)


def change(options, gateway, path, port, urls, shape):
    """The file is looked at once a second, too: what is told is from the moment that it was taken."""
    each, all_items = shape["nodes"], shape["nodes"] * len(urls)
    begun = cpu_seconds(gateway.pid)
    loads = read_metric(port, "config_loads_total")

    def taken(nodes, sampling):
        nonlocal loads, begun
        begun = cpu_seconds(gateway.pid)
        write_servers(path, urls if nodes else [], nodes, sampling)
        loads += 1
        until_metric(gateway, port, "config_loads_total", loads)

    taken(each, 2000)
    got = {"modify_s": until_metric(gateway, port, "items_modified_total", all_items, MODIFY_SECONDS),
           "modify_cpu_s": cpu_seconds(gateway.pid) - begun}
    taken(0, 2000)
    got["delete_s"] = until_metric(gateway, port, "items", 0)
    got["delete_cpu_s"] = cpu_seconds(gateway.pid) - begun
    return got


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024


def items_round(options, make, profile, shape):
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.folder)
    one = {"nodes": shape["nodes"], "interval": shape["interval"], "source": shape["source"]}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        urls = []
        for n in range(shape["servers"]):
            plant = publisher.start_plant(options, folder, one)
            stack.callback(plant.stop)
            urls.append(plant.line())
        sink = publisher.Sink(options, folder, one, False)
        stack.callback(sink.stop)
        command, environment = make(options, folder, urls[0], sink, one)
        path, port = os.path.join(folder, "publishednodes.json"), free_port()
        write_servers(path, urls, shape["nodes"], shape["interval"])
        command[command.index("--health.port") + 1] = str(port)
        gateway = publisher.Child(command, SERVER_CORE, os.path.join(folder, "gateway.log"), False, environment)
        stack.callback(gateway.stop)
        live_s = until_metric(gateway, port, "items_live", shape["nodes"] * len(urls))
        live_cpu_s = cpu_seconds(gateway.pid)
        time.sleep(publisher.WARM_SECONDS)
        got = {"live_s": live_s, "live_cpu_s": live_cpu_s, "rss_mb": rss_bytes(gateway.pid) / 1e6,
               "rss_peak_mb": peak_bytes(gateway.pid) / 1e6}
        got.update(change(options, gateway, path, port, urls, shape))
    return got


def row(servers, nodes, source):
    shape = {"servers": servers, "nodes": nodes, "interval": 1000, "source": source}
    figures = [("live_s", "s", 2, "most"), ("live_cpu_s", "s", 2, "most"), ("rss_mb", "MB", 64, "most"),
               ("rss_peak_mb", "MB", None, "most"),
               ("modify_s", "s", 2 if source else None, "most"), ("modify_cpu_s", "s", 2, "most"),
               ("delete_s", "s", 2, "most"), ("delete_cpu_s", "s", None, "most")]
    name = f"publisher, {servers * nodes // 1000} k items on {servers} server{'s' if servers > 1 else ''}"
    return (name + (" that only counts" if source else ""), items_round, (publisher.millrace, "plain"), None, shape, figures)


BENCHMARKS = [row(servers, 100000 // servers, source) for source in (False, True) for servers in (1, 10)]

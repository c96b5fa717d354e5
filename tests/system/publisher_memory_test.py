#!/usr/bin/env python3
"""What the publisher holds in memory stays the same while values pass: 200,000 monitored items on 20 servers for an
hour in the long form, a handful of them until so many values have passed in the short one."""
import http.client
import json
import os
import time

from platform_of_tests import LONG, Folder, Program, free_port, run_tests, wait_for
from site_of_tests import Plant

SERVERS, NODES, SAMPLING_MS = (20, 10000, 10000) if LONG else (2, 500, 50)
SETTLE_VALUES, VALUES = (12_000_000, None) if LONG else (50_000, 150_000)
HOUR_S = 3600
GROWN_KB_MAX = 4096


class Publisher(Program):
    """By itself, and its messages go nowhere: they are acknowledged at once."""

    def __init__(self, folder, urls):
        self.health = free_port()
        path = os.path.join(folder, "publishednodes.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump([{"EndpointUrl": url, "UseSecurity": False, "DataSetPublishingInterval": SAMPLING_MS, "OpcNodes": [
                {"Id": f"nsu=http://microsoft.com/Opc/OpcPlc/;s=Load{n + 1}", "OpcSamplingInterval": SAMPLING_MS} for n in range(NODES)]}
                for url in urls], f)
        super().__init__("publisher", folder, "--file", path, "--transport", "Null", "--health.port", self.health,
                         "--pki", os.path.join(folder, "pki"), "--queue.path", os.path.join(folder, "queue"))

    def metric(self, name):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=20)
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
            connection.close()
        except OSError:
            return 0
        return next((float(line.split(" ")[1]) for line in lines if line.startswith(name + " ")), 0)

    def values(self):
        assert self.alive(), self.text()[-2000:]
        return self.metric("millrace_publisher_sent_values_total")


def sample_for_an_hour(publisher):
    began, grown, first = time.monotonic(), 0, publisher.rss_kb()
    for minute in range(1, HOUR_S // 60 + 1):
        wait_for("a minute to pass", lambda: time.monotonic() - began >= 60 * minute, 120)
        rss = publisher.rss_kb()
        grown = max(grown, rss - first)
        print(f"minute {minute}: {rss} kB, {publisher.values():.0f} values", flush=True)
    return grown


def sample_until(publisher, values):
    first, grown = publisher.rss_kb(), 0
    while publisher.values() < values:
        grown = max(grown, publisher.rss_kb() - first)
        wait_for("more values", lambda before=publisher.values(): publisher.values() > before)
    return max(grown, publisher.rss_kb() - first)


def memory_is_flat():
    with Folder("memory") as folder:
        plants = []
        for n in range(SERVERS):
            home = os.path.join(folder, f"plant-{n}")
            os.mkdir(home)
            plants.append(Plant(home, "--nodes", NODES, "--interval", f"{SAMPLING_MS}ms", "--fast.nodes", 0, "--slow.nodes", 0,
                                "--events", "0s").start())
        publisher = Publisher(folder, [p.url for p in plants]).start()
        items = SERVERS * NODES
        wait_for("all items to be live", lambda: publisher.metric("millrace_publisher_items_live") == items, 300)
        wait_for("it to settle", lambda: publisher.values() > SETTLE_VALUES, 600)
        settled = publisher.rss_kb()
        grown = sample_for_an_hour(publisher) if LONG else sample_until(publisher, VALUES)
        gaps = publisher.metric("millrace_publisher_gaps_total") + publisher.metric("millrace_publisher_unknown_gaps_total")
        print(f"{items} items on {SERVERS} servers: {settled} kB when settled, grew by {grown} kB while {publisher.values():.0f} values "
              f"passed; {gaps:.0f} gaps")
        assert grown <= GROWN_KB_MAX, f"grew by {grown} kB"
        assert publisher.stop() == 0
        for p in plants:
            assert p.stop() == 0


if __name__ == "__main__":
    run_tests(memory_is_flat)

#!/usr/bin/env python3
"""The hub is away for a minute while 1,000 values a second are published: nothing is lost, memory stays bounded,
and the backlog drains when it is back."""
import time

from platform_of_tests import LONG, Edge, Folder, Hub, run_tests, wait_for
from site_of_tests import Opc, Plant, assert_no_gap, entry, numbered, read_events, values_of

AWAY_S = 600 if LONG else 60
NODES = 100 # each counts ten times a second


def a_minute_without_the_hub_loses_nothing():
    with Folder("outage") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        plant = Plant(folder, "--nodes", NODES, "--interval", "100ms").start()
        opc = Opc(folder, hub, edge, [entry(plant, [f"Load{i + 1}" for i in range(NODES)])]).start()
        wait_for("values at the hub", lambda: edge.metric("millrace_edge_sent_total") > 20)
        before_kb = {p.word: p.rss_kb() for p in (edge, opc)}
        assert hub.stop() == 0
        began, taken = time.monotonic(), edge.metric("millrace_edge_messages_total")
        wait_for("the time without the hub to pass", lambda: time.monotonic() - began > AWAY_S, AWAY_S + 30)
        away = edge.metric("millrace_edge_messages_total") - taken
        backlog = edge.metric("millrace_edge_backlog")
        assert backlog >= away * 0.9 and away > AWAY_S, f"{away} messages were taken, {backlog} wait"
        for p in (edge, opc):
            grown = p.rss_kb() - before_kb[p.word]
            assert grown < 64_000, f"{p.word} grew by {grown} kB while the hub was away"
        hub.start()
        returned = time.monotonic()
        wait_for("the backlog to drain", lambda: edge.metric("millrace_edge_backlog") < 20, 60)
        drained = time.monotonic() - returned
        assert opc.stop() == 0
        wait_for("the rest to drain", lambda: edge.metric("millrace_edge_backlog") == 0, 30)
        events = read_events(hub)
        numbers, doubles = numbered(events)
        assert_no_gap(numbers)
        series = values_of(events)
        assert len(series) == NODES
        for field, values in series.items():
            for a, b in zip(values, values[1:]):
                assert b == a + 1, f"{field} goes from {a} to {b}"
        values = sum(len(v) for v in series.values())
        print(f"away {AWAY_S} s, backlog {backlog:.0f} messages drained in {drained:.1f} s, {values} values, "
              f"{doubles} doubles, none missing")
        for program in (edge, hub, plant):
            assert program.stop() == 0, program.word


if __name__ == "__main__":
    run_tests(a_minute_without_the_hub_loses_nothing)

#!/usr/bin/env python3
"""Hub, edge and publisher are killed (-9) in turn at random moments under load: what was acknowledged arrives, in order."""
import random
import threading
import time

import mqtt
from platform_of_tests import LONG, Edge, Folder, Hub, run_tests, wait_for
from site_of_tests import Opc, Plant, assert_no_gap, entry, numbered, read_events, values_of

KILLS_EACH = 150 if LONG else 10
MODULES = 3
WINDOW = 32


class Sender(threading.Thread):
    """A module that counts. Keeps what is not acknowledged and sends it again, as the SDKs do."""

    def __init__(self, edge, host, name, key):
        super().__init__(daemon=True)
        self.edge, self.host, self.name_, self.key = edge, host, name, key
        self.given = 0          # numbers given out
        self.acknowledged = set()
        self.waiting = []       # numbers on their way, oldest first
        self.quiet = False

    def connect(self):
        while True:
            try:
                c = mqtt.Client(self.edge.address, ca=self.edge.ca, seconds=15)
                if c.connect(self.host, "edge", self.key, self.name_) == 0:
                    return c
                c.close()
            except OSError:
                pass
            time.sleep(0.05)

    def run(self):
        while not (self.quiet and not self.waiting):
            c = self.connect()
            try:
                self.talk(c)
            except OSError:
                pass
            c.close()

    def talk(self, c):
        ids = {}
        for n in self.waiting:
            ids[c.publish(str(n).encode())] = n
        while not (self.quiet and not self.waiting):
            while len(self.waiting) < WINDOW and not self.quiet:
                self.given += 1
                self.waiting.append(self.given)
                ids[c.publish(str(self.given).encode())] = self.given
            packet_id = c.acknowledged()
            if packet_id is None:
                return
            n = ids.pop(packet_id)
            self.acknowledged.add(n)
            self.waiting.remove(n)


def acknowledged(senders):
    return sum(len(s.acknowledged) for s in senders)


def check(senders, events):
    doubles = 0
    for s in senders:
        seen, newest = set(), 0
        for e in events:
            if e["module"] != s.name_:
                continue
            n = int(e["body"])
            if n in seen:
                doubles += 1
                continue
            assert n > newest, f"{s.name_}: {n} came for the first time after {newest}"
            newest = n
            seen.add(n)
        lost = s.acknowledged - seen
        assert not lost, f"{s.name_}: {len(lost)} acknowledged and lost, such as {sorted(lost)[:5]}"
    return doubles


def nothing_acknowledged_is_lost_when_hub_and_edge_are_killed():
    with Folder("kill") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        senders = []
        for i in range(MODULES):
            key = hub.create_module("edge", f"m{i}")["authentication"]["symmetricKey"]["primaryKey"]
            senders.append(Sender(edge, hub.address, f"m{i}", key))
        for s in senders:
            s.start()
        for _ in range(KILLS_EACH):
            for program in (edge, hub):
                goal = acknowledged(senders) + random.randint(1, 8000)
                wait_for("the load to go on", lambda: acknowledged(senders) > goal, 60)
                program.kill()
                program.start()
        for s in senders:
            s.quiet = True
        for s in senders:
            s.join(60)
            assert not s.is_alive(), "a sender is still waiting"
        wait_for("the edge's backlog to drain", lambda: edge.metric("millrace_edge_backlog") == 0, 60)
        events = read_events(hub)
        doubles = check(senders, events)
        print(f"{2 * KILLS_EACH} kills, {sum(len(s.acknowledged) for s in senders)} acknowledged, "
              f"{len(events)} arrived, {doubles} doubles, none lost")
        assert edge.stop() == 0
        assert hub.stop() == 0


def what_the_publisher_handed_over_survives_all_kills():
    """Within one life of the publisher its messages are numbered: none is missing, whoever was killed."""
    with Folder("kill-chain") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        plant = Plant(folder, "--nodes", 20, "--interval", "50ms").start()
        opc = Opc(folder, hub, edge, [entry(plant, [f"Load{i + 1}" for i in range(20)])]).start()
        for _ in range(KILLS_EACH):
            for program in (opc, edge, hub):
                goal = edge.metric("millrace_edge_messages_total") + random.randint(1, 12)
                wait_for("messages to flow", lambda: edge.metric("millrace_edge_messages_total") >= goal, 60)
                program.kill()
                program.start()
        assert opc.stop() == 0
        wait_for("the edge's backlog to drain", lambda: edge.metric("millrace_edge_backlog") == 0, 60)
        events = read_events(hub)
        numbers, doubles = numbered(events)
        assert len(numbers) > KILLS_EACH, "every life of the publisher is an epoch of its own"
        assert_no_gap(numbers)
        for field, values in values_of(events).items():
            assert all(b > a for a, b in zip(values, values[1:])), f"{field} goes back"
        print(f"{3 * KILLS_EACH} kills, {len(events)} messages of {len(numbers)} lives, {doubles} doubles, none missing")
        for program in (edge, hub, plant):
            assert program.stop() == 0, program.word


if __name__ == "__main__":
    run_tests(nothing_acknowledged_is_lost_when_hub_and_edge_are_killed,
              what_the_publisher_handed_over_survives_all_kills)

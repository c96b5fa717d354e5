#!/usr/bin/env python3
"""What the hub refuses of one module or device below an edge holds up no other: deleted, disabled, made again."""
import mqtt
from platform_of_tests import Edge, Folder, Hub, run_tests, wait_for
from site_of_tests import read_events

ANY = {"If-Match": "*"}
KNOCKS = 30


def key_of(identity):
    return identity["authentication"]["symmetricKey"]["primaryKey"]


def connected(edge, hub, device, key, module=None):
    c = mqtt.Client(edge.address, ca=edge.ca)
    assert c.connect(hub.address, device, key, module) == 0
    return c


def signs_in(edge, hub, device, key, module=None):
    """As soon as it may."""
    def once():
        c = mqtt.Client(edge.address, ca=edge.ca)
        if c.connect(hub.address, device, key, module) == 0:
            return c
        c.close()
        return None
    return wait_for(f"{device}/{module} to be let in", once)


def send(c, numbers):
    for n in numbers:
        c.publish(str(n).encode())
    for n in numbers:
        assert c.acknowledged(), f"{n} was not acknowledged"


def drained(edge):
    wait_for("all to be sent or set aside", lambda: edge.metric("millrace_edge_backlog") == 0)


def of(events, device, module=None):
    return [int(e["body"]) for e in events if e["device"] == device and e.get("module") == module]


def first_of_each(numbers):
    return list(dict.fromkeys(numbers))


def who_is_deleted_wedges_nobody():
    with Folder("edge-gone") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        keys = {m: key_of(hub.create_module("edge", m)) for m in ("good", "gone")}
        good, gone = (connected(edge, hub, "edge", keys[m], m) for m in ("good", "gone"))
        wait_for("both connections to the hub", lambda: edge.text().count("hub connected device=edge/") >= 2)
        assert hub.stop() == 0
        send(gone, range(5))
        send(good, range(5))
        assert edge.metric("millrace_edge_backlog") == 10
        assert edge.stop() == 0
        hub.start()
        assert hub.request("DELETE", "/devices/edge/modules/gone", headers=ANY)[0] == 204
        edge.start()
        good = connected(edge, hub, "edge", keys["good"], "good")
        for begin in range(5, 10005, 1000):  # more than the ring of messages in flight holds
            send(good, range(begin, begin + 1000))
        drained(edge)
        assert edge.metric("millrace_edge_set_aside_total") == 5
        assert edge.text().count("it sent is set aside device=edge/gone") == 1, "one line an id"
        # Made again, it is let in, and what it sends goes up.
        again = key_of(hub.create_module("edge", "gone"))
        send(signs_in(edge, hub, "edge", again, "gone"), range(100, 105))
        drained(edge)
        events = read_events(hub)
        assert first_of_each(of(events, "edge", "good")) == list(range(10005))
        assert of(events, "edge", "gone") == list(range(100, 105))
        assert edge.metric("millrace_edge_set_aside_total") == 5
        assert edge.stop() == 0
        assert hub.stop() == 0


def deleted_while_it_is_connected_it_is_sent_away():
    with Folder("edge-deleted") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        key = key_of(hub.create_module("edge", "m"))
        c = connected(edge, hub, "edge", key, "m")
        send(c, range(3))
        drained(edge)
        assert hub.request("DELETE", "/devices/edge/modules/m", headers=ANY)[0] == 204
        assert c.read() is None, "its session at the edge ends"
        c = mqtt.Client(edge.address, ca=edge.ca)
        assert c.connect(hub.address, "edge", key, "m") in (4, 5)
        # With another key under the same name: the new one is let in, the old one is not.
        other = key_of(hub.create_module("edge", "m"))
        send(signs_in(edge, hub, "edge", other, "m"), range(3, 6))
        c = mqtt.Client(edge.address, ca=edge.ca)
        assert c.connect(hub.address, "edge", key, "m") in (4, 5)
        drained(edge)
        assert edge.stop() == 0
        assert hub.stop() == 0


def who_is_disabled_waits_alone():
    with Folder("edge-disabled") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        scope = hub.request("GET", "/devices/edge")[1]["deviceScope"]
        keys = {d: key_of(hub.create_device(d, deviceScope=scope)) for d in ("on", "off")}
        on, off = (signs_in(edge, hub, d, keys[d]) for d in ("on", "off"))
        wait_for("both connections to the hub", lambda: edge.text().count("hub connected device=") >= 2)
        assert hub.stop() == 0
        send(off, range(1500))  # more than one connection has in flight
        send(on, range(10))
        assert edge.stop() == 0
        hub.start()
        identity = hub.request("GET", "/devices/off")[1]
        assert hub.request("PUT", "/devices/off", {**identity, "status": "disabled"}, headers=ANY)[0] == 200
        edge.start()
        on = connected(edge, hub, "on", keys["on"])
        for begin in range(10, 9010, 1000):
            send(on, range(begin, begin + 1000))
        wait_for("the other one's to be sent", lambda: edge.metric("millrace_edge_sent_total") == 9010)
        assert edge.metric("millrace_edge_backlog") > 0 and edge.metric("millrace_edge_set_aside_total") == 0
        c = mqtt.Client(edge.address, ca=edge.ca)
        assert c.connect(hub.address, "off", keys["off"]) in (4, 5), "nor is it let in here"
        identity = hub.request("GET", "/devices/off")[1]
        assert hub.request("PUT", "/devices/off", {**identity, "status": "enabled"}, headers=ANY)[0] == 200
        send(signs_in(edge, hub, "off", keys["off"]), range(1500, 1510))
        drained(edge)
        events = read_events(hub)
        assert first_of_each(of(events, "on")) == list(range(9010))
        assert of(events, "off") == list(range(1510)), "in order, each once"
        assert edge.metric("millrace_edge_set_aside_total") == 0
        assert edge.stop() == 0
        assert hub.stop() == 0


def a_stranger_who_knocks_costs_the_hub_little():
    with Folder("edge-stranger") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        key = key_of(hub.create_module("edge", "known"))

        def asked():
            return edge.metric("millrace_edge_identity_requests_total")

        before = asked()
        for _ in range(KNOCKS):
            c = mqtt.Client(edge.address, ca=edge.ca)
            assert c.connect(hub.address, "nobody", key) in (4, 5)
            c.close()
        assert 0 < asked() - before < KNOCKS / 3, f"{KNOCKS} knocks, {asked() - before} requests"
        connected(edge, hub, "edge", key, "known")
        assert edge.stop() == 0
        assert hub.stop() == 0


if __name__ == "__main__":
    run_tests(who_is_deleted_wedges_nobody, deleted_while_it_is_connected_it_is_sent_away, who_is_disabled_waits_alone,
              a_stranger_who_knocks_costs_the_hub_little)

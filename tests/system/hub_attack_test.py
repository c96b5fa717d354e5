#!/usr/bin/env python3
"""The hub's AMQP, REST and blobs under clients that are broken or hostile: each refusal is named, a healthy device
is acknowledged all the while, and what they took comes back."""
import http.client
import json
import os
import resource
import socket
import struct

import amqp
import mqtt
from attack_test import MB, Neighbour, tls
from platform_of_tests import MILLRACE, Folder, Hub, run_tests, sas, wait_for

MUCH = 48 * MB if "release" in MILLRACE else 400 * MB  # a sanitizer keeps what was freed


def who_holds_all_connections_leaves_the_disk_its_descriptors():
    """The first message of a partition opens a file."""
    with Folder("descriptors") as folder:
        was = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, was[1]))  # as a shell may have it
        hub = Hub(folder).start()
        resource.setrlimit(resource.RLIMIT_NOFILE, was)
        assert resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE)[0] == was[1], "it takes what it may have"
        key = hub.create_device("calm")["authentication"]["symmetricKey"]["primaryKey"]
        resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE, (300, 300))
        calm = mqtt.Client(hub.address, ca=hub.ca)
        assert calm.connect(hub.address, "calm", key) == 0
        held = [socket.create_connection((hub.address, hub.ports[("https", "amqp", "mqtt")[i % 3]]), timeout=5)
                for i in range(600)]
        wait_for("the hub to say so", lambda: "there are no more descriptors" in hub.text())
        assert calm.publish(b"x") == calm.acknowledged()
        said = hub.text().count("there are no more descriptors")
        assert said <= 6, f"said {said} times"  # a listener a loop
        for s in held:
            s.close()
        wait_for("the hub to serve again", hub.ready)
        assert hub.stop() == 0


def without_a_token_little_is_kept_of_messages_that_never_end():
    with Folder("partial") as folder:
        hub = Hub(folder).start()
        calm = Neighbour(hub)
        before = hub.rss_kb()
        held = []
        for _ in range(16):
            evil = amqp.Client(hub)
            held.append(evil)
            for link in range(30):
                evil.attach(link, False, "$cbs")
            for link in range(30):
                for _ in range(5):
                    evil.transfer(link, link, b"x" * 60000, more=True)
            assert evil.condition() == "amqp:resource-limit-exceeded"
        grown = hub.rss_kb() - before
        assert grown < MUCH, f"{grown} kB more"
        for evil in held:
            evil.close()
        calm.check()
        assert hub.stop() == 0


def memory_of_a_storm_goes_back_to_the_system():
    """Handshakes that never go on, until the hub closes them."""
    with Folder("storm") as folder:
        hub = Hub(folder).start()
        before = hub.rss_kb()
        held = []
        for _ in range(1000):
            s = socket.create_connection((hub.address, hub.ports["https"]), timeout=5)
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            held.append(s)
        wait_for("the storm to show", lambda: hub.rss_kb() > before + 10 * MB)
        for s in held:
            s.close()
        if "release" in MILLRACE:
            wait_for("its memory to be given back", lambda: hub.rss_kb() < before + 10 * MB)
        assert hub.stop() == 0


def refusals_do_not_fill_the_log():
    with Folder("refusals") as folder:
        hub = Hub(folder).start()
        calm = Neighbour(hub)
        owner = sas(hub.address, hub.policy_key(), "iothubowner")
        devices = sas(f"{hub.address}/devices/none", hub.policy_key())
        evil = amqp.Client(hub)
        evil.attach(0, False, "$cbs")
        evil.attach(1, True, "$cbs")
        evil.credit(1, 0x7fffffff)
        for i in range(3000):
            evil.transfer(0, i, amqp.put_token(devices, f"amqps://{hub.address}/devices/none{i}"))
        evil.transfer(0, 3000, amqp.put_token(owner, f"amqps://{hub.address}/"))
        wait_for("a line that says that there is more", lambda: "more=left-out" in hub.text())
        evil.close()
        calm.check()
        assert hub.stop() == 0
        seconds = {}
        for line in hub.text().splitlines():
            if "sign in refused" in line:
                seconds[line[:19]] = seconds.get(line[:19], 0) + 1
        assert seconds and max(seconds.values()) <= 100, seconds


def frames_that_mean_nothing_are_answered_with_what_is_wrong():
    with Folder("frames") as folder:
        hub = Hub(folder).start()
        calm = Neighbour(hub)
        key = hub.create_device("evil")["authentication"]["symmetricKey"]["primaryKey"]
        token = sas(f"{hub.address}/devices/evil", key)
        events = "/devices/evil/messages/events"
        for says, send in (
                ("amqp:session:unattached-handle", lambda c: c.transfer(77, 0, b"x")),
                ("amqp:session:unattached-handle", lambda c: c.credit(77, 1)),
                ("amqp:session:handle-in-use", lambda c: c.attach(0, False, events, "other")),
                ("amqp:connection:framing-error", lambda c: c.attach(0xffffffff, True, events)),
                ("amqp:connection:framing-error", lambda c: c.transfer(0, 0, b"x", channel=500)),
                ("amqp:connection:framing-error", lambda c: c.send(struct.pack(">IBBH", 0xffffffff, 2, 0, 0))),
                ("amqp:connection:framing-error", lambda c: c.send(struct.pack(">IBBH", 3, 2, 0, 0))),
                ("amqp:decode-error", lambda c: c.send(amqp.frame(b"\0" * 60000))),
                ("amqp:decode-error", lambda c: c.send(amqp.frame(b"\0\x53\x12\xd0" + b"\xff" * 8))),
                ("amqp:link:message-size-exceeded",
                 lambda c: [c.transfer(0, 0, b"x" * 60000, more=True) for _ in range(8)])):
            evil = amqp.Client(hub, (f"evil@sas.{hub.address.split('.', maxsplit=1)[0]}", token))
            evil.attach(0, False, events)
            evil.until(b"\0\x53\x13")  # it has credit
            send(evil)
            evil.until(says.encode())
            evil.close()
        calm.check()
        assert hub.stop() == 0


def bodies_that_are_broken_are_named_on_every_route():
    routes = (("POST", "/devices"), ("PUT", "/devices/d1"), ("PUT", "/devices/d1/modules/m1"), ("PATCH", "/twins/d1"),
              ("PUT", "/twins/d1"), ("POST", "/devices/query"), ("PUT", "/jobs/v2/j"), ("POST", "/jobs/create"),
              ("PUT", "/configurations/c"), ("POST", "/configurations/testQueries"), ("POST", "/twins/d1/methods"),
              ("POST", "/devices/d1/applyConfigurationContent"), ("PATCH", "/digitaltwins/d1"),
              ("PUT", "/certificates/c"), ("PUT", "/routing"), ("POST", "/routing/routes/$testall"))
    deep = '{"a":' * 20000 + "1" + "}" * 20000
    with Folder("bodies") as folder:
        hub = Hub(folder).start()
        calm = Neighbour(hub)
        hub.create_device("d1")
        token = sas(hub.address, hub.policy_key(), "iothubowner")
        connection = http.client.HTTPSConnection(hub.address, hub.ports["https"], context=hub.context(), timeout=20)
        for method, path in routes:
            for body in (b"{", b"\xff\xfe", b'"\\ud800"', b"-" * 10000, deep.encode(), b"[" * 100000, b'{"a":1e999999}'):
                connection.request(method, f"{path}?api-version=2021-04-12", body,
                                   {"Authorization": token, "Content-Type": "application/json"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
                assert answer.status in (400, 413), (method, path, body[:20], answer.status, said)
                assert said.get("Message", "").startswith("ErrorCode:"), (method, path, body[:20], said)
        connection.close()
        calm.check()
        assert hub.stop() == 0


def uploads_that_stop_hold_little_and_leave_nothing():
    with Folder("stalled") as folder:
        hub = Hub(folder).start()
        calm = Neighbour(hub)
        key = hub.create_device("evil")["authentication"]["symmetricKey"]["primaryKey"]
        status, place = hub.request("POST", "/devices/evil/files", {"blobName": "a"},
                                    token=sas(f"{hub.address}/devices/evil", key))
        assert status == 200, place
        signature = place["sasToken"].lstrip("?")

        def held_by_hub():
            files = sum(len(names) for _, _, names in os.walk(os.path.join(hub.data, "blobs")))
            return files + len(os.listdir(f"/proc/{hub.process.pid}/fd"))

        def put(path):
            s = tls(hub, "https")
            s.sendall(f"PUT /{place['containerName']}/{path}?{signature}&comp=block&blockid=AAAA HTTP/1.1\r\n"
                      f"Host: h\r\nContent-Length: 4000000\r\n\r\n".encode() + b"x" * 16000)
            return s

        for path in ("evil/..%2fb", "evil/%2e%2e/a/b", "evil/../../a", "calm/a", "%2e%2e/%2e%2e/registry.db"):
            assert put(path).recv(20).split()[1] in (b"400", b"403", b"404"), path
        before, had = hub.rss_kb(), held_by_hub()
        held = [put("evil/a") for _ in range(200)]
        wait_for("the uploads to begin", lambda: held_by_hub() >= had + 200)
        grown = hub.rss_kb() - before
        assert grown < MUCH, f"{grown} kB more"
        for s in held:
            s.close()
        wait_for("what they held to go", lambda: held_by_hub() <= had + 8)
        calm.check()
        assert hub.stop() == 0


if __name__ == "__main__":
    run_tests(who_holds_all_connections_leaves_the_disk_its_descriptors,
              without_a_token_little_is_kept_of_messages_that_never_end,
              memory_of_a_storm_goes_back_to_the_system,
              refusals_do_not_fill_the_log,
              frames_that_mean_nothing_are_answered_with_what_is_wrong,
              bodies_that_are_broken_are_named_on_every_route,
              uploads_that_stop_hold_little_and_leave_nothing)

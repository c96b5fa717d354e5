#!/usr/bin/env python3
"""Garbage, wrong keys, too much, and a full disk: a clear answer each, and nobody else is disturbed."""
import glob
import os
import random
import socket
import ssl
import subprocess

import mqtt
from platform_of_tests import Edge, Folder, Hub, run_tests, wait_for
from site_of_tests import Opc, Plant, entry

KEY_OF_NOBODY = "bm90IHRoZSBrZXkgYXQgYWxs"


def send_garbage(address, port, tls, seed):
    noise = random.Random(seed).randbytes(20000)
    if seed % 3 == 0:
        noise = b"\x10\xff\xff\xff\x7f" + noise  # a CONNECT of 256 MB
    if seed % 3 == 1:
        noise = b"AMQP\x00\x01\x00\x00\xff\xff\xff\xff\x02\x00\x00\x00" + noise
    try:
        with socket.create_connection((address, port), timeout=5) as s:
            if tls:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                s = context.wrap_socket(s)
            s.sendall(noise)
            s.settimeout(0.2)
            while s.recv(4096):
                pass
    except OSError:
        pass  # closed on us, as it should be


def garbage_on_every_port_disturbs_nobody():
    with Folder("garbage") as folder:
        hub = Hub(folder).start()
        key = hub.create_device("calm")["authentication"]["symmetricKey"]["primaryKey"]
        calm = mqtt.Client(hub.address, ca=hub.ca)
        assert calm.connect(hub.address, "calm", key) == 0
        for seed in range(30):
            for port in hub.ports.values():
                send_garbage(hub.address, port, seed % 2 == 0, seed)
            sent = calm.publish(b"still here")
            assert calm.acknowledged() == sent
        assert hub.ready()
        calm.close()
        assert hub.stop() == 0


def wrong_key_unknown_device_and_too_large_a_message():
    with Folder("refused") as folder:
        hub = Hub(folder).start()
        key = hub.create_device("d1")["authentication"]["symmetricKey"]["primaryKey"]
        for device, wrong in (("d1", KEY_OF_NOBODY), ("nobody", key)):
            c = mqtt.Client(hub.address, ca=hub.ca)
            assert c.connect(hub.address, device, wrong) in (4, 5)
            c.close()
        assert "the token was made with another key" in hub.text()
        assert "no such identity" in hub.text()
        c = mqtt.Client(hub.address, ca=hub.ca)
        assert c.connect(hub.address, "d1", key) == 0
        assert c.acknowledged() if c.publish(b"x" * 200_000) else None
        c.publish(b"x" * 300_000)
        assert c.acknowledged() is None, "a message of 300 KB must end the connection"
        wait_for("a log line that says why", lambda: "TOO_LARGE" in hub.text())
        c = mqtt.Client(hub.address, ca=hub.ca)
        assert c.connect(hub.address, "d1", key) == 0
        c.publish(b"x", topic="devices/somebody-else/messages/events/")
        assert c.acknowledged() is None, "another device's topic must end the connection"
        assert hub.stop() == 0


def rest_says_what_is_wrong():
    with Folder("rest") as folder:
        hub = Hub(folder).start()
        for method, path, body, token, want in (
                ("GET", "/devices/none", None, "iothubowner", 404),
                ("GET", "/devices/none", None, None, 401),
                ("GET", "/devices/none", None, "device", 401),
                ("PUT", "/devices/a%2Fb", {"deviceId": "a/b"}, "iothubowner", 400),
                ("PUT", "/devices/x", {"deviceId": "y"}, "iothubowner", 400),
                ("PUT", "/devices/x", ["no object"], "iothubowner", 400),
                ("PUT", "/devices/x", {"deviceId": 5}, "iothubowner", 400),
                ("PUT", "/devices/x", {"capabilities": []}, "iothubowner", 400),
                ("PUT", "/devices/x", {"authentication": {"type": 7}}, "iothubowner", 400),
                ("DELETE", "/twins/x", None, "iothubowner", 405),
                ("GET", "/nothing/here", None, "iothubowner", 404)):
            status, answer = hub.request(method, path, body, token)
            assert status == want, (method, path, status, answer)
        assert hub.stop() == 0


def a_full_disk_holds_senders_back_and_loses_nothing():
    with Folder("full") as folder:
        disk = os.path.join(folder, "small")
        os.mkdir(disk)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk]).returncode:
            print("skipped: mounting a small disk needs root")
            return
        try:
            fill_it(folder, disk)
        finally:
            subprocess.run(["umount", "-l", disk], check=False)


def fill_it(folder, disk):
    hub = Hub(folder).start()
    edge = Edge(folder, hub, data=os.path.join(disk, "edge")).start()
    key = hub.create_module("edge", "m1")["authentication"]["symmetricKey"]["primaryKey"]
    c = mqtt.Client(edge.address, ca=edge.ca)
    assert c.connect(hub.address, "edge", key, "m1") == 0
    c.publish(b"first")
    assert c.acknowledged()
    hub.kill()
    sent, acknowledged = 1, 1
    c.socket.settimeout(3)
    try:
        while sent < 200:  # 12 MB into 6
            c.publish(b"%06d" % sent + b"x" * 60_000)
            sent += 1
            while sent - acknowledged >= 20 and c.acknowledged():
                acknowledged += 1
    except (TimeoutError, OSError):
        pass
    assert acknowledged < sent, "a disk of 6 MB took 12 MB"
    assert edge.alive() and edge.get("/healthz")[0] == 200
    hub.start()
    wait_for("the backlog to drain", lambda: edge.metric("millrace_edge_backlog") == 0, 60)

    def taken_again():
        again = mqtt.Client(edge.address, ca=edge.ca)
        try:
            assert again.connect(hub.address, "edge", key, "m1") == 0
            again.publish(b"after")
            return again.acknowledged()
        finally:
            again.close()

    wait_for("messages to be taken again, with room again", taken_again, 15)
    assert edge.stop() == 0
    assert hub.stop() == 0


def a_broken_configuration_leaves_what_runs_and_says_where():
    with Folder("config") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        plant = Plant(folder, "--nodes", 2, "--interval", "50ms", "--user", "maria", "--password", "right").start()
        opc = Opc(folder, hub, edge, [entry(plant, ["Load1"])]).start()

        def flows():
            before = edge.metric("millrace_edge_messages_total")
            wait_for("messages to flow", lambda: edge.metric("millrace_edge_messages_total") > before + 2)

        flows()
        opc.publish('[\n {"EndpointUrl": "opc.tcp://127.0.0.1:1",\n  "OpcNodes": [ {"Id": "i=1" ]\n }]')
        wait_for("the broken line to be named", lambda: "opc-published.json:3:" in opc.text())
        flows()
        good = entry(plant, ["Load1", "Load2"])
        opc.publish([good, entry(plant, ["Load2"], DataSetPublishingInterval="fast", DataSetWriterId="second")])
        wait_for("the wrong field to be named", lambda: "DataSetPublishingInterval" in opc.text())
        flows()
        opc.publish([good, entry(plant, ["Load2"], DataSetWriterId="third", OpcAuthenticationMode="UsernamePassword",
                                 OpcAuthenticationUsername="maria", OpcAuthenticationPassword="wrong"),
                     {"EndpointUrl": "opc.tcp://127.0.0.1:9", "OpcNodes": [{"Id": "i=2258"}]}])
        wait_for("a password to be kept from a server that is not trusted", lambda: "BadCertificateUntrusted" in opc.text())
        for certificate in glob.glob(f"{folder}/opc-pki/rejected/certs/*.der"):
            os.rename(certificate, certificate.replace("/rejected/", "/trusted/"))
        wait_for("the refused user", lambda: "BadUserAccessDenied" in opc.text() or "BadIdentityToken" in opc.text())
        assert "wrong" not in [w.strip('"') for w in opc.text().split()], "a password is in the log"
        flows()
        for program in (opc, edge, hub, plant):
            assert program.stop() == 0, program.word


if __name__ == "__main__":
    run_tests(garbage_on_every_port_disturbs_nobody, wrong_key_unknown_device_and_too_large_a_message,
              rest_says_what_is_wrong, a_full_disk_holds_senders_back_and_loses_nothing,
              a_broken_configuration_leaves_what_runs_and_says_where)

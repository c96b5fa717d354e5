#!/usr/bin/env python3
"""Peers that flood, stall and lie; files and settings that are broken: what is refused is named, and the rest runs on."""
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import mqtt
from platform_of_tests import MILLRACE, Edge, Folder, Hub, free_port, run_tests, sas, wait_for
from site_of_tests import Opc, Plant, entry

MB = 1024  # kB


def tls(hub, port):
    context = ssl.create_default_context(cafile=hub.ca)
    raw = socket.create_connection((hub.address, hub.ports[port]), timeout=5)
    return context.wrap_socket(raw, server_hostname=hub.address)


def until_closed(s, seconds=5):
    """What the peer says until it closes; fails when it does not."""
    s.settimeout(seconds)
    said = b""
    try:
        while more := s.recv(65536):
            said += more
    except (ConnectionError, ssl.SSLError):
        pass
    return said


class Neighbour(threading.Thread):
    """A healthy device; remembers how long it waited for an acknowledgement at worst."""

    def __init__(self, hub):
        super().__init__(daemon=True)
        key = hub.create_device("calm")["authentication"]["symmetricKey"]["primaryKey"]
        self.client = mqtt.Client(hub.address, ca=hub.ca)
        assert self.client.connect(hub.address, "calm", key) == 0
        self.worst, self.ends, self.failed = 0.0, threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.ends.wait(0.01):
                began = time.monotonic()
                sent = self.client.publish(b"calm")
                if self.client.acknowledged() != sent:
                    raise AssertionError("the neighbour was not acknowledged")
                self.worst = max(self.worst, time.monotonic() - began)
        except (OSError, AssertionError) as e:
            self.failed = e

    def check(self):
        self.ends.set()
        self.join(10)
        assert self.failed is None, self.failed
        assert self.worst < 1, f"the neighbour waited {self.worst:.2f} s"


def flood(client, packets, seconds):
    """Sends and never reads, until the hub takes no more."""
    client.socket.settimeout(0.5)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            client.send(packets)
    except OSError:
        pass


def who_sends_and_never_reads_is_held_back():
    with Folder("flood") as folder:
        hub = Hub(folder).start()
        key = hub.create_device("evil")["authentication"]["symmetricKey"]["primaryKey"]
        calm = Neighbour(hub)
        before = hub.rss_kb()
        get = mqtt.packet(3, 0, mqtt.text("$iothub/twin/GET/?$rid=" + "r" * 250))
        publish = mqtt.packet(3, 2, mqtt.text("devices/evil/messages/events/") + b"\0\1")
        subscribe = mqtt.packet(8, 2, b"\0\1" + mqtt.text("$iothub/twin/res/#") + b"\0")
        for packets in (get, publish, subscribe, b"\xc0\0"):
            evil = mqtt.Client(hub.address, ca=hub.ca)
            assert evil.connect(hub.address, "evil", key) == 0
            evil.send(subscribe)
            flood(evil, packets * (20000 // len(packets)), 1)
            evil.close()
        grown = hub.rss_kb() - before
        limit = 64 * MB if "release" in MILLRACE else 400 * MB  # a sanitizer keeps what was freed
        assert grown < limit, f"{grown} kB more"
        calm.check()
        assert hub.stop() == 0


def a_chunk_and_a_timeout_that_are_absurd_are_refused_at_once():
    with Folder("absurd") as folder:
        hub = Hub(folder).start()
        owner = sas(hub.address, hub.policy_key(), "iothubowner")
        for who, status in (f"Authorization: {owner}\r\n", 413), ("", 401):
            s = tls(hub, "https")
            s.sendall(f"PUT /devices/x?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\n{who}Transfer-Encoding: chunked\r\n\r\n"
                      "ffffffffffffffff\r\n".encode())
            answer = until_closed(s)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
        s = tls(hub, "amqp")
        described = b"\x00\x53\x10\xc0"
        fields = b"\xa1\x01c\x40\x70\x00\x01\x00\x00\x60\x00\x10\x70\x00\x00\x00\x01"  # idle-time-out: 1 ms
        body = described + bytes([len(fields) + 1, 5]) + fields
        s.sendall(b"AMQP\0\1\0\0" + struct.pack(">IBBH", len(body) + 8, 2, 0, 0) + body)
        assert b"idle-time-out" in until_closed(s)
        assert hub.stop() == 0


def run(*arguments, environment=None):
    """(exit code, what it said); a program that starts is ended after 5 s: code None."""
    try:
        out = subprocess.run([MILLRACE, *map(str, arguments)], capture_output=True, text=True, timeout=5, check=False,
                             env=dict(os.environ, **(environment or {})))
        return out.returncode, out.stdout + out.stderr
    except subprocess.TimeoutExpired:
        return None, "it runs"


def settings_that_cannot_be_meant_are_named():
    with Folder("settings") as folder:
        data = os.path.join(folder, "data")
        for arguments, code, says in (
                (("hub", "junk"), 2, "junk"),
                (("hub", "--data", ""), 2, "'data' must be a path"),
                (("hub", "--data", "/proc/none"), 1, "/proc/none"),
                (("hub", "--data", data, "--listen", "not an address"), 1, "'not an address'"),
                (("hub", "--data", data, "--tls.certificate", "/some.pem"), 1, "/some.pem"),
                (("hub", "connection-string", "--data", data + "/none"), 1, "policies.json"),
                (("opc", "--roles", "publisher,cook"), 2, "publisher|twin|discovery"),
                (("edge", "--data", data, "--device", "a/b", "--key", "AAAA", "--hub.host", "h"), 1, "'device'"),
                (("edge", "--data", data, "--device", "a", "--key", "!!!", "--hub.host", "h"), 1, "'key'"),
                (("services", "--auth.required", "false", "--listen", "0.0.0.0", "--data", data), 1, "auth.required"),
                (("issuer", "--data", data, "--audiences", ""), 1, "audiences")):
            got, said = run(*arguments)
            assert got == code and says in said, (arguments, got, said)


def broken_files_are_named_or_made_anew():
    with Folder("broken") as folder:
        hub = Hub(folder).start()
        hub.create_device("d1")
        code, said = run("hub", *hub.arguments)
        assert code == 1 and ("EADDRINUSE" in said or "another process" in said), said
        assert hub.stop() == 0
        policies, registry = (os.path.join(hub.data, n) for n in ("policies.json", "registry.db"))
        with open(os.path.join(hub.data, "tls", "server-key.pem"), "w", encoding="ascii") as f:
            f.write("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
        hub.start()  # a server's key that nobody can read is made anew
        assert hub.stop() == 0
        good = {path: open(path, "rb").read() for path in (policies, registry)}
        for path, broken, says in ((policies, b'{"iothubowner": {}}', "permissions"),
                                   (policies, good[policies].replace(b"RegistryRead", b"RegistryReed"), "permissions"),
                                   (policies, good[policies].replace(b"secondaryKey", b"Key"), "secondaryKey"),
                                   (registry, b"\x5a" * 20480, "registry.db"),
                                   (registry, good[registry][:4096] + b"\x5a" * (len(good[registry]) - 4096), "registry.db")):
            with open(path, "wb") as f:
                f.write(broken)
            code, said = run("hub", *hub.arguments)
            assert code == 1 and says in said, (path, code, said)
            with open(path, "wb") as f:
                f.write(good[path])
        hub.start()
        assert hub.request("GET", "/devices/d1")[0] == 200
        assert hub.stop() == 0


class Liar(threading.Thread):
    """Listens like an OPC UA server and answers every connection with `says`, then is silent."""

    def __init__(self, says):
        super().__init__(daemon=True)
        self.says, self.kept = says, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"opc.tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.start()

    def run(self):
        while True:
            s = self.socket.accept()[0]
            self.kept.append(s)
            try:
                s.sendall(self.says)
            except OSError:
                pass


def liars_and_odd_files_do_not_stop_what_is_published():
    with Folder("liars") as folder:
        hub = Hub(folder).start()
        edge = Edge(folder, hub).start()
        plant = Plant(folder, "--nodes", 2, "--interval", "50ms").start()
        acknowledge = b"ACKF" + struct.pack("<6I", 28, 0, 65536, 65536, 0, 0)
        liars = [Liar(says) for says in (b"", b"\xff" * 100000, b"ACKF\xf0\xff\xff\xff" + b"\0" * 50000,
                                         acknowledge + b"OPNF" + struct.pack("<II", 200, 1) + b"\xff" * 192,
                                         b"ERRF" + struct.pack("<IIi", 16, 0, -5))]
        good = entry(plant, ["Load1"])
        refused = {**good, "OpcNodes": good["OpcNodes"] + [{"Id": f"ns=2;s=None{i}"} for i in range(5000)]}
        opc = Opc(folder, hub, edge, [good] + [
            {"EndpointUrl": liar.url, "UseSecurity": False, "DataSetWriterId": f"w{i}", "OpcNodes": [{"Id": "i=2258"}]}
            for i, liar in enumerate(liars)]).start()

        def flows():
            before = edge.metric("millrace_edge_messages_total")
            wait_for("messages to flow", lambda: edge.metric("millrace_edge_messages_total") > before + 2, 10)

        flows()
        opc.publish([refused])
        wait_for("the refused nodes to be counted", lambda: "more nodes refused" in opc.text())
        assert opc.text().count("\n") < 200, "a line for every node"
        for odd in (os.mkfifo, os.mkdir):
            os.remove(opc.file)
            odd(opc.file)
            lines = opc.text().count("not a file")
            wait_for("the odd file to be named", lambda: opc.text().count("not a file") > lines)
            flows()
            (os.rmdir if odd is os.mkdir else os.remove)(opc.file)
            taken = opc.text().count("publisher file taken")
            shutil.rmtree(opc.file, ignore_errors=True)
            opc.publish([good])
            wait_for("the good file to be taken again", lambda: opc.text().count("publisher file taken") > taken)
            flows()
        for program in (opc, edge, hub, plant):
            assert program.stop() == 0, program.word


if __name__ == "__main__":
    run_tests(who_sends_and_never_reads_is_held_back, a_chunk_and_a_timeout_that_are_absurd_are_refused_at_once,
              settings_that_cannot_be_meant_are_named, broken_files_are_named_or_made_anew,
              liars_and_odd_files_do_not_stop_what_is_published)

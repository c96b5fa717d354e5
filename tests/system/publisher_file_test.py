#!/usr/bin/env python3
"""publishednodes.json as people leave it behind: typos, other editors' bytes, a file that is replaced, emptied, taken away,
closed, or very large. What is good runs, what is not is said with its place, and what runs goes on."""
import json
import os
import re
import subprocess

from platform_of_tests import MILLRACE, Folder, run_tests, wait_for
from site_of_tests import PLC, Plant, Publisher

GOOD = '{"EndpointUrl": "opc.tcp://good", "OpcNodes": [{"Id": "i=1"}]}'


def check(folder, content):
    """Exit code, how many nodes of the file would run, and what is said about it."""
    path = os.path.join(folder, "pn.json")
    with open(path, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    done = subprocess.run([MILLRACE, "publisher", "--file", path, "--check.file"], capture_output=True, text=True, timeout=60)
    nodes = re.search(r"(\d+) nodes;", done.stdout)
    return done.returncode, int(nodes[1]) if nodes else None, done.stderr.replace(path, "pn.json")


# Entries beside a good one, and what has to be said of them: place, field, reason.
TYPOS = [
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"Id": 7}]}', r"pn.json:2:\d+: Id: must be a text"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"ID ": "i=1"}]}', r"pn.json:2:\d+: ID : is not a known name"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": {"Id": "i=1"}}', r"pn.json:2:\d+: OpcNodes: must be an array"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": ["i=1"]}', r"pn.json:2:\d+: OpcNodes: holds something that is not an object"),
    ('{"EndpointUrl": "", "OpcNodes": [{"Id": "i=1"}]}', r"pn.json:2:\d+: EndpointUrl: is missing"),
    ('{"OpcNodes": [{"Id": "i=1"}]}', r"pn.json:2:\d+: EndpointUrl: is missing"),
    ('{"EndpointUrl": "plc:4840"}', r"pn.json:2:\d+: EndpointUrl: must begin with opc.tcp://"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"Id": "i=1", "OpcSamplingInterval": "1 s"}]}',
     r"pn.json:2:\d+: OpcSamplingInterval: must be milliseconds"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"Id": "i=1", "OpcSamplingInterval": -5}]}',
     r"pn.json:2:\d+: OpcSamplingInterval: must be milliseconds"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"Id": "i=1", "HeartbeatIntervalTimespan": "30"}]}',
     r"pn.json:2:\d+: HeartbeatIntervalTimespan: must be a time span"),
    ('{"EndpointUrl": "opc.tcp://a", "MessagingMode": "Pubsup"}', r"pn.json:2:\d+: MessagingMode: 'Pubsup' is not known; use one of"),
    ('{"EndpointUrl": "opc.tcp://a", "MessagingMode": "Samples", "MessageEncoding": "Uadp"}', r"pn.json:2:\d+: MessageEncoding: Uadp does not go with"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcAuthenticationMode": "UsernamePassword"}', r"pn.json:2:\d+: OpcAuthenticationUsername: is missing"),
    ('{"EndpointUrl": "opc.tcp://a", "DataSetClassId": "7"}', r"pn.json:2:\d+: DataSetClassId: must be a GUID"),
    ('{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{"Id": "i=1"}], "OpcNodes": []}', r"pn.json:2:\d+: OpcNodes: stands here twice"),
    ('["no object"]', r"pn.json:2:\d+: the file must be an array of objects"),
    ('null', r"pn.json:2:\d+: the file must be an array of objects"),
]

# What only a server can refuse, but can be seen before: it stays, as with OPC Publisher, and is said.
NO_NODE_IDS = ["ns=2;x=Flow", "i=x", "ns=99999;i=1", "ns=2;g=no-guid", "svr=3;i=1"]


def each_mistake_is_said_with_its_place_and_costs_nothing_else():
    with Folder("typos") as folder:
        for entry, said in TYPOS:
            code, nodes, text = check(folder, f"[{GOOD},\n{entry}]")
            assert (code, nodes) == (2, 1) and re.search(said, text), (entry, code, nodes, text)


def what_is_no_node_id_is_said_without_a_server():
    with Folder("ids") as folder:
        for node in NO_NODE_IDS:
            code, nodes, text = check(folder, f'[{GOOD},\n{{"EndpointUrl": "opc.tcp://a", "OpcNodes": [{{"Id": "{node}"}}]}}]')
            assert (code, nodes) == (0, 2) and re.search(r"pn.json:2:\d+: Id: will not be found: '", text), (node, code, nodes, text)


def what_is_no_json_is_said_with_its_place():
    with Folder("no-json") as folder:
        for content, said in (
                (f"[{GOOD}\n{GOOD}]", r"pn.json:2:1: not JSON"),
                (f"[{GOOD},\n", r"pn.json:2:\d+: not JSON"),
                (GOOD, r"pn.json:1:1: the file must be an array"),
                (b"\x00\x01\x02", r"pn.json:1:1: not JSON"),
                ("{EndpointUrl: 'opc.tcp://a'}", r"pn.json:1:2: not JSON")):
            code, nodes, text = check(folder, content)
            assert (code, nodes) == (2, 0) and re.search(said, text), (content, code, nodes, text)


def other_editors_bytes_are_no_mistakes():
    with Folder("bytes") as folder:
        text = f"// made by hand\n[{GOOD}, /* one\nmore */ {GOOD.replace('good', 'other')},]\n"
        for content in (text, text.replace("\n", "\r\n"), text.encode("utf-8-sig"), text.encode("utf-16"),
                        b"\xfe\xff" + text.encode("utf-16-be"), "\n\n" + text + "\n\n"):
            assert check(folder, content) == (0, 2, ""), content


def a_large_file_is_checked_to_its_end():
    with Folder("large") as folder:
        many = [{"EndpointUrl": f"opc.tcp://plc{e}:4840", "DataSetWriterGroup": f"line {e}",
                 "OpcNodes": [{"Id": f"ns=2;s=Line{e}.Station.Machine.Sensor.WithALongName.{n}", "DisplayName": f"Sensor {n}", "OpcSamplingInterval": 1000}
                              for n in range(5000)]} for e in range(85)]
        many[-1]["OpcNodes"][-1]["QueueSize"] = "many"
        text = json.dumps(many)
        assert len(text) > 50_000_000
        code, nodes, said = check(folder, text)
        assert (code, nodes) == (2, 85 * 5000 - 1) and "QueueSize: must be a whole number" in said, (code, nodes, said)


def what_runs_goes_on_whatever_becomes_of_the_file():
    with Folder("file") as folder:
        plant = Plant(folder, "--nodes", 5, "--interval", "50ms").start()
        home = os.path.join(folder, "config")
        os.mkdir(home)
        path = os.path.join(home, "publishednodes.json")

        def text(nodes):
            return json.dumps([{"EndpointUrl": plant.url, "DataSetPublishingInterval": 100, "OpcNodes": [
                {"Id": f"{PLC}Load{n + 1}", "OpcSamplingInterval": 50} for n in range(nodes)]}])

        def write(content):
            with open(path, "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())

        publisher = Publisher(folder, path, "--api.port", -1).start()
        wait_for("the missing file to be told", lambda: "publisher file not there" in publisher.text())
        write(text(1))
        publisher.live(1)
        write(text(2).encode("utf-16")) # as PowerShell's > writes
        publisher.live(2)
        write(text(3)[:-9])
        wait_for("the broken file to be told", lambda: "publisher file refused" in publisher.text())
        assert re.search(r"publishednodes.json:1:\d+: not JSON", publisher.text())
        publisher.goes_on()
        os.replace(path, path + ".bak")
        wait_for("its absence to be told", lambda: publisher.text().count("publisher file not there") == 2)
        publisher.goes_on()
        write(text(3))
        publisher.live(3)
        beside = os.path.join(home, ".pn.swp")
        with open(beside, "w", encoding="utf-8") as f:
            f.write(text(4))
        os.replace(beside, path)
        publisher.live(4)
        os.remove(path)
        os.mkdir(path)
        wait_for("the folder in its place to be told", lambda: "publisher file cannot be read" in publisher.text())
        publisher.goes_on()
        os.rmdir(path)
        write(text(5))
        publisher.live(5)
        publisher.goes_on()
        assert publisher.stop() == 0
        assert plant.stop() == 0


if __name__ == "__main__":
    run_tests(each_mistake_is_said_with_its_place_and_costs_nothing_else, what_is_no_node_id_is_said_without_a_server,
              what_is_no_json_is_said_with_its_place,
              other_editors_bytes_are_no_mistakes, a_large_file_is_checked_to_its_end,
              what_runs_goes_on_whatever_becomes_of_the_file)

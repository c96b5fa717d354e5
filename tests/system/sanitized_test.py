#!/usr/bin/env python3
"""The hub with sanitizers (build/dev) runs from its start to its end under some of everything: it ends with 0, so
nothing was lost, overrun or used after it was freed."""
import os
import sys

import mqtt
import platform_of_tests
from platform_of_tests import ROOT, Folder, Hub, run_tests, wait_for

DEV = os.path.join(ROOT, "build/dev/millrace")


def key_of(identity):
    return identity["authentication"]["symmetricKey"]["primaryKey"]


def work(hub):
    key = key_of(hub.create_device("d"))
    device = mqtt.Client(hub.address, hub.ports["mqtt"], ca=hub.ca)
    assert device.connect(hub.address, "d", key) == 0
    for n in range(100):
        device.publish(str(n).encode())
    for n in range(100):
        assert device.acknowledged(), f"{n} was not acknowledged"
    status, twin = hub.request("PATCH", "/twins/d", {"tags": {"site": "x"}, "properties": {"desired": {"n": 1}}})
    assert status == 200, twin
    status, rows = hub.request("POST", "/devices/query", {"query": "SELECT * FROM devices WHERE tags.site = 'x'"})
    assert (status, len(rows)) == (200, 1), rows
    status, body = hub.request("PUT", "/configurations/c", {
        "id": "c", "content": {"deviceContent": {"properties.desired.c": 2}}, "targetCondition": "tags.site = 'x'",
        "priority": 1})
    assert status in (200, 201), body
    wait_for("the configuration", lambda: hub.request("GET", "/twins/d")[1]["properties"]["desired"].get("c") == 2)
    return device


def the_hub_ends_with_0():
    with Folder("sanitized") as folder:
        hub = Hub(folder).start()
        device = work(hub)
        code = hub.stop(60) # while a device is there
        device.close()
        assert code == 0, f"it ended with {code}:\n{hub.text()[-4000:]}"


def the_hub_ends_with_0_when_nobody_was_there():
    with Folder("sanitized-idle") as folder:
        hub = Hub(folder, "--dps=false").start()
        code = hub.stop(60)
        assert code == 0, f"it ended with {code}:\n{hub.text()[-4000:]}"


if __name__ == "__main__":
    if not os.path.exists(DEV):
        print(f"skipped: there is no {DEV}; ./run unit builds it")
        sys.exit(0)
    platform_of_tests.MILLRACE = DEV
    run_tests(the_hub_ends_with_0, the_hub_ends_with_0_when_nobody_was_there)

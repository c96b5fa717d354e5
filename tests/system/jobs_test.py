#!/usr/bin/env python3
"""The hub is killed (-9) while a scheduled job changes twins: every device is done, and few of them twice."""
import random

from platform_of_tests import LONG, Folder, Hub, run_tests, sas, wait_for

DEVICES = 20000 if LONG else 3000
KILLS = 20 if LONG else 4
AT_ONCE = 64  # HUB_JOB_DEVICES_MAX: so many were under way at most when the hub died


def token_of(hub):
    return sas(hub.address, hub.policy_key(), "iothubowner")


def make_devices(hub, token):
    for first in range(0, DEVICES, 100):
        items = [{"id": f"d{n}", "importMode": "create"} for n in range(first, min(first + 100, DEVICES))]
        status, body = hub.request("POST", "/devices", items, token=token)
        assert status == 200, (status, body)


def job(hub, token, name):
    status, body = hub.request("GET", f"/jobs/v2/{name}", token=token)
    assert status == 200, (status, body)
    return body


def count(hub, token, condition):
    status, rows = hub.request("POST", "/devices/query", {"query": f"SELECT COUNT() AS n FROM devices WHERE {condition}"},
                               token=token)
    assert status == 200, (status, rows)
    return rows[0]["n"]


def a_job_comes_to_every_device_through_all_kills():
    with Folder("jobs") as folder:
        hub = Hub(folder).start()
        token = token_of(hub)
        make_devices(hub, token)
        status, body = hub.request("PUT", "/jobs/v2/all", {
            "jobId": "all", "type": "scheduleUpdateTwin", "queryCondition": "*", "maxExecutionTimeInSeconds": 3600,
            "updateTwin": {"etag": "*", "properties": {"desired": {"done": True}}}}, token=token)
        assert status == 200 and body["status"] == "queued", (status, body)
        kills = 0
        for n in range(KILLS):
            goal = (n + random.random()) * DEVICES / (KILLS + 1)
            wait_for("the job to go on", lambda: job(hub, token, "all")["deviceJobStatistics"]["succeededCount"] > goal
                     or job(hub, token, "all")["status"] == "completed", 60)
            kills += job(hub, token, "all")["status"] == "running"
            hub.kill()
            hub.start()
        wait_for("the job to end", lambda: job(hub, token, "all")["status"] not in ("queued", "running"), 120)
        end = job(hub, token, "all")
        assert end["status"] == "completed", end
        assert end["deviceJobStatistics"] == {"deviceCount": DEVICES, "failedCount": 0, "succeededCount": DEVICES,
                                              "runningCount": 0, "pendingCount": 0}, end
        assert count(hub, token, "properties.desired.done = true") == DEVICES
        twice = count(hub, token, "properties.desired.$version > 2")
        assert twice <= AT_ONCE * KILLS, f"{twice} devices were done more than once"
        assert kills > 0, "the job was too quick for the test: it never ran when the hub was killed"
        print(f"{DEVICES} devices, {kills} kills while it ran, {twice} done twice")
        assert hub.stop() == 0


if __name__ == "__main__":
    run_tests(a_job_comes_to_every_device_through_all_kills)

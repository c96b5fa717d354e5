#!/usr/bin/env python3
"""The hub is killed (-9) while an import and an export run: they go on, and each line is carried out once."""
import http.client
import json
import random
import urllib.parse

from platform_of_tests import LONG, Folder, Hub, run_tests, sas, wait_for

DEVICES = 60000 if LONG else 12000
KILLS = 20 if LONG else 4
TWICE = 100 # so often a line wants to create what the one before it has created


class Storage:
    """The hub's own blob store."""

    def __init__(self, hub):
        self.hub = hub
        parts = dict(p.split("=", 1) for p in hub.connection_string("--blobs").split(";"))
        self.endpoint = parts["BlobEndpoint"].rstrip("/")
        self.signature = parts["SharedAccessSignature"]

    def container(self, name):
        return f"{self.endpoint}/{name}?{self.signature}"

    def request(self, method, path, query="", body=None, headers=None):
        url = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPSConnection(self.hub.address, self.hub.ports["https"], context=self.hub.context(),
                                                 timeout=60)
        connection.request(method, f"{url.path}{path}?{query}{self.signature}", body,
                           {"x-ms-version": "2020-10-02", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def put(self, path, text):
        status, body = self.request("PUT", path, body=text, headers={"x-ms-blob-type": "BlockBlob"})
        assert status == 201, (status, body)

    def lines(self, path):
        status, text = self.request("GET", path)
        assert status == 200, (status, text)
        return [json.loads(line) for line in text.decode().splitlines()]


def item(number, line):
    return {"id": f"d{number:06}", "importMode": "create", "tags": {"line": line, "text": "x" * 150}}


def what_to_import():
    items = []
    for n in range(DEVICES):
        items.append(item(n, len(items) + 1))
        if n % TWICE == TWICE - 1:
            items.append(item(n, len(items) + 1))
    return items


def job(hub, token, name):
    status, body = hub.request("GET", f"/jobs/{name}", token=token)
    assert status == 200, (status, body)
    return body


def run_through_kills(hub, token, what):
    """Kills the hub when the job has come to random places; the job's end, and in how many of them it ran."""
    status, body = hub.request("POST", "/jobs/create", what, token=token)
    assert status == 200, (status, body)
    name, kills = body["jobId"], 0
    for n in range(KILLS):
        goal = (n + random.random()) * 100 / (KILLS + 1)
        wait_for("the job to go on", lambda: job(hub, token, name)["progress"] >= goal
                 or job(hub, token, name)["status"] not in ("enqueued", "running"), 120)
        kills += job(hub, token, name)["status"] == "running"
        hub.kill()
        hub.start()
    wait_for("the job to end", lambda: job(hub, token, name)["status"] not in ("enqueued", "running"), 240)
    end = job(hub, token, name)
    assert end["status"] == "completed", end
    assert end["progress"] == 100, end
    return kills


def each_line_is_carried_out_once_through_all_kills():
    with Folder("transfers") as folder:
        hub = Hub(folder).start()
        token = sas(hub.address, hub.policy_key(), "iothubowner", 7200)
        storage = Storage(hub)
        assert storage.request("PUT", "/box", "restype=container&")[0] == 201
        items = what_to_import()
        storage.put("/box/devices.txt", "\n".join(json.dumps(i) for i in items).encode())
        box = storage.container("box")
        kills = run_through_kills(hub, token, {"type": "import", "inputBlobContainerUri": box,
                                               "outputBlobContainerUri": box})
        status, body = hub.request("GET", "/statistics/devices", token=token)
        assert (status, body["totalDeviceCount"]) == (200, DEVICES), (status, body)
        errors = storage.lines("/box/importErrors.log")
        assert {e["errorCode"] for e in errors} == {"DeviceAlreadyExists"}, errors[:5]
        refused = [i["tags"]["line"] for before, i in zip(items, items[1:]) if before["id"] == i["id"]]
        assert sorted(e["line"] for e in errors) == refused, f"{len(errors)} for {len(refused)}: {errors[:5]}"

        out = run_through_kills(hub, token, {"type": "export", "outputBlobContainerUri": box,
                                             "outputBlobName": "out.txt"})
        lines = storage.lines("/box/out.txt")
        assert [line["id"] for line in lines] == [f"d{n:06}" for n in range(DEVICES)], "not each device once"
        print(f"{DEVICES} devices, {kills} kills while they were imported, {out} while they were exported, "
              f"{len(errors)} lines refused, each once")
        assert kills > 0, "the import was too quick for the test: it never ran when the hub was killed"
        assert "goes on" in hub.text()
        assert hub.stop() == 0


if __name__ == "__main__":
    run_tests(each_line_is_carried_out_once_through_all_kills)

#!/usr/bin/env python3
"""The publisher's HTTP API as strangers meet it: keys that are none, payloads that are none, and OPC Publisher's options for it."""
import http.client
import json
import os
import ssl

from platform_of_tests import Folder, free_port, run_tests, wait_for
from site_of_tests import Publisher

KEY = "c2VjcmV0IGtleQ=="
ENTRY = {"EndpointUrl": "opc.tcp://plc:4840", "DataSetWriterGroup": "g", "DataSetWriterId": "w", "OpcNodes": [{"Id": "i=2258", "DataSetFieldId": "time"}]}


class Api:
    """A publisher with its API in plain HTTP, and HTTPS."""

    def __init__(self, folder, *more, entries=()):
        self.path = os.path.join(folder, "pn.json")
        if not os.path.exists(self.path):
            with open(self.path, "w", encoding="utf-8") as f:
                json.dump(list(entries), f)
        self.port, self.plain = free_port(), free_port()
        self.publisher = Publisher(folder, self.path, "--httpserverport", self.port, f"--unsecurehttp={self.plain}", *more)

    def __enter__(self):
        before = self.publisher.text().count(" ready device=") if os.path.exists(self.publisher.log) else 0
        self.publisher.start()
        wait_for("the API", lambda: self.publisher.text().count(" ready device=") > before or not self.publisher.alive())
        assert self.publisher.alive(), self.publisher.text()[-2000:]
        return self

    def __exit__(self, *_):
        assert self.publisher.stop() == 0

    def ask(self, method, path, body=None, authorization=f"ApiKey {KEY}", media="application/json"):
        """(status, parsed body)"""
        headers = {"Content-Type": media}
        if authorization is not None:
            headers["Authorization"] = authorization
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=20)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, json.loads(text) if text else None
        except ValueError:
            return answer.status, text

    def certificate(self):
        context = ssl.create_default_context(cafile=os.path.join(self.publisher.pki, "api/tls/ca.pem"))
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=20)
        connection.connect()
        der = connection.sock.getpeercert(binary_form=True)
        connection.close()
        return der


def what_is_no_key_opens_nothing():
    with Folder("keys") as folder, Api(folder, "--api-key", KEY) as api:
        for wrong in (None, "", "ApiKey", "ApiKey ", "ApiKey x", f"ApiKey {KEY[:-1]}", f"ApiKey {KEY}x", f"apikey {KEY}", f"Bearer {KEY}", KEY,
                      f"ApiKey {KEY.lower()}", "ApiKey " + "x" * 5000):
            for method, path in (("GET", "/v2/configuration"), ("PUT", "/v2/configuration"), ("POST", "/v2/configuration/nodes")):
                status, problem = api.ask(method, path, {}, wrong)
                assert status == 401 and problem["status"] == 401, (wrong, method, status, problem)
        assert api.ask("GET", "/v2/configuration")[0] == 200
        assert api.ask("GET", "/healthz", authorization=None)[0] == 200
        assert KEY not in api.publisher.text()


# Method, path, body, status, and what the problem says.
MISTAKES = [
    ("POST", "/v2/configuration/nodes", "{bad", 400, "JSON"),
    ("POST", "/v2/configuration/nodes", "", 400, ""),
    ("POST", "/v2/configuration/nodes", [], 400, "object"),
    ("POST", "/v2/configuration/nodes", {}, 400, "EndpointUrl"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "opc.tcp://x"}, 400, "OpcNodes"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "http://x", "OpcNodes": [{"Id": "i=1"}]}, 400, "opc.tcp"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "opc.tcp://x", "OpcNodes": {}}, 400, "OpcNodes"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "opc.tcp://x", "OpcNodes": [{}]}, 400, "Id"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "opc.tcp://x", "OpcNodes": [{"Id": "i=1", "QueueSize": "many"}]}, 400, "QueueSize"),
    ("POST", "/v2/configuration/nodes", {"EndpointUrl": "opc.tcp://x", "MessagingMode": "Nonsense", "OpcNodes": [{"Id": "i=1"}]}, 400, "MessagingMode"),
    ("PATCH", "/v2/configuration", {}, 400, "array"),
    ("PATCH", "/v2/configuration", [ENTRY, ENTRY], 400, ""),
    ("PATCH", "/v2/configuration", [{"EndpointUrl": "opc.tcp://nobody", "OpcNodes": []}], 404, "opc.tcp://nobody"),
    ("PUT", "/v2/configuration", {"endpoints": [{"EndpointUrl": 7}]}, 400, "EndpointUrl"),
    ("POST", "/v2/configuration/nodes/unpublish", {"EndpointUrl": "opc.tcp://nobody", "OpcNodes": [{"Id": "i=1"}]}, 404, "opc.tcp://nobody"),
    ("GET", "/v2/writer/g/nobody", None, 404, ""),
    ("GET", "/v2/nothing", None, 404, ""),
    ("DELETE", "/v2/configuration", None, 405, ""),
]


def what_is_no_payload_changes_nothing():
    with Folder("payloads") as folder, Api(folder, "--api-key", KEY, entries=[ENTRY]) as api:
        with open(api.path, encoding="utf-8") as f:
            before = f.read()
        for method, path, body, want, said in MISTAKES:
            status, problem = api.ask(method, path, body)
            assert status == want and problem["status"] == want, (method, path, body, status, problem)
            assert said in problem.get("detail", "") + json.dumps(problem.get("errors", "")), (method, path, body, problem)
        with open(api.path, encoding="utf-8") as f:
            assert f.read() == before
        assert api.publisher.alive()


def the_openapi_document_is_served_as_asked_for():
    with Folder("openapi") as folder:
        for more, status, version in ((("--doa",), 404, None), ((), 200, "swagger"), (("--useopenapiv3",), 200, "openapi")):
            with Api(folder, "--api-key", KEY, *more) as api:
                got, document = api.ask("GET", "/swagger/v2/openapi.json", authorization=None)
                assert got == status and (version is None or version in document), (more, got)


def a_certificate_is_kept_until_another_is_wanted():
    with Folder("certificate") as folder:
        seen = []
        for more in ((), (), ("--rtc",)):
            with Api(folder, "--api-key", KEY, *more) as api:
                seen.append(api.certificate())
        assert seen[0] == seen[1] != seen[2]


if __name__ == "__main__":
    run_tests(what_is_no_key_opens_nothing, what_is_no_payload_changes_nothing, the_openapi_document_is_served_as_asked_for,
              a_certificate_is_kept_until_another_is_wanted)

#!/usr/bin/env python3
"""The registry and its twins in the hub: 1,000 endpoints discovered, found again, half gone, back again, while the
services are killed (-9) at random; then the hub's data or the services' are lost. Events go through the hub's stream,
as a discoverer sends them; what is there at the end is asked of the REST API and of the hub's own query."""
import datetime
import hashlib
import http.client
import json
import os
import random
import shutil
import threading
import urllib.parse

import mqtt
from platform_of_tests import Folder, Hub, Program, run_tests, sas, wait_for

APPLICATIONS = 250
ENDPOINTS_EACH = 4
SITE = "plant"
DEVICE, MODULE = "edge", "discovery"
SCHEMA = "application/x-discovery-event-v2-json"
MODES = [("None", "None"), ("Sign", "Basic256Sha256"), ("SignAndEncrypt", "Basic256Sha256"), ("SignAndEncrypt", "Aes256_Sha256_RsaPss")]
POLICY = "http://opcfoundation.org/UA/SecurityPolicy#"
WINDOW = 64


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def application_id(n):
    return f"uas{sha1(f'{SITE}-Server-urn:machine:{n}')}"


def endpoint_id(n, mode, policy):
    counted = "Best" if mode == "None" else mode
    return f"uat{sha1(f'opc.tcp://machine-{n}:4840-{application_id(n)}-{counted}-{(POLICY + policy).lower()}')}"


def endpoint_ids(n):
    return {endpoint_id(n, mode, policy) for mode, policy in MODES}


class Services(Program):
    def __init__(self, folder, hub, name="services"):
        self.data = os.path.join(folder, name)
        self.address = hub.address
        super().__init__("services", folder, "--data", self.data, "--listen", hub.address, "--name", hub.address, "--https.port", 0,
                         "--http.plain", f"{hub.address}:0", "--auth.required", "false", "--hub.ca", hub.ca, "--log.level", "debug",
                         environment={"MILLRACE_SERVICES_HUB_CONNECTION": hub.connection_string("--policy", "iothubowner")})

    def start(self):
        lines = len(self.ports())
        super().start()
        wait_for("the services to be ready", lambda: not self.alive() or len(self.ports()) > lines)
        assert self.alive(), self.text()[-2000:]
        return self

    def ports(self):
        """The plain port of each start, out of the log."""
        if not os.path.exists(self.log):
            return []
        return [int(line.split(" plain=")[1].split()[0]) for line in self.text().splitlines() if " plain=" in line]

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address, self.ports()[-1], timeout=30)
        connection.request(method, path, json.dumps(body) if body is not None else None, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def all_of(self, path):
        """All pages of a list."""
        items, token = [], ""
        while True:
            status, page = self.request("GET", f"{path}{'&' if '?' in path else '?'}pageSize=500" + (f"&continuationToken={urllib.parse.quote(token)}" if token else ""))
            assert status == 200, (status, page)
            items += page["items"]
            token = page.get("continuationToken")
            if not token:
                return items


class Discoverer:
    """What a discovery module sends: an event for each endpoint, and one that says how many there were."""

    def __init__(self, hub):
        self.hub = hub
        hub.create_device(DEVICE, capabilities={"iotEdge": True})
        self.key = hub.create_module(DEVICE, MODULE)["authentication"]["symmetricKey"]["primaryKey"]
        self.rounds = 0

    def send(self, machines):
        self.rounds += 1
        began = datetime.datetime(2030, 1, 1) + datetime.timedelta(seconds=self.rounds)
        stamp = began.isoformat() + ".0000000Z"
        events = [self.event(n, i) for n in machines for i in range(ENDPOINTS_EACH)]
        bodies = [json.dumps({"timeStamp": stamp, "index": i, **e}) for i, e in enumerate(events)]
        bodies.append(json.dumps({"timeStamp": stamp, "index": len(bodies), "result": {"id": f"round-{self.rounds}"}}))
        random.shuffle(bodies)  # the stream's order is not promised over reconnections
        self.publish(bodies)

    def event(self, n, i):
        mode, policy = MODES[i]
        url = f"opc.tcp://machine-{n}:4840"
        return {
            "application": {"applicationUri": f"urn:machine:{n}", "applicationType": "Server", "applicationName": f"Machine {n}",
                            "locale": "en", "productUri": "urn:maker:m1", "siteId": SITE, "capabilities": ["DA", "HD"],
                            "discoveryUrls": [url], "hostAddresses": [f"10.0.{n // 256}.{n % 256}"]},
            "registration": {"endpointUrl": url, "siteId": SITE, "securityLevel": i,
                             "endpoint": {"url": f"opc.tcp://10.0.{n // 256}.{n % 256}:4840", "alternativeUrls": [url],
                                          "securityMode": mode, "securityPolicy": POLICY + policy, "certificate": f"{n:040X}"},
                             "authenticationMethods": [{"id": "anonymous", "credentialType": "None"}]},
        }

    def publish(self, bodies):
        client = mqtt.Client(self.hub.address, ca=self.hub.ca, seconds=30)
        assert client.connect(self.hub.address, DEVICE, self.key, MODULE) == 0
        bag = urllib.parse.urlencode({"$$MessageSchema": SCHEMA, "$.ct": "application/json", "$.ce": "utf-8"})
        waiting = 0
        for body in bodies:
            client.publish(body.encode(), bag)
            waiting += 1
            if waiting == WINDOW:
                assert client.acknowledged() is not None
                waiting -= 1
        while waiting:
            assert client.acknowledged() is not None
            waiting -= 1
        client.close()


def query(hub, text):
    """All rows of the hub's query."""
    rows, token = [], None
    while True:
        connection = http.client.HTTPSConnection(hub.address, hub.ports["https"], context=hub.context(), timeout=30)
        headers = {"Content-Type": "application/json", "Authorization": hub.token}
        if token:
            headers["x-ms-continuation"] = token
        connection.request("POST", "/devices/query?api-version=2021-04-12", json.dumps({"query": text}), headers)
        answer = connection.getresponse()
        body = answer.read()
        token = answer.getheader("x-ms-continuation")
        connection.close()
        assert answer.status == 200, body
        rows += json.loads(body)
        if not token:
            return rows


def endpoints_in_hub(hub, more=""):
    return {row["deviceId"]: row for row in query(hub, f"SELECT * FROM devices WHERE tags.DeviceType = 'Endpoint'{more}")}


def applications_in_hub(hub, more=""):
    return {row["deviceId"]: row for row in query(hub, f"SELECT * FROM devices WHERE tags.DeviceType = 'Application'{more}")}


class Killer(threading.Thread):
    """Kills a program at random moments, and starts it again."""

    def __init__(self, program):
        super().__init__(daemon=True)
        self.program, self.kills, self.quiet = program, 0, threading.Event()

    def run(self):
        while not self.quiet.wait(random.uniform(0.05, 0.6)):
            self.program.kill()
            self.program.start()
            self.kills += 1


def during_kills(program, work, until, what):
    killer = Killer(program)
    killer.start()
    try:
        work()
        wait_for(f"{what}, while the {program.word} is killed", lambda: killer.kills >= 3, 60)
    finally:
        killer.quiet.set()
        killer.join()
    wait_for(what, until, 60)
    return killer.kills


ALL = set().union(*(endpoint_ids(n) for n in range(APPLICATIONS)))
HALF = set().union(*(endpoint_ids(n) for n in range(0, APPLICATIONS, 2)))
SEEN = " AND NOT IS_DEFINED(tags.NotSeenSince)"
world = {"where": Folder("registry")}


def begin():
    folder = world["where"].__enter__()
    hub = Hub(folder).start()
    hub.token = sas(hub.address, hub.policy_key(), "iothubowner")
    world.update(folder=folder, hub=hub, discoverer=Discoverer(hub), services=Services(folder, hub).start())


def check_registry(seen):
    services = world["services"]
    listed = {e["registration"]["id"]: e for e in services.all_of("/registry/v2/endpoints")}
    assert set(listed) == ALL, (len(listed), len(ALL))
    now = {e["registration"]["id"] for e in services.all_of("/registry/v2/endpoints/query?includeNotSeenSince=false")}
    assert now == seen, (len(now), len(seen))
    assert {i for i, e in listed.items() if "notSeenSince" not in e} == seen
    applications = services.all_of("/registry/v2/applications")
    assert len(applications) == APPLICATIONS
    assert sum("notSeenSince" not in a for a in applications) == len(seen) // ENDPOINTS_EACH


def check_hub(seen):
    hub = world["hub"]
    assert set(endpoints_in_hub(hub)) == ALL
    assert set(endpoints_in_hub(hub, SEEN)) == seen
    assert len(applications_in_hub(hub)) == APPLICATIONS
    assert len(applications_in_hub(hub, SEEN)) == len(seen) // ENDPOINTS_EACH
    assert len(endpoints_in_hub(hub, " AND tags.IsDisabled = true")) == len(ALL) - len(seen)


def hub_shows(seen):
    return lambda: len(endpoints_in_hub(world["hub"])) == len(ALL) and set(endpoints_in_hub(world["hub"], SEEN)) == seen


def discovered_while_killed():
    begin()
    hub = world["hub"]
    kills = during_kills(world["services"], lambda: world["discoverer"].send(range(APPLICATIONS)), hub_shows(ALL), "1,000 endpoints in the hub")
    print(f"        {kills} kills")
    check_registry(ALL)
    check_hub(ALL)
    one = endpoints_in_hub(hub, f" AND tags.ApplicationId = '{application_id(7)}' AND properties.desired.SecurityMode = 'Sign'")
    assert len(one) == 1
    twin = next(iter(one.values()))
    assert twin["tags"]["EndpointUrlLC"] == "opc.tcp://machine-7:4840" and twin["tags"]["SiteOrGatewayId"] == SITE
    assert twin["tags"]["DiscovererId"] == f"{DEVICE}_module_{MODULE}" and twin["tags"]["SupervisorId"] == f"{DEVICE}_module_twin"
    assert twin["properties"]["desired"]["EndpointUrl"] == "opc.tcp://10.0.0.7:4840"
    assert twin["properties"]["desired"]["AlternativeUrls"] == {"0": "opc.tcp://machine-7:4840"}
    assert twin["properties"]["desired"]["Thumbprint"] == f"{7:040X}"
    application = applications_in_hub(hub, " AND tags.Capabilities.HD = true AND tags.ApplicationUriLC = 'urn:machine:7'")
    assert set(application) == {application_id(7)}
    tags = application[application_id(7)]["tags"]
    assert tags["Server"] is True and tags["Client"] is False and tags["DiscoveryUrls"] == {"0": "opc.tcp://machine-7:4840"}
    sites = query(hub, "SELECT tags.SiteOrGatewayId, COUNT() AS number FROM devices WHERE tags.DeviceType = 'Application' GROUP BY tags.SiteOrGatewayId")
    assert [row["number"] for row in sites] == [APPLICATIONS], sites


def found_again():
    before = {i: row["deviceEtag"] for i, row in endpoints_in_hub(world["hub"]).items()}
    world["discoverer"].send(range(APPLICATIONS))
    merged = lambda: all("UpdateTime" in row["tags"] for row in applications_in_hub(world["hub"]).values())
    wait_for("the second discovery", merged, 60)
    check_registry(ALL)
    check_hub(ALL)
    assert {i: row["deviceEtag"] for i, row in endpoints_in_hub(world["hub"]).items()} == before, "no identity was made anew"


def half_is_gone():
    during_kills(world["services"], lambda: world["discoverer"].send(range(0, APPLICATIONS, 2)), hub_shows(HALF), "half of them as not seen")
    check_registry(HALF)
    check_hub(HALF)


def and_back_again_while_the_hub_is_killed():
    """What was discovered is in the hub's stream; then it is killed, at random, while it is told of the twins."""
    world["services"].stop()
    world["discoverer"].send(range(APPLICATIONS))
    during_kills(world["hub"], world["services"].start, hub_shows(ALL), "all of them again")
    check_registry(ALL)
    check_hub(ALL)


def changes_by_people_are_in_the_hub():
    services, hub = world["services"], world["hub"]
    one, other = application_id(1), application_id(2)
    assert services.request("PATCH", f"/registry/v2/applications/{one}", {"applicationName": "Press", "capabilities": ["DA"]})[0] == 200
    assert services.request("POST", f"/registry/v2/applications/{other}/disable")[0] == 200
    endpoint = sorted(endpoint_ids(3))[0]
    assert services.request("POST", f"/registry/v2/endpoints/{endpoint}/activate")[0] == 200
    wait_for("the new name", lambda: applications_in_hub(hub, " AND tags.ApplicationName = 'Press'"))
    assert applications_in_hub(hub)[one]["tags"]["Capabilities"] == {"DA": True}
    wait_for("the disabled one", lambda: set(endpoints_in_hub(hub, " AND tags.IsDisabled = true")) == endpoint_ids(2))
    wait_for("the activated one", lambda: set(endpoints_in_hub(hub, " AND tags.Activated = true")) == {endpoint})
    assert services.request("DELETE", "/registry/v2/applications?notSeenFor=00:00:00")[0] == 200
    wait_for("the purge", lambda: len(applications_in_hub(hub)) == APPLICATIONS - 1 and len(endpoints_in_hub(hub)) == len(ALL) - ENDPOINTS_EACH)
    assert services.request("GET", f"/registry/v2/applications/{other}")[0] == 404


def what_is_lost_on_one_side_comes_back_from_the_other():
    services, hub = world["services"], world["hub"]
    gone, changed = sorted(endpoint_ids(4))[0], application_id(5)
    services.stop()
    assert hub.request("DELETE", f"/devices/{gone}", headers={"If-Match": "*"})[0] == 204
    assert hub.request("PATCH", f"/twins/{changed}", {"tags": {"ApplicationName": "wrong", "Hall": "3"}})[0] == 200
    services.start()
    wait_for("the endpoint that was deleted in the hub", lambda: gone in endpoints_in_hub(hub))
    wait_for("the name that was changed in the hub", lambda: applications_in_hub(hub)[changed]["tags"]["ApplicationName"] == "Machine 5")
    assert applications_in_hub(hub)[changed]["tags"]["Hall"] == "3", "what others put there stays"
    before = {e["registration"]["id"]: e for e in services.all_of("/registry/v2/endpoints")}
    names = {a["applicationId"]: a for a in services.all_of("/registry/v2/applications")}
    services.stop()
    shutil.rmtree(services.data)
    deaf = [*services.arguments, "--events.port", "1"]  # not what the stream still has: the hub's twins alone
    services.arguments, hearing = deaf, services.arguments
    services.start()
    wait_for("the registry out of the hub", lambda: len(services.all_of("/registry/v2/endpoints")) == len(before), 60)
    wait_for("the applications, too", lambda: len(services.all_of("/registry/v2/applications")) == len(names), 60)
    assert {e["registration"]["id"]: e for e in services.all_of("/registry/v2/endpoints")} == before
    assert {a["applicationId"]: a for a in services.all_of("/registry/v2/applications")} == names
    services.stop()
    services.arguments = hearing
    services.start()


def gateways_and_modules_are_found():
    services, hub = world["services"], world["hub"]
    status, body = services.request("GET", "/registry/v2/gateways")
    assert status == 200 and [g["id"] for g in body["items"]] == [DEVICE], body
    discoverer = f"{DEVICE}_module_{MODULE}"
    status, body = services.request("POST", f"/registry/v2/discovery/{discoverer}?mode=Fast", {"portRangesToScan": "4840", "discoveryUrls": ["opc.tcp://a:1", "opc.tcp://b:2"], "activationFilter": {"securityMode": "Sign"}})
    assert status == 200, body
    assert services.request("PATCH", f"/registry/v2/discovery/{discoverer}", {"siteId": "hall", "discoveryConfig": {"discoveryUrls": ["opc.tcp://c:3"]}})[0] == 200
    rows = query(hub, "SELECT * FROM devices.modules WHERE tags.DeviceType = 'Discoverer' AND properties.desired.Discovery = 'Fast'")
    assert len(rows) == 1 and rows[0]["properties"]["desired"]["DiscoveryUrls"] == {"0": "opc.tcp://c:3"}, rows
    status, body = services.request("GET", f"/registry/v2/discovery/{discoverer}")
    assert status == 200 and body["requestedMode"] == "Fast" and body["siteId"] == "hall" and body["outOfSync"] is True, body
    assert body["requestedConfig"] == {"portRangesToScan": "4840", "discoveryUrls": ["opc.tcp://c:3"]}, body
    assert body["discoveryConfig"] == {"activationFilter": {"securityMode": "Sign"}}, body
    assert services.request("PATCH", f"/registry/v2/gateways/{DEVICE}", {"siteId": "north"})[0] == 200
    assert [r["deviceId"] for r in query(hub, "SELECT * FROM devices WHERE tags.__type__ = 'iiotedge' AND tags.SiteId = 'north'")] == [DEVICE]
    # A recurring discovery has no filter of its own: the one in the discoverer's tags holds.
    services.kill()
    services.start()
    world["discoverer"].send(range(APPLICATIONS))
    signed = wait_for("activation by the filter", lambda: len(endpoints_in_hub(hub, " AND tags.Activated = true AND properties.desired.SecurityMode = 'Sign'")) >= APPLICATIONS, 60)
    assert signed


def end():
    assert world["services"].stop() == 0
    assert world["hub"].stop() == 0
    world["where"].__exit__(None, None, None)


if __name__ == "__main__":
    run_tests(discovered_while_killed, found_again, half_is_gone, and_back_again_while_the_hub_is_killed, changes_by_people_are_in_the_hub,
              what_is_lost_on_one_side_comes_back_from_the_other, gateways_and_modules_are_found, end)

"""What the load generator needs of an IoT hub: identities, and passwords for them."""
import base64
import hashlib
import hmac
import http.client
import json
import ssl
import time
import urllib.parse

API = "api-version=2021-04-12"


def parse(connection_string):
    return dict(part.split("=", 1) for part in connection_string.split(";"))


def signature(resource, key, policy=None, seconds=86400):
    expiry = int(time.time()) + seconds
    name = urllib.parse.quote(resource, safe="")
    digest = hmac.digest(base64.b64decode(key), f"{name}\n{expiry}".encode(), hashlib.sha256)
    sig = urllib.parse.quote(base64.b64encode(digest).decode(), safe="")
    token = f"SharedAccessSignature sr={name}&sig={sig}&se={expiry}"
    return token + (f"&skn={policy}" if policy else "")


def connect(https_port):
    """To a child of ours on loopback, whose certificate was made a moment ago."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection("127.0.0.1", https_port, context=context, timeout=20)


def create(connection, host, token, device):
    body = json.dumps({"deviceId": device, "status": "enabled", "authentication": {"type": "sas"}})
    headers = {"Host": host, "Authorization": token, "Content-Type": "application/json"}
    connection.request("PUT", f"/devices/{device}?{API}", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        raise RuntimeError(f"the hub refused {device}: {answer.status} {text[:300]!r}")
    return json.loads(text)["authentication"]["symmetricKey"]["primaryKey"]


def identities(connection_string, https_port, count):
    """Host, device and a token for each."""
    owner = parse(connection_string)
    host = owner["HostName"]
    token = signature(host, owner["SharedAccessKey"], owner["SharedAccessKeyName"])
    connection = connect(https_port)
    for n in range(count):
        device = f"load-{n}"
        key = create(connection, host, token, device)
        yield host, device, signature(f"{host}/devices/{device}", key)
    connection.close()


def write_accounts(path, connection_string, https_port, count):
    """A line for each connection: client id, user name, password, topic."""
    with open(path, "w") as f:
        for host, device, password in identities(connection_string, https_port, count):
            f.write(f"{device}\t{host}/{device}/?{API}\t{password}\tdevices/{device}/messages/events/\n")


def write_amqp_accounts(path, connection_string, https_port, count):
    """A line for each connection: user and password of SASL PLAIN, address."""
    with open(path, "w") as f:
        for host, device, password in identities(connection_string, https_port, count):
            f.write(f"{device}@sas.{host.split('.')[0]}\t{password}\t/devices/{device}/messages/events\n")

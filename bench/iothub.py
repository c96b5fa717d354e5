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
IMPORTS_MAX = 100  # devices of one request


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


def create(connection, host, token, devices):
    """At most IMPORTS_MAX, each as in a file of identities."""
    headers = {"Host": host, "Authorization": token, "Content-Type": "application/json"}
    connection.request("POST", f"/devices?{API}", json.dumps(devices), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the hub refused devices: {answer.status} {text[:300]!r}")


def key_of(device):
    return base64.b64encode(hashlib.sha256(device.encode()).digest()).decode()


def item(device, tags):
    keys = {"primaryKey": key_of(device), "secondaryKey": key_of("2" + device)}
    got = {"id": device, "importMode": "create", "status": "enabled",
           "authentication": {"type": "sas", "symmetricKey": keys}}
    return {**got, "tags": tags} if tags else got


def identities(owner, https_port, count, tags=None):
    """Makes them; host, device and a token for each."""
    host = owner["HostName"]
    token = signature(host, owner["SharedAccessKey"], owner["SharedAccessKeyName"])
    connection = connect(https_port)
    for begin in range(0, count, IMPORTS_MAX):
        numbers = range(begin, min(begin + IMPORTS_MAX, count))
        create(connection, host, token, [item(f"load-{n}", tags(n) if tags else None) for n in numbers])
    connection.close()
    for n in range(count):
        device = f"load-{n}"
        yield host, device, signature(f"{host}/devices/{device}", key_of(device))


def write_accounts(path, devices):
    """A line for each connection: client id, user name, password, topic."""
    with open(path, "w") as f:
        for host, device, password in devices:
            f.write(f"{device}\t{host}/{device}/?{API}\t{password}\tdevices/{device}/messages/events/\n")


def write_amqp_accounts(path, devices):
    """A line for each connection: user and password of SASL PLAIN, address."""
    with open(path, "w") as f:
        for host, device, password in devices:
            f.write(f"{device}@sas.{host.split('.')[0]}\t{password}\t/devices/{device}/messages/events\n")


def service_account(owner, address):
    """The same for a service."""
    return f"{owner['SharedAccessKeyName']}@sas.root.hub\t{owner['SharedAccessKey']}\t{address}\n"

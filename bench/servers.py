"""Servers to measure, as child processes: each on free ports, in a folder of its own, on core 0.

A server is a class with `start(folder, profile)`; afterwards it has `pid`, `port` and what the load
generator must be told (`load`). To add one, write the class and use it in run.py's table.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import iothub

SERVER_CORE, LOAD_CORE = 0, 1
START_SECONDS = 20


class Missing(Exception):
    """The program is not on this machine."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def self_signed(folder):
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
                   check=True, capture_output=True, timeout=20)
    return certificate, key


class Server:
    """Starts a command and waits until it listens."""

    generator = "bench_mqtt_load"

    def __init__(self, tls=False):
        self.process = None
        self.tls = tls
        self.load = []

    def run(self, command, folder):
        if shutil.which(command[0]) is None:
            raise Missing(f"{os.path.basename(command[0])} (./setup --bench)")
        pinned = ["taskset", "-c", str(SERVER_CORE)] + command
        log = open(os.path.join(folder, "server.log"), "wb")
        self.process = subprocess.Popen(pinned, stdout=log, stderr=log, cwd=folder)
        log.close()
        self.pid = self.process.pid
        self.log = log.name
        self.wait()

    def wait(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        with open(self.log) as f:
            raise RuntimeError(f"{type(self).__name__} did not start:\n{f.read()[-2000:]}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Mosquitto(Server):
    """memory: keeps nothing. autosave: a durable subscriber's queue, saved at each change; the nearest
    that it has to durable, and not the same: it answers before that."""

    def start(self, folder, profile):
        self.port = free_port()
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "user root"]
        if self.tls:
            certificate, key = self_signed(folder)
            lines += [f"certfile {certificate}", f"keyfile {key}"]
            self.load = ["--ca", certificate]
        lines += ["max_queued_messages 0", "max_inflight_messages 0", "log_type error"]
        if profile == "autosave":
            lines += ["persistence true", f"persistence_location {folder}/"]
            lines += ["autosave_on_changes true", "autosave_interval 1"]
        else:
            lines += ["persistence false"]
        path = os.path.join(folder, "mosquitto.conf")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        self.run([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", path], folder)
        if profile == "autosave":
            self.subscribe()

    def subscribe(self):
        command = ["mosquitto_sub", "-p", str(self.port), "-i", "keeper", "-c", "-q", "1"]
        subprocess.run(command + ["-t", "load/#", "-E"], check=True, timeout=10)


class Hub(Server):
    """millrace hub; the profile is its durability. MQTT is plain on loopback unless it is to be TLS; AMQP
    and REST are always TLS. It has as many devices as there are to be connections, with the tags that
    `tags(number)` gives."""

    def __init__(self, binary, connections, tls=False, amqp=False, tags=None, settings=()):
        super().__init__(tls)
        if amqp:
            self.generator = "bench_amqp_load"
        self.amqp = amqp
        self.binary = binary
        self.connections = connections
        self.tags = tags
        self.settings = list(settings)

    def start(self, folder, profile):
        self.mqtt_port, self.amqp_port, self.https_port = free_port(), free_port(), free_port()
        self.port = self.amqp_port if self.amqp else self.mqtt_port
        data = os.path.join(folder, "data")
        command = [self.binary, "hub", "--data", data, "--listen", "127.0.0.1", "--loops", "1"]
        command += ["--mqtt.port", str(self.mqtt_port if self.tls else 0), "--amqp.port", str(self.amqp_port)]
        if not self.tls:
            command += ["--mqtt.plain", f"127.0.0.1:{self.mqtt_port}"]
        command += ["--https.port", str(self.https_port), "--durability", profile] + self.settings
        self.run(command, folder)
        printed = subprocess.run([self.binary, "hub", "connection-string", "--data", data],
                                 check=True, capture_output=True, text=True, timeout=10)
        self.owner = iothub.parse(printed.stdout.strip())
        self.ca = os.path.join(data, "tls", "ca.pem")
        self.accounts = os.path.join(folder, "accounts")
        write = iothub.write_amqp_accounts if self.amqp else iothub.write_accounts
        write(self.accounts, iothub.identities(self.owner, self.https_port, self.connections, self.tags))
        self.stop()
        self.run(command, folder)  # so that its memory is not that of making the identities
        self.load = ["--accounts", self.accounts]
        if self.tls or self.amqp:
            self.load += ["--ca", self.ca]

    def rest(self):
        """What bench_http_load must be told."""
        host = self.owner["HostName"]
        token = iothub.signature(host, self.owner["SharedAccessKey"], self.owner["SharedAccessKeyName"])
        return ["--port", str(self.https_port), "--ca", self.ca, "--server-name", host, "--authorization", token]


class Nginx(Server):
    """A file as long as a device's identity, over TLS."""

    def start(self, folder, profile):
        self.port = free_port()
        self.ca, key = self_signed(folder)
        with open(os.path.join(folder, "static.json"), "w") as f:
            f.write(json.dumps({"deviceId": "load-0", "text": "x" * 700}))
        text = f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; open_file_cache max=100;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{self.port} ssl; root {folder};
        ssl_certificate {self.ca}; ssl_certificate_key {key};
    }}
}}"""
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(text)
        os.chmod(folder, 0o755)
        self.run([shutil.which("nginx") or "/usr/sbin/nginx", "-c", path, "-p", folder], folder)

    def rest(self):
        return ["--port", str(self.port), "--ca", self.ca, "--server-name", "127.0.0.1"]


class Proton(Server):
    """A server on Qpid Proton C over TLS: takes every message, sends as fast as the credit allows."""

    generator = "bench_amqp_load"

    def __init__(self, binaries):
        super().__init__(tls=True)
        self.binary = os.path.join(binaries, "bench", "bench_proton_server")

    def start(self, folder, profile):
        self.port = self.amqp_port = free_port()
        self.ca, key = self_signed(folder)
        self.load = ["--ca", self.ca]
        self.run([self.binary, "--port", str(self.port), "--certificate", self.ca, "--key", key], folder)

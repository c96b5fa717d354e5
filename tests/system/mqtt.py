"""As much of an MQTT 3.1.1 client as tests need that must be able to misbehave. Blocking, one connection."""
import socket
import ssl
import struct

from platform_of_tests import sas


def text(s):
    b = s.encode()
    return struct.pack(">H", len(b)) + b


def packet(kind, flags, body):
    head = bytes([kind << 4 | flags])
    left = len(body)
    while True:
        digit = left % 128
        left //= 128
        head += bytes([digit | (128 if left else 0)])
        if not left:
            return head + body


class Client:
    def __init__(self, address, port=8883, ca=None, seconds=10):
        raw = socket.create_connection((address, port), timeout=seconds)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = ssl.create_default_context(cafile=ca).wrap_socket(raw, server_hostname=address) if ca else raw
        self.buffer = b""
        self.next_id = 1

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """(kind, flags, body) of the next packet; None when the peer has closed."""
        while True:
            if len(self.buffer) >= 2:
                length, at, shift = 0, 1, 0
                while at < len(self.buffer):
                    length |= (self.buffer[at] & 127) << shift
                    shift += 7
                    at += 1
                    if not self.buffer[at - 1] & 128:
                        if len(self.buffer) >= at + length:
                            body = self.buffer[at:at + length]
                            head = self.buffer[0]
                            self.buffer = self.buffer[at + length:]
                            return head >> 4, head & 15, body
                        break
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not more:
                return None
            self.buffer += more

    def connect(self, host, device, key, module=None, keep_alive=60):
        """The return code of CONNACK; None when the connection was closed instead."""
        client = device + (f"/{module}" if module else "")
        resource = f"{host}/devices/{device}" + (f"/modules/{module}" if module else "")
        self.prefix = f"devices/{device}" + (f"/modules/{module}" if module else "") + "/messages/events/"
        body = text("MQTT") + bytes([4, 0xC0]) + struct.pack(">H", keep_alive)
        body += text(client) + text(f"{host}/{client}/?api-version=2021-04-12") + text(sas(resource, key))
        self.send(packet(1, 0, body))
        answer = self.read()
        return answer[2][1] if answer and answer[0] == 2 else None

    def publish(self, payload, bag="", topic=None):
        """QoS 1, without waiting; the packet id."""
        packet_id = self.next_id
        self.next_id = self.next_id % 65535 + 1
        self.send(packet(3, 2, text((topic or self.prefix) + bag) + struct.pack(">H", packet_id) + payload))
        return packet_id

    def acknowledged(self):
        """The id of the next PUBACK; None when the connection was closed."""
        while True:
            answer = self.read()
            if answer is None:
                return None
            if answer[0] == 4:
                return struct.unpack(">H", answer[2])[0]

    def close(self):
        self.socket.close()

"""As much of an AMQP 1.0 client as tests need that must be able to misbehave. Blocking, one connection."""
import re
import socket
import ssl
import struct

NULL, TRUE, FALSE = b"\x40", b"\x41", b"\x42"


def ubyte(n):
    return b"\x50" + bytes([n])


def ushort(n):
    return b"\x60" + struct.pack(">H", n)


def uint(n):
    return b"\x70" + struct.pack(">I", n)


def ulong(n):
    return b"\x80" + struct.pack(">Q", n)


def binary(b):
    return b"\xb0" + struct.pack(">I", len(b)) + b


def string(s):
    return b"\xb1" + struct.pack(">I", len(s.encode())) + s.encode()


def symbol(s):
    return b"\xb3" + struct.pack(">I", len(s)) + s.encode()


def compound(kind, items):
    body = b"".join(items)
    return kind + struct.pack(">II", len(body) + 4, len(items)) + body


def described(code, *fields):
    return b"\x00\x53" + bytes([code]) + compound(b"\xd0", fields)


def frame(body, channel=0, kind=0):
    return struct.pack(">IBBH", len(body) + 8, 2, kind, channel) + body


def put_token(token, audience):
    properties = b"\x00\x53\x73" + compound(b"\xd0", (ulong(1), NULL, NULL, NULL, string("cbs"), ulong(1)))
    words = ("operation", "put-token", "type", "servicebus.windows.net:sastoken", "name", audience)
    return properties + b"\x00\x53\x74" + compound(b"\xd1", [string(w) for w in words]) + b"\x00\x53\x77" + string(token)


class Client:
    """Open, with one session. `plain`: user and token; else anonymous."""

    def __init__(self, hub, plain=None):
        raw = socket.create_connection((hub.address, hub.ports["amqp"]), timeout=10)
        self.socket = hub.context().wrap_socket(raw, server_hostname=hub.address)
        self.buffer = b""
        self.send(b"AMQP\3\1\0\0")
        self.take(8)
        self.read()
        response = binary(f"\0{plain[0]}\0{plain[1]}".encode()) if plain else binary(b"")
        self.send(frame(described(0x41, symbol("PLAIN" if plain else "ANONYMOUS"), response), kind=1))
        self.read()
        self.send(b"AMQP\0\1\0\0")
        self.take(8)
        self.send(frame(described(0x10, string("c"), string(hub.address), uint(65536), ushort(1023), uint(120000))))
        self.read()
        self.send(frame(described(0x11, NULL, uint(0), uint(100000), uint(100000), uint(255))))
        self.read()

    def send(self, data):
        self.socket.sendall(data)

    def take(self, n):
        while len(self.buffer) < n:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError("the peer has closed")
            self.buffer += more
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def read(self):
        """The body of the next frame."""
        return self.take(struct.unpack(">I", self.take(4))[0] - 4)[4:]

    def until(self, what):
        """Reads frames until `what` (bytes) was said; the whole text of that frame."""
        while True:
            body = self.read()
            if what in body:
                return body

    def attach(self, handle, receives, address, name=None):
        self.send(frame(described(0x12, string(name or f"l{handle}"), uint(handle), TRUE if receives else FALSE,
                                  ubyte(0), ubyte(0), described(0x28, string(address)),
                                  described(0x29, string(address)), NULL, NULL, uint(0))))

    def transfer(self, handle, number, body, more=False, channel=0):
        self.send(frame(described(0x14, uint(handle), uint(number), binary(struct.pack(">I", number)), uint(0), FALSE,
                                  TRUE if more else FALSE) + body, channel))

    def credit(self, handle, n):
        self.send(frame(described(0x13, uint(0), uint(0x7fffffff), uint(0), uint(0x7fffffff), uint(handle), uint(0),
                                  uint(n))))

    def condition(self):
        """The first error that the peer names."""
        while True:
            found = re.search(rb"(?:amqp|com\.microsoft):[a-z:\-]+", self.read())
            if found:
                return found[0].decode()

    def close(self):
        try:
            self.socket.close()
        except (OSError, ssl.SSLError):
            pass

"""A network of its own for tests and benchmarks of discovery: every host is a network namespace on one bridge, and what
leaves the scanner is counted there. Needs root; `Network.missing()` says why there is none."""
import atexit
import collections
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

SILENT, REFUSING, SERVER = "silent", "refusing", "server"
CLONE_NEWNET = 0x40000000
SCANNER = 1


def ip(*arguments, text=None):
    done = subprocess.run(["ip", *arguments], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class Network:
    """`kinds`: what the hosts are, from address .2 on. All answer ARP; the silent ones drop what they would say."""

    def __init__(self, kinds):
        self.name = f"mr{os.getpid()}"
        self.prefix = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
        self.kinds = {n + 2: kind for n, kind in enumerate(kinds)}
        self.namespaces = []
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.libc = ctypes.CDLL(None, use_errno=True)
        atexit.register(self.remove)
        self.build()

    @staticmethod
    def missing():
        """Why there can be none here; None when there can."""
        if os.getuid() != 0:
            return "only root may make network namespaces"
        name = f"mr{os.getpid()}try"
        try:
            ip("netns", "add", name)
            try:
                ip("-n", name, "link", "add", "name", "br0", "type", "bridge")
            finally:
                ip("netns", "delete", name)
        except OSError as e:
            return str(e)
        return None

    def address(self, n):
        return f"{self.prefix}.{n}"

    def host(self, n):
        return f"{self.name}h{n}"

    def inside(self, n):
        """Before a command: it then runs on that host."""
        return ["ip", "netns", "exec", self.host(n)]

    def add(self, namespace):
        ip("netns", "add", namespace)
        self.namespaces.append(namespace)

    def build(self):
        core = f"{self.name}net"
        self.add(core)
        ip("-n", core, "-batch", "-", text="link add name br0 type bridge\nlink set br0 up\n")
        for n in [SCANNER, *self.kinds]:
            self.add(self.host(n))
            ip("-n", core, "-batch", "-",
               text=f"link add name p{n} type veth peer name near netns {self.host(n)}\nlink set p{n} master br0 up\n")
            more = f"route add blackhole {self.address(SCANNER)}/32\n" if self.kinds.get(n) == SILENT else ""
            ip("-n", self.host(n), "-batch", "-",
               text=f"link set lo up\nlink set near up\naddress add {self.address(n)}/24 brd + dev near\n{more}")

    def remove(self):
        self.leave()
        while self.namespaces:
            subprocess.run(["ip", "netns", "delete", self.namespaces.pop()], capture_output=True)

    def enter(self):
        """This process is then the scanner, and what it starts."""
        with open(f"/run/netns/{self.host(SCANNER)}") as f:
            self.set(f.fileno())

    def leave(self):
        self.set(self.home)

    def set(self, fd):
        if self.libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


class Packets:
    """TCP packets that leave the scanner, each with the kernel's time: on an AF_PACKET socket of a process of its own."""

    def __init__(self, network, folder):
        self.file = os.path.join(folder, f"packets-{time.monotonic_ns()}.json")
        self.process = subprocess.Popen([*network.inside(SCANNER), sys.executable, os.path.abspath(__file__), "near", self.file],
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.packets = []

    def end(self):
        """[(time, address, port, is it a SYN)], in order."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(30) == 0, "packets were lost by who counts them"
            self.process = None
            with open(self.file, encoding="ascii") as f:
                self.packets = json.load(f)
        return self.packets


def most_in_a_second(times):
    """In any second, wherever it begins."""
    window, most = collections.deque(), 0
    for t in times:
        window.append(t)
        while window[0] <= t - 1:
            window.popleft()
        most = max(most, len(window))
    return most


def most_to_a_host(packets):
    hosts = collections.defaultdict(list)
    for t, address, _, syn in packets:
        if syn:
            hosts[address].append(t)
    return max((most_in_a_second(times) for times in hosts.values()), default=0)


# ---- the process that counts ----

SO_TIMESTAMPNS = 35
PACKET_STATISTICS = 6
SOL_PACKET = 263


def count(interface, file):
    ended = []
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # all protocols: others do not see what goes out
    s.bind((interface, 3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    s.settimeout(0.2)
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    print("ready", flush=True)
    packets = []
    while True:
        try:
            data, more, _, where = s.recvmsg(64, 64)
        except TimeoutError:
            if ended:
                break
            continue
        if where[2] != socket.PACKET_OUTGOING or where[1] != 0x0800 or data[9] != 6:
            continue
        at = (data[0] & 15) * 4
        seconds, nanoseconds = int.from_bytes(more[0][2][:8], sys.byteorder), int.from_bytes(more[0][2][8:16], sys.byteorder)
        packets.append((seconds + nanoseconds / 1e9, socket.inet_ntoa(data[16:20]),
                        int.from_bytes(data[at + 2:at + 4], "big"), data[at + 13] & 0x12 == 2))
    lost = int.from_bytes(s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)[4:], sys.byteorder)
    with open(file, "w", encoding="ascii") as f:
        json.dump(packets, f)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(count(*sys.argv[1:]))

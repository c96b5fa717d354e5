"""The publisher's encoder alone, in processor time a value (half of the 0.25 us that one may cost in all), beside what others take for the same text:
yyjson and cJSON as documents that are built and written, open62541's own encoders a value at a time."""
import json
import os
import subprocess

from servers import LOAD_CORE, Missing


def encoder(options, shape):
    """Named in the table; bench_encoder is the program of both sides."""


def encoder_round(options, make, who, shape):
    command = [os.path.join(options.binaries, "bench", "bench_encoder"), who, shape["type"], "0.5"]
    done = subprocess.run(["taskset", "-c", str(LOAD_CORE)] + command, capture_output=True, text=True, timeout=60)
    if done.returncode == 2:
        raise Missing(who)  # its library was not there when this was built
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def row(ours, peer, type_):
    return (f"encoder {ours}, {type_}, peer {peer}", encoder_round, (encoder, ours), (encoder, peer), {"type": type_},
            [("ns_per_value", "ns", 125, "most")])


BENCHMARKS = [
    *[row("json", peer, "double") for peer in ("yyjson", "cjson", "open62541")],
    *[row("json", peer, "int32") for peer in ("yyjson", "cjson", "open62541")],
    row("json", "yyjson", "float"),
    row("compact", "open62541", "double"),
    row("uadp", "open62541-binary", "double"),
]

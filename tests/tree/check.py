#!/usr/bin/env python3
"""Reads the parts as CMakeLists.txt declares them, and says where a file leaves the architecture."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where each third party's header may be included, and nowhere else.
HOME = {
    "openssl/": "crypto", "sqlite3.h": "store", "open62541/": "opcua", "yyjson.h": "json", "uv.h": "io",
    "llhttp.h": "http", "wslay/": "http", "cjose/": "token", "jansson.h": "token", "curl/": "rest", "expat.h": "opcua",
    "cmocka.h": "base", "zlib.h": "gzip", "librdkafka/": "kafka",
}
wrong = []


def say(path, what):
    wrong.append(f"{path.relative_to(ROOT)}: {what}")


def check_file(path, part, may):
    text = path.read_text(errors="replace")
    for folder, header in re.findall(r'#include "([\w]+)/([\w]+)\.h"', text):
        if folder not in may:
            say(path, f"includes {folder}/{header}.h, and {part} may use only {' '.join(sorted(may))}")
        elif header.endswith("_priv") and folder != part:
            say(path, f"{folder}/{header}.h is for {folder} alone")
    for header in re.findall(r'#include "(?!\w+/)([^"]+)"', text):
        say(path, f'includes "{header}" without its folder')
    for header in re.findall(r"#include <([\w/.]+)>", text):
        for start, home in HOME.items():
            if header.startswith(start) and part != home:
                say(path, f"<{header}> has one home, {home}")
    if path.suffix == ".h" and "#pragma once" not in text:
        say(path, "has no #pragma once")


def check_name(path):
    if path.stem.endswith(("_private", "_inside")):
        say(path, "is _priv.h, if it is for its folder alone")
    for word in ("util", "common", "helper", "misc", "manager"):
        if word in path.stem.split("_"):
            say(path, f"'{word}' is no name: look for the noun")


def check_listed(path, named):
    if not path.stem.endswith(("_test", "_fuzz")) and path.name not in named:
        say(path, "is not in ARCHITECTURE.md: list it there, in its program's part")


def check_book():
    """ARCHITECTURE.md: the files that it names are there, what it says is in a file is, and no program's file is left out."""
    book = ROOT / "ARCHITECTURE.md"
    text = book.read_text()
    sources = {}
    for part in ("lib", "src", "tests/sim"):
        for path in (ROOT / part).rglob("*.[ch]"):
            sources.setdefault(path.name, []).append(path)
    named = set(re.findall(r"`(?:[\w/]*/)?(\w+\.[ch])`", text))
    for name in sorted(named - set(sources)):
        say(book, f"names {name}, which is nowhere")
    for names, file in re.findall(r"((?:`\w+`(?:, )?)+) in `(?:[\w/]*/)?(\w+\.[ch])`", text):
        code = " ".join(p.read_text(errors="replace") for p in sources.get(file, []))
        for name in re.findall(r"`(\w+)`", names):
            if not re.search(rf"^(?:#define |\w[^\n=]*|.*CREATE TABLE )?\b{name}\b", code, re.M):
                say(book, f"says that {name} is in {file}, where it is not at the beginning of a line")
    for part, row in re.findall(r"^\| `(lib/\w+)`(?:: [^|]*)?\|(.*)$", text, re.M):
        for name in sorted(set(re.findall(r"`(\w+\.[ch])`", row))):
            if not (ROOT / part / name).exists():
                say(book, f"says that {name} is in {part}")
    words = set(re.findall(r"\w+", " ".join(p.read_text(errors="replace") for paths in sources.values() for p in paths)))
    for name in sorted(set(re.findall(r"`([a-z]\w*_\w+)`", text)) - words - set(re.findall(r"\b(\w+)\.\w+\b", text))):
        say(book, f"names {name}, which no file has")
    for path in sorted((ROOT / "src").glob("*/*.c")):
        check_listed(path, named)
    for part in re.findall(r"^\| `lib/(\w+)`", text, re.M): # libraries that are parts of a program
        for path in sorted((ROOT / "lib" / part).glob("*.c")):
            check_listed(path, named)


def main():
    top = (ROOT / "CMakeLists.txt").read_text()
    parts = re.findall(r"^(library|program)\((\w+)([^)]*)\)", top, re.M)
    for kind, part, rest in parts:
        uses = re.findall(r"USES ([\w ]+?)(?: PKG|$)", rest.strip())
        may = {part, "base"} | set(uses[0].split() if uses else [])
        folder = ROOT / ("lib" if kind == "library" else "src") / part
        files = sorted(folder.glob("*.[ch]"))
        for path in files:
            check_file(path, part, may)
            check_name(path)
        used = {f for path in files for f in re.findall(r'#include "(\w+)/', path.read_text(errors="replace"))}
        for name in sorted(may - used - {part, "base"}):
            say(ROOT / "CMakeLists.txt", f"{part} USES {name}, and no file of it does")
    declared = {part for _, part, _ in parts}
    for folder in list((ROOT / "lib").iterdir()) + [d for d in (ROOT / "src").iterdir() if d.is_dir()]:
        if folder.name not in declared and any(folder.glob("*.c")):
            say(folder, "is not declared in CMakeLists.txt")
    check_book()
    for line in wrong:
        print(line)
    print(f"{len(parts)} parts, {len(wrong)} out of place")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""A kind of source for tests: each line with BAD is a finding, and some words make the reader misbehave."""

from __future__ import annotations

import os
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from leyden.audit.finding import Artifact, File, Record, Rule, Severity, Source
from leyden.errors import FormatError

ROOT = Path(__file__).resolve().parents[2]

BAD = Rule(
    id="LEY901",
    name="bad-word",
    title="A line says BAD",
    severity=Severity.HIGH,
    cwe=502,
    why="Because <b>it</b> is.",
    mend="Say `good`.",
    advisories=("CVE-2025-32434",),
    bad=("BAD",),
    good=("good",),
)
MILD = Rule(id="LEY902", name="mild", title="A line says MILD", severity=Severity.LOW, cwe=None, why="So.", mend="No.")


def read(file: File) -> Iterator[Record]:
    data = bytes(file.data)
    if data.startswith(b"MODEL"):
        yield Artifact(file.place, "marks", len(data), tensors=1, parameters=4, dtypes=("F32",))
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        for word, rule in (("BAD", BAD), ("MILD", MILD)):
            if word in line:
                yield rule.at(file.place.at_line(number, line.index(word) + 1), f"It says {word}.", snippet=line)
    if data.startswith(b"VERSION") and "torch" in file.versions:
        yield MILD.at(file.place, f"It runs with torch {file.versions['torch']}.")
    misbehave(file, data)


def misbehave(file: File, data: bytes) -> None:
    if data.startswith(b"bug"):
        raise KeyError("what nobody thought of")
    if data.startswith(b"zlib"):
        zlib.decompress(b"nothing")
    if data.startswith(b"damaged"):
        raise FormatError("its end is missing.")
    if data.startswith(b"bomb"):
        file.budget.take(inflated=1 << 60)
    if data.startswith(b"deep"):
        misbehave(file, data)
    if data.startswith(b"memory"):
        bytearray(1 << 50)
    if data.startswith(b"crash"):
        print("a last word", file=sys.stderr, flush=True)
        os._exit(7)
    if data.startswith(b"shrink"):  # as another program could, while the file is mapped
        os.truncate(file.place.path, 1)
        bytes(file.data[-1:])
    if data.startswith(b"stuck"):  # as in a function of C that does not come back
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    while data.startswith((b"endless", b"stuck")):
        time.sleep(0.01)


SOURCE = Source("marks", read, (BAD, MILD))

_START = (
    f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}, {str(ROOT)!r}]\n"
    "from leyden.audit.worker import serve\n"
    "from tests.audit.marks import SOURCE\n"
    "serve((SOURCE,), sys.stdin.buffer, sys.stdout.buffer)\n"
)
WORKER = [sys.executable, "-c", _START]

"""A fuzz target for the pickle machine: streams that CPython reads too, with nothing behind the names that it imports.

    python -m tests.fuzz.pickles --seconds 600 --seed 1

Every stream is read by the machine, by both of CPython's unpicklers (in C and in Python), and by pickletools. Whatever
an unpickler asks for by name has to be among what the machine tells, or among what it says that it cannot know. What
the one in C reads to its end the machine reads as well, with the same names, and pickletools finds the same operations.
The machine raises nothing, and takes little time and memory, whatever it is given.
"""

from __future__ import annotations

import argparse
import pickle
import pickletools
import random
import resource
import struct
import sys
import time
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path, PurePosixPath

from tests.wire.pickle.test_interpret import PIECES, Anything, mapped

from leyden.wire.pickle.interpret import interpret
from leyden.wire.pickle.nodes import Kind, Pickle

LIMIT = 5.0  # seconds for one stream, far more than any takes
LONGEST = 40  # operations: what doubles itself with each of them takes CPython no more than moments
# Told instead of a name: CPython reads other bytes from a file than from memory, or the name is not in the stream.
UNKNOWABLE = {Kind.FRAME, Kind.COMPUTED, Kind.EXTENSION, Kind.NON_ASCII}
NAMES = [
    ("posix", "system"), ("os", "system"), ("builtins", "eval"), ("__builtin__", "eval"), ("subprocess", "Popen"),
    ("commands", "getoutput"), ("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"), ("a.b", "c.d"),
    ("builtins", "getattr"), ("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor"), ("é", "ü"), ("", ""),
    ("numpy.core.multiarray", "_reconstruct"), ("torch", "FloatStorage"), ("zoneinfo", "ZoneInfo._unpickle"),
    ("_codecs", "encode"), ("torch", "Size"), ("torch._tensor", "_rebuild_from_type_v2"), ("builtins", "bytearray"),
]  # fmt: skip
EXTRA = [
    b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00", b"\x97", b"\x98", b"I00\n", b"I-1\n", b"I 7\n", b"I077\n",
    b"I1_0\n", b"L0x1fL\n", b"Fnan\n", b"F1e999\n", b"S''\n", b"S'\\n\\\\'\n", b"S'\xff'\n", b"V\\ud800\n",
    b"V\xff\n", b"g1\n", b"p-1\n", b"p 3\n", b"q\xff", b"r\xff\xff\x00\x00", b"h\xff", b"j\x00\x00\x00\x00",
    b"T\xff\xff\xff\xff", b"\x8b\xff\xff\xff\xff", b"\x8a\xff" + b"\x01" * 255, b"\x95" + struct.pack("<Q", 9),
    b"\x95" + struct.pack("<Q", 2**63), b"\x80\x00", b"\x80\x01", b"\x80\x05", b"cposix\nsystem\n)R",
    b"(S'x'\niposix\nsystem\n", b"(cposix\nsystem\no", b"c\n\n", b"cposix\r\nsystem\r\n", b"I0\x00x\n", b"L1\x00L\n",
    b"F1\x00x\n", b"p010\n", b"g010\n", b"p0x1\n", b"g10\n",
]  # fmt: skip


class Reduced:
    def __reduce__(self):
        return (Anything, (1, "a"), {"b": 2}, iter([1]), iter([("c", 3)]))


VALUES = [
    None, True, [1, [2, [3]]], {"a": {"b": (1, 2.5)}}, {1, 2}, frozenset("ab"), OrderedDict(a=1), Counter("ab"), 1j,
    defaultdict(list, a=[1]), deque([1], 3), datetime(2024, 1, 1, tzinfo=timezone.utc), Decimal("1.5"), b"\xff" * 300,
    PurePosixPath("a"), bytearray(b"abc"), "é\ud800\n", 2**70, -(2**300), "x" * 300, range(3), slice(1),
    [OrderedDict()] * 3,
    Reduced(), [Reduced(), {"k": Reduced()}], [float("nan"), 0.0, -0.0], list(range(300)), tuple("abcdef"), Path,
]  # fmt: skip


@dataclass
class Figures:
    """What a run saw."""

    streams: int = 0
    complete: int = 0  # CPython came to the end
    broken: int = 0
    names: int = 0
    events: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)  # seconds, and which stream


class InC(pickle.Unpickler):
    """CPython's unpickler in C, which finds the same harmless class under every name."""

    def __init__(self, data):
        super().__init__(BytesIO(data))
        self.asked = []

    def find_class(self, module, name):
        self.asked.append((module, name))
        return Anything

    def persistent_load(self, identity):
        return identity


class InPython(pickle._Unpickler):
    """CPython's unpickler in Python."""

    find_class, persistent_load = InC.find_class, InC.persistent_load

    def __init__(self, data):
        super().__init__(BytesIO(data))
        self.asked = []


def executed(unpickler):
    """What an unpickler imports, and whether it comes to the end."""
    try:
        unpickler.load()
    except Exception:  # noqa: BLE001 - whatever stops it
        return unpickler.asked, False
    return unpickler.asked, True


def fetching(chance):
    """An operation that imports, in one of the ways that there are."""
    module, name = chance.choice(NAMES)
    pushed = b"".join(b"\x8c" + bytes([len(text.encode())]) + text.encode() for text in (module, name))
    lines = f"{module}\n{name}\n".encode()
    return chance.choice([b"c" + lines, b"(i" + lines, pushed + b"\x93", b"(c" + lines + b"o", b"c" + lines + b")\x81"])


def written(chance):
    """Operations at random, as no pickler writes them."""
    count = chance.randrange(1, LONGEST)
    pieces = [
        fetching(chance) if chance.random() < 0.15 else chance.choice(EXTRA if chance.random() < 0.2 else PIECES)
        for _ in range(count)
    ]
    start = chance.choice([b"", b"", b"\x80\x02", b"\x80\x04", b"]", b"((N]", b"\x80\x04\x95" + struct.pack("<Q", 30)])
    return start + b"".join(pieces) + chance.choice([b".", b".", b".", b""])


def dumped(chance):
    """A pickle as a program writes it."""
    return pickle.dumps(chance.choice(VALUES), chance.randrange(6))


def operations(data):
    """The bytes of each operation, as far as pickletools can tell."""
    starts = [at for _, _, at in genops(data)]
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def genops(data):
    found = []
    try:
        for operation in pickletools.genops(data):
            found.append(operation)  # one by one: what came before an error counts
    except Exception:  # noqa: BLE001 - whatever stops it
        return found
    return found


def rearranged(chance):
    """A pickle whose operations were left out, repeated, swapped, or mixed with those of another."""
    pieces = operations(dumped(chance))
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(pieces) or 1)
        match chance.randrange(5):
            case 0:
                del pieces[at : at + 1]
            case 1:
                pieces[at:at] = pieces[at : at + chance.randrange(1, 4)]
            case 2:
                pieces[at:at] = [fetching(chance)]
            case 3:
                pieces[at:at] = chance.sample(PIECES, 1)
            case _:
                other = operations(dumped(chance))
                pieces[at : at + 2] = other[chance.randrange(len(other)) :][:6]
    return b"".join(pieces[: 20 * LONGEST])


def mutated(chance):
    """A pickle some of whose bytes were changed, left out, put in or repeated."""
    data = bytearray(dumped(chance) if chance.random() < 0.7 else written(chance))
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(5):
            case 0 if data:
                data[at] = chance.randrange(256)
            case 1:
                data[at : at + chance.randrange(1, 9)] = b""
            case 2:
                data[at:at] = chance.choice(EXTRA)
            case 3:
                data[at:at] = data[at : at + chance.randrange(1, 30)]
            case _:
                del data[at:]
    return bytes(data)


def check(data: bytes) -> tuple[Pickle, bool, int]:
    """Read one stream in every way; AssertionError where the machine tells less than CPython does."""
    found = interpret(memoryview(data))
    told = {mapped(name) for name in found.names}
    kinds = {event.kind for event in found.events}
    asked: list[tuple[str, str]] = []
    complete = False
    for number, unpickler in enumerate((InC(data), InPython(data))):
        names, whole = executed(unpickler)
        asked += names
        if kinds & UNKNOWABLE:
            continue
        missing = {mapped(name) for name in names} - told
        assert not missing, f"{type(unpickler).__name__} asks for {missing}, and the machine tells {told}"
        if whole and number == 0:
            complete = True
            assert found.broken is None, f"CPython comes to the end, and the machine does not: {found.broken}"
            assert {mapped(name) for name in names} == told
    listed = genops(data)
    if found.broken is None and listed and listed[-1][0].name == "STOP":  # pickletools refuses some that others read
        assert (len(listed), listed[-1][2] + 1) == (found.operations, found.stop), "pickletools finds other operations"
    return found, complete, len(set(asked))


def run(seed, *, first=0, streams=sys.maxsize, seconds=float("inf")):
    """Make and read streams until enough was seen; an AssertionError, or any other, is a finding."""
    figures, start = Figures(), time.monotonic()
    while figures.streams < streams and time.monotonic() - start < seconds:
        number = first + figures.streams
        chance = random.Random(f"{seed} {number}")
        data = chance.choice([written, written, rearranged, mutated, dumped])(chance)
        try:
            before = time.monotonic()
            interpret(memoryview(data))
            took = time.monotonic() - before
            assert took < LIMIT, f"{took:.1f} s"
            found, complete, names = check(data)
        except BaseException:
            Path(f"fuzz-{seed}-{number}.pkl").write_bytes(data)
            print(f"fuzz-{seed}-{number}.pkl: {data!r}", file=sys.stderr)
            raise
        figures.streams += 1
        figures.complete += complete
        figures.broken += found.broken is not None
        figures.names += names
        figures.events.update(event.kind.name for event in found.events)
        figures.slowest = max(figures.slowest, (took, number))
    return figures


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.pickles", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--streams", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, help="the number of the first stream, to see one again")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--memory", type=int, default=256, help="MiB that reading may take")
    options = parser.parse_args()
    run(options.seed, streams=20)  # what is loaded at the first use is there now
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (options.memory << 20),) * 2)
    figures = run(options.seed, first=options.first, streams=options.streams, seconds=options.seconds)
    took, slowest = figures.slowest
    print(
        f"seed {options.seed}: {figures.streams} streams, {figures.complete} read to the end by CPython, "
        f"{figures.broken} broken, {figures.names} names asked for, {dict(figures.events.most_common())}, "
        f"slowest {took * 1000:.0f} ms (stream {slowest})"
    )


if __name__ == "__main__":
    main()

"""A fuzz target for files of torch.save: both layouts of a file with all that torch reads safely, changed in many ways.

    python -m tests.fuzz.legacy --seconds 600 --seed 1

Whatever comes out, the reader gives what ``torch.load(weights_only=True)`` gives, if that gives anything, or raises one
LeydenError, within the memory that the process may have and in little time. Archives are made anew, so that their
checksums fit.
"""

from __future__ import annotations

import argparse
import collections
import io
import itertools
import random
import resource
import sys
import time
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tests.checkpoint.test_legacy import alike
from torch import nn

from leyden.checkpoint.legacy import load_legacy
from leyden.errors import LeydenError

LIMIT = 10.0  # seconds for one file, far more than any takes
PIECES = [
    *(
        b"(",
        b")",
        b"]",
        b"}",
        b"N",
        b"K\x01",
        b"K\xff",
        b"J\xff\xff\xff\x7f",
        b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    ),
    *(b"a", b"e", b"s", b"u", b"t", b"\x85", b"\x86", b"\x87", b"0", b"1", b"2", b".", b"R", b"b", b"Q", b"\x81"),
    *(
        b"h\x00",
        b"h\x05",
        b"h\x20",
        b"q\x00",
        b"q\x05",
        b"r\xff\xff\xff\xff",
        b"\x88",
        b"\x89",
        b"\x8f",
        b"\x90",
        b"\x91",
    ),
    *(b"X\x01\0\0\0a", b"X\xff\xff\xff\xff", b"G\x7f\xf0\0\0\0\0\0\0", b"ctorch\nSize\n", b"ctorch\nfloat64\n"),
    *(
        b"cos\nsystem\n",
        b"cbuiltins\neval\n",
        b"c__main__\nThing\n",
        b"ctorch\nLongStorage\n",
        b"ctorch._utils\n_rebuild_tensor\n",
    ),
    *(
        b"ccollections\nOrderedDict\n",
        b"cbuiltins\nset\n",
        b"c_codecs\nencode\n",
        b"\x82\x01",
        b"\x95\x10\0\0\0\0\0\0\0",
        b"\xff",
    ),
]


@dataclass
class Figures:
    """What a run saw."""

    files: int = 0
    read: int = 0
    compared: int = 0  # of those, what torch reads, too
    errors: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)  # seconds, and which file


def sample_tree():
    """What torch reads safely, a little of each kind."""
    weight = torch.arange(12.0).reshape(3, 4)
    return {
        "state_dict": nn.BatchNorm1d(2).state_dict(),
        "tied": [weight, weight, weight.t(), weight[1:, 2]],
        "dtypes": [torch.zeros(3, dtype=kind) for kind in (torch.bool, torch.int8, torch.bfloat16, torch.complex64)],
        "more": [torch.zeros(2, dtype=torch.uint16), nn.Parameter(torch.ones(2)), torch.ones(1, requires_grad=True)],
        "sparse": torch.eye(2).to_sparse(),
        "meta": torch.ones(2, device="meta"),
        "values": [None, True, 1, 2**70, -1.5, "text", b"\xff", 3j, {1, 2}, (1, [2]), torch.Size([1]), torch.float16],
        "kinds": [collections.Counter("aab"), collections.OrderedDict(a=1), torch.device("cpu"), bytearray(b"x")],
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
    }


def samples():
    """The same in both layouts."""
    made = []
    for zipped in (True, False):
        tree = sample_tree()
        if not zipped:
            del tree["more"]  # torch cannot read what it writes of it
        stream = io.BytesIO()
        torch.save(tree, stream, _use_new_zipfile_serialization=zipped)
        made.append(stream.getvalue())
    return made


def mutated(data, chance):
    """Some bytes changed, left out, put in or repeated."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(6):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + chance.randrange(1, 20)] = b""
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                data[at : at + 1] = chance.choice(PIECES)
            case 4 if data:
                data[at] = chance.choice([0, 1, 2, 4, 8, 127, 128, 255])
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 60)]
    return bytes(data)


def rezipped(data, chance):
    """The archive made anew, with one member changed, left out, repeated, renamed or compressed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    number = chance.choice([0, 0, 0, 0, 0, chance.randrange(len(members))])  # the pickle comes first
    name, content = members[number]
    match chance.randrange(8):
        case 0:
            del members[number]
        case 1:
            members.insert(chance.randrange(len(members)), (chance.choice([name, name.upper(), f"x/{name}"]), content))
        case 2:
            members[number] = (mutated(name.encode(), chance).decode("latin-1").replace("\0", ""), content)
        case _:
            members[number] = (name, mutated(content, chance))
    method = chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as new:
        warnings.simplefilter("ignore")  # two members of one name are meant
        for name, content in members:
            new.writestr(name or "empty", content)
    return stream.getvalue()


def changed(data, chance):
    """A file made from ``data``."""
    match chance.randrange(8):
        case 0:
            return data[: chance.randrange(len(data))] + chance.randbytes(chance.choice([0, 0, 1, 9]))
        case 1 | 2:
            return mutated(data, chance)
        case _:
            return rezipped(data, chance) if data[:2] == b"PK" else mutated(data, chance)


def read(data, *, describe):
    """The name of the error, or None and whether torch reads the same."""
    try:
        found = load_legacy(io.BytesIO(data), describe=["values"] if describe else ())
    except LeydenError as error:
        refusal = error
    else:
        if isinstance(found, dict) and isinstance(sparse := found.get("sparse"), torch.Tensor):
            sparse.to_dense()  # its indices are inside of it
        return None, torch_agrees(data, found, ("sparse", "values") if describe else ("sparse",))
    assert str(refusal).startswith("The stream"), f"the message does not name the file: {refusal}"
    return type(refusal).__name__, False


def torch_agrees(data, found, but):
    """Whether torch reads the file, too; AssertionError where it reads something else, but for some entries.

    Of the sparse tensor torch does not check the indices, and ends the process where they are wrong. What is only
    described may be a class, such as ``set``, which torch knows.

    It is not asked of compressed members, whose bytes it takes for the numbers.
    """
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(member.compress_type for member in archive.infolist()):
                return False
    try:
        theirs = torch.load(io.BytesIO(data), weights_only=True)
    except Exception:  # noqa: BLE001 - torch knows fewer operations, and has many ways to say so
        return False
    if isinstance(found, dict) and isinstance(theirs, dict):
        for tree, name in itertools.product((found, theirs), but):
            tree.pop(name, None)
    assert alike(found, theirs), "torch reads something else"
    return True


def run(seed, *, first=0, files=sys.maxsize, seconds=float("inf")):
    """Change and read until enough was seen; an AssertionError, or any other, is a finding."""
    originals = samples()
    figures, start = Figures(), time.monotonic()
    while figures.files < files and time.monotonic() - start < seconds:
        number = first + figures.files
        chance = random.Random(f"{seed} {number}")
        strange = changed(chance.choice([originals[0], originals[0], originals[1]]), chance)
        before = time.monotonic()
        try:
            error, same = read(strange, describe=chance.random() < 0.3)
        except BaseException:
            Path(f"fuzz-legacy-{seed}-{number}.pt").write_bytes(strange)
            print(f"fuzz-legacy-{seed}-{number}.pt", file=sys.stderr)
            raise
        took = time.monotonic() - before
        assert took < LIMIT, f"file {number} of seed {seed} took {took:.1f} s"
        figures.slowest = max(figures.slowest, (took, number))
        figures.files += 1
        figures.read += error is None
        figures.compared += same
        if error is not None:
            figures.errors[error] += 1
    return figures


def truncated(data):
    """Every shorter file of ``data`` is refused; their number."""
    for length in range(len(data)):
        error, _ = read(data[:length], describe=False)
        assert error == "FormatError", (length, error)
    return len(data)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.legacy", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--files", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, help="the number of the first file, to see one again")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--memory", type=int, default=512, help="MiB that reading may take")
    options = parser.parse_args()
    run(options.seed, files=20)  # what is loaded at the first use is there now
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (options.memory << 20),) * 2)
    figures = run(options.seed, first=options.first, files=options.files, seconds=options.seconds)
    took, slowest = figures.slowest
    print(
        f"seed {options.seed}: {figures.files} files, {figures.read} read ({figures.compared} by torch, too), "
        f"{dict(figures.errors.most_common())}, slowest {took * 1000:.0f} ms (file {slowest})"
    )


if __name__ == "__main__":
    main()

"""A fuzz target for checkpoints: header, tree and tensors of a file with every node, changed in every way.

Of ten files seven are such; two are weights alone, Leyden's or of the safetensors library; one is encrypted.

    python -m tests.fuzz.checkpoint --seconds 600 --seed 1

Whatever comes out, the reader gives a value that the second reader gives too, or raises one LeydenError, within the
memory that the process may have and in little time. Changed files are sealed anew, so that the reader looks at them.
No file may take more than a second of the processor's time, or let the process grow by more than 64 MiB.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import random
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pyrage
import safetensors.torch
import torch
from tests.checkpoint.test_second_reader import alike
from tests.checkpoint.test_second_reader import tree as sample_tree
from tests.second_reader import Reader

from leyden.checkpoint import trust
from leyden.checkpoint.load import load, load_weights
from leyden.checkpoint.save import save, save_weights
from leyden.checkpoint.tensors import bytes_of
from leyden.errors import DigestError, LeydenError
from leyden.security.encryption import Encryption
from leyden.wire.envelope import PREFIX, SEAL

SEAL_AT = 8 + len(PREFIX)
PIECES = [
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"$", b"0", b"-1", b"null", b"1e9", b"\\", b"\\u0000", b"\xff", b"[]"),
    *(b"2", b"$tuple", b"$dict", b"$tensor", b"$bytes", b"$same", b"$shared", b"$object", b"U8", b"F64", b"9" * 30),
]
TAGS = [
    *("tensor", "parameter", "dtype", "device", "Size", "TorchVersion", "numpy.array", "numpy.scalar", "numpy.str"),
    *(
        "numpy.bytes",
        "bytes",
        "bytearray",
        "complex",
        "timedelta",
        "datetime",
        "time",
        "date",
        "range",
        "slice",
        "path",
    ),
    *("path", "posix_path", "windows_path", "int", "float", "str", "enum", "dict", "tuple", "set", "frozenset"),
    *(
        "state_dict",
        "Counter",
        "deque",
        "Namespace",
        "SimpleNamespace",
        "defaultdict",
        "AttributeDict",
        "shared",
        "same",
    ),
    *(
        "shared",
        "same",
        "object",
        "reference",
        "member",
        "partial",
        "omegaconf",
        "torch.Generator",
        "numpy.random",
        "other",
    ),
    *("pandas.DataFrame", "pandas.Series"),
]
ODDITIES = [
    None, True, 0, 1, -1, 2**31, 2**53, 2**63, 10**19, 1.5, 1e308, "", "a", "\0", "é", "<f8", "|b1", "<U9", "bool",
    "F32", "U8", "BOOL", "C64", "F4", "cuda:9999", "2024-01-01", "0x", "-0x1", "nan", "x" * 5000, [], {}, [[]],
    [1, 2], [0, 0], {"a": 1}, {"tensor": "texts.3"}, ["shapes.2", "uint8", [2]], [2**40, 2**40], [0, 2**63], [1] * 70,
    "builtins:eval", "torch:load", f"{sample_tree.__module__}:Box", "collections:OrderedDict",
]  # fmt: skip
SECONDS = 1.0  # of the processor's time for one file, far more than any takes
HANGS = 60  # seconds after which a file that never ends is given up
GROWTH = 64 << 20  # bytes by which one file may let the process grow
DTYPES = [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.uint16, torch.bool, torch.complex64]
KINDS = {"checkpoint": 7, "weights": 2, "encrypted": 1}


class Hangs(BaseException):
    """A file was read for too long."""


@dataclass
class Figures:
    """What a run saw."""

    files: int = 0
    read: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)  # seconds, and which file


@dataclass
class Samples:
    """Good files, and what opens the encrypted ones."""

    checkpoint: bytes
    weights: bytes
    foreign: bytes
    recipient: pyrage.x25519.Recipient
    encryption: Encryption


def sample(folder):
    """The bytes of a file with every node of the page."""
    save(sample_tree(), folder / "sample.ckpt")
    return (folder / "sample.ckpt").read_bytes()


def samples(folder):
    """One file of each kind."""
    weights = {f"layer.{dtype}".replace("torch.", ""): torch.ones(2, 3).to(dtype) for dtype in DTYPES}
    weights |= {"none": torch.empty(0, 4), "one": torch.tensor(1.5)}
    save_weights(weights, folder / "weights.safetensors")
    key = pyrage.x25519.Identity.generate()
    (folder / "keys").touch(0o600)
    (folder / "keys").write_text(str(key))
    return Samples(
        sample(folder),
        (folder / "weights.safetensors").read_bytes(),
        safetensors.torch.save(weights),
        key.to_public(),
        Encryption(keys=folder / "keys"),
    )


def parts(data):
    """Header and data."""
    stop = 8 + int.from_bytes(data[:8], "little")
    return data[8:stop].rstrip(b" "), data[stop:]


def sealed(header, body, own):
    """A file whose header's digest fits, as anybody can make it; ``own`` ones are taken for this process's."""
    header = header[: len(PREFIX)] + b"0" * SEAL + header[len(PREFIX) + SEAL :]
    start = len(header).to_bytes(8, "little") + header
    digest = hashlib.sha256(start).hexdigest()
    if own:
        trust.note_written(digest)
    return start[:SEAL_AT] + digest.encode() + start[SEAL_AT + len(digest) :] + body


def rendered(members, body, own):
    """A file with these members of the header, whose digests all fit."""
    metadata = members.get("__metadata__")
    if isinstance(metadata, dict):
        ranges = [entry["data_offsets"] for entry in members.values() if isinstance(entry, dict) and is_range(entry)]
        metadata["leyden.sha256"] = "".join(hashlib.sha256(body[a:b]).hexdigest() for a, b in ranges)
    return sealed(json.dumps(members, separators=(",", ":")).encode(), body, own)


def is_range(entry):
    offsets = entry.get("data_offsets")
    return (
        isinstance(offsets, list) and len(offsets) == 2 and all(type(at) is int and 0 <= at < 2**62 for at in offsets)
    )


def mutated(data, chance):
    """Some bytes changed, left out, put in or repeated."""
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(data) or 1)
        match chance.randrange(5):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + chance.randrange(1, 20)] = b""
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                data[at : at + 1] = chance.choice(PIECES)
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 60)]
    return bytes(data)


def places(node, here=()):
    """The way to every value of a tree."""
    yield here
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, member in members:
        yield from places(member, (*here, key))


def found(node, place):
    for key in place:
        node = node[key]
    return node


def rearranged(tree, chance):
    """The tree with some of its values replaced by others, moved, left out, repeated or wrapped in a node."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice([1, 1, 2, 4])):
        everywhere = [*places(tree)]
        if len(everywhere) == 1:
            return tree
        *way, key = chance.choice(everywhere[1:])
        other = found(tree, chance.choice(everywhere))
        # A copy, since the next round may change it: no tree must hold itself, and no oddity become another.
        value = copy.deepcopy(chance.choice([other, {f"${chance.choice(TAGS)}": other}, chance.choice(ODDITIES)]))
        parent = found(tree, way)
        match chance.randrange(6), parent:
            case 0, list():
                del parent[key]
            case 1, list():
                parent.insert(key, value)
            case 2, dict():
                parent[f"${chance.choice(TAGS)}"] = parent.pop(key)
            case 3, dict():
                parent[f"${chance.choice(TAGS)}"] = value
            case 4, dict():
                del parent[key]
            case _:
                parent[key] = value
    return tree


def changed(data, chance, own):
    """A file made from ``data``, and whether its digests are to be verified."""
    header, body = parts(data)
    match chance.randrange(9):
        case 0:
            return mutated(data, chance), True
        case 1:
            return data[: chance.randrange(len(data))] + chance.randbytes(chance.choice([0, 0, 1, 9])), True
        case 2:
            length = chance.choice(
                [0, 1, 2, 7, 2**16, 100_000_000, 2**31, 2**63, 2**64 - 1, chance.randrange(len(data))]
            )
            return length.to_bytes(8, "little") + data[8:], True
        case 3:
            fixed = len(PREFIX) + SEAL
            return sealed(header[:fixed] + mutated(header[fixed:], chance), body, own), False
        case 4:
            return rendered(json.loads(header), mutated(body, chance), own), True
        case 5:
            members = json.loads(header)
            metadata = members.pop("__metadata__")
            members = rearranged(members, chance)
            return rendered({"__metadata__": metadata, **members}, body, own), True
        case 6:
            members = json.loads(header)
            text = members["__metadata__"]["leyden.tree"].encode()
            members["__metadata__"]["leyden.tree"] = mutated(text, chance).decode("utf-8", "replace")
            return rendered(members, body, own), True
        case _:
            members = json.loads(header)
            tree = json.loads(members["__metadata__"]["leyden.tree"])
            members["__metadata__"]["leyden.tree"] = json.dumps(rearranged(tree, chance))
            return rendered(members, body, own), True


def changed_weights(given, chance):
    """A file of weights made from a good one: one with a seal as any checkpoint, or one without."""
    if chance.random() < 0.4:
        return changed(given.weights, chance, own=False)[0]
    header, body = parts(given.foreign)
    match chance.randrange(5):
        case 0:
            return mutated(given.foreign, chance)
        case 1:
            return given.foreign[: chance.randrange(len(given.foreign))]
        case 2:
            header = mutated(header, chance)
        case _:
            header = json.dumps(rearranged(json.loads(header), chance)).encode()
    return len(header).to_bytes(8, "little") + header + body


def read_weights(data):
    """What becomes of a file of weights; the safetensors library finds the same in what is read."""
    try:
        weights = load_weights(io.BytesIO(data))
    except LeydenError as error:
        return named(error)
    found = safetensors.torch.load(data)
    header, _ = parts(data)
    if b"leyden.tree" not in header:
        assert weights.keys() == found.keys()
        for name, tensor in weights.items():
            assert (tensor.dtype, tensor.shape) == (found[name].dtype, found[name].shape)
            assert bytes(bytes_of(tensor)) == bytes(bytes_of(found[name]))
    return None


def changed_encrypted(given, chance):
    """An encrypted file that was changed, or what is encrypted; and whether digests are to be verified."""
    strange, verify = changed(given.checkpoint, chance, own=False)
    if chance.random() < 0.5:
        return pyrage.encrypt(strange, [given.recipient]), verify
    return mutated(pyrage.encrypt(given.checkpoint, [given.recipient]), chance), True


def read(data, *, own, verify, encryption=None):
    """What becomes of a file: None where it is read and rightly so, else the name of the error."""
    try:
        tree = load(io.BytesIO(data), verify=verify, encryption=encryption, describe=() if own else ["objects"])
    except LeydenError as error:
        return named(error)
    if not own and encryption is None:
        check_value(data, tree)
    return None


def named(refusal):
    """The kind of an error that begins with what it is about."""
    assert str(refusal).startswith("The stream"), f"the message does not name the file: {refusal}"
    return type(refusal).__name__


def check_value(data, tree):
    """AssertionError unless the second reader finds the same, but for objects, which it only describes."""
    header, _ = parts(data)
    text = json.loads(header)["__metadata__"]["leyden.tree"]
    nodes = json.loads(text)
    nodes.pop("objects", None), tree.pop("objects", None)
    alike(Reader(safetensors.torch.load(data)).value(nodes), tree)


def run(seed, *, first=0, files=sys.maxsize, seconds=float("inf")):
    """Change and read until enough was seen; an AssertionError, or any other, is a finding."""
    with TemporaryDirectory() as folder:
        given = samples(Path(folder))
        before = signal.signal(signal.SIGALRM, _hangs)
        try:
            return _run(given, seed, first, files, seconds)
        finally:
            signal.signal(signal.SIGALRM, before)


def _run(given, seed, first, files, seconds):
    figures, start = Figures(), time.monotonic()
    while figures.files < files and time.monotonic() - start < seconds:
        number = first + figures.files
        chance = random.Random(f"{seed} {number}")
        [kind] = chance.choices([*KINDS], [*KINDS.values()])
        own = verify = False
        match kind:
            case "checkpoint":
                own = chance.random() < 0.3
                strange, verify = changed(given.checkpoint, chance, own)
                reading = partial(read, strange, own=own, verify=verify)
            case "weights":
                strange = changed_weights(given, chance)
                reading = partial(read_weights, strange)
            case _:
                strange, verify = changed_encrypted(given, chance)
                reading = partial(read, strange, own=False, verify=verify, encryption=given.encryption)
        try:
            error, took = measured(reading)
        except BaseException:
            Path(f"fuzz-{seed}-{number}.ckpt").write_bytes(strange)
            opened = given.encryption.keys[0].read_text() if kind == "encrypted" else "no key"
            print(f"fuzz-{seed}-{number}.ckpt: {kind}, own {own}, verify {verify}, {opened}", file=sys.stderr)
            raise
        figures.slowest = max(figures.slowest, (took, number))
        figures.files += 1
        figures.kinds[kind] += 1
        if error is None:
            figures.read += 1
        else:
            figures.errors[error] += 1
    return figures


def measured(reading):
    """What reading says, and its seconds of the processor's time; AssertionError if it takes too much of anything."""
    largest, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        error = reading()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest) << 10
    assert took < SECONDS, f"it took {took:.1f} s"
    assert grown < GROWTH, f"it took {grown >> 20} MiB"
    return error, took


def _hangs(*_):
    raise Hangs


def truncated(data):
    """Every shorter file of ``data`` is refused; their number."""
    for length in range(len(data)):
        error = read(data[:length], own=True, verify=True)
        assert error in ("FormatError", DigestError.__name__, "SealError"), (length, error)
    return len(data)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.checkpoint", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--files", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, help="the number of the first file, to see one again")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--memory", type=int, default=128, help="MiB that reading may take")
    options = parser.parse_args()
    run(options.seed, files=20)  # what is loaded at the first use is there now
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (options.memory << 20),) * 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = run(options.seed, first=options.first, files=options.files, seconds=options.seconds)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    took, slowest = figures.slowest
    print(
        f"seed {options.seed}: {figures.files} files, {dict(figures.kinds)}, {figures.read} read, "
        f"{dict(figures.errors.most_common())}, slowest {took * 1000:.0f} ms (file {slowest}), "
        f"{grown / 1024:.0f} MiB more memory"
    )


if __name__ == "__main__":
    main()

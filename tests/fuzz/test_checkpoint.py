"""Files made from good ones by a stranger: each is read as what it says, or refused, in little time and memory."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import torch
from torch import nn

from leyden.checkpoint.load import load
from leyden.checkpoint.save import save
from leyden.errors import DigestError, FormatError, SealError
from leyden.wire.envelope import PREFIX, SEAL

PIECES = [b"[", b"]", b"{", b"}", b'"', b",", b":", b"$", b"0", b"-1", b"9" * 30, b"null", b"1e9", b"\\", b"\\u0000",
          b"\xff", b"$tuple", b"$dict", b"$tensor", b"$bytes", b"$numpy.array", b"U8", b"F64", b"[]", b"2"]  # fmt: skip
TAGS = [
    "$tensor", "$parameter", "$dtype", "$device", "$Size", "$TorchVersion", "$numpy.array", "$numpy.scalar",
    "$numpy.str", "$numpy.bytes", "$bytes", "$bytearray", "$complex", "$timedelta", "$datetime", "$time", "$date",
    "$path", "$posix_path", "$int", "$float", "$str", "$enum", "$dict", "$tuple", "$set", "$frozenset",
    "$OrderedDict", "$state_dict", "$Counter", "$deque", "$Namespace", "$defaultdict", "$other",
]  # fmt: skip
ODDITIES = [
    None, True, 0, -1, 2**53, 2**63, 10**19, 1.5, 1e308, "", "a", "\0", "é", "<f8", "|b1", "<U9", "bool", "cuda:9999",
    "2024-01-01", "0x", "-0x1", "nan", [], {}, [[]], [1, 2], {"a": 1}, {"tensor": "y.big"},
    ["state_dict.w", "uint8", [2]],
]  # fmt: skip


def good(tmp_path):
    tree = {
        "epoch": 1,
        "state_dict": {
            "w": torch.arange(6.0).reshape(2, 3),
            "b": torch.tensor([True]),
            "i": torch.ones(2, dtype=torch.int8),
        },
        "x": [1, (2, {3: {"$a": b"k"}}), {"s", 1.5}, 2**70, float("nan"), 1j, torch.float16, torch.Size([1])],
        "y": {"big": bytes(1100), "c": torch.ones(2, dtype=torch.complex128), "np": np.arange(300.0)},
        "z": [
            datetime(2024, 1, 1, tzinfo=timezone.utc),
            timedelta(1),
            Path("a"),
            Namespace(a=1),
            Counter("ab"),
            deque([1], 3),
            "\ud800",
            OrderedDict(a=1),
            defaultdict(list),
            frozenset([b"x"]),
            np.float32(1),
            np.str_("x"),
            nn.Linear(1, 1).state_dict(),
        ],
    }  # fmt: skip
    save(tree, tmp_path / "x")
    return (tmp_path / "x").read_bytes()


def mutated(data, chance):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + chance.randrange(1, 20)] = b""
            case 2:
                data[at:at] = chance.choice(PIECES)
            case 3:
                data[at : at + 1] = chance.choice(PIECES)
            case _:
                end = at + chance.randrange(1, 60)
                data[at:at] = data[at:end]
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
    """The tree with some of its values replaced by others, moved, repeated or wrapped in a node."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice([1, 1, 2, 4])):
        everywhere = [*places(tree)]
        *way, key = chance.choice(everywhere[1:])
        other = copy.deepcopy(found(tree, chance.choice(everywhere)))
        value = chance.choice([other, {chance.choice(TAGS): other}, chance.choice(ODDITIES)])
        parent = found(tree, way)
        match chance.randrange(5), parent:
            case 0, list():
                del parent[key]
            case 1, list():
                parent.insert(key, value)
            case 2, dict():
                parent[chance.choice(TAGS)] = parent.pop(key)
            case 3, dict():
                parent[chance.choice(TAGS)] = value
            case _:
                parent[key] = value
    return tree


def resealed(header, body):
    """A file whose own digests all agree, as anybody can make them."""
    header = header[: len(PREFIX)] + b"0" * SEAL + header[len(PREFIX) + SEAL :]
    start = len(header).to_bytes(8, "little") + header
    digest = hashlib.sha256(start).hexdigest().encode()
    seal = 8 + len(PREFIX)
    return start[:seal] + digest + start[seal + len(digest) :] + body


def test_no_changed_file_is_read_as_anything(tmp_path):
    data, chance = good(tmp_path), random.Random(1)
    for _ in range(2000):
        changed = mutated(data, chance)
        if changed != data:
            try:
                load(io.BytesIO(changed))
            except (FormatError, DigestError, SealError):
                pass
            else:
                raise AssertionError(changed)


def test_no_hostile_file_with_fitting_digests_escapes_as_another_error(tmp_path):
    data, chance = good(tmp_path), random.Random(2)
    length = int.from_bytes(data[:8], "little")
    header, body = data[8 : 8 + length].rstrip(b" "), data[8 + length :]
    fixed = len(PREFIX) + SEAL
    members = json.loads(header)
    tree = members["__metadata__"]["leyden.tree"]
    read = 0
    for turn in range(700):
        match turn % 4:
            case 0:
                changed = header[:fixed] + mutated(header[fixed:], chance)
            case 1:
                members["__metadata__"]["leyden.tree"] = mutated(tree.encode(), chance).decode("utf-8", "replace")
                changed = json.dumps(members, separators=(",", ":")).encode()
            case _:
                members["__metadata__"]["leyden.tree"] = json.dumps(rearranged(json.loads(tree), chance))
                changed = json.dumps(members, separators=(",", ":")).encode()
        try:
            load(io.BytesIO(resealed(changed, body)), verify=False)
            read += 1
        except (FormatError, DigestError):
            pass
    assert read > 10  # some changes make another sound file

"""A second reader of checkpoints, written from docs/checkpoint-format.md alone: it shares no code with the first.

Objects are not made: they are ``Described``, and what is shared between them is the same thing here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace

import numpy as np
import safetensors
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FACTORIES = {kind.__name__: kind for kind in (list, dict, set, tuple, int, float, str, bool, bytes)}
PAIRS = {"dict": dict, "OrderedDict": OrderedDict, "Namespace": Namespace, "SimpleNamespace": SimpleNamespace}


@dataclass(eq=False)
class Described:
    tag: str
    body: object


def read(path):
    """The tree of a checkpoint."""
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert (8 + length) % 64 == 0
    header = data[8 : 8 + length]
    assert header.isascii()
    assert header.startswith(b'{"__metadata__":{"leyden.seal":"')
    seal = data[40:296]
    assert re.fullmatch(rb"[0-9a-f]{256}", seal)
    digest = hashlib.sha256(data[:40] + b"0" * 256 + data[296 : 8 + length])
    assert digest.hexdigest().encode() == seal[:64]
    if seal[64:] != b"0" * 192:
        key, signature = bytes.fromhex(seal[64:128].decode()), bytes.fromhex(seal[128:].decode())
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"leyden.seal.1\0" + digest.digest())
    members = json.loads(header)
    metadata = members.pop("__metadata__")
    assert metadata["leyden.format"] == "1"
    digests = metadata["leyden.sha256"]
    for number, entry in enumerate(members.values()):
        start, stop = entry["data_offsets"]
        content = data[8 + length + start : 8 + length + stop]
        assert hashlib.sha256(content).hexdigest() == digests[64 * number : 64 * number + 64]
    with safetensors.safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    reader = Reader(tensors)
    tree = reader.value(json.loads(metadata["leyden.tree"]))
    assert reader.used == tensors.keys()
    return tree


class Reader:
    """Values of one tree."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.used = set()
        self.shared = []
        self.tags = set()

    def value(self, node):
        if isinstance(node, list):
            return [self.value(member) for member in node]
        if not isinstance(node, dict):
            return node
        if not any(key.startswith("$") for key in node):
            return {key: self.value(member) for key, member in node.items()}
        [(key, body)] = node.items()
        self.tags.add(key)
        return self.node(key[1:], body)

    def node(self, tag, body):
        match tag:
            case "dict" | "OrderedDict":
                return PAIRS[tag](self.pairs(body))
            case "Namespace" | "SimpleNamespace":
                return PAIRS[tag](**dict(self.pairs(body)))
            case "Counter":
                return Counter(dict(self.pairs(body)))
            case "state_dict":
                state = OrderedDict(self.pairs(body[0]))
                state._metadata = self.value(body[1])
                return state
            case "defaultdict":
                return defaultdict(None if body[0] is None else FACTORIES[body[0]], self.pairs(body[1]))
            case "tuple":
                return tuple(map(self.value, body))
            case "set":
                return set(map(self.value, body))
            case "frozenset":
                return frozenset(map(self.value, body))
            case "deque":
                return deque(map(self.value, body[0]), body[1])
            case "AttributeDict":
                return self.value(body)
            case "int":
                return int(body, 16)
            case "float":
                return float(body)
            case "str":
                return base64.b64decode(body).decode("utf-8", "surrogatepass")
            case "complex":
                return complex(*map(self.value, body))
            case "bytes":
                return self.bytes(body)
            case "bytearray":
                return bytearray(self.bytes(body))
            case "range":
                return range(*map(self.value, body))
            case "slice":
                return slice(*map(self.value, body))
            case "path":
                return Path(self.text(body))
            case "posix_path":
                return PurePosixPath(self.text(body))
            case "windows_path":
                return PureWindowsPath(self.text(body))
            case "date":
                return date.fromisoformat(body)
            case "datetime":
                return datetime.fromisoformat(body[0]).replace(fold=body[1], tzinfo=self.zone(body[2]))
            case "time":
                return time.fromisoformat(body[0]).replace(fold=body[1], tzinfo=self.zone(body[2]))
            case "timedelta":
                return timedelta(*body)
            case "tensor":
                return self.tensor(body)
            case "parameter":
                return torch.nn.Parameter(self.tensor(body[0]), body[1])
            case "dtype":
                return getattr(torch, body)
            case "device":
                return torch.device(body)
            case "Size":
                return torch.Size(body)
            case "TorchVersion":
                return body
            case "numpy.array":
                return np.frombuffer(self.bytes(body[2]), np.dtype(body[0])).reshape(body[1])
            case "numpy.scalar":
                return np.frombuffer(base64.b64decode(body[1]), np.dtype(body[0]))[0]
            case "numpy.str":
                return self.text(body)
            case "numpy.bytes":
                return self.bytes(body)
            case "shared":
                place = len(self.shared)
                self.shared.append(None)
                self.shared[place] = self.value(body)
                return self.shared[place]
            case "same":
                return self.shared[body]
            case "object":
                return Described(tag, (body[0], None if body[1] is None else self.value(body[1]), self.value(body[2])))
            case "partial":
                return Described(tag, (self.value(body[0]), self.value(body[1]), self.value(body[2])))
            case "enum" | "member" | "reference" | "omegaconf" | "numpy.random" | "torch.Generator":
                return Described(tag, self.value(body))
            case "pandas.DataFrame" | "pandas.Series":
                return Described(tag, self.value(body))
            case _:
                raise AssertionError(f"the page says nothing of ${tag}")

    def pairs(self, body):
        return [(self.value(key), self.value(item)) for key, item in body]

    def text(self, body):
        return body if isinstance(body, str) else self.value(body)

    def bytes(self, body):
        if isinstance(body, str):
            return base64.b64decode(body)
        return self.stored(body["tensor"]).numpy().tobytes()

    def zone(self, body):
        if body is None:
            return None
        return timezone(timedelta(*body[0])) if body[1] is None else timezone(timedelta(*body[0]), self.text(body[1]))

    def stored(self, name):
        self.used.add(name)
        return self.tensors[name]

    def tensor(self, body):
        if isinstance(body, str):
            return self.stored(body)
        name, dtype, shape = body
        return self.stored(name).reshape(-1).view(getattr(torch, dtype)).reshape(shape)

"""Real handwritten digits, carried inside the package (57 KB; see ``data/README.md`` for whose they are)."""

from __future__ import annotations

import gzip
import hashlib
from importlib.resources import files

import torch
from torch.utils.data import TensorDataset

from leyden.errors import DataError

SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
PIXELS = 64  # 8 x 8, each from 0 to 16
VALIDATION = 360  # a fifth of the 1,797


def load(seed: int = 0) -> tuple[TensorDataset, TensorDataset]:
    """The digits as two data sets of (picture, digit): one to train on and one to validate on.

    A picture is a float tensor of shape (1, 8, 8) with values from 0 to 1. The same seed gives the same two parts.
    """
    packed = (files("leyden.demo") / "data" / "digits.csv.gz").read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != SHA256:
        raise DataError(
            f"leyden/demo/data/digits.csv.gz is not the file that Leyden ships: its SHA-256 is {digest}, not {SHA256}. "
            "Install leyden again."
        )
    rows = bytearray(b"".join(bytes(map(int, line.split(b","))) for line in gzip.decompress(packed).splitlines()))
    table = torch.frombuffer(rows, dtype=torch.uint8).view(-1, PIXELS + 1)
    pictures = table[:, :PIXELS].float().div(16).view(-1, 1, 8, 8)
    digits = table[:, PIXELS].long()
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(seed))
    validation, training = order[:VALIDATION], order[VALIDATION:]
    return TensorDataset(pictures[training], digits[training]), TensorDataset(pictures[validation], digits[validation])

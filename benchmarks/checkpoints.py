"""Seconds to save and load a checkpoint: Leyden, torch, pytorch-lightning and the hardware alone, in turns.

    python -m benchmarks.checkpoints --gib 0.1 1 --rounds 5 --directory .

One process runs everything, each way once in a round, in an order that turns with the rounds. What is written is on the
disk when the clock stops (fsync), for torch and Lightning too, which do not do so themselves. What is read comes from
memory, since it was read just before, and ends in the parameters of a model that was there before. What is printed is
the quietest round, and the median in brackets. Ratios are of two ways in the same round, since a disk has moods.

Leyden writes no file without digests. What they cost is seen by giving it, here alone, a SHA-256 that does nothing.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from operator import truediv
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from leyden.checkpoint.background import Writer
from leyden.checkpoint.load import fill, load
from leyden.checkpoint.save import encoded, save
from leyden.checkpoint.sealing import signer
from leyden.checkpoint.tensors import bytes_of
from leyden.security.paths import replacing
from leyden.wire import envelope
from leyden.wire.seal import check_signature, signature

PIECES = 16  # tensors of a model
Way = Callable[[], None]
Seconds = dict[str, list[float]]
LEYDEN, LIGHTNING = "Leyden", "Lightning"
WRITE, HASH = "write + fsync", "SHA-256 on two threads"


class NoDigest:
    """In the place of ``hashlib.sha256``, to see what is left without it."""

    def __init__(self, data: object = b"") -> None: ...

    def update(self, data: object) -> None: ...

    def hexdigest(self) -> str:
        return "0" * 64


class Model(nn.Module):
    """Nothing but parameters of a total size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.randn(size // 4 // PIECES) for _ in range(PIECES))


class Case:
    """One size: the model, the files, and every way to save and to load it."""

    def __init__(self, size: int, directory: Path) -> None:
        self.model, self.directory = Model(size), directory
        self.tree: dict[str, Any] = {"epoch": 3, "state_dict": self.model.state_dict()}
        self.tensors: list[Tensor] = list(self.tree["state_dict"].values())
        self.writer, self.fresh = Writer(1), Writer(1)
        self.spare = directory / "spare"
        self.piece = bytearray(8 << 20)

    def saves(self, lightning: bool) -> dict[str, Way]:
        ways = {
            "memcpy": self.copy,
            HASH: self.hash,
            WRITE: self.write,
            "torch.save + fsync": self.torch_save,
            LEYDEN: lambda: void(save(self.tree, self.directory / "leyden")),
            "Leyden without a signature": self.unsigned,
            "Leyden without digests": self.undigested,
            "Leyden in the background: until training goes on, at the first save of a run": self.first_stall,
            "at the later ones": self.stall,
        }
        return ways | ({LIGHTNING: self.lightning_save} if lightning else {})

    def loads(self, lightning: bool) -> dict[str, Way]:
        ways = {
            "memcpy": self.copy,
            "read": self.read,
            "torch.load": lambda: self.torch_load(mapped=False),
            "torch.load, mapped": lambda: self.torch_load(mapped=True),
            LEYDEN: lambda: self.load(verify=True),
            "Leyden without digests": lambda: self.load(verify=False),
        }
        return ways | ({LIGHTNING: self.lightning_load} if lightning else {})

    def warm(self, way: str) -> None:
        """Read the file that is to be loaded, so that it is in memory; all files together may not be."""
        name = next((name for name in ("torch", "leyden", "lightning") if way.lower().startswith(name)), "plain")
        self.spare.unlink(missing_ok=True)
        with (self.directory / name).open("rb", buffering=0) as file:
            while file.readinto(self.piece):  # type: ignore[attr-defined]
                pass

    def copy(self) -> None:
        for tensor, other in zip(self.tensors, self.others(), strict=True):
            other.copy_(tensor)

    def others(self) -> list[Tensor]:
        if not hasattr(self, "_others"):
            self._others = [tensor.clone() for tensor in self.tensors]
        return self._others

    def hash(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda tensor: hashlib.sha256(bytes_of(tensor)).digest(), self.tensors))

    def write(self) -> None:
        with (self.directory / "plain").open("wb", buffering=0) as file:
            for tensor in self.tensors:
                data = bytes_of(tensor)
                while data:
                    data = data[file.write(data[: 8 << 20]) :]
            os.fsync(file.fileno())

    def read(self) -> None:
        with (self.directory / "plain").open("rb", buffering=0) as file:
            for other in self.others():
                data = bytes_of(other)
                while data:
                    data = data[file.readinto(data) :]  # type: ignore[attr-defined]

    def torch_save(self) -> None:
        torch.save(self.tree, self.directory / "torch")
        synced(self.directory / "torch")

    def torch_load(self, mapped: bool) -> None:
        tree = torch.load(self.directory / "torch", weights_only=True, mmap=mapped)
        self.model.load_state_dict(tree["state_dict"])

    def lightning_save(self) -> None:
        from pytorch_lightning.plugins import TorchCheckpointIO

        TorchCheckpointIO().save_checkpoint(self.tree, self.directory / "lightning")
        synced(self.directory / "lightning")

    def lightning_load(self) -> None:
        from pytorch_lightning.plugins import TorchCheckpointIO

        tree = TorchCheckpointIO().load_checkpoint(self.directory / "lightning", weights_only=True)
        self.model.load_state_dict(tree["state_dict"])

    def load(self, verify: bool) -> None:
        tree = load(self.directory / "leyden", verify=verify)
        fill(self.model, tree["state_dict"], where="the file")

    def unsigned(self) -> None:
        tree = encoded(self.tree)
        with replacing(self.directory / "leyden") as stream:
            envelope.write(stream, tree.leaves, tree.text)

    def undigested(self) -> None:
        with mock.patch.object(hashlib, "sha256", NoDigest):
            save(self.tree, self.spare)

    def stall(self) -> None:
        self.writer.save(self.tree, self.spare)

    def first_stall(self) -> None:
        self.fresh.save(self.tree, self.spare)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A run that has saved before, and one after the other that has not."""
        with self.writer.running(), ExitStack() as self._running:
            self.stall()
            self.between()
            yield

    def between(self) -> None:
        """Wait for what is written in the background, and begin the next run."""
        self.writer.wait()
        self._running.close()
        self.fresh = Writer(1)
        self._running.enter_context(self.fresh.running())


def void(_: object) -> None: ...


def synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure(
    ways: dict[str, Way], rounds: int, before: Callable[[str], None] = void, after: Way = lambda: None
) -> Seconds:
    """Run everything in turns; ``before`` and ``after`` run around each way, while the clock stands still."""
    seconds: Seconds = defaultdict(list)
    names = list(ways)
    for turn in range(rounds):
        place = turn % len(names)
        for name in names[place:] + names[:place]:
            gc.collect()
            before(name)
            began = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - began)
            after()
        print(f"round {turn + 1} of {rounds}", end="\r", file=sys.stderr, flush=True)
    return seconds


def report(found: dict[float, Seconds]) -> str:
    """The figures as a table in Markdown."""
    sizes = list(found)
    lines = [["s, min (median)", *(f"{size} GiB" for size in sizes)], ["---", *["---:"] * len(sizes)]]
    for name in found[sizes[0]]:
        lines.append([name, *(f"{min(found[size][name]):.3f} ({median(found[size][name]):.3f})" for size in sizes)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def ratios(saves: dict[float, Seconds], loads: dict[float, Seconds]) -> str:
    """How many times as long the first takes as the second, within a round: the median of the rounds."""
    sizes = list(saves)

    def row(name: str, found: dict[float, Seconds], way: str, *others: str) -> list[str]:
        if any(one not in found[sizes[0]] for one in (way, *others)):
            return []
        # The slowest of the others, round by round.
        slower = {
            size: [max(each) for each in zip(*(found[size][one] for one in others), strict=True)] for size in sizes
        }
        return [name, *(f"{median(map(truediv, found[size][way], slower[size])):.2f}" for size in sizes)]

    lines = [
        ["ratio, median of the rounds", *(f"{size} GiB" for size in sizes)],
        ["---", *["---:"] * len(sizes)],
        row("save: Leyden / the slower of disk and SHA-256", saves, LEYDEN, WRITE, HASH),
        row("save: Leyden / without digests", saves, LEYDEN, "Leyden without digests"),
        row("save: Leyden / Lightning", saves, LEYDEN, LIGHTNING),
        row("load: Lightning / Leyden without digests", loads, LIGHTNING, "Leyden without digests"),
        row("load: Lightning / Leyden", loads, LIGHTNING, LEYDEN),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines if line)


def seal_times() -> tuple[float, float]:
    """Seconds to sign the digest of a header, and to check that, at the quietest of many."""
    digest, key = "ab" * 32, signer()
    signed = signature(digest, key)
    signing, checking = [], []
    for _ in range(200):
        began = time.perf_counter()
        signature(digest, key)
        between = time.perf_counter()
        check_signature(digest, signed, "the benchmark")
        signing.append(between - began)
        checking.append(time.perf_counter() - between)
    return min(signing), min(checking)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gib", type=float, nargs="+", default=[0.1, 1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path(), help="on the disk to be measured")
    parser.add_argument("--without-lightning", action="store_true")
    parser.add_argument("--json", type=Path, help="write the figures there")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ.setdefault("LEYDEN_HOME", tempfile.mkdtemp())
    saves, loads = {}, {}
    for gib in asked.gib:
        with tempfile.TemporaryDirectory(dir=asked.directory) as directory:
            case = Case(int(gib * 2**30), Path(directory))
            case.others()
            with case.running():
                saves[gib] = measure(case.saves(not asked.without_lightning), asked.rounds, after=case.between)
            loads[gib] = measure(case.loads(not asked.without_lightning), asked.rounds, before=case.warm)
    print(f"Save, {torch.get_num_threads()} threads\n\n{report(saves)}\n\nLoad\n\n{report(loads)}\n")
    print(ratios(saves, loads))
    signing, checking = seal_times()
    print(f"\nThe signature takes {signing * 1e6:.0f} µs to make and {checking * 1e6:.0f} µs to check:")
    for size, seconds in saves.items():
        share, of = signing / min(seconds[LEYDEN]), checking / min(loads[size][LEYDEN])
        print(f"{size} GiB: {share:.3%} of the quietest save, {of:.3%} of the quietest load")
    if asked.json:
        asked.json.write_text(json.dumps({"save": saves, "load": loads}, indent=1))


if __name__ == "__main__":
    main()
